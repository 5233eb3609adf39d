//! `status --watch`: redrawn when something happens, and once a second for the times in it.
//!
//! On a terminal it has a screen of its own, which is left when it ends, however it ends. In a file
//! or pipe it writes a block whenever the status is another than before.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    time::Duration,
};

use jiff::Timestamp;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

use super::{
    Context,
    failure::{Exit, Failure},
    offline, table,
    words::printable,
};
use crate::control::{
    client::{Client, ClientError},
    protocol::{Request, StatusView},
};

/// Milliseconds.
const REDRAW: u16 = 1000;
/// For a daemon to greet. While systemd listens for one that is down, the keys have to wait for that.
const GREETING: Duration = Duration::from_secs(2);
/// For the rest of an event whose beginning is there.
const HALF_EVENT: Duration = Duration::from_secs(2);

pub(super) fn run(json: bool, context: &Context) -> Result<(), Failure> {
    let signals = signals().map_err(|errno| {
        Failure::say(Exit::Failed, format!("signals cannot be watched: {errno}"))
    })?;
    let own_screen = if context.screen.terminal && !json {
        Some(OwnScreen::enter()?)
    } else {
        None
    };
    let mut daemon = None;
    let mut printed = None;
    loop {
        if daemon.is_none() {
            daemon = Daemon::connect(context)?;
        }
        let status = match &mut daemon {
            Some(daemon) => daemon.status(),
            None => known(context),
        };
        if status.is_err() {
            daemon = None;
        }
        if own_screen.is_some() {
            let text = match &status {
                Ok(status) => table::text(status, &context.screen.look(), Timestamp::now()),
                Err(why) => format!("{}\n", printable(why)),
            };
            redraw(&text, context)?;
        } else if printed.as_ref() != Some(&status) {
            block(&status, json, printed.is_some(), context)?;
            printed = Some(status);
        }
        if !wait(&signals, &mut daemon)? {
            return Ok(());
        }
    }
}

/// What is to be seen while the daemon is down.
fn known(context: &Context) -> Result<StatusView, String> {
    let status = context.paths().and_then(offline::status);
    status.map_err(|why| {
        let why = why.message().unwrap_or_default();
        format!("daemon is not running: {why}")
    })
}

/// Signals that end it or that say the window has another size.
pub(super) fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGWINCH,
    ] {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// One connection to ask on and one to be told on.
struct Daemon {
    asks: Client,
    hears: Client,
}

impl Daemon {
    /// `None` while it is down: it may come back.
    fn connect(context: &Context) -> Result<Option<Self>, Failure> {
        let pair = |context: &Context| -> Result<Result<Self, ClientError>, Failure> {
            let connect = || context.try_connect_within(GREETING);
            let (asks, hears) = (connect()?, connect()?);
            Ok(asks.and_then(|asks| {
                let mut hears = hears?;
                hears.follow(&Request::Events {
                    last: 0,
                    follow: true,
                })?;
                Ok(Self { asks, hears })
            }))
        };
        match pair(context)? {
            Ok(daemon) => Ok(Some(daemon)),
            Err(
                ClientError::NotRunning { .. }
                | ClientError::NoSocket { .. }
                | ClientError::Broken { .. }
                | ClientError::Silent { .. },
            ) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    fn status(&mut self) -> Result<StatusView, String> {
        self.asks
            .ask(&Request::Status {})
            .map_err(|error| error.to_string())
    }

    /// Takes what has come in; false when the stream is over.
    fn drain(&mut self) -> bool {
        loop {
            if !matches!(self.hears.next_event(Some(HALF_EVENT)), Ok(Some(_))) {
                return false;
            }
            if !self.hears.has_more() {
                return true;
            }
        }
    }
}

/// Until something happens or a second is over; false when it is time to end.
fn wait(signals: &SignalFd, daemon: &mut Option<Daemon>) -> Result<bool, Failure> {
    let mut watched = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    if let Some(daemon) = daemon.as_ref() {
        watched.push(PollFd::new(daemon.hears.as_fd(), PollFlags::POLLIN));
    }
    match poll(&mut watched, PollTimeout::from(REDRAW)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(errno) => {
            return Err(Failure::say(
                Exit::Failed,
                format!("daemon cannot be watched: {errno}"),
            ));
        }
    }
    let spoke = watched.get(1).and_then(PollFd::any).unwrap_or(false);
    while let Ok(Some(signal)) = signals.read_signal() {
        if signal.ssi_signo != Signal::SIGWINCH as u32 {
            return Ok(false);
        }
    }
    if spoke && !daemon.as_mut().is_some_and(Daemon::drain) {
        *daemon = None;
    }
    Ok(true)
}

fn redraw(text: &str, context: &Context) -> io::Result<()> {
    let rows = context
        .screen
        .size()
        .map_or(usize::MAX, |(_, rows)| rows.into());
    let mut frame = String::from("\x1b[H");
    // The last row stays empty: a line end there would scroll.
    for line in text.lines().take(rows.saturating_sub(1)) {
        frame.push_str(line);
        frame.push_str("\x1b[K\r\n");
    }
    frame.push_str("\x1b[J");
    context.screen.print(frame)
}

fn block(
    status: &Result<StatusView, String>,
    json: bool,
    another: bool,
    context: &Context,
) -> io::Result<()> {
    match status {
        Ok(status) if json => context.screen.json(status),
        Err(why) if json => context.screen.json(&serde_json::json!({ "error": why })),
        Ok(status) => {
            let gap = if another { "\n" } else { "" };
            let text = table::text(status, &context.screen.look(), Timestamp::now());
            context.screen.print(format!("{gap}{text}"))
        }
        Err(why) => context.screen.print(format!("{}\n", printable(why))),
    }
}

/// The alternate screen without a cursor, until dropped.
struct OwnScreen;

impl OwnScreen {
    fn enter() -> io::Result<Self> {
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J")?;
        out.flush()?;
        Ok(Self)
    }
}

impl Drop for OwnScreen {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        drop(io::stdout().lock().write_all(b"\x1b[?25h\x1b[?1049l"));
        drop(io::stdout().lock().flush());
    }
}
