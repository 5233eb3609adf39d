//! What is to be seen of an attempt over there beside its screen, as `sh/tmux.sh` tells it.
//!
//! Promise: what is not wholly understood says nothing; without those who are there, there is no answer.

use std::{collections::BTreeMap, time::Duration};

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};

use crate::{
    agent::signs::Trace,
    launch::{near::Near, typing::called},
};

/// The line behind which tmux speaks.
const SCREEN: &str = "screen";

/// What there is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::launch) struct Around {
    /// By the clock there.
    pub(in crate::launch) now: Timestamp,
    /// In which times are said there.
    pub(in crate::launch) zone: TimeZone,
    /// The pid of the worker.
    pub(in crate::launch) worker: i32,
    /// Who is there; without those who lead the terminal.
    pub(in crate::launch) near: Vec<Near>,
    /// Whether somebody is known to be in the foreground, be it who leads the terminal.
    pub(in crate::launch) has_front: bool,
    /// Whether the program has asked for bracketed paste.
    pub(in crate::launch) brackets: Option<bool>,
    /// The longest line that the kernel takes, while it edits lines.
    pub(in crate::launch) longest_line: Option<usize>,
    pub(in crate::launch) heartbeat: Trace,
    pub(in crate::launch) committed: Trace,
}

/// Reads an answer: what is there, and what tmux says.
pub(super) fn read(answer: &str) -> Option<(Around, &str)> {
    let (head, said) = match answer.split_once(&format!("\n{SCREEN}\n")) {
        Some((head, said)) => (head, said),
        None => (answer.strip_suffix(SCREEN)?, ""),
    };
    let (mut clock, mut leader) = (None, None);
    let mut processes = Vec::new();
    let mut words: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    let (mut brackets, mut longest_line) = (None, None);
    let (mut heartbeat, mut committed) = (Trace::Unseen, Trace::Unseen);
    for line in head.lines() {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "clock" => clock = time(rest),
            "leader" => leader = pair(rest),
            "process" => processes.extend(process(rest)),
            "elsewhere" => elsewhere.extend(rest.parse::<i32>()),
            "words" => {
                if let Some((pid, said)) = rest.split_once(' ')
                    && let Ok(pid) = pid.parse()
                {
                    words.insert(pid, said.split('\t').collect());
                }
            }
            "longest" => longest_line = rest.parse().ok(),
            "brackets" => brackets = Some(rest == "yes"),
            "heartbeat" => heartbeat = trace(rest),
            "committed" => committed = trace(rest),
            _ => {}
        }
    }
    let ((now, zone), (pane, worker)) = (clock?, leader?);
    let has_front = processes.iter().any(|one| one.front);
    let near = processes.into_iter().filter(|one| one.pid != pane);
    let near = near.map(|one| Near {
        pid: one.pid,
        parent: one.parent,
        reads: one.front && !elsewhere.contains(&one.pid),
        names: called(one.name, words.get(&one.pid).map_or(&[], Vec::as_slice)),
        cpu: one.cpu,
    });
    let around = Around {
        now,
        zone,
        worker,
        near: near.collect(),
        has_front,
        brackets,
        longest_line,
        heartbeat,
        committed,
    };
    Some((around, said))
}

struct Process {
    pid: i32,
    parent: i32,
    front: bool,
    cpu: Duration,
    name: String,
}

fn process(line: &str) -> Option<Process> {
    let mut words = line.splitn(5, ' ');
    let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let front = words.next()? == "front";
    let cpu = computed(words.next()?)?;
    // Of macOS it is a path.
    let name = words.next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default().to_owned();
    Some(Process {
        pid,
        parent,
        front,
        cpu,
        name,
    })
}

/// As ps(1) says it: `[[dd-]hh:]mm:ss`, on macOS with hundredths.
fn computed(text: &str) -> Option<Duration> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let (whole, _) = rest.split_once('.').unwrap_or((rest, ""));
    let parts = whole.split(':').map(|part| part.parse::<u64>().ok());
    let seconds = parts.reduce(|sum, part| Some(sum? * 60 + part?))??;
    Some(Duration::from_secs(
        days.parse::<u64>().ok()? * 86_400 + seconds,
    ))
}

/// The seconds, and how far they are from UTC: `1700000000 +0130`.
fn time(text: &str) -> Option<(Timestamp, TimeZone)> {
    let (seconds, zone) = text.split_once(' ')?;
    let now = Timestamp::from_second(seconds.parse().ok()?).ok()?;
    let zone: i32 = zone.parse().ok()?;
    let offset = Offset::from_seconds((zone / 100 * 60 + zone % 100) * 60).ok()?;
    // It knows when clocks are changed.
    let own = TimeZone::system();
    let zone = match own.to_offset(now) == offset {
        true => own,
        false => TimeZone::fixed(offset),
    };
    Some((now, zone))
}

fn pair(text: &str) -> Option<(i32, i32)> {
    let (one, other) = text.split_once(' ')?;
    Some((one.parse().ok()?, other.parse().ok()?))
}

fn trace(text: &str) -> Trace {
    let at = || Timestamp::from_second(text.parse().ok()?).ok();
    match text {
        "absent" => Trace::Absent,
        _ => at().map_or(Trace::Unseen, Trace::At),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "clock 1700000000 -0130\nleader 10 11\nprocess 10 1 front 00:00:00 sh\n\
        process 11 10 front 01:02:03 MainThread\nprocess 12 11 front 1-00:00:01 cat\n\
        process 13 11 off 0:07.25 /opt/a b/make\nelsewhere 12\nwords 11 node\t/bin/claude\tx\n\
        longest 4095\nbrackets yes\nheartbeat absent\ncommitted 1699999999\nscreen\n80 24 0 0\nscreen\ntext\n";

    #[test]
    fn what_is_there_is_told_from_what_tmux_says() {
        let (around, said) = read(ANSWER).unwrap();
        assert_eq!(said, "80 24 0 0\nscreen\ntext\n");
        assert_eq!(around.now, Timestamp::from_second(1_700_000_000).unwrap());
        assert_eq!(around.zone.to_offset(around.now).seconds(), -5400);
        assert_eq!((around.worker, around.has_front), (11, true));
        let near = |pid, reads, names: &[&str], cpu| Near {
            pid,
            parent: if pid == 11 { 10 } else { 11 },
            reads,
            names: names.iter().map(|&name| name.to_owned()).collect(),
            cpu: Duration::from_secs(cpu),
        };
        let expected = [
            near(11, true, &["MainThread", "claude", "node"], 3723),
            near(12, false, &["cat"], 86_401),
            near(13, false, &["make"], 7),
        ];
        assert_eq!(around.near, expected);
        assert_eq!(
            (around.longest_line, around.brackets),
            (Some(4095), Some(true))
        );
        assert_eq!(around.heartbeat, Trace::Absent);
        let committed = Timestamp::from_second(1_699_999_999).unwrap();
        assert_eq!(around.committed, Trace::At(committed));
    }

    #[test]
    fn without_a_clock_a_leader_and_a_screen_there_is_no_answer() {
        for part in ["clock 1700000000 -0130\n", "leader 10 11\n", "\nscreen"] {
            let less = ANSWER.replace(part, "");
            assert_eq!(read(&less), None, "{part}");
        }
    }
}
