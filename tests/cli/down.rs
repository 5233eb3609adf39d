//! `status` when the daemon is down: from a real store and a real process.

use std::{fs, process::Command};

use loopkeeper::{
    decide::{Boot, Fact, Level, Notice, Reboot, ResumePoint, SetBy},
    host::{boot, process::Process},
    launch::directory::{Directory, Start},
    model::{AttemptRef, BootId, PhaseId},
    store::Store,
};
use predicates::{prelude::PredicateBooleanExt as _, str::contains};
use serde_json::Value;

use crate::scripted::Home;

const RIG: &str = r#"
[rig]
name = "pi"
[[plan.phases]]
id = "1d"
[[plan.phases]]
id = "2b"
[workers.builder]
command = ["/bin/sh"]
"#;

/// A state directory as a daemon that was killed leaves it, with a worker that goes on.
fn left_behind(home: &Home) -> std::process::Child {
    home.declare(RIG);
    let boot = boot::boot_id().unwrap();
    let at = jiff::Timestamp::now();
    let worker = Command::new("sleep").arg("600").spawn().unwrap();
    let identity = Process::of(i32::try_from(worker.id()).unwrap())
        .unwrap()
        .identity(&boot);
    let attempt = AttemptRef {
        worker: "builder".parse().unwrap(),
        attempt: "20261121T004319Z-00000001".parse().unwrap(),
    };
    let plan: Vec<PhaseId> = vec!["1d".parse().unwrap(), "2b".parse().unwrap()];
    let mut opened = Store::open(&home.state(), &plan).unwrap();
    let earlier: BootId = "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11".parse().unwrap();
    opened
        .store
        .record(&[
            Fact::Boot(Boot {
                boot: earlier.clone(),
                booted: at,
                seen: at,
                reboot: None,
            }),
            Fact::Boot(Boot {
                boot: boot.clone(),
                booted: at,
                seen: at,
                reboot: Some(Reboot {
                    from: earlier,
                    clean: false,
                    last_alive: None,
                    running: vec!["builder".parse().unwrap()],
                    resume_point: None,
                }),
            }),
            Fact::Phase(ResumePoint {
                index: 1,
                id: "2b".parse().ok(),
                count: 2,
                at,
                by: SetBy::Plan,
                done: Vec::new(),
            }),
            Fact::Decided {
                attempt: attempt.clone(),
                at,
                boot,
                phase: "2b".parse().ok(),
                definition: 1,
                owed: None,
            },
            Fact::Started {
                attempt: attempt.clone(),
                identity: identity.clone(),
            },
            told(at, None, "the resume point is phase 2 of 2 (2b)"),
            told(at, Some("builder"), "builder running, pid 77"),
        ])
        .unwrap();
    let directory = Directory::of(&home.state(), &attempt);
    fs::create_dir_all(directory.path()).unwrap();
    let start = Start {
        identity,
        at,
        cgroup: None,
        pane: None,
        invocation: None,
    };
    fs::write(
        directory.path().join("start.json"),
        serde_json::to_vec(&start).unwrap(),
    )
    .unwrap();
    worker
}

fn told(at: jiff::Timestamp, worker: Option<&str>, text: &str) -> Fact {
    Fact::Notice(Notice {
        at,
        event: "e".into(),
        level: Level::Info,
        worker: worker.map(|name| name.parse().unwrap()),
        attempt: None,
        phase: None,
        text: text.into(),
    })
}

#[test]
fn status_says_that_it_is_down_and_what_it_would_show() {
    let home = Home::new();
    let mut worker = left_behind(&home);
    let before: Vec<_> = listed(&home);
    home.supervisorctl()
        .arg("status")
        .assert()
        .code(3)
        .stderr(contains("error: daemon is not running"))
        .stdout(contains(
            "pi · phase 2 of 2 \"2b\" · daemon down · 1 reboot, last ",
        ))
        .stdout(contains("builder  loop  running"));
    let json = home
        .supervisorctl()
        .args(["status", "--json"])
        .assert()
        .code(3);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["daemon"], false);
    assert_eq!(json["started_at"], Value::Null);
    assert_eq!(json["workers"][0]["pid"], worker.id());

    worker.kill().unwrap();
    worker.wait().unwrap();
    let json = home
        .supervisorctl()
        .args(["status", "--json"])
        .assert()
        .code(3);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["workers"][0]["pid"], Value::Null);
    assert_eq!(json["workers"][0]["state"], "stopped");
    assert!(
        json["workers"][0]["last_exit"]["lost"].is_string(),
        "{json}"
    );
    assert_eq!(listed(&home), before, "a look changed the state directory");
}

#[test]
fn what_happened_is_told_without_a_daemon() {
    let home = Home::new();
    let mut worker = left_behind(&home);
    worker.kill().unwrap();
    worker.wait().unwrap();
    let before = listed(&home);
    for (words, shown, not_shown) in [
        (&["history"][..], "builder running, pid 77\n", None),
        (
            &["history", "builder"],
            "builder running",
            Some("resume point"),
        ),
        (
            &["history", "-n", "1"],
            "builder running",
            Some("resume point"),
        ),
        (
            &["history", "nobody"],
            "nothing is on record of nobody\n",
            None,
        ),
        (&["history", "-n", "0"], "", Some("nothing")),
        (&["events"], "the resume point is phase 2", None),
        (
            &["events", "-f", "-n", "1"],
            "builder running",
            Some("resume point"),
        ),
        (&["events", "--json"], "{\"at\":", Some("[")),
        (&["history", "--json"], "[{\"at\":", None),
        (
            &["reboots"],
            "unclean  running builder  boot ",
            Some("no reboot"),
        ),
        (&["reboots", "--json"], "\"running\":[\"builder\"]", None),
        (&["phase"], "x 1  1d  until", Some("complete")),
        (&["phase", "show"], "> 2  2b  until", Some("complete")),
        (&["phase", "--json"], "\"current\":{\"index\":1,", None),
    ] {
        let output = home.supervisorctl().args(words).assert();
        let output = output
            .code(3)
            .stderr(contains("error: daemon is not running"))
            .stdout(contains(shown));
        let stdout = String::from_utf8_lossy(&output.get_output().stdout);
        let unwanted = not_shown.filter(|text| stdout.contains(text));
        assert_eq!(unwanted, None, "{words:?}: {stdout}");
    }
    assert_eq!(listed(&home), before, "a look changed the state directory");
}

#[test]
fn a_plan_that_cannot_be_read_is_not_made_up() {
    let home = Home::new();
    left_behind(&home).kill().unwrap();
    home.declare("nonsense");
    let phase = home
        .supervisorctl()
        .arg("phase")
        .assert()
        .code(3)
        .stdout("");
    let file = home.config().display().to_string();
    phase.stderr(format!(
        "error: daemon is not running: nobody listens on {socket}\n\
         hint: it cannot start before its configuration is mended; see it with: \
         supervisorctl check {file}\n\
         error: no daemon can start: {file}:1:8: syntax: key with no value; see all with: \
         supervisorctl check {file}\n",
        socket = home.socket().display(),
    ));
}

fn listed(home: &Home) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut all: Vec<_> = fs::read_dir(home.state())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn where_nothing_ever_ran_there_is_little_to_show() {
    let home = Home::new();
    home.supervisorctl()
        .arg("status")
        .assert()
        .code(3)
        .stderr(contains("error: daemon is not running"))
        .stdout(contains("no plan · daemon down · 0 reboots"))
        .stdout(contains("DEGRADED: no daemon can start: configuration"));
    assert!(!home.state().exists(), "a look made a state directory");
}

/// `supervisorctl` that is told the socket and nothing else.
fn by_socket(home: &Home) -> assert_cmd::Command {
    let mut command = home.supervisorctl();
    command
        .env_remove("CONFIGURATION_DIRECTORY")
        .env_remove("STATE_DIRECTORY");
    command
}

#[test]
fn by_the_socket_alone_the_same_rig_is_shown_when_its_daemon_is_dead() {
    let home = Home::new();
    let mut worker = left_behind(&home);
    worker.kill().unwrap();
    worker.wait().unwrap();
    let plan: Vec<PhaseId> = vec!["1d".parse().unwrap(), "2b".parse().unwrap()];
    let mut opened = Store::open(&home.state(), &plan).unwrap();
    // Not at the usual place, neither root's nor a user's.
    let config = home.path().join("my rig.toml");
    fs::rename(home.config(), &config).unwrap();
    opened.store.note_config(&config);
    drop(opened);
    let attempt = Directory::of(
        &home.state(),
        &AttemptRef {
            worker: "builder".parse().unwrap(),
            attempt: "20261121T004319Z-00000001".parse().unwrap(),
        },
    );
    fs::write(attempt.output(), "what it wrote\n").unwrap();
    let mut rig = crate::scripted::Scripted::start_in(home, |_, _| {});
    rig.end();
    let home = &rig.home;
    for (words, shown) in [
        (&["status"][..], "pi · phase 2 of 2 \"2b\" · daemon down"),
        (&["history"], "builder running, pid 77"),
        (&["logs", "builder"], "what it wrote"),
        (&["logs"], "what it wrote"),
        (&["phase"], "> 2  2b  until"),
        (&["reboots"], "running builder"),
        (&["check"], "my rig.toml: good, 1 worker, 2 phases"),
        (&["doctor"], "my rig.toml declares 1 workers"),
    ] {
        by_socket(home).args(words).assert().stdout(contains(shown));
    }
    by_socket(home)
        .arg("pause")
        .assert()
        .code(3)
        .stderr(contains(format!(
            "hint: start it with: loopkeeperd --config '{}' --state-dir {} --socket {}\n",
            config.display(),
            home.state().display(),
            home.socket().display()
        )));

    // The same by variables, for who has not even the socket.
    let named = || {
        let mut command = by_socket(home);
        command
            .env_remove("LOOPKEEPER_SOCKET")
            .env("LOOPKEEPER_STATE_DIR", home.state());
        command
    };
    named()
        .arg("history")
        .assert()
        .code(3)
        .stdout(contains("builder running"));
    named()
        .env("LOOPKEEPER_CONFIG", &config)
        .arg("check")
        .assert()
        .code(0)
        .stdout(contains("my rig.toml: good"));
}

#[test]
fn a_socket_that_tells_no_state_directory_is_not_taken_for_another_rig() {
    let home = Home::new();
    let lock = format!("{}.lock", home.socket().display());
    for words in [
        "status", "logs", "history", "events", "phase", "reboots", "check",
    ] {
        by_socket(&home)
            .arg(words)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(format!(
                "error: state directory of the daemon on {} is not known: {lock} does not tell it\n\
                 hint: give it with --state-dir",
                home.socket().display()
            )));
    }
    by_socket(&home)
        .arg("pause")
        .assert()
        .code(3)
        .stderr(contains(
            "hint: start it with: loopkeeperd --config FILE --state-dir DIR --socket /",
        ));
    by_socket(&home)
        .arg("doctor")
        .assert()
        .code(1)
        .stdout(contains(
            "fail  state          state directory of the daemon on /",
        ))
        .stdout(contains("/var/lib").not());
}
