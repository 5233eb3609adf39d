//! Dates and times of day in a zone, as moments.

use std::sync::LazyLock;

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};

/// The zones that are built in: the same on every machine, and no file is read.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of this name: "Europe/Dublin", "UTC", "GMT+2", "+01:00". An abbreviation like "CST" is
/// the name of several zones, and so of none.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    let plain = name.to_ascii_uppercase();
    if matches!(plain.as_str(), "UTC" | "GMT" | "Z") {
        return Some(TimeZone::UTC);
    }
    let offset = plain
        .strip_prefix("UTC")
        .or_else(|| plain.strip_prefix("GMT"))
        .unwrap_or(&plain);
    if offset.starts_with(['+', '-']) {
        return fixed(offset);
    }
    // "EST", "MST7MDT" and the like are names too, but they are not meant as what they are there.
    name.contains('/').then(|| ZONES.get(name).ok()).flatten()
}

/// "+2", "-05:30", "+0100".
fn fixed(offset: &str) -> Option<TimeZone> {
    let (sign, digits) = offset.split_at(1);
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let hours: i32 = hours.parse().ok()?;
    let minutes: i32 = minutes.parse().ok()?;
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    let seconds = if sign == "-" { -seconds } else { seconds };
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

/// The moments at which clocks in `zone` show this: one, or two when they are set back. A time that
/// is left out when they are set forward is as long after the change as it would have been.
pub(super) fn moments(date: Date, time: Time, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
    let second = match ambiguous.offset() {
        AmbiguousOffset::Fold { .. } => ambiguous.later().ok(),
        AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => None,
    };
    ambiguous.compatible().ok().into_iter().chain(second)
}
