//! What a host says of itself, read.
//!
//! Promise: a line that is not wholly understood says nothing, and what has no end was not said.

use crate::model::{HostDirectory, HostDirectoryIs, HostFacts};

/// The longest word on a host that is kept.
const LONGEST: usize = 4096;
/// The most programs that are kept of each sort.
const MOST: usize = 100;

/// All that `look.sh` said; nothing where it was cut off.
pub(super) fn read(text: &str) -> Option<HostFacts> {
    let mut facts = HostFacts::default();
    for line in text.lines() {
        if line == "end" {
            return Some(facts);
        }
        // Nothing hangs on it whether it was understood.
        let _understood = line
            .split_once(' ')
            .and_then(|(key, is)| fact(&mut facts, key, is));
    }
    None
}

fn fact(facts: &mut HostFacts, key: &str, is: &str) -> Option<()> {
    if is.is_empty() || is.len() > LONGEST {
        return None;
    }
    match key {
        "user" => facts.user = Some(is.to_owned()),
        "kernel" => facts.kernel = Some(is.to_owned()),
        "boot" => facts.boot = Some(is.to_owned()),
        "uptime" => facts.uptime = Some(number(is)?),
        "cpus" => facts.cpus = Some(number(is).filter(|cpus| *cpus > 0)?),
        "load" => facts.load = Some(load(is)?),
        "memory.total" => facts.memory = Some(number(is)?),
        "memory.available" => facts.memory_available = Some(number(is)?),
        "has" => {
            let (name, is) = is.split_once(' ').filter(|_| facts.has.len() < MOST)?;
            facts.has.insert(name.to_owned(), is.to_owned());
        }
        "lacks" if facts.lacks.len() < MOST => facts.lacks.extend([is.to_owned()]),
        "broken" if facts.broken.len() < MOST => facts.broken.extend([is.to_owned()]),
        "search" => facts.search = Some(is.to_owned()),
        "session" => facts.session = Some(yes(is)?),
        "kills" => facts.kills = Some(yes(is)?),
        "spared" => facts.spared = Some(yes(is)?),
        "linger" => facts.linger = Some(yes(is)?),
        _ => {
            let (which, key) = key.split_once('.')?;
            let directory = match which {
                "ours" => &mut facts.ours,
                "sockets" => &mut facts.sockets,
                "tmp" => &mut facts.tmp,
                _ => return None,
            };
            of_directory(directory, key, is)?;
        }
    }
    Some(())
}

fn of_directory(directory: &mut HostDirectory, key: &str, is: &str) -> Option<()> {
    match key {
        "path" => directory.path = Some(is.to_owned()),
        "is" => {
            directory.is = Some(match is {
                "directory" => HostDirectoryIs::Directory,
                "missing" => HostDirectoryIs::Missing,
                "other" => HostDirectoryIs::Other,
                _ => return None,
            });
        }
        "link" => directory.link = Some(yes(is)?),
        "own" => directory.own = Some(yes(is)?),
        "mode" => directory.mode = Some(is.to_owned()),
        "at" => directory.at = Some(is.to_owned()),
        "writable" => directory.writable = Some(yes(is)?),
        "free" => directory.free = Some(number(is)?),
        "inodes" => directory.inodes = Some(number(is)?),
        _ => return None,
    }
    Some(())
}

fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// With two digits behind the point, as kernels tell it.
fn load(text: &str) -> Option<f64> {
    let load: f64 = text.parse().ok().filter(|load| (0.0..1e6).contains(load))?;
    Some((load * 100.0_f64).round() / 100.0)
}

fn yes(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// What the clock there says, in milliseconds since the epoch: `date +%s%N`, or whole seconds from
/// one that does not know of parts of them.
pub(super) fn clock(text: &str) -> Option<i64> {
    let digits: &str = text.trim().trim_end_matches('N');
    let value = i64::try_from(number(digits)?).ok()?;
    match digits.len() {
        // In the middle of that second.
        ..=11 => value.checked_mul(1000)?.checked_add(500),
        _ => Some(value / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::fuzz;

    #[test]
    fn what_is_said_is_read() {
        let text = "user me\nkernel Linux 6.1\nuptime 12\ncpus 4\nload 0.25\nmemory.total 10\n\
            memory.available 5\nhas tmux tmux 3.3a\nlacks rsync\nbroken head -c\nours.path /a b\n\
            ours.is missing\nours.own yes\nours.free 77\nsockets.mode drwx------\ntmp.link yes\n\
            session yes\nkills no\nlinger no\nend\n";
        let facts = read(text).unwrap();
        assert_eq!(facts.user.as_deref(), Some("me"));
        assert_eq!(
            (facts.uptime, facts.cpus, facts.load),
            (Some(12), Some(4), Some(0.25))
        );
        assert_eq!((facts.memory, facts.memory_available), (Some(10), Some(5)));
        assert_eq!(facts.has["tmux"], "tmux 3.3a");
        assert!(facts.lacks.contains("rsync") && facts.broken.contains("head -c"));
        assert_eq!(facts.ours.path.as_deref(), Some("/a b"));
        assert_eq!(facts.ours.is, Some(HostDirectoryIs::Missing));
        assert_eq!((facts.ours.own, facts.ours.free), (Some(true), Some(77)));
        assert_eq!(facts.sockets.mode.as_deref(), Some("drwx------"));
        assert_eq!(facts.tmp.link, Some(true));
        assert_eq!(
            (facts.session, facts.kills, facts.linger),
            (Some(true), Some(false), Some(false))
        );
    }

    #[test]
    fn what_is_not_understood_says_nothing_and_what_has_no_end_was_not_said() {
        let text = "uptime -1\ncpus 0\nload nan\nload inf\nload\nuser \nours.is here\nours.own maybe\n\
            theirs.own yes\nkills\nhas tmux\nmemory.total +5\nWelcome to Ubuntu\nend\nuser me\n";
        assert_eq!(read(text), Some(HostFacts::default()));
        assert_eq!(read("user me\n"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_clock_is_read_in_the_finest_way_there_is() {
        assert_eq!(clock("1763858599123456789\n"), Some(1_763_858_599_123));
        assert_eq!(clock("1763858599N\n"), Some(1_763_858_599_500));
        assert_eq!(clock("1763858599\n"), Some(1_763_858_599_500));
        assert_eq!(clock("date: illegal"), None);
        assert_eq!(clock(""), None);
        assert_eq!(clock("99999999999999999999"), None);
    }

    #[test]
    fn whatever_a_host_says_is_bounded_and_can_be_told_on() {
        fuzz("host-look", 512, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _read = clock(&text);
            let Some(facts) = read(&text) else {
                assert!(!text.lines().any(|line| line == "end"));
                return;
            };
            assert!(facts.has.len() + facts.lacks.len() + facts.broken.len() <= 3 * MOST);
            let json = serde_json::to_string(&facts).unwrap();
            assert_eq!(serde_json::from_str::<HostFacts>(&json).unwrap(), facts);
        });
    }
}
