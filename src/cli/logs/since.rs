//! `--since`: a moment as people say it.

use jiff::{Span, Timestamp, Zoned, civil};

/// What is understood, for the help and for who said something else.
pub(super) const SAYS: &str = "such as 1h, \"10 min ago\", 14:30, \"2026-11-21 14:30\" or RFC 3339";

/// A moment that was said now.
pub(in crate::cli) fn parse(text: &str) -> Result<Timestamp, String> {
    at(text.trim(), &Zoned::now())
        .ok_or_else(|| format!("{text:?} is no moment before now, {SAYS}"))
}

/// A length of time is one before now; a time of day without its date is the latest one.
fn at(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let zone = now.time_zone();
    let in_zone = |at: civil::DateTime| Some(at.to_zoned(zone.clone()).ok()?.timestamp());
    if let Ok(at) = text.parse::<civil::DateTime>() {
        return in_zone(at);
    }
    // People leave out the zero of an early hour, which the standard wants.
    let padded = match text.find(':') {
        Some(1) => format!("0{text}"),
        Some(_) | None => text.to_owned(),
    };
    if let (true, Ok(time)) = (text.contains(':'), padded.parse::<civil::Time>()) {
        let today = in_zone(now.date().to_datetime(time))?;
        return match today <= now.timestamp() {
            true => Some(today),
            false => in_zone(now.date().yesterday().ok()?.to_datetime(time)),
        };
    }
    // A length can also be written as hours and minutes.
    if let Ok(span) = text.parse::<Span>() {
        return now.checked_sub(span.abs()).ok().map(|at| at.timestamp());
    }
    match text {
        "today" => in_zone(now.date().into()),
        "yesterday" => in_zone(now.date().yesterday().ok()?.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_understood_as_people_say_them() {
        let now: Zoned = "2026-11-21T14:30:00+01:00[Europe/Berlin]".parse().unwrap();
        for (said, meant) in [
            ("1h", "2026-11-21T12:30:00Z"),
            ("1h30m", "2026-11-21T12:00:00Z"),
            ("10 min ago", "2026-11-21T13:20:00Z"),
            ("10 minutes ago", "2026-11-21T13:20:00Z"),
            ("2 days ago", "2026-11-19T13:30:00Z"),
            ("90s", "2026-11-21T13:28:30Z"),
            ("14:00", "2026-11-21T13:00:00Z"),
            ("3:12", "2026-11-21T02:12:00Z"),
            ("14:00:30", "2026-11-21T13:00:30Z"),
            ("23:50", "2026-11-20T22:50:00Z"),
            ("2026-11-20 08:15", "2026-11-20T07:15:00Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("2026-11-20T08:15:00Z", "2026-11-20T08:15:00Z"),
            ("2026-11-20T08:15:00.5+02:00", "2026-11-20T06:15:00.5Z"),
            ("today", "2026-11-20T23:00:00Z"),
            ("yesterday", "2026-11-19T23:00:00Z"),
        ] {
            let meant: Timestamp = meant.parse().unwrap();
            assert_eq!(at(said, &now), Some(meant), "{said}");
        }
        for said in ["", "soon", "25:00", "x:00", "10", "2026-13-01"] {
            assert_eq!(at(said, &now), None, "{said}");
        }
    }
}
