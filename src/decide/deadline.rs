//! What is due for attempts when a moment has passed, and the looks at their readiness and health.
//!
//! Promise: who does not answer in time is asked again, looked at again, or asked harder to end; a look
//! that never comes back counts as one that failed. One whose probe could not be run says nothing: it
//! makes nobody ready, and nobody is stopped for it.

use std::time::Duration;

use super::{
    Effect, Level, Looked, Rig,
    attempt::in_words,
    life::{Cause, Life, Look, Step},
    worker::{ASK_AGAIN, KILL_AGAIN, PROBE_SILENCE},
};
use crate::{
    config::Probe,
    model::{AttemptRef, Now, Signal, WorkerName},
};

impl Rig {
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
                let last = last.why().unwrap_or_default();
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
                if health.look.is_some_and(|look| now.mono >= look.at)
                    && let Some(asked) = ask(&mut health.look, now, &of, probe, &mut self.out)
                {
                    self.probed(now, &of, asked);
                }
                self.watch(now, &of);
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
                            "something of {name} survives SIGKILL: it waits inside of the kernel, \
                             mostly for a disk, and `ps -eo pid,stat,wchan:30,args` shows it with a \
                             D; or it is frozen, and `supervisorctl status` says so"
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

    pub(super) fn probed(&mut self, now: Now, of: &AttemptRef, looked: Looked) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let (ready, alive) = (worker.rules.ready.clone(), worker.rules.alive.clone());
        let was_unable = worker.unable().is_some();
        match &mut worker.life {
            Life::Starting {
                attempt,
                look: look @ Some(Look { asked: true, .. }),
                last,
                deadline,
                ..
            } => {
                let Some(ready) = ready.filter(|_| looked != Looked::Well) else {
                    return self.ready(now, of);
                };
                let next = now.mono + ready.every;
                *look = Some(Look::at(next));
                // Its time only runs while somebody can look. Who was adopted is ready when it is over.
                *deadline = match looked {
                    Looked::Unable(_) if !attempt.adopted => next + PROBE_SILENCE + ready.timeout,
                    Looked::Well | Looked::Failed(_) | Looked::Unable(_) => {
                        (*deadline).min(now.mono + ready.timeout)
                    }
                };
                *last = looked;
            }
            Life::Running { health, .. } if health.look.is_some_and(|look| look.asked) => {
                let Some(alive) = alive else { return };
                health.failures = match looked {
                    Looked::Failed(_) => health.failures + 1,
                    Looked::Well | Looked::Unable(_) => 0,
                };
                health.look = Some(Look::at(now.mono + alive.every));
                let sick = (health.failures >= alive.failures).then(|| {
                    format!(
                        "{} looks in a row failed: {}",
                        health.failures,
                        looked.why().unwrap_or_default()
                    )
                });
                health.last = Some((now.mono, looked));
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
        let unable = self.worker_of(of).and_then(|worker| worker.unable());
        if let (Some(text), false) = (unable, was_unable) {
            self.tell(now, "worker-unseen", Level::Warning, Some(of), text);
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
) -> Option<Looked> {
    let Some(probe) = probe else {
        *look = None;
        return None;
    };
    if look.is_some_and(|look| look.asked) {
        return Some(Looked::Failed("the look at it did not come back".into()));
    }
    *look = Some(Look::asked_until(now.mono + PROBE_SILENCE));
    out.push(Effect::Probe(of.clone(), probe.clone()));
    None
}
