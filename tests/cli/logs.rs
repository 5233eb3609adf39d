//! `logs`: from the files of attempts, with and without a daemon.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Child, Stdio},
};

use loopkeeper::{
    control::protocol::{Refusal, RefusalKind, Reply, Request, WhereView},
    launch::directory::Directory,
    model::AttemptRef,
};
use predicates::str::contains;

use crate::scripted::{Home, Scripted, status, until, worker};

const FIRST: &str = "20261121T004319Z-00000001";
const SECOND: &str = "20261121T004320Z-00000002";

fn output(home: &Home, worker: &str, attempt: &str) -> PathBuf {
    let of = AttemptRef {
        worker: worker.parse().unwrap(),
        attempt: attempt.parse().unwrap(),
    };
    Directory::of(&home.state(), &of).output()
}

fn write(home: &Home, worker: &str, attempt: &str, text: &str) {
    let path = output(home, worker, attempt);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn logs(home: &Home, words: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = home.supervisorctl();
    command
        .arg("--state-dir")
        .arg(home.state())
        .arg("logs")
        .args(words)
        .assert()
}

#[test]
fn without_a_daemon_the_files_are_read_where_they_should_be() {
    let home = Home::new();
    write(&home, "builder", FIRST, "one\ntwo\n");
    logs(&home, &["builder"]).code(0).stdout("one\ntwo\n");
    logs(&home, &["builder", "-n", "1"]).code(0).stdout("two\n");
    logs(&home, &["nobody"])
        .code(4)
        .stderr(contains("worker nobody has written nothing below"));
}

#[test]
fn that_nothing_was_ever_written_is_said() {
    let home = Home::new();
    for words in [&[][..], &["-f"]] {
        logs(&home, words)
            .code(3)
            .stdout("")
            .stderr(contains(format!(
                "nothing was written below {}, and no daemon is running",
                home.state().display()
            )))
            .stderr(contains(
                "hint: write a configuration first, beginning with: ",
            ))
            .stderr(contains(", then start it with: loopkeeperd"));
    }
}

#[test]
fn lines_of_the_attempt_before_fill_up_what_was_asked_for() {
    let home = Home::new();
    write(&home, "builder", FIRST, "one\nlast words");
    write(&home, "builder", SECOND, "again\n");
    let between = format!("--- attempt {SECOND} ---");
    logs(&home, &["builder", "-n", "2"]).stdout(format!("last words\n{between}\nagain\n"));
    logs(&home, &["builder", "-n", "1"]).stdout("again\n");
    logs(&home, &["builder", "--attempt", FIRST]).stdout("one\nlast words\n");
    logs(
        &home,
        &["builder", "--attempt", "20261121T004321Z-00000003"],
    )
    .code(4)
    .stderr(contains(
        "attempt 20261121T004321Z-00000003 of worker builder does not exist",
    ));
}

#[test]
fn attempts_that_wrote_nothing_get_no_heading() {
    let home = Home::new();
    let third = "20261121T004321Z-00000003";
    write(&home, "builder", FIRST, "");
    logs(&home, &["builder"]).code(0).stdout("").stderr(
        "nothing to show of builder; see what happened to it with: supervisorctl history builder\n",
    );
    write(&home, "builder", SECOND, "one\n");
    logs(&home, &["builder"]).stdout("one\n").stderr("");
    write(&home, "builder", third, "");
    logs(&home, &["builder"]).stdout("one\n");
    let fourth = "20261121T004322Z-00000004";
    write(&home, "builder", fourth, "two");
    let shown = format!("one\n--- attempt {fourth} ---\ntwo\n");
    logs(&home, &["builder"]).stdout(shown);
}

#[test]
fn several_workers_are_told_apart_by_name() {
    let home = Home::new();
    write(&home, "adversary", FIRST, "no\n");
    write(&home, "b", FIRST, "yes\n");
    logs(&home, &[])
        .code(0)
        .stdout("adversary | no\nb         | yes\n");
    logs(&home, &["--json"]).code(0).stdout(format!(
        "{{\"at\":null,\"attempt\":\"{FIRST}\",\"line\":\"no\",\"worker\":\"adversary\"}}\n\
         {{\"at\":null,\"attempt\":\"{FIRST}\",\"line\":\"yes\",\"worker\":\"b\"}}\n"
    ));
}

#[test]
fn escape_sequences_come_through_only_when_asked_for() {
    let home = Home::new();
    write(&home, "b", FIRST, "\x1b[31mred\x1b[0m\n");
    logs(&home, &["b"]).stdout("red\n");
    logs(&home, &["b", "--raw"]).stdout("\x1b[31mred\x1b[0m\n");
}

#[test]
fn a_daemon_says_where_its_state_is_and_who_exists() {
    let home = Home::new();
    write(&home, "builder", FIRST, "one\n");
    let state = home.state();
    let rig = Scripted::start_in(home, move |request, answer| match request {
        Request::Where { worker } if worker.as_str() == "builder" => {
            answer.ok(Reply::Where(WhereView {
                worker,
                state: state.clone(),
                launcher: None,
                tmux: None,
                tmux_lost: None,
                on: None,
                far: None,
            }));
        }
        Request::Where { worker } => answer.error(Refusal::new(
            RefusalKind::UnknownName,
            format!("worker {worker} does not exist"),
        )),
        Request::Status {} => {
            let mut status = status();
            status.workers = vec![worker("builder")];
            answer.ok(Reply::Status(Box::new(status)));
        }
        other => panic!("{other:?}"),
    });
    let elsewhere = ["--state-dir", "/nonexistent", "logs"];
    rig.home
        .supervisorctl()
        .args(elsewhere)
        .arg("builder")
        .assert()
        .code(0)
        .stdout("one\n");
    rig.home
        .supervisorctl()
        .args(elsewhere)
        .assert()
        .code(0)
        .stdout("builder | one\n");
    rig.home
        .supervisorctl()
        .args(elsewhere)
        .arg("nobody")
        .assert()
        .code(4);
}

/// A `logs -f` in the background, writing into a file.
struct Following {
    child: Child,
    into: PathBuf,
}

impl Following {
    fn start(home: &Home, words: &[&str]) -> Self {
        let into = home.path().join("followed");
        let child = std::process::Command::new(assert_cmd::cargo::cargo_bin("supervisorctl"))
            .env_clear()
            .env("HOME", home.path())
            .env("LOOPKEEPER_SOCKET", home.socket())
            .arg("--state-dir")
            .arg(home.state())
            .args(["logs", "-f"])
            .args(words)
            .stdout(File::create(&into).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, into }
    }

    fn reads(&self, text: &str) {
        until(&format!("{text:?} is followed"), || {
            fs::read_to_string(&self.into).unwrap() == text
        });
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn following_goes_on_with_the_next_attempt() {
    let home = Home::new();
    write(&home, "b", FIRST, "one\n");
    let following = Following::start(&home, &["b"]);
    following.reads("one\n");
    write(&home, "b", FIRST, "two\nthr");
    following.reads("one\ntwo\n");
    write(&home, "b", FIRST, "ee");
    write(&home, "b", SECOND, "again\n");
    let whole = format!("one\ntwo\nthree\n--- attempt {SECOND} ---\nagain\n");
    following.reads(&whole);
    write(&home, "b", SECOND, "and on\n");
    following.reads(&format!("{whole}and on\n"));
    write(&home, "b", "20261121T004321Z-00000003", "");
    write(&home, "b", "20261121T004322Z-00000004", "after silence\n");
    following.reads(&format!(
        "{whole}and on\n--- attempt 20261121T004322Z-00000004 ---\nafter silence\n"
    ));
}

#[test]
fn several_workers_are_followed_at_once() {
    let home = Home::new();
    write(&home, "a", FIRST, "");
    write(&home, "b", FIRST, "");
    let following = Following::start(&home, &[]);
    write(&home, "b", FIRST, "1\n");
    following.reads("b | 1\n");
    write(&home, "a", FIRST, "2\n");
    following.reads("b | 1\na | 2\n");
    write(&home, "b", SECOND, "3\n");
    following.reads(&format!(
        "b | 1\na | 2\nb | --- attempt {SECOND} ---\nb | 3\n"
    ));
}
