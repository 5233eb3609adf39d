//! `status`, and how every verb fails.

use std::{io::Write, os::unix::net::UnixListener, time::Duration};

use loopkeeper::control::protocol::{Refusal, RefusalKind, Reply, Request};
use predicates::str::contains;
use serde_json::{Value, json};

use crate::scripted::{Home, Scripted, status};

#[test]
fn the_json_is_the_contract() {
    let rig = Scripted::start(|request, answer| {
        assert_eq!(request, Request::Status {});
        answer.ok(Reply::Status(Box::new(status())));
    });
    let output = rig
        .home
        .supervisorctl()
        .args(["status", "--json"])
        .assert()
        .code(0);
    let mut found: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    // What design.md promises, to the letter; additions are taken away first.
    for addition in ["rig", "daemon", "degraded", "paused_because"] {
        assert!(
            found.as_object_mut().unwrap().remove(addition).is_some(),
            "{addition}"
        );
    }
    let worker = found["workers"][0].as_object_mut().unwrap();
    for addition in ["reason", "next_start", "output_at", "worktree", "inbox"] {
        assert!(worker.remove(addition).is_some(), "{addition}");
    }
    assert_eq!(
        found,
        json!({
            "protocol": 1, "version": "0.1.0",
            "boot_id": "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11",
            "started_at": "2026-11-21T00:43:19Z",
            "phase": {"index": 2, "id": "2", "count": 6}, "paused": false,
            "reboots": {"count": 3, "last": {
                "boot_id": "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11",
                "at": "2026-11-20T23:59:00Z", "clean": true}},
            "workers": [{
                "name": "builder", "kind": "loop", "host": "local", "launcher": "tmux",
                "state": "running",
                "verdict": {"is": "working", "evidence": "output 4 s ago"},
                "pid": 123, "attempt": "20261121T004319Z-7f3a9c01",
                "since": "2026-11-21T00:43:19Z", "restarts": 0, "last_exit": {"code": 42}}],
        })
    );
}

#[test]
fn a_pipe_gets_a_table_without_colours() {
    let rig = Scripted::start(|_, answer| answer.ok(Reply::Status(Box::new(status()))));
    let output = rig
        .home
        .supervisorctl()
        .arg("status")
        .assert()
        .code(0)
        .stderr("");
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(
        text.starts_with("pi · phase 3 of 6 \"2\" · daemon up since 2026-11-21 00:43 ("),
        "{text}"
    );
    assert!(text.contains("builder  loop  running"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn without_a_daemon_the_exit_code_is_3() {
    let home = Home::new();
    for verb in [
        &["pause"][..],
        &["resume", "--phase", "2b"],
        &["start", "builder"],
        &["phase", "done"],
        &["reload"],
        &["attach", "builder"],
        &["screen", "builder"],
    ] {
        home.supervisorctl()
            .args(verb)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains("error: daemon is not running: nobody listens on "))
            .stderr(contains(
                "hint: write a configuration first, beginning with: ",
            ))
            .stderr(contains(", then start it with: loopkeeperd"));
    }
}

#[test]
fn a_socket_nobody_listens_on_any_more_is_a_daemon_that_is_not_running() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("run")).unwrap();
    drop(UnixListener::bind(home.socket()).unwrap());
    home.supervisorctl().arg("pause").assert().code(3);
}

#[test]
fn what_the_daemon_refuses_decides_the_exit_code() {
    let mut kinds = [
        RefusalKind::Failed,
        RefusalKind::Usage,
        RefusalKind::UnknownName,
        RefusalKind::NotAllowed,
    ]
    .into_iter();
    let rig = Scripted::start(move |_, answer| {
        answer.error(Refusal::new(kinds.next().unwrap(), "worker x is not").hint("try y"));
    });
    for code in [1, 2, 4, 1] {
        rig.home
            .supervisorctl()
            .args(["stop", "x"])
            .assert()
            .code(code)
            .stdout("")
            .stderr("error: worker x is not\nhint: try y\n");
    }
}

#[test]
fn usage_errors_exit_with_2_and_help_tells_the_codes() {
    let home = Home::new();
    for wrong in [
        &["nonsense"][..],
        &["start"],
        &["start", "../x"],
        &["logs", "--raw"],
        &[],
    ] {
        home.supervisorctl().args(wrong).assert().code(2).stdout("");
    }
    home.supervisorctl()
        .arg("--help")
        .assert()
        .code(0)
        .stdout(contains("3  the daemon is not running"))
        .stdout(contains("4  the named thing does not exist"));
}

#[test]
fn a_daemon_that_ends_before_it_answered_is_told_from_one_that_is_down() {
    let rig = Scripted::start(|_, answer| drop(answer));
    rig.home
        .supervisorctl()
        .arg("pause")
        .assert()
        .code(1)
        .stderr(contains("error: daemon ended before it had answered"));
}

#[test]
fn a_daemon_that_dies_while_it_is_asked_is_not_running() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("run")).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let dying = std::thread::spawn(move || {
        // Takes the connection, and is gone before it has greeted.
        drop(listener.accept().unwrap());
        drop(listener);
    });
    let pause = home.supervisorctl().arg("pause").assert();
    pause.code(3).stderr(contains("daemon is not running"));
    dying.join().unwrap();
}

/// A listener that says one thing to whoever comes.
fn says(home: &Home, line: &'static str) -> std::thread::JoinHandle<()> {
    std::fs::create_dir(home.path().join("run")).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(line.as_bytes()).unwrap();
    })
}

#[test]
fn another_protocol_is_refused_with_both_versions() {
    let home = Home::new();
    let other = says(
        &home,
        "{\"loopkeeper\":\"9.0.0\",\"protocol\":7,\"access\":\"galactic\"}\n",
    );
    home.supervisorctl()
        .arg("status")
        .assert()
        .code(1)
        .stderr(contains("speaks protocol 7, supervisorctl 0.1.0 speaks 1"))
        .stderr(contains("error: daemon 9.0.0 on "));
    other.join().unwrap();
}

#[test]
fn a_stranger_on_the_socket_is_told_from_a_daemon() {
    let home = Home::new();
    let other = says(&home, "SSH-2.0-OpenSSH_9.2\r\n");
    home.supervisorctl()
        .arg("status")
        .assert()
        .code(1)
        .stderr(contains("does not answer like a loopkeeper daemon"));
    other.join().unwrap();
}

#[test]
fn a_daemon_that_says_nothing_is_not_waited_for_for_ever() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("run")).unwrap();
    let _mute = UnixListener::bind(home.socket()).unwrap();
    home.supervisorctl()
        .arg("status")
        .timeout(Duration::from_secs(30))
        .assert()
        .code(1)
        .stderr(contains("did not answer within 10 s"));
}

#[test]
fn a_reader_that_has_seen_enough_gets_no_error() {
    let rig = Scripted::start(|_, answer| {
        let mut big = status();
        big.workers = vec![crate::scripted::worker("w"); 5000];
        answer.ok(Reply::Status(Box::new(big)));
    });
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("supervisorctl"))
        .env_clear()
        .env("LOOPKEEPER_SOCKET", rig.home.socket())
        .arg("status")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
