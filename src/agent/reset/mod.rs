//! When a usage limit ends, out of the words that a program prints about it.
//!
//! # Promise
//!
//! [`parse`] gives the next such time after `now`, never one that is past, right across changes of
//! clocks; and `None` for everything that it cannot read as a whole: an unknown zone, an hour that
//! does not exist, a day without an hour, a moment that is over, or one that is too far away for a limit.
//!
//! # How
//!
//! The forms are tried from the one that says most to the one that says least: seconds since 1970,
//! a full date and time, a length of time, and a time of day with whatever is said of its day and
//! zone (`clock`). Words about another matter may stand around them, so the last two need their
//! keyword: "in 2 hours", "resets 3pm", "try again at 9:20 AM". Zones come from the database that is
//! built in; the machine's own zone is given by the caller, who knows it.
//!
//! A length of time counts from `now`, as nobody knows when the words were printed. Who looks again
//! and again keeps the first answer.

mod calendar;
mod clock;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use regex::{Captures, Regex};

/// The longest limits there are last a month. Who believed a slip, or a clock that is wrong, would wait for
/// years.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 32);

/// The next moment after `now` at which the limit in `words` ends. Times that name no zone are in
/// `zone`.
pub fn parse(words: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // The first form that is there decides: a date that is past is not read again as a time of day.
    let at = if let Some(found) = UNIX.captures(&words) {
        unix(&found)
    } else if let Some(found) = FULL.captures(&words) {
        full(&found, zone)
    } else if let Some(found) = LENGTH.captures(&words) {
        length(&found).and_then(|length| now.checked_add(length).ok())
    } else {
        clock::read(&words, now, zone)
    };
    at.filter(|at| *at > now && at.duration_since(now) <= FURTHEST)
}

#[expect(
    clippy::unwrap_used,
    reason = "the pattern is a constant, and a test compiles it"
)]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// "limit reached|1763708400", in seconds or milliseconds.
static UNIX: LazyLock<Regex> = LazyLock::new(|| pattern(r"\| ?(\d{10}|\d{13})\b"));

/// "2026-11-21T07:00Z", with or without seconds and zone.
static FULL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(\d{4})-(\d\d)-(\d\d)[T ,]+(?:at )?(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?",
        r"(?: ?(Z\b|UTC\b|[+-]\d\d:?\d\d\b))?(?: ?[\[(]([^\])]*)[\])])?",
    ))
});

/// "in 2 hours 5 minutes", "in 1h 2m", "in less than a minute".
static LENGTH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(?:in|after|wait) (?:about |around |less than )?",
        r"((?:(?:,? ?and |,? ?)(?:\d{1,6}(?:\.\d{1,3})? ?|an? )",
        r"(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s))+)\b",
    ))
});

/// One part of a length of time.
static PART: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?:(\d{1,6}(?:\.\d{1,3})?) ?|\ban? )([dhms])"));

fn unix(found: &Captures<'_>) -> Option<Timestamp> {
    let digits = &found[1];
    let number = digits.parse::<i64>().ok()?;
    if digits.len() == 13 {
        Timestamp::from_millisecond(number).ok()
    } else {
        Timestamp::from_second(number).ok()
    }
}

fn full(found: &Captures<'_>, zone: &TimeZone) -> Option<Timestamp> {
    let number = |group: usize| match found.get(group) {
        Some(part) => part.as_str().parse().ok(),
        None => Some(0),
    };
    let year = found[1].parse().ok()?;
    let date = Date::new(year, number(2)?, number(3)?).ok()?;
    let time = Time::new(number(4)?, number(5)?, number(6)?, 0).ok()?;
    let zone = match (found.get(7), found.get(8)) {
        // An offset says it all, whatever name stands behind it.
        (Some(offset), _) => calendar::zone(offset.as_str())?,
        (None, Some(name)) => calendar::zone(name.as_str())?,
        (None, None) => zone.clone(),
    };
    calendar::moments(date, time, &zone).next()
}

fn length(found: &Captures<'_>) -> Option<SignedDuration> {
    let mut whole = SignedDuration::ZERO;
    for part in PART.captures_iter(&found[1]) {
        // "an hour" has no number.
        let count = match part.get(1) {
            Some(digits) => digits.as_str().parse().ok()?,
            None => 1.0,
        };
        let unit = match part[2].to_ascii_lowercase().as_str() {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            _ => 1.0,
        };
        whole = whole.checked_add(SignedDuration::try_from_secs_f64(count * unit).ok()?)?;
    }
    Some(whole)
}
