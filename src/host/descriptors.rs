//! Descriptors, of which a process has a limited number (getrlimit(2), `RLIMIT_NOFILE`).
//!
//! Promise: what is kept open for each attempt never takes the last ones, so that with any number of
//! attempts files can be read, commands run and clients answered. Whoever gets none for keeps does
//! its work without, more slowly.
//!
//! How: our own soft limit is lifted to the hard one, and children get back the one we came with. The
//! kernel gives out the lowest number that is free, so a descriptor's number says how many are in
//! use: one near the limit is closed instead of kept. Who is refused asks the machine now and then
//! instead of being told (`process`), or opens the file anew each time (`launch::output`).

use std::{io, os::fd::AsRawFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is left to everything that is open for a moment; of a low limit, half of it.
const SPARE: u64 = 128;

/// With fewer a daemon has none left to start a single attempt with.
pub(crate) const LEAST: u64 = 64;

/// How many this process may have.
pub(crate) fn most() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Lifts our limit as far as we may. Returns what it was, for our children, who may be confused by a
/// high one (select(2)).
pub(crate) fn raise_limit() -> Option<(u64, u64)> {
    let before = getrlimit(Resource::Nofile);
    let (soft, hard) = (before.current?, before.maximum?);
    let raised = Rlimit {
        current: Some(hard),
        maximum: Some(hard),
    };
    setrlimit(Resource::Nofile, raised).ok()?;
    Some((soft, hard))
}

/// A descriptor for keeps.
///
/// # Errors
/// `EMFILE`: it is one of the last, as its number tells, for the kernel gives out the lowest that is
/// free.
pub(crate) fn for_keeps<T: AsRawFd>(descriptor: T) -> io::Result<T> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = limit - SPARE.min(limit / 2);
    match u64::try_from(descriptor.as_raw_fd()) {
        Ok(number) if number < most => Ok(descriptor),
        _ => Err(io::Error::from_raw_os_error(nix::libc::EMFILE)),
    }
}

/// Whether there was none to be had: none of ours, or none of the machine's.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    matches!(errno, Some(nix::libc::EMFILE | nix::libc::ENFILE))
}
