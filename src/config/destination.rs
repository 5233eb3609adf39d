//! Destinations of the builtin proxy's rules: by network or name, and port.
//!
//! Promise: what is written means one thing. A text that could be read in two ways, or that could
//! never match anything, is an error that says what was expected.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// Destinations by network or name, and port. Written `10.0.0.0/8`, `10.0.0.7:22`, `*.example.org:443`,
/// `*:1024-65535`, `[fd00::/8]:22`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    /// Which hosts.
    pub hosts: Hosts,
    /// Lowest and highest port; [`Destination::EVERY_PORT`] when none is written.
    pub ports: (u16, u16),
}

/// The host part of a [`Destination`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hosts {
    /// Every host.
    Any,
    /// Addresses, also those a name resolves to. Never an IPv4 network in IPv6 clothes.
    Net(IpNet),
    /// This name as the client gave it, in lower case, without a dot at the end.
    Name(String),
    /// Every name below this one, in lower case, without the `*.`.
    Below(String),
}

/// Why a text is not a [`Destination`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The host part is neither a network nor a name.
    #[error(
        "host `{0}` is not valid: expected an address, a network such as 10.0.0.0/8, a name, *.name or *"
    )]
    Host(String),
    /// The network's address has bits beyond its prefix.
    #[error("network `{given}` has bits beyond its prefix: expected `{expected}`")]
    HostBits {
        /// As written.
        given: String,
        /// The network that contains it.
        expected: IpNet,
    },
    /// The name has letters outside ASCII.
    #[error("name `{0}` is not ASCII: expected its xn-- form, as the proxy's clients send it")]
    NotAscii(String),
    /// The port part is not a port or a range of them.
    #[error("port `{0}` is not valid: expected 1 to 65535, or a range such as 1024-65535")]
    Port(String),
    /// An IPv6 address or network with a port and no brackets, or a bracket that isn't closed.
    #[error("address `{0}` needs brackets: expected [address]:port or [network/prefix]:port")]
    Brackets(String),
}

impl Destination {
    /// What [`Destination::ports`] is when no port is written.
    pub const EVERY_PORT: (u16, u16) = (0, u16::MAX);
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (hosts, ports) = if let Some(rest) = text.strip_prefix('[') {
            let brackets = || DestinationError::Brackets(text.to_owned());
            let (inside, after) = rest.split_once(']').ok_or_else(brackets)?;
            let hosts = match network(inside)? {
                Some(net @ IpNet::V6(_)) => Hosts::Net(net),
                Some(net @ IpNet::V4(_)) if inside.contains(':') => Hosts::Net(net),
                _ => return Err(brackets()),
            };
            match after {
                "" => (hosts, None),
                _ => (hosts, Some(after.strip_prefix(':').ok_or_else(brackets)?)),
            }
        } else if text.matches(':').count() > 1 {
            match network(text)? {
                Some(net) => (Hosts::Net(net), None),
                None => return Err(DestinationError::Brackets(text.to_owned())),
            }
        } else {
            match text.split_once(':') {
                Some((host, ports)) => (host.parse()?, Some(ports)),
                None => (text.parse()?, None),
            }
        };
        let ports = ports.map_or(Ok(Self::EVERY_PORT), port_range)?;
        Ok(Self { hosts, ports })
    }
}

impl FromStr for Hosts {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(net) = network(text)? {
            return Ok(Self::Net(net));
        }
        match text.strip_prefix("*.") {
            Some(parent) => name(parent).map(Self::Below),
            None => name(text).map(Self::Name),
        }
    }
}

/// The network or single address that `text` is, or `None` when it looks like neither.
fn network(text: &str) -> Result<Option<IpNet>, DestinationError> {
    let net = match (text.parse::<IpAddr>(), text.parse::<IpNet>()) {
        (Ok(address), _) => IpNet::from(address),
        (_, Ok(net)) => net,
        _ => return Ok(None),
    };
    if net.trunc() != net {
        return Err(DestinationError::HostBits {
            given: text.to_owned(),
            expected: net.trunc(),
        });
    }
    Ok(Some(match net {
        // Addresses are compared in their IPv4 form (RFC 4291 section 2.5.5.2), so must rules be.
        IpNet::V6(v6) => v6
            .addr()
            .to_ipv4_mapped()
            .zip(v6.prefix_len().checked_sub(96))
            .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
            .map_or(net, IpNet::V4),
        IpNet::V4(_) => net,
    }))
}

/// `text` as a host name (RFC 1123 section 2.1, and the underscore that is in use), in lower case.
fn name(text: &str) -> Result<String, DestinationError> {
    if !text.is_ascii() {
        return Err(DestinationError::NotAscii(text.to_owned()));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label_is_valid = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let is_valid = name.len() <= 253
        && name.split('.').all(label_is_valid)
        && !name.rsplit('.').next().is_none_or(is_number);
    if is_valid {
        Ok(name)
    } else {
        Err(DestinationError::Host(text.to_owned()))
    }
}

fn port_range(text: &str) -> Result<(u16, u16), DestinationError> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let port = |digits: &str| {
        Some(digits)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u16>().ok())
            .filter(|&port| port != 0)
    };
    match (port(low), port(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(DestinationError::Port(text.to_owned())),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Net(net @ IpNet::V6(_)) if self.ports != Self::EVERY_PORT => {
                write!(f, "[{}]", Short(net))
            }
            hosts => hosts.fmt(f),
        }?;
        match self.ports {
            Self::EVERY_PORT => Ok(()),
            (low, high) if low == high => write!(f, ":{low}"),
            (low, high) => write!(f, ":{low}-{high}"),
        }
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Net(net) => Short(net).fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// A network, without the prefix length where it is a single address.
struct Short<'a>(&'a IpNet);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Hosts {
        Hosts::Net(text.parse().unwrap())
    }

    #[test]
    fn every_way_of_writing_is_understood_and_written_back() {
        let every = Destination::EVERY_PORT;
        for (text, hosts, ports, written) in [
            ("*", Hosts::Any, every, "*"),
            ("*:443", Hosts::Any, (443, 443), "*:443"),
            ("*:1024-65535", Hosts::Any, (1024, 65535), "*:1024-65535"),
            ("10.0.0.0/8", net("10.0.0.0/8"), every, "10.0.0.0/8"),
            ("10.0.0.7", net("10.0.0.7/32"), every, "10.0.0.7"),
            ("10.0.0.7:22", net("10.0.0.7/32"), (22, 22), "10.0.0.7:22"),
            ("0.0.0.0/0:1-2", net("0.0.0.0/0"), (1, 2), "0.0.0.0/0:1-2"),
            ("fd00::/8", net("fd00::/8"), every, "fd00::/8"),
            ("::1", net("::1/128"), every, "::1"),
            ("[::1]", net("::1/128"), every, "::1"),
            ("[::1]:22", net("::1/128"), (22, 22), "[::1]:22"),
            ("[fd00::/8]:22", net("fd00::/8"), (22, 22), "[fd00::/8]:22"),
            (
                "[::ffff:10.0.0.0/104]:22",
                net("10.0.0.0/8"),
                (22, 22),
                "10.0.0.0/8:22",
            ),
            ("::ffff:10.0.0.7", net("10.0.0.7/32"), every, "10.0.0.7"),
            (
                "localhost",
                Hosts::Name("localhost".into()),
                every,
                "localhost",
            ),
            (
                "Git.Example.ORG.",
                Hosts::Name("git.example.org".into()),
                every,
                "git.example.org",
            ),
            (
                "*.example.org:443",
                Hosts::Below("example.org".into()),
                (443, 443),
                "*.example.org:443",
            ),
            (
                "_sip.a-b.de:7",
                Hosts::Name("_sip.a-b.de".into()),
                (7, 7),
                "_sip.a-b.de:7",
            ),
        ] {
            let destination: Destination = text.parse().unwrap();
            assert_eq!(destination, Destination { hosts, ports }, "{text}");
            assert_eq!(destination.to_string(), written);
            assert_eq!(written.parse(), Ok(destination));
        }
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        let complaint = |text: &str| text.parse::<Destination>().unwrap_err();
        for text in [
            "",
            ".",
            "a..b",
            "*.",
            "*.*",
            "a.*",
            "**",
            "a b",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.0/33",
            "127",
            "name/8",
            "x_y.9",
            "a\u{0}",
        ] {
            assert!(
                matches!(complaint(text), DestinationError::Host(_)),
                "{text:?}"
            );
        }
        for text in [
            "*:", "*:0", "*:65536", "*:9-8", "*:-1", "*:+1", "*:1-", "*:1-2-3", "a:b",
        ] {
            assert!(
                matches!(complaint(text), DestinationError::Port(_)),
                "{text:?}"
            );
        }
        for text in [
            "fd00::/8:22",
            "[::1",
            "[::1]22",
            "[::1]]:22",
            "[10.0.0.7]:22",
            "[*]:22",
            "a:1:2",
        ] {
            assert!(
                matches!(complaint(text), DestinationError::Brackets(_)),
                "{text:?}"
            );
        }
        assert_eq!(
            complaint("10.0.0.7/8").to_string(),
            "network `10.0.0.7/8` has bits beyond its prefix: expected `10.0.0.0/8`"
        );
        assert!(matches!(
            complaint("bücher.example"),
            DestinationError::NotAscii(_)
        ));
    }

    #[test]
    fn json_has_the_written_form() {
        let rules: Vec<Destination> = serde_json::from_str(r#"["*.example.org:443"]"#).unwrap();
        assert_eq!(
            serde_json::to_string(&rules).unwrap(),
            r#"["*.example.org:443"]"#
        );
        let error = serde_json::from_str::<Destination>(r#""*:0""#).unwrap_err();
        assert!(
            error.to_string().starts_with("port `0` is not valid"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_error_or_written_back_the_same(text in "[\\[\\]*.:/0-9a-f-]{0,24}|\\PC{0,24}") {
            if let Ok(destination) = text.parse::<Destination>() {
                proptest::prop_assert_eq!(destination.to_string().parse(), Ok(destination));
            }
        }
    }
}
