//! A reload touches what changed and nothing else.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    time::Instant,
};

use crate::rig::Rig;

const RIG: &str = r#"
[workers.same]
command = "exec sleep 1000"
launcher = "process"
[workers.changed]
command = "exec sleep 1001"
launcher = "process"
[workers.removed]
command = "echo it wrote this; exec sleep 1002"
launcher = "process"
"#;

const PLAN: &str = r#"
[plan]
phases = [ { id = "1" }, { id = "2" } ]
[workers.loop]
command = "exec sleep 1000"
launcher = "process"
"#;

const NEXT: &str = r#"
[workers.same]
command = "exec sleep 1000"
launcher = "process"
budget = { restarts = 99, window = "1h" }
[workers.changed]
command = "exec sleep 2001"
launcher = "process"
[workers.added]
command = "exec sleep 1003"
launcher = "process"
"#;

fn holds(rig: &Rig, same: i64, changed: i64) {
    rig.eventually("the new rig", |rig| {
        let rows = ["same", "changed", "added"].map(|name| rig.worker(name));
        let all_run = rows.iter().all(|row| row["state"] == "running");
        (all_run && rows[1]["pid"] != changed).then_some(())
    });
    assert_eq!(rig.pid("same"), same);
    rig.eventually("removed is gone", |rig| {
        rig.worker("removed").is_null().then_some(())
    });
    rig.refused(4, &["start", "removed"]);
}

#[test]
fn unchanged_workers_are_not_touched_changed_ones_restart_and_removed_ones_stop() {
    let rig = Rig::up(RIG);
    let (same, changed) = (rig.pid("same"), rig.pid("changed"));
    rig.configure(NEXT);
    let dry = rig.done(&["reload", "--dry-run"]);
    for name in ["changed", "removed", "added"] {
        assert!(dry.contains(name), "{name} is not in {dry}");
    }
    assert_eq!(rig.pid("changed"), changed, "--dry-run changes nothing");
    rig.done(&["reload"]);
    holds(&rig, same, changed);
    // Nobody runs it any more, and what it wrote can be read as before.
    let wrote = rig.done(&["logs", "removed"]);
    assert!(wrote.contains("it wrote this"), "{wrote}");
    let history = rig.done(&["history", "removed"]);
    assert!(history.contains("removed"), "{history}");
    for verb in ["start", "logs", "history"] {
        let refused = rig.refused(4, &[verb, "chnged"]);
        assert!(
            refused.contains("worker chnged does not exist")
                && refused.contains("did you mean changed?"),
            "{verb}: {refused}"
        );
    }
}

#[test]
fn a_dry_run_is_refused_what_the_real_one_is() {
    let rig = Rig::up(PLAN);
    rig.configure(&PLAN.replace("\"1\"", "\"3\""));
    let dry = rig.refused(1, &["reload", "--dry-run"]);
    assert!(dry.contains("nothing changed"), "{dry}");
    assert_eq!(dry, rig.refused(1, &["reload"]));
    rig.done(&["phase", "set", "2"]);
    rig.done(&["reload", "--dry-run"]);
    rig.done(&["reload"]);
}

#[test]
fn a_complete_plan_says_which_phases_a_reload_leaves_out() {
    let rig = Rig::up(PLAN);
    rig.done(&["phase", "done"]);
    rig.done(&["phase", "done"]);
    rig.configure(&PLAN.replace("phases = [", "phases = [ { id = \"new\" },"));
    for arguments in [&["reload", "--dry-run"][..], &["reload"]] {
        let said = rig.done(arguments);
        assert!(
            said.contains("the plan stays complete: phase new"),
            "{said}"
        );
        assert!(said.contains("`supervisorctl phase set new`"), "{said}");
    }
    rig.until_state("loop", "stopped");
    let history = rig.done(&["history"]);
    assert!(history.contains("the plan stays complete"), "{history}");
    let done = rig.done(&["phase", "set", "new"]);
    assert!(done.contains("phase 1 of 3 (new)"), "{done}");
}

#[test]
fn sighup_reloads() {
    let mut rig = Rig::up(RIG);
    let (same, changed) = (rig.pid("same"), rig.pid("changed"));
    rig.configure(NEXT);
    let daemon = rig.daemon.as_mut().unwrap();
    daemon.said.clear();
    daemon.signal("HUP");
    daemon.wait_for("RELOADING=1");
    daemon.wait_for("READY=1");
    holds(&rig, same, changed);
}

#[test]
fn many_signals_are_few_reloads() {
    let rig = Rig::up(RIG);
    let (same, changed) = (rig.pid("same"), rig.pid("changed"));
    let daemon = rig.daemon.as_ref().unwrap();
    let began = Instant::now();
    rig.configure("nonsense");
    for _ in 0..200 {
        daemon.signal("HUP");
    }
    rig.configure(NEXT);
    for _ in 0..200 {
        daemon.signal("HUP");
    }
    holds(&rig, same, changed);
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    let refused = rig
        .read("daemon.log")
        .matches("nothing was reloaded")
        .count();
    assert!(
        (1..=2 + seconds).contains(&refused),
        "{refused} in {seconds} s"
    );
    let history = rig.done(&["history"]);
    assert_eq!(
        history.matches("configuration was reloaded").count(),
        1,
        "{history}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_said_once() {
    let rig = Rig::up(RIG);
    std::fs::remove_file(rig.path("loopkeeper.toml")).unwrap();
    let why = rig.refused(2, &["reload"]);
    assert_eq!(why.matches("cannot be read").count(), 1, "{why}");
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let mut rig = Rig::up(RIG);
    let before = ["same", "changed", "removed"].map(|name| rig.pid(name));
    rig.configure(&NEXT.replace("command", "comand"));
    let why = rig.refused(2, &["reload"]);
    assert!(
        why.contains("comand") && why.contains("did you mean `command`?"),
        "{why}"
    );
    let is_below = |line: &str| line.contains("── expected") && !line.contains('×');
    assert!(why.lines().any(is_below), "{why}");
    let differs = |rig: &Rig| rig.done(&["status"]).contains("what runs is not what ");
    assert!(differs(&rig), "the next daemon goes by the file");
    rig.daemon.as_mut().unwrap().signal("HUP");
    rig.eventually("the journal says so", |rig| {
        rig.log().contains("nothing was reloaded").then_some(())
    });
    // Nobody who reads it in a log, or on one line of `status`, can do with a drawing.
    let said = "loopkeeper.toml: 3 mistakes, the first: line 3, column 1: key `comand` is unknown in \
                `workers.same`; see all with: supervisorctl check /";
    for verb in ["events", "status"] {
        let text = rig.done(&[verb]);
        assert!(text.contains(said), "{verb}: {text}");
    }
    assert_eq!(
        ["same", "changed", "removed"].map(|name| rig.pid(name)),
        before
    );
    rig.configure(RIG);
    rig.done(&["reload"]);
    assert!(!differs(&rig));
}

#[test]
fn a_change_made_while_no_daemon_ran_is_a_reload_too() {
    let mut rig = Rig::up(RIG);
    let (same, changed) = (rig.pid("same"), rig.pid("changed"));
    rig.kill_daemon();
    rig.configure(NEXT);
    rig.start();
    holds(&rig, same, changed);
}

#[test]
fn without_a_daemon_and_a_file_that_can_be_read_the_rows_are_the_last_ones() {
    let mut rig = Rig::up(RIG);
    let (same, changed) = (rig.pid("same"), rig.pid("changed"));
    rig.configure(NEXT);
    rig.done(&["reload"]);
    holds(&rig, same, changed);
    let rows = |rig: &Rig| -> Vec<(String, String)> {
        let shown = rig.ctl(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let of = |row: &serde_json::Value| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("name"), text("kind"))
        };
        let rows = status["workers"].as_array().unwrap().iter().map(of);
        rows.filter(|(_, kind)| kind != "watchdog").collect()
    };
    let kept = rows(&rig);
    rig.kill_daemon();
    rig.configure("[workers.same]\nno_such_key = 1\n");
    assert_eq!(rows(&rig), kept);
}

#[test]
fn a_file_may_be_named_from_where_the_person_stands() {
    let rig = Rig::new(RIG);
    rig.done(&["check", "loopkeeper.toml"]);
    rig.done(&["check", "./loopkeeper.toml"]);
    let why = rig.refused(2, &["check", "missing.toml"]);
    assert!(why.contains("missing.toml"), "{why}");
}

#[test]
fn what_is_wrong_with_a_file_is_shown_with_its_lines_and_the_caret() {
    let rig = Rig::up(RIG);
    rig.configure("[workers.same]\ncommnad = \"exec sleep 1000\"\n");
    let socket = UnixStream::connect(rig.path("run/control.sock")).unwrap();
    (&socket)
        .write_all(b"{\"id\":1,\"do\":\"reload\",\"dry_run\":false}\n")
        .unwrap();
    let mut lines = BufReader::new(&socket).lines().map(Result::unwrap);
    lines.next();
    let refusal: serde_json::Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    let shown = rig.refused(2, &["reload"]);
    for text in [refusal["error"]["message"].as_str().unwrap(), &shown] {
        let line = text.lines().position(|line| line.contains("commnad = "));
        let caret = text.lines().nth(line.unwrap() + 1).unwrap();
        assert!(
            caret
                .trim_start_matches(['|', '│', '·', ' '])
                .starts_with(['^', '─', '┬']),
            "{text}"
        );
    }
}
