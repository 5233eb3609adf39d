//! What follows for a worker whose attempt is over: again at once, later, or not before a person says so.
//!
//! Promise: each restart that is not asked for is weighed against the budget; what runs out of it is
//! held, with the command that frees it.

use super::{
    Fact, Level, Rig,
    attempt::in_words,
    budget::{self, Next},
    life::{Attempt, Life, Stopped},
    worker::Worker,
};
use crate::model::{Exit, Now, WorkerName};

impl Rig {
    /// An attempt ended by itself and nothing of it is left: again, or not.
    pub(super) fn own_end(&mut self, now: Now, attempt: &Attempt, exit: &Exit, healthy: bool) {
        self.conversation_ended(now, &attempt.of, exit, healthy);
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
    pub(super) fn failed(&mut self, now: Now, name: &WorkerName, why: &str, healthy: bool) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let (backoff, allowed) = (worker.rules.backoff, worker.rules.budget);
        let boot = &self.machine.boot;
        worker.short = None;
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
                    "more than {} restart{} in {}; the last: {why}",
                    allowed.restarts,
                    if allowed.restarts == 1 { "" } else { "s" },
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

    /// Tries again after a while, without weighing it against the budget.
    pub(super) fn put_off(&mut self, now: Now, name: &WorkerName, why: String) {
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
}
