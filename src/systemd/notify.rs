//! Talking to the service manager that started us (sd_notify(3)); without one, nothing is said.
//!
//! Promise: `WATCHDOG=1` is sent only by the daemon's loop after a completed turn, so that it proves
//! that the rig is being kept and not merely that a process exists. A manager that does not read (its
//! socket is full) never makes the loop wait: what could not be said is said with the next turn.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use sd_notify::NotifyState;

use crate::model::Mono;

/// After a full socket, how soon it is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// The connection to the service manager.
#[derive(Debug)]
pub struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// How long it waits for a sign of life, if it watches.
    patience: Option<Duration>,
    next_ping: Mono,
    status: String,
    /// What could not be said yet, as lines of `NAME=value`.
    unsaid: String,
}

impl ServiceManager {
    /// Reads `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID` (sd_notify(3),
    /// sd_watchdog_enabled(3)).
    pub fn of_this_process(now: Mono) -> Self {
        let socket = connect().inspect_err(|error| {
            tracing::warn!("service manager cannot be told anything: {error}")
        });
        Self {
            socket: socket.ok().flatten(),
            patience: sd_notify::watchdog_enabled(),
            next_ping: now,
            status: String::new(),
            unsaid: String::new(),
        }
    }

    /// Whether anybody is told anything.
    pub fn listens(&self) -> bool {
        self.socket.is_some()
    }

    /// When the loop has to turn at the latest for the next sign of life.
    pub fn next_deadline(&self, now: Mono) -> Option<Mono> {
        let ping = self.patience.map(|_| self.next_ping);
        let again = (!self.unsaid.is_empty()).then(|| now + AGAIN);
        [ping, again].into_iter().flatten().min()
    }

    /// A turn of the loop is complete. Pings when half the patience is used up, as
    /// sd_watchdog_enabled(3) recommends.
    pub fn turned(&mut self, now: Mono) {
        if let Some(patience) = self.patience.filter(|_| now >= self.next_ping) {
            self.next_ping = now + patience / 2;
            self.say(&[NotifyState::Watchdog]);
        } else if !self.unsaid.is_empty() {
            self.say(&[]);
        }
    }

    /// The rig is up.
    pub fn ready(&mut self) {
        self.say(&[NotifyState::Ready]);
    }

    /// One line for `systemctl status`; sent when it changed.
    pub fn status(&mut self, text: String) {
        // What comes after the end of a line would be another message.
        let line = text.replace('\n', " ");
        if line != self.status {
            self.say(&[NotifyState::Status(&line)]);
            self.status = line;
        }
    }

    /// A reload begins (`RELOADING=1`); [`ServiceManager::ready`] ends it.
    pub fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            Ok(stamp) => self.say(&[NotifyState::Reloading, stamp]),
            Err(error) => tracing::debug!("monotonic clock cannot be read: {error}"),
        }
    }

    /// The daemon ends, and may need so long for its workers.
    pub fn stopping(&mut self, may_take: Duration) {
        let micros = u32::try_from(may_take.as_micros()).unwrap_or(u32::MAX);
        self.say(&[
            NotifyState::Stopping,
            NotifyState::ExtendTimeoutUsec(micros),
        ]);
    }

    fn say(&mut self, state: &[NotifyState<'_>]) {
        let Some(socket) = &self.socket else { return };
        for one in state {
            self.unsaid.push_str(&format!("{one}\n"));
        }
        match socket.send(self.unsaid.as_bytes()) {
            Ok(_) => self.unsaid.clear(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.keep_the_last_of_each(),
            Err(error) => {
                self.unsaid.clear();
                tracing::debug!("service manager cannot be told: {error}");
            }
        }
    }

    /// So that what is unsaid does not grow: of each name only the last value matters.
    fn keep_the_last_of_each(&mut self) {
        let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        let lines: Vec<_> = self.unsaid.lines().collect();
        let last = lines.iter().enumerate().filter(|(at, line)| {
            !lines
                .iter()
                .skip(at + 1)
                .any(|later| name(later) == name(line))
        });
        self.unsaid = last.map(|(_, line)| format!("{line}\n")).collect();
    }
}

/// The socket in `$NOTIFY_SOCKET`: a path, or with `@` an abstract name (unix(7)).
fn connect() -> io::Result<Option<UnixDatagram>> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(None);
    };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(Some(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_read_is_told_later_and_only_the_last_of_each() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let socket = UnixDatagram::unbound().unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&path).unwrap();
        let mut service = ServiceManager {
            socket: Some(socket),
            patience: None,
            next_ping: Mono(0),
            status: String::new(),
            unsaid: String::new(),
        };
        while service.unsaid.is_empty() {
            service.say(&[NotifyState::Watchdog]);
        }
        service.status("first".into());
        service.ready();
        service.status("second\nREADY=0".into());
        assert_eq!(
            service.unsaid,
            "WATCHDOG=1\nREADY=1\nSTATUS=second READY=0\n"
        );
        assert_eq!(service.next_deadline(Mono(5)), Some(Mono(5) + AGAIN));
        manager.recv(&mut [0; 64]).unwrap();
        service.turned(Mono(6));
        assert_eq!(service.unsaid, "");
        assert_eq!(service.next_deadline(Mono(6)), None);
    }
}
