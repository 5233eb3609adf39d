//! The next step of every worker: what is wanted of it, against where its life stands.
//!
//! Promise: a worker is started only when nothing of an earlier attempt lives, nobody else works in
//! its worktree, that was seen to (`worktree`), and everything that it requires is ready; it is stopped only for a reason that can
//! be named.

use super::{
    Debt, Effect, Fact, Leave, Level, Looked, POINT_LOST, Rig, Told,
    life::{Attempt, Cause, Life, Stopped},
    plan::At,
    worker::{Asked, START_SILENCE, Worker},
    worktree::Tree,
};
use crate::{
    config::OnPhase,
    model::{AttemptId, AttemptRef, Exit, Kind, Now, WorkerName},
};

/// Why who never ran is tried again, where nobody remembers more.
const BEGAN_NOTHING: &str = "nothing was begun by the last try";

impl Rig {
    /// Takes the next step of each worker. One pass is enough: what frees a worktree or makes a worker
    /// ready happened before.
    pub(super) fn settle(&mut self, now: Now) {
        if self.remembered.is_some() {
            return;
        }
        let names: Vec<_> = self.workers.keys().cloned().collect();
        for name in &names {
            self.settle_worker(now, name);
        }
        self.workers
            .retain(|_, worker| worker.declared || worker.life.attempt().is_some());
    }

    fn settle_worker(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get(name) else {
            return;
        };
        let unwanted = self.unwanted(worker);
        match (&worker.life, unwanted) {
            // Nobody knows where the plan stands: what runs may be right.
            (Life::Starting { .. } | Life::Running { .. }, Some(Stopped::Astray)) => {}
            (Life::Starting { .. } | Life::Running { .. }, Some(Stopped::Paused))
                if self.point_is_lost() => {}
            (Life::Starting { .. } | Life::Running { .. }, Some(why)) => {
                self.begin_stop(now, name, Cause::Stop(why));
            }
            (Life::Starting { .. } | Life::Running { .. }, None)
                if worker.asked == Asked::Start =>
            {
                if let Some(worker) = self.workers.get_mut(name) {
                    worker.asked = Asked::Nothing;
                }
                self.settle_worker(now, name);
            }
            (Life::Starting { attempt, .. } | Life::Running { attempt, .. }, None) => {
                if worker.asked == Asked::Restart {
                    let cause = Cause::Restart("restarted by the operator".into());
                    self.begin_stop(now, name, cause);
                } else if let Some(why) = self.outdated(worker, attempt) {
                    self.begin_stop(now, name, Cause::Restart(why.into()));
                }
            }
            (Life::Stopping { .. } | Life::Lost { .. }, _) => {}
            (Life::Held(_), None) => {}
            (Life::Held(_) | Life::Waiting(_) | Life::BackingOff { .. }, Some(why)) => {
                // A held worker stays held: the reason is worth more than the pause. But who stops
                // it has seen it.
                let held = matches!(worker.life, Life::Held(_));
                if held && why == Stopped::Operator {
                    self.release(now, name);
                }
                if !held || why == Stopped::Operator {
                    self.becomes(now, name, Life::Stopped(why));
                }
            }
            (Life::Stopped(Stopped::Finished), None) => {}
            (Life::Stopped(_), Some(why)) => {
                if !matches!(worker.life, Life::Stopped(Stopped::Finished)) {
                    self.becomes(now, name, Life::Stopped(why));
                }
            }
            (Life::BackingOff { .. }, None) => {}
            (Life::Waiting(_) | Life::Stopped(_), None) => {
                // The delay holds whatever happened to the worker, or to the daemon, meanwhile.
                let delayed = worker.restarts.until.filter(|until| now.mono < *until);
                let life = match (delayed, self.obstacle(worker)) {
                    (Some(until), _) => Life::BackingOff {
                        until,
                        why: worker.short.clone().unwrap_or_else(|| {
                            let last = worker.last_exit.as_ref();
                            last.map_or_else(|| BEGAN_NOTHING.to_owned(), Exit::to_string)
                        }),
                    },
                    (None, Some(obstacle)) => Life::Waiting(obstacle),
                    (None, None) => match self.prepare_worktree(now, name) {
                        Some(words) => Life::Waiting(words),
                        None => return self.start(now, name),
                    },
                };
                self.becomes(now, name, life);
            }
        }
    }

    pub(super) fn becomes(&mut self, now: Now, name: &WorkerName, life: Life) {
        if let Some(worker) = self.workers.get_mut(name) {
            worker.becomes(life, now);
        }
    }

    /// Nobody knows where the plan stands, and nobody has asked for a pause: what runs may be right.
    pub(super) fn point_is_lost(&self) -> bool {
        let why = self.paused.as_ref();
        self.progress.at == At::Astray(None) && why.is_some_and(|why| why.starts_with(POINT_LOST))
    }

    /// Why this worker should not run now, if it should not.
    pub(super) fn unwanted(&self, worker: &Worker) -> Option<Stopped> {
        self.barred(worker).or_else(|| self.is_over_for(worker))
    }

    /// The same but for the end of the phase, which passes by itself.
    pub(super) fn barred(&self, worker: &Worker) -> Option<Stopped> {
        let is_loop = worker.rules.kind == Kind::Loop;
        if !worker.declared {
            return Some(Stopped::Removed);
        }
        if self.leaving == Some(Leave::StopWorkers) {
            return Some(Stopped::Leaving);
        }
        if !worker.run {
            return Some(Stopped::Operator);
        }
        if is_loop && self.paused.is_some() {
            return Some(Stopped::Paused);
        }
        self.out_of_place(worker)
            .or(worker.spend.is_out().then_some(Stopped::Spent))
            .or(worker.breaker.is_open().then_some(Stopped::Breaker))
    }

    /// Why this worker, of which nothing runs, is held for a while as soon as a daemon goes on, if so.
    pub fn will_hold(&self, name: &WorkerName, now: Now) -> Option<String> {
        let worker = self.workers.get(name)?;
        let day = now.wall.to_zoned(self.machine.zone.0.clone()).date();
        if self.barred(worker).is_some() {
            return None;
        }
        if worker.has_spent_all_of(day) {
            return Some(worker.spent_in_words());
        }
        let stands = worker.stands_still_at(now.wall);
        stands.then(|| worker.breaker_in_words())
    }

    /// Whether a change of phase leaves this worker alone: what it does or has finished, it need not
    /// do anew.
    pub(super) fn is_kept(&self, worker: &Worker) -> bool {
        worker.rules.on_phase == OnPhase::Keep && self.out_of_place(worker).is_none()
    }

    /// Why this worker has nothing to do where the plan stands, if so.
    pub(super) fn out_of_place(&self, worker: &Worker) -> Option<Stopped> {
        self.out_of_place_at(worker, &self.progress.at)
    }

    /// The same where the plan stands there.
    pub(super) fn out_of_place_at(&self, worker: &Worker, at: &At) -> Option<Stopped> {
        let is_loop = worker.rules.kind == Kind::Loop;
        match at {
            At::Astray(_) if is_loop => Some(Stopped::Astray),
            At::Complete if is_loop => Some(Stopped::PlanComplete),
            At::Phase(index) => {
                let current = self.progress.plan.phases.get(*index)?;
                let own = worker.rules.phases.as_ref();
                own.is_some_and(|own| !own.contains(&current.id))
                    .then_some(Stopped::Phase)
            }
            At::Complete if worker.rules.phases.is_some() => Some(Stopped::PlanComplete),
            At::NoPlan | At::Complete | At::Astray(_) => None,
        }
    }

    /// Why a living attempt is no longer the right one, if it is not.
    fn outdated(&self, worker: &Worker, attempt: &Attempt) -> Option<&'static str> {
        if self.leaving.is_some() {
            return None;
        }
        if !worker.is_of(attempt.definition) {
            return Some("its definition changed");
        }
        let (_, phase) = self.progress.current()?;
        let moved = attempt.phase.as_ref() != Some(&phase.id);
        (moved && worker.rules.on_phase == OnPhase::Restart).then_some("the phase changed")
    }

    /// What keeps a wanted worker from being started, if anything.
    fn obstacle(&self, worker: &Worker) -> Option<String> {
        if self.leaving.is_some() {
            return Some("the supervisor is ending".into());
        }
        if self.stray_of(worker.name()).is_some() {
            return Some("an older attempt of it still lives and is being ended".into());
        }
        if let Some(tree) = &worker.rules.checkout() {
            // Who works on another host works nowhere here.
            let near = |attempt: &Attempt| attempt.on.as_ref() == worker.rules.on.host();
            let mut strays = self.strays.iter();
            if let Some((of, _)) = strays.find(|(_, stray)| near(&stray.attempt)) {
                return Some(format!(
                    "an attempt of {} is being ended, and may still work in {tree}",
                    of.worker,
                ));
            }
            let holder = self.workers.values().find(|other| {
                other.life.attempt().is_some_and(|attempt| {
                    // Taken over, and started from another definition: nobody knows where it works.
                    let anywhere =
                        attempt.adopted && !other.is_of(attempt.definition) && near(attempt);
                    attempt.worktree.as_ref() == Some(tree) || anywhere
                })
            });
            if let Some(holder) = holder {
                return Some(format!("{} still works in {tree}", holder.name()));
            }
        }
        if let Some(other) = self.is_made_for(worker) {
            return Some(format!("its worktree is being made for {other}"));
        }
        let missing: Vec<_> = worker
            .rules
            .requires
            .iter()
            .filter(|name| {
                let ready = |other: &Worker| matches!(other.life, Life::Running { .. });
                !self.workers.get(*name).is_some_and(ready)
            })
            .map(WorkerName::as_str)
            .collect();
        (!missing.is_empty()).then(|| format!("needs {}", missing.join(", ")))
    }

    fn start(&mut self, now: Now, name: &WorkerName) {
        let current = self.progress.current().map(|(_, phase)| phase.id.clone());
        let opening = self.open_conversation(name, current.as_ref());
        let owed = self
            .workers
            .get(name)
            .and_then(|worker| self.owed_at_start(worker));
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        worker.asked = Asked::Nothing;
        worker.spend.begins(opening.new);
        // The next start has it seen to again.
        worker.tree = Tree::Unseen;
        // That it waits was told, and how often it is tried says nothing more.
        let again = worker.short.is_some();
        let attempt = AttemptId::new(now.wall, self.rng.u32(..));
        let of = AttemptRef {
            worker: name.clone(),
            attempt,
        };
        let phase = self.progress.current().map(|(index, phase)| Told {
            index,
            id: phase.id.clone(),
            brief: phase.brief.clone(),
        });
        let attempt = Attempt {
            of: of.clone(),
            phase: phase.as_ref().map(|told| told.id.clone()),
            definition: worker.definition,
            worktree: worker.rules.checkout(),
            on: worker.rules.on.host().cloned(),
            identity: None,
            adopted: false,
            watched: true,
            recorded: true,
            this_boot: true,
            stopping: None,
            debt: Debt {
                owed: owed.clone(),
                knows: phase.as_ref().map(|told| told.id.clone()),
            },
            sign: None,
        };
        self.ledger.add(Fact::Decided {
            attempt: of.clone(),
            at: now.wall,
            boot: self.machine.boot.clone(),
            phase: attempt.phase.clone(),
            definition: worker.definition,
            owed,
        });
        let life = Life::Starting {
            attempt,
            started: false,
            deadline: now.mono + START_SILENCE,
            look: None,
            last: Looked::Failed("no look at it yet".into()),
        };
        worker.becomes(life, now);
        self.out.push(Effect::Start {
            attempt: of.clone(),
            worker: Box::new(worker.rules.clone()),
            arguments: opening.arguments,
            phase,
        });
        if opening.lost {
            self.tell_lost_conversation(now, &of);
        }
        if again && !opening.new {
            return;
        }
        self.tell(
            now,
            "worker-starting",
            Level::Info,
            Some(&of),
            format!("starting {name}{}", opening.words),
        );
    }

    /// Every worker that should run does, or has been tried.
    pub(super) fn everything_was_tried(&self) -> bool {
        if self.remembered.is_some() {
            return false;
        }
        let open = |worker: &Worker| match &worker.life {
            Life::Starting {
                last: Looked::Unable(_),
                ..
            } => false,
            Life::Starting { .. } | Life::Stopping { .. } => worker.restarts.streak == 0,
            Life::Waiting(_) => worker.rules.requires.iter().any(|name| {
                self.workers.get(name).is_some_and(|other| {
                    other.restarts.streak == 0 && self.unwanted(other).is_none()
                })
            }),
            Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Running { .. }
            | Life::Lost { .. } => false,
        };
        !self.workers.values().any(open)
    }
}
