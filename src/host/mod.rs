//! The machine we are on, as its kernel tells of it: which boot this is, which processes live, which
//! of them ended and how, what has changed in a directory, who has an account.
//!
//! Promise: a process is told from every other that has or had its pid, and what cannot be known is
//! not taken for dead. Nothing in here knows of attempts; that is [`launch`](crate::launch), which
//! rests on this.

pub mod account;
pub mod boot;
pub(crate) mod census;
pub(crate) mod descriptors;
mod executable;
pub(crate) mod inotify;
pub(crate) mod look;
pub(crate) mod mounts;
pub mod process;
pub(crate) mod reaper;
pub(crate) mod stat;
pub(crate) mod way;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use executable::Executable;

/// The machine could not be used, or not be asked.
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
    /// The runtime directory is too long for the address of a socket in it.
    #[error(
        "{}: too long for a socket (unix(7) allows 107 bytes, this has {length}); \
         choose a shorter runtime directory",
        path.display()
    )]
    SocketPath {
        /// The socket's path for the longest name.
        path: PathBuf,
        /// Its length in bytes, with all that is added to it.
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
