//! One process, so that it cannot be mistaken for another: pid and start time, held by a pidfd.
//!
//! Promise: a signal reaches the process that was meant or nobody. A pid is only ever used
//! together with the start time of its process, and checked again after a pidfd holds it. Of a
//! process that cannot be asked about, for lack of descriptors above all, nothing is said: it is not
//! taken for dead. Its end is then seen a little later, without its exit.

use std::{fs, io, os::fd::OwnedFd, time::Duration};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::unix::AsyncFd;

use super::descriptors::{for_keeps, is_shortage};
use crate::{
    model::{BootId, Exit, Identity, Signal},
    sys,
};

/// How long a process that ended is given to be collected by its parent.
const COLLECTED_WITHIN: Duration = Duration::from_secs(5);

/// From one look to the next, at a process that cannot be watched.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Bits of field 9 of proc_pid_stat(5), from the kernel's `include/linux/sched.h`.
const PF_EXITING: u64 = 0x4;
const PF_KTHREAD: u64 = 0x20_0000;

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
            Ok(Some(held)) => Watch::Descriptor(sys::readable(held)?),
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

/// It ended while we looked: `ENOENT` before the open, `ESRCH` after it.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
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

/// One line of `/proc/<pid>/stat` (proc_pid_stat(5)), as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) process: Process,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    state: u8,
    flags: u64,
    threads: u64,
    /// How many bytes its environment has; `None` in the midst of execve(2), and where we may not
    /// see it.
    pub(crate) environment: Option<u64>,
    /// The wait status of a zombie; 0 also where we may not see it.
    zombie_status: Option<i32>,
}

impl Stat {
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read(&path)?;
        Self::parse(pid, &text)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{path}: no stat")))
    }

    fn parse(pid: i32, text: &[u8]) -> Option<Self> {
        // The name in the parentheses is the program's choice and may hold ") ".
        let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
        let rest = std::str::from_utf8(&text[after_name..]).ok()?;
        let field: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first of them is field 3 of the manual page.
        let number = |at: usize| field.get(at - 3)?.parse::<u64>().ok();
        let state = *field.first()?.as_bytes().first()?;
        Some(Self {
            process: Process {
                pid,
                started: number(22)?,
            },
            parent: i32::try_from(number(4)?).ok()?,
            session: field.get(6 - 3)?.parse().ok()?,
            state,
            flags: number(9)?,
            threads: number(20)?,
            environment: number(51)
                .filter(|end| *end != 0)
                .and_then(|end| end.checked_sub(number(50)?)),
            zombie_status: number(52)
                .and_then(|status| i32::try_from(status).ok())
                .filter(|_| state == b'Z'),
        })
    }

    pub(crate) fn leads(&self) -> bool {
        self.session == self.process.pid
    }

    /// Whether it is or will be a program: neither a thread of the kernel nor about to end.
    pub(crate) fn is_program(&self) -> bool {
        self.lives() && self.flags & (PF_EXITING | PF_KTHREAD) == 0
    }

    /// A zombie whose other threads run on is not dead.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_lie_about_itself_by_its_name() {
        let tail = "S 7 40 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 987654 9 9 9";
        let text = format!("42 (x) Z 1 1 1 (y) {tail}");
        let stat = Stat::parse(42, text.as_bytes()).unwrap();
        assert_eq!(stat.process.started, 987_654);
        assert_eq!((stat.parent, stat.session, stat.threads), (7, 41, 3));
        assert!(stat.lives());
        let zombie = text.replace("S 7", "Z 7");
        assert!(
            Stat::parse(42, zombie.as_bytes()).unwrap().lives(),
            "threads run on"
        );
        let dead = zombie.replace("20 0 3", "20 0 1");
        assert!(!Stat::parse(42, dead.as_bytes()).unwrap().lives());
        for cut in ["", "42 (x", "42 (x) ", "42 (x) S 7 40"] {
            assert_eq!(Stat::parse(42, cut.as_bytes()), None, "{cut}");
        }
    }

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
