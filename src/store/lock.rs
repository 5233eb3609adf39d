//! One daemon for each state directory.
//!
//! Promise: while a [`Lock`] lives, nobody else gets one for the same directory; it ends with the
//! daemon, however that ends, and no child inherits it.
//!
//! How: flock(2) on the directory itself, which needs no write and so works on a full or read-only
//! disk as well. A daemon that was killed while it made a child leaves the lock to that child until
//! it has become the worker's program (execve(2) closes it), so the lock is tried for a moment before
//! it counts as somebody else's. `<state>/lock` only tells of the owner: its pid, for the message of the second
//! daemon, and on the next line its configuration, for who looks here when it has ended.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use super::{StoreError, atomic_file::file_error};
use crate::moment::{MOMENT, take_within};

/// Who only asks who has it takes it for that, and lets go of it at once ([`holder`]).
const LOOK: Duration = Duration::from_millis(200);

/// Whether somebody's lock is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// A moment, which is before anything runs, so nobody waits but the caller.
    Moment,
    /// As long as others may look who has it: it was ours, and everybody waits who runs.
    Look,
}

/// Tries until the patience is over.
fn try_lock(dir: &File, patience: Patience) -> Result<(), TryLockError> {
    let patience = match patience {
        Patience::Moment => MOMENT,
        Patience::Look => LOOK,
    };
    let taken = |error: &TryLockError| matches!(error, TryLockError::WouldBlock);
    take_within(patience, taken, || dir.try_lock())
}

/// The pid of the daemon that has this state directory.
pub(super) fn holder(dir: &Path) -> Option<i32> {
    let opened = File::open(dir).ok()?;
    match opened.try_lock_shared() {
        Err(TryLockError::WouldBlock) => pid_in(&dir.join("lock")),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Whether nobody has this state directory; where that cannot be seen, somebody may.
pub(super) fn is_free(dir: &Path) -> bool {
    File::open(dir).is_ok_and(|opened| opened.try_lock_shared().is_ok())
}

fn pid_in(file: &Path) -> Option<i32> {
    let text = fs::read(file).ok()?;
    let pid = text.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(pid).ok()?.trim().parse().ok()
}

/// The configuration of the daemon that has this state directory, or had it last.
pub(super) fn config(dir: &Path) -> Option<PathBuf> {
    let text = fs::read(dir.join("lock")).ok()?;
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let path = text[end + 1..].strip_suffix(b"\n")?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// The state directory is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    /// Opened close-on-exec, as the standard library opens everything.
    dir: File,
}

impl Lock {
    /// Takes the lock, or says who has it. Nothing is written.
    pub(super) fn take(dir: &Path, patience: Patience) -> Result<Self, StoreError> {
        let opened = File::open(dir).map_err(|source| file_error("opened", dir, source))?;
        let file = dir.join("lock");
        match try_lock(&opened, patience) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    pid: pid_in(&file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(file_error("locked", dir, source)),
        }
        Ok(Self { dir: opened })
    }

    /// Says in the file who has it. Without that the lock holds all the same; only what others tell
    /// of us lacks it.
    pub(super) fn tell_of_us(&self, dir: &Path, config: Option<&Path>) {
        let mut text = format!("{}\n", std::process::id()).into_bytes();
        if let Some(config) = config {
            text.extend_from_slice(config.as_os_str().as_bytes());
            text.push(b'\n');
        }
        let told = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(dir.join("lock"))
            .and_then(|mut file| file.write_all(&text));
        drop(told);
    }

    /// What became of the directory, as a participle, if it is not the one any more that is locked.
    pub(super) fn lost(&self, dir: &Path) -> Option<&'static str> {
        match (fs::metadata(dir), self.dir.metadata()) {
            (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => Some("removed"),
            (Ok(found), Ok(ours)) if (found.dev(), found.ino()) != (ours.dev(), ours.ino()) => {
                Some("replaced by another")
            }
            // What cannot be looked at cannot be written either, and that is told.
            (Ok(_) | Err(_), Ok(_) | Err(_)) => None,
        }
    }
}
