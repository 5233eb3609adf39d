//! What is shown of a rig whose daemon is down.

use std::{collections::BTreeSet, path::Path};

use jiff::tz::TimeZone;

use super::*;
use crate::{
    config::{self, Credentials, Environment},
    decide::{Amounts, Boot, KnownBreaker, KnownSpent, Reboot, Restarts, ResumePoint, SetBy, Zone},
    model::{AttemptId, AttemptRef, Exit as Ended, Identity, Mono, Signal},
};

const RIG: &str = r#"
    [rig]
    name = "pi"
    [[plan.phases]]
    id = "1"
    [[plan.phases]]
    id = "2"
    [workers.alive]
    launcher = "process"
    command = ["/bin/sh"]
    [workers.ended]
    launcher = "process"
    command = ["/bin/sh"]
    [workers.held]
    launcher = "process"
    command = ["/bin/sh"]
    [workers.new]
    launcher = "process"
    command = ["/bin/sh"]
    [workers.stopped]
    launcher = "process"
    command = ["/bin/sh"]
"#;

fn boot(last: char) -> BootId {
    format!("6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a1{last}")
        .parse()
        .unwrap()
}

fn found(worker: &str, is: Condition) -> Found {
    let attempt: AttemptId = "20261121T004319Z-00000001".parse().unwrap();
    Found {
        on: None,
        attempt: AttemptRef {
            worker: worker.parse().unwrap(),
            attempt,
        },
        stop: None,
        is,
    }
}

fn alive(worker: &str) -> Found {
    found(
        worker,
        Condition::Alive(Identity {
            boot: boot('1'),
            pid: 77,
            started: 1,
        }),
    )
}

fn point(id: &str) -> ResumePoint {
    ResumePoint {
        index: 1,
        id: id.parse().ok(),
        count: 2,
        at: Timestamp::UNIX_EPOCH,
        by: SetBy::Plan,
        done: Vec::new(),
    }
}

fn known() -> Known {
    let environment = Environment {
        root: "/".into(),
        path: vec![],
        home: None,
        executable: "/usr/bin/loopkeeperd".into(),
        credentials: Credentials::None,
        host_name: "pi".into(),
    };
    let config = config::parse(RIG, Path::new("/rig.toml"), &environment);
    let at = Timestamp::UNIX_EPOCH;
    let worker = |name: &str, kept: RestoredWorker| (name.parse().unwrap(), kept);
    Known {
        machine: Machine {
            boot: boot('1'),
            booted: at,
            over: BTreeSet::new(),
            zone: Zone(TimeZone::UTC),
        },
        now: Now {
            wall: at,
            mono: Mono(0),
        },
        config: Ok(config.unwrap()),
        restored: Restored {
            boot: Some(Boot {
                boot: boot('1'),
                booted: at,
                seen: at,
                reboot: Some(Reboot {
                    from: boot('0'),
                    clean: false,
                    last_alive: None,
                    running: vec![],
                    resume_point: None,
                }),
            }),
            reboots: 3,
            resume_point: Some(point("2")),
            paused: Some("by the operator".into()),
            workers: [
                worker(
                    "held",
                    RestoredWorker {
                        held: Some("5 restarts".into()),
                        last_exit: Some(Ended::Code(1)),
                        restarts: Restarts {
                            boot: Some(boot('1')),
                            total: 5,
                            ..Restarts::default()
                        },
                        ..RestoredWorker::default()
                    },
                ),
                worker(
                    "stopped",
                    RestoredWorker {
                        stopped: true,
                        restarts: Restarts {
                            boot: Some(boot('0')),
                            total: 9,
                            ..Restarts::default()
                        },
                        ..RestoredWorker::default()
                    },
                ),
            ]
            .into(),
            ..Restored::default()
        },
        found: vec![
            alive("alive"),
            found(
                "ended",
                Condition::Ended {
                    exit: Ended::Signal(Signal::KILL),
                    survivors: 0,
                    by: None,
                },
            ),
        ],
        declared: None,
        rig: Some("pi".to_owned()),
        trouble: vec![],
    }
}

#[test]
fn the_store_and_the_host_tell_what_the_daemon_would() {
    let status = view(&known());
    assert_eq!(
        (status.daemon, status.started_at, status.rig.as_str()),
        (false, None, "pi")
    );
    assert_eq!(
        status.phase,
        Some(PhaseView {
            index: Some(1),
            id: Some("2".into()),
            count: 2,
            ending: None,
        })
    );
    assert_eq!(status.paused_because.as_deref(), Some("by the operator"));
    assert_eq!(status.reboots.count, 3);
    assert!(!status.reboots.last.unwrap().clean);
    assert_eq!(status.degraded, Vec::<String>::new());
    let rows: Vec<_> = status
        .workers
        .iter()
        .map(|row| {
            let reason = row.reason.as_deref().unwrap_or("");
            (
                row.name.as_str(),
                row.state.as_str(),
                row.pid,
                row.last_exit.clone(),
                row.restarts,
                reason,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("alive", "running", Some(77), None, 0, ""),
            (
                "ended",
                "stopped",
                None,
                Some(Ended::Signal(Signal::KILL)),
                0,
                "the daemon is down"
            ),
            ("held", "held", None, Some(Ended::Code(1)), 5, "5 restarts"),
            ("new", "stopped", None, None, 0, "the daemon is down"),
            (
                "stopped",
                "stopped",
                None,
                None,
                0,
                "stopped by the operator"
            ),
        ]
    );
    // Of a process nobody watches, nothing more is claimed.
    assert_eq!(
        status.workers[0].verdict.as_ref().unwrap().is,
        VerdictIs::Unknown
    );
}

#[test]
fn who_is_held_by_its_budget_or_its_breaker_is_shown_as_that() {
    let mut known = known();
    known.restored.paused = None;
    let rules = &mut known.config.as_mut().unwrap().workers;
    for name in ["new", "stopped"] {
        let rules = rules.get_mut(name).unwrap();
        rules.daily.turns = Some(3);
    }
    let breaker = config::Breaker {
        rounds: 1,
        again: Duration::from_secs(60),
    };
    rules.get_mut("ended").unwrap().breaker = Some(breaker);
    let at = known.now.wall;
    let turns = Amounts {
        turns: 3,
        ..Amounts::default()
    };
    let spent = KnownSpent {
        day: at.to_zoned(TimeZone::UTC).date(),
        spent: turns,
        forgiven: Amounts::default(),
        shown_turns: None,
        shown_cost: None,
        told: true,
        at,
    };
    let fruitless = KnownBreaker {
        fruitless: 1,
        until: Some("1970-01-01T00:01:00Z".parse().unwrap()),
        ..KnownBreaker::default()
    };
    let kept = &mut known.restored.workers;
    for name in ["new", "stopped"] {
        let kept = kept.entry(name.parse().unwrap()).or_default();
        kept.spent = Some(spent.clone());
    }
    let kept = kept.entry("ended".parse().unwrap()).or_default();
    kept.breaker = Some(fruitless);
    let shown = |known: &Known| {
        let rows = view(known).workers;
        let rows = rows.into_iter().filter(|row| row.name.as_str() != "alive");
        rows.map(|row| format!("{} {}: {}", row.name, row.state, row.reason.unwrap()))
            .collect::<Vec<_>>()
    };
    let rows = [
        "ended held: a round came to nothing; one is tried at 1970-01-01 00:01:00 UTC",
        "held held: 5 restarts",
        "new held: spent its 3 turns of today; goes on at midnight",
        "stopped stopped: stopped by the operator",
    ];
    assert_eq!(shown(&known), rows);
    known.config = Err("/rig.toml:1:1: key `x` is unknown".into());
    assert_eq!(shown(&known)[0], "ended stopped: the daemon is down");
}

#[test]
fn the_plan_stands_where_a_daemon_would_find_it() {
    let mut known = known();
    let place = |known: &Known| {
        let status = view(known);
        let phase = status.phase.unwrap();
        (phase.index, phase.id, status.degraded.concat())
    };
    known.restored.resume_point = None;
    let (index, id, degraded) = place(&known);
    assert_eq!(
        (index, id),
        (None, None),
        "a paused rig without a point lost it"
    );
    assert!(degraded.contains("resume --phase ID"), "{degraded}");
    known.restored.paused = None;
    assert_eq!(
        place(&known),
        (Some(0), Some("1".into()), String::new()),
        "one that is not paused is at its beginning"
    );
    known.restored.resume_point = Some(point("3"));
    let (index, id, degraded) = place(&known);
    assert_eq!((index, id.as_deref()), (None, Some("3")));
    assert!(degraded.contains("phase 3"), "{degraded}");
}

#[test]
fn what_lives_and_is_not_declared_is_told() {
    let mut known = known();
    known.found.push(alive("gone"));
    assert_eq!(
        view(&known).degraded,
        ["worker gone lives (pid 77) and is not declared"]
    );
}

#[test]
fn what_was_kept_is_shown_although_nobody_can_read_what_is_declared() {
    let mut known = known();
    known.config = Err("/rig.toml:1:1: key `x` is unknown".into());
    let status = view(&known);
    assert_eq!(status.rig, "pi");
    assert_eq!(status.degraded, ["/rig.toml:1:1: key `x` is unknown"]);
    let rows = status.workers.iter().map(|row| {
        let kind = row.kind.as_str();
        (row.name.as_str(), kind, row.state.as_str(), row.pid)
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ("alive", "unknown", "running", Some(77)),
            ("ended", "unknown", "stopped", None),
            ("held", "unknown", "held", None),
            ("stopped", "unknown", "stopped", None),
        ]
    );
}

#[test]
fn what_the_last_daemon_kept_is_shown_as_what_it_was() {
    let mut known = known();
    known.config = Err("/rig.toml:1:1: key `x` is unknown".into());
    let kept = [("alive", Kind::Loop), ("new", Kind::Proxy)];
    let kept = kept.map(|(name, kind)| (name.parse().unwrap(), kind));
    known.declared = Some(kept.into());
    known.found.push(alive("removed"));
    let status = view(&known);
    assert_eq!(
        status.degraded,
        [
            "/rig.toml:1:1: key `x` is unknown",
            "worker removed lives (pid 77) and is not declared"
        ]
    );
    let rows = status.workers.iter();
    let rows: Vec<_> = rows
        .map(|row| (row.name.as_str(), row.kind.as_str(), row.state.as_str()))
        .collect();
    assert_eq!(
        rows,
        [("alive", "loop", "running"), ("new", "proxy", "stopped")]
    );
}

#[test]
fn a_boot_that_no_daemon_saw_is_told() {
    let mut known = known();
    known.machine.boot = boot('2');
    let status = view(&known);
    assert_eq!(status.boot_id, boot('2'));
    assert!(status.degraded[0].contains("no daemon has run in this boot"));
}

#[test]
fn nobody_here_knows_what_became_of_who_is_elsewhere() {
    let mut known = known();
    let workers = &mut known.config.as_mut().unwrap().workers;
    for worker in workers.values_mut() {
        worker.on = On::Host("attic".parse().unwrap());
    }
    known.restored.paused = None;
    let rows = view(&known).workers;
    assert!(rows.iter().all(|row| row.host == "attic"));
    let rows = rows
        .into_iter()
        .map(|row| format!("{} {}: {}", row.name, row.state, row.reason.unwrap()));
    let lost = "lost: the daemon is down, and nobody asks host attic";
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            format!("alive {lost}"),
            format!("ended {lost}"),
            "held held: 5 restarts".to_owned(),
            format!("new {lost}"),
            "stopped stopped: stopped by the operator".to_owned(),
        ]
    );
}
