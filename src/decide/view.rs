//! The rig as it is shown.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Amounts, Boot, EndingRow, Gate, KnownConversation, Looked, Owed, Rig,
    inbox::Inbox,
    life::{Health, Life, Stopped},
    plan::At,
    verdict::verdict,
    worker::Worker,
};
use crate::{
    config::{Daily, Keeps, On, Phase},
    model::{AttemptId, Exit, Kind, LauncherKind, Now, StateName, Verdict, VerdictIs, WorkerName},
};

/// Everything that `status` shows and the core knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<'a> {
    /// The rig's name.
    pub rig: &'a str,
    /// When this daemon began.
    pub started_at: Timestamp,
    /// The present boot, and what came before it.
    pub boot: &'a Boot,
    /// Reboots recorded.
    pub reboots: u64,
    /// The plan, if there is one.
    pub phase: Option<PhaseRow<'a>>,
    /// Why the rig is paused, if it is.
    pub paused: Option<&'a str>,
    /// What keeps the core from its promises: facts that cannot be recorded, a phase whose end
    /// cannot be told, workers that cannot be looked at.
    pub degraded: Vec<String>,
    /// One row a worker, by name.
    pub workers: Vec<Row<'a>>,
    /// Gates that are not over, by name.
    pub handoffs: Vec<&'a Gate>,
}

/// Where the plan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseRow<'a> {
    /// 0 for the first; the number of phases when it is complete; `None` when it is astray.
    pub index: Option<usize>,
    /// The phase's id; of a plan that is astray, the point that was stored.
    pub id: Option<&'a str>,
    /// All phases.
    pub phases: &'a [Phase],
    /// The same in words.
    pub words: String,
    /// How far its end has come, while it is being wound up.
    pub ending: Option<EndingRow>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its name.
    pub name: &'a WorkerName,
    /// What it is.
    pub kind: Kind,
    /// On which machine it runs.
    pub on: &'a On,
    /// How it is started, where that is known.
    pub launcher: Option<LauncherKind>,
    /// Where its life stands.
    pub state: StateName,
    /// Why it is there, when it is not simply running.
    pub reason: Option<String>,
    /// The process, while one lives.
    pub pid: Option<i32>,
    /// The attempt that lives.
    pub attempt: Option<&'a AttemptId>,
    /// When its state last changed; of one that was taken over running, when it was started.
    pub since: Timestamp,
    /// When it is started again, while it is backing off.
    pub next_start: Option<Timestamp>,
    /// Restarts in this boot.
    pub restarts: u64,
    /// How its last attempt ended.
    pub last_exit: Option<&'a Exit>,
    /// What the watchdog holds of it.
    pub verdict: Verdict,
    /// When its output last grew, if it has any.
    pub output_at: Option<Timestamp>,
    /// The checkout that it works in, where one is declared.
    pub worktree: Option<&'a Path>,
    /// Where the file system is mounted on which that was last seen.
    pub worktree_on: Option<&'a Path>,
    /// The conversation of its agent, where it keeps one.
    pub conversation: Option<&'a KnownConversation>,
    /// What lies in its inbox, if it has an agent.
    pub inbox: Option<InboxRow>,
    /// What its agent is to be told as soon as it waits, where it runs.
    pub owed: Option<Owed>,
    /// What it has spent of this day, where it may not spend all it likes.
    pub spent: Option<SpentRow>,
}

/// What a worker has spent of a day, and how much it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpentRow {
    /// Since the last time it was started with a whole budget.
    pub spent: Amounts,
    /// How much it may.
    pub may: Daily,
}

/// What lies in the inbox of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxRow {
    /// How many texts wait.
    pub queued: usize,
    /// How many have failed.
    pub failed: usize,
    /// Since when the oldest waits, where that is longer than anything should.
    pub late: Option<Timestamp>,
}

impl Rig {
    /// Whether the worker was not started for something that is not there, and is to be.
    pub fn waits_for_something(&self, name: &WorkerName) -> bool {
        let worker = self.workers.get(name);
        worker.is_some_and(|worker| worker.short.is_some())
    }

    /// The rig now; `quiet` says how long an attempt's output has been silent.
    pub fn view(
        &self,
        now: Now,
        quiet: impl Fn(&WorkerName, &AttemptId) -> Option<Duration>,
    ) -> View<'_> {
        let plan = &self.progress;
        let (index, id) = match &plan.at {
            At::Phase(index) => (
                Some(*index),
                plan.current().map(|(_, phase)| phase.id.as_str()),
            ),
            At::Complete => (Some(plan.plan.phases.len()), None),
            At::Astray(point) => (None, point.as_deref()),
            At::NoPlan => (None, None),
        };
        View {
            rig: &self.config.rig,
            started_at: self.started.wall,
            boot: &self.last_boot,
            reboots: self.reboots,
            phase: plan.in_words().map(|words| PhaseRow {
                index,
                id,
                phases: &plan.plan.phases,
                words,
                ending: self.ending_row(now),
            }),
            paused: self.paused.as_deref(),
            degraded: self
                .ledger
                .trouble()
                .into_iter()
                .chain(self.phase_trouble())
                .chain(self.inbox_troubles())
                .chain(self.handoffs.troubles())
                .chain(self.vain_troubles())
                .chain(self.workers.values().filter_map(Worker::unable))
                .collect(),
            workers: {
                let declared = self.workers.keys();
                let declared = declared.filter_map(|name| self.row(name, now, &quiet));
                let mut rows: Vec<_> = declared.chain(self.removed()).collect();
                rows.sort_by_key(|row| row.name);
                rows
            },
            handoffs: self.handoffs.open().collect(),
        }
    }

    /// Workers that nobody declares, as long as something of them lives or may.
    fn removed(&self) -> impl Iterator<Item = Row<'_>> {
        let strays = self.strays.iter();
        let strays = strays.filter(|(of, _)| !self.workers.contains_key(&of.worker));
        let by_worker: BTreeMap<_, _> = strays.map(|(of, one)| (&of.worker, (of, one))).collect();
        by_worker.into_iter().map(|(name, (of, stray))| {
            let (state, is, why) = match stray.lives {
                true => {
                    let why = Stopped::Removed.as_str();
                    (StateName::Stopping, VerdictIs::Waiting, why)
                }
                false => {
                    let why = "its host has not said whether it lives";
                    (StateName::Lost, VerdictIs::Unknown, why)
                }
            };
            let identity = stray.attempt.identity.as_ref();
            Row {
                name,
                kind: Kind::Unknown,
                on: self
                    .workers
                    .get(name)
                    .map_or(&On::Local, |worker| &worker.rules.on),
                launcher: None,
                state,
                reason: Some(why.into()),
                pid: identity.filter(|_| stray.lives).map(|is| is.pid),
                attempt: Some(&of.attempt),
                since: stray.since,
                next_start: None,
                restarts: 0,
                last_exit: None,
                verdict: Verdict {
                    is,
                    evidence: why.into(),
                    since: None,
                },
                output_at: None,
                worktree: None,
                worktree_on: None,
                conversation: None,
                inbox: None,
                owed: None,
                spent: None,
            }
        })
    }

    fn row(
        &self,
        name: &WorkerName,
        now: Now,
        quiet: &impl Fn(&WorkerName, &AttemptId) -> Option<Duration>,
    ) -> Option<Row<'_>> {
        let (name, worker) = self.workers.get_key_value(name)?;
        let attempt = worker.life.attempt();
        let next_start = match &worker.life {
            Life::BackingOff { until, .. } => now.wall.checked_add(until.since(now.mono)).ok(),
            Life::Waiting(_)
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Running { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => None,
        };
        let reason = match &worker.life {
            Life::Running {
                health:
                    Health {
                        last: None | Some((_, Looked::Well)),
                        ..
                    },
                ..
            } => None,
            Life::BackingOff { why, .. } | Life::Held(why) => Some(why.clone()),
            Life::Starting { started: false, .. } => Some("nothing of it runs yet".into()),
            Life::Starting { last, .. } => {
                Some(format!("not ready: {}", last.why().unwrap_or_default()))
            }
            Life::Running { .. }
            | Life::Waiting(_)
            | Life::Stopped(_)
            | Life::Stopping { .. }
            | Life::Lost { .. } => Some(verdict(worker, now, None).evidence),
        };
        let silent = attempt.and_then(|attempt| quiet(name, &attempt.of.attempt));
        Some(Row {
            name,
            kind: worker.rules.kind,
            on: &worker.rules.on,
            launcher: Some(worker.rules.launcher),
            state: worker.life.state(),
            reason,
            pid: attempt
                .and_then(|attempt| attempt.identity.as_ref())
                .map(|identity| identity.pid),
            attempt: attempt.map(|attempt| &attempt.of.attempt),
            since: worker.since,
            next_start,
            restarts: worker.restarts.total,
            last_exit: worker.last_exit.as_ref(),
            verdict: verdict(worker, now, silent),
            output_at: silent.and_then(|silent| now.wall.checked_sub(silent).ok()),
            worktree: worker.rules.worktree.as_deref(),
            worktree_on: {
                let tree = worker.rules.worktree_here();
                let on = tree.and_then(|tree| self.worktrees.get(tree));
                on.map(PathBuf::as_path)
            },
            conversation: worker
                .conversation
                .as_ref()
                .filter(|_| worker.rules.conversation != Keeps::Nothing),
            inbox: self.inbox_row(worker, now),
            owed: self.owed_now(worker),
            spent: worker.spent_row(),
        })
    }

    fn inbox_row(&self, worker: &Worker, now: Now) -> Option<InboxRow> {
        worker.rules.agent.as_ref()?;
        let inbox = self.inboxes.get(worker.name());
        let (queued, failed, oldest) = inbox.map_or((0, 0, None), Inbox::counts);
        let is_late = |since: &Timestamp| {
            let waits = Duration::try_from(now.wall.duration_since(*since));
            waits.is_ok_and(|waits| waits >= worker.rules.watch.slow)
        };
        Some(InboxRow {
            queued,
            failed,
            late: oldest.filter(is_late),
        })
    }
}
