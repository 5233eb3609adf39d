//! What people see, as golden files; `INSTA_UPDATE=always` writes them anew.

use jiff::tz::TimeZone;

use super::*;
use crate::{
    control::protocol::{
        EndingView, HandoffView, InboxView, LastReboot, PROTOCOL, RebootsView, WaitedFor,
    },
    model::{Kind, LauncherKind, Signal, Verdict, VerdictIs},
};

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

fn now() -> Timestamp {
    at("12:00:00")
}

fn shown(status: &StatusView, width: Option<u16>, colour: bool) -> String {
    let look = Look {
        colour,
        width,
        zone: TimeZone::UTC,
    };
    text(status, &look, now())
}

fn worker(name: &str, kind: Kind, state: StateName, since: &str) -> WorkerView {
    WorkerView {
        name: name.parse().unwrap(),
        kind,
        host: "local".into(),
        launcher: Some(LauncherKind::Tmux),
        state,
        verdict: None,
        pid: None,
        attempt: None,
        since: Some(at(since)),
        restarts: 0,
        last_exit: None,
        reason: None,
        next_start: None,
        output_at: None,
        worktree: None,
        worktree_on: None,
        conversation: None,
        inbox: None,
        owed: None,
        spent: None,
    }
}

fn empty() -> StatusView {
    StatusView {
        protocol: PROTOCOL,
        version: "0.1.0".into(),
        boot_id: "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11".parse().unwrap(),
        started_at: Some(at("07:58:00")),
        rig: "pi".into(),
        config: None,
        state_dir: None,
        daemon: true,
        phase: None,
        paused: false,
        paused_because: None,
        degraded: vec![],
        handoffs: vec![],
        reboots: RebootsView {
            count: 0,
            last: None,
        },
        workers: vec![],
    }
}

/// Every state once.
fn rig() -> StatusView {
    let working = |evidence: &str| {
        Some(Verdict {
            is: VerdictIs::Working,
            evidence: evidence.into(),
            since: None,
        })
    };
    StatusView {
        phase: Some(PhaseView {
            index: Some(2),
            id: Some("2".into()),
            count: 6,
            ending: None,
        }),
        reboots: RebootsView {
            count: 3,
            last: Some(LastReboot {
                boot_id: empty().boot_id,
                at: at("07:57:00"),
                clean: false,
            }),
        },
        workers: vec![
            WorkerView {
                restarts: 2,
                last_exit: Some(Exit::Code(42)),
                verdict: working("output 4 s ago"),
                ..worker("adversary", Kind::Loop, StateName::Running, "11:59:56")
            },
            WorkerView {
                restarts: 5,
                last_exit: Some(Exit::Signal(Signal::KILL)),
                reason: Some("5 restarts within 10 min; last: killed by SIGKILL".into()),
                ..worker("builder", Kind::Loop, StateName::Held, "11:40:00")
            },
            WorkerView {
                reason: Some("exit code 1".into()),
                last_exit: Some(Exit::Code(1)),
                next_start: Some(at("12:00:08")),
                ..worker("ci", Kind::Service, StateName::BackingOff, "11:59:58")
            },
            WorkerView {
                last_exit: Some(Exit::Lost("the machine went down".into())),
                reason: Some("host gpu does not answer".into()),
                ..worker("far", Kind::Loop, StateName::Lost, "09:00:00")
            },
            WorkerView {
                verdict: working("answered 2 s ago"),
                ..worker("proxy", Kind::Proxy, StateName::Running, "07:58:01")
            },
            WorkerView {
                reason: Some("stopped by the operator".into()),
                ..worker("scribe", Kind::Loop, StateName::Stopped, "08:00:00")
            },
            WorkerView {
                reason: Some("proxy is not ready".into()),
                last_exit: Some(Exit::not_started("/srv/test: Permission denied")),
                ..worker("tester", Kind::Loop, StateName::Waiting, "11:59:00")
            },
            WorkerView {
                launcher: None,
                verdict: working("2 probes due"),
                ..worker("watchdog", Kind::Watchdog, StateName::Running, "07:58:00")
            },
        ],
        ..empty()
    }
}

#[test]
fn an_empty_rig() {
    insta::assert_snapshot!(shown(&empty(), None, false));
}

#[test]
fn every_state_in_a_pipe() {
    insta::assert_snapshot!(shown(&rig(), None, false));
}

#[test]
fn every_state_in_colours() {
    insta::assert_snapshot!(shown(&rig(), Some(200), true).replace('\x1b', "^"));
}

#[test]
fn a_hundred_columns_wrap_only_the_last_one() {
    let text = shown(&rig(), Some(100), false);
    assert!(
        text.lines().skip(2).all(|line| line.chars().count() <= 100),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_narrow_terminal_gets_paragraphs() {
    insta::assert_snapshot!(shown(&rig(), Some(40), false));
}

#[test]
fn what_is_wrong_is_loud() {
    let mut status = rig();
    status.workers.truncate(1);
    status.paused = true;
    status.paused_because = Some("by the operator".into());
    status.degraded = vec!["store /var/lib/loopkeeper cannot be written: disk full".into()];
    insta::assert_snapshot!(shown(&status, None, false));
}

#[test]
fn what_failed_in_an_inbox_or_waits_there_for_long_is_told_below() {
    let mut status = rig();
    status.workers.truncate(2);
    status.workers[0].inbox = Some(InboxView {
        queued: 4,
        failed: 0,
        late: None,
    });
    let quiet = shown(&status, None, false);
    assert!(!quiet.contains("INBOX"), "{quiet}");
    status.workers[0].inbox = Some(InboxView {
        queued: 4,
        failed: 2,
        late: Some(now() - jiff::SignedDuration::from_hours(3)),
    });
    let name = &status.workers[0].name;
    let notice = format!(
        "INBOX of {name}: 2 failed, the oldest of 4 waits for 3h 0m; see: supervisorctl inbox {name} list\n"
    );
    assert_eq!(shown(&status, None, false), format!("{quiet}{notice}"));
}

#[test]
fn what_of_a_day_is_nearly_spent_is_said_and_what_follows() {
    let shown_of = |state, spent, of| {
        let mut status = rig();
        status.workers = vec![worker("a", Kind::Loop, state, "11:58:00")];
        status.workers[0].spent = Some(SpentView {
            turns: Some(PartView { spent, of }),
            seconds: None,
            cents: None,
        });
        shown(&status, None, false)
    };
    assert!(!shown_of(StateName::Running, 8, 10).contains("turns"));
    let near = shown_of(StateName::Running, 9, 10);
    assert!(near.contains("spent 9 of 10 turns today\n"), "{near}");
    let last = shown_of(StateName::Running, 10, 10);
    let words = "spent 10 of 10 turns today; is held when its turn is over\n";
    assert!(last.contains(words), "{last}");
    // Nothing goes on that could end; who is held has it in its reason.
    let stopped = shown_of(StateName::Stopped, 10, 10);
    assert!(
        stopped.contains("spent 10 of 10 turns today\n"),
        "{stopped}"
    );
    let held = shown_of(StateName::Held, 10, 10);
    assert!(!held.contains("turns today"), "{held}");
}

#[test]
fn what_an_agent_is_still_to_be_told_is_told_below() {
    let mut status = rig();
    status.workers.truncate(2);
    let quiet = shown(&status, None, false);
    status.workers[1].owed = Some("the phase".into());
    let name = &status.workers[1].name;
    let notice = format!("TEXT for {name}: it is told of the phase as soon as it waits\n");
    assert_eq!(shown(&status, None, false), format!("{quiet}{notice}"));
}

#[test]
fn whose_turn_it_is_with_a_gate_is_told_below() {
    let mut status = rig();
    status.workers.truncate(1);
    let quiet = shown(&status, None, false);
    let gate = |gate: &str, state, turn: Option<&str>| HandoffView {
        gate: gate.parse().unwrap(),
        state,
        from: "builder".parse().unwrap(),
        to: "adversary".parse().unwrap(),
        turn: turn.map(|worker| worker.parse().unwrap()),
        round: 2,
        rounds: 5,
        since: at("11:58:00"),
    };
    status.handoffs = vec![
        gate("1d", GateState::Claimed, Some("adversary")),
        gate("1e", GateState::Back, Some("builder")),
        gate("2", GateState::Asks, None),
    ];
    let lines = [
        "GATE 1d: claimed by builder, adversary's turn for 2m 0s, round 2 of 5",
        "GATE 1e: back from adversary, builder's turn for 2m 0s, round 2 of 5",
        "GATE 2: waits for a person for 2m 0s, after round 2 of 5; see: supervisorctl handoff list 2",
    ];
    let lines = lines.map(|line| format!("{line}\n")).concat();
    assert_eq!(shown(&status, None, false), format!("{quiet}{lines}"));
    let loud = shown(&status, None, true);
    assert_eq!(loud.matches("\x1b[1m\x1b[33mGATE").count(), 1, "{loud:?}");
}

#[test]
fn the_daemon_down() {
    let mut status = rig();
    status.daemon = false;
    status.started_at = None;
    status.workers.truncate(2);
    for worker in &mut status.workers {
        worker.since = None;
    }
    insta::assert_snapshot!(shown(&status, None, false));
}

#[test]
fn another_host_gets_a_column() {
    let mut status = rig();
    status.workers.truncate(4);
    status.workers[3].host = "gpu".into();
    insta::assert_snapshot!(shown(&status, None, false));
}

#[test]
fn a_plan_that_is_complete_or_astray() {
    let mut status = empty();
    let mut first = |index, id: Option<&str>| {
        status.phase = Some(PhaseView {
            index,
            id: id.map(str::to_owned),
            count: 6,
            ending: None,
        });
        shown(&status, None, false)
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(first(Some(6), None).contains("plan complete, 6 phases"));
    assert!(first(None, Some("9z")).contains("phase \"9z\" is not in the plan of 6"));
    assert!(first(None, None).contains("resume point lost, plan of 6"));
}

#[test]
fn a_phase_that_is_wound_up_says_who_is_waited_for() {
    let mut status = empty();
    let waits = |worker: &str, because: &str| WaitedFor {
        worker: worker.parse().unwrap(),
        because: because.to_owned(),
    };
    let mut line = |daemon: bool, waits_for: Vec<WaitedFor>| {
        status.daemon = daemon;
        status.phase = Some(PhaseView {
            index: Some(0),
            id: Some("1d".into()),
            count: 6,
            ending: Some(EndingView {
                since: at("11:57:00"),
                until: at("12:07:00"),
                waits_for,
            }),
        });
        let shown = shown(&status, None, false);
        shown.lines().nth(1).unwrap().to_owned()
    };
    let both = vec![
        waits("a", "1 file is not committed: \u{1b}[2Jx"),
        waits("b", "it is being stopped"),
    ];
    assert_eq!(
        line(true, both),
        "ENDING: the phase is over since 3m 0s, and waits for a safe point of a (1 file is not committed: \
         \u{fffd}[2Jx), b (it is being stopped); in 7m 0s at the latest it goes on; at once with: \
         supervisorctl phase set ID"
    );
    assert!(line(true, Vec::new()).contains(" of nobody any more; "));
    assert_eq!(
        line(false, Vec::new()),
        "ENDING: the phase is over since 3m 0s, and the next daemon winds it up"
    );
}

#[test]
fn a_paused_rig_says_how_it_goes_on() {
    let mut status = empty();
    let mut pause = |index| {
        status.paused = true;
        status.paused_because = Some("the resume point was lost: a flood".to_owned());
        status.phase = Some(PhaseView {
            index,
            id: None,
            count: 6,
            ending: None,
        });
        shown(&status, None, false)
            .lines()
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        pause(None),
        "PAUSED: the resume point was lost: a flood; go on with: supervisorctl resume --phase ID"
    );
    assert!(pause(Some(6)).ends_with("go on with: supervisorctl resume"));
}

#[test]
fn who_never_ran_has_no_logs_to_see() {
    let shown = |exit| {
        let mut status = empty();
        status.workers = vec![WorkerView {
            last_exit: Some(exit),
            reason: Some("could not be started: it has no user; see: journalctl -u w".into()),
            ..worker("w", Kind::Loop, StateName::Held, "11:40:00")
        }];
        shown(&status, None, false)
    };
    let never = shown(Exit::not_started("it has no user"));
    assert!(
        never.ends_with("see: journalctl -u w; release: supervisorctl start w\n"),
        "{never}"
    );
    let ran = shown(Exit::Code(1));
    assert!(
        ran.contains("; see: supervisorctl logs w; release"),
        "{ran}"
    );
}

#[test]
fn a_kind_that_nobody_knows_is_a_dash() {
    let mut status = rig();
    status.workers[0].kind = Kind::Unknown;
    let text = shown(&status, None, false);
    let name = status.workers[0].name.as_str();
    let row = text
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    assert_eq!(row.unwrap().split_whitespace().nth(1), Some("-"), "{text}");
}

#[test]
fn a_worker_cannot_steer_the_terminal() {
    let mut status = rig();
    status.workers[0].verdict = Some(Verdict {
        is: VerdictIs::Unknown,
        evidence: "\x1b[2J\x1b]0;x\x07\nnext".into(),
        since: None,
    });
    let text = shown(&status, None, false);
    assert!(!text.contains(['\x1b', '\x07']), "{text:?}");
    assert!(
        text.contains("unknown: \u{fffd}[2J\u{fffd}]0;x\u{fffd} next\n"),
        "{text}"
    );
}

#[test]
fn on_eighty_columns_a_worker_that_runs_well_is_one_line() {
    let mut status = empty();
    let mut running = worker("adversary", Kind::Loop, StateName::Running, "11:00:30");
    running.verdict = Some(Verdict {
        is: VerdictIs::Working,
        evidence: "output 59 min ago".into(),
        since: None,
    });
    status.workers = vec![running];
    let text = shown(&status, Some(80), false);
    let row = text.lines().last().unwrap();
    assert!(
        row.starts_with("adversary  loop  running  59m 30s"),
        "{text}"
    );
    assert!(row.ends_with("working: output 59 min ago"), "{text}");
}
