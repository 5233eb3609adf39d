//! The other side of the control socket: blocking, with a time limit on everything, no runtime.
//!
//! Promise: a daemon that is gone, stuck, older, newer or no daemon at all is told apart, each with
//! what helps. A connection that breaks before the greeting is tried again, for a daemon that is
//! just ending may still take one; and so is a question that changes nothing. Where the service
//! manager keeps the socket from one daemon to the next, both wait for the next one.

mod error;

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{
            AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
        },
        time::TimeVal,
    },
};
use serde::{Deserialize, de::DeserializeOwned};

pub use error::ClientError;

use super::protocol::{Ask, Greeting, PROTOCOL, Request, Said};
use crate::{
    config,
    decide::{Notice, access::Access},
    launch,
};

/// How long a daemon may take to greet and to answer what changes nothing.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take beyond that to do something: it answers once workers are up or gone, and
/// gives up on that itself within a minute.
const TO_DO: Duration = Duration::from_secs(80);

/// Connections that may break before the greeting, and daemons that may end before they answer.
const TRIES: u32 = 10;
/// From one of them to the next.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Milliseconds after which who waits for a greeting hears of it.
const NOTICEABLE: u16 = 1000;

/// Bytes of one line of a daemon. Far more than a status has; a bound against a stranger.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// A connection to a daemon that greeted.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    reader: BufReader<UnixStream>,
    greeting: Greeting,
    patience: Duration,
    /// For what it waits at present.
    waits: Duration,
    last_id: u64,
}

impl Client {
    /// Where its daemon listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Connects and hears the greeting.
    ///
    /// A daemon that is just ending may still take a connection and then break it; it is asked again
    /// until it is gone, or greets.
    pub fn connect(socket: &Path, patience: Duration) -> Result<Self, ClientError> {
        Self::connect_or_wait(socket, patience, || true)
    }

    /// As [`Client::connect`]; `waits` is asked when the greeting takes a noticeable time, and says
    /// whether it is waited for.
    pub fn connect_or_wait(
        socket: &Path,
        patience: Duration,
        mut waits: impl FnMut() -> bool,
    ) -> Result<Self, ClientError> {
        for _ in 0..TRIES {
            match Self::greeted(socket, patience, &mut waits) {
                Err(ClientError::Broken { .. }) => std::thread::sleep(BETWEEN_TRIES),
                done => return done,
            }
        }
        Self::greeted(socket, patience, &mut waits)
    }

    fn greeted(
        socket: &Path,
        patience: Duration,
        waits: &mut impl FnMut() -> bool,
    ) -> Result<Self, ClientError> {
        let stream = open(socket, patience).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning {
                socket: socket.to_owned(),
                waited: None,
            },
            io::ErrorKind::PermissionDenied => ClientError::NoAccess {
                socket: socket.to_owned(),
            },
            io::ErrorKind::WouldBlock => ClientError::Silent {
                socket: socket.to_owned(),
                after: patience,
            },
            _ => ClientError::Broken {
                socket: socket.to_owned(),
                source: error,
            },
        })?;
        let mut client = Self {
            socket: socket.to_owned(),
            reader: BufReader::new(stream),
            greeting: Greeting {
                loopkeeper: String::new(),
                protocol: PROTOCOL,
                access: Access::Read,
            },
            patience,
            waits: patience,
            last_id: 0,
        };
        let mut silent = [PollFd::new(client.as_fd(), PollFlags::POLLIN)];
        if poll(&mut silent, PollTimeout::from(NOTICEABLE)) == Ok(0) && !waits() {
            return Err(ClientError::Silent {
                socket: socket.to_owned(),
                after: Duration::from_millis(NOTICEABLE.into()),
            });
        }
        client.greeting = client.hear_greeting()?;
        Ok(client)
    }

    /// What the daemon said first.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Asks, and waits for the answer. What changes nothing is asked again, of the next daemon, if this
    /// one ends meanwhile.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        for _ in 0..TRIES {
            match self.ask_once(request) {
                Err(error) if error.daemon_ended() && request.needed() == Access::Read => {
                    *self = Self::connect(&self.socket, self.patience)?;
                }
                answered => return answered,
            }
        }
        self.ask_once(request)
    }

    fn ask_once<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        self.send(request)?;
        let to_do = match request.needed() {
            Access::Read => Duration::ZERO,
            Access::Steer => TO_DO,
        };
        let to_see = match request {
            Request::Reload { .. } => config::WITHIN,
            Request::HostCheck { .. } | Request::HostStatus { .. } => launch::HOST_LOOKS_WITHIN,
            Request::Nudge { within, .. } => Duration::from_secs((*within).into()),
            _ => Duration::ZERO,
        };
        let patience = self.patience + to_see + to_do;
        self.wait_at_most(Some(patience))?;
        let said: Said<T> = self.hear()?;
        said.ok
            .ok_or_else(|| self.stranger("an answer without content"))
    }

    /// Begins a stream. From here on only [`Client::next_event`] makes sense.
    pub fn follow(&mut self, request: &Request) -> Result<(), ClientError> {
        self.send(request)
    }

    /// The next event; `None` at the end of a stream that is not followed. With `patience` of
    /// `None` it waits for ever.
    pub fn next_event(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<Option<Notice>, ClientError> {
        self.wait_at_most(patience)?;
        let said: Said<serde_json::Value> = self.hear()?;
        match said.event {
            Some(event) => Notice::deserialize(event)
                .map(Some)
                .map_err(|why| self.stranger(&format!("an event that is none: {why}"))),
            None => Ok(None),
        }
    }

    /// Whether a part of the next event has been read already, so that poll(2) would not tell.
    pub fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    fn wait_at_most(&mut self, limit: Option<Duration>) -> Result<(), ClientError> {
        self.waits = limit.unwrap_or(Duration::MAX);
        self.reader
            .get_ref()
            .set_read_timeout(limit)
            .map_err(|error| self.broken(error))
    }

    fn hear_greeting(&mut self) -> Result<Greeting, ClientError> {
        let line = self.read_line()?;
        // A protocol of the future may have changed all but these two.
        #[derive(Deserialize)]
        struct Hello {
            loopkeeper: String,
            protocol: u32,
        }
        match serde_json::from_slice::<Hello>(&line) {
            Ok(hello) if hello.protocol == PROTOCOL => serde_json::from_slice(&line)
                .map_err(|why| self.stranger(&format!("its greeting is no greeting: {why}"))),
            Ok(hello) => Err(ClientError::Protocol {
                socket: self.socket.clone(),
                version: hello.loopkeeper,
                theirs: hello.protocol,
            }),
            Err(why) => match serde_json::from_slice::<Said<serde_json::Value>>(&line) {
                Ok(Said {
                    error: Some(refusal),
                    ..
                }) => Err(ClientError::Refused(refusal)),
                Ok(_) | Err(_) => {
                    Err(self.stranger(&format!("its greeting is no greeting: {why}")))
                }
            },
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        self.last_id += 1;
        let mut line = serde_json::to_vec(&Ask {
            id: self.last_id,
            request,
        })
        .map_err(|why| self.stranger(&why.to_string()))?;
        line.push(b'\n');
        self.reader
            .get_ref()
            .write_all(&line)
            .map_err(|error| self.broken(error))
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<Said<T>, ClientError> {
        let line = self.read_line()?;
        let said: Said<T> = serde_json::from_slice(&line)
            .map_err(|why| self.stranger(&format!("its answer is none: {why}")))?;
        if let Some(refusal) = said.error {
            return Err(ClientError::Refused(refusal));
        }
        if said.id != Some(self.last_id) {
            return Err(self.stranger("it answers another question"));
        }
        Ok(said)
    }

    fn read_line(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut line = Vec::new();
        match (&mut self.reader)
            .take(LONGEST_ANSWER)
            .read_until(b'\n', &mut line)
        {
            Ok(_) if line.ends_with(b"\n") => Ok(line),
            Ok(_) => Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.broken(error)),
        }
    }

    fn broken(&self, error: io::Error) -> ClientError {
        if error.kind() == io::ErrorKind::WouldBlock {
            return ClientError::Silent {
                socket: self.socket.clone(),
                after: self.waits,
            };
        }
        ClientError::Broken {
            socket: self.socket.clone(),
            source: error,
        }
    }

    fn stranger(&self, what: &str) -> ClientError {
        ClientError::Stranger {
            socket: self.socket.clone(),
            what: what.to_owned(),
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.get_ref().as_fd()
    }
}

/// The standard library cannot limit connect(2) on a unix socket, which waits while a stuck
/// daemon's queue is full.
fn open(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path).map_err(|errno| match errno {
        Errno::ENAMETOOLONG => io::Error::new(io::ErrorKind::NotFound, "path is too long"),
        other => other.into(),
    })?;
    let descriptor = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let limit = TimeVal::new(
        i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        patience.subsec_micros().into(),
    );
    setsockopt(&descriptor, sockopt::SendTimeout, &limit)?;
    setsockopt(&descriptor, sockopt::ReceiveTimeout, &limit)?;
    connect(std::os::fd::AsRawFd::as_raw_fd(&descriptor), &address)?;
    Ok(UnixStream::from(descriptor))
}
