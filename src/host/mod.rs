//! A host: a machine where attempts run, and what it tells us of them.
//!
//! Promise: an attempt is *alive*, *ended* or, when the host cannot say, neither of them. What
//! lives is learned from the machine (processes, sessions, cgroups); files in an attempt's
//! directory only say how to recognise it and how it ended.
//!
//! How: [`HostEvent`]s come out of one channel; the daemon turns them into events of the core.

pub mod boot;
pub(crate) mod census;
pub mod command;
pub(crate) mod descriptors;
pub(crate) mod inotify;
mod local;
pub mod process;
pub(crate) mod reaper;
mod survey;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use local::{Local, Settings};

use crate::model::{AttemptId, Exit, Identity, WorkerName};

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

/// An attempt, by worker and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptRef {
    /// Whose.
    pub worker: WorkerName,
    /// Which.
    pub attempt: AttemptId,
}

/// What a host tells of an attempt, unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostEvent {
    /// The worker's own process runs.
    Started(AttemptRef, Identity),
    /// It could not be started; nothing of it lives. The text is for the operator.
    StartFailed(AttemptRef, String),
    /// The worker's own process ended, and its exit record is written.
    Ended(AttemptRef, Exit),
    /// Nothing of the attempt's tree lives any more. Comes after `Ended`, once.
    Gone(AttemptRef),
    /// Something went wrong that ends no attempt, such as a full disk; for the operator.
    Problem(String),
}

/// What a host answers of one attempt when the daemon starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub attempt: AttemptRef,
    /// In what condition.
    pub is: Condition,
}

/// The condition in which an attempt was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The worker's own process lives.
    Alive(Identity),
    /// It ended. Something of its tree may be left: `survivors` processes.
    Ended {
        /// How, from its exit record; [`Exit::Lost`] when nobody saw it.
        exit: Exit,
        /// Processes of its tree that still live.
        survivors: usize,
    },
    /// Its directory was made and nothing was ever started in it.
    NeverStarted,
    /// The host did not answer; the text says why. Not a death.
    Unknown(String),
}
