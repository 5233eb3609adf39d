//! Why a client got no connection, in the log without flooding it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use fast_socks5::{Socks5Command, server::SocksServerError, util::target_addr::TargetAddr};
use tracing::{debug, info, warn};

use super::{admission::HEARINGS, connect::ConnectError};
use crate::causes::in_one_line;

/// Between two lines in the log about one kind of refusal.
pub(super) const APART: Duration = Duration::from_secs(60);
/// So many destinations that cannot be reached are told of each for itself; the others together.
const DESTINATIONS: usize = 50;

/// Why a client got no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("all {0} connections are taken (`max_connections` in [proxy])")]
    Full(usize),
    #[error("no request yet, and {HEARINGS} later clients had none either")]
    Evicted,
    #[error("no request within {0:?}")]
    Silent(Duration),
    #[error("no valid request")]
    Negotiation(#[from] SocksServerError),
    #[error("command {0:?} is not supported")]
    Command(Socks5Command),
    // A name is what the client made of it.
    #[error("no connection to {}", .target.to_string().escape_debug())]
    Connect {
        target: TargetAddr,
        source: ConnectError,
    },
}

/// What the operator is told of at most once in [`APART`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Full,
    Evicted,
    Silent,
    Login,
    Protocol,
    Rule,
    /// The world's doing, and not the proxy's.
    Unreached(String),
}

impl Refusal {
    /// `None` for a client that left, as one does that only asked whether the proxy is up.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Full(_) => Some(Kind::Full),
            Self::Evicted => Some(Kind::Evicted),
            Self::Silent(_) => Some(Kind::Silent),
            Self::Negotiation(SocksServerError::Io { .. } | SocksServerError::EOF) => None,
            Self::Negotiation(
                SocksServerError::AuthenticationRejected
                | SocksServerError::AuthMethodUnacceptable(_)
                | SocksServerError::EmptyUsername
                | SocksServerError::EmptyPassword,
            ) => Some(Kind::Login),
            Self::Negotiation(_) | Self::Command(_) => Some(Kind::Protocol),
            Self::Connect {
                source: ConnectError::Rule(_),
                ..
            } => Some(Kind::Rule),
            Self::Connect { target, .. } => Some(Kind::Unreached(target.to_string())),
        }
    }
}

/// What was said of refusals already.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    said: RefCell<BTreeMap<Kind, (Instant, usize)>>,
}

impl Refusals {
    /// In the log: each at debug level, and one of each kind in [`APART`] as a warning, or as a
    /// mere information where a destination cannot be reached.
    pub(super) fn note(&self, peer: SocketAddr, refusal: &Refusal) {
        let why = in_one_line(refusal);
        debug!(client = %peer, "refused: {why}");
        let Some(kind) = refusal.kind() else { return };
        let is_unreached = matches!(kind, Kind::Unreached(_));
        let Some(others) = self.turn(kind, Instant::now()) else {
            return;
        };
        let before = match others {
            0 => String::new(),
            others => format!("; so were {others} before it"),
        };
        match is_unreached {
            true => info!("client {peer}: {why}{before}"),
            false => warn!("client {peer} is refused: {why}{before}"),
        }
    }

    /// How many of the kind went unsaid, when it is time to say something again.
    fn turn(&self, mut kind: Kind, now: Instant) -> Option<usize> {
        let mut said = self.said.borrow_mut();
        if matches!(kind, Kind::Unreached(_)) && !said.contains_key(&kind) {
            said.retain(|_, (at, _)| now.duration_since(*at) < APART);
            if said.len() >= DESTINATIONS {
                kind = Kind::Unreached(String::new());
            }
        }
        match said.get_mut(&kind) {
            Some((at, unsaid)) if now.duration_since(*at) < APART => {
                *unsaid += 1;
                None
            }
            before => {
                let unsaid = before.map_or(0, |(_, unsaid)| *unsaid);
                said.insert(kind, (now, 0));
                Some(unsaid)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rules::Denied, *};

    #[test]
    fn each_kind_has_its_turn_once_in_a_while() {
        let refusals = Refusals::default();
        let start = Instant::now();
        assert_eq!(refusals.turn(Kind::Full, start), Some(0));
        assert_eq!(refusals.turn(Kind::Full, start + APART / 2), None);
        assert_eq!(refusals.turn(Kind::Rule, start + APART / 2), Some(0));
        assert_eq!(refusals.turn(Kind::Full, start + APART), Some(1));
    }

    #[test]
    fn each_destination_that_cannot_be_reached_has_its_own_turn_as_long_as_they_are_few() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let turn = |n: usize, at| refusals.turn(Kind::Unreached(format!("host-{n}:22")), at);
        for n in 0..DESTINATIONS {
            assert_eq!(turn(n, start), Some(0));
        }
        assert_eq!(turn(0, start), None);
        assert_eq!(turn(DESTINATIONS, start), Some(0), "for all others");
        assert_eq!(turn(DESTINATIONS + 1, start), None);
        let later = start + APART;
        assert_eq!(turn(0, later), Some(1));
        assert_eq!(
            turn(DESTINATIONS + 2, later),
            Some(0),
            "there is room again"
        );
        assert_eq!(refusals.said.borrow().len(), 2);
    }

    #[test]
    fn destination_and_rule_are_told() {
        let target = || TargetAddr::Domain("git.example".into(), 22);
        for (source, told) in [
            (
                Denied::Unnamed,
                "no connection to git.example:22: no rule of `allow` in [proxy] names it",
            ),
            (
                Denied::By("*.example:22".parse().unwrap()),
                "no connection to git.example:22: denied by `*.example:22` of `deny` in [proxy]",
            ),
        ] {
            let (target, source) = (target(), source.into());
            assert_eq!(in_one_line(&Refusal::Connect { target, source }), told);
        }
        let refusal = Refusal::Connect {
            target: TargetAddr::Domain("a\nb\x1b[m".into(), 1),
            source: Denied::Unnamed.into(),
        };
        let told = in_one_line(&refusal);
        assert!(
            told.starts_with("no connection to a\\nb\\u{1b}[m:1: "),
            "{told}"
        );
    }
}
