//! One run of a worker, and what tells it from every other.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::WorkerName;

/// One life of the machine: the kernel's random boot_id (random(4), `/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(String);

/// The text is not a boot_id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a boot_id (32 hexadecimal digits, with or without dashes)")]
pub struct NotABootId(String);

impl FromStr for BootId {
    type Err = NotABootId;

    /// Accepts both spellings in use: the kernel's with dashes and systemd's without.
    fn from_str(text: &str) -> Result<Self, NotABootId> {
        let text = text.trim();
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotABootId(text.to_owned()));
        }
        let hex = hex.to_ascii_lowercase();
        Ok(Self(format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )))
    }
}

impl TryFrom<String> for BootId {
    type Error = NotABootId;
    fn try_from(text: String) -> Result<Self, NotABootId> {
        text.parse()
    }
}

impl From<BootId> for String {
    fn from(id: BootId) -> Self {
        id.0
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Names one attempt, for ever: the UTC second it was decided and 32 random bits.
///
/// It is also the name of the attempt's directory, so it sorts by age and has no character that
/// needs quoting: `20261121T004319Z-7f3a9c01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId(String);

/// The text is not an attempt's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an attempt (such as 20261121T004319Z-7f3a9c01)")]
pub struct NotAnAttempt(String);

impl AttemptId {
    /// The id of an attempt decided at `wall`; `random` keeps attempts of one second apart.
    pub fn new(wall: Timestamp, random: u32) -> Self {
        let utc = wall.to_zoned(TimeZone::UTC);
        Self(format!("{}-{random:08x}", utc.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The second it was decided, which is when it was started; `None` when its digits are no date.
    pub fn decided(&self) -> Option<Timestamp> {
        let (at, _random) = self.0.split_once('-')?;
        at.parse().ok()
    }
}

impl FromStr for AttemptId {
    type Err = NotAnAttempt;

    fn from_str(text: &str) -> Result<Self, NotAnAttempt> {
        let shape = "dddddddd_dddddd_-xxxxxxxx";
        let fits = text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .enumerate()
                .all(|(at, (b, want))| match want {
                    b'd' => b.is_ascii_digit(),
                    b'x' => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
                    b'_' => b == if at == 8 { b'T' } else { b'Z' },
                    other => b == other,
                });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnAttempt(text.to_owned()))
        }
    }
}

impl TryFrom<String> for AttemptId {
    type Error = NotAnAttempt;
    fn try_from(text: String) -> Result<Self, NotAnAttempt> {
        text.parse()
    }
}

impl From<AttemptId> for String {
    fn from(id: AttemptId) -> Self {
        id.0
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An attempt, by worker and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptRef {
    /// Whose.
    pub worker: WorkerName,
    /// Which.
    pub attempt: AttemptId,
}

/// Which process an attempt is. A pid alone is not enough: it is recycled, so it counts only
/// together with the boot and the process's start time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The boot the process belongs to.
    pub boot: BootId,
    /// The worker's own process.
    pub pid: i32,
    /// Clock ticks after boot at which it started (field 22 of `/proc/<pid>/stat`, proc_pid_stat(5)).
    pub started: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_back_and_sorts_by_age() {
        let wall: Timestamp = "2026-11-21T00:43:19Z".parse().unwrap();
        let id = AttemptId::new(wall, 0x7f3a_9c01);
        assert_eq!(id.as_str(), "20261121T004319Z-7f3a9c01");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(id.decided(), Some(wall));
        let undated: AttemptId = "20269921T004319Z-7f3a9c01".parse().unwrap();
        assert_eq!(undated.decided(), None);
        let later: Timestamp = "2026-11-21T00:43:20Z".parse().unwrap();
        assert!(AttemptId::new(later, 0) > id);
        for bad in [
            "",
            "..",
            "20261121T004319Z-7F3A9C01",
            "20261121t004319Z-7f3a9c01",
        ] {
            assert!(bad.parse::<AttemptId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_boot_id_is_the_same_in_both_spellings() {
        let dashed = "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11";
        let bare = "6F3A1C520B1E4A559F0C2F1F7F0E8A11\n";
        assert_eq!(dashed.parse::<BootId>().unwrap().to_string(), dashed);
        assert_eq!(dashed.parse::<BootId>(), bare.parse());
        for bad in ["", "6f3a", &"g".repeat(32)] {
            assert!(bad.parse::<BootId>().is_err(), "{bad}");
        }
    }
}
