//! A command at a terminal of its own, of which ours shows all.
//!
//! Promise: neither the command nor whoever it hands its terminal on to ever has ours. A tmux client does
//! hand it on, to its server, and that may be another user's: who kept it could read what is typed into
//! our shell long after. When the command is over, nothing passes any more, and our terminal is as it was.
//!
//! How: as `sudo` does it with its use_pty: a pseudoterminal (pty(7)), whose slave the command has, and
//! between whose master and our terminal bytes and sizes are carried.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    process::{Child, Command, ExitStatus},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt},
    sys::{signal::Signal, signalfd::SignalFd},
};
use rustix::{
    process::{Pid, PidfdFlags, pidfd_open},
    termios::{
        OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr,
    },
};

use super::watch;

/// Bytes that are read at once.
const AT_ONCE: usize = 8192;
/// Bytes that are shown before it is looked for keys again: who floods the terminal can be left.
const MOST_AT_ONCE: usize = 16 * AT_ONCE;

/// Runs it with our terminal, which is standard input, mirrored; its exit status.
///
/// # Errors
/// There is no pseudoterminal to be had, or the command cannot be run.
pub(super) fn run(mut command: Command) -> io::Result<ExitStatus> {
    let (master, slave) = pair()?;
    tcsetattr(&slave, OptionalActions::Now, &tcgetattr(io::stdin())?)?;
    resize(&master)?;
    command.stdin(slave.try_clone()?);
    command.stdout(slave.try_clone()?);
    command.stderr(slave);
    let spawned = command.spawn();
    // The slave is the command's alone, so that its end is one of the master as well.
    drop(command);
    let mut child = spawned?;
    // Blocked before, they would be to the command as well.
    let signals = watch::signals()?;
    let raw = Raw::enter()?;
    resize(&master)?;
    let mirror = Mirror {
        ended: pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?,
        master: File::from(OwnedFd::from(master)),
        signals,
        typed: Vec::new(),
    };
    let carried = mirror.carry(&mut child);
    drop(raw);
    carried
}

/// A master that does not keep its writer waiting, and its slave; none is inherited.
fn pair() -> io::Result<(PtyMaster, File)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let mut slave = OpenOptions::new();
    slave.read(true).write(true);
    slave.custom_flags(OFlag::O_NOCTTY.bits());
    let slave = slave.open(ptsname_r(&master)?)?;
    Ok((master, slave))
}

/// The command's terminal gets the size of ours, and the command hears of it.
fn resize(master: &impl AsFd) -> io::Result<()> {
    rustix::termios::tcsetwinsize(master, tcgetwinsize(io::stdin())?)?;
    Ok(())
}

/// Our terminal, of which every key comes as it is, until dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // What our terminal answered to the last questions of the command is not for our shell. One that
        // is gone needs no restoring.
        if tcflush(io::stdin(), QueueSelector::IFlush).is_ok() {
            tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
        }
    }
}

struct Mirror {
    ended: OwnedFd,
    master: File,
    signals: SignalFd,
    /// What was typed and not taken yet.
    typed: Vec<u8>,
}

impl Mirror {
    /// Until the command is over, or has no terminal any more.
    fn carry(mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            let [keys, output, told, over] = self.wait()?;
            let goes_on = (!output || self.show()?)
                && (!told || self.hear()?)
                && (!keys || self.take_keys()?);
            if over {
                self.show()?;
            } else if goes_on {
                self.pass_keys();
                continue;
            } else {
                child.kill()?;
            }
            return child.wait();
        }
    }

    /// Which of keys, output, a signal and the end there are.
    fn wait(&self) -> io::Result<[bool; 4]> {
        let stdin = io::stdin();
        // Who takes no keys is not sent more, and is told nothing of them.
        let (keys, master) = match self.typed.is_empty() {
            true => (PollFlags::POLLIN, PollFlags::POLLIN),
            false => (PollFlags::empty(), PollFlags::POLLIN | PollFlags::POLLOUT),
        };
        let mut all = [
            PollFd::new(stdin.as_fd(), keys),
            PollFd::new(self.master.as_fd(), master),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut all, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(all.map(|fd| fd.any().unwrap_or(false))),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Shows what there is of output; false when nobody has the slave any more (EIO).
    fn show(&mut self) -> io::Result<bool> {
        let mut bytes = [0; AT_ONCE];
        let mut out = io::stdout().lock();
        let mut left = MOST_AT_ONCE;
        while left > 0 {
            match self.master.read(&mut bytes) {
                Ok(read @ 1..) => {
                    out.write_all(bytes.get(..read).unwrap_or_default())?;
                    left = left.saturating_sub(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(0) | Err(_) => return Ok(false),
            }
        }
        out.flush()?;
        Ok(true)
    }

    /// False when it is time to end.
    fn hear(&mut self) -> io::Result<bool> {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo != Signal::SIGWINCH as u32 {
                return Ok(false);
            }
            resize(&self.master)?;
        }
        Ok(true)
    }

    /// False when our terminal is gone.
    fn take_keys(&mut self) -> io::Result<bool> {
        let mut bytes = [0; AT_ONCE];
        let read = rustix::io::read(io::stdin(), &mut bytes)?;
        self.typed.extend(bytes.get(..read).unwrap_or_default());
        Ok(read > 0)
    }

    fn pass_keys(&mut self) {
        if self.typed.is_empty() {
            return;
        }
        match self.master.write(&self.typed) {
            Ok(written) => drop(self.typed.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Its end is on its way.
            Err(_) => self.typed.clear(),
        }
    }
}
