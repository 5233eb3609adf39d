//! Texts for a played agent in a real tmux: typed once, and answered by what came of it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

use loopkeeper::store::Store;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    program::program,
    rig::{Rig, text},
};

const RIG: &str = r#"
[rig]
notify = "cat >>notices"

[workers.a]
command = "SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude"
agent = "claude"
watch = { every = "1h", slow = "2h" }

[workers.plain]
command = "exec sleep 1000"
launcher = "process"
"#;

/// A rig whose agent plays this, from its first step on.
fn plays(script: &str) -> Rig {
    let mut rig = Rig::new(RIG);
    rig.write("script", script);
    std::os::unix::fs::symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig.eventually("first step", |rig| {
        (!events(rig, "step").is_empty()).then_some(())
    });
    rig
}

pub(crate) fn log(rig: &Rig) -> Vec<Value> {
    let log = rig.read("log");
    // The last line may be in the midst of being written.
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines.collect()
}

pub(crate) fn events(rig: &Rig, name: &str) -> Vec<Value> {
    let log = log(rig).into_iter();
    log.filter(|line| line["event"] == name).collect()
}

pub(crate) fn submitted(rig: &Rig) -> Vec<String> {
    let log = log(rig).into_iter();
    log.filter_map(|line| Some(line.get("submitted")?.as_str()?.to_owned()))
        .collect()
}

pub(crate) fn told(rig: &Rig, event: &str) -> Vec<String> {
    let history: Value = serde_json::from_str(&rig.done(&["history", "--json"])).unwrap();
    let entries = history.as_array().unwrap().iter();
    let entries = entries.filter(|entry| entry["event"] == event);
    entries
        .map(|entry| entry["text"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn until_told(rig: &Rig, event: &str) -> String {
    rig.eventually(event, |rig| told(rig, event).pop())
}

#[test]
fn one_that_works_is_waited_for_and_takes_it_when_it_is_done() {
    let rig = plays("work 3s\nwait\nwork 90s\n");
    let said = rig.done(&["nudge", "a", "go", "on with", "it"]);
    assert!(said.starts_with("a took it: "), "{said}");
    assert_eq!(said.lines().count(), 1);
    assert_eq!(submitted(&rig), ["go on with it"]);
    assert!(events(&rig, "queued").is_empty(), "{:#?}", log(&rig));
    let told = told(&rig, "worker-nudged");
    assert!(
        told[0].starts_with("a was nudged (\"go on with it\", 13 bytes): a took it: "),
        "{told:?}"
    );
}

#[test]
fn one_that_works_takes_it_at_once_where_that_is_wanted() {
    let rig = plays("work 5s\nwait\n");
    rig.write("text", "first\n\n\tsecond\n\n");
    let file = rig.path("text").display().to_string();
    let said = rig.done(&["nudge", "a", "--when", "now", "--file", &file, "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    let attempt = rig.worker("a")["attempt"].clone();
    assert_eq!(
        (&said["worker"], &said["attempt"], &said["taken"]),
        (&"a".into(), &attempt, &true.into()),
        "{said}"
    );
    let queued = rig.eventually("queued", |rig| events(rig, "queued").pop());
    assert_eq!(queued["text"], "first\n\n\tsecond");
    rig.eventually("submitted", |rig| {
        (submitted(rig) == ["first\n\n\tsecond"]).then_some(())
    });
}

#[test]
fn who_asks_is_not_answered_by_a_text() {
    let rig = plays("ask 'Do you want to proceed?' Yes No\nwait\n");
    for when in ["idle", "now"] {
        let said = rig.refused(1, &["nudge", "a", "--when", when, "go on"]);
        let why = "error: nothing was typed into a: it asks: \"Do you want to proceed?\"\n";
        assert!(said.contains(why), "{said}");
        assert!(said.contains("\non its screen:\n  | "), "{said}");
        assert!(said.contains("1. Yes"), "{said}");
        assert!(
            said.ends_with("hint: `supervisorctl attach a` to answer it\n"),
            "{said}"
        );
        assert!(!said.contains('\x1b'), "{said:?}");
    }
    assert!(submitted(&rig).is_empty() && events(&rig, "answered").is_empty());
    assert_eq!(told(&rig, "worker-nudge-failed").len(), 2);
}

#[test]
fn one_that_works_longer_than_it_is_waited_for_gets_nothing() {
    let rig = plays("work 90s\n");
    let said = rig.refused(1, &["nudge", "a", "--within", "3s", "go on"]);
    let why = "error: nothing was typed into a within 3 s: it works\non its screen:\n";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("--when now"), "{said}");
    assert!(events(&rig, "pasted").is_empty());
}

#[test]
fn an_enter_that_is_ignored_twice_is_pressed_again() {
    let rig = plays("ignore 2\nwait\nwork 90s\n");
    rig.done(&["nudge", "a", "go on"]);
    assert_eq!(events(&rig, "ignored").len(), 2);
    assert_eq!(submitted(&rig), ["go on"]);
    assert_eq!(events(&rig, "pasted").len(), 1);
}

#[test]
fn who_hangs_up_takes_it_back() {
    let rig = plays("work 4s\nwait\n");
    let client = UnixStream::connect(rig.path("run/control.sock")).unwrap();
    let mut greeting = String::new();
    BufReader::new(&client).read_line(&mut greeting).unwrap();
    let request = r#"{"id":1,"do":"nudge","worker":"a","text":"go on","when":"idle","within":600}"#;
    writeln!(&client, "{request}").unwrap();
    drop(client);
    let why = until_told(&rig, "worker-nudge-failed");
    assert!(why.ends_with("nobody waits for it any more"), "{why}");
    // The agent is done, and nothing comes.
    rig.eventually("wait", |rig| (events(rig, "step").len() == 2).then_some(()));
    rig.done(&["nudge", "a", "another"]);
    assert_eq!(submitted(&rig), ["another"]);
}

/// What the tmux server of the agent says to this.
pub(crate) fn tmux(rig: &Rig, arguments: &[&str]) -> String {
    let mut run = std::fs::read_dir(rig.path("run")).unwrap().flatten();
    let sockets = run.find(|entry| entry.file_name().as_encoded_bytes().starts_with(b"tmux-"));
    let mut asked = Command::new("tmux");
    asked.arg("-S").arg(sockets.unwrap().path().join("a"));
    text(&asked.args(arguments).output().unwrap().stdout)
}

/// The tmux server of the agent, which does nothing until this is dropped.
pub(crate) struct Stopped(Pid);

impl Stopped {
    pub(crate) fn of(rig: &Rig) -> Self {
        let pid = tmux(rig, &["display-message", "-p", "#{pid}"]);
        let pid = pid.trim().parse().unwrap();
        let server = Pid::from_raw(pid).unwrap();
        kill_process(server, Signal::STOP).unwrap();
        Self(server)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let goes_on = kill_process(self.0, Signal::CONT);
        assert!(goes_on.is_ok() || std::thread::panicking());
    }
}

#[test]
fn one_that_a_killed_daemon_had_begun_is_told_and_not_typed_again() {
    let mut rig = plays("wait\nwork 90s\n");
    let stopped = Stopped::of(&rig);
    let mut nudge = rig.supervisorctl();
    nudge.args(["nudge", "a", "--when", "now", "go on"]);
    let nudge = nudge.stderr(Stdio::piped()).spawn().unwrap();
    rig.eventually("it is recorded", |rig| {
        let seen = Store::read_only(&rig.path("state"), &[]).unwrap();
        let begun = seen.restored.nudges;
        (begun.len() == 1).then(|| assert_eq!(begun[0].about, "\"go on\", 5 bytes"))
    });
    rig.kill_daemon();
    drop(stopped);
    let output = nudge.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("hint: what was asked for may be done all the same"),
        "{said}"
    );
    rig.start();
    let words = until_told(&rig, "worker-nudge-undecided");
    assert!(
        words.starts_with("a may have been nudged (\"go on\", 5 bytes): the supervisor ended"),
        "{words}"
    );
    rig.eventually("the operator is told", |rig| {
        rig.read("notices").contains(&words).then_some(())
    });
    rig.done(&["nudge", "a", "another"]);
    assert_eq!(submitted(&rig), ["another"]);
    assert_eq!(told(&rig, "worker-nudge-undecided").len(), 1);
}

#[test]
fn a_daemon_that_is_to_end_waits_for_what_it_types() {
    // The key that submits is pressed again after some time, so that this takes some.
    let mut rig = plays("ignore 2\nwait\nwork 90s\n");
    let mut nudge = rig.supervisorctl();
    nudge.args(["nudge", "a", "go on"]);
    let nudge = nudge.stdout(Stdio::piped()).spawn().unwrap();
    rig.eventually("pasted", |rig| events(rig, "pasted").pop());
    assert_eq!(rig.end_daemon("TERM"), Some(0));
    let output = nudge.wait_with_output().unwrap();
    let said = text(&output.stdout);
    assert!(said.starts_with("a took it: "), "{said}");
    assert_eq!(submitted(&rig), ["go on"]);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_typed() {
    let mut rig = plays("wait\n");
    for (code, arguments, says) in [
        (2, &["nudge", "a"][..], "<TEXT>"),
        (
            2,
            &["nudge", "a", "x", "--file", "y"],
            "cannot be used with",
        ),
        (
            2,
            &["nudge", "a", "x\x1b[201~y"],
            "an escape character in line 1",
        ),
        (2, &["nudge", "a", " "], "text is empty"),
        (2, &["nudge", "a", "--within", "0s", "x"], "at least 1s"),
        (
            2,
            &["nudge", "a", "--file", "gone"],
            "text gone cannot be read",
        ),
        (4, &["nudge", "b", "x"], "worker b does not exist"),
        (1, &["nudge", "plain", "x"], "worker plain has no agent"),
        (
            1,
            &["nudge", "watchdog", "x"],
            "watchdog is part of the daemon",
        ),
    ] {
        let said = rig.refused(code, arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    rig.done(&["stop", "a"]);
    let said = rig.refused(1, &["nudge", "a", "x"]);
    assert!(said.contains("hint: `supervisorctl start a`"), "{said}");
    rig.kill_daemon();
    rig.refused(3, &["nudge", "a", "x"]);
    assert!(events(&rig, "pasted").is_empty());
}
