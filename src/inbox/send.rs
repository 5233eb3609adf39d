//! Into an inbox.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write as _},
    os::fd::OwnedFd,
};

use jiff::{Timestamp, tz::TimeZone};
use rustix::{
    fs::{
        AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, fchown, fsync, openat, renameat_with,
        unlinkat,
    },
    io::Errno,
    process::geteuid,
};

use super::{Inbox, InboxError};
use crate::model::ItemName;

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

    fn send_as(&self, name: &OsStr, text: &str) -> io::Result<()> {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        write(&self.directory, &hidden, text.as_bytes(), self.owner)?;
        let (directory, flags) = (&self.directory, RenameFlags::NOREPLACE);
        if let Err(error) = renameat_with(directory, &hidden, directory, name, flags) {
            // It is in nobody's way, and what it was for has failed.
            let _ = unlinkat(directory, &hidden, AtFlags::empty());
            return Err(error.into());
        }
        Ok(fsync(directory)?)
    }
}

/// Writes a file that is not there yet, for this owner; all of it, on the disk, or nothing.
pub(super) fn write(
    directory: &OwnedFd,
    name: &OsStr,
    content: &[u8],
    owner: u32,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?);
    let hand_over = |file: &File| match geteuid().as_raw() {
        us if us == owner => Ok(()),
        _ => fchown(file, Some(Uid::from_raw(owner)), None::<Gid>).map_err(io::Error::from),
    };
    let written = file
        .write_all(content)
        .and_then(|()| hand_over(&file))
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = unlinkat(directory, name, AtFlags::empty());
    }
    written
}
