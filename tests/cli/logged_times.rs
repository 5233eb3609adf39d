//! `logs`: when lines were written, where that is known, and what is shown by it.

use std::{
    env,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use loopkeeper::{
    launch::directory::{Directory, Output, Spec, Start},
    model::{AttemptRef, Identity, LauncherKind},
};
use predicates::str::contains;

use crate::{attach::Terminal, scripted::Home};

/// 2026-11-21 00:43:19 UTC, when the first attempt began.
const BEGAN: u64 = 1_795_221_799;
const FIRST: &str = "20261121T004319Z-00000001";
const SECOND: &str = "20261121T004322Z-00000002";
const HOUR_BEFORE: &str = "20261120T234319Z-00000000";

struct Journal {
    home: Home,
}

impl Journal {
    fn new() -> Self {
        let home = Home::new();
        fs::create_dir(home.path().join("bin")).unwrap();
        let journalctl = home.path().join("bin/journalctl");
        fs::write(&journalctl, include_str!("fake-journalctl")).unwrap();
        fs::set_permissions(&journalctl, Permissions::from_mode(0o755)).unwrap();
        Self { home }
    }

    fn directory(&self, worker: &str, attempt: &str) -> Directory {
        let of = AttemptRef {
            worker: worker.parse().unwrap(),
            attempt: attempt.parse().unwrap(),
        };
        let directory = Directory::of(&self.home.state(), &of);
        fs::create_dir_all(directory.path()).unwrap();
        directory
    }

    /// Entries: milliseconds after the beginning of the first attempt, and fields.
    fn has(&self, worker: &str, attempt: &str, entries: &[(u64, &str)]) {
        let directory = self.directory(worker, attempt);
        let spec = Spec {
            launcher: LauncherKind::Systemd,
            program: "/bin/true".into(),
            arguments: Vec::new(),
            workdir: "/".into(),
            worktree: None,
            variables: [].into(),
            output: Output::Journal,
            keep_output: 1,
            keep_attempts: 2,
            ignores_broken_pipe: true,
            stop: None,
            carried: true,
            boot: None,
            far: None,
        };
        let spec = serde_json::to_vec(&spec).unwrap();
        fs::write(directory.path().join("spec.json"), spec).unwrap();
        let start = Start {
            identity: Identity {
                boot: "4c8f1f9d-3f9d-4b7e-9a53-6d0f3b8f2a11".parse().unwrap(),
                pid: 1,
                started: 1,
            },
            at: Timestamp::UNIX_EPOCH,
            cgroup: None,
            pane: None,
            invocation: Some("0123456789abcdef".repeat(2)),
        };
        let start = serde_json::to_vec(&start).unwrap();
        fs::write(directory.path().join("start.json"), start).unwrap();
        let text: String = entries
            .iter()
            .map(|(after, fields)| {
                let at = BEGAN * 1_000_000 + after * 1000;
                format!("__CURSOR={worker}{after}\n__REALTIME_TIMESTAMP={at}\n{fields}\n\n")
            })
            .collect();
        fs::write(self.home.path().join("bin").join(attempt), text).unwrap();
    }

    fn file(&self, worker: &str, attempt: &str, changed: u64, text: &str) -> PathBuf {
        let output = self.directory(worker, attempt).output();
        fs::write(&output, text).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGAN + changed);
        File::options()
            .write(true)
            .open(&output)
            .unwrap()
            .set_modified(at)
            .unwrap();
        output
    }

    fn logs(&self, words: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = self.home.supervisorctl();
        command
            .env(
                "PATH",
                format!(
                    "{}:{}",
                    self.home.path().join("bin").display(),
                    env::var("PATH").unwrap()
                ),
            )
            .env("TZ", "UTC")
            .arg("--state-dir")
            .arg(self.home.state())
            .arg("logs")
            .args(words)
            .assert()
            .code(0)
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.home.path().join("bin/calls")).unwrap()
    }
}

#[test]
fn lines_of_several_workers_are_in_the_order_in_which_they_were_written() {
    let journal = Journal::new();
    journal.has(
        "adversary",
        FIRST,
        &[(1000, "MESSAGE=second"), (3500, "MESSAGE=fourth")],
    );
    journal.has(
        "builder",
        "20261121T004319Z-00000009",
        &[(500, "MESSAGE=first"), (2000, "MESSAGE=third")],
    );
    journal.has("builder", SECOND, &[(4000, "MESSAGE=fifth")]);
    journal.logs(&[]).stdout(format!(
        "builder   | first\nadversary | second\nbuilder   | third\nadversary | fourth\n\
         builder   | --- attempt {SECOND} ---\nbuilder   | fifth\n"
    ));
    // What is written into a file stands where its attempt began.
    journal.file("file", "20261121T004321Z-00000001", 9, "one\ntwo\n");
    journal.logs(&["--times"]).stdout(contains(
        "2026-11-21 00:43:21  builder   | third\n\
         -                    file      | one\n\
         -                    file      | two\n\
         2026-11-21 00:43:22  adversary | fourth\n",
    ));
}

#[test]
fn times_are_shown_to_people_and_kept_out_of_pipes() {
    let journal = Journal::new();
    journal.has("b", FIRST, &[(1000, "MESSAGE=one")]);
    journal.logs(&["b"]).stdout("one\n");
    journal
        .logs(&["b", "-t"])
        .stdout("2026-11-21 00:43:20  one\n");
    journal
        .logs(&["b", "--json"])
        .stdout(contains("{\"at\":\"2026-11-21T00:43:20Z\",\"attempt\":"));
    // A column of nothing helps nobody.
    journal.file("file", FIRST, 1, "no times\n");
    let terminal = Terminal::new(&journal.home);
    let state = journal.home.state();
    let state = state.display();
    // Up to the prompt: what is typed before it is shown there as well.
    for (worker, shown) in [
        ("b", "\n2026-11-21 00:43:20  one\n$"),
        ("file", "\nno times\n$"),
    ] {
        terminal.types(&format!(
            "PATH=./bin:$PATH HOME=$PWD TZ=UTC supervisorctl --state-dir {state} logs {worker}"
        ));
        terminal.shows(shown);
    }
}

#[test]
fn what_was_written_before_is_left_out() {
    let journal = Journal::new();
    journal.has("b", HOUR_BEFORE, &[(0, "MESSAGE=long ago")]);
    journal.has("b", FIRST, &[(1000, "MESSAGE=one"), (2000, "MESSAGE=two")]);
    journal.has("b", SECOND, &[(3000, "MESSAGE=three")]);
    let since = ["b", "--since", "2026-11-21T00:43:20.5Z"];
    journal.logs(&since);
    let calls = journal.calls();
    assert_eq!(calls.lines().count(), 2, "{calls}");
    assert!(
        calls
            .lines()
            .all(|call| call.contains(" --since=@1795221800.500000 ") && !call.contains("--lines"))
    );
    // Not only the last hundred.
    let many: Vec<String> = (0..150).map(|number| format!("MESSAGE={number}")).collect();
    let many: Vec<(u64, &str)> = many.iter().map(|text| (1500, &text[..])).collect();
    journal.has("c", FIRST, &many);
    let all = journal.logs(&["c", "--since", "2026-11-21T00:43:20Z"]);
    assert_eq!(
        all.get_output().stdout.split(|byte| *byte == b'\n').count(),
        151
    );
    journal
        .logs(&["c", "--since", "2026-11-21T00:43:20Z", "-n", "2"])
        .stdout("148\n149\n");
}

#[test]
fn of_files_it_is_said_that_they_have_no_times() {
    let journal = Journal::new();
    journal.file("b", HOUR_BEFORE, 0, "long ago\n");
    journal.file("b", FIRST, 60, "before or after\n");
    journal.file("b", SECOND, 70, "after\n");
    let shown = format!("before or after\n--- attempt {SECOND} ---\nafter\n");
    journal
        .logs(&["b", "--since", "2026-11-21T00:43:20Z"])
        .stdout(shown)
        .stderr(format!(
            "output of b is in a file, which has no times: attempt {FIRST} began before, and is \
             shown from its beginning\n"
        ));
    journal
        .logs(&["b", "--since", "2026-11-21T00:43:22Z"])
        .stdout(contains("after\n"));
    journal
        .logs(&["b", "--since", "2026-11-21T00:45:00Z"])
        .stdout("")
        .stderr("");
}

#[test]
fn what_journald_left_out_is_said() {
    let journal = Journal::new();
    let suppressed = "MESSAGE=Suppressed 27 messages from loopkeeper-b.service\n\
                      N_DROPPED=27\n_TRANSPORT=driver";
    let entries = [(0, "MESSAGE=one"), (1, suppressed), (2, "MESSAGE=two")];
    journal.has("b", FIRST, &entries);
    let note = "[27 lines are missing here: more than journald takes of one unit in such a time; \
                see RateLimitBurst= in journald.conf(5)]";
    journal.logs(&["b"]).stdout(format!("one\n{note}\ntwo\n"));
    journal
        .logs(&["b", "-n", "2"])
        .stdout(format!("{note}\ntwo\n"));
    journal.logs(&["b", "--raw"]).stdout("one\ntwo\n");
    assert!(
        journal
            .calls()
            .contains("+ MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e")
    );
}

#[test]
fn a_moment_that_is_not_understood_is_told_with_those_that_are() {
    let journal = Journal::new();
    journal
        .home
        .supervisorctl()
        .args(["logs", "--since", "soon"])
        .assert()
        .code(2)
        .stderr(contains(
            "\"soon\" is no moment before now, such as 1h, \"10 min ago\"",
        ));
}
