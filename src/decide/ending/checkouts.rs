//! What is seen of the worktrees of those whom the end of a phase stops.
//!
//! Promise: of each that lived while the phase was wound up it is known what is half-done where it worked,
//! also when it ended by itself, was killed or was stopped by somebody else. One who was not seen at a safe
//! point is looked at once more when nothing of it lives; only what was asked since then counts.
//!
//! Who takes part in the phase and does not run is looked at once: what is half-done there nobody mends, so
//! it is told and not waited for. So is who ended before this daemon began. Where somebody else still works,
//! as after another configuration was loaded, that one answers for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ending, LOOK_EVERY, LOOK_SILENCE};
use crate::{
    decide::{
        Effect, Rig,
        life::{Attempt, Life, Look},
        worker::Worker,
        worktree::Tree,
    },
    model::{AttemptId, AttemptRef, Now, WorkerName},
};

/// Whose checkout it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckoutOf {
    /// The worker.
    pub worker: WorkerName,
    /// Its attempt that works there, or did while the phase was wound up; `None` of one that did not run.
    pub attempt: Option<AttemptId>,
}

impl From<AttemptRef> for CheckoutOf {
    fn from(of: AttemptRef) -> Self {
        Self {
            worker: of.worker,
            attempt: Some(of.attempt),
        }
    }
}

/// Where somebody works, or did.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Checkout {
    pub(super) look: Look,
    pub(super) seen: Seen,
    stands: Stands,
    /// What is asked was asked before it ended, or before it was lost.
    outdated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Seen {
    Nothing,
    /// With what that is, or why nobody can tell.
    HalfDone(String),
    Safe,
}

/// Whether somebody works there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stands {
    Works,
    /// It is being stopped, or its host cannot say whether it lives: looked at when that is known.
    Unclear,
    Ended,
    /// It has ended, and somebody has looked since.
    Left,
}

impl Checkout {
    fn new(now: Now) -> Self {
        Self {
            look: Look::at(now.mono),
            seen: Seen::Nothing,
            stands: Stands::Works,
            outdated: false,
        }
    }

    /// Whether somebody is to look there.
    pub(super) fn is_open(&self) -> bool {
        let looks = matches!(self.stands, Stands::Works | Stands::Ended);
        looks && self.seen != Seen::Safe
    }

    /// What is being asked says nothing of what it is like from now on.
    fn stands(&mut self, now: Now, stands: Stands) {
        if self.stands == stands || self.stands == Stands::Left {
            return;
        }
        self.stands = stands;
        self.outdated = self.look.asked;
        if !self.look.asked {
            self.look = Look::at(now.mono);
        }
    }
}

impl Ending {
    pub(super) fn is_safe(&self, of: &AttemptRef) -> bool {
        let checkout = self.checkouts.get(&of.clone().into());
        checkout.is_some_and(|checkout| checkout.seen == Seen::Safe)
    }

    /// Why somebody is waited for who lives.
    pub(super) fn why(&self, life: &Life, attempt: &Attempt) -> String {
        match (life, self.checkouts.get(&attempt.of.clone().into())) {
            (Life::Lost { .. }, _) => "its host cannot say whether it lives".into(),
            (Life::Stopping { .. }, _) => "it is being stopped".into(),
            (_, None) => "nobody has looked at its worktree yet".into(),
            (_, Some(checkout)) => match &checkout.seen {
                Seen::Nothing => "nobody has looked at its worktree yet".into(),
                Seen::HalfDone(why) => why.clone(),
                Seen::Safe => "it is being stopped".into(),
            },
        }
    }
}

impl Rig {
    /// Notes of each that lives, or has lived since the phase was over, whether it still works; and who does
    /// not run.
    pub(super) fn follow_checkouts(&mut self, now: Now) {
        let Some(to) = self.ending.as_ref().map(|ending| ending.to) else {
            return;
        };
        let mut stands = BTreeMap::new();
        for (worker, attempt) in self.waited_for() {
            let works = match worker.life {
                Life::Starting { .. } | Life::Running { .. } => Stands::Works,
                Life::Waiting(_)
                | Life::BackingOff { .. }
                | Life::Stopped(_)
                | Life::Held(_)
                | Life::Stopping { .. }
                | Life::Lost { .. } => Stands::Unclear,
            };
            stands.insert(attempt.of.clone().into(), (works, is_lost(worker)));
        }
        for worker in self.who_does_not_run(to) {
            let of = CheckoutOf {
                worker: worker.name().clone(),
                attempt: None,
            };
            stands.insert(of, (Stands::Ended, false));
        }
        for (worker, of) in self.ended_meanwhile() {
            stands.insert(of.clone(), (Stands::Ended, is_lost(worker)));
        }
        let Some(ending) = &mut self.ending else {
            return;
        };
        ending.checkouts.retain(|of, _| stands.contains_key(of));
        for (of, (stands, lost)) in stands {
            let checkout = ending.checkouts.entry(of);
            let checkout = checkout.or_insert_with(|| Checkout::new(now));
            if lost {
                checkout.seen = Seen::Nothing;
            }
            checkout.stands(now, stands);
        }
    }

    pub(super) fn look_at_checkouts(&mut self, now: Now) {
        let Some(ending) = &mut self.ending else {
            return;
        };
        for (of, checkout) in &mut ending.checkouts {
            let worker = self.workers.get(&of.worker);
            let tree = worker.and_then(|worker| worker.rules.worktree_here().cloned());
            let due = checkout.is_open() && now.mono >= checkout.look.at;
            if let Some(tree) = tree.filter(|_| due) {
                checkout.look = Look::asked_until(now.mono + LOOK_SILENCE);
                checkout.outdated = false;
                let was_on = self.worktrees.get(&tree).cloned();
                self.out
                    .push(Effect::LookAtCheckout(of.clone(), tree, was_on));
            }
        }
    }

    /// Somebody has looked at a checkout: what in it is half-done, or why nobody can tell.
    pub(in crate::decide) fn checkout_seen(
        &mut self,
        now: Now,
        of: &CheckoutOf,
        seen: Result<Vec<String>, String>,
    ) {
        // It may have ended in between.
        self.follow_checkouts(now);
        let checkouts = self.ending.as_mut().map(|ending| &mut ending.checkouts);
        let Some(checkout) = checkouts.and_then(|checkouts| checkouts.get_mut(of)) else {
            return;
        };
        if !checkout.look.asked || checkout.seen == Seen::Safe {
            return;
        }
        if checkout.outdated {
            checkout.outdated = false;
            checkout.look = Look::at(now.mono);
            return;
        }
        checkout.look = Look::at(now.mono + LOOK_EVERY);
        checkout.seen = match seen {
            Ok(half_done) if half_done.is_empty() => Seen::Safe,
            Ok(half_done) => Seen::HalfDone(half_done.join("; ")),
            Err(why) => Seen::HalfDone(format!("its worktree cannot be looked at: {why}")),
        };
        if checkout.stands == Stands::Ended {
            checkout.stands = Stands::Left;
        }
    }

    /// Those that take part in the phase and do not run, and have not since it was over. Before the host has
    /// answered nobody knows; and where a worktree is being made, nobody has worked since.
    pub(super) fn who_does_not_run(&self, to: usize) -> Vec<&Worker> {
        if self.remembered.is_some() {
            return Vec::new();
        }
        let checkouts = self.ending.iter().flat_map(|it| it.checkouts.keys());
        let ran = checkouts.filter(|of| of.attempt.is_some());
        let ran: BTreeSet<_> = ran.map(|of| &of.worker).collect();
        let runs = |worker: &Worker| worker.life.attempt().is_some() || ran.contains(worker.name());
        let attempts = self.workers.values().filter_map(|one| one.life.attempt());
        let places: BTreeSet<_> = attempts.filter_map(|it| it.worktree.as_ref()).collect();
        let idle = self.workers.values().filter(|worker| {
            let tree = worker.rules.checkout();
            !runs(worker)
                && self.is_stopped_by_move(worker, to)
                && self.out_of_place(worker).is_none()
                && !matches!(worker.tree, Tree::Making { .. })
                && tree.is_some_and(|tree| !places.contains(&tree))
        });
        idle.collect()
    }

    /// Those that have ended since the phase was over, and by which attempt; and those that do not run.
    fn ended_meanwhile(&self) -> impl Iterator<Item = (&Worker, &CheckoutOf)> {
        let ending = self.ending.as_ref();
        let all = ending.into_iter().flat_map(|ending| {
            let of = ending.checkouts.keys();
            of.map(move |of| (of, ending.to))
        });
        all.filter_map(|(of, to)| {
            let worker = self.workers.get(&of.worker)?;
            let ended = worker.life.attempt().is_none() && self.is_stopped_by_move(worker, to);
            ended.then_some((worker, of))
        })
    }

    /// Those that have ended or do not run, and at whose worktrees somebody is still to look, and why.
    pub(super) fn looked_for(&self) -> impl Iterator<Item = (&WorkerName, String)> {
        let open = self.ended_with(|checkout| checkout.is_open());
        open.map(|(of, _)| {
            let why = match of.attempt {
                Some(_) => "it has ended, and its worktree is looked at once more",
                None => "it does not run, and its worktree is looked at",
            };
            (&of.worker, why.to_owned())
        })
    }

    /// Those that have ended or do not run, and were not at a safe point, with what they left.
    pub(super) fn left_behind(&self) -> impl Iterator<Item = (&WorkerName, String)> {
        let left = self.ended_with(|checkout| checkout.seen != Seen::Safe);
        left.map(|(of, checkout)| {
            let (is, since) = match of.attempt {
                Some(_) => ("it has ended", " since"),
                None => ("it does not run", ""),
            };
            let what = match &checkout.seen {
                Seen::HalfDone(what) => format!("{is}: {what}"),
                Seen::Nothing | Seen::Safe => {
                    format!("{is}, and nobody has looked at its worktree{since}")
                }
            };
            (&of.worker, what)
        })
    }

    fn ended_with(
        &self,
        is: impl Fn(&Checkout) -> bool,
    ) -> impl Iterator<Item = (&CheckoutOf, &Checkout)> {
        self.ended_meanwhile().filter_map(move |(_, of)| {
            let checkout = self.ending.as_ref()?.checkouts.get(of)?;
            is(checkout).then_some((of, checkout))
        })
    }
}

fn is_lost(worker: &Worker) -> bool {
    matches!(worker.life, Life::Lost { .. })
}
