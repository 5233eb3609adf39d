//! Values that can be checked by themselves: durations, sizes, addresses, variables.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytesize::ByteSize;
use jiff::SignedDuration;
use regex::Regex;
use toml::de::DeValue;

use crate::config::reader::{Entry, Reading, Table};

/// Longer than this is taken for a mistake, and no sum of such durations overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The shortest time from one look to the next.
pub(super) const SHORTEST_EVERY: Duration = Duration::from_millis(10);

/// The shortest of the durations that may not be zero.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// A duration of at least `least`.
pub(super) fn duration(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    least: Duration,
) -> Option<Duration> {
    let range = || format!("from {} to {}", written(least), written(LONGEST));
    if let Some(number) = entry.integer() {
        let complaint = entry.wrong_type(reading);
        match number.strip_prefix('-') {
            Some(_) => complaint.hint(range()),
            None => complaint.hint(with_unit(&number, entry)),
        }
        return None;
    }
    let text = entry.string(reading)?;
    let value = match text.parse::<SignedDuration>() {
        Ok(value) => Duration::try_from(value).ok(),
        Err(_) => {
            let days = text.contains(['d', 'w', 'y']);
            let complaint = entry.wrong(reading, format_args!("is \"{text}\""));
            if text.bytes().all(|b| b.is_ascii_digit()) {
                complaint.hint(with_unit(text, entry));
            } else if days {
                complaint.hint("hours are the longest unit: a day is \"24h\"");
            } else if text.starts_with('-') {
                complaint.hint(range());
            }
            return None;
        }
    };
    let value = value.filter(|value| (least..=LONGEST).contains(value));
    if value.is_none() {
        entry
            .wrong(reading, format_args!("is \"{text}\""))
            .hint(range());
    }
    value
}

/// The number with the unit that the key's default has, and in seconds.
fn with_unit(number: &str, entry: &Entry<'_>) -> String {
    let unit = entry.key.default.trim_matches('"');
    match unit.trim_start_matches(|c: char| c.is_ascii_digit()) {
        unit @ ("ms" | "m" | "h") => {
            format!("did you mean \"{number}{unit}\" or \"{number}s\"?")
        }
        _ => format!("did you mean \"{number}s\"?"),
    }
}

/// The duration as it would be written in the file.
pub(super) fn written(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |d| format!("{d:#}"))
}

/// A size in bytes of at least `least`.
pub(super) fn size(entry: &Entry<'_>, reading: &mut Reading<'_>, least: u64) -> Option<u64> {
    let text = entry.string(reading)?;
    let value = text.parse::<ByteSize>().ok().map(|size| size.as_u64());
    let value = value.filter(|value| *value >= least);
    if value.is_none() {
        entry.wrong(reading, format_args!("is \"{text}\""));
    }
    value
}

pub(super) fn texts(items: &[Entry<'_>], reading: &mut Reading<'_>) -> Option<Vec<String>> {
    // All of them are looked at before the first bad one counts.
    let read: Vec<_> = items.iter().map(|item| item.any_string(reading)).collect();
    read.into_iter()
        .map(|text| text.map(str::to_owned))
        .collect()
}

/// An array of strings.
pub(super) fn strings(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<Vec<String>> {
    let items = entry.items("a string", reading)?;
    texts(&items, reading)
}

/// A regular expression; where it is broken, that is the place that is shown.
pub(super) fn regex(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = entry.string(reading)?;
    let (why, at) = match regex_syntax::parse(text) {
        Err(regex_syntax::Error::Parse(error)) => (error.kind().to_string(), Some(*error.span())),
        Err(regex_syntax::Error::Translate(error)) => {
            (error.kind().to_string(), Some(*error.span()))
        }
        // It may still be too large.
        Err(error) => (error.to_string(), None),
        Ok(_) => match Regex::new(text) {
            Ok(_) => return Some(text.to_owned()),
            Err(error) => (error.to_string(), None),
        },
    };
    let place = at.map_or(String::new(), |at| {
        format!(
            " at its character {}",
            text[..at.start.offset].chars().count() + 1
        )
    });
    let complaint = entry.wrong(reading, format_args!("is not valid{place}: {why}"));
    if let Some(at) = at
        && let Some(at) = entry.within(at.start.offset..at.end.offset)
    {
        complaint.at = Some(at);
    }
    None
}

/// Yes or no.
pub(super) fn boolean(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<bool> {
    let value = entry.value().as_bool();
    if value.is_none() {
        entry.wrong_type(reading);
    }
    value
}

/// An amount in dollars, as cents.
pub(super) fn dollars(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<u64> {
    let written = match entry.value() {
        DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            entry.wrong_type(reading);
            return None;
        }
    };
    let cents = written.map(|dollars| (dollars * 100.0).round());
    let cents = cents.filter(|cents| (1.0..=1e9).contains(cents));
    if cents.is_none() {
        entry
            .wrong(reading, "is no such amount")
            .hint("from 0.01 to 10000000");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was rounded, and is within a range that fits"
    )]
    cents.map(|cents| cents as u64)
}

/// Variables that are added to an environment.
pub(super) fn environment(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
) -> Option<BTreeMap<String, String>> {
    let table = Table::open(entry, reading)?;
    let mut variables = BTreeMap::new();
    for (name, value) in table.named(entry.key, "a string") {
        let text = *name.get_ref();
        if !is_variable(text) {
            reading.complain(
                &name.span(),
                format!("variable `{text}` of `{}` is not valid", entry.path),
                "letters, digits and '_', not beginning with a digit",
            );
        } else if is_reserved(text) {
            reading.complain(
                &name.span(),
                format!("variable `{text}` of `{}` is reserved", entry.path),
                "a name that is not RESUME_PHASE or CREDENTIALS_DIRECTORY and does not begin with LOOPKEEPER_",
            );
        }
        if let Some(value) = value.any_string(reading) {
            variables.insert(text.to_owned(), value.to_owned());
        }
    }
    Some(variables)
}

pub(super) fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A worker is told it by us.
pub(super) fn is_reserved(name: &str) -> bool {
    name.starts_with("LOOPKEEPER_") || matches!(name, "RESUME_PHASE" | "CREDENTIALS_DIRECTORY")
}

/// `host:port`, kept as it is written.
pub(super) fn host_port(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = entry.string(reading)?;
    let (host, _) = split_port(text, entry, reading)?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let valid = match bare {
        Some(address) => matches!(address.parse(), Ok(IpAddr::V6(_))),
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    if !valid {
        entry
            .wrong(reading, format_args!("has \"{host}\" as its host"))
            .hint("an IPv6 address is written in brackets: \"[::1]:1055\"");
        return None;
    }
    Some(text.to_owned())
}

/// An address to listen at.
pub(super) fn listen(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<SocketAddr> {
    let text = entry.string(reading)?;
    let (host, port) = split_port(text, entry, reading)?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let complaint = entry.wrong(
                reading,
                format_args!("has \"{host}\" as its address, which is no IP address"),
            );
            if host == "localhost" || host.is_empty() {
                complaint.hint(format!("did you mean \"127.0.0.1:{port}\"?"));
            }
            None
        }
    }
}

fn split_port<'f>(
    text: &'f str,
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
) -> Option<(&'f str, u16)> {
    let Some((host, port)) = text.rsplit_once(':') else {
        entry.wrong(reading, format_args!("is \"{text}\", without a port"));
        return None;
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits && number > 0 => Some((host, number)),
        _ if digits => {
            entry
                .wrong(
                    reading,
                    format_args!("has port {port}, which is out of range"),
                )
                .hint("ports are from 1 to 65535");
            None
        }
        _ => {
            entry.wrong(reading, format_args!("has \"{port}\" as its port"));
            None
        }
    }
}
