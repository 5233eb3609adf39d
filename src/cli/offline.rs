//! The status when the daemon is down: what it would show, from the store and the host.
//!
//! [`gather`] reads and asks, [`view`] makes the status of it and touches nothing.

use std::collections::BTreeMap;

use super::{
    check,
    failure::{Exit, Failure},
};
use crate::{
    config::{self, Config},
    control::{
        astray,
        protocol::{
            LastReboot, PROTOCOL, PhaseView, PlanView, RebootsView, StatusView, WorkerView,
        },
    },
    decide::{Machine, Restored, RestoredWorker, Rig},
    host::{AttemptRef, Condition, Found, boot, process::Process},
    launch::directory::Directory,
    model::{BootId, Exit as Ended, Now, StateName, Verdict, VerdictIs, WorkerName},
    paths::Paths,
    store::{Problem, Store},
};

/// What there is without a daemon.
struct Known {
    machine: Machine,
    now: Now,
    /// `Err` with why there is none.
    config: Result<Config, String>,
    restored: Restored,
    /// The latest attempt of each worker that had one.
    found: Vec<Found>,
    /// What else is to be told.
    trouble: Vec<String>,
}

pub(super) fn status(paths: &Paths) -> Result<StatusView, Failure> {
    Ok(view(&gather(paths)?))
}

fn gather(paths: &Paths) -> Result<Known, Failure> {
    let unknown = |error| Failure::new(Exit::Failed, &error);
    let machine = Machine {
        boot: boot::boot_id().map_err(unknown)?,
        booted: boot::booted_at().map_err(unknown)?,
    };
    let config = config::load(&paths.config, &check::environment()?).map_err(|_| {
        format!(
            "configuration {} cannot be used; see why with: supervisorctl check",
            paths.config.display()
        )
    });
    let plan: Vec<_> = config
        .iter()
        .flat_map(|config| &config.plan.phases)
        .map(|phase| phase.id.clone())
        .collect();
    let store = Store::read_only(&paths.state, &plan).map_err(|error| {
        let failure = Failure::new(Exit::NotRunning, &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let found = store
        .restored
        .workers
        .values()
        .filter_map(|worker| worker.last.as_ref())
        .map(|last| {
            find(
                &paths.state,
                last.attempt.clone(),
                &last.boot,
                &machine.boot,
            )
        })
        .collect();
    // That the resume point is lost is why the rig is paused, and is told there.
    let trouble = store.problems.iter();
    let trouble = trouble.filter(|problem| !matches!(problem, Problem::ResumePointLost(_)));
    Ok(Known {
        machine,
        now: boot::now(),
        config,
        found,
        trouble: trouble.map(ToString::to_string).collect(),
        restored: store.restored,
    })
}

/// What became of an attempt, by its directory and the process that it names.
fn find(state: &std::path::Path, attempt: AttemptRef, then: &BootId, now: &BootId) -> Found {
    let directory = Directory::of(state, &attempt);
    let is = match (directory.ended(), directory.start()) {
        (Some(ended), _) => Condition::Ended {
            exit: ended.exit,
            survivors: 0,
        },
        (None, _) if then != now => Condition::Ended {
            exit: Ended::Lost("the machine went down".to_owned()),
            survivors: 0,
        },
        (None, Some(start)) => {
            let process = Process {
                pid: start.identity.pid,
                started: start.identity.started,
            };
            if process.lives() {
                Condition::Alive(start.identity)
            } else {
                let exit = Ended::Lost("it ended while no daemon was running".to_owned());
                Condition::Ended { exit, survivors: 0 }
            }
        }
        (None, None) => Condition::NeverStarted,
    };
    Found { attempt, is }
}

fn view(known: &Known) -> StatusView {
    let Known {
        machine,
        now,
        config,
        restored,
        found,
        trouble,
    } = known;
    let boot = &machine.boot;
    let mut trouble = trouble.clone();
    let phase = match config {
        Ok(config) => {
            let rig = Rig::new(config.clone(), restored.clone(), machine.clone(), *now, 0).0;
            let view = rig.view(*now, |_, _| None);
            trouble.extend(astray(&view));
            PlanView::from(&view).current
        }
        Err(_) => restored.resume_point.as_ref().map(PhaseView::from),
    };
    let found: BTreeMap<&WorkerName, &Found> = found
        .iter()
        .map(|found| (&found.attempt.worker, found))
        .collect();
    if let Err(why) = config {
        trouble.push(why.clone());
    }
    let declared = |name: &WorkerName| config.as_ref().is_ok_and(|c| c.workers.contains_key(name));
    for (name, found) in &found {
        if let (false, Condition::Alive(identity)) = (declared(name), &found.is) {
            trouble.push(format!(
                "worker {name} lives (pid {}) and is not declared",
                identity.pid
            ));
        }
    }
    let nothing = RestoredWorker::default();
    let workers = config
        .iter()
        .flat_map(|config| config.workers.values())
        .map(|worker| {
            let kept = restored.workers.get(&worker.name).unwrap_or(&nothing);
            row(worker, kept, found.get(&worker.name).copied(), boot)
        });
    let last = restored
        .boot
        .as_ref()
        .and_then(|boot| Some((boot, boot.reboot.as_ref()?)));
    if restored
        .boot
        .as_ref()
        .is_some_and(|last| last.boot != *boot)
    {
        trouble.push("the machine booted since and no daemon has run in this boot".to_owned());
    }
    StatusView {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: boot.clone(),
        started_at: None,
        rig: config
            .as_ref()
            .map_or_else(|_| String::new(), |config| config.rig.clone()),
        daemon: false,
        phase,
        paused: restored.paused.is_some(),
        paused_because: restored.paused.clone(),
        reboots: RebootsView {
            count: restored.reboots,
            last: last.map(|(boot, reboot)| LastReboot {
                boot_id: boot.boot.clone(),
                at: boot.booted,
                clean: reboot.clean,
            }),
        },
        workers: workers.collect(),
        degraded: trouble,
    }
}

fn row(
    worker: &config::Worker,
    kept: &RestoredWorker,
    found: Option<&Found>,
    boot: &BootId,
) -> WorkerView {
    let (mut pid, mut verdict, mut last_exit) = (None, None, kept.last_exit.clone());
    let (state, reason) = match found.map(|found| &found.is) {
        Some(Condition::Alive(identity)) => {
            pid = Some(identity.pid);
            verdict = Some(Verdict {
                is: VerdictIs::Unknown,
                evidence: "its process lives and nobody watches it".to_owned(),
            });
            (StateName::Running, None)
        }
        Some(Condition::Unknown(why)) => (StateName::Lost, Some(why.clone())),
        found @ (Some(Condition::Ended { .. } | Condition::NeverStarted) | None) => {
            if let Some(Condition::Ended { exit, .. }) = found {
                last_exit = Some(exit.clone());
            }
            match &kept.held {
                Some(why) => (StateName::Held, Some(why.clone())),
                None if kept.stopped => (
                    StateName::Stopped,
                    Some("stopped by the operator".to_owned()),
                ),
                None => (StateName::Stopped, Some("the daemon is down".to_owned())),
            }
        }
    };
    WorkerView {
        name: worker.name.clone(),
        kind: worker.kind,
        host: "local".to_owned(),
        launcher: Some(worker.launcher),
        state,
        verdict,
        pid,
        attempt: found.map(|found| found.attempt.attempt.clone()),
        since: None,
        restarts: if kept.restarts.boot.as_ref() == Some(boot) {
            kept.restarts.total
        } else {
            0
        },
        last_exit,
        reason,
        next_start: None,
        output_at: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::{Credentials, Environment},
        decide::{Boot, Reboot, Restarts, ResumePoint, SetBy},
        launch::directory::Start,
        model::{AttemptId, Identity, Mono, Signal},
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
            attempt: AttemptRef {
                worker: worker.parse().unwrap(),
                attempt,
            },
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
            at: jiff::Timestamp::UNIX_EPOCH,
            by: SetBy::Plan,
        }
    }

    fn known() -> Known {
        let environment = Environment {
            root: "/".into(),
            path: vec![],
            home: None,
            binaries: "/usr/bin".into(),
            credentials: Credentials::None,
            host_name: "pi".into(),
        };
        let config = config::parse(RIG, Path::new("/rig.toml"), &environment);
        let at = jiff::Timestamp::UNIX_EPOCH;
        let worker = |name: &str, kept: RestoredWorker| (name.parse().unwrap(), kept);
        Known {
            machine: Machine {
                boot: boot('1'),
                booted: at,
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
                    },
                ),
            ],
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
                count: 2
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
        known.config = Err("configuration /rig.toml cannot be used".into());
        let status = view(&known);
        assert_eq!(status.workers, []);
        assert_eq!(
            status.degraded,
            [
                "configuration /rig.toml cannot be used",
                "worker alive lives (pid 77) and is not declared",
                "worker gone lives (pid 77) and is not declared",
            ]
        );
    }

    #[test]
    fn a_pid_of_another_boot_is_nobodys() {
        let state = tempfile::tempdir().unwrap();
        let attempt = found("w", Condition::NeverStarted).attempt;
        let directory = Directory::of(state.path(), &attempt);
        std::fs::create_dir_all(directory.path()).unwrap();
        let ourselves = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        let start = Start {
            identity: ourselves.identity(&boot('0')),
            at: jiff::Timestamp::UNIX_EPOCH,
            cgroup: None,
            pane: None,
        };
        directory.record_start(&start).unwrap();
        let find = |now| find(state.path(), attempt.clone(), &boot('0'), &boot(now)).is;
        assert!(matches!(find('0'), Condition::Alive(_)));
        assert!(
            matches!(find('1'), Condition::Ended { exit: Ended::Lost(why), .. } if why.contains("machine"))
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
}
