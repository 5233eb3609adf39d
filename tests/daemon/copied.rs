//! A state directory that was copied while its rig runs: what runs belongs to that rig.

use std::process::Command;

use crate::rig::Rig;

/// Two that have a worktree, one in a session, and one that has none.
fn config(rig: &Rig) -> String {
    let worktree = |name| rig.path(name).display().to_string();
    for name in ["one", "two"] {
        std::fs::create_dir(rig.path(name)).unwrap();
    }
    format!(
        "[workers.session]\ncommand = \"exec sleep 1000\"\nworkdir = \"/\"\nlauncher = \"tmux\"\n\
         worktree = \"{}\"\nrestart = \"never\"\n\
         [workers.child]\ncommand = \"exec sleep 1000\"\nworkdir = \"/\"\nlauncher = \"process\"\n\
         worktree = \"{}\"\n\
         [workers.alone]\ncommand = \"exec sleep 1000\"\nworkdir = \"/\"\nlauncher = \"process\"\n",
        worktree("one"),
        worktree("two")
    )
}

const NAMES: [&str; 3] = ["alone", "child", "session"];

/// A rig that runs, and one with a copy of its state directory, not started.
fn two() -> (Rig, Rig, String) {
    let mut first = Rig::new("");
    let config = config(&first);
    first.configure(&config);
    first.start();
    for name in NAMES {
        first.until_state(name, "running");
    }
    let copy = Rig::new(&config);
    let copied = Command::new("cp")
        .arg("-a")
        .args([first.path("state"), copy.path("state")])
        .status();
    assert!(copied.unwrap().success());
    (first, copy, config)
}

fn pids(rig: &Rig) -> [i64; 3] {
    NAMES.map(|name| rig.pid(name))
}

/// Said of each of them, and once.
fn told(copy: &Rig, first: &Rig) {
    let state = first.path("state").display().to_string();
    for name in NAMES {
        let says = format!(
            "{name} runs in the rig of {state}, of which this state directory is a copy: it is left \
             to that one"
        );
        let log = copy.until_logged(&says);
        assert_eq!(log.matches(&says).count(), 1, "{log}");
    }
}

#[test]
fn a_copy_of_a_rig_stops_nothing_that_it_does_not_declare() {
    let (mut first, mut copy, _) = two();
    let before = pids(&first);
    copy.configure("[workers.other]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    copy.start();
    told(&copy, &first);
    assert_eq!(pids(&first), before);
    assert_eq!(copy.end_daemon("INT"), Some(0));
    assert_eq!(pids(&first), before);
    // Who comes next finds them as they were.
    first.kill_daemon();
    first.start();
    assert_eq!(pids(&first), before);
    assert_eq!(first.worker("alone")["restarts"], 0);
}

#[test]
fn a_copy_of_a_rig_has_workers_of_its_own_as_far_as_there_is_room() {
    let (first, mut copy, _) = two();
    let before = pids(&first);
    copy.start();
    told(&copy, &first);
    copy.until_state("alone", "running");
    assert_ne!(copy.pid("alone"), before[0]);
    let held = format!("of attempt {}", first.path("state").display());
    for name in ["child", "session"] {
        copy.eventually("who holds its worktree is named", |copy| {
            let row = copy.worker(name).to_string();
            row.contains(&held).then_some(())
        });
    }
    copy.done(&["stop", "child", "session", "alone"]);
    assert_eq!(pids(&first), before);
    // Neither does it learn of it in its next life.
    copy.kill_daemon();
    copy.start();
    assert_eq!(pids(&first), before);
}

#[test]
fn a_copy_is_the_rig_itself_once_the_other_one_is_gone() {
    let (mut first, mut copy, config) = two();
    let before = pids(&first);
    first.kill_daemon();
    std::fs::remove_dir_all(first.path("state")).unwrap();
    copy.configure(&config);
    copy.start();
    assert_eq!(pids(&copy), before);
    copy.done(&["stop", "child", "session", "alone"]);
}
