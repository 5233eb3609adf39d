//! What becomes of attempts: started, ready, well, ended, gone, lost.

use std::time::Duration;

use super::{
    Effect, Fact, Level, Rig, Stopping,
    budget::{self, Next},
    worker::{
        ASK_AGAIN, Asked, Attempt, Cause, End, Health, KILL_AGAIN, LEFTOVERS, Life, Look,
        PROBE_SILENCE, Step, Stopped, Worker,
    },
};
use crate::{
    config::{self, Probe},
    model::{
        AttemptRef, Condition, Exit, Found, HostEvent, Identity, Mono, Now, Signal, WorkerName,
    },
};

/// Who stopped an attempt that nobody ever saw run: it did not end by itself.
pub(super) const NEVER_RAN: &str = "never seen to run";

impl Worker {
    /// It ended for good or is to be run again at once: the way on is found by settling.
    pub(super) fn phase_changed(&mut self, now: Now) {
        if matches!(self.life, Life::Stopped(Stopped::Finished)) {
            self.becomes(Life::Waiting("the phase changed".into()), now);
        }
    }

    /// The look that follows when an attempt became ready.
    fn health(&self, now: Now) -> Health {
        let look = self
            .rules
            .alive
            .as_ref()
            .map(|alive| Look::at(now.mono + alive.every));
        Health {
            look,
            ..Health::default()
        }
    }

    /// Its rules are others from now on; an attempt that lives is looked at by them.
    pub(super) fn adopt_rules(&mut self, now: Now, rules: config::Worker) {
        let was = std::mem::replace(&mut self.rules, rules);
        let before = std::mem::replace(&mut self.definition, self.rules.definition());
        let again = |exit: &Exit| budget::wants_restart(self.rules.restart, exit);
        let unfinished = before != self.definition || self.last_exit.as_ref().is_some_and(again);
        let fresh = self.health(now);
        match &mut self.life {
            Life::Starting {
                started: true,
                deadline,
                look,
                ..
            } if was.ready != self.rules.ready => {
                let timeout = self.rules.ready.as_ref().map(|ready| ready.timeout);
                *deadline = now.mono + timeout.unwrap_or_default();
                *look = timeout.map(|_| Look::at(now.mono));
            }
            Life::Running { health, .. } if was.alive != self.rules.alive => *health = fresh,
            Life::Stopped(Stopped::Finished) if unfinished => {
                self.becomes(Life::Waiting("its rules changed".into()), now);
            }
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Running { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => {}
        }
    }

    fn was_healthy(&self, now: Now) -> bool {
        match &self.life {
            Life::Running { ready_at, .. } => {
                now.mono.since(*ready_at) >= self.rules.backoff.healthy
            }
            Life::Lost {
                ready_at: Some(ready_at),
                ..
            } => now.mono.since(*ready_at) >= self.rules.backoff.healthy,
            Life::Stopping { healthy, .. } => *healthy,
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Lost { .. } => false,
        }
    }
}

impl Rig {
    /// What runs may have ended, and the news of it been lost.
    pub(super) fn ask_for_what_runs(&mut self) {
        for worker in self.workers.values() {
            if let Life::Running { attempt, .. } = &worker.life {
                self.out.push(Effect::Inquire(attempt.of.clone()));
            }
        }
    }

    pub(super) fn host_says(&mut self, now: Now, event: HostEvent) {
        match event {
            HostEvent::Started(of, identity) => self.started(now, &of, identity),
            HostEvent::StartFailed(of, why) => self.start_failed(now, &of, &why),
            HostEvent::Shortage(of, why) => self.short(now, &of, why),
            HostEvent::Ended(of, exit) => self.ended(now, &of, exit),
            HostEvent::Gone(of) => self.gone(now, &of),
        }
    }

    fn worker_of(&mut self, of: &AttemptRef) -> Option<&mut Worker> {
        self.workers
            .get_mut(&of.worker)
            .filter(|worker| worker.is_attempt(of))
    }

    fn started(&mut self, now: Now, of: &AttemptRef, identity: Identity) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        match &mut worker.life {
            Life::Starting {
                attempt,
                started: started @ false,
                deadline,
                look,
                ..
            } => {
                *started = true;
                attempt.identity = Some(identity.clone());
                match &worker.rules.ready {
                    Some(ready) => {
                        *deadline = now.mono + ready.timeout;
                        *look = Some(Look::at(now.mono));
                    }
                    None => self.ready(now, of),
                }
                self.ledger.add(Fact::Started {
                    attempt: of.clone(),
                    identity,
                });
            }
            Life::Stopping { attempt, .. } => attempt.identity = Some(identity),
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Running { .. }
            | Life::Lost { .. } => {}
        }
    }

    fn ready(&mut self, now: Now, of: &AttemptRef) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let health = worker.health(now);
        if let Life::Starting { attempt, .. } = &worker.life {
            let attempt = attempt.clone();
            let words = if attempt.adopted {
                "taken over, running"
            } else {
                "running"
            };
            let pid = attempt.identity.as_ref().map_or(0, |identity| identity.pid);
            worker.becomes(
                Life::Running {
                    attempt,
                    ready_at: now.mono,
                    health,
                },
                now,
            );
            let text = format!("{} {words}, pid {pid}", of.worker);
            self.tell(now, "worker-running", Level::Info, Some(of), text);
        }
    }

    fn start_failed(&mut self, now: Now, of: &AttemptRef, why: &str) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        if !matches!(
            worker.life,
            Life::Starting { .. } | Life::Stopping { .. } | Life::Lost { .. }
        ) {
            return;
        }
        self.ended(now, of, Exit::not_started(why));
        self.gone(now, of);
    }

    fn ended(&mut self, now: Now, of: &AttemptRef, exit: Exit) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let healthy = worker.was_healthy(now);
        let mut end = End {
            exit: exit.clone(),
            at: now.wall,
            stopped: None,
            news: None,
        };
        match &mut worker.life {
            Life::Stopping {
                end: known @ None,
                cause,
                ..
            } => {
                end.stopped = cause.stopped_by();
                end.news = Some(news_of(of, &end));
                *known = Some(end);
            }
            Life::Stopping { .. } => return,
            Life::Starting { attempt, .. }
            | Life::Running { attempt, .. }
            | Life::Lost { attempt, .. } => {
                let attempt = attempt.clone();
                let cause = attempt.cause_of_end();
                end.stopped = attempt
                    .stopping
                    .as_ref()
                    .map(|stopping| stopping.why.clone());
                end.news = Some(news_of(of, &end));
                let life = Life::Stopping {
                    attempt,
                    end: Some(end),
                    cause,
                    healthy,
                    step: Step::Left,
                    next: now.mono + LEFTOVERS,
                };
                worker.becomes(life, now);
            }
            Life::Waiting(_) | Life::BackingOff { .. } | Life::Stopped(_) | Life::Held(_) => return,
        }
        worker.last_exit = Some(exit);
    }

    pub(super) fn gone(&mut self, now: Now, of: &AttemptRef) {
        if self.strays.contains_key(of) {
            // How it ended is known to its host only.
            return self.out.push(Effect::Inquire(of.clone()));
        }
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let known = match &worker.life {
            Life::Stopping {
                attempt,
                end: Some(end),
                cause,
                healthy,
                ..
            } => Some((attempt.clone(), end.clone(), cause.clone(), *healthy)),
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Running { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => None,
        };
        let Some((attempt, end, cause, healthy)) = known else {
            // Gone without an end: the end is on its way, or it is lost and the host is asked.
            self.out.push(Effect::Inquire(of.clone()));
            return;
        };
        let asked = worker.asked != Asked::Nothing;
        if matches!(cause, Cause::Stop(_) | Cause::Restart(_)) {
            worker.becomes(Life::Waiting("about to start".into()), now);
        }
        self.ledger.add(Fact::Ended {
            attempt: of.clone(),
            at: end.at,
            exit: end.exit.clone(),
            stopped: end.stopped,
        });
        if let Some((level, text)) = end.news {
            self.tell(now, "worker-ended", level, Some(of), text);
        }
        if asked {
            self.release(now, &of.worker);
            return self.becomes(now, &of.worker, Life::Waiting("about to start".into()));
        }
        match cause {
            Cause::Stop(_) | Cause::Restart(_) => {}
            Cause::Shortage(why) => self.put_off(now, &of.worker, why),
            Cause::OwnEnd => self.own_end(now, &attempt, &end.exit, healthy),
            Cause::Failed(why) => self.failed(now, &of.worker, &why, healthy),
        }
    }

    /// An attempt ended by itself and nothing of it is left: again, or not.
    fn own_end(&mut self, now: Now, attempt: &Attempt, exit: &Exit, healthy: bool) {
        let name = &attempt.of.worker;
        let still = self.progress.is_still_at(attempt.phase.as_ref());
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        if budget::wants_restart(worker.rules.restart, exit) {
            self.failed(now, name, &exit.to_string(), healthy);
        } else if attempt.definition != worker.definition {
            // What is declared now has not run yet.
            worker.becomes(Life::Waiting("its definition changed".into()), now);
        } else if !still {
            // It was told the phase before, and has not worked on this one yet.
            worker.becomes(Life::Waiting("the phase changed".into()), now);
        } else if exit.may_never_have_run() && attempt.identity.is_none() {
            // Neither finished nor to be run a second time: a person has to say which.
            self.hold(now, name, exit.to_string());
        } else {
            worker.becomes(Life::Stopped(Stopped::Finished), now);
            self.tell_of(
                now,
                "worker-finished",
                Level::Info,
                name,
                format!("{name} finished: {exit}"),
            );
        }
    }

    /// Weighs one more restart against the budget.
    fn failed(&mut self, now: Now, name: &WorkerName, why: &str, healthy: bool) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let (backoff, allowed) = (worker.rules.backoff, worker.rules.budget);
        let boot = &self.machine.boot;
        let next =
            worker
                .restarts
                .count(boot, now.mono, healthy, &backoff, &allowed, &mut self.rng);
        let restarts = worker.restarts.clone();
        self.ledger.add(Fact::Restarts {
            worker: name.clone(),
            restarts,
        });
        match next {
            Next::After(delay) => {
                let life = Life::BackingOff {
                    until: now.mono + delay,
                    why: why.to_owned(),
                };
                worker.becomes(life, now);
            }
            Next::Exhausted => {
                let reason = format!(
                    "more than {} restarts in {}; the last: {why}",
                    allowed.restarts,
                    in_words(allowed.window)
                );
                self.hold(now, name, reason);
            }
        }
    }

    /// It is not started again before a person says so.
    fn hold(&mut self, now: Now, name: &WorkerName, reason: String) {
        let text = format!("{name} is held: {reason}; `supervisorctl start {name}` tries again");
        self.becomes(now, name, Life::Held(reason.clone()));
        self.ledger.add(Fact::Held {
            worker: name.clone(),
            reason: Some(reason),
        });
        self.tell_of(now, "worker-held", Level::Error, name, text);
    }

    /// There was not enough of something to start an attempt.
    fn short(&mut self, now: Now, of: &AttemptRef, why: String) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let (Life::Starting { attempt, .. } | Life::Lost { attempt, .. }) = &worker.life else {
            return self.start_failed(now, of, &why);
        };
        let attempt = attempt.clone();
        let text = format!("{} cannot be started now: {why}", of.worker);
        self.set_never_ran(now, attempt, Exit::not_started(&why), Cause::Shortage(why));
        self.tell(now, "worker-put-off", Level::Warning, Some(of), text);
        self.gone(now, of);
    }

    /// Tries again after a while, without weighing it against the budget.
    fn put_off(&mut self, now: Now, name: &WorkerName, why: String) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let boot = &self.machine.boot;
        let backoff = worker.rules.backoff;
        let until = worker
            .restarts
            .put_off(boot, now.mono, &backoff, &mut self.rng);
        let restarts = worker.restarts.clone();
        worker.becomes(Life::BackingOff { until, why }, now);
        self.ledger.add(Fact::Restarts {
            worker: name.clone(),
            restarts,
        });
    }

    /// Begins to stop what lives.
    pub(super) fn begin_stop(&mut self, now: Now, name: &WorkerName, cause: Cause) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let healthy = worker.was_healthy(now);
        let stop = worker.rules.stop;
        let Some(attempt) = worker.life.attempt().cloned() else {
            return;
        };
        let of = attempt.of.clone();
        let why = cause.stopped_by().unwrap_or_default();
        let text = format!("stopping {name}: {why}");
        self.ledger.add(Fact::Stopping {
            attempt: of.clone(),
            stopping: Stopping {
                why,
                failed: matches!(cause, Cause::Failed(_)),
            },
        });
        let life = Life::Stopping {
            attempt,
            end: None,
            cause,
            healthy,
            step: Step::Asked,
            next: now.mono + stop.grace,
        };
        worker.becomes(life, now);
        self.out.push(Effect::Signal(of.clone(), stop.signal));
        self.tell(now, "worker-stopping", Level::Info, Some(&of), text);
    }

    pub(super) fn probed(&mut self, now: Now, of: &AttemptRef, result: Result<(), String>) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let (ready_every, alive) = (
            worker.rules.ready.as_ref().map(|r| r.every),
            worker.rules.alive.clone(),
        );
        match &mut worker.life {
            Life::Starting {
                look: look @ Some(Look { asked: true, .. }),
                last,
                ..
            } => match (result, ready_every) {
                (Err(why), Some(every)) => {
                    *last = why;
                    *look = Some(Look::at(now.mono + every));
                }
                (Ok(()), _) | (Err(_), None) => self.ready(now, of),
            },
            Life::Running { health, .. } if health.look.is_some_and(|look| look.asked) => {
                let Some(alive) = alive else { return };
                health.failures = if result.is_ok() {
                    0
                } else {
                    health.failures + 1
                };
                health.look = Some(Look::at(now.mono + alive.every));
                let sick = (health.failures >= alive.failures).then(|| {
                    format!(
                        "{} looks in a row failed: {}",
                        health.failures,
                        result.as_ref().err().map_or("", String::as_str)
                    )
                });
                health.last = Some((now.mono, result));
                if let Some(why) = sick {
                    let text = format!("{} is alive but not well: {why}", of.worker);
                    self.tell(now, "worker-sick", Level::Warning, Some(of), text);
                    self.begin_stop(now, &of.worker.clone(), Cause::Failed(why));
                }
            }
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Running { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => {}
        }
    }

    /// The host was asked about one attempt and answers.
    pub(super) fn found(&mut self, now: Now, found: Found) {
        if self.strays.contains_key(&found.attempt) {
            return self.stray_found(now, found);
        }
        let of = found.attempt;
        let Some(worker) = self.worker_of(&of) else {
            return;
        };
        match found.is {
            Condition::Alive(identity) => {
                if let Life::Lost {
                    attempt, ready_at, ..
                } = &worker.life
                {
                    let (attempt, ready_at) = (attempt.clone(), *ready_at);
                    self.take_over(now, attempt, identity, ready_at);
                } else {
                    self.started(now, &of, identity);
                }
            }
            Condition::Ended { exit, survivors } => {
                self.ended(now, &of, exit);
                if survivors == 0 {
                    self.gone(now, &of);
                }
            }
            Condition::NeverStarted => {
                if let Life::Lost { attempt, .. } = &worker.life
                    && attempt.adopted
                {
                    let attempt = attempt.clone();
                    self.never_started(now, attempt);
                }
                self.ended(now, &of, Exit::not_started("the host knows nothing of it"));
                self.gone(now, &of);
            }
            Condition::Unknown(why) => {
                let (attempt, ready_at) = match &worker.life {
                    Life::Starting { attempt, .. } => (attempt, None),
                    Life::Running {
                        attempt, ready_at, ..
                    } => (attempt, Some(*ready_at)),
                    Life::Lost {
                        attempt, ready_at, ..
                    } => (attempt, *ready_at),
                    // Its signals go on, whatever the host can say.
                    Life::Stopping { .. } => return,
                    Life::Waiting(_)
                    | Life::BackingOff { .. }
                    | Life::Stopped(_)
                    | Life::Held(_) => return,
                };
                let life = Life::Lost {
                    attempt: attempt.clone(),
                    why,
                    ask: now.mono + ASK_AGAIN,
                    ready_at,
                };
                worker.becomes(life, now);
            }
        }
    }

    /// An earlier daemon died before it started this one: that is no failure, and no end.
    fn never_started(&mut self, now: Now, attempt: Attempt) {
        let exit = Exit::Lost("never started".into());
        self.set_never_ran(now, attempt, exit, Cause::Restart(NEVER_RAN.into()));
    }

    fn set_never_ran(&mut self, now: Now, attempt: Attempt, exit: Exit, cause: Cause) {
        let name = attempt.of.worker.clone();
        let life = Life::Stopping {
            attempt,
            end: Some(End {
                exit,
                at: now.wall,
                stopped: Some(NEVER_RAN.into()),
                news: None,
            }),
            cause,
            healthy: false,
            step: Step::Left,
            next: now.mono + LEFTOVERS,
        };
        self.becomes(now, &name, life);
    }

    /// An attempt that this daemon did not start, or lost sight of, lives: it is watched again, and
    /// nothing is done to it. `ready_at`: it had become ready then.
    pub(super) fn take_over(
        &mut self,
        now: Now,
        attempt: Attempt,
        identity: Identity,
        ready_at: Option<Mono>,
    ) {
        let Some(worker) = self.workers.get_mut(&attempt.of.worker) else {
            return;
        };
        let of = attempt.of.clone();
        if !attempt.recorded {
            self.ledger.add(Fact::Decided {
                attempt: of.clone(),
                at: now.wall,
                boot: self.machine.boot.clone(),
                phase: attempt.phase.clone(),
                definition: attempt.definition,
            });
        }
        if attempt.identity.as_ref() != Some(&identity) {
            self.ledger.add(Fact::Started {
                attempt: of.clone(),
                identity: identity.clone(),
            });
        }
        if !attempt.watched {
            self.out.push(Effect::Adopt(of.clone(), identity.clone()));
        }
        // What was asked to end is on its way out: a stop that was begun is finished.
        let stopping = attempt.stopping.clone();
        let attempt = Attempt {
            identity: Some(identity),
            watched: true,
            recorded: true,
            this_boot: true,
            ..attempt
        };
        let health = worker.health(now);
        let life = match (ready_at, &worker.rules.ready) {
            (Some(ready_at), _) => Life::Running {
                attempt,
                ready_at,
                health,
            },
            (None, ready) => Life::Starting {
                attempt,
                started: true,
                deadline: now.mono + ready.as_ref().map_or(Duration::ZERO, |r| r.timeout),
                look: ready.as_ref().map(|_| Look::at(now.mono)),
                last: "taken over from the daemon before".into(),
            },
        };
        let has_probe = worker.rules.ready.is_some();
        worker.becomes(life, now);
        if let Some(stopping) = stopping {
            self.begin_stop(now, &of.worker, Cause::of(stopping));
        } else if !has_probe {
            self.ready(now, &of);
        }
    }

    pub(super) fn expire_attempts(&mut self, now: Now) {
        let due: Vec<_> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.life.next_deadline().is_some_and(|at| now.mono >= at))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.expire_attempt(now, &name);
        }
    }

    fn expire_attempt(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let rules = &worker.rules;
        match &mut worker.life {
            Life::BackingOff { .. } => {
                worker.becomes(Life::Waiting("about to start".into()), now);
            }
            Life::Starting {
                attempt,
                started: false,
                deadline,
                ..
            } => {
                *deadline = now.mono + ASK_AGAIN;
                self.out.push(Effect::Inquire(attempt.of.clone()));
            }
            Life::Starting { attempt, .. } if rules.ready.is_none() => {
                let of = attempt.of.clone();
                self.ready(now, &of);
            }
            Life::Starting {
                attempt,
                deadline,
                last,
                ..
            } if now.mono >= *deadline => {
                let of = attempt.of.clone();
                // It lived before this daemon did: that it does not answer is no failed start.
                if attempt.adopted {
                    self.ready(now, &of);
                    return;
                }
                let timeout = rules
                    .ready
                    .as_ref()
                    .map_or(Duration::ZERO, |ready| ready.timeout);
                let why = format!("not ready within {}: {last}", in_words(timeout));
                self.tell(
                    now,
                    "worker-not-ready",
                    Level::Warning,
                    Some(&of),
                    format!("{name} {why}"),
                );
                self.begin_stop(now, name, Cause::Failed(why));
            }
            Life::Starting { attempt, look, .. } => {
                let probe = rules.ready.as_ref().map(|ready| &ready.probe);
                let of = attempt.of.clone();
                if let Some(asked) = ask(look, now, &of, probe, &mut self.out) {
                    self.probed(now, &of, asked);
                }
            }
            Life::Running {
                attempt, health, ..
            } => {
                let probe = rules.alive.as_ref().map(|alive| &alive.probe);
                let of = attempt.of.clone();
                if let Some(asked) = ask(&mut health.look, now, &of, probe, &mut self.out) {
                    self.probed(now, &of, asked);
                }
            }
            Life::Stopping {
                attempt,
                step,
                next,
                ..
            } => {
                let of = attempt.of.clone();
                let (signal, then, wait) = match *step {
                    Step::Left => (rules.stop.signal, Step::Asked, rules.stop.grace),
                    Step::Asked => (Signal::KILL, Step::Killed(1), KILL_AGAIN),
                    Step::Killed(n) => {
                        (Signal::KILL, Step::Killed(n.saturating_add(1)), KILL_AGAIN)
                    }
                };
                *step = then;
                *next = now.mono + wait;
                self.out.push(Effect::Signal(of.clone(), signal));
                if let Step::Killed(times @ 2..) = then {
                    self.out.push(Effect::Inquire(of.clone()));
                    if times == 3 {
                        let text = format!(
                            "something of {name} survives SIGKILL; `supervisorctl doctor` names it"
                        );
                        self.tell(now, "worker-unkillable", Level::Error, Some(&of), text);
                    }
                }
            }
            Life::Lost { attempt, ask, .. } => {
                *ask = now.mono + ASK_AGAIN;
                self.out.push(Effect::Inquire(attempt.of.clone()));
            }
            Life::Waiting(_) | Life::Stopped(_) | Life::Held(_) => {}
        }
    }
}

/// What is told of an end that was seen.
fn news_of(of: &AttemptRef, End { exit, stopped, .. }: &End) -> (Level, String) {
    let level = match (stopped, exit.is_success()) {
        (Some(_), _) | (None, true) => Level::Info,
        (None, false) => Level::Warning,
    };
    let after = stopped
        .as_ref()
        .map_or(String::new(), |why| format!(" after a stop ({why})"));
    let ended = if exit.is_not_started() { "" } else { "ended: " };
    (level, format!("{} {ended}{exit}{after}", of.worker))
}

/// Asks for a look that is due; or, when the one before never answered, gives that as its answer.
fn ask(
    look: &mut Option<Look>,
    now: Now,
    of: &AttemptRef,
    probe: Option<&Probe>,
    out: &mut Vec<Effect>,
) -> Option<Result<(), String>> {
    let Some(probe) = probe else {
        *look = None;
        return None;
    };
    if look.is_some_and(|look| look.asked) {
        return Some(Err("the look at it did not come back".into()));
    }
    *look = Some(Look::asked_until(now.mono + PROBE_SILENCE));
    out.push(Effect::Probe(of.clone(), probe.clone()));
    None
}

/// A duration as people write it.
pub(super) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) if duration.subsec_millis() > 0 => format!("{} ms", duration.as_millis()),
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
