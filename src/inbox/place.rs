//! The directory itself: made, found, repaired.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, fchmod, fchown, fstat,
        mkdirat, openat, openat2, statat,
    },
    io::Errno,
    process::geteuid,
};

use super::{DELIVERED, FAILED, Inbox, InboxError, NAME, path};
use crate::model::WorkerName;

/// A directory and no link to one.
const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);

impl Inbox {
    /// The inbox of a worker as it is.
    ///
    /// # Errors
    /// It is not there, or may not be entered.
    pub fn open(state: &Path, worker: &WorkerName) -> Result<Self, InboxError> {
        let path = path(state, worker);
        // Whoever owns the state directory must not lead root elsewhere.
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let below = Path::new(NAME).join(worker.as_str());
        let opened = openat(CWD, state, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .and_then(|state| openat2(state, &below, DIRECTORY, Mode::empty(), within))
            .and_then(|directory| Ok((fstat(&directory)?.st_uid, directory)));
        match opened {
            Ok((owner, directory)) => Ok(Self {
                path,
                directory,
                owner,
            }),
            Err(source) => Err(InboxError::new(path, "opened", source)),
        }
    }

    /// The inbox of a worker, made where it is not there: for this user, or for who makes it.
    ///
    /// # Errors
    /// It cannot be made, or there is something else in its place.
    pub fn make(state: &Path, worker: &WorkerName, user: Option<u32>) -> Result<Self, InboxError> {
        let above = state.join(NAME);
        let owner = user.unwrap_or_else(|| geteuid().as_raw());
        let is_ours = owner == geteuid().as_raw();
        let below = directory_in(CWD, &above).and_then(|below| {
            if !is_ours {
                // To pass through, and not to look around.
                let_through(&openat(
                    CWD,
                    state,
                    DIRECTORY & !OFlags::NOFOLLOW,
                    Mode::empty(),
                )?)?;
                let_through(&below)?;
            }
            Ok(below)
        });
        let below = below.map_err(|source| InboxError::new(above, "made", source))?;
        let path = path(state, worker);
        let made = directory_in(&below, Path::new(worker.as_str())).and_then(|directory| {
            // What is above it is ours alone, so nobody else has put it there.
            hand_over(&directory, owner)?;
            Ok(directory)
        });
        let inbox = match made {
            Ok(directory) => Self {
                path,
                directory,
                owner,
            },
            Err(source) => return Err(InboxError::new(path, "made", source)),
        };
        for name in [DELIVERED, FAILED] {
            drop(inbox.below(name)?);
        }
        Ok(inbox)
    }

    /// A directory in it, made where it is not there.
    pub(super) fn below(&self, name: &'static str) -> Result<OwnedFd, InboxError> {
        let found = directory_in(&self.directory, Path::new(name))
            .and_then(|below| Ok((fstat(&below)?.st_uid, below)));
        let (whose, below) = found.map_err(self.failed(name, "used"))?;
        // Only what is ours is given away.
        if whose != self.owner && whose != geteuid().as_raw() {
            let owner = self.owner;
            let why =
                format!("it is user {whose}'s; give it away with chown -R {owner}, or remove it");
            return Err(self.failed(name, "used")(io::Error::other(why)));
        }
        hand_over(&below, self.owner).map_err(self.failed(name, "used"))?;
        Ok(below)
    }

    /// What is there under this name; nothing if nothing is.
    pub(super) fn stat(&self, name: impl AsRef<Path>) -> Result<Option<Stat>, InboxError> {
        match statat(&self.directory, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(InboxError::new(self.at(name), "looked at", source)),
        }
    }
}

/// A directory for its owner alone, made where it is not there.
fn directory_in(at: impl std::os::fd::AsFd, name: &Path) -> Result<OwnedFd, Errno> {
    match openat(&at, name, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    match mkdirat(&at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => openat(&at, name, DIRECTORY, Mode::empty()),
        Err(source) => Err(source),
    }
}

fn let_through(directory: &OwnedFd) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(fstat(directory)?.st_mode);
    let passes = Mode::XUSR | Mode::XGRP | Mode::XOTH;
    match mode.contains(passes) {
        true => Ok(()),
        false => fchmod(directory, mode | passes),
    }
}

fn hand_over(directory: &OwnedFd, owner: u32) -> Result<(), Errno> {
    match fstat(directory)?.st_uid {
        whose if whose == owner => Ok(()),
        _ => fchown(directory, Some(Uid::from_raw(owner)), None::<Gid>),
    }
}

/// Whether it is a plain file.
pub(super) fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Whether it is a directory.
pub(super) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
