//! The status when the daemon is down: what it would show, from the store and the host.
//!
//! [`gather`] reads and asks, [`view`] makes the status of it and touches nothing.

mod attempts;

use std::{collections::BTreeMap, path::Path, time::Duration};

use jiff::Timestamp;

use super::{Failure, Look, about_to_begin, machine};
use crate::{
    causes::in_one_line,
    config::{Config, On, Worker},
    control::{
        astray,
        protocol::{
            HandoffView, InboxView, LastReboot, PROTOCOL, PhaseView, PlanView, RebootsView,
            StatusView, WorkerView,
        },
    },
    decide::{Gate, GateState, Machine, Restored, RestoredWorker},
    host::boot,
    inbox::{self, Inbox},
    model::{
        BootId, Condition, Found, GateName, Kind, LauncherKind, Now, StateName, Verdict, VerdictIs,
        WorkerName,
    },
    paths::Paths,
    store::{Declared, Problem, gates},
};

/// What there is without a daemon.
struct Known {
    machine: Machine,
    now: Now,
    /// `Err` with why there is none.
    config: Result<Config, String>,
    /// What the last daemon kept, if it could say so.
    declared: Option<Declared>,
    /// What it called the rig.
    rig: Option<String>,
    restored: Restored,
    /// The latest attempt of each worker that had one.
    found: Vec<Found>,
    /// What else is to be told.
    trouble: Vec<String>,
}

pub(in crate::cli) fn status(paths: &Paths) -> Result<StatusView, Failure> {
    let known = gather(paths)?;
    let mut status = view(&known);
    for row in &mut status.workers {
        row.launcher = attempts::launcher(&paths.state, row).or(row.launcher);
        let worker = known.config.as_ref().ok();
        let worker = worker.and_then(|config| config.workers.get(&row.name));
        row.inbox = worker.and_then(|worker| inbox_of(&paths.state, worker, known.now.wall));
    }
    match gates::all(&paths.state) {
        Ok(all) => status.handoffs = open_gates(all, &mut status.degraded),
        Err(error) => status.degraded.push(in_one_line(&error)),
    }
    Ok(StatusView {
        config: paths.config.to_str().map(str::to_owned),
        state_dir: paths.state.to_str().map(str::to_owned),
        ..status
    })
}

/// Those that are not over; and what of them cannot be read.
fn open_gates(
    all: BTreeMap<GateName, Result<Gate, String>>,
    trouble: &mut Vec<String>,
) -> Vec<HandoffView> {
    let mut open = Vec::new();
    for (name, read) in all {
        match read {
            Ok(gate) if gate.state == GateState::Passed => {}
            Ok(gate) => open.push(HandoffView::from(&gate)),
            Err(why) => trouble.push(format!("where gate {name} stands cannot be read: {why}")),
        }
    }
    open
}

/// What lies in the inbox of a worker; nothing without an agent, or where nobody may look.
fn inbox_of(state: &Path, worker: &Worker, now: Timestamp) -> Option<InboxView> {
    worker.agent.as_ref()?;
    let lying = Inbox::open(state, &worker.name).ok()?;
    let waiting = lying.waiting().ok()?;
    let is_late = |since: &Timestamp| {
        let waits = Duration::try_from(now.duration_since(*since));
        waits.is_ok_and(|waits| waits >= worker.watch.slow)
    };
    let (queued, oldest) = inbox::queued(&waiting);
    Some(InboxView {
        queued,
        failed: lying.failures().ok()?.len(),
        late: oldest.filter(is_late),
    })
}

fn gather(paths: &Paths) -> Result<Known, Failure> {
    let Look { config, store } = Look::at(paths)?;
    let machine = machine()?;
    let (found, unseen) = attempts::latest(&paths.state, &store.restored, &machine.boot);
    // That the resume point is lost is why the rig is paused, and is told there.
    let trouble = store.problems.iter();
    let trouble = trouble.filter(|problem| !matches!(problem, Problem::ResumePointLost(_)));
    Ok(Known {
        machine,
        now: boot::now(),
        config,
        declared: store.declared(),
        rig: store.rig(),
        found,
        trouble: trouble.map(ToString::to_string).chain(unseen).collect(),
        restored: store.restored,
    })
}

fn view(known: &Known) -> StatusView {
    let Known {
        machine,
        now,
        config,
        declared: last,
        rig: called,
        restored,
        found,
        trouble,
    } = known;
    let boot = &machine.boot;
    let mut trouble = trouble.clone();
    let begins = config.as_ref().ok();
    let begins = begins.map(|config| about_to_begin(config, restored, machine, *now));
    let phase = match &begins {
        Some(rig) => {
            let view = rig.view(*now, |_, _| None);
            trouble.extend(astray(&view));
            PlanView::from(&view).current
        }
        None => restored.resume_point.as_ref().map(PhaseView::from),
    };
    let found: BTreeMap<&WorkerName, &Found> = found
        .iter()
        .map(|found| (&found.attempt.worker, found))
        .collect();
    if let Err(why) = config {
        trouble.push(why.clone());
    }
    let is_declared = |name: &WorkerName| match (config, last) {
        (Ok(config), _) => config.workers.contains_key(name),
        (Err(_), Some(last)) => last.contains_key(name),
        (Err(_), None) => true,
    };
    for (name, found) in &found {
        if let (false, Condition::Alive(identity)) = (is_declared(name), &found.is) {
            trouble.push(format!(
                "worker {name} lives (pid {}) and is not declared",
                identity.pid
            ));
        }
    }
    let nothing = RestoredWorker::default();
    let nobody = |kind| Is {
        kind,
        on: On::Local,
        launcher: None,
    };
    let rows: BTreeMap<&WorkerName, Is> = match (config, last) {
        (Ok(config), _) => {
            let workers = config.workers.iter();
            workers
                .map(|(name, worker)| (name, worker.into()))
                .collect()
        }
        // What was kept is known all the same.
        (Err(_), Some(last)) => last
            .iter()
            .map(|(name, kind)| (name, nobody(*kind)))
            .collect(),
        (Err(_), None) => {
            let names = restored.workers.keys().chain(found.keys().copied());
            names.map(|name| (name, nobody(Kind::Unknown))).collect()
        }
    };
    // Without any rows, a name would say that what is declared is known.
    let called = called.clone().filter(|_| !rows.is_empty());
    let workers = rows.into_iter().map(|(name, is)| {
        let kept = restored.workers.get(name).unwrap_or(&nothing);
        let held = begins.as_ref().and_then(|rig| rig.will_hold(name, *now));
        let held = kept.held.clone().or(held);
        row(name, is, (kept, held), found.get(name).copied(), boot)
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
        rig: match config {
            Ok(config) => config.rig.clone(),
            Err(_) => called.unwrap_or_default(),
        },
        config: None,
        state_dir: None,
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
        handoffs: Vec::new(),
        degraded: trouble,
    }
}

/// One that lives, if there is one; or what cannot be looked at.
pub(super) fn living(
    state: &Path,
    restored: &Restored,
    boot: &BootId,
) -> Result<Option<(WorkerName, i32)>, String> {
    let (found, unseen) = attempts::latest(state, restored, boot);
    let alive = found.into_iter().find_map(|found| match found.is {
        Condition::Alive(identity) => Some((found.attempt.worker, identity.pid)),
        Condition::Ended { .. } | Condition::NeverStarted | Condition::Unknown(_) => None,
    });
    match (alive, unseen) {
        (None, Some(unseen)) => Err(unseen),
        (alive, _) => Ok(alive),
    }
}

/// What is declared of a worker, as far as it is known.
struct Is {
    kind: Kind,
    on: On,
    launcher: Option<LauncherKind>,
}

impl From<&Worker> for Is {
    fn from(worker: &Worker) -> Self {
        Self {
            kind: worker.kind,
            on: worker.on.clone(),
            launcher: Some(worker.launcher),
        }
    }
}

fn row(
    name: &WorkerName,
    Is { kind, on, launcher }: Is,
    (kept, held): (&RestoredWorker, Option<String>),
    found: Option<&Found>,
    boot: &BootId,
) -> WorkerView {
    let (mut pid, mut verdict, mut last_exit) = (None, None, kept.last_exit.clone());
    // Nothing of this machine says what became of it elsewhere.
    let here = found.filter(|_| on == On::Local);
    let (state, reason) = match here.map(|found| &found.is) {
        Some(Condition::Alive(identity)) => {
            pid = Some(identity.pid);
            verdict = Some(Verdict {
                is: VerdictIs::Unknown,
                evidence: "its process lives and nobody watches it".to_owned(),
                since: None,
            });
            (StateName::Running, None)
        }
        Some(Condition::Unknown(why)) => (StateName::Lost, Some(why.clone())),
        found @ (Some(Condition::Ended { .. } | Condition::NeverStarted) | None) => {
            if let Some(Condition::Ended { exit, .. }) = found
                && (last_exit.is_none() || !exit.never_ran())
            {
                last_exit = Some(exit.clone());
            }
            match (held, on.host()) {
                (Some(why), _) => (StateName::Held, Some(why)),
                (None, _) if kept.stopped => (
                    StateName::Stopped,
                    Some("stopped by the operator".to_owned()),
                ),
                // It may well live: the daemon's end stops nobody.
                (None, Some(host)) => (
                    StateName::Lost,
                    Some(format!("the daemon is down, and nobody asks host {host}")),
                ),
                (None, None) => (StateName::Stopped, Some("the daemon is down".to_owned())),
            }
        }
    };
    WorkerView {
        name: name.clone(),
        kind,
        host: on.to_string(),
        launcher,
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
        worktree: None,
        worktree_on: None,
        conversation: None,
        inbox: None,
        owed: None,
        spent: None,
    }
}

#[cfg(test)]
mod tests;
