//! What a played agent in a real tmux is told by itself: to the byte, once, whichever daemon dies.

use crate::{
    nudges::{log, submitted, told},
    program::program,
    rig::Rig,
};

/// What no terminal may touch.
const START: &str = "Read {{ brief }}: \\\"phase {{ phase }}\\\" of {{ phase_count }}.\n\n\tŽluťoučký `kůň` $HOME 'x'";

const RIG: &str = r#"
[[plan.phases]]
id = "p1"
brief = "/plan/p1.md"

[[plan.phases]]
id = "p2"

[workers.a]
command = "SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude"
agent = "claude"
on_phase = "ON_PHASE"
watch = { every = "100ms" }
backoff = { first = "100ms" }

[workers.a.say]
start = """START"""
reboot = { file = "reboot.txt" }
crash = "You ended with {{ exit }}."
phase = "{{ previous_phase }} is over: go on with {{ phase }}."
"#;

/// A rig whose agent plays this each time, from its first step on.
fn plays(script: &str, on_phase: &str) -> Rig {
    let config = RIG.replace("START", START);
    let mut rig = Rig::new(&config.replace("ON_PHASE", on_phase));
    rig.write("script", script);
    rig.write("reboot.txt", "{{ report }}\nGo on with {{ phase }}.\n");
    std::os::unix::fs::symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig
}

/// It was told so many things; the last of them.
fn until_told(rig: &Rig, many: usize) -> String {
    rig.eventually("told", |rig| {
        let told = told(rig, "worker-told");
        (told.len() == many).then(|| told.last().unwrap().clone())
    })
}

fn start() -> String {
    let start = START
        .replace("\\\"", "\"")
        .replace("{{ brief }}", "/plan/p1.md");
    start
        .replace("{{ phase }}", "p1")
        .replace("{{ phase_count }}", "2")
}

#[test]
fn a_first_start_and_a_crash_are_told_to_the_byte() {
    let rig = plays("wait\nwork 1s\ncrash 7\n", "keep");
    let words = until_told(&rig, 1);
    assert!(
        words.starts_with("a was told of its start (\"Read /plan/p1.md: "),
        "{words}"
    );
    let words = until_told(&rig, 2);
    assert!(
        words.starts_with("a was told of how it ended before (\"You ended with exit code 7."),
        "{words}"
    );
    assert_eq!(
        submitted(&rig)[..2],
        [start(), "You ended with exit code 7.".to_owned()]
    );
}

#[test]
fn another_phase_is_told_to_who_is_kept_when_it_waits() {
    let rig = plays("wait\nwork 3s\nwait\nwork 90s\n", "keep");
    until_told(&rig, 1);
    let pid = rig.pid("a");
    rig.done(&["phase", "done"]);
    let words = until_told(&rig, 2);
    assert!(words.starts_with("a was told of the phase ("), "{words}");
    assert_eq!(
        submitted(&rig),
        [start(), "p1 is over: go on with p2.".to_owned()]
    );
    assert_eq!(rig.pid("a"), pid);
    let queued = log(&rig)
        .into_iter()
        .filter(|line| line["event"] == "queued");
    assert_eq!(queued.count(), 0, "while it worked");
}

#[test]
fn another_phase_is_told_to_who_begins_anew_for_it() {
    let rig = plays("wait\nwork 90s\n", "restart");
    until_told(&rig, 1);
    rig.done(&["phase", "done"]);
    until_told(&rig, 2);
    assert_eq!(
        submitted(&rig),
        [start(), "p1 is over: go on with p2.".to_owned()]
    );
}

#[test]
fn a_killed_daemon_leaves_what_it_has_not_told_to_the_next_one_and_nothing_else() {
    // It cannot be told yet when the daemon is killed.
    let mut rig = plays("work 3s\nwait\nwork 90s\n", "keep");
    rig.until_state("a", "running");
    rig.kill_daemon();
    assert!(submitted(&rig).is_empty());
    rig.start();
    until_told(&rig, 1);
    assert_eq!(submitted(&rig), [start()]);
    rig.kill_daemon();
    rig.start();
    rig.until_state("a", "running");
    // What is asked for comes behind whatever is owed.
    rig.done(&["nudge", "a", "--when", "now", "last"]);
    assert_eq!(told(&rig, "worker-told").len(), 1);
    assert!(told(&rig, "worker-nudge-undecided").is_empty());
}

#[test]
fn a_reboot_is_told_with_all_that_is_known_of_it() {
    let mut rig = plays("wait\nwork 90s\n", "keep");
    until_told(&rig, 1);
    let pid = rig.pid("a");
    rig.kill_daemon();
    // It is dead before that boot ends.
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // Another boot, as the daemon sees it.
    rig.write("boot_id", "0b00b1e5-0000-4000-8000-00000000000b\n");
    rig.start_in_boot("boot_id");
    let words = until_told(&rig, 2);
    assert!(
        words.starts_with("a was told of the reboot (\"Reboot 1: the machine came up at "),
        "{words}"
    );
    let report = submitted(&rig).pop().unwrap();
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "The boot before ended uncleanly: its supervisor said no goodbye.",
            lines[2],
            "Nothing ran before.",
            "The plan: phase 1 of 2 (p1).",
            "Go on with p1.",
        ]
    );
}
