//! How attempts end: asked to or by themselves, and what follows for their workers.
//!
//! Promise: an end is recorded and told once nothing of the attempt's tree lives, together with what
//! follows from it for the budget (`again`).

use super::{
    Effect, Fact, Level, Rig, Stopping,
    hand::went_down,
    life::{Attempt, Cause, End, Life, Step, Stopped},
    say::Past,
    worker::{Asked, LEFTOVERS},
};
use crate::model::{AttemptRef, Exit, Intervention, Now, WorkerName};

/// Who stopped an attempt that nobody ever saw run: it did not end by itself.
pub(crate) const NEVER_RAN: &str = "never seen to run";

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
            unseen: false,
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
        // Of one that nobody has recorded it is not known to which boot it belongs.
        if attempt.recorded || attempt.this_boot {
            worker.past = Some(Past::ended(&attempt, &end, &cause));
        }
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
        let declared = self.workers.get(&of.worker).is_some_and(|w| w.declared);
        if !declared {
            // Nothing follows, nor is it held against one of that name that may be declared later.
            return self.becomes(now, &of.worker, Life::Stopped(Stopped::Removed));
        }
        // What it came to by then nobody knows.
        let is_seen = !end.unseen;
        if is_seen && matches!(cause, Cause::OwnEnd | Cause::Failed(_)) {
            self.round_over(now, &of.worker, None);
        }
        match cause {
            Cause::Stop(_) | Cause::Restart(_) => {}
            Cause::Shortage(why) => self.put_off(now, &of.worker, why),
            Cause::OwnEnd => self.own_end(now, &attempt, &end.exit, healthy),
            Cause::Failed(why) => self.failed(now, &of.worker, &why, healthy),
        }
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
        let known = worker.short.replace(why.clone());
        if known.as_ref() != Some(&why) {
            let text = format!("{} cannot be started now: {why}", of.worker);
            self.tell(now, "worker-put-off", Level::Warning, Some(of), text);
        }
        self.set_never_ran(now, attempt, Exit::not_started(&why), Cause::Shortage(why));
        self.gone(now, of);
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
            worker.never_ran(exit.clone());
        }
        let life = Life::Stopping {
            attempt,
            end: Some(End {
                exit,
                at: now.wall,
                stopped: Some(NEVER_RAN.into()),
                unseen: false,
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
