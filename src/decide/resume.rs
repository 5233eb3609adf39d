//! How each worker goes on when its host has answered: from what is recorded and what was found.
//!
//! Promise: what lives is taken over, not touched; what ended meanwhile is dealt with as if it had been
//! seen; what left no trace has its record closed (`close`).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Debt, Effect, KnownAttempt, Level, RestoredWorker, Rig, Stopping,
    budget::wants_restart,
    close::ended_meanwhile,
    end::NEVER_RAN,
    hand::went_down,
    life::{Attempt, Cause, End, Life, Step, Stopped},
    worker::{ASK_AGAIN, Asked, Worker},
};
use crate::model::{
    AttemptRef, BootId, Condition, Exit, Found, HostName, Intervention, Now, WorkerName,
};

impl Rig {
    pub(super) fn surveyed(&mut self, now: Now, answer: Result<Vec<Found>, String>) {
        let found = match answer {
            Ok(found) => found,
            Err(why) => {
                if self.remembered.is_some() {
                    self.survey_at = Some(now.mono + ASK_AGAIN);
                    let text = format!("the host cannot say what runs: {why}; nothing is started");
                    self.tell(now, "survey-failed", Level::Error, None, text);
                }
                return;
            }
        };
        let Some(mut remembered) = self.remembered.take() else {
            return;
        };
        let mut by_worker: BTreeMap<WorkerName, Vec<Found>> = BTreeMap::new();
        for one in found {
            by_worker
                .entry(one.attempt.worker.clone())
                .or_default()
                .push(one);
        }
        let names: BTreeSet<_> = self
            .workers
            .keys()
            .chain(by_worker.keys())
            .cloned()
            .collect();
        for name in names {
            let known = remembered.remove(&name).unwrap_or_default();
            let found = by_worker.remove(&name).unwrap_or_default();
            self.resume_worker(now, &name, known, found);
        }
        // Attempts of workers that nobody declares and no host has: their records are closed.
        for (name, mut known) in remembered {
            self.close_unseen(now, &name, &mut known, None);
        }
    }

    /// One worker, from what is recorded and what its host found.
    fn resume_worker(
        &mut self,
        now: Now,
        name: &WorkerName,
        mut known: RestoredWorker,
        mut found: Vec<Found>,
    ) {
        // The one that counts: what lives, then the recorded one, then what may live, then the
        // newest. One that may live keeps the worker waiting as a stray, too.
        found.sort_by_key(|one| {
            let lives = matches!(one.is, Condition::Alive(_));
            let recorded = known.record_of(&one.attempt).is_some();
            let may_live = matches!(one.is, Condition::Unknown(_));
            (lives, recorded, may_live, one.attempt.attempt.clone())
        });
        let declared = self.workers.contains_key(name);
        let counts = |one: &mut Found| {
            let accounted = known.has_end_of(&one.attempt);
            declared
                && match one.is {
                    Condition::Alive(_) => true,
                    Condition::Unknown(_) | Condition::Ended { .. } => !accounted,
                    Condition::NeverStarted => false,
                }
        };
        let current = found.pop_if(counts);
        for one in found {
            self.set_aside(now, one, &mut known);
        }
        let Some(Found {
            attempt: of,
            on,
            is,
            ..
        }) = current
        else {
            return self.resume_from_record(now, name, known);
        };
        let attempt = self.attempt_of(&of, &known, on);
        self.close_unseen(now, name, &mut known, Some(&of));
        match is {
            Condition::Alive(identity) => self.take_over(now, attempt, identity, None),
            Condition::Unknown(why) => {
                let life = Life::Lost {
                    attempt,
                    why,
                    ask: now.mono + ASK_AGAIN,
                    ready_at: None,
                };
                self.becomes(now, name, life);
            }
            Condition::Ended {
                exit,
                survivors,
                by,
            } => {
                // With the machine every manager ends.
                let by = by.filter(|by| {
                    *by != Intervention::ManagerEnded || exit.stopped_by_machine().is_none()
                });
                self.resume_ended(now, attempt, exit, survivors, by);
            }
            Condition::NeverStarted => {}
        }
    }

    /// The attempt ended while no daemon saw it, or the last one was killed while it dealt with it.
    /// `by`: what ended it, past every daemon.
    fn resume_ended(
        &mut self,
        now: Now,
        attempt: Attempt,
        exit: Exit,
        survivors: usize,
        by: Option<Intervention>,
    ) {
        let of = attempt.of.clone();
        let went_down = went_down(now, by.as_ref());
        let by = by.map(|by| self.by_hand(&of.worker, by));
        let Some(worker) = self.workers.get_mut(&of.worker) else {
            return;
        };
        let by_hand = by.as_ref().and_then(Cause::stopped_by);
        let cause = by.unwrap_or_else(|| attempt.cause_of_end());
        let stop = worker.rules.stop;
        worker.last_exit = Some(exit.clone());
        worker.still_since = went_down;
        let who = by_hand
            .as_ref()
            .filter(|_| went_down.is_none())
            .map_or(String::new(), |why| format!(" ({why})"));
        let text = format!("{}{who}", ended_meanwhile(&of, &exit, went_down));
        let stopped = by_hand.or_else(|| exit.stopped_by_machine());
        let news = Some((Level::Info, text));
        let life = Life::Stopping {
            end: Some(End {
                exit,
                at: went_down.unwrap_or(now.wall),
                stopped: attempt
                    .stopping
                    .as_ref()
                    .map(|stopping| stopping.why.clone())
                    .or(stopped),
                unseen: true,
                news,
            }),
            attempt,
            cause,
            healthy: false,
            step: Step::Asked,
            next: now.mono + stop.grace,
        };
        worker.becomes(life, now);
        if survivors > 0 {
            self.out.push(Effect::Signal(of, stop.signal));
        } else {
            self.gone(now, &of);
        }
    }

    /// Nothing of the worker that counts is on the host: its life goes on from the record alone.
    fn resume_from_record(&mut self, now: Now, name: &WorkerName, mut known: RestoredWorker) {
        let last = known.last.as_ref();
        if last.is_some_and(|l| l.ended.is_none() && self.strays.contains_key(&l.attempt)) {
            return;
        }
        let vanished = last.filter(|last| last.ended.is_none() && last.identity.is_some());
        if let (Some(last), true) = (vanished, self.workers.contains_key(name)) {
            // Nothing of it is anywhere.
            let attempt = self.attempt_of(&last.attempt, &known, None);
            let exit = self.unseen(last);
            self.close_unseen(now, name, &mut known, Some(&attempt.of));
            return self.resume_ended(now, attempt, exit, 0, None);
        }
        self.close_unseen(now, name, &mut known, None);
        let finished = known.last.as_ref().filter(|last| match &last.ended {
            Some((exit, None)) => self.is_finished(name, last, exit),
            Some((_, Some(_))) | None => false,
        });
        let asked = |worker: &Worker| worker.asked != Asked::Nothing;
        let life = match (known.held, finished) {
            _ if self.workers.get(name).is_some_and(asked) => {
                Life::Waiting("about to start".into())
            }
            (Some(reason), _) => Life::Held(reason),
            (None, Some(_)) => Life::Stopped(Stopped::Finished),
            (None, None) => Life::Waiting("about to start".into()),
        };
        let held = matches!(life, Life::Held(_));
        let definition = known.last.as_ref().map(|last| last.definition);
        let mut mended = false;
        if let Some(worker) = self.workers.get_mut(name) {
            worker.still_since = known.last_end;
            mended = held && definition.is_some_and(|tried| !worker.is_of(tried));
        }
        self.becomes(now, name, life);
        if mended {
            self.release(now, name);
        }
    }

    /// Did it end by itself, is its policy content with that, and has nothing changed since? What
    /// may never have run was held, until something released it: so it is not finished.
    fn is_finished(&self, name: &WorkerName, last: &KnownAttempt, exit: &Exit) -> bool {
        let ran = last.identity.is_some() || !exit.may_never_have_run();
        self.workers.get(name).is_some_and(|worker| {
            ran && last.boot == self.machine.boot
                && worker.is_of(last.definition)
                && !wants_restart(worker.rules.restart, exit)
                && (self.progress.is_still_at(last.phase.as_ref()) || self.is_kept(worker))
        })
    }

    /// An attempt of an earlier daemon; of one that no disk took, what it was told is guessed.
    pub(super) fn attempt_of(
        &self,
        of: &AttemptRef,
        known: &RestoredWorker,
        on: Option<HostName>,
    ) -> Attempt {
        let recorded = known.record_of(of);
        let worker = self.workers.get(&of.worker);
        Attempt {
            of: of.clone(),
            phase: match recorded {
                Some(last) => last.phase.clone(),
                None => self.progress.current().map(|(_, phase)| phase.id.clone()),
            },
            definition: recorded.map_or_else(
                || worker.map_or(0, |w| w.definition),
                |last| last.definition,
            ),
            worktree: worker.and_then(|w| w.rules.checkout()),
            on,
            identity: recorded.and_then(|last| last.identity.clone()),
            adopted: true,
            watched: false,
            recorded: known.last.as_ref().is_some_and(|last| last.attempt == *of),
            this_boot: recorded.is_some_and(|last| last.boot == self.machine.boot),
            stopping: known.stop_of(of).cloned(),
            debt: recorded.map_or_else(Debt::default, |last| last.debt.clone()),
            sign: recorded
                .filter(|last| last.boot == self.machine.boot)
                .and_then(|last| last.sign.clone()),
        }
    }
}

impl RestoredWorker {
    /// For what its last start in this boot was put off, if it was: each boot has its own story.
    pub(super) fn shortage(&self, boot: &BootId) -> Option<String> {
        let last = self.last.as_ref().filter(|last| last.boot == *boot)?;
        let (exit, stopped) = last.ended.as_ref()?;
        let put_off = stopped.as_deref() == Some(NEVER_RAN);
        exit.why_not_started()
            .filter(|_| put_off)
            .map(str::to_owned)
    }

    /// What is recorded of this attempt.
    pub(super) fn record_of(&self, of: &AttemptRef) -> Option<&KnownAttempt> {
        let last = self.last.as_ref().filter(|last| last.attempt == *of);
        last.or_else(|| self.open.get(&of.attempt))
    }

    /// Its end is recorded.
    pub(super) fn has_end_of(&self, of: &AttemptRef) -> bool {
        let record = self.record_of(of);
        self.ended.contains(&of.attempt) || record.is_some_and(|known| known.ended.is_some())
    }

    /// The stop of this attempt that an earlier daemon began.
    pub(super) fn stop_of(&self, of: &AttemptRef) -> Option<&Stopping> {
        self.stops.get(&of.attempt)
    }
}
