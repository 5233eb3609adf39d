//! One version of the daemon after another, with the same state directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rusqlite::Connection;

use crate::rig::{Rig, text};

/// Of the rig that left `tests/store/golden/1`.
const RIG: &str = r#"
[plan]
phases = [ { id = "1d" }, { id = "1e" }, { id = "2" }, { id = "2b" }, { id = "3" }, { id = "4" } ]
[workers.builder]
command = "exec sleep 1000"
launcher = "process"
[workers.adversary]
command = "exec sleep 1000"
launcher = "process"
"#;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/golden/1")
}

fn database(rig: &Rig) -> Connection {
    Connection::open(rig.path("state/loopkeeper.db")).unwrap()
}

/// A rig that the first version kept, and that no daemon has kept since.
fn of_version_1() -> Rig {
    let rig = Rig::new(RIG);
    let copied = Command::new("cp")
        .arg("-r")
        .args([golden(), rig.path("state")])
        .status();
    assert!(copied.unwrap().success());
    let statements = rig.path("state/loopkeeper.sql");
    database(&rig)
        .execute_batch(&fs::read_to_string(&statements).unwrap())
        .unwrap();
    fs::remove_file(statements).unwrap();
    rig
}

#[test]
fn what_the_first_version_left_is_gone_on_with() {
    let mut rig = of_version_1();
    rig.start();
    let status = rig.status();
    assert_eq!(
        status["phase"],
        serde_json::json!({"index": 2, "id": "2", "count": 6})
    );
    assert_eq!(status["paused_because"], "quota");
    assert_eq!(
        status["reboots"]["count"], 2,
        "the one of then, and the one since"
    );
    assert_eq!(status["reboots"]["last"]["clean"], true);
    let builder = rig.worker("builder");
    assert_eq!(builder["reason"], "stopped by the operator", "{builder}");
    assert_eq!(
        builder["last_exit"],
        serde_json::json!({"lost": "the machine went down"})
    );
    let history = rig.done(&["history"]);
    for told in [
        "notice 1",
        "reboot 2: the boot before ended cleanly",
        "; builder ran; phase 3 of 6 (2)",
    ] {
        assert!(history.contains(told), "{told}: {history}");
    }
    assert!(rig.read("state/phase-idx").starts_with("2 2\n"));
    let reboots = rig.read("state/REBOOTS.md");
    assert!(
        reboots.starts_with(&fs::read_to_string(golden().join("REBOOTS.md")).unwrap()),
        "{reboots}"
    );
    assert!(reboots.contains("## Reboot 2: "), "{reboots}");
    rig.done(&["resume"]);
    rig.until_state("adversary", "running");
    assert_eq!(rig.worker("builder")["state"], "stopped");
}

#[test]
fn who_ended_before_the_machine_went_down_is_not_told_to_have_run() {
    for (asked, told, ran) in [
        ("", "builder had ended meanwhile: exit code 7  ", "nothing"),
        (
            "stop stopping aa\n",
            "builder had ended meanwhile: exit code 7, as the machine went down (",
            "builder",
        ),
    ] {
        let mut rig = of_version_1();
        let attempt = rig.path("state/attempts/builder/20261121T004349Z-00000007");
        // As systemd's own hand leaves it, with no daemon there.
        fs::write(attempt.join("unit-asked"), asked).unwrap();
        fs::write(attempt.join("unit-exit"), "exit-code exited 7 aa\n").unwrap();
        let start = fs::read_to_string(attempt.join("start.json")).unwrap();
        let start = start.replace("\"pane\":null", "\"pane\":null,\"invocation\":\"aa\"");
        fs::write(attempt.join("start.json"), start).unwrap();
        rig.start();
        let history = rig.done(&["history"]);
        assert!(history.contains(told), "{told}: {history}");
        let reboots = rig.read("state/REBOOTS.md");
        let (_, entry) = reboots.split_once("## Reboot 2: ").unwrap();
        let running = format!("\n- was running: {ran}\n");
        assert!(entry.contains(&running), "{entry}");
    }
}

/// Everything below a directory, as it is seen from without.
fn seen(directory: &Path) -> String {
    let look = "find . -printf '%p %i %m %s %T@\\n' | sort; find . -type f -exec cksum {} + | sort";
    let output = Command::new("sh")
        .args(["-ec", look])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success());
    text(&output.stdout)
}

#[test]
fn a_daemon_that_is_older_than_the_store_says_so_and_leaves_it_alone() {
    let rig = of_version_1();
    database(&rig)
        .execute_batch(
            "PRAGMA user_version = 5; UPDATE meta SET value = '0.2.0' WHERE name = 'written_by'",
        )
        .unwrap();
    let before = seen(&rig.path("state"));
    let refused = rig.loopkeeperd().output().unwrap();
    let shown = rig.ctl(&["status"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(shown.status.code(), Some(3));
    let ours = env!("CARGO_PKG_VERSION");
    for said in [text(&refused.stderr), text(&shown.stderr)] {
        let what = format!(
            "database {} was written by a newer loopkeeper, version 0.2.0: it has structure 5, and \
             version {ours}, which this is, knows structures up to 4\n",
            rig.path("state/loopkeeper.db").display()
        );
        assert!(said.contains(&what), "{said}");
        assert!(
            said.contains("start version 0.2.0 or a later one again"),
            "{said}"
        );
    }
    assert_eq!(seen(&rig.path("state")), before);
    assert!(!rig.path("run/control.sock").exists());
}
