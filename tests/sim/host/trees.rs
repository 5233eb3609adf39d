//! The life of a tree: it begins, feels signals, and ends, with or without leftovers.
//!
//! Promise: a tree does only what its temper and the signals that reached it make it do, and each
//! step is told to whoever watches. How: a step is put off by the temper's own times, and one that
//! no longer fits the stage of the tree does nothing.

use loopkeeper::model::{AttemptRef, Exit, HostEvent, Identity, Signal};

use crate::{
    body::{Body, Signalled, Stage},
    check::{Checked, Why},
    world::{Item, World},
};

use super::Act;

impl World {
    pub(super) fn add_body(&mut self, body: Body) -> usize {
        let index = self.bodies.len();
        let latency = body.temper.latency;
        self.index.insert(body.of.clone(), index);
        self.bodies.push(body);
        self.later(latency, Item::Body(index, Act::Begin));
        index
    }

    pub(super) fn adopt(&mut self, index: usize) {
        self.coverage.count("attempts taken over");
        let body = &mut self.bodies[index];
        body.watched = true;
        if let Some(exit) = body.record.clone() {
            let (of, lives) = (body.of.clone(), body.lives());
            self.hear(index, HostEvent::Ended(of.clone(), exit, None));
            if !lives {
                self.hear(index, HostEvent::Gone(of));
            }
        }
    }

    pub(super) fn signal(&mut self, of: &AttemptRef, signal: Signal) -> Checked {
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let why = self.checks.signal(
            self.t,
            of,
            signal,
            &daemon.told,
            &self.bodies,
            &self.store.now,
        )?;
        let first = self
            .index
            .get(of)
            .is_some_and(|index| self.bodies[*index].signals.is_empty());
        let why = match self.checks.condemned.get(of) {
            Some(condemned) if first => *condemned,
            _ => why,
        };
        if let Some(night) = &mut self.night {
            night.signalled(self.t, of, why);
        }
        self.coverage.count(match why {
            Why::Leftovers => "signals to leftovers",
            Why::Wanted(_) => "stops because it was not wanted",
            Why::Definition => "stops for another definition",
            Why::Restart => "stops for the operator's restart",
            Why::Phase => "stops for another phase",
            Why::PhaseOver => "stops at a safe point",
            Why::Verdict("not ready") => "stops by verdict: not ready",
            Why::Verdict(_) => "stops by verdict: not well",
            Why::Double => "stops of doubles",
            Why::Continued => "stops continued",
        });
        let Some(index) = self.index.get(of).copied() else {
            return Ok(());
        };
        let body = &mut self.bodies[index];
        let declared = daemon.told.config.workers.get(&of.worker);
        let removed = daemon.told.graces.get(&of.worker).copied();
        let grace = declared.map(|rules| rules.stop.grace).or(removed);
        let grace = grace.unwrap_or(body.worker.stop.grace);
        body.watched = true;
        body.signals.push(Signalled {
            t: self.t,
            signal,
            grace,
        });
        if !body.lives() {
            self.hear(index, HostEvent::Gone(of.clone()));
        }
        self.feel(index, signal);
        Ok(())
    }

    /// What a signal does to a tree.
    fn feel(&mut self, index: usize, signal: Signal) {
        let body = &self.bodies[index];
        let temper = &body.temper;
        let act = match (&body.stage, signal) {
            (Stage::Alive(_) | Stage::Ended { left: 1.. }, Signal::KILL) => {
                Some((temper.killed_within, Act::Killed))
            }
            (Stage::Alive(_), _) => temper
                .obeys
                .as_ref()
                .map(|(within, exit)| (*within, Act::End(exit.clone()))),
            (Stage::Ended { left: 1.. }, _) if temper.leftovers_obey => {
                Some((50, Act::LeftoversEnd))
            }
            // Felt when it begins.
            (Stage::Ordered | Stage::Ended { .. } | Stage::NeverStarted, _) => None,
        };
        match act {
            Some((within, act)) => self.later(within, Item::Body(index, act)),
            None => self.coverage.count("signals without effect"),
        }
    }

    /// Something happens to a tree.
    pub(crate) fn act(&mut self, index: usize, act: Act) {
        let t = self.t;
        let body = &mut self.bodies[index];
        let of = body.of.clone();
        match (act, &body.stage) {
            (Act::Begin, Stage::Ordered) if body.temper.unstartable => {
                let why = "no such program".to_owned();
                body.stage = Stage::Ended { left: 0 };
                body.ended = Some(t);
                body.record = Some(Exit::Lost(format!("could not be started: {why}")));
                self.coverage.count("attempts that could not be started");
                self.hear(index, HostEvent::StartFailed(of, why));
            }
            (Act::Begin, Stage::Ordered) if body.temper.short => {
                body.stage = Stage::NeverStarted;
                self.coverage
                    .count("attempts for want of something not started");
                self.hear(index, HostEvent::Shortage(of, "no space left".into()));
            }
            (Act::Begin, Stage::Ordered) => self.begin(index),
            (Act::End(exit), Stage::Alive(_)) => {
                let kept = match body.temper.loses_exit {
                    true => Exit::Lost("its exit record could not be written".into()),
                    false => exit,
                };
                self.ends(index, kept);
            }
            (Act::Killed, Stage::Alive(_)) => {
                body.temper.leftovers = 0;
                let kept = match body.temper.loses_exit {
                    true => Exit::Lost("its exit record could not be written".into()),
                    false => Exit::Signal(Signal::KILL),
                };
                self.ends(index, kept);
            }
            (Act::Killed | Act::LeftoversEnd, Stage::Ended { left: 1.. }) => {
                body.stage = Stage::Ended { left: 0 };
                self.hear(index, HostEvent::Gone(of));
            }
            (Act::Begin | Act::End(_) | Act::Killed | Act::LeftoversEnd, _) => {}
        }
    }

    fn begin(&mut self, index: usize) {
        self.pid += 1;
        let identity = Identity {
            boot: self.boot_id().clone(),
            pid: self.pid,
            started: self.t,
        };
        let body = &mut self.bodies[index];
        body.stage = Stage::Alive(identity.clone());
        body.began = Some(self.t);
        let of = body.of.clone();
        let waiting: Vec<_> = body
            .signals
            .iter()
            .map(|signalled| signalled.signal)
            .collect();
        if let Some((lifetime, exit)) = body.temper.own_end.clone() {
            self.later(lifetime, Item::Body(index, Act::End(exit)));
        }
        self.hear(index, HostEvent::Started(of, identity));
        for signal in waiting {
            self.feel(index, signal);
        }
    }

    fn ends(&mut self, index: usize, exit: Exit) {
        self.ends_at_night(index);
        let body = &mut self.bodies[index];
        let left = body.temper.leftovers;
        body.stage = Stage::Ended { left };
        body.ended = Some(self.t);
        body.record = Some(exit.clone());
        let of = body.of.clone();
        let leftovers_end = body.temper.leftovers_end;
        let what = if body.signals.is_empty() {
            "own ends"
        } else {
            "ends after a signal"
        };
        self.coverage.count(what);
        self.note(|| format!("  {of:?} ends: {exit}, {left} left"));
        self.hear(index, HostEvent::Ended(of.clone(), exit, None));
        match (left, leftovers_end) {
            (0, _) => self.hear(index, HostEvent::Gone(of)),
            (_, Some(after)) => self.later(after, Item::Body(index, Act::LeftoversEnd)),
            (_, None) => self.coverage.count("leftovers that stay"),
        }
    }
}
