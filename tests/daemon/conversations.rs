//! A played agent in a real tmux goes on with its conversation, whatever ended its program.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{program::program, rig::Rig};

const RIG: &str = r#"
[agents.claude]
start = ["./claude"]

[defaults]
backoff = { first = "0s" }
environment = { SCRIPTED_AGENT_SCRIPT = "script", SCRIPTED_AGENT_LOG = "log" }

[workers.a]
agent = "claude"
watch = { every = "100ms" }
"#;

fn plays(script: &str) -> Rig {
    let mut rig = Rig::new(RIG);
    rig.write("script", script);
    std::os::unix::fs::symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig
}

/// How it was started each time: its arguments, and whether it went on.
fn starts(rig: &Rig) -> Vec<(Vec<String>, bool)> {
    let log = rig.read("log");
    let log = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    log.filter(|line| line["event"] == "started")
        .map(|line| {
            let arguments = serde_json::from_value(line["arguments"].clone()).unwrap();
            (arguments, line["resumed"] == true)
        })
        .collect()
}

fn started(rig: &Rig, times: usize) -> (Vec<String>, bool) {
    rig.eventually("started", |rig| {
        let mut starts = starts(rig);
        assert!(starts.len() <= times, "{starts:?}");
        (starts.len() == times).then(|| starts.pop().unwrap())
    })
}

fn until_begun(rig: &Rig) -> Value {
    rig.eventually("begun", |rig| {
        let known = rig.worker("a")["conversation"].clone();
        (known["begun"] == true).then_some(known["id"].clone())
    })
}

fn kill(rig: &Rig) {
    let pid = i32::try_from(rig.pid("a")).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn it_goes_on_after_a_crash_a_restart_and_without_a_daemon() {
    let mut rig = plays("work 90s");
    let (arguments, resumed) = started(&rig, 1);
    let id = until_begun(&rig);
    let id = id.as_str().unwrap();
    assert_eq!(
        (arguments, resumed),
        (vec!["--session-id".into(), id.into()], false)
    );
    let goes_on = (vec!["--resume".to_owned(), id.to_owned()], true);
    kill(&rig);
    assert_eq!(started(&rig, 2), goes_on);
    rig.until_state("a", "running");
    rig.done(&["restart", "a"]);
    assert_eq!(started(&rig, 3), goes_on);
    rig.until_state("a", "running");
    rig.kill_daemon();
    rig.start();
    rig.until_state("a", "running");
    kill(&rig);
    assert_eq!(started(&rig, 4), goes_on);
    let history = rig.done(&["history"]);
    assert!(
        history.contains(&format!("starting a, with its conversation {id}")),
        "{history}"
    );
}

#[test]
fn nothing_is_gone_on_with_in_which_nothing_was_said() {
    let rig = plays("wait\nwork 90s");
    let first = started(&rig, 1);
    rig.until_state("a", "running");
    rig.done(&["restart", "a"]);
    assert_eq!(started(&rig, 2), first);
    rig.done(&["nudge", "a", "go on"]);
    let id = until_begun(&rig);
    rig.done(&["restart", "a"]);
    assert_eq!(started(&rig, 3).0, ["--resume", id.as_str().unwrap()]);
}

#[test]
fn the_operator_may_have_a_new_one() {
    let rig = plays("work 90s");
    let (first, _) = started(&rig, 1);
    until_begun(&rig);
    let said = rig.done(&["forget", "a"]);
    assert_eq!(
        said,
        "a: its next start begins a new conversation; `supervisorctl restart a` does so now\n"
    );
    rig.done(&["restart", "a"]);
    let (second, resumed) = started(&rig, 2);
    assert_eq!((second[0].as_str(), resumed), ("--session-id", false));
    assert_ne!(second[1], first[1]);
}
