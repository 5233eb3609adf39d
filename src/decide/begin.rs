//! How a rig begins: what earlier daemons recorded, what the host has, and what follows from both.
//!
//! Promise: nothing is started before the host has said what lives; what lives is taken over, not
//! touched; a boot is recorded once; what ended meanwhile is dealt with as if it had been seen.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Boot, Effect, Fact, LastAttempt, Level, Machine, Reboot, Restored, RestoredWorker, Rig,
    SIGN_OF_LIFE, SetBy,
    budget::{delay, wants_restart},
    ledger::Ledger,
    plan::Progress,
    worker::{ASK_AGAIN, Attempt, Cause, KILL_AGAIN, Life, Step, Stopped, Worker},
};
use crate::{
    config::{Config, Resume},
    host::{AttemptRef, Condition, Found},
    model::{Exit, Now, WorkerName},
};

impl Rig {
    /// A rig on its machine, with what was recorded before. The first effects are to be performed
    /// like those of [`Rig::handle`].
    pub fn new(
        config: Config,
        restored: Restored,
        machine: Machine,
        now: Now,
        seed: u64,
    ) -> (Self, Vec<Effect>) {
        let progress = Progress::begin(
            config.plan.clone(),
            restored.resume_point.as_ref(),
            restored.paused.is_some(),
            now.mono,
        );
        let mut workers: BTreeMap<_, _> = config
            .workers
            .iter()
            .map(|(n, w)| (n.clone(), Worker::new(w.clone(), now)))
            .collect();
        for (name, known) in &restored.workers {
            if let Some(worker) = workers.get_mut(name) {
                worker.run = !known.stopped;
                worker.restarts = known.restarts.clone();
                worker.restarts.belong_to(&machine.boot);
                worker.last_exit = known.last_exit.clone();
            }
        }
        let is_new = restored
            .boot
            .as_ref()
            .is_none_or(|last| last.boot != machine.boot);
        let reboot = is_new.then(|| reboot(&restored, &progress)).flatten();
        let last_boot = match restored.boot.filter(|_| !is_new) {
            Some(same) => same,
            None => Boot {
                boot: machine.boot.clone(),
                booted: machine.booted,
                seen: now.wall,
                reboot,
            },
        };
        let mut rig = Self {
            config,
            started: now,
            rng: fastrand::Rng::with_seed(seed),
            workers,
            progress,
            paused: restored.paused,
            ledger: Ledger::default(),
            reboots: restored.reboots + u64::from(is_new && last_boot.reboot.is_some()),
            last_boot,
            waiters: Vec::new(),
            strays: BTreeMap::new(),
            remembered: Some(restored.workers),
            survey_at: None,
            sign_of_life: now.mono + SIGN_OF_LIFE,
            up: false,
            leaving: None,
            gone: false,
            out: Vec::new(),
            machine,
        };
        rig.begin(now, is_new, restored.resume_point.is_none());
        let effects = rig.finish_turn(now);
        (rig, effects)
    }

    fn begin(&mut self, now: Now, is_new_boot: bool, first_plan: bool) {
        if is_new_boot {
            self.ledger.add(Fact::Boot(self.last_boot.clone()));
            self.forget_holds();
        }
        let hello = Fact::Hello {
            boot: self.machine.boot.clone(),
            at: now.wall,
        };
        self.ledger.add(hello);
        if let Some(point) = self.progress.point(now, SetBy::Plan).filter(|_| first_plan) {
            self.ledger.add(Fact::Phase(point));
        }
        if let Some(why) = self.progress.why_astray() {
            let text = format!("{why}; loops wait; `supervisorctl resume --phase ID` goes on");
            self.tell(now, "plan-astray", Level::Error, None, text);
        }
        if is_new_boot && let Some(reboot) = self.last_boot.reboot.clone() {
            self.report(now, &reboot);
            if self.config.plan.resume == Resume::Manual {
                self.pause(now, "after a reboot (resume = \"manual\")");
            }
        }
        self.out.push(Effect::Survey);
    }

    /// A hold belongs to the boot in which the budget ran out.
    fn forget_holds(&mut self) {
        let remembered = self.remembered.iter_mut().flatten();
        for (name, known) in remembered.filter(|(_, known)| known.held.is_some()) {
            known.held = None;
            self.ledger.add(Fact::Held {
                worker: name.clone(),
                reason: None,
            });
        }
    }

    fn report(&mut self, now: Now, reboot: &Reboot) {
        let how = if reboot.clean {
            "cleanly"
        } else {
            "uncleanly: its supervisor said no goodbye"
        };
        let down = reboot.last_alive.map_or(String::new(), |last| {
            let seconds = self.last_boot.booted.duration_since(last).as_secs();
            let at_most = if reboot.clean { "" } else { "at most " };
            match u64::try_from(seconds) {
                Ok(s) => format!(
                    ", down for {at_most}{}",
                    super::attempt::in_words(std::time::Duration::from_secs(s))
                ),
                Err(_) => String::new(),
            }
        });
        let running = match reboot.running.len() {
            0 => "nothing ran".to_owned(),
            _ => {
                let names: Vec<_> = reboot.running.iter().map(WorkerName::as_str).collect();
                format!("{} ran", names.join(", "))
            }
        };
        let point = reboot
            .resume_point
            .as_ref()
            .map_or(String::new(), |p| format!("; {p}"));
        let text = format!(
            "reboot {}: the boot before ended {how}{down}; {running}{point}",
            self.reboots
        );
        let level = if reboot.clean {
            Level::Info
        } else {
            Level::Warning
        };
        self.out.push(Effect::Notify(text.clone()));
        self.tell(now, "reboot", level, None, text);
    }

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
            self.resume_worker(now, &name, &known, found);
        }
        // Attempts of workers that nobody declares and no host has: their records are closed.
        for (_, known) in remembered {
            if let Some(last) = known.last.filter(|last| last.ended.is_none()) {
                self.close(now, &last.attempt, self.vanished(&last));
            }
        }
    }

    /// One worker, from what is recorded and what its host found.
    fn resume_worker(
        &mut self,
        now: Now,
        name: &WorkerName,
        known: &RestoredWorker,
        mut found: Vec<Found>,
    ) {
        // The one that counts: what lives before what does not, then the recorded one, then the newest.
        found.sort_by_key(|one| {
            let lives = !matches!(one.is, Condition::Ended { .. } | Condition::NeverStarted);
            let recorded = known
                .last
                .as_ref()
                .is_some_and(|last| last.attempt == one.attempt);
            (lives, recorded, one.attempt.attempt.clone())
        });
        let current = found.pop();
        for stray in found {
            self.end_stray(now, stray);
        }
        let last = known.last.as_ref();
        match current {
            None => self.resume_from_record(now, name, known),
            Some(Found { attempt: of, is }) => {
                let recorded = last.filter(|last| last.attempt == of);
                if !self.workers.contains_key(name) {
                    return self.end_undeclared(now, of, is);
                }
                let attempt = self.attempt_of(&of, recorded);
                match is {
                    Condition::Alive(identity) => self.take_over(now, attempt, identity),
                    Condition::Unknown(why) => {
                        let life = Life::Lost {
                            attempt,
                            why,
                            ask: now.mono + ASK_AGAIN,
                        };
                        self.becomes_of(now, name, life);
                    }
                    Condition::NeverStarted => {
                        if recorded.is_some_and(|last| last.ended.is_none()) {
                            self.close(now, &of, Exit::Lost("never started".into()));
                        }
                        self.out.push(Effect::Conclude(of));
                        self.becomes_of(now, name, Life::Waiting("about to start".into()));
                    }
                    Condition::Ended { exit, survivors } => {
                        self.resume_ended(now, known, recorded, attempt, exit, survivors);
                    }
                }
            }
        }
    }

    /// The attempt ended while no daemon saw it, or the last one was killed while it dealt with it.
    fn resume_ended(
        &mut self,
        now: Now,
        known: &RestoredWorker,
        recorded: Option<&LastAttempt>,
        attempt: Attempt,
        exit: Exit,
        survivors: usize,
    ) {
        let of = attempt.of.clone();
        let accounted = recorded.is_some_and(|last| last.ended.is_some());
        let this_boot = recorded.is_none_or(|last| last.boot == self.machine.boot);
        if !accounted {
            self.close(now, &of, exit.clone());
        }
        if survivors > 0 {
            self.out
                .push(Effect::Signal(of.clone(), attempt_stop(&self.workers, &of)));
            let cause = if accounted || !this_boot {
                Cause::Restart("what was left of it is ended".into())
            } else {
                Cause::OwnEnd
            };
            let life = Life::Stopping {
                attempt,
                exit: Some(exit),
                cause,
                healthy: false,
                step: Step::Asked,
                next: now.mono + KILL_AGAIN,
            };
            return self.becomes_of(now, &of.worker, life);
        }
        self.out.push(Effect::Conclude(of.clone()));
        if accounted {
            self.resume_from_record(now, &of.worker, known);
        } else if this_boot {
            self.own_end(now, &of.worker, &exit, false);
        } else {
            self.becomes_of(now, &of.worker, Life::Waiting("about to start".into()));
        }
    }

    /// Nothing of the worker is on the host: its life goes on from the record alone.
    fn resume_from_record(&mut self, now: Now, name: &WorkerName, known: &RestoredWorker) {
        let Some(last) = &known.last else {
            return self.hold_or_wait(now, name, known);
        };
        let this_boot = last.boot == self.machine.boot;
        match &last.ended {
            None => {
                let exit = self.vanished(last);
                self.close(now, &last.attempt, exit.clone());
                if this_boot && known.held.is_none() {
                    return self.own_end(now, name, &exit, false);
                }
            }
            Some((exit, None)) if this_boot && known.held.is_none() => {
                let Some(worker) = self.workers.get_mut(name) else {
                    return;
                };
                if !wants_restart(worker.rules.restart, exit) {
                    return worker.becomes(Life::Stopped(Stopped::Finished), now);
                }
                if worker.restarts.streak > 0 {
                    let wait = delay(&worker.rules.backoff, worker.restarts.streak, &mut self.rng);
                    let life = Life::BackingOff {
                        until: now.mono + wait,
                        why: exit.to_string(),
                    };
                    return worker.becomes(life, now);
                }
            }
            Some(_) => {}
        }
        self.hold_or_wait(now, name, known);
    }

    fn hold_or_wait(&mut self, now: Now, name: &WorkerName, known: &RestoredWorker) {
        let life = match &known.held {
            Some(reason) => Life::Held(reason.clone()),
            None => Life::Waiting("about to start".into()),
        };
        self.becomes_of(now, name, life);
    }

    fn becomes_of(&mut self, now: Now, name: &WorkerName, life: Life) {
        if let Some(worker) = self.workers.get_mut(name) {
            worker.becomes(life, now);
        }
    }

    fn attempt_of(&self, of: &AttemptRef, recorded: Option<&LastAttempt>) -> Attempt {
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
            worktree: worker.and_then(|w| w.rules.worktree.clone()),
            identity: None,
            adopted: true,
        }
    }

    /// Records the end of an attempt that no daemon saw ending.
    fn close(&mut self, now: Now, of: &AttemptRef, exit: Exit) {
        if let Some(worker) = self.workers.get_mut(&of.worker) {
            worker.last_exit = Some(exit.clone());
        }
        let text = format!("{} had ended meanwhile: {exit}", of.worker);
        let fact = Fact::Ended {
            attempt: of.clone(),
            at: now.wall,
            exit,
            stopped: None,
        };
        self.ledger.add(fact);
        self.tell(now, "worker-ended", Level::Info, Some(of), text);
    }

    fn vanished(&self, last: &LastAttempt) -> Exit {
        Exit::Lost(if last.boot == self.machine.boot {
            "no trace of it is left".into()
        } else {
            "the machine went down".into()
        })
    }

    /// A second attempt of a worker: at most one may live.
    fn end_stray(&mut self, now: Now, stray: Found) {
        match stray.is {
            Condition::Alive(_) | Condition::Ended { survivors: 1.., .. } => {
                let of = stray.attempt;
                let text = format!(
                    "{} has a second, older attempt alive; it is being ended",
                    of.worker
                );
                self.tell(now, "worker-doubled", Level::Error, Some(&of), text);
                self.out
                    .push(Effect::Signal(of.clone(), attempt_stop(&self.workers, &of)));
                self.strays.insert(of, now.mono + KILL_AGAIN);
            }
            Condition::Ended { .. } | Condition::NeverStarted => {
                self.out.push(Effect::Conclude(stray.attempt));
            }
            Condition::Unknown(_) => {}
        }
    }

    /// An attempt of a worker that is no longer declared.
    fn end_undeclared(&mut self, now: Now, of: AttemptRef, is: Condition) {
        match is {
            Condition::Alive(_) | Condition::Ended { survivors: 1.., .. } => {
                let text = format!("{} is no longer declared; it is being stopped", of.worker);
                self.tell(now, "worker-stopping", Level::Info, Some(&of), text);
                self.out
                    .push(Effect::Signal(of.clone(), crate::model::Signal::TERM));
                self.strays.insert(of, now.mono + KILL_AGAIN);
            }
            Condition::Ended { exit, .. } => {
                self.close(now, &of, exit);
                self.out.push(Effect::Conclude(of));
            }
            Condition::NeverStarted => self.out.push(Effect::Conclude(of)),
            Condition::Unknown(_) => {}
        }
    }
}

fn attempt_stop(workers: &BTreeMap<WorkerName, Worker>, of: &AttemptRef) -> crate::model::Signal {
    workers
        .get(&of.worker)
        .map_or(crate::model::Signal::TERM, |worker| {
            worker.rules.stop.signal
        })
}

/// What came before this boot; `None` if no boot was ever seen.
fn reboot(restored: &Restored, progress: &Progress) -> Option<Reboot> {
    let from = restored.boot.as_ref()?.boot.clone();
    let ran = |(name, known): (&WorkerName, &RestoredWorker)| {
        known
            .last
            .as_ref()
            .filter(|last| last.boot == from && last.ended.is_none())?;
        Some(name.clone())
    };
    Some(Reboot {
        clean: restored.goodbye.is_some(),
        last_alive: restored.goodbye.max(restored.last_alive),
        running: restored.workers.iter().filter_map(ran).collect(),
        resume_point: progress.in_words(),
        from,
    })
}
