//! The restart budget: how long to wait before a restart, and when to stop trying.

use std::time::Duration;

use super::Restarts;
use crate::{
    config::{Backoff, Budget, Restart},
    model::{BootId, Exit, Mono},
};

/// What was short is not there again any sooner; and no budget bounds how often it is tried.
const PUT_OFF: Duration = Duration::from_secs(1);

/// What follows when an attempt ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt after the delay.
    After(Duration),
    /// Too many restarts.
    Exhausted,
}

/// Erlang's permanent, transient and temporary.
pub(super) fn wants_restart(policy: Restart, exit: &Exit) -> bool {
    match policy {
        Restart::Always => true,
        Restart::OnFailure => !exit.is_success(),
        Restart::Never => false,
    }
}

impl Restarts {
    /// Counts one more own end at `now` and says what follows. `healthy`: it had been ready for
    /// the healthy time, so it begins anew and does not weigh on the budget.
    pub(super) fn count(
        &mut self,
        boot: &BootId,
        now: Mono,
        healthy: bool,
        backoff: &Backoff,
        budget: &Budget,
        rng: &mut fastrand::Rng,
    ) -> Next {
        self.belong_to(boot);
        self.until = None;
        if healthy {
            self.streak = 0;
        } else {
            self.window.push(now);
        }
        self.window.retain(|at| now.since(*at) < budget.window);
        if self.window.len() > budget.restarts as usize {
            return Next::Exhausted;
        }
        self.streak = self.streak.saturating_add(1);
        self.total = self.total.saturating_add(1);
        let delay = delay(backoff, self.streak, rng);
        self.until = Some(now + delay);
        Next::After(delay)
    }

    /// Puts the next start off, longer each time in a row, and counts no restart. Gives the moment
    /// before which it does not come.
    pub(super) fn put_off(
        &mut self,
        boot: &BootId,
        now: Mono,
        backoff: &Backoff,
        rng: &mut fastrand::Rng,
    ) -> Mono {
        self.belong_to(boot);
        self.streak = self.streak.saturating_add(1);
        let until = now + delay(backoff, self.streak, rng).max(PUT_OFF);
        self.until = Some(until);
        until
    }

    /// A new boot begins with an empty budget.
    pub(super) fn belong_to(&mut self, boot: &BootId) {
        if self.boot.as_ref() != Some(boot) {
            *self = Self {
                boot: Some(boot.clone()),
                ..Self::default()
            };
        }
    }

    /// The operator's start forgives what was; the total stays true.
    pub(super) fn forgive(&mut self) {
        self.window.clear();
        self.streak = 0;
        self.until = None;
    }
}

/// The delay before the `streak`th restart in a row.
fn delay(backoff: &Backoff, streak: u32, rng: &mut fastrand::Rng) -> Duration {
    let doublings = streak.saturating_sub(1).min(31);
    let plain = backoff
        .first
        .saturating_mul(1 << doublings)
        .min(backoff.most.max(backoff.first));
    let jitter = f64::from(backoff.jitter.min(100)) / 100.0;
    plain.mul_f64(1.0 + jitter * (2.0 * rng.f64() - 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff(first: u64, most: u64, jitter: u8) -> Backoff {
        Backoff {
            first: Duration::from_millis(first),
            most: Duration::from_millis(most),
            jitter,
            healthy: Duration::from_secs(60),
        }
    }

    fn boot(digit: char) -> BootId {
        digit.to_string().repeat(32).parse().unwrap()
    }

    #[test]
    fn the_delay_doubles_up_to_the_most() {
        let mut rng = fastrand::Rng::with_seed(1);
        let delays: Vec<_> = (1..=6)
            .map(|n| delay(&backoff(100, 1000, 0), n, &mut rng).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_percent(first in 0u64..100_000, most in 0u64..1_000_000,
                                           jitter in 0u8..=100, streak: u32, seed: u64) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let plain = delay(&backoff(first, most, 0), streak, &mut rng).as_secs_f64();
            let moved = delay(&backoff(first, most, jitter), streak, &mut rng).as_secs_f64();
            let allowed = plain * f64::from(jitter) / 100.0 + 1e-6;
            prop_assert!((moved - plain).abs() <= allowed, "{plain} {moved}");
        }
    }

    #[test]
    fn the_budget_is_a_sliding_window_that_a_healthy_time_does_not_touch() {
        let budget = Budget {
            restarts: 2,
            window: Duration::from_secs(10),
        };
        let backoff = backoff(0, 0, 0);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut restarts = Restarts::default();
        let mut at = |now, healthy| {
            restarts.count(&boot('a'), Mono(now), healthy, &backoff, &budget, &mut rng)
        };
        let again = Next::After(Duration::ZERO);
        assert_eq!(at(0, false), again);
        assert_eq!(at(1_000, false), again);
        assert_eq!(at(2_000, true), again);
        assert_eq!(
            at(10_500, false),
            again,
            "the first one is out of the window"
        );
        assert_eq!(at(10_600, false), Next::Exhausted);
    }

    #[test]
    fn a_new_boot_begins_with_an_empty_budget() {
        let mut restarts = Restarts {
            boot: Some(boot('a')),
            window: vec![Mono(5)],
            streak: 4,
            total: 9,
            until: Some(Mono(9)),
        };
        restarts.belong_to(&boot('a'));
        assert_eq!(restarts.total, 9);
        restarts.belong_to(&boot('b'));
        assert_eq!(
            restarts,
            Restarts {
                boot: Some(boot('b')),
                ..Restarts::default()
            }
        );
    }
}
