//! How a rig begins: what earlier daemons recorded, what the host has, and what follows from both.
//!
//! Promise: nothing is started before the host has said what lives; what lives is taken over, not
//! touched; a boot is recorded once; what ended meanwhile is dealt with as if it had been seen.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Boot, Effect, Fact, KnownAttempt, Level, Machine, Reboot, Restarts, Restored, RestoredWorker,
    Rig, SIGN_OF_LIFE, SetBy, Stopping,
    budget::wants_restart,
    end::NEVER_RAN,
    ledger::Ledger,
    plan::Progress,
    worker::{ASK_AGAIN, Asked, Attempt, End, Life, Step, Stopped, Worker},
};
use crate::{
    config::{Config, Resume},
    model::{AttemptRef, Condition, Exit, Found, Now, WorkerName},
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
        self.forget_undeclared();
        let hello = Fact::Hello {
            boot: self.machine.boot.clone(),
            at: now.wall,
        };
        self.ledger.add(hello);
        if let Some(point) = self.progress.point(now, SetBy::Plan).filter(|_| first_plan) {
            self.ledger.add(Fact::Phase(point));
        }
        if let Some(why) = self.progress.why_astray() {
            self.tell_astray(now, &why);
        }
        if is_new_boot && let Some(reboot) = self.last_boot.reboot.clone() {
            self.report(now, &reboot);
            if self.config.plan.resume == Resume::Manual {
                self.pause(now, "after a reboot (resume = \"manual\")");
            }
        }
        self.out.push(Effect::Survey);
    }

    /// Tells that nobody knows where the plan stands, and how to go on; gives the same in words.
    pub(super) fn tell_astray(&mut self, now: Now, why: &str) -> String {
        let loops = if self.point_is_lost() {
            "loops that run go on, and none is started"
        } else {
            "loops wait"
        };
        let text = format!("{why}; {loops}; `supervisorctl resume --phase ID` goes on");
        self.tell(now, "plan-astray", Level::Error, None, text.clone());
        text
    }

    /// What was decided about workers that are no longer declared is void, should they come back.
    fn forget_undeclared(&mut self) {
        let declared = |name: &WorkerName| self.workers.contains_key(name);
        for (name, known) in self.remembered.iter_mut().flatten() {
            if declared(name) {
                continue;
            }
            if std::mem::take(&mut known.stopped) {
                self.ledger.add(Fact::Operator {
                    worker: name.clone(),
                    run: true,
                });
            }
            if known.held.take().is_some() {
                self.ledger.add(Fact::Held {
                    worker: name.clone(),
                    reason: None,
                });
            }
            if known.restarts != Restarts::default() {
                known.restarts = Restarts::default();
                self.ledger.add(Fact::Restarts {
                    worker: name.clone(),
                    restarts: Restarts::default(),
                });
            }
        }
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
        let Some(Found { attempt: of, is }) = current else {
            return self.resume_from_record(now, name, known);
        };
        let attempt = self.attempt_of(&of, &known);
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
            Condition::Ended { exit, survivors } => {
                self.resume_ended(now, attempt, exit, survivors);
            }
            Condition::NeverStarted => {}
        }
    }

    /// The attempt ended while no daemon saw it, or the last one was killed while it dealt with it.
    fn resume_ended(&mut self, now: Now, attempt: Attempt, exit: Exit, survivors: usize) {
        let of = attempt.of.clone();
        let Some(worker) = self.workers.get_mut(&of.worker) else {
            return;
        };
        let cause = attempt.cause_of_end();
        let stop = worker.rules.stop;
        worker.last_exit = Some(exit.clone());
        let text = format!("{} had ended meanwhile: {exit}", of.worker);
        let stopped_by_machine = exit.stopped_by_machine();
        let news = Some((Level::Info, text));
        let life = Life::Stopping {
            end: Some(End {
                exit,
                at: now.wall,
                stopped: attempt
                    .stopping
                    .as_ref()
                    .map(|stopping| stopping.why.clone())
                    .or(stopped_by_machine),
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
            let attempt = self.attempt_of(&last.attempt, &known);
            let exit = self.unseen(last);
            self.close_unseen(now, name, &mut known, Some(&attempt.of));
            return self.resume_ended(now, attempt, exit, 0);
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
        self.becomes(now, name, life);
    }

    /// Did it end by itself, is its policy content with that, and has nothing changed since?
    fn is_finished(&self, name: &WorkerName, last: &KnownAttempt, exit: &Exit) -> bool {
        self.workers.get(name).is_some_and(|worker| {
            last.boot == self.machine.boot
                && last.definition == worker.definition
                && !wants_restart(worker.rules.restart, exit)
                && self.progress.is_still_at(last.phase.as_ref())
        })
    }

    /// An attempt of an earlier daemon; of one that no disk took, what it was told is guessed.
    pub(super) fn attempt_of(&self, of: &AttemptRef, known: &RestoredWorker) -> Attempt {
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
            worktree: worker.and_then(|w| w.rules.worktree.clone()),
            identity: recorded.and_then(|last| last.identity.clone()),
            adopted: true,
            watched: false,
            recorded: known.last.as_ref().is_some_and(|last| last.attempt == *of),
            this_boot: recorded.is_some_and(|last| last.boot == self.machine.boot),
            stopping: known.stop_of(of).cloned(),
        }
    }

    /// Records the ends of the worker's attempts that the host does not have; `current` is dealt
    /// with elsewhere.
    fn close_unseen(
        &mut self,
        now: Now,
        name: &WorkerName,
        known: &mut RestoredWorker,
        current: Option<&AttemptRef>,
    ) {
        let open = known.open.values().chain(&known.last);
        let unseen: Vec<_> = open
            .filter(|one| one.ended.is_none() && Some(&one.attempt) != current)
            .filter(|one| !self.strays.contains_key(&one.attempt))
            .map(|one| {
                (
                    one.attempt.clone(),
                    self.unseen(one),
                    one.identity.is_some(),
                )
            })
            .collect();
        for (of, exit, ran) in unseen {
            if current.is_none()
                && let Some(worker) = self.workers.get_mut(name)
            {
                worker.last_exit = Some(exit.clone());
            }
            self.close(now, &of, exit, ran, known);
        }
    }

    /// What can be said of the end of an attempt of which no trace is left.
    fn unseen(&self, last: &KnownAttempt) -> Exit {
        if last.boot != self.machine.boot {
            return Exit::machine_went_down();
        }
        Exit::Lost(if last.identity.is_some() {
            "no trace of it is left".into()
        } else {
            "the supervisor died before it was started".into()
        })
    }

    /// Records the end of an attempt that no daemon saw ending; `ran`: somebody saw it begin.
    pub(super) fn close(
        &mut self,
        now: Now,
        of: &AttemptRef,
        exit: Exit,
        ran: bool,
        known: &mut RestoredWorker,
    ) {
        let stopped = match known.stop_of(of) {
            Some(stopping) => Some(stopping.why.clone()),
            // What never ran did not end by itself.
            None if !ran => Some(NEVER_RAN.to_owned()),
            None => exit.stopped_by_machine(),
        };
        known.open.remove(&of.attempt);
        known.ended.insert(of.attempt.clone());
        if let Some(last) = known.last.as_mut().filter(|last| last.attempt == *of) {
            last.ended = Some((exit.clone(), stopped.clone()));
        }
        let text = format!("{} had ended meanwhile: {exit}", of.worker);
        let fact = Fact::Ended {
            attempt: of.clone(),
            at: now.wall,
            exit,
            stopped,
        };
        self.ledger.add(fact);
        self.tell(now, "worker-ended", Level::Info, Some(of), text);
    }
}

impl RestoredWorker {
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
