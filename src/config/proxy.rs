//! The SOCKS proxy's own settings. A proxy of `kind = "command"` is an ordinary worker.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The builtin SOCKS5 proxy. It is handed to `loopkeeperd proxy` as JSON in a file, so that a
/// change of it is a change of that worker and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Clients at one time; further ones wait to be accepted.
    pub max_connections: usize,
    /// A connection without a byte in either direction for so long is closed.
    pub idle: Duration,
    /// To connect to a destination.
    pub connect: Duration,
    /// After SIGTERM, open connections have so long to end by themselves.
    pub drain: Duration,
}

/// User names and passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// A file of `user:password` lines, absolute; read at start and on SIGHUP, never copied.
    pub file: PathBuf,
}

/// Destinations by network or name, and port. Written `10.0.0.0/8`, `10.0.0.7:22`, `*.example.org:443`,
/// `*:1024-65535`, `[fd00::/8]:22`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Which hosts.
    pub hosts: Hosts,
    /// Lowest and highest port.
    pub ports: (u16, u16),
}

/// The host part of a [`Destination`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hosts {
    /// Every host.
    Any,
    /// Addresses, also those a name resolves to.
    Net(IpNet),
    /// This name as the client gave it, in lower case.
    Name(String),
    /// Every name below this one, in lower case, without the `*.`.
    Below(String),
}

/// A userspace tailscaled whose SOCKS server is the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tailscale {
    /// Where its SOCKS server listens; loopback only.
    pub listen: SocketAddr,
    /// Its state directory, absolute.
    pub state: PathBuf,
    /// The file with the auth key, absolute; without one the machine must be logged in already.
    pub auth_key: Option<PathBuf>,
    /// The name it has in the tailnet.
    pub hostname: Option<String>,
    /// `tailscaled`, absolute.
    pub tailscaled: PathBuf,
    /// `tailscale`, absolute.
    pub tailscale: PathBuf,
    /// More arguments for `tailscaled`.
    pub arguments: Vec<String>,
}
