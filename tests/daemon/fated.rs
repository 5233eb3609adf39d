//! Daemons that die at one point after the other of what they do (`src/fault.rs`), while a text is typed.

use std::{collections::BTreeMap, fs, process::Stdio};

use loopkeeper::store::Store;
use serde_json::Value;

use crate::{
    nudges::{events, submitted, tmux},
    program::program,
    rig::Rig,
};

const RIG: &str = r#"
[workers.a]
command = "SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude"
agent = "claude"
watch = { every = "1h", slow = "2h" }
"#;

/// The first points are of its start: these are left out.
const FIRST: usize = 6;
/// More points than a daemon has from its start to the answer.
const LAST: usize = 200;

/// The daemon is dead, and nobody has waited for it.
pub(crate) fn is_dead(rig: &Rig) -> bool {
    let daemon = rig.daemon.as_ref().unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    let state = stat.rsplit(')').next().unwrap().trim_start();
    state.starts_with('Z')
}

/// Starts a daemon that dies at the point of this number, if it comes to that.
pub(crate) fn start_fated(rig: &mut Rig, number: usize) {
    let faults = rig.path("faults");
    rig.write("faults", &format!("{number}\n"));
    rig.start_with(|command| {
        command.env("LOOPKEEPER_FAULTS", &faults);
    });
}

/// The lives that ended between the paste and the key that submits, by the log of all.
pub(crate) fn died_before_enter(log: &str) -> Vec<usize> {
    let lives = log.lines().filter_map(|line| line.split_once(' '));
    let between = lives
        .filter(|(_, point)| ["after the paste", "before the key that submits"].contains(point));
    let between: Vec<usize> = between.map(|(number, _)| number.parse().unwrap()).collect();
    assert_eq!(between.len(), 2, "{log}");
    between
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing of it came to the terminal, and nobody says otherwise.
    Untouched,
    /// It was submitted, and that is told.
    Delivered,
    /// Nobody knows, and that is told.
    Undecided,
}

/// How many texts are told so.
fn told(rig: &Rig, event: &str) -> usize {
    let history = rig.done(&["history", "--json", "--lines", "10000"]);
    let history: Value = serde_json::from_str(&history).unwrap();
    let history = history.as_array().unwrap().iter();
    history.filter(|entry| entry["event"] == event).count()
}

fn times(rig: &Rig, text: &str) -> usize {
    submitted(rig).iter().filter(|one| *one == text).count()
}

/// What the first life leaves of a text, by what the next one makes of it.
fn fate(rig: &Rig, text: &str, pasted: usize, before: (usize, usize)) -> Fate {
    rig.eventually("nothing is begun any more", |rig| {
        let seen = Store::read_only(&rig.path("state"), &[]).unwrap();
        seen.restored.nudges.is_empty().then_some(())
    });
    let nudged = told(rig, "worker-nudged") - before.0;
    let undecided = told(rig, "worker-nudge-undecided") - before.1;
    match (nudged, undecided) {
        (1, 0) => {
            assert_eq!(times(rig, text), 1, "{text}");
            Fate::Delivered
        }
        (0, 1) => {
            // What is left on the input line is for a person to see, and to clear.
            tmux(rig, &["send-keys", "C-u"]);
            Fate::Undecided
        }
        (0, 0) => {
            assert_eq!(
                events(rig, "pasted").len(),
                pasted,
                "{text} came, and nobody says so"
            );
            Fate::Untouched
        }
        both => panic!("{text} is told {both:?} times"),
    }
}

#[test]
fn whatever_a_daemon_is_killed_at_a_nudge_is_typed_once_or_seen_to_be_undecided() {
    let mut rig = Rig::new(RIG);
    rig.write("script", &"wait\n".repeat(LAST));
    std::os::unix::fs::symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig.eventually("first step", |rig| events(rig, "step").pop());
    let mut fates = BTreeMap::new();
    let mut number = FIRST;
    loop {
        assert!(
            number < LAST,
            "no life came to its end:\n{}",
            rig.read("faults.log")
        );
        let text = format!("text {number}");
        let before = (
            told(&rig, "worker-nudged"),
            told(&rig, "worker-nudge-undecided"),
        );
        let pasted = events(&rig, "pasted").len();
        rig.kill_daemon();
        start_fated(&mut rig, number);
        rig.eventually("it answers, or is dead", |rig| {
            (is_dead(rig) || rig.ctl(&["status"]).status.success()).then_some(())
        });
        let mut nudge = rig.supervisorctl();
        nudge.args(["nudge", "a", &text]);
        let nudge = nudge.stdout(Stdio::piped()).stderr(Stdio::piped());
        let answered = nudge.output().unwrap().status.success();
        rig.kill_daemon();
        rig.start();
        let fate = fate(&rig, &text, pasted, before);
        // Who is told that it was taken is told the truth.
        assert!(!answered || fate == Fate::Delivered, "{text}: {fate:?}");
        fates.insert(number, fate);
        number += 1;
        if answered {
            break;
        }
    }
    for number in FIRST..number {
        let text = format!("text {number}");
        let times = times(&rig, &text);
        assert!(times <= 1, "{text} was typed {times} times");
    }
    let log = rig.read("faults.log");
    eprintln!("{fates:?}\n{log}");
    for point in [
        "before Type",
        "before the paste",
        "after the paste",
        "before the key that submits",
        "after the key that submits",
        "before Answer",
    ] {
        assert!(log.contains(point), "nothing died {point}:\n{log}");
    }
    for fate in [Fate::Untouched, Fate::Delivered, Fate::Undecided] {
        let mut all = fates.values();
        assert!(all.any(|one| *one == fate), "none was {fate:?}: {fates:?}");
    }
    // It stood on the input line.
    for number in died_before_enter(&log) {
        assert_eq!(fates[&number], Fate::Delivered, "{number}:\n{log}");
    }
}
