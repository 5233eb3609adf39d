//! The verbs that change something, and what happened.

use loopkeeper::{
    config::{Changed, Diff},
    control::protocol::{
        DiffView, PhaseRow, PhaseView, PlanView, RebootView, Refusal, RefusalKind, Reply, Request,
    },
    decide::{Level, Notice},
};
use predicates::str::contains;

use crate::scripted::{PATIENCE, Scripted};

fn names(names: &[&str]) -> Vec<loopkeeper::model::WorkerName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn each_verb_asks_for_what_it_says() {
    let rig = Scripted::start(|_, answer| {
        answer.ok(Reply::from(loopkeeper::decide::Said::from(
            "a\nb".to_owned(),
        )))
    });
    let phase = || "2b".parse().unwrap();
    for (words, request) in [
        (
            &["start", "a", "b"][..],
            Request::Start {
                workers: names(&["a", "b"]),
            },
        ),
        (
            &["stop", "a"],
            Request::Stop {
                workers: names(&["a"]),
            },
        ),
        (
            &["restart", "proxy"],
            Request::Restart {
                workers: names(&["proxy"]),
            },
        ),
        (&["pause"], Request::Pause {}),
        (&["resume"], Request::Resume { phase: None }),
        (
            &["resume", "--phase", "2b"],
            Request::Resume {
                phase: Some(phase()),
            },
        ),
        (
            &["phase", "set", "2b"],
            Request::PhaseSet { phase: phase() },
        ),
        (&["phase", "done"], Request::PhaseDone {}),
    ] {
        rig.home
            .supervisorctl()
            .args(words)
            .assert()
            .code(0)
            .stdout("a\nb\n")
            .stderr("");
        assert_eq!(rig.asked.recv_timeout(PATIENCE).unwrap(), request);
    }
}

#[test]
fn lines_of_the_daemon_stay_lines_without_power_over_the_terminal() {
    let rig = Scripted::start(|request, answer| match request {
        Request::Pause {} => answer.ok(Reply::from(loopkeeper::decide::Said::from(
            "one\ttab\n\x1b[2Jtwo".to_owned(),
        ))),
        _ => answer.error(Refusal::new(
            RefusalKind::Usage,
            "configuration is refused:\n  × key\n\t\x1b]0;x\x07^\n",
        )),
    });
    let verb = |verb| rig.home.supervisorctl().arg(verb).assert();
    verb("pause").code(0).stdout("one\ttab\n\u{fffd}[2Jtwo\n");
    verb("reload")
        .code(2)
        .stdout("")
        .stderr("error: configuration is refused:\n  × key\n\t\u{fffd}]0;x\u{fffd}^\n");
}

#[test]
fn a_reload_prints_what_changes() {
    let rig = Scripted::start(|request, answer| {
        let Request::Reload { dry_run } = request else {
            panic!("{request:?}")
        };
        answer.ok(Reply::Diff(DiffView {
            applied: !dry_run,
            note: None,
            warnings: Vec::new(),
            diff: Diff {
                added: names(&["new"]),
                changed: vec![Changed {
                    worker: "builder".parse().unwrap(),
                    keys: vec!["command".into()],
                    restart: true,
                }],
                removed: names(&["old"]),
                ..Diff::default()
            },
        }));
    });
    let lines = "+ worker new\n- worker old\n~ worker builder: command (restarts)\n";
    let reload = |words: &[&str]| {
        let mut command = rig.home.supervisorctl();
        command.arg("reload").args(words).assert().code(0)
    };
    reload(&["--dry-run"]).stdout(format!("would change:\n{lines}"));
    reload(&[]).stdout(format!("changed:\n{lines}"));
    reload(&["--json"]).stdout(contains(r#"{"applied":true,"diff":{"added":["new"]"#));
}

#[test]
fn a_reload_of_the_same_says_so() {
    let rig = Scripted::start(|_, answer| {
        answer.ok(Reply::Diff(DiffView {
            applied: true,
            note: None,
            warnings: Vec::new(),
            diff: Diff {
                unchanged: names(&["a", "b"]),
                ..Diff::default()
            },
        }));
    });
    let reload = rig.home.supervisorctl().arg("reload").assert();
    reload.code(0).stdout("nothing changes\n= 2 workers\n");
}

#[test]
fn the_plan_is_shown() {
    let rig = Scripted::start(|_, answer| {
        answer.ok(Reply::Plan(PlanView {
            current: Some(PhaseView {
                index: Some(0),
                id: Some("1d".into()),
                count: 1,
                ending: None,
            }),
            phases: vec![PhaseRow {
                id: "1d".parse().unwrap(),
                brief: None,
                until: "phase done".into(),
            }],
        }));
    });
    for words in [&["phase"][..], &["phase", "show"]] {
        rig.home
            .supervisorctl()
            .args(words)
            .assert()
            .code(0)
            .stdout("> 1  1d  until phase done\n");
    }
    rig.home
        .supervisorctl()
        .args(["phase", "--json"])
        .assert()
        .stdout(contains(r#""id":"1d""#));
}

#[test]
fn reboots_are_listed() {
    let rig = Scripted::start(|_, answer| {
        answer.ok(Reply::Reboots(vec![RebootView {
            boot_id: "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11".parse().unwrap(),
            at: "2026-11-20T23:59:00Z".parse().unwrap(),
            clean: false,
            down_seconds: Some(192),
            running: names(&["a", "b"]),
            resume_point: Some("phase 3 of 6".into()),
        }]));
    });
    rig.home
        .supervisorctl()
        .arg("reboots")
        .assert()
        .code(0)
        .stdout(
            "2026-11-20 23:59:00  unclean  down 3m 12s  at phase 3 of 6  running a, b  \
         boot 6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11\n",
        );
    rig.home
        .supervisorctl()
        .args(["reboots", "--json"])
        .assert()
        .stdout(contains(r#""clean":false,"down_seconds":192"#));
}

fn notice(text: &str) -> Notice {
    Notice {
        at: "2026-11-21T00:43:19Z".parse().unwrap(),
        event: "worker-held".into(),
        level: Level::Error,
        worker: Some("builder".parse().unwrap()),
        attempt: "20261121T004310Z-7f3a9c01".parse().ok(),
        phase: None,
        text: text.into(),
    }
}

#[test]
fn history_and_events_read_the_same() {
    let rig = Scripted::start(|request, answer| match request {
        Request::History {
            last: 7,
            worker: Some(_),
        } => {
            answer.ok(Reply::History(vec![notice("builder is held")]));
        }
        Request::Events {
            last: 7,
            follow: false,
        } => {
            answer.event(&notice("builder is held")).unwrap();
            answer.ok(Reply::End {});
        }
        other => panic!("{other:?}"),
    });
    for words in [
        &["history", "builder", "-n", "7"][..],
        &["events", "-n", "7"],
    ] {
        rig.home
            .supervisorctl()
            .args(words)
            .assert()
            .code(0)
            .stdout(
                "2026-11-21 00:43:19  error: builder is held  attempt 20261121T004310Z-7f3a9c01\n",
            );
        rig.home
            .supervisorctl()
            .args(words)
            .arg("--json")
            .assert()
            .code(0)
            .stdout(contains(
                r#""event":"worker-held","level":"error","worker":"builder""#,
            ));
    }
}

#[test]
fn a_message_cannot_steer_the_terminal() {
    let rig = Scripted::start(|_, answer| {
        answer.ok(Reply::History(vec![notice(
            "\x1b]0;owned\x07\nsecond line",
        )]));
    });
    rig.home
        .supervisorctl()
        .arg("history")
        .assert()
        .stdout("2026-11-21 00:43:19  error: \u{fffd}]0;owned\u{fffd} second line  attempt 20261121T004310Z-7f3a9c01\n");
}

#[test]
fn an_error_in_a_stream_is_an_error_of_the_verb() {
    let rig = Scripted::start(|_, answer| {
        answer.event(&notice("one")).unwrap();
        answer.error(Refusal::new(RefusalKind::Failed, "history cannot be read"));
    });
    rig.home
        .supervisorctl()
        .arg("events")
        .assert()
        .code(1)
        .stdout(contains("one"))
        .stderr("error: history cannot be read\n");
}
