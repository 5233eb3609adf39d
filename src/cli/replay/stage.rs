//! The terminal on which something is played: its keys, and how it is left.

use std::{
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{signal::Signal, signalfd::SignalFd},
};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::filter::{ALL_ROWS_SCROLL, AS_AT_THE_PROMPT, LEAVE_ALTERNATE};
use crate::{cli::watch, launch::output::recording::Size};

const CTRL_C: u8 = 3;
/// To an empty row below all that was drawn.
const BELOW: &str = "\x1b[9999;1H\r\n";

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// q, Ctrl-C, or a signal that says so.
    End,
    Other,
    /// None came in time.
    None,
}

/// The terminal, until dropped. Keys come one by one, and are not shown.
pub(super) struct Stage {
    signals: SignalFd,
    /// How standard input was set, where that is a terminal.
    keys: Option<Termios>,
    /// It was drawn on; on the alternate screen in the end.
    drawn: bool,
    in_alternate: bool,
}

impl Stage {
    pub(super) fn enter() -> io::Result<Self> {
        let signals = watch::signals()?;
        let keys = match io::stdin().is_terminal() {
            true => {
                let before = tcgetattr(io::stdin())?;
                let mut raw = before.clone();
                raw.make_raw();
                tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
                Some(before)
            }
            false => None,
        };
        Ok(Self {
            signals,
            keys,
            drawn: false,
            in_alternate: false,
        })
    }

    /// What makes room: what is on the screen goes up and is not lost.
    pub(super) fn begin(&mut self, here: Size) -> String {
        self.drawn = true;
        let up = "\n".repeat(here.rows.into());
        format!(
            "{AS_AT_THE_PROMPT}{ALL_ROWS_SCROLL}\x1b[{};1H{up}\x1b[H",
            here.rows
        )
    }

    pub(super) fn in_alternate(&mut self, is: bool) {
        self.in_alternate = is;
    }

    /// Waits for a key that ends it, at most until then.
    pub(super) fn wait(&mut self, until: Instant) -> io::Result<Key> {
        loop {
            match self.next(Some(until))? {
                Key::Other => {}
                key => return Ok(key),
            }
        }
    }

    /// Waits for any key. Where there are none, it is not waited.
    pub(super) fn key(&mut self) -> io::Result<Key> {
        match self.keys {
            Some(_) => self.next(None),
            None => Ok(Key::None),
        }
    }

    fn next(&mut self, until: Option<Instant>) -> io::Result<Key> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let limit = match left {
                None => PollTimeout::NONE,
                Some(Duration::ZERO) => PollTimeout::ZERO,
                // Not before its time: a millisecond more.
                Some(left) => PollTimeout::try_from(left + Duration::from_millis(1))
                    .unwrap_or(PollTimeout::MAX),
            };
            let (input, signals) = (io::stdin(), self.signals.as_fd());
            let keys = self.keys.is_some().then(|| input.as_fd());
            let mut watched: Vec<PollFd<'_>> = [Some(signals), keys]
                .into_iter()
                .flatten()
                .map(|source| PollFd::new(source, PollFlags::POLLIN))
                .collect();
            match poll(&mut watched, limit) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let pressed = watched.get(1).and_then(PollFd::any).unwrap_or(false);
            while let Ok(Some(signal)) = self.signals.read_signal() {
                if signal.ssi_signo != Signal::SIGWINCH as u32 {
                    return Ok(Key::End);
                }
            }
            if pressed {
                return pressed_key();
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Key::None);
            }
        }
    }
}

fn pressed_key() -> io::Result<Key> {
    let mut keys = [0; 64];
    let count = rustix::io::read(io::stdin(), &mut keys)?;
    let ends = |key: &u8| matches!(*key, b'q' | b'Q' | CTRL_C);
    Ok(match &keys[..count] {
        // The terminal is gone.
        [] => Key::End,
        keys if keys.iter().any(ends) => Key::End,
        _ => Key::Other,
    })
}

impl Drop for Stage {
    fn drop(&mut self) {
        let mut left = String::new();
        if self.in_alternate {
            left.push_str(LEAVE_ALTERNATE);
        }
        if self.drawn {
            left.push_str(AS_AT_THE_PROMPT);
            left.push_str(ALL_ROWS_SCROLL);
            left.push_str(BELOW);
        }
        // A terminal that is gone needs no restoring.
        let mut out = io::stdout().lock();
        drop(out.write_all(left.as_bytes()).and_then(|()| out.flush()));
        if let Some(before) = &self.keys {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}
