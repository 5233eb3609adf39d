//! The directory itself: made, found, repaired.

use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Stat, fstat, statat},
    io::Errno,
    process::geteuid,
};

use super::{DELIVERED, FAILED, Inbox, InboxError, NAME, path};
use crate::{
    foreign::{self, Owned, directory_in, hand_over},
    model::WorkerName,
};

impl Inbox {
    /// The inbox of a worker as it is.
    ///
    /// # Errors
    /// It is not there, or may not be entered.
    pub fn open(state: &Path, worker: &WorkerName) -> Result<Self, InboxError> {
        let path = path(state, worker);
        match foreign::open(state, &below_state(worker)) {
            Ok(place) => Ok(Self { path, place }),
            Err(source) => Err(InboxError::new(path, "opened", source)),
        }
    }

    /// The inbox of a worker, made where it is not there: for this user, or for who makes it.
    ///
    /// # Errors
    /// It cannot be made, or there is something else in its place.
    pub fn make(state: &Path, worker: &WorkerName, user: Option<u32>) -> Result<Self, InboxError> {
        let place = foreign::make(state, &below_state(worker), user)
            .map_err(|(path, source)| InboxError::new(path, "made", source))?;
        let path = path(state, worker);
        let inbox = Self { path, place };
        for name in [DELIVERED, FAILED] {
            drop(inbox.below(name)?);
        }
        Ok(inbox)
    }

    /// A directory in it, made where it is not there.
    pub(super) fn below(&self, name: &'static str) -> Result<OwnedFd, InboxError> {
        let Owned { directory, owner } = &self.place;
        let found = directory_in(directory, Path::new(name))
            .and_then(|below| Ok((fstat(&below)?.st_uid, below)));
        let (whose, below) = found.map_err(self.failed(name, "used"))?;
        // Only what is ours is given away.
        if whose != *owner && whose != geteuid().as_raw() {
            let why =
                format!("it is user {whose}'s; give it away with chown -R {owner}, or remove it");
            return Err(self.failed(name, "used")(io::Error::other(why)));
        }
        hand_over(&below, *owner).map_err(self.failed(name, "used"))?;
        Ok(below)
    }

    /// What is there under this name; nothing if nothing is.
    pub(super) fn stat(&self, name: impl AsRef<Path>) -> Result<Option<Stat>, InboxError> {
        let directory = &self.place.directory;
        match statat(directory, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(InboxError::new(self.at(name), "looked at", source)),
        }
    }
}

fn below_state(worker: &WorkerName) -> PathBuf {
    Path::new(NAME).join(worker.as_str())
}
