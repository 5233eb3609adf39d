//! What was recorded comes back.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use loopkeeper::{
    agent::{profile::Profile, screen::Screen, signs::Trace},
    decide::{
        Debt, Fact, KnownAttempt, KnownSign, NudgeId, Owed, Restarts, Restored, RestoredWorker,
        Sign, Stopping,
    },
    model::{Exit, Identity, Mono, Signal},
    store::{Opened, Store},
};

use crate::rig::{
    at, attempt, begun, boot, boot_id, ending, names, notice, open, plan, point, state_dir, worker,
};

fn decided(worker: &str, seconds: i64) -> Fact {
    Fact::Decided {
        attempt: attempt(worker, seconds),
        at: at(seconds),
        boot: boot_id(1),
        phase: Some(plan()[1].clone()),
        definition: u64::MAX - 1,
        owed: Some(Owed::Reboot),
    }
}

fn ended(worker: &str, seconds: i64, exit: Exit, stopped: Option<&str>) -> Fact {
    Fact::Ended {
        attempt: attempt(worker, seconds),
        at: at(seconds + 5),
        exit,
        stopped: stopped.map(str::to_owned),
    }
}

fn on(path: &str, on: Option<&str>) -> Fact {
    Fact::Worktree {
        path: path.into(),
        on: on.map(Into::into),
    }
}

#[test]
fn every_fact_comes_back() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let identity = Identity {
        boot: boot_id(1),
        pid: 4711,
        started: 99,
    };
    let restarts = Restarts {
        boot: Some(boot_id(1)),
        window: vec![Mono(5), Mono(70)],
        streak: 2,
        total: 9,
        until: Some(Mono(80)),
    };
    let stopping = Stopping {
        why: "not well".to_owned(),
        failed: true,
    };
    let screen = Screen::read("Thinking…\n", None);
    let sign = KnownSign {
        at: Mono(90),
        sign: Sign::Computes("cargo".to_owned()),
        picture: Profile::shipped("claude").unwrap().fingerprint(&screen),
        size: (80, 24),
        committed: Trace::At(at(31)),
        heartbeat: Trace::Absent,
    };
    store
        .record(&[
            Fact::Boot(boot(0)),
            Fact::Hello {
                boot: boot_id(0),
                at: at(10),
            },
            Fact::Boot(boot(1)),
            Fact::Hello {
                boot: boot_id(1),
                at: at(3700),
            },
            Fact::Phase(point(1)),
            Fact::Paused(Some("quota".to_owned())),
            Fact::Ending(Some(ending(1))),
            Fact::NudgeBegun(begun(8, 30)),
            Fact::NudgeBegun(begun(u64::MAX, 31)),
            Fact::NudgeBegun(begun(9, 32)),
            Fact::NudgeOver { nudge: NudgeId(8) },
            Fact::NudgeBegun(begun(9, 33)),
            on("/srv/a", Some("/mnt")),
            on("/srv/a", Some("/srv")),
            on("/srv/b", Some("/")),
            on("/srv/b", None),
            Fact::Operator {
                worker: worker("builder"),
                run: false,
            },
            Fact::Held {
                worker: worker("adversary"),
                reason: Some("5 restarts".to_owned()),
            },
            Fact::Restarts {
                worker: worker("adversary"),
                restarts: restarts.clone(),
            },
            decided("builder", 20),
            ended("builder", 20, Exit::Signal(Signal::KILL), Some("operator")),
            decided("builder", 30),
            Fact::Started {
                attempt: attempt("builder", 30),
                identity: identity.clone(),
            },
            Fact::Owes {
                attempt: attempt("builder", 30),
                debt: Debt {
                    owed: None,
                    knows: Some(plan()[2].clone()),
                },
            },
            Fact::LastSign {
                attempt: attempt("builder", 30),
                sign: Some(sign.clone()),
            },
            Fact::Stopping {
                attempt: attempt("builder", 30),
                stopping: stopping.clone(),
            },
            notice(1),
            Fact::Alive { at: at(3800) },
        ])
        .unwrap();
    drop(store);

    let expected = Restored {
        boot: Some(boot(1)),
        reboots: 1,
        goodbye: None,
        last_alive: Some(at(3800)),
        resume_point: Some(point(1)),
        paused: Some("quota".to_owned()),
        ending: Some(ending(1)),
        nudges: vec![begun(u64::MAX, 31), begun(9, 33)],
        handoffs: [].into(),
        worktrees: [("/srv/a".into(), "/srv".into())].into(),
        workers: [
            (
                worker("adversary"),
                RestoredWorker {
                    held: Some("5 restarts".to_owned()),
                    restarts,
                    ..RestoredWorker::default()
                },
            ),
            (
                worker("builder"),
                RestoredWorker {
                    stopped: true,
                    last: Some(KnownAttempt {
                        attempt: attempt("builder", 30),
                        at: at(30),
                        boot: boot_id(1),
                        phase: Some(plan()[1].clone()),
                        definition: u64::MAX - 1,
                        identity: Some(identity),
                        debt: Debt {
                            owed: None,
                            knows: Some(plan()[2].clone()),
                        },
                        sign: Some(sign),
                        ended: None,
                        failed: true,
                    }),
                    ended: [attempt("builder", 20).attempt].into(),
                    stops: [(attempt("builder", 30).attempt, stopping)].into(),
                    last_exit: Some(Exit::Signal(Signal::KILL)),
                    last_end: Some(at(25)),
                    ..RestoredWorker::default()
                },
            ),
        ]
        .into(),
    };
    let mut opened = open(&dir);
    assert_eq!(opened.restored, expected);

    opened
        .store
        .record(&[
            Fact::Paused(None),
            Fact::NudgeOver { nudge: NudgeId(9) },
            Fact::Operator {
                worker: worker("builder"),
                run: true,
            },
            Fact::Held {
                worker: worker("adversary"),
                reason: None,
            },
            ended("builder", 30, Exit::Code(3), None),
            Fact::Phase(point(6)),
            Fact::Goodbye {
                boot: boot_id(1),
                at: at(4000),
            },
        ])
        .unwrap();
    drop(opened);
    let restored = open(&dir).restored;
    assert_eq!(restored.paused, None);
    assert_eq!(restored.nudges, [begun(u64::MAX, 31)]);
    assert_eq!(restored.goodbye, Some(at(4000)));
    assert_eq!(restored.last_alive, Some(at(4000)));
    assert_eq!(
        restored.resume_point,
        Some(point(6)),
        "the plan is complete"
    );
    assert_eq!(restored.workers[&worker("adversary")].held, None);
    let builder = &restored.workers[&worker("builder")];
    assert!(!builder.stopped);
    assert_eq!(
        builder.last.as_ref().unwrap().ended,
        Some((Exit::Code(3), None))
    );
    assert_eq!(builder.last_exit, Some(Exit::Code(3)));
}

#[test]
fn what_was_said_of_the_end_of_a_phase_is_known_until_a_resume_point_is_recorded() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let known = |dir: &Path| Store::open(dir, &plan()).unwrap().restored.ending;
    let said = || Fact::Ending(Some(ending(1)));
    let boot = [Fact::Boot(boot(0)), Fact::Phase(point(1)), said()];
    store.record(&boot).unwrap();
    drop(store);
    assert_eq!(known(&dir), Some(ending(1)));

    let mut store = open(&dir).store;
    store.record(&[Fact::Phase(point(1)), said()]).unwrap();
    drop(store);
    assert_eq!(known(&dir), Some(ending(1)), "what is said after it stands");

    let mut store = open(&dir).store;
    store.record(&[said(), Fact::Phase(point(2))]).unwrap();
    drop(store);
    assert_eq!(known(&dir), None);

    let mut store = open(&dir).store;
    store.record(&[said()]).unwrap();
    store.record(&[Fact::Ending(None)]).unwrap();
    drop(store);
    assert_eq!(known(&dir), None);

    let mut store = open(&dir).store;
    store.record(&[said()]).unwrap();
    drop(store);
    // An edit is a resume point as well; who hears of both can say what it means.
    fs::write(dir.join("phase-idx"), "2b\n").unwrap();
    assert_eq!(known(&dir), Some(ending(1)));
    assert_eq!(known(&dir), None);
}

#[test]
fn a_first_start_knows_nothing_and_makes_a_private_directory() {
    let (_temp, dir) = state_dir();
    let opened = open(&dir);
    assert_eq!(opened.restored, Restored::default());
    let mode = |name: &str| dir.join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(""), 0o700);
    let mut store = opened.store;
    store
        .record(&[Fact::Boot(boot(0)), Fact::Phase(point(0))])
        .unwrap();
    let modes: Vec<(String, u32)> = names(&dir)
        .into_iter()
        .map(|name| (name.clone(), mode(&name)))
        .collect();
    let expected = [
        ("REBOOTS.md", 0o644),
        ("lock", 0o600),
        ("loopkeeper.db", 0o600),
        ("loopkeeper.db-wal", 0o600),
        ("phase-idx", 0o644),
    ];
    assert_eq!(modes, expected.map(|(name, mode)| (name.to_owned(), mode)));
}

#[test]
fn a_hello_or_another_boot_makes_a_goodbye_void() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let goodbye = Fact::Goodbye {
        boot: boot_id(0),
        at: at(50),
    };
    store
        .record(&[Fact::Boot(boot(0)), goodbye.clone()])
        .unwrap();
    drop(store);
    let Opened {
        mut store,
        restored,
        ..
    } = open(&dir);
    assert_eq!(restored.goodbye, Some(at(50)));
    store
        .record(&[Fact::Hello {
            boot: boot_id(0),
            at: at(60),
        }])
        .unwrap();
    drop(store);
    let Opened {
        mut store,
        restored,
        ..
    } = open(&dir);
    assert_eq!(
        (restored.goodbye, restored.last_alive),
        (None, Some(at(60)))
    );
    store.record(&[goodbye, Fact::Boot(boot(1))]).unwrap();
    drop(store);
    assert_eq!(open(&dir).restored.goodbye, None);
}

#[test]
fn an_attempt_of_which_only_the_end_was_recorded_is_no_last_attempt() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    store
        .record(&[
            decided("builder", 20),
            ended("builder", 40, Exit::Code(9), None),
        ])
        .unwrap();
    drop(store);
    let opened = open(&dir);
    let builder = &opened.restored.workers[&worker("builder")];
    assert_eq!(
        builder.last.as_ref().unwrap().attempt,
        attempt("builder", 20)
    );
    assert_eq!(builder.last_exit, Some(Exit::Code(9)));
    let attempts = opened
        .store
        .history()
        .attempts(&worker("builder"), 10)
        .unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].decided, Some((at(20), boot_id(1))));
    assert_eq!(attempts[1].decided, None);
    assert_eq!(attempts[1].ended, Some((at(45), Exit::Code(9), None)));
}

#[test]
fn the_history_is_in_order_of_one_worker_or_all_and_bounded() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    for thousand in 0..101 {
        let facts: Vec<Fact> = (1..=1000).map(|n| notice(thousand * 1000 + n)).collect();
        store.record(&facts).unwrap();
    }
    let facts: Vec<Fact> = (0..1500).map(|n| decided("builder", n)).collect();
    store.record(&facts).unwrap();
    let other = Fact::Notice(loopkeeper::decide::Notice {
        at: at(0),
        event: "plan-complete".to_owned(),
        level: loopkeeper::decide::Level::Info,
        worker: None,
        attempt: None,
        phase: None,
        text: "done".to_owned(),
    });
    store.record(std::slice::from_ref(&other)).unwrap();

    let history = store.history();
    let two = history.notices(2, None).unwrap();
    assert_eq!(
        two.into_iter().map(Fact::Notice).collect::<Vec<_>>(),
        [notice(101_000), other]
    );
    let of_builder = history.notices(1, Some(&worker("builder"))).unwrap();
    assert_eq!(of_builder[0].text, "notice 101000");
    let all = history.notices(usize::MAX, None).unwrap();
    assert_eq!((all.len(), &*all[0].text), (100_001, "notice 1001"));
    let attempts = history.attempts(&worker("builder"), usize::MAX).unwrap();
    assert_eq!(
        (attempts.len(), &attempts[0].attempt),
        (1000, &attempt("builder", 500))
    );
}

#[test]
fn a_slice_is_recorded_whole_and_its_last_resume_point_stands() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    store
        .record(&[Fact::Phase(point(1)), notice(1), Fact::Phase(point(2))])
        .unwrap();
    assert!(store.is_own_phase_file(&fs::read(dir.join("phase-idx")).unwrap()));
    drop(store);
    assert_eq!(open(&dir).restored.resume_point, Some(point(2)));
    assert_eq!(
        Store::read_only(&dir, &plan())
            .unwrap()
            .history()
            .notices(9, None)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_last_attempt_is_the_one_recorded_last_whatever_the_clock_said() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let before = [
        decided("builder", 5_000),
        ended("builder", 5_000, Exit::Code(1), None),
    ];
    store.record(&before).unwrap();
    // The clock was set back, so the next attempt has the smaller id.
    store
        .record(&[
            decided("builder", 40),
            ended("builder", 40, Exit::Code(2), None),
        ])
        .unwrap();
    drop(store);
    let restored = open(&dir).restored;
    let known = &restored.workers[&worker("builder")];
    assert_eq!(known.last.as_ref().unwrap().attempt, attempt("builder", 40));
    assert_eq!(known.last_exit, Some(Exit::Code(2)));
}

#[test]
fn the_first_end_of_an_attempt_stands() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    store
        .record(&[
            decided("builder", 20),
            ended("builder", 20, Exit::Code(1), Some("operator")),
            ended("builder", 20, Exit::Lost("nobody saw it".into()), None),
        ])
        .unwrap();
    drop(store);
    let restored = open(&dir).restored;
    let last = restored.workers[&worker("builder")].last.clone().unwrap();
    assert_eq!(
        last.ended,
        Some((Exit::Code(1), Some("operator".to_owned())))
    );
}

#[test]
fn a_database_made_anew_knows_the_last_attempts_whatever_the_clock_said() {
    let (_temp, dir) = state_dir();
    let as_read = |dir: &Path| Store::read_only(dir, &plan()).unwrap().restored;
    let mut store = open(&dir).store;
    // One that nobody saw ending, and then a clock that goes backwards.
    let mut facts = vec![decided("builder", 4_000)];
    for number in 1..=20 {
        let then = 4_000 - 100 * number;
        facts.push(decided("builder", then));
        facts.push(ended("builder", then, Exit::Code(1), None));
    }
    store.record(&facts).unwrap();
    let before = as_read(&dir);
    let known = &before.workers[&worker("builder")];
    assert_eq!(
        known.last.as_ref().unwrap().attempt,
        attempt("builder", 2_000)
    );
    assert_eq!(known.open.len(), 1);
    fs::remove_file(dir.join("loopkeeper.db")).unwrap();
    store.record(&[notice(1)]).unwrap();
    let last_alive = Some(at(1));
    assert_eq!(
        as_read(&dir),
        Restored {
            last_alive,
            ..before
        }
    );
}
