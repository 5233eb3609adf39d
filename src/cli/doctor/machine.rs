//! What the machine has to offer.

use std::{fs, os::unix::net::UnixDatagram, path::Path};

use rustix::process::{Resource, getrlimit};

use super::{Finding, Is};

/// Descriptors that the daemon keeps for each worker, as counted in /proc/PID/fd: one for a process,
/// two for a session.
const FILES_OF_A_WORKER: u64 = 2;
/// For the daemon itself, its clients, and what is open for a moment.
const FILES_OF_THE_DAEMON: u64 = 320;

pub(super) fn journald(socket: &Path) -> Finding {
    match UnixDatagram::unbound().and_then(|probe| probe.connect(socket)) {
        Ok(()) => Finding::new("journald", Is::Ok, "the journal takes entries"),
        Err(error) => Finding::new(
            "journald",
            Is::Warn,
            format!("{} does not answer: {error}", socket.display()),
        )
        .hint("the daemon writes to standard error instead"),
    }
}

/// What the daemon may have open, or would if we started it (proc_pid_limits(5)).
pub(super) fn most_open_files(daemon: Option<i32>) -> Option<u64> {
    let Some(pid) = daemon else {
        return Some(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX));
    };
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let hard = line.split_whitespace().nth(1)?;
    Some(hard.parse().unwrap_or(u64::MAX))
}

/// With too few it goes on, and looks after its workers more slowly.
pub(super) fn open_files(most: u64, workers: usize) -> Finding {
    let needed = FILES_OF_THE_DAEMON + FILES_OF_A_WORKER * workers as u64;
    if most >= needed {
        let found = format!("{most} may be open at once, {needed} are needed at most");
        Finding::new("open files", Is::Ok, found)
    } else {
        let found = format!("{most} may be open at once, {workers} workers need up to {needed}");
        Finding::new("open files", Is::Warn, found)
            .hint("raise the hard limit where the daemon is started: LimitNOFILE= or ulimit -Hn")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_many_workers_need_more_than_is_warned_of() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(most_open_files(Some(own)), most_open_files(None));
        assert_eq!(most_open_files(Some(i32::MAX)), None);
        assert_eq!(open_files(1024, 352).is, Is::Ok);
        let low = open_files(1024, 353);
        assert_eq!(low.is, Is::Warn);
        assert!(
            low.found.contains("353 workers need up to 1026"),
            "{}",
            low.found
        );
    }
}
