//! What becomes of attempts: started, ready, well, ended, gone, lost.

use std::time::Duration;

use super::{
    Effect, Fact, Level, Rig,
    budget::{self, Next},
    worker::{
        ASK_AGAIN, Attempt, Cause, Health, KILL_AGAIN, LEFTOVERS, Life, Look, PROBE_SILENCE, Step,
        Stopped, Worker,
    },
};
use crate::{
    config::Probe,
    host::{AttemptRef, Condition, Found, HostEvent},
    model::{Exit, Identity, Now, Signal, WorkerName},
};

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

    fn was_healthy(&self, now: Now) -> bool {
        match &self.life {
            Life::Running { ready_at, .. } => {
                now.mono.since(*ready_at) >= self.rules.backoff.healthy
            }
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
    pub(super) fn host_says(&mut self, now: Now, event: HostEvent) {
        match event {
            HostEvent::Started(of, identity) => self.started(now, &of, identity),
            HostEvent::StartFailed(of, why) => self.start_failed(now, &of, &why),
            HostEvent::Ended(of, exit) => self.ended(now, &of, exit),
            HostEvent::Gone(of) => self.gone(now, &of),
            // No attempt's matter: the daemon shows it in `status`.
            HostEvent::Problem(_) => {}
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
        let cause = match &mut worker.life {
            Life::Stopping {
                exit: known @ None,
                cause,
                ..
            } => {
                *known = Some(exit.clone());
                cause.clone()
            }
            Life::Stopping { .. } => return,
            Life::Starting { attempt, .. }
            | Life::Running { attempt, .. }
            | Life::Lost { attempt, .. } => {
                let attempt = attempt.clone();
                let life = Life::Stopping {
                    attempt,
                    exit: Some(exit.clone()),
                    cause: Cause::OwnEnd,
                    healthy,
                    step: Step::Left,
                    next: now.mono + LEFTOVERS,
                };
                worker.becomes(life, now);
                Cause::OwnEnd
            }
            Life::Waiting(_) | Life::BackingOff { .. } | Life::Stopped(_) | Life::Held(_) => return,
        };
        worker.last_exit = Some(exit.clone());
        let stopped = cause.stopped_by();
        let level = match (&stopped, exit.is_success()) {
            (Some(_), _) | (None, true) => Level::Info,
            (None, false) => Level::Warning,
        };
        let after = stopped
            .as_ref()
            .map_or(String::new(), |why| format!(" after a stop ({why})"));
        let ended = if exit.is_not_started() { "" } else { "ended: " };
        let text = format!("{} {ended}{exit}{after}", of.worker);
        self.ledger.add(Fact::Ended {
            attempt: of.clone(),
            at: now.wall,
            exit,
            stopped,
        });
        self.tell(now, "worker-ended", level, Some(of), text);
    }

    fn gone(&mut self, now: Now, of: &AttemptRef) {
        if self.strays.remove(of).is_some() {
            self.out.push(Effect::Conclude(of.clone()));
        }
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let known = match &worker.life {
            Life::Stopping {
                exit: Some(exit),
                cause,
                healthy,
                ..
            } => Some((exit.clone(), cause.clone(), *healthy)),
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Running { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => None,
        };
        let Some((exit, cause, healthy)) = known else {
            // Gone without an end: the end is on its way, or it is lost and the host is asked.
            self.out.push(Effect::Inquire(of.clone()));
            return;
        };
        if matches!(cause, Cause::Stop(_) | Cause::Restart(_)) {
            worker.becomes(Life::Waiting("about to start".into()), now);
        }
        self.out.push(Effect::Conclude(of.clone()));
        match cause {
            Cause::Stop(_) | Cause::Restart(_) => {}
            Cause::OwnEnd => self.own_end(now, &of.worker, &exit, healthy),
            Cause::Failed(why) => self.failed(now, &of.worker, &why, healthy),
        }
    }

    /// An attempt ended by itself and nothing of it is left: again, or not.
    pub(super) fn own_end(&mut self, now: Now, name: &WorkerName, exit: &Exit, healthy: bool) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        if budget::wants_restart(worker.rules.restart, exit) {
            self.failed(now, name, &exit.to_string(), healthy);
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
    pub(super) fn failed(&mut self, now: Now, name: &WorkerName, why: &str, healthy: bool) {
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
                worker.becomes(Life::Held(reason.clone()), now);
                self.ledger.add(Fact::Held {
                    worker: name.clone(),
                    reason: Some(reason.clone()),
                });
                let text =
                    format!("{name} is held: {reason}; `supervisorctl start {name}` tries again");
                self.tell_of(now, "worker-held", Level::Error, name, text);
            }
        }
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
        let text = format!(
            "stopping {name}: {}",
            cause.stopped_by().unwrap_or_default()
        );
        let life = Life::Stopping {
            attempt,
            exit: None,
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
        let of = found.attempt;
        let Some(worker) = self.worker_of(&of) else {
            return;
        };
        match found.is {
            Condition::Alive(identity) => {
                if let Life::Lost { attempt, .. } = &worker.life {
                    let attempt = Attempt {
                        identity: Some(identity.clone()),
                        ..attempt.clone()
                    };
                    self.take_over(now, attempt, identity);
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
                self.ended(now, &of, Exit::not_started("the host knows nothing of it"));
                self.gone(now, &of);
            }
            Condition::Unknown(why) => {
                if let Life::Starting { attempt, .. } | Life::Lost { attempt, .. } = &worker.life {
                    let attempt = attempt.clone();
                    let life = Life::Lost {
                        attempt,
                        why,
                        ask: now.mono + ASK_AGAIN,
                    };
                    worker.becomes(life, now);
                }
            }
        }
    }

    /// An attempt of an earlier daemon lives: it is watched again, and nothing is done to it.
    pub(super) fn take_over(&mut self, now: Now, attempt: Attempt, identity: Identity) {
        let Some(worker) = self.workers.get_mut(&attempt.of.worker) else {
            return;
        };
        let of = attempt.of.clone();
        let timeout = worker
            .rules
            .ready
            .as_ref()
            .map_or(Duration::ZERO, |ready| ready.timeout);
        let life = Life::Starting {
            attempt: Attempt {
                adopted: true,
                identity: Some(identity.clone()),
                ..attempt
            },
            started: true,
            deadline: now.mono + timeout,
            look: worker.rules.ready.as_ref().map(|_| Look::at(now.mono)),
            last: "taken over from the daemon before".into(),
        };
        let has_probe = worker.rules.ready.is_some();
        worker.becomes(life, now);
        self.out.push(Effect::Adopt(of.clone(), identity));
        if !has_probe {
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
        let strays = self.strays.iter_mut().filter(|(_, at)| now.mono >= **at);
        for (of, at) in strays {
            *at = now.mono + KILL_AGAIN;
            self.out.push(Effect::Signal(of.clone(), Signal::KILL));
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

/// Asks for a look that is due; or, when the one before never answered, gives that as its answer.
fn ask(
    look: &mut Option<Look>,
    now: Now,
    of: &AttemptRef,
    probe: Option<&Probe>,
    out: &mut Vec<Effect>,
) -> Option<Result<(), String>> {
    let probe = probe?;
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
