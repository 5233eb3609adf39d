//! `supervisorctl host`: what is known of a host, and what it says when it is asked.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Instant};

use serde_json::Value;

use crate::{
    rig::{PATIENCE, text},
    there::There,
};

const SLEEPS: &str = "[workers.sleeps]\nkind = \"service\"\non = \"gpu\"\n\
    backoff = { first = \"100ms\", most = \"200ms\" }\ncommand = [\"sleep\", \"1000\"]\n";

/// A second host, which nobody answers for.
const NOBODY: &str = "[hosts.nobody]\nssh = \"op@127.0.0.1:1\"\n";

impl There {
    /// What a verb prints as JSON, and its exit code.
    fn json(&self, arguments: &[&str]) -> (Value, Option<i32>) {
        let output = self.rig.ctl(arguments);
        let value = serde_json::from_slice(&output.stdout);
        let value = value.unwrap_or_else(|_| panic!("{arguments:?}: {}", text(&output.stderr)));
        (value, output.status.code())
    }

    /// Until `host list` says whether this one answers.
    fn until_it_answers(&self, host: &str, answers: bool) -> Value {
        self.rig.eventually("it answers, or does not", |_| {
            let (rows, _) = self.json(&["host", "list", "--json"]);
            let row = of_host(&rows, host, |row| &row["name"]);
            (row["reach"]["answers"] == answers).then_some(row)
        })
    }
}

fn of_host(rows: &Value, host: &str, name: impl Fn(&Value) -> &Value) -> Value {
    let mut rows = rows.as_array().unwrap().iter();
    rows.find(|row| name(row) == host).cloned().unwrap()
}

/// How it is judged, and in which words.
fn finding(rows: &Value, host: &str, check: &str) -> (String, String) {
    let rows = rows.as_array().unwrap().iter();
    let mut of = rows.filter(|row| row["host"] == host && row["check"] == check);
    let row = of.next().unwrap_or_else(|| panic!("no {check} of {host}"));
    let word = |key: &str| row[key].as_str().unwrap().to_owned();
    (word("is"), word("found"))
}

#[test]
fn a_host_that_has_all_is_well() {
    let mut there = There::up(SLEEPS);
    fs::set_permissions(there.path("there"), fs::Permissions::from_mode(0o700)).unwrap();
    there.rig.until_state("sleeps", "running");
    let row = there.until_it_answers("gpu", true);
    assert_eq!(row["workers"], serde_json::json!(["sleeps"]));
    assert_eq!(row["running"], serde_json::json!(["sleeps"]));

    let (rows, _) = there.json(&["host", "check", "gpu", "--json"]);
    for check in [
        "reach",
        "latency",
        "clock",
        "tmux",
        "git",
        "tools",
        "locks",
        "directory",
        "space",
        "sockets",
    ] {
        let (is, found) = finding(&rows, "gpu", check);
        assert_eq!(is, "ok", "{check}: {found}");
    }
    let (_, clock) = finding(&rows, "gpu", "clock");
    assert!(
        clock.starts_with("it is 0."),
        "it is the same clock: {clock}"
    );
    // From then on it is known how far it is.
    let row = there.until_it_answers("gpu", true);
    assert!(row["reach"]["latency_ms"].is_u64(), "{row}");
    let words = there.rig.ctl(&["host", "check"]);
    assert!(
        text(&words.stdout).starts_with("gpu\nok    reach          answers as "),
        "{}",
        text(&words.stdout)
    );

    let status = there.rig.done(&["host", "status"]);
    let pid = there.rig.pid("sleeps").to_string();
    assert!(
        status.contains(" · load ") && status.contains(" free in "),
        "{status}"
    );
    assert!(
        status.contains("  sleeps  running  ") && status.contains(&pid),
        "{status}"
    );
    assert!(!status.contains("UNKNOWN"), "{status}");
    there.rig.kill_daemon();
}

#[test]
fn what_is_missing_there_fails() {
    let there = There::new("");
    for directory in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name() != "git" {
                let link = there.path("there/bin").join(entry.file_name());
                // The first one in PATH counts.
                drop(std::os::unix::fs::symlink(entry.path(), link));
            }
        }
    }
    let path = there.path("there/bin").display().to_string();
    let host = format!("environment = {{ PATH = \"{path}\" }}");
    there.rig.configure(&there.configuration(&host, SLEEPS));
    let mut there = there;
    there.rig.start();
    there.until_it_answers("gpu", true);
    let (rows, code) = there.json(&["host", "check", "--json"]);
    assert_eq!(code, Some(1));
    let (is, found) = finding(&rows, "gpu", "git");
    let words = format!("git is not in PATH there ({path}), and no attempt can begin without it");
    assert_eq!((is.as_str(), found), ("fail", words));
    assert_eq!(finding(&rows, "gpu", "tmux").0, "ok");
    there.rig.kill_daemon();
}

#[test]
fn one_that_does_not_answer_takes_nothing_from_the_others() {
    let mut there = There::up(&format!("{SLEEPS}{NOBODY}"));
    there.rig.until_state("sleeps", "running");
    there.until_it_answers("gpu", true);
    let row = there.until_it_answers("nobody", false);
    assert!(
        row["reach"]["why"]
            .as_str()
            .unwrap()
            .contains("onnection refused"),
        "{row}"
    );

    let began = Instant::now();
    let (rows, code) = there.json(&["host", "check", "--json"]);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!(code, Some(1));
    assert_eq!(finding(&rows, "gpu", "git").0, "ok");
    let (is, found) = finding(&rows, "nobody", "reach");
    assert!(
        is == "fail" && found.contains("onnection refused"),
        "{found}"
    );

    let refused = there.rig.refused(4, &["host", "check", "gpu", "gpo"]);
    assert!(
        refused.contains("host gpo is not declared") && refused.contains("did you mean gpu?"),
        "{refused}"
    );
    there.rig.refused(4, &["host", "status", "nowhere"]);

    there.cut();
    let row = there.until_it_answers("gpu", false);
    assert!(
        row["reach"]["why"]
            .as_str()
            .unwrap()
            .starts_with("does not answer: "),
        "{row}"
    );
    let began = Instant::now();
    let (rows, code) = there.json(&["host", "check", "gpu", "--json"]);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!(
        (code, finding(&rows, "gpu", "reach").0.as_str()),
        (Some(1), "fail")
    );
    let status = there.rig.done(&["host", "status"]);
    assert!(
        status.contains("): does not answer: ") && status.contains("  sleeps  lost "),
        "{status}"
    );
    assert!(
        status.contains("nobody (op@127.0.0.1:1): does not answer: "),
        "{status}"
    );
    there.rig.kill_daemon();
}

#[test]
fn what_is_there_and_unknown_here_is_shown() {
    let mut there = There::up(SLEEPS);
    there.rig.until_state("sleeps", "running");
    let pid = there.rig.pid("sleeps");
    let attempt = there.attempts("sleeps").pop().unwrap();
    there.rig.kill_daemon();
    // All that was known here is lost.
    fs::remove_dir_all(there.path("state")).unwrap();
    there.rig.start();
    let one = there.rig.eventually("it is shown", |_| {
        let (rows, _) = there.json(&["host", "status", "gpu", "--json"]);
        let unknown = rows[0]["unknown"].as_array().cloned().unwrap_or_default();
        unknown
            .into_iter()
            .find(|one| one["attempt"] == attempt.as_str())
    });
    assert_eq!(one["is"], format!("lives, pid {pid}"));
    let status = there.rig.done(&["host", "status"]);
    let words =
        format!("UNKNOWN: sleeps ({attempt}) lives, pid {pid}; nobody here has a record of it");
    assert!(status.contains(&words), "{status}");
    there.rig.kill_daemon();
}

#[test]
fn without_a_daemon_what_is_declared_is_shown() {
    let there = There::new(SLEEPS);
    let output = there.rig.ctl(&["host", "list"]);
    assert_eq!(output.status.code(), Some(3));
    let rows = text(&output.stdout);
    assert!(
        rows.contains("not known, for the daemon is not running"),
        "{rows}"
    );
    for verb in ["check", "status"] {
        there.rig.refused(3, &["host", verb]);
    }
}
