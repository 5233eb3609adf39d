//! When a connection to a host is tried again.
//!
//! Promise: soon at first, later at ease, never in step with others, and for ever. One that held is not
//! blamed for the tries before it.

use std::time::Duration;

/// Before the first try after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// Never longer, but for the jitter.
const MOST: Duration = Duration::from_secs(60);
/// A connection that lived so long has held.
const HELD: Duration = Duration::from_secs(60);
/// To either side, in parts of the delay.
const JITTER: f64 = 0.2;

/// Failures in a row, after one more: a try that came to nothing, or a connection that `lived` and is lost.
pub(crate) fn failures(before: u32, lived: Option<Duration>) -> u32 {
    match lived {
        Some(lived) if lived >= HELD => 1,
        _ => before.saturating_add(1),
    }
}

/// How long to wait after so many failures in a row.
pub(crate) fn again(failures: u32, rng: &mut fastrand::Rng) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let plain = FIRST.saturating_mul(1 << doublings).min(MOST);
    plain.mul_f64(1.0 + JITTER * (2.0 * rng.f64() - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_from_a_second_to_a_minute_and_no_two_hosts_go_in_step() {
        for seed in 0..100 {
            let mut rng = fastrand::Rng::with_seed(seed);
            for (failures, plain) in [
                (1, 1.0),
                (2, 2.0),
                (3, 4.0),
                (6, 32.0),
                (7, 60.0),
                (99, 60.0),
            ] {
                let ratio = again(failures, &mut rng).as_secs_f64() / plain;
                assert!((0.8..=1.2).contains(&ratio), "{failures}: {ratio}");
            }
        }
        let first = |seed| again(7, &mut fastrand::Rng::with_seed(seed));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn only_a_connection_that_held_makes_good_for_what_was() {
        assert_eq!(failures(0, None), 1);
        assert_eq!(failures(5, None), 6);
        assert_eq!(failures(5, Some(Duration::from_secs(59))), 6);
        assert_eq!(failures(5, Some(HELD)), 1);
        assert_eq!(failures(u32::MAX, None), u32::MAX);
    }
}
