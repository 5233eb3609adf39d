//! A host: a machine where attempts run, and what it tells us of them.
//!
//! Promise: an attempt is *alive*, *ended* or, when the host cannot say, neither of them. What
//! lives is learned from the machine (processes, sessions, cgroups); files in an attempt's
//! directory only say how to recognise it and how it ended.
//!
//! How: [`News`] comes out of one channel; the daemon makes events of the core of what it says of
//! attempts, and shows its problems in `status`.

pub mod boot;
pub(crate) mod census;
pub mod command;
pub(crate) mod descriptors;
mod executable;
pub(crate) mod inotify;
mod local;
pub mod process;
pub(crate) mod reaper;
mod survey;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use executable::Executable;
pub use local::{Local, Settings};

use crate::model::HostEvent;

/// A host could not be used, or not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file or directory of the host.
    #[error("{}: cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that the kernel writes does not say what it should.
    #[error("{}: unexpected content {text:?}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it says.
        text: String,
    },
    /// A call to the kernel, by what it was for.
    #[error("{0} is not possible")]
    Kernel(&'static str, #[source] io::Error),
    /// The directory for tmux's sockets is too long for a socket's address.
    #[error(
        "{}: too long for a socket (unix(7) allows 107 bytes, this has {length}); \
         choose a shorter runtime directory",
        path.display()
    )]
    SocketPath {
        /// The socket's path for the longest name.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
}

impl HostError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

/// What comes from a host, unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Of an attempt.
    Event(HostEvent),
    /// Something went wrong that ends no attempt, such as a full disk; for the operator.
    Problem {
        /// What does not work: the same words for the same thing, however it shows.
        about: String,
        /// How it shows.
        text: String,
    },
    /// What an earlier problem was about works.
    Well(String),
}
