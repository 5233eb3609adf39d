//! The SOCKS proxy's own settings. A proxy of `kind = "command"` is an ordinary worker.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Command, Destination};

/// The builtin SOCKS5 proxy. It is handed to `loopkeeperd proxy` as JSON in a file, so that a
/// change of it is a change of that worker and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builtin {
    /// Where it listens; beyond loopback only together with `auth`.
    pub listen: SocketAddr,
    /// Who may use it; `None` is everyone who can connect.
    pub auth: Option<Auth>,
    /// If not empty, only these destinations may be reached.
    pub allow: Vec<Destination>,
    /// Destinations that may not be reached; wins over `allow`.
    pub deny: Vec<Destination>,
    /// `host:port` of a SOCKS5 server through which everything goes.
    pub upstream: Option<String>,
    /// Connections at one time; a client that asks for one more is refused.
    pub max_connections: usize,
    /// A connection without a byte in either direction for so long is closed.
    pub idle: Duration,
    /// For a client to log in and say where it wants to go.
    pub handshake: Duration,
    /// To find the addresses of a destination and connect to one of them.
    pub connect: Duration,
    /// After SIGTERM, open connections have so long to end by themselves.
    pub drain: Duration,
}

impl Default for Builtin {
    /// For everyone on this machine, to everywhere, at 127.0.0.1:1055.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1055)),
            auth: None,
            allow: Vec::new(),
            deny: Vec::new(),
            upstream: None,
            max_connections: 1024,
            idle: Duration::from_hours(1),
            handshake: Duration::from_secs(10),
            connect: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

impl Builtin {
    /// Under what name the file of its users is handed over as a secret of its own.
    pub const USERS: &str = "proxy-users";

    /// The file of users, where it is a credential of the daemon's service (systemd.exec(5),
    /// "Credentials"): systemd hides those from whom it confines.
    pub fn credential(&self) -> Option<&Path> {
        let file = self.auth.as_ref()?.file.as_path();
        file.starts_with("/run/credentials").then_some(file)
    }

    /// Whether everyone who can reach this machine could use it without a password, which is
    /// refused.
    #[must_use]
    pub fn is_open_to_strangers(&self) -> bool {
        self.auth.is_none() && !self.listen.ip().to_canonical().is_loopback()
    }
}

/// User names and passwords.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Auth {
    /// A file of `user:password` lines, absolute; read at start and on SIGHUP.
    pub file: PathBuf,
}

/// A userspace tailscaled whose SOCKS server is the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tailscale {
    /// Where its SOCKS server listens; loopback only.
    pub listen: SocketAddr,
    /// Its state directory, absolute.
    pub state: PathBuf,
    /// The file with the auth key, absolute; without one the machine must be logged in already.
    pub auth_key: Option<PathBuf>,
    /// The name it has in the tailnet.
    pub hostname: Option<String>,
    /// `tailscaled`, looked up in PATH when it is run.
    pub tailscaled: PathBuf,
    /// `tailscale`, looked up in PATH when it is run.
    pub tailscale: PathBuf,
    /// More arguments for `tailscaled`.
    pub arguments: Vec<String>,
}

impl Tailscale {
    /// Where tailscaled listens for the `tailscale` command.
    pub fn socket(&self) -> PathBuf {
        Self::socket_in(&self.state)
    }

    /// The SOCKS handshake and the backend's state, which only tailscale knows, in one command: the
    /// role `proxy-ready` of our own executable.
    pub fn readiness(&self, executable: &Path) -> Command {
        let mut arguments = vec![
            "proxy-ready".to_owned(),
            format!("--listen={}", self.listen),
            format!("--tailscale={}", self.tailscale.display()),
            format!("--control={}", self.socket().display()),
        ];
        if let Some(file) = &self.auth_key {
            arguments.push(format!("--auth-key={}", file.display()));
        }
        if let Some(name) = &self.hostname {
            arguments.push(format!("--hostname={name}"));
        }
        Command {
            program: executable.to_owned(),
            arguments,
        }
    }

    pub(super) fn socket_in(state: &Path) -> PathBuf {
        state.join("tailscaled.sock")
    }
}
