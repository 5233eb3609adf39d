//! What lies in an inbox, and what is in a file of it.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read as _,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, Stat, fstat, openat};

use super::{DELIVERED, FAILED, Inbox, InboxError, QUIET, WHY, settle::when};
use crate::{
    agent::typed::{LONGEST, check},
    decide::Lies,
    foreign::{Left, is_directory, is_plain, names},
    model::ItemName,
    sys,
};

/// What others have in hand ends so.
const OF_WRITERS: [&str; 4] = ["~", ".tmp", ".part", ".swp"];

/// A file that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub name: ItemName,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// How long it is.
    pub bytes: u64,
    plain: bool,
}

impl Waiting {
    /// Nothing is in it yet, so nobody waits for it to be typed.
    pub fn is_empty(&self) -> bool {
        self.plain && self.bytes == 0
    }
}

/// Those that wait to be typed: how many, and since when the oldest is as it is.
pub fn queued(waiting: &[Waiting]) -> (usize, Option<Timestamp>) {
    let mut full = waiting.iter().filter(|one| !one.is_empty()).peekable();
    let oldest = full.peek().map(|one| one.since);
    (full.count(), oldest)
}

/// A file that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which, as it is called now.
    pub name: ItemName,
    /// When; `None` where somebody else put it there.
    pub at: Option<Timestamp>,
    /// Why, where that is known.
    pub why: Option<String>,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A text that can be typed.
    Text(String),
    /// Something that can never be, and why.
    Unfit(String),
    /// It is not whole yet.
    Unfinished,
    /// It is not there.
    Gone,
}

impl Inbox {
    /// What lies in it, for who is to type it; and after which time it may be otherwise without anybody
    /// changing anything.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn look(&self, now: SystemTime) -> Result<(Lies, Option<Duration>), InboxError> {
        let waiting = self.waiting()?;
        let mut first = None;
        let mut again = None;
        let mut unread = None;
        for one in &waiting {
            let content = match self.content_of(one, now) {
                Ok(content) => content,
                // Those behind it are typed all the same.
                Err(error) => {
                    unread = unread.or(Some(error));
                    continue;
                }
            };
            match content {
                Content::Text(text) => first = Some((one.name.clone(), Ok(text))),
                Content::Unfit(why) => first = Some((one.name.clone(), Err(why))),
                Content::Unfinished => again = Some(QUIET),
                Content::Gone => {}
            }
            if first.is_some() {
                break;
            }
        }
        if let (None, Some(error)) = (&first, unread) {
            return Err(error);
        }
        let (queued, oldest) = queued(&waiting);
        let lies = Lies {
            first,
            queued,
            failed: self.failed_names()?.1.len(),
            oldest,
        };
        Ok((lies, again))
    }

    /// What waits, in order.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn waiting(&self) -> Result<Vec<Waiting>, InboxError> {
        let mut found = Vec::new();
        for name in self.place.names().map_err(self.failed("", "read"))? {
            if is_of_writers(&name) {
                continue;
            }
            let Some(stat) = self.stat(&name)?.filter(|stat| !is_directory(stat)) else {
                continue;
            };
            found.push(Waiting {
                name: ItemName::seen(name, stat.st_ino),
                since: changed(&stat),
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
                plain: is_plain(&stat),
            });
        }
        found.sort_by(|a, b| (a.since, a.name.as_os_str()).cmp(&(b.since, b.name.as_os_str())));
        Ok(found)
    }

    /// What has failed, oldest first.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn failures(&self) -> Result<Vec<Failed>, InboxError> {
        let (below, names) = self.failed_names()?;
        let failed = names.into_iter().map(|name| Failed {
            at: when(&name),
            why: reason(&below, &name),
            name: name.into(),
        });
        Ok(failed.collect())
    }

    /// The names of what has failed, oldest first, and the directory that has them.
    fn failed_names(&self) -> Result<(OwnedFd, Vec<OsString>), InboxError> {
        let below = self.below(FAILED)?;
        let mut names = names(&below).map_err(self.failed(FAILED, "read"))?;
        names.sort();
        let has = |name: &[u8]| {
            names
                .binary_search_by(|known| known.as_bytes().cmp(name))
                .is_ok()
        };
        // A reason is there before what it is of; a file that is called like one has its own.
        let is_reason = |name: &OsStr| {
            let of = name.as_bytes().strip_suffix(WHY.as_bytes());
            of.is_some_and(|of| has(of) || !has(&[name.as_bytes(), WHY.as_bytes()].concat()))
        };
        let failed = names.iter().filter(|name| !is_reason(name)).cloned();
        let failed = failed.collect();
        Ok((below, failed))
    }

    /// How many were delivered and are kept.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn delivered(&self) -> Result<usize, InboxError> {
        let names = names(&self.below(DELIVERED)?);
        Ok(names.map_err(self.failed(DELIVERED, "read"))?.len())
    }

    /// Whether this text is still what is to be typed of this file.
    pub fn still_says(&self, name: &ItemName, text: &str, now: SystemTime) -> bool {
        matches!(self.read(name.as_os_str(), now), Ok(Content::Text(now)) if now == text)
    }

    fn content_of(&self, one: &Waiting, now: SystemTime) -> Result<Content, InboxError> {
        if one.plain && (one.bytes == 0 || !is_quiet(one.since, now)) {
            return Ok(Content::Unfinished);
        }
        self.read(one.name.as_os_str(), now)
    }

    fn read(&self, name: &OsStr, now: SystemTime) -> Result<Content, InboxError> {
        let left = self.place.left(name);
        let (file, stat) = match left.map_err(self.failed(name, "opened"))? {
            Left::File(file, stat) => (file, stat),
            Left::Unfit(why) => return Ok(Content::Unfit(why)),
            Left::Taken => return Ok(Content::Unfinished),
            Left::Nothing => return Ok(Content::Gone),
        };
        if stat.st_size == 0 || !is_quiet(changed(&stat), now) {
            return Ok(Content::Unfinished);
        }
        if sys::is_being_written(&file) == Some(true) {
            return Ok(Content::Unfinished);
        }
        let mut bytes = Vec::new();
        // Line breaks at the end are not typed; what is longer than that is too long.
        let most = 2 * u64::try_from(LONGEST).unwrap_or(u64::MAX);
        let read = file.take(most).read_to_end(&mut bytes);
        read.map_err(self.failed(name, "read"))?;
        Ok(typed(bytes))
    }
}

/// What is typed of these bytes.
fn typed(bytes: Vec<u8>) -> Content {
    let Ok(text) = String::from_utf8(bytes) else {
        return unfit("it is not UTF-8");
    };
    let text = text.trim_end_matches('\n');
    match check(text) {
        Ok(()) => Content::Text(text.to_owned()),
        Err(why) => unfit(why.to_string()),
    }
}

fn unfit(why: impl Into<String>) -> Content {
    Content::Unfit(why.into())
}

fn is_of_writers(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let ends = |ending: &&str| name.ends_with(ending.as_bytes());
    name.starts_with(b".") || OF_WRITERS.iter().any(ends)
}

/// When it was last changed in any way, which nobody can choose.
fn changed(stat: &Stat) -> Timestamp {
    let nanoseconds = i32::try_from(stat.st_ctime_nsec).unwrap_or(0);
    Timestamp::new(stat.st_ctime, nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn is_quiet(since: Timestamp, now: SystemTime) -> bool {
    let since = since.as_duration();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let Ok(since) = Duration::try_from(since) else {
        return true;
    };
    // A clock that was put back must not hold it up.
    now.checked_sub(since).is_none_or(|age| age >= QUIET)
}

/// Why a file failed.
fn reason(below: &OwnedFd, name: &OsStr) -> Option<String> {
    let mut why = name.to_owned();
    why.push(WHY);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(below, why, flags, Mode::empty()).ok()?);
    fstat(&file).ok().filter(is_plain)?;
    let mut text = Vec::new();
    file.take(4096).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
