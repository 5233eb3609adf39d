//! The builtin proxy from its settings to its end: listen, let clients in, drain.

use std::{
    cell::RefCell,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{Signal, SignalKind, signal},
    task::{self, JoinError, JoinSet, LocalSet},
    time,
};
use tracing::{error, info, warn};

use super::{
    accept::Acceptor,
    admission::{Admission, HEARINGS},
    credentials::Credentials,
    holder::holder_of,
    refusal::Refusals,
    rules,
    session::{self, House},
};
use crate::{
    causes::in_one_line,
    config::{Builtin, UsersError},
};

/// Names that are resolved at one time; a question to a dead name server takes one of them for
/// as long as the resolver waits.
pub(super) const RESOLVER_THREADS: usize = 64;

/// Clients that the kernel keeps until they are accepted; one more waits for a second or longer.
const BACKLOG: u32 = 1024;

/// Descriptors beside those of connections: standard streams, runtime, resolver, and clients that
/// are not connected yet.
const OTHER_DESCRIPTORS: u64 = (4 * RESOLVER_THREADS + HEARINGS) as u64;

/// Why the proxy does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The settings cannot be read.
    #[error("settings {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings are not the JSON of [`Builtin`].
    #[error("settings {} are not valid", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// Everyone who can reach the machine could use the proxy.
    #[error(
        "address {listen} is beyond loopback, and everyone could use the proxy without a password"
    )]
    OpenToStrangers {
        /// Where it should listen.
        listen: SocketAddr,
    },
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] UsersError),
    /// The address cannot be listened at.
    #[error("address {listen} cannot be listened at{}", held_by(holder.as_deref()))]
    Bind {
        /// Where it should listen.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
        /// Who listens there, when it is taken.
        holder: Option<String>,
    },
    /// The event loop or its signal handlers could not be set up.
    #[error("event loop cannot be set up")]
    Runtime(#[source] io::Error),
}

fn held_by(holder: Option<&str>) -> String {
    holder.map_or_else(String::new, |holder| format!(", {holder} holds it"))
}

impl ServeError {
    /// Whether it is the operator's settings that have to change.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        match self {
            Self::Read { .. }
            | Self::Parse { .. }
            | Self::OpenToStrangers { .. }
            | Self::Credentials(_) => true,
            Self::Bind { .. } | Self::Runtime(_) => false,
        }
    }

    /// What helps, if that can be said.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OpenToStrangers { .. } => {
                Some("listen at 127.0.0.1, or name a file of user:password lines as `auth`".into())
            }
            Self::Bind { listen, source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some(format!("see `ss -ltnp 'sport = :{}'`", listen.port()))
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some("no interface has this address, see `ip address`".into())
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// Reads the settings.
///
/// # Errors
/// [`ServeError::Read`] and [`ServeError::Parse`], with the path.
pub fn load(path: &Path) -> Result<Builtin, ServeError> {
    let text = fs::read(path).map_err(|source| ServeError::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|source| ServeError::Parse {
        path: path.to_owned(),
        source,
    })
}

/// Serves until SIGTERM or SIGINT, then drains; a second one ends at once. SIGHUP reads the
/// credentials again, and keeps those it has when the file is bad.
///
/// # Errors
/// When it cannot begin; once it listens it does not fail.
pub async fn serve(settings: Builtin) -> Result<(), ServeError> {
    if settings.is_open_to_strangers() {
        return Err(ServeError::OpenToStrangers {
            listen: settings.listen,
        });
    }
    let credentials = read_credentials(&settings)?;
    let mut signals = Signals::new().map_err(ServeError::Runtime)?;
    let listener = bind(settings.listen)?;
    let address = listener.local_addr().map_err(ServeError::Runtime)?;
    let connections = raise_descriptor_limit(settings.max_connections);
    if settings.upstream.is_some() {
        for rule in rules::denied_networks(&settings) {
            warn!("rule deny {rule} cannot see names, which the upstream proxy resolves");
        }
    }
    info!("listening at {address}");
    let server = Server {
        house: Rc::new(House {
            settings,
            refusals: Refusals::default(),
        }),
        admission: Admission::new(connections),
        credentials: RefCell::new(credentials),
    };
    LocalSet::new()
        .run_until(server.run(listener, &mut signals))
        .await;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Reload,
    End,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

struct Server {
    house: Rc<House>,
    admission: Rc<Admission>,
    credentials: RefCell<Option<Rc<Credentials>>>,
}

impl Server {
    async fn run(&self, listener: TcpListener, signals: &mut Signals) {
        let mut clients = JoinSet::new();
        let mut acceptor = Acceptor::new(listener);
        loop {
            tokio::select! {
                (client, peer) = acceptor.next(&self.admission) => {
                    let (hearing, evicted) = self.admission.hear();
                    let credentials = self.credentials.borrow().clone();
                    let house = Rc::clone(&self.house);
                    clients.spawn_local(session::serve(client, peer, hearing, house, credentials));
                    if evicted {
                        // Its descriptor is closed before there are more.
                        task::yield_now().await;
                    }
                }
                Some(ended) = clients.join_next() => note(ended),
                asked = signals.next() => match asked {
                    Asked::Reload => self.reload(),
                    Asked::End => break,
                },
            }
        }
        drop(acceptor);
        self.drain(clients, signals).await;
    }

    fn reload(&self) {
        match read_credentials(&self.house.settings) {
            Ok(credentials) => *self.credentials.borrow_mut() = credentials,
            Err(error) => error!("{}; those read before stay valid", in_one_line(&error)),
        }
    }

    async fn drain(&self, mut clients: JoinSet<()>, signals: &mut Signals) {
        let limit = self.house.settings.drain;
        if !clients.is_empty() {
            let connections = self.admission.connections();
            info!("stopping, {connections} connections have up to {limit:?}");
        }
        let all_ended = async {
            while let Some(ended) = clients.join_next().await {
                note(ended);
            }
        };
        tokio::select! {
            () = all_ended => {}
            () = time::sleep(limit) => {}
            () = async { while signals.next().await != Asked::End {} } => {}
        }
        match self.admission.connections() {
            0 => info!("stopped"),
            cut => info!("stopped, {cut} connections cut"),
        }
    }
}

/// A connection's end in the log, when it was not one of its own making.
fn note(ended: Result<(), JoinError>) {
    if let Err(failure) = ended {
        error!("connection's task failed: {failure}");
    }
}

fn read_credentials(settings: &Builtin) -> Result<Option<Rc<Credentials>>, UsersError> {
    let Some(auth) = &settings.auth else {
        return Ok(None);
    };
    let credentials = Credentials::read(&auth.file)?;
    let users = match credentials.len() {
        1 => "1 user".to_owned(),
        several => format!("{several} users"),
    };
    info!("{users} read from {}", auth.file.display());
    Ok(Some(Rc::new(credentials)))
}

fn bind(listen: SocketAddr) -> Result<TcpListener, ServeError> {
    listener(listen).map_err(|source| ServeError::Bind {
        listen,
        holder: (source.kind() == io::ErrorKind::AddrInUse)
            .then(|| holder_of(listen.port()))
            .flatten(),
        source,
    })
}

fn listener(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = match listen {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

/// Two descriptors a connection. Returns how many connections there can be, so that too few
/// descriptors are never a reason to hear nobody; the operator is told.
fn raise_descriptor_limit(connections: usize) -> usize {
    let wanted = 2 * connections as u64 + OTHER_DESCRIPTORS;
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if wanted > soft {
            setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)?;
        }
        Ok(hard)
    });
    match raised {
        Ok(hard) if wanted > hard => {
            let room = (hard.saturating_sub(OTHER_DESCRIPTORS) / 2).max(hard / 4);
            let room = usize::try_from(room)
                .unwrap_or(connections)
                .min(connections);
            warn!(
                "limit of {hard} open files is too low for {connections} clients, which may need \
                 {wanted}: there will be {room} at most; raise LimitNOFILE= (systemd.exec(5))"
            );
            room
        }
        Ok(_) => connections,
        Err(error) => {
            warn!("limit of open files cannot be raised: {error}");
            connections
        }
    }
}
