//! A model of the store: facts in, [`Restored`] out.
//!
//! A batch is applied as a whole or not at all. What was recorded survives the death of the daemon.
//! A power cut may take the last batches, but none that is older than a batch with a fact of the
//! durable kind (up to [`Fact::Operator`]), for that one was synced with everything before it.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use jiff::Timestamp;
use loopkeeper::{
    decide::{Boot, Debt, Fact, KnownAttempt, Restored, RestoredWorker, ResumePoint},
    model::{AttemptRef, BootId, Exit, WorkerName},
};

/// Batches older than this were written back by the kernel, power cut or not.
const WRITTEN_BACK: u64 = 30_000;

/// What is kept.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Content {
    /// Boots in the order in which they were recorded.
    pub(crate) boots: Vec<Boot>,
    /// The way back to the rig; workers without their attempts.
    restored: Restored,
    goodbye: Option<(BootId, Timestamp)>,
    /// Every attempt that was decided, and its end.
    pub(crate) attempts: BTreeMap<AttemptRef, KnownAttempt>,
    last: BTreeMap<WorkerName, AttemptRef>,
    /// Where the plan stood before somebody put another place into `phase-idx`.
    before_edits: Option<ResumePoint>,
}

/// The store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) now: Content,
    synced: Content,
    unsynced: Vec<(u64, Vec<Fact>)>,
    /// The disk takes nothing.
    pub(crate) refuses: bool,
}

impl Store {
    /// Records a batch, or nothing of it.
    pub(crate) fn record(&mut self, t: u64, facts: &[Fact]) -> Result<(), String> {
        if self.refuses {
            return Err("no space left on device".into());
        }
        self.now.apply(facts);
        self.unsynced.push((t, facts.to_vec()));
        if facts.iter().any(Fact::survives_power_cut) {
            self.sync();
        }
        Ok(())
    }

    fn sync(&mut self) {
        for (_, facts) in self.unsynced.drain(..) {
            self.synced.apply(&facts);
        }
    }

    /// The machine lost power: of what is not synced, only the first batches are kept. Gives how
    /// many were lost.
    pub(crate) fn power_cut(&mut self, t: u64, rng: &mut fastrand::Rng) -> usize {
        let old = self
            .unsynced
            .iter()
            .filter(|(at, _)| at + WRITTEN_BACK < t)
            .count();
        self.keep(rng.usize(old..=self.unsynced.len()))
    }

    /// Of what is not synced, only so many batches are kept. Gives how many were lost.
    pub(crate) fn keep(&mut self, kept: usize) -> usize {
        let lost = self.unsynced.len() - kept;
        self.unsynced.truncate(kept);
        self.sync();
        if lost > 0 {
            self.now = self.synced.clone();
        }
        lost
    }

    /// How many batches a power cut may take.
    pub(crate) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// What is kept, and what a power cut would leave of it; lines of the history decide nothing.
    pub(crate) fn hash_state(&self, state: &mut impl Hasher) {
        (&self.now, &self.synced, self.refuses).hash(state);
        for (_, facts) in &self.unsynced {
            let weighs = |fact: &&Fact| !matches!(fact, Fact::Notice(_) | Fact::Alive { .. });
            for fact in facts.iter().filter(weighs) {
                fact.hash(state);
            }
            state.write_u8(0);
        }
    }

    /// What a daemon that starts now is given.
    pub(crate) fn restored(&self) -> Restored {
        self.now.restored()
    }
}

impl Content {
    /// The resume point and the operator's words, without the attempts.
    pub(crate) fn plain(&self) -> &Restored {
        &self.restored
    }

    /// Has the last boot's daemon said goodbye?
    pub(crate) fn goodbye(&self) -> Option<Timestamp> {
        let (boot, at) = self.goodbye.as_ref()?;
        let last = self.boots.last()?;
        (last.boot == *boot).then_some(*at)
    }

    /// Somebody edited `phase-idx` while no daemon ran; the store reads it when it opens.
    pub(crate) fn set_resume_point(&mut self, point: ResumePoint) {
        let before = self.restored.resume_point.replace(point);
        self.before_edits = self.before_edits.take().or(before);
    }

    /// A daemon was given what is kept; an edit is recorded as the move that it is.
    pub(crate) fn opened(&mut self) {
        let place = |point: &ResumePoint| (point.index, point.id.clone());
        let before = self.before_edits.take();
        let now = self.restored.resume_point.as_ref();
        if before.is_some() && before.as_ref().map(place) != now.map(place) {
            self.restored.ending = None;
        }
    }

    fn restored(&self) -> Restored {
        let mut restored = self.restored.clone();
        restored.boot = self.boots.last().cloned();
        restored.reboots = u64::try_from(self.boots.len().saturating_sub(1)).unwrap();
        restored.goodbye = self.goodbye();
        // The name of a file is what is kept of it.
        let items = restored
            .nudges
            .iter_mut()
            .filter_map(|begun| begun.item.as_mut());
        items.for_each(|item| *item = item.as_os_str().to_owned().into());
        for (name, of) in &self.last {
            let worker = restored.workers.entry(name.clone()).or_default();
            worker.last = self.attempts.get(of).cloned();
        }
        for (of, known) in &self.attempts {
            if known.ended.is_none() && self.last.get(&of.worker) != Some(of) {
                let worker = restored.workers.entry(of.worker.clone()).or_default();
                worker.open.insert(of.attempt.clone(), known.clone());
            }
        }
        restored
    }

    /// The attempt of a worker that was decided last.
    pub(crate) fn last(&self, worker: &WorkerName) -> Option<&AttemptRef> {
        self.last.get(worker)
    }

    fn worker(&mut self, name: &WorkerName) -> &mut RestoredWorker {
        self.restored.workers.entry(name.clone()).or_default()
    }

    fn apply(&mut self, facts: &[Fact]) {
        for fact in facts {
            self.apply_one(fact);
        }
    }

    fn apply_one(&mut self, fact: &Fact) {
        match fact {
            Fact::Boot(boot) => {
                if self.boots.iter().all(|known| known.boot != boot.boot) {
                    self.boots.push(boot.clone());
                }
            }
            Fact::Hello { at, .. } => {
                self.goodbye = None;
                self.restored.last_alive = Some(*at);
            }
            Fact::Goodbye { boot, at } => {
                self.goodbye = Some((boot.clone(), *at));
                self.restored.last_alive = Some(*at);
            }
            Fact::Phase(point) => {
                self.restored.resume_point = Some(point.clone());
                self.restored.ending = None;
            }
            Fact::Ending(ending) => self.restored.ending.clone_from(ending),
            Fact::Paused(reason) => self.restored.paused = reason.clone(),
            Fact::NudgeBegun(begun) => {
                let nudges = &mut self.restored.nudges;
                nudges.retain(|known| known.nudge != begun.nudge);
                nudges.push(begun.clone());
            }
            Fact::Limit { worker, limit } => self.worker(worker).limit = limit.clone(),
            Fact::Trouble { worker, trouble } => {
                self.worker(worker).trouble.clone_from(trouble);
            }
            Fact::Worktree { path, on } => {
                let known = &mut self.restored.worktrees;
                match on {
                    Some(on) => known.insert(path.clone(), on.clone()),
                    None => known.remove(path),
                };
            }
            Fact::NudgeOver { nudge } => {
                self.restored.nudges.retain(|known| known.nudge != *nudge);
            }
            Fact::Conversation {
                worker,
                conversation,
            } => self.worker(worker).conversation.clone_from(conversation),
            Fact::Operator { worker, run } => self.worker(worker).stopped = !run,
            Fact::Held { worker, reason } => self.worker(worker).held = reason.clone(),
            Fact::Spent { worker, spent } => self.worker(worker).spent.clone_from(spent),
            Fact::Breaker { worker, breaker } => self.worker(worker).breaker.clone_from(breaker),
            Fact::Restarts { worker, restarts } => {
                self.worker(worker).restarts = restarts.clone();
            }
            Fact::Decided {
                attempt,
                at,
                boot,
                phase,
                definition,
                owed,
            } => {
                let record = KnownAttempt {
                    attempt: attempt.clone(),
                    at: *at,
                    boot: boot.clone(),
                    phase: phase.clone(),
                    definition: *definition,
                    identity: self
                        .attempts
                        .get(attempt)
                        .and_then(|known| known.identity.clone()),
                    debt: Debt {
                        owed: owed.clone(),
                        knows: phase.clone(),
                    },
                    sign: None,
                    ended: None,
                    failed: false,
                };
                self.attempts.insert(attempt.clone(), record);
                self.last.insert(attempt.worker.clone(), attempt.clone());
            }
            Fact::Started { attempt, identity } => {
                if let Some(record) = self.attempts.get_mut(attempt) {
                    record.identity = Some(identity.clone());
                }
            }
            Fact::Owes { attempt, debt } => {
                if let Some(record) = self.attempts.get_mut(attempt) {
                    record.debt = debt.clone();
                }
            }
            Fact::LastSign { attempt, sign } => {
                if let Some(record) = self.attempts.get_mut(attempt) {
                    record.sign.clone_from(sign);
                }
            }
            Fact::Stopping { attempt, stopping } => {
                if let Some(record) = self.attempts.get_mut(attempt) {
                    record.failed = stopping.failed;
                }
                let known = self.attempts.get(attempt);
                if known.is_none_or(|known| known.ended.is_none()) {
                    let stops = &mut self.worker(&attempt.worker).stops;
                    stops.insert(attempt.attempt.clone(), stopping.clone());
                }
            }
            Fact::Ended {
                attempt,
                at,
                exit,
                stopped,
            } => self.ended(attempt, *at, exit, stopped),
            Fact::Alive { at } => self.restored.last_alive = Some(*at),
            Fact::Notice(_) => {}
        }
    }

    fn ended(
        &mut self,
        attempt: &AttemptRef,
        at: Timestamp,
        exit: &Exit,
        stopped: &Option<String>,
    ) {
        if let Some(record) = self.attempts.get_mut(attempt) {
            if record.ended.is_some() {
                return;
            }
            record.ended = Some((exit.clone(), stopped.clone()));
        }
        let worker = self.worker(&attempt.worker);
        worker.ended.insert(attempt.attempt.clone());
        worker.stops.remove(&attempt.attempt);
        (worker.last_exit, worker.last_end) = (Some(exit.clone()), Some(at));
    }
}
