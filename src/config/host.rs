//! Other machines on which workers run, and how ssh reaches them.
//!
//! Promise: nothing in an [`SshDestination`] is taken by ssh for an option, or by a shell for anything but
//! a word; what is written means one thing, and is written back in one way.

use std::{collections::BTreeMap, fmt, net::Ipv6Addr, path::PathBuf, str::FromStr};

use crate::model::HostName;

/// One machine of `[hosts.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// Its name in the rig.
    pub name: HostName,
    /// How ssh reaches it.
    pub ssh: SshDestination,
    /// The ssh_config(5) that counts in the place of the user's, absolute, here.
    pub ssh_config: Option<PathBuf>,
    /// The private key that ssh shows, absolute, here.
    pub identity: Option<PathBuf>,
    /// The directory there below which our records lie: absolute, or relative to the home directory there.
    pub path: String,
    /// Added to the environment of each worker there; what a worker says itself wins.
    pub environment: BTreeMap<String, String>,
    /// It is reached through the rig's proxy.
    pub proxy: bool,
}

impl Host {
    /// The [`Host::path`] of one that says none.
    pub const PATH: &str = ".loopkeeper";
}

/// On which machine a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum On {
    /// The one on which the daemon runs.
    #[default]
    Local,
    /// One of [`Config::hosts`](super::Config::hosts).
    Host(HostName),
}

impl On {
    /// The other machine, if it is one.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            Self::Local => None,
            Self::Host(name) => Some(name),
        }
    }

    /// As `on` is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Local => HostName::LOCAL,
            Self::Host(name) => name.as_str(),
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whom ssh connects to. Written `host`, `user@host`, `user@host:port`, `[address]:port` or
/// `ssh://user@host:port`; the host may be an alias of ssh_config(5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SshDestination {
    /// Without it, ssh says who.
    pub user: Option<String>,
    /// A name, an alias or an address; that of IPv6 without its brackets.
    pub host: String,
    /// Without it, ssh says which.
    pub port: Option<u16>,
}

/// Why a text is not an [`SshDestination`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshDestinationError {
    /// There is no host in it.
    #[error("there is no host in it")]
    NoHost,
    /// The host is no name and no address.
    #[error("host `{0}` is not valid")]
    Host(String),
    /// The user could be taken for something else by ssh or by a shell.
    #[error("user `{0}` is not valid")]
    User(String),
    /// The user has a password.
    #[error("a password is in it, and everybody here could read it; ssh takes a key")]
    Password,
    /// What is behind the colon is no port.
    #[error("port `{0}` is not valid: ports are from 1 to 65535")]
    Port(String),
    /// An IPv6 address whose brackets are missing, or not closed.
    #[error("address `{0}` needs brackets: [address]:port")]
    Brackets(String),
    /// A URL of another kind.
    #[error("`{0}://` is not ssh")]
    Scheme(String),
    /// A URL with more than a host.
    #[error("a directory is in it; it belongs in `path`")]
    Directory,
}

impl FromStr for SshDestination {
    type Err = SshDestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = match text.split_once("://") {
            Some(("ssh", rest)) => rest.strip_suffix('/').unwrap_or(rest),
            Some((scheme, _)) => return Err(SshDestinationError::Scheme(scheme.to_owned())),
            None => text,
        };
        // The last one, as ssh has it.
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(checked_user(user)?), place),
            None => (None, text),
        };
        if place.contains('/') {
            return Err(SshDestinationError::Directory);
        }
        let (host, port) = split(place)?;
        let port = port.map(checked_port).transpose()?;
        Ok(Self { user, host, port })
    }
}

/// The host without brackets, and the port as it is written.
fn split(place: &str) -> Result<(String, Option<&str>), SshDestinationError> {
    let brackets = || SshDestinationError::Brackets(place.to_owned());
    if let Some(rest) = place.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or_else(brackets)?;
        let address = address(inside).ok_or_else(|| SshDestinationError::Host(inside.into()))?;
        let port = match after {
            "" => None,
            _ => Some(after.strip_prefix(':').ok_or_else(brackets)?),
        };
        return Ok((address, port));
    }
    if place.matches(':').count() > 1 {
        return Ok((address(place).ok_or_else(brackets)?, None));
    }
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (place, None),
    };
    if host.is_empty() {
        return Err(SshDestinationError::NoHost);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.starts_with('-') || !host.chars().all(is_part) {
        return Err(SshDestinationError::Host(host.to_owned()));
    }
    Ok((host.to_owned(), port))
}

/// An IPv6 address, with the interface that a link-local one needs.
fn address(text: &str) -> Option<String> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    match zone {
        None => Some(address.to_string()),
        Some(zone) => {
            (!zone.is_empty() && zone.bytes().all(is_part)).then(|| format!("{address}%{zone}"))
        }
    }
}

fn checked_user(user: &str) -> Result<String, SshDestinationError> {
    if user.contains(':') {
        return Err(SshDestinationError::Password);
    }
    // What ssh itself refuses, for a ProxyCommand may have it, and what a URL would have encoded.
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || "'`\";&<>|(){}$/%".contains(c);
    if user.is_empty() || user.starts_with('-') || user.ends_with('\\') || user.contains(is_bad) {
        return Err(SshDestinationError::User(user.to_owned()));
    }
    Ok(user.to_owned())
}

fn checked_port(text: &str) -> Result<u16, SshDestinationError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or_else(|| SshDestinationError::Port(text.to_owned()))
}

impl fmt::Display for SshDestination {
    /// `user@host:port`, which is read back as the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_is_understood_and_written_back() {
        for (text, user, host, port, written) in [
            ("pi", None, "pi", None, "pi"),
            ("me@pi.lan", Some("me"), "pi.lan", None, "me@pi.lan"),
            ("pi:22", None, "pi", Some(22), "pi:22"),
            (
                "me@10.0.0.7:2222",
                Some("me"),
                "10.0.0.7",
                Some(2222),
                "me@10.0.0.7:2222",
            ),
            ("[::1]:22", None, "::1", Some(22), "[::1]:22"),
            ("me@[0:0::1]", Some("me"), "::1", None, "me@[::1]"),
            ("fe80::1%eth0", None, "fe80::1%eth0", None, "[fe80::1%eth0]"),
            ("ssh://me@pi:22", Some("me"), "pi", Some(22), "me@pi:22"),
            ("ssh://pi/", None, "pi", None, "pi"),
            ("a@b@pi", Some("a@b"), "pi", None, "a@b@pi"),
        ] {
            let read: SshDestination = text.parse().unwrap();
            let expected = SshDestination {
                user: user.map(str::to_owned),
                host: host.to_owned(),
                port,
            };
            assert_eq!(read, expected, "{text}");
            assert_eq!(read.to_string(), written);
            assert_eq!(written.parse(), Ok(read), "{written}");
        }
    }

    #[test]
    fn what_ssh_or_a_shell_would_take_for_something_else_is_refused() {
        use SshDestinationError::*;

        for (text, why) in [
            ("", NoHost),
            ("me@", NoHost),
            (":22", NoHost),
            ("ssh://", NoHost),
            ("-oProxyCommand=x", Host("-oProxyCommand=x".into())),
            ("me@-v", Host("-v".into())),
            ("p i", Host("p i".into())),
            ("pi\n", Host("pi\n".into())),
            ("pi;id", Host("pi;id".into())),
            ("[10.0.0.7]:22", Host("10.0.0.7".into())),
            ("[fe80::1%a b]", Host("fe80::1%a b".into())),
            ("-l@pi", User("-l".into())),
            ("@pi", User(String::new())),
            ("a b@pi", User("a b".into())),
            ("$(id)@pi", User("$(id)".into())),
            ("me:secret@pi", Password),
            ("pi:", Port(String::new())),
            ("pi:0", Port("0".into())),
            ("pi:+22", Port("+22".into())),
            ("pi:65536", Port("65536".into())),
            ("[::1", Brackets("[::1".into())),
            ("[::1]22", Brackets("[::1]22".into())),
            ("pi:22:33", Brackets("pi:22:33".into())),
            ("http://pi", Scheme("http".into())),
            ("ssh://pi/srv", Directory),
            ("pi/srv", Directory),
        ] {
            assert_eq!(text.parse::<SshDestination>(), Err(why), "{text:?}");
        }
    }
}
