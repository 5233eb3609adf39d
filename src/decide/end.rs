//! How attempts end: asked to or by themselves, and what follows for their workers.
//!
//! Promise: an end is recorded and told once nothing of the attempt's tree lives, together with what
//! follows from it for the budget; and a worker that is not started again says why, and by which
//! command it is.

use jiff::Timestamp;

use super::{
    Effect, Fact, Level, Rig, Stopping,
    attempt::in_words,
    budget::{self, Next},
    worker::{Asked, Attempt, Cause, End, LEFTOVERS, Life, Step, Stopped, Worker},
};
use crate::model::{AttemptRef, Exit, Intervention, Now, WorkerName};

/// Who stopped an attempt that nobody ever saw run: it did not end by itself.
pub(super) const NEVER_RAN: &str = "never seen to run";

impl Rig {
    pub(super) fn start_failed(&mut self, now: Now, of: &AttemptRef, why: &str) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        if !matches!(
            worker.life,
            Life::Starting { .. } | Life::Stopping { .. } | Life::Lost { .. }
        ) {
            return;
        }
        self.ended(now, of, Exit::not_started(why), None);
        self.gone(now, of);
    }

    /// What somebody did to its unit counts as the same done through us.
    pub(super) fn by_hand(&mut self, name: &WorkerName, by: Intervention) -> Cause {
        match by {
            Intervention::Stopped => {
                if let Some(worker) = self.workers.get_mut(name) {
                    worker.run = false;
                    worker.asked = Asked::Nothing;
                    self.ledger.add(Fact::Operator {
                        worker: name.clone(),
                        run: false,
                    });
                }
                Cause::Stop(Stopped::Systemctl)
            }
            Intervention::Restarted => {
                Cause::Restart("restarted by the operator with systemctl".into())
            }
            Intervention::Unmounted(at) => {
                Cause::Restart(format!("its file system {} was unmounted", at.display()))
            }
            Intervention::ManagerEnded => Cause::Restart("its service manager was ending".into()),
            Intervention::MachineWentDown(_) => Cause::Restart(Exit::by_machine()),
        }
    }

    pub(super) fn ended(
        &mut self,
        now: Now,
        of: &AttemptRef,
        exit: Exit,
        by: Option<Intervention>,
    ) {
        if let Some(stray) = self.strays.get_mut(of) {
            stray.exit = Some(exit);
            return;
        }
        if !self.worker_of(of).is_some_and(|worker| worker.may_end()) {
            return;
        }
        let at = went_down(now, by.as_ref()).unwrap_or(now.wall);
        let by = by.map(|by| self.by_hand(&of.worker, by));
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let healthy = worker.was_healthy(now);
        let mut end = End {
            exit: exit.clone(),
            at,
            stopped: None,
            news: None,
        };
        match &mut worker.life {
            Life::Stopping {
                end: known, cause, ..
            } => {
                end.stopped = cause.stopped_by();
                end.news = Some(news_of(of, &end));
                *known = Some(end);
            }
            Life::Starting { attempt, .. }
            | Life::Running { attempt, .. }
            | Life::Lost { attempt, .. } => {
                let attempt = attempt.clone();
                let begun = attempt.stopping.as_ref();
                let by_hand = by.as_ref().and_then(Cause::stopped_by);
                end.stopped = begun.map(|stopping| stopping.why.clone()).or(by_hand);
                let cause = by.unwrap_or_else(|| attempt.cause_of_end());
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
        let same_phase = self.progress.is_still_at(attempt.phase.as_ref());
        let kept = |worker: &Worker| self.is_kept(worker);
        let still = same_phase || self.workers.get(name).is_some_and(kept);
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        if budget::wants_restart(worker.rules.restart, exit) {
            self.failed(now, name, &exit.to_string(), healthy);
        } else if !worker.is_of(attempt.definition) {
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
                    short: false,
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
        let last = self
            .workers
            .get(name)
            .and_then(|one| one.last_exit.as_ref());
        let wrote = match last {
            Some(exit) if exit.never_ran() => String::new(),
            _ => format!("`supervisorctl logs {name}` shows what it wrote, "),
        };
        let text =
            format!("{name} is held: {reason}; {wrote}`supervisorctl start {name}` tries again");
        self.becomes(now, name, Life::Held(reason.clone()));
        self.ledger.add(Fact::Held {
            worker: name.clone(),
            reason: Some(reason),
        });
        self.tell_of(now, "worker-held", Level::Error, name, text);
    }

    /// There was not enough of something to start an attempt.
    pub(super) fn short(&mut self, now: Now, of: &AttemptRef, why: String) {
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
        let life = Life::BackingOff {
            until,
            why,
            short: true,
        };
        worker.becomes(life, now);
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
        let text = match &cause {
            // That has just been told.
            Cause::Failed(_) => format!("stopping {name}"),
            Cause::Stop(_) | Cause::Restart(_) | Cause::Shortage(_) | Cause::OwnEnd => {
                format!("stopping {name}: {why}")
            }
        };
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

    /// An earlier daemon ended before it started this one: that is no failure, and no end.
    pub(super) fn never_started(&mut self, now: Now, attempt: Attempt) {
        self.set_never_ran(
            now,
            attempt,
            Exit::never_began(),
            Cause::Restart(NEVER_RAN.into()),
        );
    }

    fn set_never_ran(&mut self, now: Now, attempt: Attempt, exit: Exit, cause: Cause) {
        let name = attempt.of.worker.clone();
        if let Some(worker) = self.workers.get_mut(&name) {
            worker.last_exit = Some(exit.clone());
        }
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
}

/// When it ended, if it did so as the machine went down.
pub(super) fn went_down(now: Now, by: Option<&Intervention>) -> Option<Timestamp> {
    match by? {
        Intervention::MachineWentDown(at) => Some((*at).min(now.wall)),
        Intervention::Stopped
        | Intervention::Restarted
        | Intervention::Unmounted(_)
        | Intervention::ManagerEnded => None,
    }
}

/// That it ended and how, as a sentence; of what never ran, that.
pub(super) fn end_of(of: &AttemptRef, ended: &str, exit: &Exit) -> String {
    match exit.never_ran() {
        true => format!("{} {exit}", of.worker),
        false => format!("{} {ended}: {exit}", of.worker),
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
    (level, format!("{}{after}", end_of(of, "ended", exit)))
}
