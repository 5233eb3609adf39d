//! A directory for each worker that has an agent: whatever file is dropped in is typed to it.
//!
//! ```text
//!  <state>/inbox/builder/          the worker's own, 0700
//!    ├─ 20261122T132425.123456Z-1.md   waits; the name is anybody's choice
//!    ├─ delivered/                     what was typed, each with the time before its name
//!    └─ failed/                        what was not, or may have been; NAME.why says why
//! ```
//!
//! # Promise
//!
//! The directory is the interface: a person, another loop or a program writes a file there, and needs
//! neither us nor the daemon for it. A file counts when it is whole: not empty, quiet for two seconds, and,
//! as far as the kernel can tell, open for writing by nobody. Names that begin with `.`, end with `~` or
//! in `.tmp`, `.part` or `.swp` are of those who write, and directories of those who made them: all these
//! are left alone. The order is that of arrival: of the last change to the file, then of the names.
//!
//! What is moved stays: only of what was delivered no more than the latest 1000 are kept. What failed is a
//! person's, who retries or removes it. The directory of a worker that is not declared any more stays as
//! it is.
//!
//! # How
//!
//! The directory may be another user's, and the daemon root: `foreign` has what is kept to. No more is read
//! than can be typed.

mod look;
mod place;
mod send;
mod settle;
mod take;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use look::{Content, Failed, Waiting, queued};
pub use take::Taken;

use crate::{
    foreign::Owned,
    model::{ItemName, WorkerName},
};

/// Below the state directory.
const NAME: &str = "inbox";
/// What was typed.
const DELIVERED: &str = "delivered";
/// What was not, or may have been.
const FAILED: &str = "failed";
/// What the name of a reason ends in.
const WHY: &str = ".why";
/// For how long nobody must have changed a file.
pub const QUIET: Duration = Duration::from_secs(2);

/// What a file that was moved was called before.
pub fn own_name(moved: &ItemName) -> ItemName {
    settle::own_name(moved.as_os_str()).into()
}

/// Where the inbox of a worker is.
pub fn path(state: &Path, worker: &WorkerName) -> PathBuf {
    state.join(NAME).join(worker.as_str())
}

/// Whether a directory of this name in an inbox has what was delivered, or what failed.
pub fn is_end(name: &OsStr) -> bool {
    name == DELIVERED || name == FAILED
}

/// The inbox of a worker, open.
#[derive(Debug)]
pub struct Inbox {
    path: PathBuf,
    place: Owned,
}

/// Something cannot be done in an inbox.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {did}", path.display())]
pub struct InboxError {
    /// What.
    pub path: PathBuf,
    did: &'static str,
    source: io::Error,
}

impl InboxError {
    fn new(path: PathBuf, did: &'static str, source: impl Into<io::Error>) -> Self {
        Self {
            path,
            did,
            source: source.into(),
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl Inbox {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where files end up: those that were delivered, those that failed.
    pub fn ends(&self) -> [PathBuf; 2] {
        [DELIVERED, FAILED].map(|name| self.at(name))
    }

    fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    fn failed<'a, E: Into<io::Error>>(
        &'a self,
        name: impl AsRef<Path> + 'a,
        did: &'static str,
    ) -> impl FnOnce(E) -> InboxError + 'a {
        move |source| InboxError::new(self.at(name), did, source)
    }
}
