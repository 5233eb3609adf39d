//! A rig that moves to another state directory, as it would to another machine.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{program::program, rig::Rig};

const RIG: &str = r#"
[rig]
name = "moves"

[[plan.phases]]
id = "1d"
[[plan.phases]]
id = "2b"

[workers.a]
command = "SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude"
agent = "claude"
watch = { every = "1s", slow = "2h" }
"#;

/// A rig whose agent waits for words.
fn new() -> Rig {
    let rig = Rig::new(RIG);
    rig.write("script", "wait\nwait\nwait\n");
    symlink(program(), rig.path("claude")).unwrap();
    rig
}

fn paused_because(rig: &Rig) -> String {
    rig.status()["paused_because"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_rig_goes_on_elsewhere_where_it_stood_and_nowhere_else() {
    let (mut old, mut new) = (new(), new());
    old.start();
    old.until_state("a", "running");
    old.done(&["phase", "done"]);
    old.eventually("the second phase", |rig| {
        (rig.status()["phase"]["id"] == "2b" && rig.worker("a")["state"] == "running").then_some(())
    });
    let file = old.path("moves.tar").display().to_string();
    let said = old.done(&["cutover", "export", &file]);
    assert!(said.contains(": exported at phase 2 of 2 \"2b\""), "{said}");
    assert_eq!(old.alive(), [0; 0], "no loop runs here any more");
    let why = paused_because(&old);
    assert!(why.starts_with("handed over by cutover "), "{why}");
    let refused = old.refused(1, &["resume"]);
    assert!(
        refused.contains("supervisorctl cutover cancel"),
        "{refused}"
    );
    let again = old.refused(1, &["cutover", "export", &file]);
    assert!(again.contains("is there already"), "{again}");
    for late in [
        &["inbox", "a", "send", "go on"][..],
        &["nudge", "a", "--when", "queued", "go on"],
        &["phase", "set", "1d"],
        &["phase", "done"],
    ] {
        let refused = old.refused(1, late);
        assert!(refused.contains("was handed over by cutover"), "{refused}");
    }
    // What lies in the inbox comes along, also when somebody left it there after the pause.
    fs::write(old.path("state/inbox/a/late.md"), "go on").unwrap();
    fs::remove_file(&file).unwrap();
    let said = old.done(&["cutover", "export", &file]);
    assert!(
        said.contains("with 1 file that waits in an inbox"),
        "{said}"
    );
    old.kill_daemon();
    old.start();
    old.until_state("a", "stopped");

    let said = new.done(&["cutover", "import", &file]);
    assert!(said.contains("imported rig moves of "), "{said}");
    new.start();
    let why = paused_because(&new);
    assert!(why.starts_with("moved here from "), "{why}");
    let status = new.status();
    assert_eq!(status["phase"], json!({"index": 1, "id": "2b", "count": 2}));
    let history: Value =
        serde_json::from_str(&new.done(&["history", "--json", "--lines", "1000"])).unwrap();
    let events: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["event"].as_str().unwrap())
        .collect();
    for event in ["worker-starting", "phase", "handed-over", "moved-here"] {
        assert!(events.contains(&event), "{event} in {events:?}");
    }
    new.done(&["resume"]);
    new.until_state("a", "running");
    new.eventually("what waited is typed", |rig| {
        rig.read("log").contains("go on").then_some(())
    });
    let running = new.refused(1, &["cutover", "import", &file]);
    assert!(running.contains("loopkeeperd runs"), "{running}");
    new.kill_daemon();
    let second = new.refused(1, &["cutover", "import", "--replace", &file]);
    assert!(second.contains("a still runs here (pid "), "{second}");

    let here = old.refused(1, &["cutover", "import", "/dev/null"]);
    assert!(here.contains("loopkeeperd runs"), "{here}");
    let ends = format!("then: kill -s TERM {}\n", old.pid("watchdog"));
    assert!(here.ends_with(&ends), "{here}");
    let back = old.done(&["cutover", "cancel"]);
    assert!(back.contains("was cancelled; the rig is paused"), "{back}");
    old.done(&["resume"]);
    old.until_state("a", "running");
}
