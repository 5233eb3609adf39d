//! Where a worktree is made before it is moved to its place: a directory beside it, of which it is known by
//! its name that it is ours.
//!
//! Promise: one process at a time works in there; what an earlier one left is gone before the next one
//! begins, and nothing is left by one that ends. Nobody else can write to it, who could have put a command
//! in the place of what is made.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use rustix::fs::{FlockOperation, flock, syncfs};

use super::about;

/// What is behind the name of a worktree in that of the directory beside it.
const OURS: &str = ".loopkeeper";

/// Its group may write to it, or everybody.
const BY_OTHERS: u32 = 0o022;

pub(super) struct Beside {
    path: PathBuf,
    place: PathBuf,
    /// It is ours as long as this is open.
    lock: File,
}

impl Beside {
    /// Takes the one for the worktree at this path.
    pub(super) fn take(worktree: &Path) -> Result<Self, String> {
        let (Some(above), Some(name)) = (worktree.parent(), worktree.file_name()) else {
            return Err(format!("{} has no name", worktree.display()));
        };
        let mut ours = std::ffi::OsString::from(".");
        ours.push(name);
        ours.push(OURS);
        let path = above.join(ours);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(format!(
                    "{}; it is made there, and so its user has to be able to write to {}",
                    about(&path, &error),
                    above.display()
                ));
            }
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(about(&path, &error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut open = OpenOptions::new();
        open.read(true)
            .custom_flags(nix::libc::O_DIRECTORY | nix::libc::O_NOFOLLOW);
        let lock = open.open(&path).map_err(|error| about(&path, &error))?;
        is_ours_alone(&lock, &path)?;
        let busy = || format!("another process makes it, in {}", path.display());
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(busy()),
            Err(error) => return Err(about(&path, &error.into())),
        }
        // Whoever had it may have removed it since it was opened, and a third one may have made another.
        if !is_at(&lock, &path) {
            return Err(busy());
        }
        let beside = Self {
            place: path.join(name),
            path,
            lock,
        };
        beside
            .clear()
            .map_err(|error| about(&beside.place, &error))?;
        Ok(beside)
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is made. There is nothing yet.
    pub(super) fn place(&self) -> PathBuf {
        self.place.clone()
    }

    /// What was made is on the disk: a machine that loses its power now does not find half of it in its place.
    pub(super) fn sync(&self) -> Result<(), String> {
        syncfs(&self.lock).map_err(|error| about(&self.place, &error.into()))
    }

    fn clear(&self) -> std::io::Result<()> {
        match fs::remove_dir_all(&self.place) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// One that was there already may be of somebody who waits for what is made in it: in a directory such as
/// /tmp everybody can make it beforehand.
fn is_ours_alone(open: &File, path: &Path) -> Result<(), String> {
    let found = open.metadata().map_err(|error| about(path, &error))?;
    let shown = path.display();
    let why = match (found.uid(), found.mode()) {
        (owner, _) if owner != geteuid().as_raw() => format!("it is user {owner}'s"),
        (_, mode) if mode & BY_OTHERS != 0 => "others may write to it".to_owned(),
        _ => return Ok(()),
    };
    Err(format!(
        "{shown} is there already, and {why}: it is made in there only where nobody else can change it; \
         see who made it, and remove it"
    ))
}

/// Whether the directory that is open is still the one of this name.
fn is_at(open: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (open.metadata(), path.symlink_metadata()) else {
        return false;
    };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

impl Drop for Beside {
    fn drop(&mut self) {
        // What cannot be removed now is by the next one.
        drop(self.clear());
        drop(fs::remove_dir(&self.path));
    }
}
