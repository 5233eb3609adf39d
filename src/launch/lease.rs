//! The lease of a worktree: at most one attempt works in a checkout, whichever daemon started it.
//!
//! Promise: from before the worker runs until the last process of its attempt has ended, no other
//! attempt of any Loopkeeper on this machine begins in the same directory, by whatever path it is
//! named. Nothing has to be cleaned up, and nothing can be stale: the lease is in the kernel.
//!
//! How: a lock (flock(2)) on the directory itself, so that daemons with different state directories
//! meet there and nothing is written into the checkout. It belongs to an open file, and is let go
//! when the last process that has this file open closes it or ends. Two hold it:
//! - the worker, and all that it starts: they inherit the open file, and so the lease outlives the
//!   daemon, and lasts as long as anything of the attempt does;
//! - one of ours, because a program may close what it inherited (closefrom(3), as sudo(8) does):
//!   in tmux the pane's wrapper, which lives as long as the worker; for a child the daemon, which
//!   also takes the lease of an attempt it adopts, if nobody has it any more. A wrapper around each
//!   child would close the gap that is left – a worker that closed it, until the next daemon has
//!   adopted it – at the price of one more process that must never die.
//!
//! The descriptor has a high number, where no script has one of its own.

use std::{
    fs::{self, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::host::{census, process::Process};

/// The lowest descriptor that a lease has, where the limit on open files allows it.
const NUMBER: RawFd = 100;

/// A worktree that is held; dropping it lets go of our part.
#[derive(Debug)]
pub(crate) struct Lease(OwnedFd);

/// A worktree could not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    #[error("worktree {}: cannot be locked", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("worktree {} is held by {holder}", path.display())]
    Held { path: PathBuf, holder: String },
}

impl Lease {
    /// Takes a worktree for an attempt that is about to begin.
    ///
    /// # Errors
    /// It is held, or is no directory that can be opened.
    pub(super) fn take(worktree: &Path) -> Result<Self, LeaseError> {
        let path = || worktree.to_owned();
        match Self::take_if_free(worktree) {
            Ok(Some(lease)) => Ok(lease),
            Ok(None) => Err(LeaseError::Held {
                path: path(),
                holder: holder(worktree),
            }),
            Err(source) => Err(LeaseError::Unusable {
                path: path(),
                source,
            }),
        }
    }

    /// Takes a worktree; `None` when it is held.
    ///
    /// # Errors
    /// It is no directory that can be opened, or has no locks.
    pub(crate) fn take_if_free(worktree: &Path) -> io::Result<Option<Self>> {
        let mut open = OpenOptions::new();
        open.read(true).custom_flags(nix::libc::O_DIRECTORY);
        let directory = open.open(worktree)?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let high = rustix::io::fcntl_dupfd_cloexec(&directory, NUMBER);
        Ok(Some(Self(high.unwrap_or_else(|_| directory.into()))))
    }

    /// The descriptor that the worker is to inherit.
    pub(super) fn number(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Who holds the directory, as far as it can be seen: of many the one that was there first, and
/// rather a process of an attempt than the daemon beside it.
fn holder(worktree: &Path) -> String {
    let wanted = file_id(worktree);
    let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let holders = pids.filter(|pid| wanted.is_some_and(|wanted| holds(*pid, wanted)));
    let known = holders.filter_map(|pid| {
        let process = Process::of(pid).ok()?;
        Some((process, census::variable(pid, super::ATTEMPT_DIR)))
    });
    let first = known.min_by_key(|(process, attempt)| {
        // Two that began within one tick of the clock are in the order of their pids.
        (attempt.is_none(), process.started, process.pid)
    });
    let Some((Process { pid, .. }, attempt)) = first else {
        return "somebody who cannot be seen from here".to_owned();
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let of = attempt.map_or_else(String::new, |of| format!(" of attempt {of}"));
    format!("pid {pid} ({}){of}", name.trim_end())
}

/// Whether the process has the lock's open file: the kernel shows the lock beside the descriptor
/// (proc_pid_fdinfo(5)).
fn holds(pid: i32, wanted: (u64, u64)) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.into_iter().flatten().flatten().any(|entry| {
        let number = entry.file_name();
        let info = Path::new("/proc").join(pid.to_string()).join("fdinfo");
        // First of all, for what others have open may be where nobody answers.
        fs::read_to_string(info.join(number)).is_ok_and(|text| text.contains("FLOCK"))
            && file_id(&entry.path()) == Some(wanted)
    })
}

/// Device and inode.
fn file_id(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
