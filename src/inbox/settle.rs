//! Out of an inbox, and back into it.

use std::{
    ffi::{OsStr, OsString},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rustix::{
    fs::{AtFlags, RenameFlags, fsync, renameat_with, unlinkat},
    io::Errno,
};

use super::{DELIVERED, FAILED, Inbox, InboxError, WHY};
use crate::{
    decide::{Moved, Settle},
    fault,
    foreign::{names, write},
    model::ItemName,
};

/// How many are kept of what was delivered.
pub(super) const KEPT: usize = 1000;
/// Bytes of a name (`NAME_MAX`, limits.h(0p)).
const LONGEST: usize = 255;
/// The time before a name, and how long that is.
const TIME: &str = "%Y%m%dT%H%M%S%.6fZ";
const TIME_BYTES: usize = 23;

impl Inbox {
    /// Moves a file to where it belongs; `begun`: when an earlier daemon began to type it, which may have
    /// moved it.
    ///
    /// # Errors
    /// It is where it was.
    pub fn settle(
        &self,
        item: &ItemName,
        how: &Settle,
        begun: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Moved, InboxError> {
        let name = item.as_os_str();
        // Another one of its name is not what was typed.
        let it = self.stat(name)?.filter(|stat| item.may_be(stat.st_ino));
        if it.is_none() {
            return self.left_it(name, begun);
        }
        let (place, why) = match how {
            Settle::Delivered => (DELIVERED, None),
            Settle::Failed(why) => (FAILED, Some(why)),
        };
        let below = self.below(place)?;
        let moved = with_time(now, name);
        // The reason is there before what it is of.
        let reason = match why {
            Some(why) => {
                let reason = reason_of(&moved);
                write(
                    &below,
                    &reason,
                    format!("{why}\n").as_bytes(),
                    self.place.owner,
                )
                .map_err(|source| InboxError::new(self.at(place), "written", source))?;
                Some(reason)
            }
            None => None,
        };
        fault::point(|| "before the move".into());
        let flags = RenameFlags::NOREPLACE;
        match renameat_with(&self.place.directory, name, &below, &moved, flags) {
            Ok(()) => {}
            Err(source) => {
                if let Some(reason) = reason {
                    remove(&below, &reason);
                }
                return match source {
                    Errno::NOENT => Ok(Moved::Gone),
                    source => Err(InboxError::new(self.at(name), "moved", source)),
                };
            }
        }
        // It is moved, whatever becomes of the rest.
        if let Err(error) = fsync(&below).and_then(|()| fsync(&self.place.directory)) {
            tracing::warn!(
                "{}: may be back after a power cut: {error}",
                self.at(name).display()
            );
        }
        fault::point(|| "after the move".into());
        if place == DELIVERED
            && let Err(error) = self.prune(&below, &moved)
        {
            tracing::warn!("what was delivered long ago stays: {error}");
        }
        Ok(Moved::To(moved.into()))
    }

    /// How a file left the inbox.
    fn left_it(&self, name: &OsStr, begun: Option<Timestamp>) -> Result<Moved, InboxError> {
        let Some(begun) = begun else {
            return Ok(Moved::Gone);
        };
        let is_it = |moved: &OsString| {
            when(moved).is_some_and(|at| at >= begun && *moved == with_time(at, name))
        };
        let moved_to = |place| {
            let moved = names(&self.below(place)?).map_err(self.failed(place, "read"))?;
            Ok(moved.into_iter().find(is_it))
        };
        if moved_to(DELIVERED)?.is_some() {
            return Ok(Moved::Before);
        }
        let failed = moved_to(FAILED)?;
        Ok(failed.map_or(Moved::Gone, |moved| Moved::To(moved.into())))
    }

    /// Puts a file that failed back under its own name, last in order; its name.
    ///
    /// # Errors
    /// It is where it was.
    pub fn retry(&self, failed: &ItemName) -> Result<ItemName, InboxError> {
        let below = self.below(FAILED)?;
        let name = failed.as_os_str();
        let own = own_name(name);
        let flags = RenameFlags::NOREPLACE;
        renameat_with(&below, name, &self.place.directory, &own, flags)
            .map_err(|source| InboxError::new(self.at(FAILED).join(name), "put back", source))?;
        remove(&below, &reason_of(name));
        fsync(&below)
            .and_then(|()| fsync(&self.place.directory))
            .map_err(self.failed(&own, "known to have been put back"))?;
        Ok(own.into())
    }

    /// Of what was delivered, the latest stay. What somebody else put there is not ours to remove.
    fn prune(&self, delivered: &OwnedFd, newest: &OsStr) -> Result<(), InboxError> {
        let names = names(delivered).map_err(self.failed(DELIVERED, "read"))?;
        // By a clock that was set back, the newest is not the last.
        let ours = names
            .iter()
            .filter(|name| when(name).is_some() && *name != newest);
        let mut ours: Vec<_> = ours.collect();
        ours.sort();
        for old in &ours[..(ours.len() + 1).saturating_sub(KEPT)] {
            remove(delivered, old);
        }
        Ok(())
    }
}

/// A name with the time before it, as long as a name may be.
fn with_time(now: Timestamp, name: &OsStr) -> OsString {
    let time = now.to_zoned(TimeZone::UTC).strftime(TIME).to_string();
    let rest = LONGEST - TIME_BYTES - 1 - WHY.len();
    let mut bytes = format!("{time}-").into_bytes();
    bytes.extend(name.as_bytes().iter().take(rest));
    OsString::from_vec(bytes)
}

/// Where the reason for a file is.
fn reason_of(name: &OsStr) -> OsString {
    let mut reason = name.to_owned();
    reason.push(WHY);
    reason
}

/// When a file was moved, by its name.
pub(super) fn when(name: &OsStr) -> Option<Timestamp> {
    let (time, rest) = name.as_bytes().split_at_checked(TIME_BYTES)?;
    let time = DateTime::strptime(TIME, time).ok()?;
    let at = time.to_zoned(TimeZone::UTC).ok()?;
    rest.starts_with(b"-").then(|| at.timestamp())
}

/// What a file was called before it was moved.
pub(super) fn own_name(name: &OsStr) -> OsString {
    match when(name) {
        Some(_) if name.len() > TIME_BYTES + 1 => {
            OsString::from_vec(name.as_bytes()[TIME_BYTES + 1..].to_vec())
        }
        Some(_) | None => name.to_owned(),
    }
}

fn remove(directory: &OwnedFd, name: &OsStr) {
    if let Err(error) = unlinkat(directory, name, AtFlags::empty())
        && error != Errno::NOENT
    {
        tracing::warn!("{} cannot be removed: {error}", name.display());
    }
}
