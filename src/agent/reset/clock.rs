//! A time of day, with what is said of its day and its zone: "resets Nov 24 at 9am (UTC)".
//!
//! The words after a keyword are read one by one until one of them is not of a time. An hour must
//! have been among them, with minutes or am or pm: "resets 3" may be three of anything.

use std::sync::LazyLock;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use regex::Regex;

use super::{calendar, pattern};

/// What stands before a time at which something is there again.
static KEYWORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:resets?|try again|again|until|available|back|ends?|lifted|renews?|refreshes)\b:?",
    )
});

/// "3:30 PM", "3pm", "3 p.m.", "15:00", "15:00:30".
static TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(\d{1,2})(?::(\d\d))?(?::(\d\d))?(?: ?([ap])\.?m\b\.?)?"));

/// A word, with what separates it from the next one.
static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([A-Za-z]+|\d+(?:st|nd|rd|th)?)\b\.?"));

/// A zone behind a time: "(Europe/Dublin)", "UTC".
static ZONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^ ?(?:\(([^()]*)\)|((?i:UTC|GMT)(?:[+-]\d[\d:]*)?)\b|([A-Z]{1,4}T)\b)")
});

/// A date without a year that is further away than this is one that has passed.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 183);

/// What is said of the day.
#[derive(Debug, Clone, Copy, Default)]
struct Day {
    /// 0 is today, 1 is tomorrow.
    from_now: Option<i64>,
    weekday: Option<Weekday>,
    month: Option<i8>,
    day: Option<i8>,
    year: Option<i16>,
}

pub(super) fn read(words: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    KEYWORD
        .find_iter(words)
        .find_map(|keyword| after(&words[keyword.end()..]))
        .and_then(|(day, time, named)| {
            let zone = match named {
                Some(name) => calendar::zone(name)?,
                None => zone.clone(),
            };
            day.next(time, now, &zone)
        })
}

/// The time that `rest` begins with. The day may stand before it or behind it.
fn after(rest: &str) -> Option<(Day, Time, Option<&str>)> {
    let mut day = Day::default();
    let mut rest = gap(rest);
    let time = loop {
        match head(rest) {
            Head::Time(time, behind) => {
                rest = behind;
                break time;
            }
            Head::Wrong => return None,
            Head::Other => rest = gap(day.take(rest)?),
        }
    };
    let (mut rest, mut named) = zone_of(rest);
    // "resets 09:25 on 22 Oct"
    if let Some(behind) = rest.strip_prefix(" on ") {
        let mut behind = behind;
        while let Some(next) = day.take(gap(behind)) {
            behind = next;
        }
        rest = behind;
        named = named.or(zone_of(rest).1);
    }
    Some((day, time, named))
}

/// Blanks, commas and the small words before a time.
fn gap(rest: &str) -> &str {
    let mut rest = rest;
    loop {
        let bare = rest.trim_start_matches([' ', ',', '∙', '·']);
        let word = ["at ", "on ", "by ", "around "]
            .into_iter()
            .find_map(|word| bare.strip_prefix(word));
        match word {
            Some(behind) => rest = behind,
            None => return bare,
        }
    }
}

/// What a text begins with.
enum Head<'a> {
    /// A time of day, and what stands behind it.
    Time(Time, &'a str),
    /// An hour that does not exist.
    Wrong,
    /// Something else; perhaps a day.
    Other,
}

fn head(rest: &str) -> Head<'_> {
    let Some(found) = TIME.captures(rest) else {
        return Head::Other;
    };
    let (minute, half) = (found.get(2), found.get(4));
    if minute.is_none() && half.is_none() {
        return Head::Other;
    }
    let number = |group: usize| match found.get(group) {
        Some(part) => part.as_str().parse::<i8>().ok(),
        None => Some(0),
    };
    let hour = number(1).and_then(|hour| match half.map(|half| half.as_str()) {
        Some(half) if (1..=12).contains(&hour) => Some(
            hour % 12
                + if half.eq_ignore_ascii_case("p") {
                    12
                } else {
                    0
                },
        ),
        Some(_) => None,
        None => Some(hour),
    });
    let (Some(hour), Some(minute), Some(second)) = (hour, number(2), number(3)) else {
        return Head::Wrong;
    };
    let end = found.get(0).map_or(0, |whole| whole.end());
    match Time::new(hour, minute, second, 0) {
        Ok(time) => Head::Time(time, &rest[end..]),
        Err(_) => Head::Wrong,
    }
}

/// The zone's name at the beginning of `rest`, and what stands behind it.
fn zone_of(rest: &str) -> (&str, Option<&str>) {
    let Some(found) = ZONE.captures(rest) else {
        return (rest, None);
    };
    let name = (1..=3).find_map(|group| found.get(group));
    let end = found.get(0).map_or(0, |whole| whole.end());
    (&rest[end..], name.map(|name| name.as_str()))
}

impl Day {
    /// Takes one word about the day from the beginning of `rest`, and gives what stands behind it.
    fn take<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let found = WORD.captures(rest)?;
        let word = found[1].to_ascii_lowercase();
        let behind = &rest[found.get(0)?.end()..];
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            let number: i16 = word.trim_end_matches(char::is_alphabetic).parse().ok()?;
            match i8::try_from(number) {
                Ok(number) if self.day.is_none() => self.day = Some(number),
                _ if self.year.is_none() && (2000..3000).contains(&number) => {
                    self.year = Some(number);
                }
                _ => return None,
            }
        } else if word == "today" {
            self.from_now = Some(0);
        } else if word == "tomorrow" {
            self.from_now = Some(1);
        } else if let Some(weekday) = named(&word, &WEEKDAYS) {
            self.weekday = Weekday::from_monday_zero_offset(weekday).ok();
        } else {
            self.month = Some(named(&word, &MONTHS)? + 1);
        }
        Some(behind)
    }

    /// The first moment after `now` at which it is this day and this time.
    fn next(self, time: Time, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = now.to_zoned(zone.clone()).date();
        let first = |date: Date| calendar::moments(date, time, zone).find(|at| *at > now);
        // A day before today, as a change of clocks may put today's early hours behind `now`.
        let days = |count: i64| (-1..=count).filter_map(move |n| today.checked_add(n.days()).ok());
        match self {
            Self {
                month: Some(month),
                day: Some(day),
                year: Some(year),
                ..
            } => first(Date::new(year, month, day).ok()?),
            Self {
                month: Some(month),
                day: Some(day),
                year: None,
                ..
            } => (-1..=1)
                .filter_map(|years| Date::new(today.year() + years, month, day).ok())
                .find_map(first)
                .filter(|at| at.duration_since(now) <= FURTHEST),
            Self {
                month: None,
                day: None,
                year: None,
                from_now: Some(n),
                ..
            } => first(today.checked_add(n.days()).ok()?),
            Self {
                month: None,
                day: None,
                year: None,
                weekday: Some(weekday),
                ..
            } => days(8)
                .filter(|date| date.weekday() == weekday)
                .find_map(first),
            Self {
                month: None,
                day: None,
                year: None,
                from_now: None,
                weekday: None,
            } => days(2).find_map(first),
            // A month without its day, or a day without its month.
            Self { .. } => None,
        }
    }
}

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The place of the name that `word` is, or the beginning of with three letters at least.
fn named(word: &str, names: &[&str]) -> Option<i8> {
    let place = names
        .iter()
        .position(|name| word.len() >= 3 && name.starts_with(word))?;
    i8::try_from(place).ok()
}
