//! From what a client asked for to a connection, or to the reply that says why not.
//!
//! Promise: a name is resolved once, and only addresses that the rules let pass are connected to,
//! so a name server that changes its mind between two questions gains nothing.

use std::{io, net::IpAddr, net::SocketAddr, time::Duration};

use fast_socks5::{ReplyError, util::target_addr::TargetAddr};
use nix::errno::Errno;
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time,
};

use super::{
    rules::{self, Denied},
    upstream,
};
use crate::config::Builtin;

/// An address gets so long alone before the next one is tried beside it (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection to a destination.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Rule(#[from] Denied),
    #[error("name cannot be resolved")]
    Resolve(#[source] io::Error),
    #[error("name has no address")]
    NoAddress,
    #[error("connection failed")]
    Connect(#[source] io::Error),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("upstream proxy failed")]
    Upstream(#[source] io::Error),
    #[error("upstream proxy says {0}")]
    UpstreamReply(ReplyError),
}

impl ConnectError {
    /// The reply code that tells a client (RFC 1928 section 6).
    pub(super) fn reply(&self) -> ReplyError {
        match self {
            Self::Rule(_) => ReplyError::ConnectionNotAllowed,
            Self::Resolve(_) | Self::NoAddress => ReplyError::HostUnreachable,
            Self::Timeout(_) => ReplyError::TtlExpired,
            Self::Upstream(_) => ReplyError::GeneralFailure,
            Self::UpstreamReply(reply) => *reply,
            Self::Connect(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ECONNREFUSED) => ReplyError::ConnectionRefused,
                Some(Errno::ENETUNREACH | Errno::ENETDOWN | Errno::EADDRNOTAVAIL) => {
                    ReplyError::NetworkUnreachable
                }
                Some(Errno::EHOSTUNREACH | Errno::EHOSTDOWN) => ReplyError::HostUnreachable,
                Some(Errno::ETIMEDOUT) => ReplyError::TtlExpired,
                Some(Errno::EACCES | Errno::EPERM) => ReplyError::ConnectionNotAllowed,
                Some(Errno::EAFNOSUPPORT) => ReplyError::AddressTypeNotSupported,
                _ => ReplyError::GeneralFailure,
            },
        }
    }
}

/// Connects to what a client asked for, within the settings' rules and time.
pub(super) async fn connect(
    settings: &Builtin,
    target: TargetAddr,
) -> Result<TcpStream, ConnectError> {
    let attempt = async {
        let target = plain_target(target)?;
        match &settings.upstream {
            None => connect_directly(settings, &target).await,
            Some(server) => connect_through(settings, server, &target).await,
        }
    };
    time::timeout(settings.connect, attempt)
        .await
        .unwrap_or(Err(ConnectError::Timeout(settings.connect)))
}

/// The target in the form in which rules see it. A name that is an address is that address.
fn plain_target(target: TargetAddr) -> Result<TargetAddr, ConnectError> {
    let (host, port) = match target {
        TargetAddr::Ip(address) => {
            return Ok(TargetAddr::Ip(
                (rules::plain(address.ip()), address.port()).into(),
            ));
        }
        TargetAddr::Domain(host, port) => (host, port),
    };
    let name = host.strip_suffix('.').unwrap_or(&host).to_ascii_lowercase();
    if name.is_empty() {
        return Err(ConnectError::NoAddress);
    }
    Ok(match name.parse::<IpAddr>() {
        Ok(address) => TargetAddr::Ip((rules::plain(address), port).into()),
        Err(_) => TargetAddr::Domain(name, port),
    })
}

async fn connect_directly(
    settings: &Builtin,
    target: &TargetAddr,
) -> Result<TcpStream, ConnectError> {
    let (name, found) = match target {
        TargetAddr::Ip(address) => (None, vec![*address]),
        TargetAddr::Domain(name, port) => {
            let verdict = rules::of_name(settings, name, *port)?;
            (Some(verdict), resolve(name, *port).await?)
        }
    };
    let mut permitted = Vec::new();
    let mut denied = None;
    for address in found {
        let address = SocketAddr::from((rules::plain(address.ip()), address.port()));
        match rules::of_address(settings, name, address.ip(), address.port()) {
            Ok(()) => permitted.push(address),
            Err(why) => denied = denied.or(Some(why)),
        }
    }
    if let (true, Some(why)) = (permitted.is_empty(), denied) {
        return Err(why.into());
    }
    connect_to_any(permitted)
        .await
        .map_err(ConnectError::Connect)
}

/// Through the upstream proxy. A name is passed on as it is, so only rules for names apply to it;
/// one that only a network rule could allow, or that is a number in disguise, is refused.
async fn connect_through(
    settings: &Builtin,
    server: &str,
    target: &TargetAddr,
) -> Result<TcpStream, ConnectError> {
    match target {
        TargetAddr::Ip(address) => rules::of_address(settings, None, address.ip(), address.port())?,
        TargetAddr::Domain(name, port) => match rules::of_name(settings, name, *port)? {
            rules::Name::ByAddress => return Err(Denied::Unnamed.into()),
            rules::Name::Allowed if rules::is_number(name) => return Err(Denied::Number.into()),
            rules::Name::Allowed => {}
        },
    }
    let addresses = lookup_host(server).await.map_err(ConnectError::Upstream)?;
    let mut stream = connect_to_any(addresses.collect())
        .await
        .map_err(ConnectError::Upstream)?;
    match upstream::request(&mut stream, target).await {
        Ok(Ok(())) => Ok(stream),
        Ok(Err(reply)) => Err(ConnectError::UpstreamReply(reply)),
        Err(error) => Err(ConnectError::Upstream(error)),
    }
}

async fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let found: Vec<_> = lookup_host((name, port))
        .await
        .map_err(ConnectError::Resolve)?
        .collect();
    if found.is_empty() {
        return Err(ConnectError::NoAddress);
    }
    Ok(found)
}

/// Connects to the first that answers: in the resolver's order, with the families taking turns,
/// the next one starting when one failed or had its head start.
pub(super) async fn connect_to_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = by_turns(addresses).into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        let more = waiting
            .next()
            .map(|address| attempts.spawn(TcpStream::connect(address)));
        let ended = if more.is_some() && waiting.len() > 0 {
            time::timeout(HEAD_START, attempts.join_next()).await
        } else {
            Ok(attempts.join_next().await)
        };
        match ended {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => {
                // A host that is there and refuses says more than a way that does not exist.
                if failure.is_none() || error.kind() == io::ErrorKind::ConnectionRefused {
                    failure = Some(error);
                }
            }
            Ok(Some(Err(stopped))) => return Err(io::Error::other(stopped)),
            Ok(None) => {
                return Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
            }
            Err(_) => {}
        }
    }
}

/// Keeps the order within each family and begins with the first address (RFC 8305 section 4).
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter()
                .map(|address| address.parse().unwrap())
                .collect()
        };
        for (resolved, tried) in [
            (
                &["[::1]:1", "[::2]:1", "1.1.1.1:1"][..],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1"][..],
            ),
            (
                &["1.1.1.1:1", "1.1.1.2:1", "[::1]:1"],
                &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1"],
            ),
            (&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.1:1", "1.1.1.2:1"]),
            (&[], &[]),
        ] {
            assert_eq!(by_turns(parse(resolved)), parse(tried));
        }
    }

    #[test]
    fn a_name_that_is_an_address_is_that_address() {
        let plain = |host: &str| plain_target(TargetAddr::Domain(host.into(), 7)).unwrap();
        assert_eq!(plain("10.0.0.1"), TargetAddr::Ip(([10, 0, 0, 1], 7).into()));
        assert_eq!(
            plain("::ffff:10.0.0.1."),
            TargetAddr::Ip(([10, 0, 0, 1], 7).into())
        );
        assert_eq!(
            plain("Example.ORG."),
            TargetAddr::Domain("example.org".into(), 7)
        );
        assert!(plain_target(TargetAddr::Domain(".".into(), 7)).is_err());
    }

    #[test]
    fn failures_have_the_reply_codes_of_the_standard() {
        let code = |errno: Errno| ConnectError::Connect(errno.into()).reply().as_u8();
        assert_eq!(code(Errno::ECONNREFUSED), 5);
        assert_eq!(code(Errno::ENETUNREACH), 3);
        assert_eq!(code(Errno::EHOSTUNREACH), 4);
        assert_eq!(code(Errno::ETIMEDOUT), 6);
        assert_eq!(code(Errno::EPERM), 2);
        assert_eq!(code(Errno::EMFILE), 1);
        assert_eq!(ConnectError::Rule(Denied::Unnamed).reply().as_u8(), 2);
        assert_eq!(ConnectError::Timeout(Duration::ZERO).reply().as_u8(), 6);
        assert_eq!(ConnectError::NoAddress.reply().as_u8(), 4);
    }
}
