//! Agents that do nothing any more, in a real tmux: nudged, looked at, and at last told.

use std::os::unix::fs::symlink;

use loopkeeper::{
    decide::{KnownSign, Sign},
    store::Store,
};

use crate::{
    nudges::{events, submitted, told, until_told},
    program::program,
    rig::Rig,
};

const TEXT: &str =
    "You seem to have stopped. Go on where you are; if you cannot, say what you need.";

/// A rig whose agent plays this, and is soon stalled.
fn plays(unstick: &str, script: &str) -> Rig {
    plays_before("slow = '1500ms', stuck = '3s'", unstick, script)
}

/// The same, watched by these rules.
fn plays_before(watch: &str, unstick: &str, script: &str) -> Rig {
    let mut rig = Rig::new(&format!(
        "[rig]\n\
         notify = \"cat >>notices\"\n\
         [workers.a]\n\
         command = \"SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude\"\n\
         agent = \"claude\"\n\
         watch = {{ every = \"200ms\", {watch} }}\n\
         unstick = {{ {unstick} }}\n"
    ));
    rig.write("script", &format!("work 500ms\n{script}"));
    symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig
}

fn count(rig: &Rig, event: &str) -> usize {
    told(rig, event).len()
}

#[test]
fn one_that_stalls_is_nudged_and_goes_on() {
    let rig = plays("again = '1h'", "stall\nwork 90s");
    let text = until_told(&rig, "worker-unstuck");
    assert!(
        text.starts_with("a is working again: it was nudged once, "),
        "{text}"
    );
    assert_eq!(submitted(&rig), [TEXT]);
    assert_eq!(
        (count(&rig, "worker-stalled"), count(&rig, "worker-stuck")),
        (1, 0)
    );
    rig.eventually("somebody hears of it", |rig| {
        rig.read("notices").contains(&text).then_some(())
    });
}

#[test]
fn one_that_hangs_is_interrupted_for_the_second_text() {
    // The first text does not arrive. That the second one helped is seen by looks, which a busy machine
    // may delay; who is not seen to work by then is given up.
    let rig = plays("again = '8s'", "lose 1\nhang\nwait\nwork 90s");
    until_told(&rig, "worker-unstuck");
    assert_eq!(
        (
            events(&rig, "lost").len(),
            events(&rig, "interrupted").len()
        ),
        (1, 1)
    );
    assert_eq!(submitted(&rig), [TEXT]);
    assert_eq!(
        (
            count(&rig, "worker-nudge-failed"),
            count(&rig, "worker-stuck")
        ),
        (1, 0)
    );
}

#[test]
fn what_repaints_without_working_is_told_after_so_many_tries() {
    let rig = plays("again = '1s'", "repaint 300s");
    let text = until_told(&rig, "worker-stuck");
    assert!(text.starts_with("a is stuck: it is stalled for "), "{text}");
    assert_eq!(rig.worker("a")["verdict"]["is"], "stalled");
    let evidence = rig.worker("a")["verdict"]["evidence"].clone();
    assert!(
        evidence
            .as_str()
            .unwrap()
            .ends_with("; a person has to look"),
        "{evidence}"
    );
    assert_eq!(
        (
            count(&rig, "worker-unstuck"),
            rig.worker("a")["restarts"].clone()
        ),
        (0, 0.into())
    );
    rig.eventually("somebody hears of it", |rig| {
        rig.read("notices").contains(&text).then_some(())
    });
}

#[test]
fn one_that_nothing_helps_is_started_again_where_that_is_wanted() {
    let rig = plays("again = '1s', tries = 1, then = 'restart'", "repaint 300s");
    let pid = rig.pid("a");
    let text = until_told(&rig, "worker-stuck");
    assert!(
        text.ends_with("; it is stopped, and started again"),
        "{text}"
    );
    rig.eventually("another attempt", |rig| {
        let worker = rig.worker("a");
        (worker["restarts"] != 0 && worker["state"] == "running").then_some(())
    });
    assert_ne!(rig.pid("a"), pid);
}

#[test]
fn a_long_build_is_not_disturbed() {
    let rig = plays("again = '1s'", "child 8s\nwait");
    rig.eventually("it is done", |rig| {
        let done = events(rig, "done");
        done.iter()
            .any(|line| line["step"] == "child 8s")
            .then_some(())
    });
    assert_eq!(
        (count(&rig, "worker-stalled"), count(&rig, "worker-nudged")),
        (0, 0)
    );
    assert!(submitted(&rig).is_empty() && events(&rig, "pasted").is_empty());
}

#[test]
fn one_whose_provider_did_not_answer_goes_on() {
    let rig = plays("again = '1s'", "outage\nwork 90s");
    let text = until_told(&rig, "worker-unstuck");
    assert!(
        text.contains("; it was without an answer from its provider for "),
        "{text}"
    );
    assert_eq!(submitted(&rig)[0], TEXT);
}

#[test]
fn one_that_waits_is_nudged_where_that_is_wanted() {
    let rig = plays("idle = '1s'", "wait\nwork 500ms\nwait\nwork 90s");
    rig.eventually("two turns", |rig| (submitted(rig).len() == 2).then_some(()));
    assert_eq!(submitted(&rig), [TEXT, TEXT]);
    // Who asks is answered by people.
    let rig = plays(
        "idle = '1s', again = '1s'",
        "ask \"Do you want to proceed?\"\nwork 90s",
    );
    until_told(&rig, "worker-asking");
    rig.eventually("looks at it for a while", |rig| {
        let turns = &rig.worker("watchdog")["verdict"]["evidence"];
        let turns = turns.as_str()?.split(' ').nth(3)?.parse::<u64>().ok()?;
        (turns > 80).then_some(())
    });
    assert_eq!((submitted(&rig), count(&rig, "worker-nudged")), (vec![], 0));
}

#[test]
fn a_text_that_a_killed_daemon_had_begun_is_told_and_counted() {
    // The agent loses it, and who types waits for it to be seen.
    let mut rig = plays("again = '1s'", "lose 1\nhang\nwait\nwork 90s");
    rig.eventually("it is recorded", |rig| {
        let seen = Store::read_only(&rig.path("state"), &[]).unwrap();
        let lost = !events(rig, "lost").is_empty();
        (lost && seen.restored.nudges.len() == 1).then_some(())
    });
    rig.kill_daemon();
    rig.start();
    until_told(&rig, "worker-nudge-undecided");
    until_told(&rig, "worker-unstuck");
    assert_eq!(
        (submitted(&rig), events(&rig, "interrupted").len()),
        (vec![TEXT.to_owned()], 1)
    );
}

#[test]
fn what_a_killed_daemon_saw_last_is_known_to_the_next_one() {
    let mut rig = plays_before("slow = '1s', stuck = '1h'", "nudge = false", "stall");
    let sign = |rig: &Rig| {
        let mut seen = Store::read_only(&rig.path("state"), &[]).unwrap();
        seen.restored.workers.remove("a")?.last?.sign
    };
    rig.eventually("it stalls", |rig| {
        let done = events(rig, "done");
        done.iter()
            .any(|line| line["step"] == "work 500ms")
            .then_some(())
    });
    let of_screen = |known: &KnownSign| known.sign == Sign::Screen;
    let known = rig.eventually("it is recorded", |rig| sign(rig).filter(of_screen));
    rig.kill_daemon();
    rig.start();
    // Whoever watches it anew says since when that is.
    let begins = "no sign of work for ";
    let evidence = rig.eventually("it is looked at", |rig| {
        let evidence = rig.worker("a")["verdict"]["evidence"].clone();
        let evidence = evidence.as_str()?.to_owned();
        (evidence.starts_with(begins) || evidence.starts_with("watched since ")).then_some(evidence)
    });
    assert!(
        evidence.starts_with(begins) && evidence.contains(": its screen changed "),
        "{evidence}"
    );
    assert_eq!(sign(&rig), Some(known));
}
