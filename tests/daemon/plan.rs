//! The plan, its resume point and `phase-idx`.

use crate::rig::Rig;

const RIG: &str = r#"
[plan]
phases = [
  { id = "1d", brief = "draft.md", until = { file = "draft.done" } },
  { id = "1e", until = { file = "STATUS", line = "1e: done" } },
  { id = "2" },
]
[workers.loop]
command = "set -u; echo phase=$LOOPKEEPER_PHASE index=$LOOPKEEPER_PHASE_INDEX brief=$LOOPKEEPER_BRIEF resume=$RESUME_PHASE; exec sleep 1000"
launcher = "process"
[workers.keeper]
command = "exec sleep 1000"
launcher = "process"
on_phase = "keep"
"#;

fn phase(rig: &Rig) -> String {
    let status = rig.status();
    format!(
        "{} {} of {}",
        status["phase"]["index"], status["phase"]["id"], status["phase"]["count"]
    )
}

fn until_phase(rig: &Rig, wanted: &str) {
    rig.eventually(wanted, |rig| (phase(rig) == wanted).then_some(()));
}

/// A loop has written what it was told.
fn told(rig: &Rig, line: &str) {
    rig.eventually(line, |rig| {
        rig.done(&["logs", "loop", "-n", "1000"])
            .contains(line)
            .then_some(())
    });
}

#[test]
fn a_phase_ends_by_its_condition_and_the_loops_are_told() {
    let rig = Rig::up(RIG);
    let keeper = rig.pid("keeper");
    assert_eq!(phase(&rig), r#"0 "1d" of 3"#);
    let brief = rig.path("draft.md").display().to_string();
    told(&rig, &format!("phase=1d index=0 brief={brief} resume=1"));
    rig.write("draft.done", "");
    until_phase(&rig, r#"1 "1e" of 3"#);
    told(&rig, "phase=1e index=1 brief= resume=1");
    rig.write("STATUS", "1d: done\n  1e: done  \n");
    until_phase(&rig, r#"2 "2" of 3"#);
    told(&rig, "phase=2 index=2 brief= resume=1");
    rig.done(&["phase", "done"]);
    until_phase(&rig, "3 null of 3");
    assert_eq!(
        rig.until_state("loop", "stopped")["reason"],
        "the plan is complete"
    );
    assert_ne!(keeper, 0);
    assert_eq!(rig.done(&["history"]).matches("starting keeper").count(), 1);
}

#[test]
fn an_edit_of_phase_idx_moves_the_resume_point() {
    let rig = Rig::up(RIG);
    let keeper = rig.pid("keeper");
    rig.write("state/phase-idx", "2\n");
    until_phase(&rig, r#"2 "2" of 3"#);
    rig.write("state/phase-idx", "1e\n");
    until_phase(&rig, r#"1 "1e" of 3"#);
    assert_eq!(rig.pid("keeper"), keeper, "on_phase = \"keep\"");
}

#[test]
fn phases_are_numbered_as_they_are_shown() {
    let rig = Rig::up(RIG);
    rig.write("draft.done", "");
    until_phase(&rig, r#"1 "1e" of 3"#);
    // Of a plan with a phase "2" that is meant; a number that is no id counts from 1.
    let done = rig.done(&["phase", "set", "2"]);
    assert!(done.contains("phase 3 of 3 (2)"), "{done}");
    let done = rig.done(&["phase", "set", "3"]);
    assert!(done.contains("phase 3 of 3 (2)"), "{done}");
    let shown = rig.done(&["phase"]);
    assert!(shown.contains("> 3  2 "), "{shown}");
    for number in ["0", "4"] {
        let why = rig.refused(4, &["phase", "set", number]);
        assert!(
            why.contains("the plan has 3") && why.contains("phase done"),
            "{why}"
        );
    }
    let done = rig.done(&["phase", "set", "1"]);
    assert!(
        done.contains("phase 1 of 3 (1d)\nwarning: the end condition of phase 1d holds already"),
        "{done}"
    );
    until_phase(&rig, r#"1 "1e" of 3"#);
    let history = rig.done(&["history"]);
    assert!(
        history.contains("the end condition of phase 1d holds already"),
        "{history}"
    );
}

#[test]
fn a_damaged_phase_idx_is_set_aside_and_the_resume_point_stands() {
    let mut rig = Rig::up(RIG);
    rig.done(&["phase", "set", "1e"]);
    for (n, garbage) in ["no-such-phase", "", "\u{0}\u{1}", "99", "-1"]
        .iter()
        .enumerate()
    {
        rig.write("state/phase-idx", garbage);
        rig.eventually("it is written anew", |rig| {
            rig.read("state/phase-idx")
                .starts_with("1 1e")
                .then_some(())
        });
        assert_eq!(phase(&rig), r#"1 "1e" of 3"#, "after {n}: {garbage:?}");
    }
    rig.kill_daemon();
    rig.write("state/phase-idx", "no-such-phase");
    rig.start();
    assert_eq!(phase(&rig), r#"1 "1e" of 3"#);
    let aside = std::fs::read_dir(rig.path("state")).unwrap().flatten();
    let aside = aside
        .filter(|e| e.file_name().to_string_lossy().contains("damaged"))
        .count();
    assert!(aside >= 2, "{aside}");
}

#[test]
fn a_pause_stops_loops_only_and_survives_the_daemon() {
    let mut rig = Rig::up(&format!(
        "{RIG}\n[workers.service]\nkind = \"service\"\nlauncher = \"process\"\ncommand = \"exec sleep 1000\"\n"
    ));
    let service = rig.pid("service");
    rig.done(&["pause"]);
    assert_eq!(
        rig.until_state("loop", "stopped")["reason"],
        "the rig is paused"
    );
    let why = rig.refused(1, &["start", "loop"]);
    assert!(
        why.contains("paused") && why.contains("supervisorctl resume"),
        "{why}"
    );
    rig.kill_daemon();
    rig.write("draft.done", "");
    rig.start();
    assert_eq!(rig.status()["paused"], true);
    assert_eq!(rig.worker("loop")["state"], "stopped");
    assert_eq!(rig.pid("service"), service);
    assert_eq!(phase(&rig), r#"0 "1d" of 3"#, "the plan stands still");
    rig.done(&["resume"]);
    until_phase(&rig, r#"1 "1e" of 3"#);
    rig.until_state("loop", "running");
}

#[test]
fn a_plan_without_the_resume_point_is_astray_until_the_operator_says_where_to_go_on() {
    let mut rig = Rig::up(RIG);
    rig.done(&["phase", "set", "1e"]);
    let other = RIG.replace("\"1e\"", "\"other\"");
    rig.configure(&other);
    let why = rig.refused(1, &["reload"]);
    assert!(
        why.contains("1e") && why.contains("nothing changed"),
        "{why}"
    );
    let degraded = rig.status()["degraded"].to_string();
    assert!(degraded.contains("what runs is not what "), "{degraded}");
    let pid = rig.pid("loop");
    rig.kill_daemon();
    rig.start();
    let status = rig.status();
    assert_eq!(status["phase"]["index"], serde_json::Value::Null);
    assert!(
        status["degraded"]
            .to_string()
            .contains("resume point is phase 1e"),
        "{status}"
    );
    assert_eq!(rig.pid("loop"), pid, "it may be right");
    rig.refused(1, &["resume"]);
    rig.done(&["resume", "--phase", "other"]);
    until_phase(&rig, r#"1 "other" of 3"#);
    rig.until_state("loop", "running");
}

#[test]
fn what_becomes_of_a_phase_idx_that_cannot_be_used_is_said_in_full() {
    let rig = Rig::up(RIG);
    rig.done(&["phase", "set", "1e"]);
    let told = |part: &str| {
        rig.eventually(part, |rig| {
            let history = rig.done(&["history"]);
            let line = history.lines().find(|line| line.contains(part));
            line.map(str::to_owned)
        })
    };
    std::fs::remove_file(rig.path("state/phase-idx")).unwrap();
    let line = told("phase-idx was deleted");
    assert!(
        line.ends_with(
            "error: phase-idx was deleted: the plan stays at phase 2 of 3 (1e), and it was written anew"
        ),
        "{line}"
    );
    rig.write("state/phase-idx", "nowhere");
    let line = told("cannot be used");
    let wanted = "error: what phase-idx says cannot be used (\"nowhere\" is no phase of the plan): \
                  the plan stays at phase 2 of 3 (1e), and it was written anew; what it said is kept in ";
    assert!(
        line.contains(wanted) && line.contains("/phase-idx.damaged-"),
        "{line}"
    );
}

#[test]
fn an_edit_of_what_phase_idx_leads_to_moves_the_resume_point() {
    let mut rig = Rig::up(RIG);
    rig.end_daemon("TERM");
    std::fs::create_dir(rig.path("plans")).unwrap();
    std::fs::rename(rig.path("state/phase-idx"), rig.path("plans/here")).unwrap();
    std::os::unix::fs::symlink(rig.path("plans/here"), rig.path("state/phase-idx")).unwrap();
    rig.start();
    rig.write("plans/here", "2\n");
    until_phase(&rig, r#"2 "2" of 3"#);
    assert!(rig.path("state/phase-idx").is_symlink());
}

#[test]
fn who_runs_is_shown_and_goes_on_although_resume_point_and_database_are_lost() {
    let mut rig = Rig::up(RIG);
    rig.done(&["phase", "set", "1e"]);
    rig.until_state("loop", "running");
    let pid = rig.pid("loop");
    rig.kill_daemon();
    for name in ["loopkeeper.db", "loopkeeper.db-wal", "phase-idx"] {
        drop(std::fs::remove_file(rig.path("state").join(name)));
    }
    let down = rig.ctl(&["status", "--json"]);
    assert_eq!(down.status.code(), Some(3));
    let down: serde_json::Value = serde_json::from_slice(&down.stdout).unwrap();
    let rows = down["workers"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == "loop").unwrap();
    assert_eq!(
        (&row["state"], &row["pid"]),
        (&"running".into(), &pid.into())
    );
    rig.start();
    assert_eq!(rig.pid("loop"), pid);
    let degraded = rig.status()["degraded"].to_string();
    assert!(
        degraded.contains("the resume point is lost")
            && degraded.contains("supervisorctl resume --phase ID"),
        "{degraded}"
    );
    rig.refused(1, &["restart", "loop"]);
    assert_eq!(rig.pid("loop"), pid);
    rig.done(&["resume", "--phase", "1e"]);
    until_phase(&rig, r#"1 "1e" of 3"#);
    rig.until_state("loop", "running");
}

#[test]
fn what_stops_the_plan_is_shown_until_it_is_mended() {
    let rig = Rig::up(RIG);
    let shows = |what: &str, part: &str, shown: bool| {
        rig.eventually(what, |rig| {
            let degraded = rig.status()["degraded"].to_string();
            (degraded.contains(part) == shown).then_some(())
        });
    };
    // An end condition that cannot be looked at.
    rig.done(&["phase", "set", "1e"]);
    std::fs::create_dir(rig.path("STATUS")).unwrap();
    shows("it is told", "the end of phase 1e cannot be told", true);
    std::fs::remove_dir(rig.path("STATUS")).unwrap();
    shows("it can be", "cannot be told", false);
    // An edit that cannot be understood.
    rig.write("state/phase-idx", "nowhere");
    shows("it is refused", "what phase-idx says cannot be used", true);
    rig.write("state/phase-idx", "1e");
    shows("it is understood", "phase-idx", false);
    // A configuration that is not taken over.
    rig.configure("[workers.loop]\nno_such_key = 1\n");
    rig.daemon.as_ref().unwrap().signal("HUP");
    shows(
        "it is refused",
        "loopkeeper.toml: 2 mistakes, the first: line 1, column 1: key `command` is missing",
        true,
    );
    let file = rig.path("loopkeeper.toml");
    shows(
        "the file is named",
        &format!(
            "; see all with: supervisorctl check {}; once",
            file.display()
        ),
        true,
    );
    let history = rig.done(&["history"]);
    assert!(history.contains("nothing was reloaded"), "{history}");
    rig.configure(RIG);
    rig.done(&["reload"]);
    shows("it is reloaded", "reload", false);
}
