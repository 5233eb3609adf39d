use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use proptest::prelude::*;

use super::{calendar, parse};

const NOW: &str = "2026-11-22T01:00:00Z";

fn zone(name: &str) -> TimeZone {
    calendar::zone(name).unwrap()
}

/// In a machine in Dublin.
fn at(now: &str, words: &str) -> Option<String> {
    let read = parse(words, now.parse().unwrap(), &zone("Europe/Dublin"));
    read.map(|at| at.to_string())
}

fn all(now: &str, cases: &[(&str, &str)]) {
    for (words, expected) in cases {
        let read = at(now, words);
        assert_eq!(read.as_deref(), Some(*expected), "{words}");
    }
}

#[test]
fn a_time_of_day_is_the_next_one() {
    all(
        NOW,
        &[
            (
                "You've hit your limit · resets 3pm (Europe/Dublin)",
                "2026-11-22T15:00:00Z",
            ),
            ("5-hour limit reached ∙ resets 12am", "2026-11-23T00:00:00Z"),
            ("resets at 3:30 PM", "2026-11-22T15:30:00Z"),
            ("resets at 12:50pm (UTC)", "2026-11-22T12:50:00Z"),
            ("try again at 9:20 AM.", "2026-11-22T09:20:00Z"),
            (
                "Your limit will reset at 1am (Asia/Tokyo).",
                "2026-11-22T16:00:00Z",
            ),
            ("resets 9 p.m. (America/New_York)", "2026-11-22T02:00:00Z"),
            ("resets 14:05", "2026-11-22T14:05:00Z"),
            ("available again at 02:00 UTC", "2026-11-22T02:00:00Z"),
            ("resets 3pm UTC+2", "2026-11-22T13:00:00Z"),
            ("resets 3pm (+05:30)", "2026-11-22T09:30:00Z"),
            (
                "limit reached ∙ resets 3pm\n     /upgrade to increase",
                "2026-11-22T15:00:00Z",
            ),
        ],
    );
}

#[test]
fn a_day_may_be_said_before_the_time_or_behind_it() {
    all(
        NOW,
        &[
            ("resets Nov 24 at 9am (UTC)", "2026-11-24T09:00:00Z"),
            ("resets Nov 24, 9am", "2026-11-24T09:00:00Z"),
            (
                "try again at Nov 26th, 2026 3:39 AM.",
                "2026-11-26T03:39:00Z",
            ),
            ("resets November 29th at 12pm", "2026-11-29T12:00:00Z"),
            ("resets 09:25 on 29 Nov", "2026-11-29T09:25:00Z"),
            ("resets Mon 9am", "2026-11-23T09:00:00Z"),
            ("resets on Sunday at 12:30 AM (UTC)", "2026-11-29T00:30:00Z"),
            ("resets Sun 9am", "2026-11-22T09:00:00Z"),
            ("resets tomorrow at 9am", "2026-11-23T09:00:00Z"),
            ("resets today at 9am", "2026-11-22T09:00:00Z"),
        ],
    );
    all(
        "2026-12-28T09:00:00Z",
        &[("resets January 2nd at 12pm", "2027-01-02T12:00:00Z")],
    );
}

#[test]
fn no_limit_is_believed_to_last_longer_than_a_month() {
    all(
        NOW,
        &[("resets Dec 24 at 1am (UTC)", "2026-12-24T01:00:00Z")],
    );
    for words in [
        "resets Dec 24 at 1:01am (UTC)",
        "resets January 2nd at 12pm",
        "try again at Mar 10th, 2027 3:39 AM.",
        "try again at 2027-11-22T01:00Z",
        "try again in 300 days",
        "usage limit reached|1900000000",
    ] {
        assert_eq!(at(NOW, words), None, "{words}");
    }
}

#[test]
fn a_length_of_time_counts_from_now() {
    all(
        NOW,
        &[
            ("try again in 2 hours 5 minutes", "2026-11-22T03:05:00Z"),
            ("resets in 1h 2m", "2026-11-22T02:02:00Z"),
            ("resets in 1h2m3s", "2026-11-22T02:02:03Z"),
            ("try again in 45 seconds", "2026-11-22T01:00:45Z"),
            (
                "try again in 2 days 3 hours 4 minutes.",
                "2026-11-24T04:04:00Z",
            ),
            (
                "try again in 1 hour, 10 minutes and 5 seconds",
                "2026-11-22T02:10:05Z",
            ),
            ("Try again in less than a minute.", "2026-11-22T01:01:00Z"),
            ("wait an hour and a minute", "2026-11-22T02:01:00Z"),
            ("Retrying in 0.5 seconds...", "2026-11-22T01:00:00.5Z"),
        ],
    );
}

#[test]
fn a_full_date_and_seconds_since_1970_are_read() {
    all(
        "2025-11-21T06:00:00Z",
        &[
            ("try again at 2025-11-21T07:00Z", "2025-11-21T07:00:00Z"),
            (
                "try again at 2025-11-21 09:00:30+01:00",
                "2025-11-21T08:00:30Z",
            ),
            (
                "until 2025-11-21 09:00 (Europe/Berlin)",
                "2025-11-21T08:00:00Z",
            ),
            ("until 2025-11-21 09:00", "2025-11-21T09:00:00Z"),
            (
                "Claude AI usage limit reached|1763708400",
                "2025-11-21T07:00:00Z",
            ),
            ("usage limit reached|1763708400000", "2025-11-21T07:00:00Z"),
        ],
    );
}

#[test]
fn nothing_is_made_up() {
    for words in [
        "",
        "resets",
        "resets soon",
        "resets 3",
        "resets 13pm",
        "resets 0am",
        "resets 25:00",
        "resets 3:99pm",
        "resets 3pm (Mars/Olympus)",
        "resets 3pm (CST)",
        "resets 3pm PST",
        "resets Nov 24",
        "resets Nov at 9am",
        "resets Nov 31 at 9am",
        "resets today at 12:30am (UTC)",
        "limit reached at 3pm",
        "try again later",
        "in 3 steps",
        "in 2 months",
        "reached|17637",
        // What is past stays past.
        "Claude AI usage limit reached|1763708400",
        "try again at 2026-11-21T07:00Z",
        "resets Nov 21 at 9am",
        "try again at Mar 10th, 2026 3:39 AM.",
        "try again in 0 seconds",
    ] {
        assert_eq!(at(NOW, words), None, "{words}");
    }
}

#[test]
fn an_hour_that_clocks_leave_out_is_as_long_after_the_change() {
    // Dublin, 2027-03-28: 01:00 becomes 02:00.
    let now = "2027-03-27T23:00:00Z";
    all(
        now,
        &[
            ("resets 1:30am", "2027-03-28T01:30:00Z"),
            ("resets 3am", "2027-03-28T02:00:00Z"),
        ],
    );
}

#[test]
fn of_an_hour_that_comes_twice_the_next_one_is_meant() {
    // Dublin, 2026-10-25: 02:00 becomes 01:00.
    let words = "resets 1:30am (Europe/Dublin)";
    all("2026-10-25T00:10:00Z", &[(words, "2026-10-25T00:30:00Z")]);
    all("2026-10-25T00:40:00Z", &[(words, "2026-10-25T01:30:00Z")]);
    all("2026-10-25T01:40:00Z", &[(words, "2026-10-26T01:30:00Z")]);
}

#[test]
fn today_is_what_it_is_in_the_zone_that_is_named() {
    // In Kiritimati it is the 22nd already, 14 hours ahead.
    all(
        "2026-11-21T23:00:00Z",
        &[
            (
                "resets today at 2pm (Pacific/Kiritimati)",
                "2026-11-22T00:00:00Z",
            ),
            ("resets 11pm (Pacific/Honolulu)", "2026-11-22T09:00:00Z"),
        ],
    );
}

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Dublin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Santiago",
    "Africa/Casablanca",
];

/// From 2020 to 2040, with all their changes of clocks.
fn moment() -> impl Strategy<Value = Timestamp> {
    (1_577_836_800_i64..2_208_988_800).prop_map(|at| Timestamp::from_second(at).unwrap())
}

fn local(at: Timestamp, zone: &TimeZone) -> DateTime {
    zone.to_datetime(at)
}

proptest! {
    #[test]
    fn a_time_of_day_is_in_the_future_and_shown_by_the_clocks_there(
        now in moment(),
        name in prop::sample::select(&ZONES[..]),
        hour in 1_i8..=12,
        minute in 0_i8..60,
        evening in any::<bool>(),
    ) {
        let half = if evening { "PM" } else { "am" };
        let zone = zone(name);
        let words = format!("limit reached · resets at {hour}:{minute:02} {half} ({name})");
        let at = parse(&words, now, &TimeZone::UTC).unwrap();
        prop_assert!(at > now);
        // A zone may leave a whole day out.
        prop_assert!(at.duration_since(now) <= SignedDuration::from_hours(49));
        let shown = local(at, &zone);
        let hour = hour % 12 + if evening { 12 } else { 0 };
        let left_out = zone.to_ambiguous_timestamp(shown.date().at(hour, minute, 0, 0)).offset();
        if !matches!(left_out, jiff::tz::AmbiguousOffset::Gap { .. }) {
            prop_assert_eq!((shown.hour(), shown.minute()), (hour, minute));
        }
        // Asked again at any moment before, it is the same one: no nearer one was skipped.
        let before = at.checked_sub(SignedDuration::from_secs(1)).unwrap();
        prop_assert_eq!(parse(&words, before, &TimeZone::UTC), Some(at));
    }

    #[test]
    fn a_weekday_is_that_weekday(
        now in moment(),
        name in prop::sample::select(&ZONES[..]),
        weekday in prop::sample::select(&["Mon", "tuesday", "Wed", "Thurs", "Fri", "Sat", "SUN"][..]),
        hour in 4_i8..24,
    ) {
        let zone = zone(name);
        let at = parse(&format!("resets {weekday} {hour}:00"), now, &zone).unwrap();
        prop_assert!(at > now);
        let shown = format!("{:?}", local(at, &zone).weekday()).to_lowercase();
        prop_assert!(shown.starts_with(&weekday.to_lowercase()[..3]));
    }

    #[test]
    fn a_length_of_time_is_added(now in moment(), hours in 0_i64..190, minutes in 0_i64..60, seconds in 1_i64..60) {
        let words = format!("try again in {hours} hours {minutes}m, {seconds} sec");
        let length = SignedDuration::from_secs(hours * 3600 + minutes * 60 + seconds);
        prop_assert_eq!(parse(&words, now, &TimeZone::UTC), Some(now + length));
    }

    #[test]
    fn a_moment_that_is_written_in_full_is_read_back(now in moment(), later in 1_i64..600_000) {
        let at = now + SignedDuration::from_secs(later);
        prop_assert_eq!(parse(&format!("limit|{}", at.as_second()), now, &TimeZone::UTC), Some(at));
        prop_assert_eq!(parse(&format!("try again at {at}"), now, &TimeZone::UTC), Some(at));
    }

    #[test]
    fn whatever_the_words_are_it_is_never_past(
        now in moment(),
        words in "(resets|try again|in|until)( at| on)?( [0-9a-zA-Z:,()/+|-]{1,8}){0,6}",
        zone_name in prop::sample::select(&ZONES[..]),
    ) {
        if let Some(at) = parse(&words, now, &zone(zone_name)) {
            prop_assert!(at > now);
        }
    }

    #[test]
    fn any_text_at_all_is_survived(now in moment(), words in any::<String>()) {
        let read = parse(&words, now, &TimeZone::UTC);
        prop_assert!(read.is_none_or(|at| at > now));
    }
}
