//! `standstill`: why a rig runs no loop until somebody says so, beside the database.
//!
//! Promise: a rig that is handed over, or that was being imported when that was cut off, is paused when the
//! state directory is opened, whatever the database says, is damaged, or is gone. Only a record of another
//! pause, or of its end, takes the file away.
//!
//! How: the file has the reason of the pause, and follows what is recorded. Whichever of the two is lost
//! is made anew by the other one when the directory is opened.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Problem, Store, StoreError,
    atomic_file::{self, Found, file_error, sync_dir_of},
    database::database_error,
    read::meta_text,
};
use crate::decide::{CUT_OFF, Fact, HANDED_OVER, Restored, stands_still};

/// Its name in the state directory.
pub(super) const NAME: &str = "standstill";
/// More than this is no reason.
const LONGEST: u64 = 4096;

/// The reason of the pause that goes before what the database says.
pub(super) fn read(dir: &Path) -> Option<String> {
    let reason = match atomic_file::read(&path(dir), LONGEST) {
        Ok(Found::Missing) => return None,
        Ok(Found::Bytes(bytes)) => String::from_utf8(bytes).ok(),
        Ok(Found::Unusable(_)) | Err(_) => None,
    };
    let reason = reason.map(|reason| reason.trim_end().to_owned());
    let reason = reason
        .filter(|reason| stands_still(Some(reason)) && !reason.contains(|c: char| c.is_control()));
    // What somebody damaged still says that nothing is to run.
    Some(reason.unwrap_or_else(|| format!("{HANDED_OVER}unknown")))
}

/// An import into this directory begins: until it has ended, nothing runs here.
pub(super) fn import_begins(dir: &Path) -> Result<(), StoreError> {
    follow(dir, Some(CUT_OFF))
}

/// All of an import is in its place.
pub(super) fn import_ends(dir: &Path) -> Result<(), StoreError> {
    follow(dir, None)
}

/// Brings the file up to the reason of the pause that is recorded, for good.
fn follow(dir: &Path, paused: Option<&str>) -> Result<(), StoreError> {
    let path = path(dir);
    match paused.filter(|_| stands_still(paused)) {
        Some(reason) => {
            atomic_file::prepare(&path, format!("{reason}\n").as_bytes(), 0o644)?.publish()
        }
        None => match fs::remove_file(&path) {
            Ok(()) => sync_dir_of(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(file_error("removed", &path, source)),
        },
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

impl Store {
    /// What one of the two has is in both, and restored.
    pub(super) fn keep_standing_still(&mut self, restored: &mut Restored) {
        if let Some(reason) = read(&self.dir) {
            restored.paused = Some(reason);
        }
        if !stands_still(restored.paused.as_deref()) {
            return;
        }
        if let Err(error) = self.record(&[Fact::Paused(restored.paused.clone())]) {
            self.problems.push(Problem::Degraded(error));
        }
    }

    /// The file is as these facts have it.
    pub(super) fn follow_pause(&self, facts: &[Fact]) -> Result<(), StoreError> {
        let paused = facts.iter().rev().find_map(|fact| match fact {
            Fact::Paused(reason) => Some(reason.as_deref()),
            _ => None,
        });
        paused.map_or(Ok(()), |reason| follow(&self.dir, reason))
    }

    /// The file is as it was in a directory that was lost.
    pub(super) fn write_standstill(&self) -> Result<(), StoreError> {
        let paused = meta_text(self.twin.conn(), "paused")
            .map_err(|error| database_error(&self.database, "read", error))?;
        follow(&self.dir, paused.as_deref())
    }
}
