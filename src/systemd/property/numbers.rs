//! Values that are numbers.

use super::syntax::Written;

/// No limit, on the bus.
const INFINITY: u64 = u64::MAX;

pub(super) fn integer(written: Written<'_>) -> Option<i64> {
    match written {
        Written::Integer(number) => Some(number),
        Written::Text(text) => text.parse().ok(),
        Written::Boolean(_) | Written::List(_) => None,
    }
}

pub(super) fn count(written: Written<'_>, least: u64) -> Option<u64> {
    match written {
        Written::Text("infinity") => Some(INFINITY),
        other => u64::try_from(integer(other)?).ok(),
    }
    .filter(|number| *number >= least)
}

/// systemd's letters are powers of 1024 (systemd.resource-control(5)).
pub(super) fn bytes(written: Written<'_>, least: u64) -> Option<u64> {
    if let Written::Text(text) = written
        && let Some((letter, shift)) = [('K', 10), ('M', 20), ('G', 30), ('T', 40)]
            .into_iter()
            .find(|(letter, _)| text.ends_with(*letter))
    {
        let number: u64 = text.strip_suffix(letter)?.parse().ok()?;
        let bytes = number.checked_mul(1 << shift);
        return bytes.filter(|bytes| *bytes >= least);
    }
    count(written, least)
}

/// As few letters as can be, and exactly this.
pub(super) fn shown(bytes: u64) -> String {
    match bytes {
        mega if mega > 0 && mega % (1 << 20) == 0 => format!("{}M", mega >> 20),
        kilo if kilo > 0 && kilo % (1 << 10) == 0 => format!("{}K", kilo >> 10),
        bytes => bytes.to_string(),
    }
}

/// Microseconds of processor time in a second.
pub(super) fn quota(written: Written<'_>) -> Option<u64> {
    let Written::Text(text) = written else {
        return None;
    };
    let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
    percent.checked_mul(10_000).filter(|quota| *quota > 0)
}

pub(super) fn mode(written: Written<'_>) -> Option<u32> {
    match written {
        Written::Text(text) => u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777),
        _ => None,
    }
}
