//! The rig as `status` shows it: what the core knows, and the daemon's own row beside it.

use jiff::Timestamp;

use crate::{
    control::protocol::{
        LastReboot, PROTOCOL, PhaseRow, PhaseView, PlanView, RebootView, RebootsView, StatusView,
        WorkerView,
    },
    decide::{Row, View},
    model::{Kind, Now, StateName, Verdict, VerdictIs, WorkerName},
};

/// What the daemon holds of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnTurns {
    /// Turns of its loop that are complete.
    pub(super) turns: u64,
    /// The longest one, in milliseconds.
    pub(super) longest: u64,
}

/// The whole rig.
pub(super) fn status(view: &View<'_>, own: &OwnTurns, troubles: &[String], now: Now) -> StatusView {
    let mut degraded = view.degraded.clone();
    degraded.extend(troubles.iter().cloned());
    let phase = view.phase.as_ref();
    if let Some(astray) = phase.filter(|phase| phase.index.is_none()) {
        degraded.push(format!("the plan is {}", astray.words));
    }
    let last = RebootView::of(view.boot);
    StatusView {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: view.boot.boot.clone(),
        started_at: Some(view.started_at),
        rig: view.rig.to_owned(),
        daemon: true,
        phase: phase.map(phase_view),
        paused: view.paused.is_some(),
        paused_because: view.paused.map(str::to_owned),
        degraded,
        reboots: RebootsView {
            count: view.reboots,
            last: last.map(|last| LastReboot {
                boot_id: last.boot_id,
                at: last.at,
                clean: last.clean,
            }),
        },
        workers: view
            .workers
            .iter()
            .map(worker)
            .chain([watchdog(view.started_at, own, now)])
            .collect(),
    }
}

/// The plan and where it stands.
pub(super) fn plan(view: &View<'_>) -> PlanView {
    let phases = view.phase.as_ref().map_or(&[][..], |phase| phase.phases);
    PlanView {
        current: view.phase.as_ref().map(phase_view),
        phases: phases
            .iter()
            .map(|phase| PhaseRow {
                id: phase.id.clone(),
                brief: phase.brief.clone(),
                until: phase.until.to_string(),
            })
            .collect(),
    }
}

fn phase_view(phase: &crate::decide::PhaseRow<'_>) -> PhaseView {
    PhaseView {
        index: phase.index,
        id: phase.id.map(str::to_owned),
        count: phase.phases.len(),
    }
}

fn worker(row: &Row<'_>) -> WorkerView {
    WorkerView {
        name: row.name.clone(),
        kind: row.kind,
        host: "local".into(),
        launcher: Some(row.launcher),
        state: row.state,
        verdict: (row.state == StateName::Running).then(|| row.verdict.clone()),
        pid: row.pid,
        attempt: row.attempt.cloned(),
        since: Some(row.since),
        restarts: row.restarts,
        last_exit: row.last_exit.cloned(),
        reason: row.reason.clone(),
        next_start: row.next_start,
        output_at: row.output_at,
    }
}

/// The daemon's own row: its evidence is that its loop turns, this answer being one of the turns.
fn watchdog(since: Timestamp, own: &OwnTurns, now: Now) -> WorkerView {
    let evidence = format!(
        "{} turns of the loop, the longest took {} ms",
        own.turns, own.longest
    );
    WorkerView {
        name: WorkerName::watchdog(),
        kind: Kind::Watchdog,
        host: "local".into(),
        launcher: None,
        state: StateName::Running,
        verdict: Some(Verdict {
            is: VerdictIs::Working,
            evidence,
        }),
        pid: i32::try_from(std::process::id()).ok(),
        attempt: None,
        since: Some(since.min(now.wall)),
        restarts: 0,
        last_exit: None,
        reason: None,
        next_start: None,
        output_at: None,
    }
}

/// One line for `systemctl status`.
pub(super) fn line(view: &View<'_>) -> String {
    let of = |state| view.workers.iter().filter(move |row| row.state == state);
    let running = of(StateName::Running).count();
    let mut line = format!("{running} of {} running", view.workers.len());
    if let Some(phase) = &view.phase {
        line.push_str(&format!(", {}", phase.words));
    }
    if view.paused.is_some() {
        line.push_str(", paused");
    }
    for state in [StateName::Held, StateName::Lost] {
        let names: Vec<_> = of(state).map(|row| row.name.as_str()).collect();
        if !names.is_empty() {
            line.push_str(&format!(", {state}: {}", names.join(" ")));
        }
    }
    if !view.degraded.is_empty() {
        line.push_str(", degraded");
    }
    line
}
