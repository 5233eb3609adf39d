//! What the machine has to offer.

use std::{fs, os::unix::net::UnixDatagram, path::Path, time::Duration};

use rustix::process::{Resource, getrlimit};

use super::{Finding, Is};
use crate::systemd::journal::synchronize;

/// Descriptors that the daemon keeps for each worker, as counted in /proc/PID/fd: one for a process,
/// two for a session.
const FILES_OF_A_WORKER: u64 = 2;
/// For the daemon itself, its clients, and what is open for a moment.
const FILES_OF_THE_DAEMON: u64 = 320;

/// `orders`: where it answers, to root; `within`: what it is given for that.
pub(super) fn journald(socket: &Path, orders: &Path, within: Duration) -> Finding {
    let finding = |is, found| Finding::new("journald", is, found);
    if let Err(error) = UnixDatagram::unbound().and_then(|probe| probe.connect(socket)) {
        let found = format!("{} does not answer: {error}", socket.display());
        return finding(Is::Warn, found).hint("the daemon writes to standard error instead");
    }
    match answers(orders, within) {
        Some(true) => finding(Is::Ok, "the journal takes entries, and answers".into()),
        None => finding(Is::Ok, "the journal takes entries".into()),
        Some(false) => {
            let found = format!(
                "journald does not answer: it was asked to, and did not within {} s",
                within.as_secs()
            );
            finding(Is::Warn, found).hint(
                "systemctl restart systemd-journald; until it answers, workers that begin write \
                 into files in the state directory",
            )
        }
    }
}

/// Whether it answers in time; `None` where it cannot be asked.
fn answers(orders: &Path, within: Duration) -> Option<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let asked = async { tokio::time::timeout(within, synchronize(orders)).await };
    match runtime.ok()?.block_on(asked) {
        Ok(answer) => answer.ok().map(|()| true),
        Err(_elapsed) => Some(false),
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
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_journald_that_hangs_takes_entries_and_does_not_answer() {
        let home = tempfile::tempdir().unwrap();
        let [socket, orders] = ["socket", "orders"].map(|name| home.path().join(name));
        let judged = || journald(&socket, &orders, Duration::from_millis(10));
        assert!(judged().found.contains("does not answer: No such file"));
        let _takes = UnixDatagram::bind(&socket).unwrap();
        let finding = judged();
        let found = (finding.is, finding.found.as_str());
        assert_eq!(found, (Is::Ok, "the journal takes entries"), "nobody asked");
        let _hangs = UnixListener::bind(&orders).unwrap();
        let finding = judged();
        assert_eq!(finding.is, Is::Warn);
        assert!(finding.found.starts_with("journald does not answer: "));
        let hint = finding.hint.unwrap();
        assert!(hint.starts_with("systemctl restart systemd-journald; "));
    }

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
