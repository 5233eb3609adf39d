//! Whether the journal still hears those who write to it.
//!
//! A journal that is stopped, other than one that is restarted, lets go of the streams that it has
//! (systemd-journald.service(8)); who has one writes to nobody then, for as long as it runs.
//!
//! Promise: only who is seen to be unheard is named. Whose streams we may not look at is left out.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{UnixAddr, getpeername},
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::{Finding, Is};
use crate::{control::protocol::StatusView, model::Kind};

/// Where journald takes the output of services.
const STREAMS: &str = "/run/systemd/journal/stdout";

/// Who is unheard, if anybody is.
pub(super) fn judge(status: &StatusView) -> Option<Finding> {
    // The daemon has a way to the journal of its own.
    let workers = status
        .workers
        .iter()
        .filter(|row| row.kind != Kind::Watchdog);
    let unheard = workers.filter(|row| {
        let output = row.pid.and_then(output);
        output.is_some_and(|stream| is_of(&stream, STREAMS) && is_let_go(&stream))
    });
    let names: Vec<_> = unheard.map(|row| row.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let found = format!(
        "the journal was stopped since these began, and does not hear what they write: {}",
        names.join(", ")
    );
    let hint = format!("supervisorctl restart {}", names.join(" "));
    Some(Finding::new("output", Is::Warn, found).hint(hint))
}

/// The standard output of a process, as it has it.
fn output(pid: i32) -> Option<OwnedFd> {
    let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    pidfd_getfd(process, 1, PidfdGetfdFlags::empty()).ok()
}

fn is_of(stream: &OwnedFd, place: &str) -> bool {
    let peer = getpeername::<UnixAddr>(stream.as_raw_fd());
    peer.is_ok_and(|peer| peer.path().is_some_and(|path| path.as_os_str() == place))
}

/// Nobody has the other end.
fn is_let_go(stream: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).is_ok()
        && polled[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

#[cfg(test)]
mod tests {
    use std::{
        net::Shutdown,
        os::unix::net::{UnixListener, UnixStream},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn a_stream_that_was_let_go_is_known_by_who_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("stdout");
        let listener = UnixListener::bind(&place).unwrap();
        let stream = UnixStream::connect(&place).unwrap();
        let (heard, _) = listener.accept().unwrap();
        // As systemd does, which reads nothing back.
        stream.shutdown(Shutdown::Read).unwrap();
        // It ends with us, whose end of its input is closed then.
        let mut worker = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::from(OwnedFd::from(stream)))
            .spawn()
            .unwrap();
        let stream = output(i32::try_from(worker.id()).unwrap()).unwrap();
        let place = place.to_str().unwrap();
        assert!(is_of(&stream, place) && !is_of(&stream, STREAMS));
        assert!(!is_let_go(&stream));
        drop((heard, listener));
        assert!(is_let_go(&stream));
        worker.kill().unwrap();
        worker.wait().unwrap();
    }

    #[test]
    fn what_is_no_stream_is_nobodys() {
        let own = i32::try_from(std::process::id()).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!is_of(&file.into(), STREAMS));
        assert!(output(i32::MAX).is_none() && output(own).is_some());
    }
}
