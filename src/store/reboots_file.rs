//! `REBOOTS.md`: one entry for each reboot, for people.
//!
//! Promise: a reboot has exactly one entry, newest last, and what people write elsewhere in the
//! file stays as it is, byte for byte.
//!
//! How: a boot is added to the database first, marked as not listed. Its entry is added to the file
//! only if no line that says `boot_id` names it, the file is replaced whole, and then the boot is
//! marked. So a crash in between is made good once, and an entry that somebody removes stays
//! removed. When the database is lost, the file tells which boots were recorded: its entries are
//! read back, and of a text that is not ours the lines with a `boot_id` still count. A symbolic
//! link is replaced by a file.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::{
    Problem, StoreError,
    atomic_file::{self, Found},
    read::RecordedBoot,
};
use crate::{
    decide::{Boot, Reboot},
    model::BootId,
};

/// Its name in the state directory.
pub(super) const NAME: &str = "REBOOTS.md";

/// A file for people that is larger is not one any more.
const LONGEST: u64 = 16 << 20;

const HEADING: &str = "# Reboots\n\nKept by Loopkeeper: one entry for each reboot of this machine, \
                       newest last. What you write here yourself stays.\n";
const WATCHED: &str = "Watched since the boot of ";
const HEAD: &str = "## Reboot ";
const FORMAT: &str = "%Y-%m-%d %H:%M:%S UTC";

/// What REBOOTS.md holds now; nothing when there is none, or something that cannot be one.
pub(super) fn read(dir: &Path) -> Result<Vec<u8>, StoreError> {
    match atomic_file::read(&path(dir), LONGEST)? {
        Found::Missing | Found::Unusable(_) => Ok(Vec::new()),
        Found::Bytes(bytes) => Ok(bytes),
    }
}

/// Adds the entries of those `boots` that are not in the file yet. Something that cannot be the
/// file is set aside, and returned as a problem.
pub(super) fn add(dir: &Path, boots: &[RecordedBoot]) -> Result<Option<Problem>, StoreError> {
    let path = path(dir);
    let (mut bytes, problem) = match atomic_file::read(&path, LONGEST)? {
        Found::Missing => (Vec::new(), None),
        Found::Bytes(bytes) => (bytes, None),
        Found::Unusable(why) => {
            let aside = atomic_file::set_aside(&path, &[])?;
            let problem = Problem::RebootsFileDamaged {
                path: path.clone(),
                why,
                aside,
            };
            (Vec::new(), Some(problem))
        }
    };
    let known = listed(&bytes);
    let before = bytes.len();
    for boot in boots {
        let Some(record) = &boot.record else { continue };
        if known.iter().any(|listed| listed.boot == boot.boot) {
            continue;
        }
        if bytes.is_empty() {
            bytes.extend_from_slice(HEADING.as_bytes());
        }
        while !bytes.ends_with(b"\n\n") {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(entry(boot.number, record).as_bytes());
    }
    if bytes.len() > before {
        atomic_file::prepare(&path, &bytes, 0o644)?.publish()?;
    }
    Ok(problem)
}

/// The boots that a file names, in its order, with what can be read of them.
pub(super) fn listed(bytes: &[u8]) -> Vec<RecordedBoot> {
    let text = String::from_utf8_lossy(bytes);
    let mut boots: Vec<RecordedBoot> = Vec::new();
    let mut seen: BTreeSet<BootId> = BTreeSet::new();
    let mut entry: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') {
            entry.clear();
        }
        entry.push(line);
        let Some(boot) = boot_id_of(line) else {
            continue;
        };
        if seen.insert(boot.clone()) {
            let number = number(&entry, boots.last().map(|last| last.number));
            boots.push(RecordedBoot {
                number,
                record: parse(&entry, &boot),
                boot,
            });
        }
    }
    boots
}

/// The number in the heading, if it comes after `last`; else the next one. An entry that is not
/// ours counts as a reboot.
fn number(entry: &[&str], last: Option<u64>) -> u64 {
    let next = last.unwrap_or(0) + 1;
    if last.is_none() && entry.iter().any(|line| line.starts_with(WATCHED)) {
        return 0;
    }
    entry
        .iter()
        .find_map(|line| line.strip_prefix(HEAD)?.split_once(':')?.0.parse().ok())
        .map_or(next, |number: u32| next.max(number.into()))
}

fn boot_id_of(line: &str) -> Option<BootId> {
    let (_, after) = line.split_once("boot_id")?;
    after
        .split(|c: char| !(c.is_ascii_hexdigit() || c == '-'))
        .find_map(|word| word.parse().ok())
}

fn entry(number: u64, boot: &Boot) -> String {
    let at = in_utc(boot.booted);
    let seen = in_utc(boot.seen);
    let id = &boot.boot;
    if number == 0 {
        return format!("{WATCHED}{at}, seen {seen}, boot_id `{id}`.\n");
    }
    let mut text = format!("{HEAD}{number}: {at}\n\n");
    match &boot.reboot {
        None => text.push_str("- last boot: not known\n"),
        Some(reboot) => text.push_str(&way_here(reboot, boot)),
    }
    text.push_str(&format!("- seen: {seen}\n- boot_id: `{id}`\n"));
    text
}

fn way_here(reboot: &Reboot, boot: &Boot) -> String {
    let mut text = format!("- last boot: `{}` ended ", reboot.from);
    text.push_str(if reboot.clean {
        "cleanly"
    } else {
        "uncleanly, without a goodbye,"
    });
    if let Some(alive) = reboot.last_alive {
        let words = if reboot.clean { "at" } else { "after" };
        text.push_str(&format!(" {words} {}", in_utc(alive)));
        let down = boot.booted.duration_since(alive);
        if down >= SignedDuration::ZERO {
            let known = boot.is_downtime_known();
            let most = if known { "" } else { "at most " };
            let down = SignedDuration::from_secs(down.as_secs());
            text.push_str(&format!("\n- down for: {most}{down:#}"));
        }
    }
    let running: Vec<&str> = reboot.running.iter().map(|name| name.as_str()).collect();
    let running = if running.is_empty() {
        "nothing".to_owned()
    } else {
        running.join(", ")
    };
    text.push_str(&format!("\n- was running: {running}\n"));
    if let Some(point) = &reboot.resume_point {
        let line = point.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("- resume point: {line}\n"));
    }
    text
}

/// Reads an entry back, if it is in our form.
fn parse(entry: &[&str], boot: &BootId) -> Option<Boot> {
    let line = |start: &str| entry.iter().find_map(|line| line.strip_prefix(start));
    if let Some(first) = line(WATCHED) {
        let (booted, rest) = first.split_once(", seen ")?;
        let (seen, _) = rest.split_once(", boot_id")?;
        let (booted, seen) = (from_utc(booted)?, from_utc(seen)?);
        return Some(Boot {
            boot: boot.clone(),
            booted,
            seen,
            reboot: None,
        });
    }
    let (_, booted) = line(HEAD)?.split_once(": ")?;
    let last = line("- last boot: ")?;
    let reboot = match last.strip_prefix('`') {
        None => None,
        Some(known) => {
            let (from, how) = known.split_once("` ended ")?;
            let running = line("- was running: ")?;
            Some(Reboot {
                from: from.parse().ok()?,
                clean: how.starts_with("cleanly"),
                last_alive: how
                    .rsplit_once(" at ")
                    .or(how.rsplit_once(" after "))
                    .and_then(|(_, at)| from_utc(at)),
                running: match running {
                    "nothing" => Vec::new(),
                    names => names
                        .split(", ")
                        .map(str::parse)
                        .collect::<Result<_, _>>()
                        .ok()?,
                },
                resume_point: line("- resume point: ").map(str::to_owned),
            })
        }
    };
    let (booted, seen) = (from_utc(booted)?, from_utc(line("- seen: ")?)?);
    Some(Boot {
        boot: boot.clone(),
        booted,
        seen,
        reboot,
    })
}

fn in_utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime(FORMAT).to_string()
}

fn from_utc(text: &str) -> Option<Timestamp> {
    DateTime::strptime(FORMAT, text)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|at| at.timestamp())
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn id(digit: char) -> BootId {
        digit.to_string().repeat(32).parse().unwrap()
    }

    fn boots() -> Vec<RecordedBoot> {
        let first = Boot {
            boot: id('a'),
            booted: at("2026-11-21T00:40:00Z"),
            seen: at("2026-11-21T00:43:19Z"),
            reboot: None,
        };
        let clean = Boot {
            boot: id('b'),
            booted: at("2026-11-22T07:00:01Z"),
            seen: at("2026-11-22T07:00:09Z"),
            reboot: Some(Reboot {
                from: id('a'),
                clean: true,
                last_alive: Some(at("2026-11-22T06:57:00Z")),
                running: vec!["adversary".parse().unwrap(), "builder".parse().unwrap()],
                resume_point: Some("phase 3 of 6, 2".into()),
            }),
        };
        let unclean = Boot {
            boot: id('c'),
            booted: at("2026-11-24T17:30:00Z"),
            seen: at("2026-11-24T17:30:09Z"),
            reboot: Some(Reboot {
                from: id('b'),
                clean: false,
                last_alive: Some(at("2026-11-24T15:29:58Z")),
                running: Vec::new(),
                resume_point: None,
            }),
        };
        let unknown = Boot {
            boot: id('d'),
            reboot: None,
            ..unclean.clone()
        };
        // Of a container whose clock tells when its host booted.
        let doubted = Boot {
            boot: id('e'),
            booted: clean.seen,
            ..clean.clone()
        };
        (0..)
            .zip([first, clean, unclean, unknown, doubted])
            .map(|(number, boot)| RecordedBoot {
                number,
                boot: boot.boot.clone(),
                record: Some(boot),
            })
            .collect()
    }

    #[test]
    fn it_is_what_people_like_to_read_and_can_be_read_back() {
        let dir = tempfile::tempdir().unwrap();
        add(dir.path(), &boots()).unwrap();
        let bytes = read(dir.path()).unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(&bytes));
        assert_eq!(listed(&bytes), boots());
    }

    #[test]
    fn what_people_write_stays_and_nothing_is_listed_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        let own = format!(
            "my notes \u{fe}\n* 2026-11-22 boot_id={} (by hand)\nlast",
            id('b')
        );
        std::fs::write(&path, [own.as_bytes(), b"\xff"].concat()).unwrap();
        add(dir.path(), &boots()).unwrap();
        let bytes = read(dir.path()).unwrap();
        assert!(bytes.starts_with(&[own.as_bytes(), b"\xff\n\nWatched since"].concat()));
        let all: Vec<_> = listed(&bytes).into_iter().map(|boot| boot.boot).collect();
        assert_eq!(all, [id('b'), id('a'), id('c'), id('d'), id('e')]);
        add(dir.path(), &boots()).unwrap();
        assert_eq!(read(dir.path()).unwrap(), bytes);
    }
}
