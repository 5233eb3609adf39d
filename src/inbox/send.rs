//! Into an inbox.

use std::{
    ffi::{OsStr, OsString},
    io,
};

use jiff::{Timestamp, tz::TimeZone};
use rustix::{
    fs::{AtFlags, RenameFlags, fsync, renameat_with, unlinkat},
    io::Errno,
};

use super::{DELIVERED, FAILED, Inbox, InboxError, settle::own_name};
use crate::{fault, foreign::names, model::ItemName};

/// Two that are sent within the same microsecond are told apart by a number.
const MOST: u32 = 1000;

impl Inbox {
    /// Leaves a text there; the name that it got.
    ///
    /// # Errors
    /// Nothing of it is there.
    pub fn send(&self, text: &str, now: Timestamp) -> Result<ItemName, InboxError> {
        let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S%.6fZ");
        for number in 1..=MOST {
            let name = OsString::from(format!("{time}-{number}.md"));
            match self.send_as(&name, text) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                sent => {
                    return sent
                        .map(|()| name.clone().into())
                        .map_err(|source| InboxError::new(self.at(name), "written", source));
                }
            }
        }
        Err(InboxError::new(self.path.clone(), "written", Errno::EXIST))
    }

    /// Leaves a text there under this name, unless that was done before: it waits, or was put away.
    ///
    /// # Errors
    /// Nothing of it is there, or nobody can tell.
    pub fn send_once(&self, item: &ItemName, text: &str) -> Result<(), InboxError> {
        let name = item.as_os_str();
        // In the order in which it moves: it cannot pass unseen.
        if self.stat(name)?.is_some() {
            return Ok(());
        }
        for place in [DELIVERED, FAILED] {
            let put_away = names(&self.below(place)?).map_err(self.failed(place, "read"))?;
            if put_away.iter().any(|one| own_name(one) == name) {
                return Ok(());
            }
        }
        // Whoever was to write it before may have been killed.
        let directory = &self.place.directory;
        let _ = unlinkat(directory, hidden(name), AtFlags::empty());
        match self.send_as(name, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            sent => sent.map_err(|source| InboxError::new(self.at(name), "written", source)),
        }
    }

    /// Takes away those that wait and are meant.
    ///
    /// # Errors
    /// One of them may be there still.
    pub fn revoke(&self, is_meant: impl Fn(&ItemName) -> bool) -> Result<(), InboxError> {
        let names = self.place.names().map_err(self.failed("", "read"))?;
        let directory = &self.place.directory;
        for name in names {
            if !is_meant(&name.clone().into()) {
                continue;
            }
            match unlinkat(directory, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(source) => return Err(self.failed(&name, "removed")(source)),
            }
        }
        fsync(directory).map_err(self.failed("", "synced"))
    }

    fn send_as(&self, name: &OsStr, text: &str) -> io::Result<()> {
        let hidden = hidden(name);
        self.place.write(&hidden, text.as_bytes())?;
        fault::point(|| "before the text is in its inbox".into());
        let (directory, flags) = (&self.place.directory, RenameFlags::NOREPLACE);
        if let Err(error) = renameat_with(directory, &hidden, directory, name, flags) {
            // It is in nobody's way, and what it was for has failed.
            let _ = unlinkat(directory, &hidden, AtFlags::empty());
            return Err(error.into());
        }
        fault::point(|| "after the text is in its inbox".into());
        Ok(fsync(directory)?)
    }
}

/// While it is written.
fn hidden(name: &OsStr) -> OsString {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden
}
