//! A budget of a day, with a played agent in a real tmux: held when it is spent, over daemons, and given again.

use std::os::unix::fs::symlink;

use crate::{
    nudges::{submitted, told, until_told},
    program::program,
    rig::Rig,
};

#[test]
fn one_that_has_had_its_turns_is_held_and_given_as_many_again() {
    let mut rig = Rig::new(
        "[workers.a]\n\
         command = \"SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude\"\n\
         agent = \"claude\"\n\
         watch = { every = \"200ms\" }\n\
         budget = { turns = 1 }\n",
    );
    rig.write("script", "wait\nwork 3s\nwait\nwork 3s\n");
    symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig.done(&["nudge", "a", "go", "on"]);
    let text = until_told(&rig, "worker-budget");
    assert!(text.starts_with("a spent its 1 turn of today: "), "{text}");
    let held = rig.until_state("a", "held");
    assert_eq!(held["spent"]["turns"]["spent"], 1, "{held}");
    assert_eq!(submitted(&rig), ["go on"]);
    // The next daemon knows it.
    rig.kill_daemon();
    rig.start();
    let held = rig.until_state("a", "held");
    assert_eq!(
        held["reason"],
        "spent its 1 turn of today; goes on at midnight"
    );
    assert_eq!(told(&rig, "worker-budget").len(), 1);
    rig.done(&["start", "a"]);
    let running = rig.until_state("a", "running");
    assert_eq!(running["spent"]["turns"]["spent"], 0, "{running}");
}
