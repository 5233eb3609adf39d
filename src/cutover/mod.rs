//! A rig's past and its place in the plan, on their way to another machine.
//!
//! # Promise
//!
//! An archive has everything that a rig is beside its configuration and its checkouts: the database with the
//! history, the resume point, REBOOTS.md, what lies in the inboxes, and where gates stand. Who unpacks one
//! has all of it or nothing: a file that is cut short, or has anything else in it, is refused before anything
//! is touched. Nothing that was there before is removed. An archive is whole only if its rig is still handed
//! over when all of it is written.
//!
//! What workers wrote, their recordings and their checkouts stay where they are: those move by git.
//!
//! # How
//!
//! A tar file (pax(1), ustar): `cutover.json` with the [`Manifest`] first, `end.json` with the number of
//! files last. The records in it are those that the other machine begins with: they end with a goodbye
//! and a pause.

mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::{io, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use pack::{Packed, pack};
pub use unpack::{Arrived, unpack};

use crate::{
    inbox::InboxError,
    model::{CutoverId, NameError},
    store::{StoreError, gates},
};

/// The number of the form of archives; another one is refused.
const FORM: u32 = 1;
const FIRST: &str = "cutover.json";
const LAST: &str = "end.json";
/// Directories of the state directory that are taken along.
const DIRECTORIES: [&str; 2] = [INBOX, gates::NAME];
const INBOX: &str = "inbox";

/// What an archive is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of its form.
    pub form: u32,
    /// Which move it is.
    pub id: CutoverId,
    /// The rig's name.
    pub rig: String,
    /// The name of the host that it came from.
    pub from: String,
    /// The version that made it.
    pub version: String,
    /// When.
    pub at: Timestamp,
    /// Where the plan stands, in words; null without a plan.
    pub resume_point: Option<String>,
}

impl Manifest {
    /// Of an archive that this version makes.
    pub fn new(
        id: CutoverId,
        rig: String,
        from: String,
        at: Timestamp,
        resume_point: Option<String>,
    ) -> Self {
        Self {
            form: FORM,
            id,
            rig,
            from,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at,
            resume_point,
        }
    }
}

/// What the last entry says.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    /// Entries between the first and this one.
    files: usize,
}

/// Why a rig cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum CutoverError {
    /// The records cannot be read or put in place.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An inbox cannot be read.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// Something of this name in the state directory is no worker's.
    #[error("inbox {0} is of no worker")]
    Name(PathBuf, #[source] NameError),
    /// The records are not whole, in words.
    #[error("the records are not whole: {0}")]
    Damaged(String),
    /// A file cannot be read or written.
    #[error("{what} cannot be {did}")]
    File {
        /// What.
        what: String,
        /// What was tried.
        did: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It is no archive of ours, or not all of one.
    #[error("this is no whole export of a rig: {0}")]
    Archive(String),
    /// It was taken back while it was packed.
    #[error(
        "the rig was taken back while it was exported: it may run here, and what was written is no export"
    )]
    TakenBack,
    /// It is where it was exported.
    #[error("it was exported from here, by cutover {0}")]
    Here(CutoverId),
    /// Another rig's records are there.
    #[error("state directory {} has a history of its own: {has}", dir.display())]
    History {
        /// The directory.
        dir: PathBuf,
        /// What shows it.
        has: String,
    },
}

fn file_error(
    what: impl Into<String>,
    did: &'static str,
) -> impl FnOnce(io::Error) -> CutoverError {
    let what = what.into();
    move |source| CutoverError::File { what, did, source }
}
