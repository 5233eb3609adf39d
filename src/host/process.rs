//! One process, so that it cannot be mistaken for another: pid and start time, held by a pidfd.
//!
//! Promise: a signal reaches the process that was meant or nobody. A pid is only ever used
//! together with the start time of its process, and checked again after a pidfd holds it. Of a
//! process that cannot be asked about, for lack of descriptors above all, nothing is said: it is not
//! taken for dead. Its end is then seen a little later, without its exit.

use std::{fs, io, os::fd::OwnedFd, time::Duration};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    descriptors::{for_keeps, is_shortage},
    stat::{Stat, is_gone},
};
use crate::{
    model::{BootId, Exit, Identity, Signal},
    sys,
};

/// How long a process that ended is given to be collected by its parent.
const COLLECTED_WITHIN: Duration = Duration::from_secs(5);

/// From one look to the next, at a process that cannot be watched.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A process of this boot.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Process {
    /// Its pid.
    pub pid: i32,
    /// Clock ticks after boot at which it started (proc_pid_stat(5), field 22).
    pub started: u64,
}

impl Process {
    /// The process that has this pid now.
    ///
    /// # Errors
    /// When there is none, or `/proc` cannot be read.
    pub fn of(pid: i32) -> io::Result<Self> {
        Stat::of(pid).map(|stat| stat.process)
    }

    /// The same process as an attempt's identity.
    pub fn identity(self, boot: &BootId) -> Identity {
        Identity {
            boot: boot.clone(),
            pid: self.pid,
            started: self.started,
        }
    }

    /// What the kernel says of it; `None` when it does not exist any more.
    ///
    /// # Errors
    /// When it cannot be asked, above all `EMFILE`.
    pub(crate) fn stat(self) -> io::Result<Option<Stat>> {
        match Stat::of(self.pid) {
            Ok(stat) => Ok(Some(stat).filter(|stat| stat.process == self)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it still runs: neither gone nor a zombie. In doubt it does.
    pub fn lives(self) -> bool {
        self.stat()
            .map_or(true, |stat| stat.is_some_and(|stat| stat.lives()))
    }

    /// Holds it, so that its pid cannot pass to another. `None` when it does not exist any more.
    ///
    /// # Errors
    /// pidfd_open(2), above all `EMFILE`.
    pub(crate) fn hold(self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(held) => Ok(self.stat()?.map(|_| held)),
            // Of one that is just being reaped, newer kernels say `ENOENT`.
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::NOENT) => Ok(None),
            // And older ones the same as of a thread.
            Err(rustix::io::Errno::INVAL) if self.stat()?.is_none() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Signals it; `Ok(false)` when it does not exist any more.
    ///
    /// # Errors
    /// As [`Process::hold`], and `EPERM` for the processes of others.
    pub(crate) fn signal(self, signal: Signal) -> io::Result<bool> {
        let Some(held) = self.hold()? else {
            return Ok(false);
        };
        sys::pidfd_signal(&held, signal)
    }

    /// Waits until it has ended (as a zombie or entirely).
    ///
    /// # Errors
    /// As [`Process::hold`].
    pub(crate) async fn ended(self) -> io::Result<()> {
        if let Some(mut watched) = self.watch()? {
            watched.ended().await;
        }
        Ok(())
    }

    /// Watches it to learn of its end; `None` when it does not exist any more. Where descriptors
    /// are short it is [looked at](Watched::shortage) now and then.
    ///
    /// # Errors
    /// As [`Process::hold`], but for a lack of descriptors.
    pub(crate) fn watch(self) -> io::Result<Option<Watched>> {
        let by = match self.hold().and_then(|held| held.map(for_keeps).transpose()) {
            Ok(None) => return Ok(None),
            Ok(Some(held)) => Watch::Descriptor(sys::polled(held, Interest::READABLE)?),
            Err(error) if is_shortage(&error) => Watch::Looks(error),
            Err(error) => return Err(error),
        };
        Ok(Some(Watched { process: self, by }))
    }

    /// The wait status that a zombie still shows, also on kernels that keep nothing for a pidfd.
    fn zombie_status(self) -> Option<i32> {
        let status = self.stat().ok()??.zombie_status?;
        // To those who may not know, the kernel says 0; whether we may, `exe` tells.
        let refused = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let exe = fs::read_link(format!("/proc/{}/exe", self.pid));
        (!exe.is_err_and(refused)).then_some(status)
    }
}

/// A process whose end we wait for, and which need not be our child.
#[derive(Debug)]
pub(crate) struct Watched {
    process: Process,
    by: Watch,
}

#[derive(Debug)]
enum Watch {
    Descriptor(AsyncFd<OwnedFd>),
    /// It is looked at, because of this.
    Looks(io::Error),
}

impl Watched {
    /// Why it is looked at now and then instead of being watched, if it is.
    pub(crate) fn shortage(&self) -> Option<&io::Error> {
        match &self.by {
            Watch::Descriptor(_) => None,
            Watch::Looks(why) => Some(why),
        }
    }

    /// Waits until it has ended (as a zombie or entirely). Goes on by descriptor as soon as there is
    /// one.
    pub(crate) async fn ended(&mut self) {
        while let Watch::Looks(_) = self.by {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.process.watch() {
                Ok(Some(again)) if self.process.lives() => self.by = again.by,
                Ok(_) => return,
                Err(why) => self.by = Watch::Looks(why),
            }
        }
        if let Watch::Descriptor(held) = &self.by {
            // Only a runtime that shuts down fails here, and then nothing is awaited any more.
            drop(held.readable().await);
        }
    }

    /// How it ended. Waits for its parent to collect it, since the kernel tells others only then.
    pub(crate) async fn exit(&mut self) -> Exit {
        self.ended().await;
        if let Some(status) = self.process.zombie_status() {
            return exit_of_status(status);
        }
        let Watch::Descriptor(held) = &self.by else {
            return Exit::Lost("ended while there were too few descriptors to watch it".into());
        };
        let collected = async {
            while let Ok(mut seen) = held.readable().await
                && !seen.ready().is_read_closed()
            {
                seen.clear_ready();
            }
        };
        // Kernels before 6.9 announce no collection; there the time passes in vain.
        drop(tokio::time::timeout(COLLECTED_WITHIN, collected).await);
        match sys::pidfd_wait_status(held.get_ref()) {
            Some(status) => exit_of_status(status),
            None => Exit::Lost(
                "ended while it was not our child; this kernel cannot tell how \
                 (6.15 or later can)"
                    .into(),
            ),
        }
    }
}

/// A wait status (wait(2)) as an exit. A core dump is the signal that caused it.
pub(crate) fn exit_of_status(status: i32) -> Exit {
    use nix::libc::{WEXITSTATUS, WIFEXITED, WTERMSIG};
    if WIFEXITED(status) {
        // The macro yields eight bits.
        return Exit::Code(u8::try_from(WEXITSTATUS(status)).unwrap_or(u8::MAX));
    }
    match Signal::from_number(WTERMSIG(status)) {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Lost(format!(
            "wait status {status:#x} is neither exit nor signal"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_status_is_a_code_or_a_signal() {
        for code in 0..=255u8 {
            assert_eq!(exit_of_status(i32::from(code) << 8), Exit::Code(code));
        }
        for number in (1..=64).filter(|n| *n != 32 && *n != 33) {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(exit_of_status(number), Exit::Signal(signal));
            assert_eq!(
                exit_of_status(number | 0x80),
                Exit::Signal(signal),
                "with core"
            );
        }
    }

    #[test]
    fn another_start_time_is_another_process() {
        let mut sleeper = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let real = Process::of(i32::try_from(sleeper.id()).unwrap()).unwrap();
        let recycled = Process {
            started: real.started - 1,
            ..real
        };
        assert!(real.lives() && !recycled.lives());
        assert!(!recycled.signal(Signal::KILL).unwrap());
        assert!(real.lives(), "a stranger was signalled");
        assert!(real.signal(Signal::KILL).unwrap());
        sleeper.wait().unwrap();
        assert!(!real.signal(Signal::KILL).unwrap());
    }
}
