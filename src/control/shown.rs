//! From what the core shows to the words on the socket.

use std::{path::Path, time::Duration};

use super::protocol::{
    ConversationView, Done, EndingView, InboxView, LastReboot, NudgeView, PROTOCOL, PartView,
    PhaseRow, PhaseView, PlanView, RebootsView, Refusal, RefusalKind, Reply, SpentView, StatusView,
    WaitedFor, WorkerView,
};
use crate::decide::{self, Row, Said, SpentRow, View};

impl From<decide::InboxRow> for InboxView {
    fn from(row: decide::InboxRow) -> Self {
        Self {
            queued: row.queued,
            failed: row.failed,
            late: row.late,
        }
    }
}

impl From<&View<'_>> for StatusView {
    fn from(view: &View<'_>) -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: view.boot.boot.clone(),
            started_at: Some(view.started_at),
            rig: view.rig.to_owned(),
            config: None,
            state_dir: None,
            daemon: true,
            phase: view.phase.as_ref().map(PhaseView::from),
            paused: view.paused.is_some(),
            paused_because: view.paused.map(str::to_owned),
            degraded: view.degraded.iter().cloned().chain(astray(view)).collect(),
            reboots: RebootsView {
                count: view.reboots,
                last: view.boot.reboot.as_ref().map(|reboot| LastReboot {
                    boot_id: view.boot.boot.clone(),
                    at: view.boot.booted,
                    clean: reboot.clean,
                }),
            },
            workers: view.workers.iter().map(WorkerView::from).collect(),
            handoffs: view.handoffs.iter().map(|gate| (*gate).into()).collect(),
        }
    }
}

/// That nobody knows where the plan stands, and what helps.
pub fn astray(view: &View<'_>) -> Option<String> {
    let phase = view.phase.as_ref()?;
    phase.index.is_none().then(|| {
        format!(
            "the plan is {}; `supervisorctl resume --phase ID` says where to go on",
            phase.words
        )
    })
}

impl From<&Row<'_>> for WorkerView {
    fn from(row: &Row<'_>) -> Self {
        Self {
            name: row.name.clone(),
            kind: row.kind,
            host: row.on.to_string(),
            launcher: row.launcher,
            state: row.state,
            verdict: Some(row.verdict.clone()),
            pid: row.pid,
            attempt: row.attempt.cloned(),
            since: Some(row.since),
            restarts: row.restarts,
            last_exit: row.last_exit.cloned(),
            reason: row.reason.clone(),
            next_start: row.next_start,
            output_at: row.output_at,
            worktree: row.worktree.map(Path::to_owned),
            worktree_on: row.worktree_on.map(Path::to_owned),
            conversation: row.conversation.map(|known| ConversationView {
                id: known.id.clone(),
                begun: known.begun,
            }),
            inbox: row.inbox.map(InboxView::from),
            owed: row.owed.as_ref().map(ToString::to_string),
            spent: row.spent.map(SpentView::from),
        }
    }
}

impl From<&decide::PhaseRow<'_>> for PhaseView {
    fn from(phase: &decide::PhaseRow<'_>) -> Self {
        Self {
            index: phase.index,
            id: phase.id.map(str::to_owned),
            count: phase.phases.len(),
            ending: phase.ending.as_ref().map(EndingView::from),
        }
    }
}

impl From<&decide::EndingRow> for EndingView {
    fn from(row: &decide::EndingRow) -> Self {
        let waits_for = row.waits_for.iter();
        let waits_for = waits_for.map(|(worker, because)| WaitedFor {
            worker: worker.clone(),
            because: because.clone(),
        });
        Self {
            since: row.since,
            until: row.until,
            waits_for: waits_for.collect(),
        }
    }
}

impl From<&View<'_>> for PlanView {
    fn from(view: &View<'_>) -> Self {
        let phases = view.phase.as_ref().map_or(&[][..], |phase| phase.phases);
        Self {
            current: view.phase.as_ref().map(PhaseView::from),
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
}

impl From<decide::Refusal> for Refusal {
    fn from(refusal: decide::Refusal) -> Self {
        Self {
            kind: match refusal.kind {
                decide::RefusalKind::Failed => RefusalKind::Failed,
                decide::RefusalKind::Unknown => RefusalKind::UnknownName,
            },
            message: refusal.message,
            hint: refusal.hint,
            screen: refusal.screen,
        }
    }
}

impl From<Said> for Reply {
    fn from(said: Said) -> Self {
        match said {
            // The lines are the things that were done.
            Said::Words(text) => Self::Done(Done {
                done: text.lines().map(str::to_owned).collect(),
            }),
            Said::Nudged(nudged) => Self::Nudged(NudgeView {
                protocol: PROTOCOL,
                text: nudged.to_string(),
                taken: nudged.by.is_some(),
                worker: nudged.attempt.worker,
                attempt: nudged.attempt.attempt,
            }),
        }
    }
}

impl From<SpentRow> for SpentView {
    fn from(row: SpentRow) -> Self {
        let part = |spent, of| PartView { spent, of };
        let seconds = |time: Duration| part(row.spent.time / 1000, time.as_secs());
        Self {
            turns: row.may.turns.map(|most| part(row.spent.turns, most)),
            seconds: row.may.time.map(seconds),
            cents: row.may.cost.map(|most| part(row.spent.cost, most)),
        }
    }
}
