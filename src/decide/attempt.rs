//! What becomes of attempts: started, ready, lost and found again.
//!
//! Promise: what the host says of an attempt that is not the present one of its worker changes nothing,
//! and one that lives is watched, not touched.

use std::time::Duration;

use super::{
    Effect, Fact, Leave, Level, Looked, Rig, budget,
    life::{Attempt, Cause, Health, Life, Look, Stopped},
    watch::Watching,
    worker::{ASK_AGAIN, Worker},
};
use crate::{
    config,
    model::{AttemptRef, Condition, Exit, Found, HostEvent, Identity, Mono, Now},
};

impl Worker {
    /// What it finished was for another phase: the way on is found by settling.
    fn phase_changed(&mut self, now: Now) {
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
        let unfinished = !self.is_of(before) || self.last_exit.as_ref().is_some_and(again);
        let fresh = self.health(now);
        if let Life::Running { watching, .. } = &mut self.life {
            if was.agent != self.rules.agent {
                *watching = Watching::new(&self.rules, now, None);
            } else if let Some(watching) = watching
                && was.watch != self.rules.watch
            {
                let same = was.watch.heartbeat == self.rules.watch.heartbeat;
                watching.goes_on(now.mono, same);
            }
        }
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

    /// Nothing of it runs, or it is on a host that nobody can reach: that may last for days, and the next
    /// daemon goes on with it.
    pub(super) fn is_over_or_out_of_reach(&self) -> bool {
        let is_lost = matches!(self.life, Life::Lost { .. });
        self.life.attempt().is_none() || is_lost && self.rules.on.host().is_some()
    }

    pub(super) fn was_healthy(&self, now: Now) -> bool {
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
    /// The current phase is another one.
    pub(super) fn phase_changed(&mut self, now: Now) {
        let touched = |worker: &&Worker| !self.is_kept(worker);
        let touched = self.workers.values().filter(touched);
        let names: Vec<_> = touched.map(|worker| worker.name().clone()).collect();
        for name in names {
            if let Some(worker) = self.workers.get_mut(&name) {
                worker.phase_changed(now);
            }
        }
    }

    /// What runs may have ended, and the news of it been lost.
    pub(super) fn ask_for_what_runs(&mut self) {
        for worker in self.workers.values() {
            if let Life::Running { attempt, .. } = &worker.life {
                self.out.push(Effect::Inquire(attempt.of.clone()));
            }
        }
    }

    /// What runs on other hosts may be out of reach now, and what was may be there again.
    pub(super) fn reach_may_differ(&mut self) {
        for worker in self.workers.values() {
            let (Life::Running { attempt, .. } | Life::Lost { attempt, .. }) = &worker.life else {
                continue;
            };
            let is_lost = matches!(worker.life, Life::Lost { .. });
            if is_lost || worker.rules.on.host().is_some() {
                self.out.push(Effect::Inquire(attempt.of.clone()));
            }
        }
        let strays = self.strays.keys().cloned();
        self.out.extend(strays.map(Effect::Inquire));
    }

    pub(super) fn host_says(&mut self, now: Now, event: HostEvent) {
        match event {
            HostEvent::Started(of, identity) => self.started(now, &of, identity),
            HostEvent::StartFailed(of, why) => self.start_failed(now, &of, &why),
            HostEvent::Shortage(of, why) => self.short(now, &of, why),
            HostEvent::Ended(of, exit, by) => self.ended(now, &of, exit, by),
            HostEvent::KilledByHand(of, signal, exit) => {
                let own_way = match exit == Exit::Signal(signal) {
                    true => String::new(),
                    false => format!("{exit}, after "),
                };
                let text = format!(
                    "{}: {own_way}{signal} was sent by the operator with systemctl kill",
                    of.worker
                );
                self.tell(now, "worker-killed", Level::Info, Some(&of), text);
            }
            HostEvent::Gone(of) => self.gone(now, &of),
        }
    }

    pub(super) fn worker_of(&mut self, of: &AttemptRef) -> Option<&mut Worker> {
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
                worker.short = None;
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
                // They may have changed while it was being started.
                self.compare_secrets_of(of);
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

    pub(super) fn ready(&mut self, now: Now, of: &AttemptRef) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let health = worker.health(now);
        if let Life::Starting { attempt, .. } = &worker.life {
            let attempt = attempt.clone();
            let watching = Watching::new(&worker.rules, now, attempt.sign.clone());
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
                    watching,
                },
                now,
            );
            let text = format!("{} {words}, pid {pid}", of.worker);
            self.tell(now, "worker-running", Level::Info, Some(of), text);
            self.watch(now, of);
        }
    }

    /// The host was asked about one attempt and answers.
    pub(super) fn found(&mut self, now: Now, found: Found) {
        if self.strays.contains_key(&found.attempt) {
            return self.stray_found(now, found);
        }
        let of = found.attempt;
        let leaving = self.leaving == Some(Leave::StopWorkers);
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
            Condition::Ended {
                exit,
                survivors,
                by,
            } => {
                self.ended(now, &of, exit, by);
                if survivors == 0 {
                    self.gone(now, &of);
                }
            }
            Condition::NeverStarted => {
                const NOTHING: &str = "the host knows nothing of it";
                if let Life::Lost { attempt, .. } = &worker.life
                    && attempt.adopted
                {
                    let attempt = attempt.clone();
                    self.never_started(now, attempt);
                } else if let Life::Starting { attempt, .. } | Life::Lost { attempt, .. } =
                    &worker.life
                    && attempt.identity.is_none()
                {
                    // Why is lost with the news of it. It did not run, so it has not finished either,
                    // and nothing says that it was a fault of its own.
                    return self.short(now, &of, NOTHING.into());
                }
                self.ended(now, &of, Exit::not_started(NOTHING), None);
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
                    // The next daemon goes on with its stop.
                    Life::Stopping {
                        attempt, end: None, ..
                    } if leaving && worker.rules.on.host().is_some() => (attempt, None),
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
                owed: attempt.debt.owed.clone(),
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
                ready_at,
                health,
                watching: Watching::new(&worker.rules, now, attempt.sign.clone()),
                attempt,
            },
            (None, ready) => Life::Starting {
                attempt,
                started: true,
                deadline: now.mono + ready.as_ref().map_or(Duration::ZERO, |r| r.timeout),
                look: ready.as_ref().map(|_| Look::at(now.mono)),
                last: Looked::Failed("taken over from the daemon before".into()),
            },
        };
        let has_probe = worker.rules.ready.is_some();
        worker.becomes(life, now);
        if let Some(stopping) = stopping {
            self.begin_stop(now, &of.worker, Cause::of(stopping));
            return;
        }
        if !has_probe {
            self.ready(now, &of);
        }
        // Nobody watched them meanwhile.
        self.compare_secrets_of(&of);
    }
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
