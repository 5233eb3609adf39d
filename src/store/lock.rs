//! One daemon for each state directory.
//!
//! Promise: while a [`Lock`] lives, nobody else gets one for the same directory; it ends with the
//! daemon, however that ends, and no child inherits it.
//!
//! How: flock(2) on the directory itself, which needs no write and so works on a full or read-only
//! disk as well. `<state>/lock` only holds the owner's pid, for the message of the second daemon.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{StoreError, atomic_file::file_error};

/// The state directory is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    /// Opened close-on-exec, as the standard library opens everything.
    _dir: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let opened = File::open(dir).map_err(|source| file_error("opened", dir, source))?;
        let file = dir.join("lock");
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&file)
                    .ok()
                    .and_then(|pid| pid.trim().parse().ok());
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(file_error("locked", dir, source)),
        }
        let named = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut file| writeln!(file, "{}", std::process::id()));
        // Without it the lock holds all the same; only the other's message lacks the pid.
        drop(named);
        Ok(Self { _dir: opened })
    }
}
