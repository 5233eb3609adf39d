//! Moments, as they are handed to the rules: nothing in the core asks a clock.

use std::{ops::Add, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Milliseconds on the machine's monotonic clock (`CLOCK_MONOTONIC`, clock_gettime(2)).
///
/// It never jumps, and within one boot it goes on across restarts of the daemon, so deadlines and
/// budgets may be stored together with the boot they belong to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// The moment an event is handled: rules use `mono`, people read `wall`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Now {
    /// For every deadline, delay and budget.
    pub mono: Mono,
    /// For history and display, and for ends that others name by the clock: it may jump.
    pub wall: Timestamp,
}
