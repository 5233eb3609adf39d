//! A state directory that takes no writes.

use std::fs;

use crate::{mount::can_mount, rig::Rig};

const RIG: &str = r#"
[plan]
phases = [ { id = "1" }, { id = "2" } ]
[workers.loop]
command = "exec sleep 1000"
launcher = "process"
[workers.keeper]
kind = "service"
command = "exec sleep 1000"
launcher = "process"
"#;

#[test]
fn what_is_decided_on_a_full_disk_is_done_and_said_to_be_unrecorded() {
    if !can_mount("a full disk") {
        return;
    }
    let mut rig = Rig::up_on_a_small_disk(RIG);
    let filler = rig.disk.as_ref().unwrap().fill(0);

    let why = rig.refused(1, &["stop", "keeper"]);
    assert!(
        why.contains("keeper stopped, but this is not recorded (")
            && why.contains("full")
            && why.contains("a daemon started before it is will start keeper again"),
        "{why}"
    );
    assert_eq!(rig.worker("keeper")["state"], "stopped");
    let why = rig.refused(1, &["pause"]);
    assert!(
        why.contains("not recorded") && why.contains("will let the loops go on"),
        "{why}"
    );
    rig.until_state("loop", "stopped");
    let why = rig.refused(1, &["resume"]);
    assert!(why.contains("will keep the loops paused"), "{why}");

    // What was warned of comes true, and with room the same words are kept.
    rig.kill_daemon();
    fs::remove_file(filler).unwrap();
    rig.start();
    rig.until_state("keeper", "running");
    assert_eq!(rig.done(&["stop", "keeper"]), "keeper stopped\n");
    assert!(rig.done(&["pause"]).contains("paused"));
    rig.kill_daemon();
    rig.start();
    assert_eq!(
        rig.until_state("keeper", "stopped")["reason"],
        "stopped by the operator"
    );
    assert_eq!(rig.status()["paused"], true);
}

#[test]
fn a_database_that_is_deleted_under_the_daemon_is_told_and_nothing_that_counts_is_lost() {
    let mut rig = Rig::up(RIG);
    rig.done(&["stop", "keeper"]);
    let loop_ = rig.pid("loop");
    for name in ["loopkeeper.db", "loopkeeper.db-wal"] {
        fs::remove_file(rig.path("state").join(name)).unwrap();
    }
    // The next fact meets it.
    rig.done(&["pause"]);
    let degraded = rig.status()["degraded"].to_string();
    assert!(
        degraded.contains("was deleted while the daemon used it"),
        "{degraded}"
    );
    rig.eventually("it is in the history", |rig| {
        let history = rig.done(&["history"]);
        history
            .contains("was deleted while the daemon used it")
            .then_some(())
    });
    rig.until_logged("ERROR database");
    rig.kill_daemon();
    rig.start();
    assert_eq!(
        rig.until_state("keeper", "stopped")["reason"],
        "stopped by the operator"
    );
    assert_eq!(rig.status()["paused"], true);
    assert_eq!(rig.status()["degraded"], serde_json::json!([]));
    assert_ne!(loop_, 0);
}

#[test]
fn a_state_directory_that_is_removed_under_the_daemon_is_its_own_again() {
    let mut rig = Rig::up(RIG);
    rig.done(&["stop", "keeper"]);
    fs::remove_dir_all(rig.path("state")).unwrap();
    rig.eventually("the directory is locked again", |rig| {
        let holder = loopkeeper::store::Store::holder(&rig.path("state"));
        (holder == rig.daemon.as_ref().map(|daemon| daemon.pid().cast_signed())).then_some(())
    });
    let degraded = rig.eventually("it is told", |rig| {
        let degraded = rig.status()["degraded"].to_string();
        degraded.contains("was removed while").then_some(degraded)
    });
    assert!(degraded.contains("state directory"), "{degraded}");
    // The new one is watched like the first.
    rig.write("state/phase-idx", "2\n");
    rig.eventually("the edit is taken", |rig| {
        (rig.status()["phase"]["id"] == "2").then_some(())
    });
    rig.kill_daemon();
    rig.start();
    rig.until_state("keeper", "stopped");
    assert_eq!(rig.status()["phase"]["id"], "2");
}

#[test]
fn a_second_daemon_on_a_state_directory_that_was_removed_leaves_the_first_degraded() {
    let rig = Rig::up(RIG);
    let another = loopkeeper::store::Store::open;
    // Before the daemon comes to it: it is stopped while that happens.
    let daemon = rig.daemon.as_ref().unwrap();
    daemon.signal("STOP");
    fs::remove_dir_all(rig.path("state")).unwrap();
    let second = another(&rig.path("state"), &[]).unwrap();
    daemon.signal("CONT");
    rig.eventually("it is told", |rig| {
        let degraded = rig.status()["degraded"].to_string();
        degraded.contains("is in use by loopkeeperd").then_some(())
    });
    let why = rig.refused(1, &["pause"]);
    assert!(
        why.contains("not recorded") && why.contains("in use by"),
        "{why}"
    );
    let why = rig.refused(1, &["restart", "keeper"]);
    assert!(why.contains("in use by"), "{why}");
    rig.until_logged("ERROR history and resume point cannot be kept: state directory");
    assert!(!rig.path("state/phase-idx").exists());
    drop(second);
    // What is there may be what is meant.
    let why = rig.refused(1, &["pause"]);
    assert!(why.contains("has a rig in it"), "{why}");
    fs::remove_dir_all(rig.path("state")).unwrap();
    rig.done(&["pause"]);
    rig.done(&["start", "keeper"]);
}

#[test]
fn an_end_that_a_full_disk_does_not_take_is_one_line_until_there_is_room() {
    if !can_mount("a full disk") {
        return;
    }
    let rig = Rig::up_on_a_small_disk(RIG);
    let lines = || -> Vec<String> {
        let status = rig.status();
        let lines = status["degraded"].as_array().unwrap().iter();
        lines
            .map(|line| line.as_str().unwrap().to_owned())
            .filter(|line| line.contains("exit.json"))
            .collect()
    };
    for _ in 0..2 {
        let filler = rig.disk.as_ref().unwrap().fill(0);
        rig.refused(1, &["stop", "keeper"]);
        let told = lines();
        assert!(
            matches!(&told[..], [line] if line.contains("No space left on device")),
            "{told:?}"
        );
        fs::remove_file(filler).unwrap();
        // Nobody runs the worker again, and so no other end of it is recorded.
        rig.eventually("nothing is degraded", |rig| {
            (rig.status()["degraded"] == serde_json::json!([])).then_some(())
        });
        assert_eq!(rig.worker("keeper")["state"], "stopped");
        rig.done(&["start", "keeper"]);
    }
}

#[test]
fn a_worker_is_not_held_because_the_disk_was_full() {
    if !can_mount("a full disk") {
        return;
    }
    let rig = Rig::up_on_a_small_disk(
        r#"
[workers.well]
command = "exec sleep 1000"
launcher = "process"
backoff = { first = "1ms", most = "4ms" }
budget = { restarts = 1, window = "1h" }
"#,
    );
    let filler = rig.disk.as_ref().unwrap().fill(0);
    let why = rig.refused(1, &["restart", "well"]);
    assert!(why.contains("No space left on device"), "{why}");
    rig.eventually("it is tried again and again", |rig| {
        let tries = rig
            .read("daemon.log")
            .matches("cannot be started now")
            .count();
        (tries > 2).then_some(())
    });
    fs::remove_file(filler).unwrap();
    assert_eq!(rig.until_state("well", "running")["restarts"], 0);
}
