//! Times, durations and foreign text as people read them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Without control characters: what a worker wrote must not steer the operator's terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The same for a text whose lines are to stay lines.
pub(super) fn printable_lines(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// What may be right and mostly is not, a line each.
pub(super) fn warnings(doubts: &[String]) -> String {
    let lines = doubts.iter().map(|doubt| format!("warning: {doubt}\n"));
    printable_lines(&lines.collect::<String>())
}

/// A duration as somebody types it.
pub(super) fn read_duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| format!("{text:?} is no duration, such as \"2s\" or \"1h 30m\""))
}

/// `4s`, `12m 3s`, `4h 2m`, `3d 4h`.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// From `then` to `now`; a clock that was set back makes it 0.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    duration(u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0))
}

/// `2026-11-21 00:43`.
pub(super) fn minute(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

/// `2026-11-21 00:43:19`.
pub(super) fn second(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// `1 reboot`, `2 reboots`.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_parts() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3599, "59m 59s"),
            (3600, "1h 0m"),
            (86399, "23h 59m"),
            (86400, "1d 0h"),
            (u64::MAX, "213503982334601d 7h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn an_age_is_never_negative() {
        let now = Timestamp::UNIX_EPOCH;
        let later = Timestamp::from_second(100).unwrap();
        assert_eq!(age(later, now), "0s");
        assert_eq!(age(now, later), "1m 40s");
    }

    #[test]
    fn escape_sequences_lose_their_power() {
        assert_eq!(
            printable("a\x1b[2Jb\r\n\u{9b}c"),
            "a\u{fffd}[2Jb\u{fffd} \u{fffd}c"
        );
        assert_eq!(
            printable_lines("a\x1b[2Jb\r\n\t\u{9b}c"),
            "a\u{fffd}[2Jb\u{fffd}\n\t\u{fffd}c"
        );
    }
}
