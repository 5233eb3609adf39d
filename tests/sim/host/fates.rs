//! What befalls trees from outside: their daemon dies, the machine goes down, a second one appears.
//!
//! Promise: no daemon is told of it; it has to find out by itself. How: the trees are changed as they
//! stand, watched by nobody or with the news left out.

use std::collections::BTreeSet;

use loopkeeper::model::{AttemptId, AttemptRef, Exit, Signal};

use crate::{
    body::{Body, Stage, Temper},
    world::World,
};

use super::Act;

impl World {
    /// The daemon that watched is gone. A start that was under way happens now or never, or what it
    /// led to is over at once, and nobody can tell whether it led to anything.
    pub(crate) fn orphan_bodies(&mut self) {
        for index in 0..self.bodies.len() {
            let body = &mut self.bodies[index];
            body.watched = false;
            body.guessed |= !self.store.now.attempts.contains_key(&body.of);
            if self.bodies[index].stage == Stage::Ordered && !self.nature.is_by_hand() {
                match self.rng.u32(0..4) {
                    0 | 1 => {
                        self.coverage.count("starts cut off, and it runs");
                        self.act(index, Act::Begin);
                    }
                    2 => {
                        self.coverage.count("starts cut off, and it never ran");
                        self.bodies[index].stage = Stage::NeverStarted;
                    }
                    _ => {
                        self.coverage
                            .count("starts cut off, and whether it ran is not known");
                        let body = &mut self.bodies[index];
                        body.stage = Stage::Ended { left: 0 };
                        body.ended = Some(self.t);
                        body.record = Some(Exit::start_unseen());
                    }
                }
            }
        }
    }

    /// Those of which it is written down how they ended.
    pub(crate) fn bodies_that_are_over(&self) -> BTreeSet<AttemptRef> {
        let known = |exit: &Exit| !exit.may_never_have_run();
        let over = |body: &&Body| body.record.as_ref().is_some_and(known);
        let over = self.bodies.iter().filter(over);
        over.map(|body| body.of.clone()).collect()
    }

    /// How they ended is known of some: what is around them was asked to end, and wrote that down.
    pub(crate) fn bodies_of_this_boot_die(&mut self, power_cut: bool) {
        let wall = self.wall();
        for body in &mut self.bodies {
            body.watched = false;
            if !body.lives() {
                continue;
            }
            if body.stage == Stage::Ordered && self.nature.flips(&mut self.rng) {
                body.stage = Stage::NeverStarted;
                continue;
            }
            body.until_reboot = body.ended.is_none();
            body.ended.get_or_insert(self.t);
            if body.record.is_none() {
                let known = !power_cut && body.runs() && self.nature.flips(&mut self.rng);
                body.with_machine = known.then_some(wall);
                body.record = Some(match (known, &body.temper.obeys) {
                    (true, Some((_, exit))) => exit.clone(),
                    (true, None) => Exit::Signal(Signal::KILL),
                    (false, _) => Exit::machine_went_down(),
                });
                if known {
                    self.coverage
                        .count("attempts that went down with the machine, and it is known how");
                }
            }
            body.stage = Stage::Ended { left: 0 };
        }
    }

    /// A tree that is believed to be well ends, and the news of it is lost.
    pub(crate) fn last_fault(&mut self) {
        let alive: Vec<_> = (0..self.bodies.len())
            .filter(|i| self.bodies[*i].runs())
            .collect();
        let Some(index) = self.rng.choice(alive).filter(|_| self.rng.bool()) else {
            return;
        };
        let body = &mut self.bodies[index];
        body.stage = Stage::Ended { left: 0 };
        body.ended = Some(self.t);
        body.record = Some(Exit::Code(1));
        let of = body.of.clone();
        self.note(|| format!("  {of:?} ends, and nobody hears of it"));
        self.coverage.count("ends in calm that nobody heard of");
    }

    /// Whatever lives is healthy from now on.
    pub(crate) fn bodies_recover(&mut self) {
        for index in 0..self.bodies.len() {
            let calm = Temper::calm(&mut self.rng);
            let body = &mut self.bodies[index];
            let began_ready = body.began.map(|began| self.t - began);
            body.temper = Temper {
                ready_after: began_ready.or(calm.ready_after),
                latency: body.temper.latency,
                ..calm
            };
        }
    }

    /// A second attempt of a living worker, such as a start that nobody knew of leaves behind.
    pub(crate) fn add_double(&mut self) -> Option<usize> {
        let alive: Vec<_> = (0..self.bodies.len())
            .filter(|i| self.bodies[*i].runs())
            .collect();
        let index = self.rng.choice(alive)?;
        let (seconds, number) = (self.rng.i64(-3600..3600), self.rng.u32(..));
        Some(self.double(index, seconds, number))
    }

    /// Another attempt of the worker that this one is of begins, so many seconds later by its name.
    pub(crate) fn double(&mut self, index: usize, seconds: i64, number: u32) -> usize {
        let mut body = self.bodies[index].clone();
        let wall = self
            .wall()
            .checked_add(jiff::SignedDuration::from_secs(seconds))
            .unwrap();
        body.of.attempt = AttemptId::new(wall, number);
        body.stage = Stage::Ordered;
        body.double = true;
        body.signals.clear();
        body.concluded = false;
        body.watched = false;
        (body.began, body.ended, body.record) = (None, None, None);
        (body.with_machine, body.until_reboot) = (None, false);
        (body.temper.unstartable, body.temper.short) = (false, false);
        body.ordered = self.t;
        let double = self.add_body(body);
        self.act(double, Act::Begin);
        self.coverage.count("doubles made");
        double
    }
}
