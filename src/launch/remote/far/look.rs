//! What a person wants to know of a host: what is known of it, and what it says when it is asked now.
//!
//! Promise: what is known is told at once; whoever asks the host has an answer, or why there is none,
//! within [`CHECKS_WITHIN`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::{Far, why};
use crate::{
    launch::remote::{Seen, facts},
    model::{AttemptRef, HostFacts},
    ssh::{LinkError, Output, Script},
};

/// How long a whole look may take, with a try to connect.
pub(crate) const CHECKS_WITHIN: Duration = Duration::from_secs(25);
/// How long each script may take, where there is a connection.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer that are taken.
const LONGEST: usize = 64 * 1024;
/// Empty scripts of which the latency is the middle one.
const ROUNDS: usize = 3;

/// What is known of a host.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Why nothing is known, if nothing is.
    pub(crate) unreachable: Option<String>,
    /// Since when.
    pub(crate) since: Timestamp,
    /// How long an empty script took last.
    pub(crate) latency: Option<Duration>,
    /// What is ours there, and nobody here has a record of; `None` where that is not known.
    pub(crate) unknown: Option<Vec<(AttemptRef, Seen)>>,
}

/// What a host answered.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// How long an empty script takes.
    pub(crate) latency: Duration,
    /// So many milliseconds its clock is before ours, where it told its time.
    pub(crate) skew: Option<i64>,
    /// What it has for us.
    pub(crate) facts: HostFacts,
}

impl Far {
    /// What is known of it, at once.
    pub(crate) fn standing(&self) -> Standing {
        let known = self.known();
        let own = format!("host {} ", self.name());
        let unreachable = known.unreachable.as_ref();
        let unreachable = unreachable.map(|why| why.strip_prefix(&own).unwrap_or(why).to_owned());
        let unknown = unreachable.is_none().then(|| {
            let seen =
                |of: &AttemptRef| Some((of.clone(), known.attempts.get(of)?.seen.borrow().clone()));
            known.unknown.iter().filter_map(seen).collect()
        });
        Standing {
            unreachable,
            since: known.since,
            latency: known.latency,
            unknown,
        }
    }

    /// Asks it what it has for us, and how far it is. Where there is no connection, waits for one try.
    pub(crate) async fn check(&self) -> Result<Checked, String> {
        let checks = async {
            let _one_at_a_time = self.0.looks.lock().await;
            self.answers().await?;
            let mut rounds = [Duration::ZERO; ROUNDS];
            for round in &mut rounds {
                *round = self.empty().await?;
            }
            rounds.sort();
            let latency = rounds[ROUNDS / 2];
            self.known().latency = Some(latency);
            let skew = self.skew().await?;
            let facts = self.facts().await?;
            Ok(Checked {
                latency,
                skew,
                facts,
            })
        };
        in_time(timeout(CHECKS_WITHIN, checks).await)
    }

    /// Asks it what it has for us, if there is a connection.
    pub(crate) async fn look(&self) -> Result<HostFacts, String> {
        let looks = async {
            let _one_at_a_time = self.0.looks.lock().await;
            self.facts().await
        };
        in_time(timeout(CHECKS_WITHIN, looks).await)
    }

    /// Learns how far it is. Where that cannot be learned, nothing is known of it.
    pub(super) async fn measure(&self) {
        let latency = self.empty().await.ok();
        self.known().latency = latency;
    }

    async fn facts(&self) -> Result<HostFacts, String> {
        let script = self.way_now().place.look();
        let output = self.said(&script).await?;
        facts::read(&String::from_utf8_lossy(&output.output)).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.errors);
            format!(
                "what it has cannot be told: {}: {}",
                output.exit,
                said.trim()
            )
        })
    }

    /// How long a script takes that does nothing.
    async fn empty(&self) -> Result<Duration, String> {
        let began = Instant::now();
        self.said(&Script::new(":")).await?;
        Ok(began.elapsed())
    }

    /// Our time is that in the middle of the round trip.
    async fn skew(&self) -> Result<Option<i64>, String> {
        let before = milliseconds();
        let output = self.said(&Script::new("date +%s%N")).await?;
        let after = milliseconds();
        let there = facts::clock(&String::from_utf8_lossy(&output.output));
        Ok(there.map(|there| there.saturating_sub(before.midpoint(after))))
    }

    async fn said(&self, script: &Script) -> Result<Output, String> {
        let way = self.way_now();
        let ran = way.link.run(script, WITHIN, LONGEST).await;
        ran.map_err(|error| match error {
            LinkError::TimedOut { limit, .. } => {
                format!("no answer within {} s", limit.as_secs())
            }
            other => why(other),
        })
    }
}

fn in_time<T, E>(checked: Result<Result<T, String>, E>) -> Result<T, String> {
    checked.unwrap_or_else(|_| Err(format!("no answer within {} s", CHECKS_WITHIN.as_secs())))
}

fn milliseconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
