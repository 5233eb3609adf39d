//! The state directory of a running daemon: that it is still there, and still ours.
//!
//! Promise: nothing is written into a directory of which another daemon has the lock, or that has the
//! database of a rig in it: a file system that came late has the true one. One that is
//! removed or replaced by an empty one is made anew with all that is known but the history, and is locked
//! before anything is in it, so that a second daemon finds it taken.
//!
//! How: before each write the path is compared with the directory that was locked.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use super::{
    Problem, Store, StoreError,
    access::{Access, Survives},
    atomic_file::{exists, file_error},
    lock::{Lock, Patience},
    phase_file,
};

/// Makes it, with what is above it, for its owner alone.
pub(super) fn make(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| file_error("made", dir, source))
}

impl Store {
    /// Sees to it that the state directory is there and ours.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another daemon was faster, [`StoreError::Another`] when a rig is there
    /// that is not ours, or what keeps it from being made.
    pub fn keep(&mut self) -> Result<(), StoreError> {
        let Some(how) = self.lock.lost(&self.dir) else {
            return Ok(());
        };
        make(&self.dir)?;
        let lock = Lock::take(&self.dir, Patience::Look)?;
        if exists(&self.database) {
            let dir = self.dir.clone();
            return Err(StoreError::Another { dir });
        }
        self.lock = lock;
        self.lock.tell_of_us(&self.dir, self.config.as_deref());
        self.problems.push(Problem::DirectoryLost {
            dir: self.dir.clone(),
            how,
        });
        self.move_in()
    }

    /// Writes what is known into a directory that is new.
    fn move_in(&mut self) -> Result<(), StoreError> {
        if matches!(self.access, Access::Writable(_)) {
            self.abandon()?;
            self.begin_anew()?;
        }
        if !exists(&phase_file::place(&self.dir)) {
            self.write_phase_file()?;
        }
        self.write_gates()?;
        self.write_standstill()?;
        self.commit(Survives::PowerCut, |conn| {
            conn.execute("UPDATE boot SET listed = 0", []).map(drop)
        })?;
        self.list_boots()
    }
}
