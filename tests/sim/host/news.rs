//! What the daemon hears from the host.
//!
//! Promise: whatever is said was true when it was said, or is that the host does not know. News may
//! come late, twice, in another order or never; a question of what lives is answered for sure, at
//! once or later. How: what is not said at once goes to the queue of the world, with a delay.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use loopkeeper::{
    agent::signs::Signs,
    decide::{Event, Looked},
    model::{AttemptRef, Condition, Exit, Found, HostEvent, Intervention, Stop, WorkerName},
};

use crate::{
    body::{Body, Stage},
    terminal::{self, Limit},
    world::{Item, World},
};

impl World {
    /// The daemon hears of it, if it watches: sooner, later, twice or never.
    pub(super) fn hear(&mut self, index: usize, event: HostEvent) {
        if self.bodies[index].watched {
            self.result_or_loss(Event::Host(event));
        }
    }

    /// An answer that comes for sure: at once, or later.
    pub(super) fn result(&mut self, event: Event) {
        if self.nature.percent(&mut self.rng, 80) || self.nature.is_calm() {
            return self.follow_last(event);
        }
        let late = self.nature.delay(&mut self.rng);
        self.coverage.count("answers of the host delayed");
        self.tell_later(late, event);
    }

    pub(crate) fn result_or_loss(&mut self, event: Event) {
        if self.nature.loses(&mut self.rng) {
            self.coverage.count(match &event {
                Event::Host(HostEvent::Started(..)) => "lost: Started",
                Event::Host(HostEvent::Ended(..)) => "lost: Ended",
                Event::Host(HostEvent::Gone(..)) => "lost: Gone",
                Event::Host(HostEvent::StartFailed(..)) => "lost: StartFailed",
                Event::Host(HostEvent::Shortage(..)) => "lost: Shortage",
                Event::Probed(..) => "lost: Probed",
                Event::Watched(..) => "lost: Watched",
                Event::Typed(..) => "lost: Typed",
                Event::Checkout(..) => "lost: Checkout",
                _ => "lost: PhaseChecked",
            });
            return;
        }
        if self.nature.doubles(&mut self.rng) && !is_told_once(&event) {
            self.coverage.count("events doubled");
            let late = self.nature.delay(&mut self.rng);
            self.tell_later(late, event.clone());
        }
        let late = self.nature.delay(&mut self.rng);
        self.tell_later(late, event);
    }

    pub(crate) fn tell_later(&mut self, late: u64, event: Event) {
        let Some(daemon) = &self.daemon else { return };
        let number = daemon.number;
        if self.lately.len() >= 32 {
            self.lately.pop_front();
        }
        if !is_told_once(&event) {
            self.lately.push_back(event.clone());
        }
        self.later(late, Item::Tell(number, event));
    }

    pub(super) fn probe(&mut self, of: AttemptRef) {
        let body = self.index.get(&of).map(|index| &self.bodies[*index]);
        let told = self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.told.heard.get(&of));
        let ready = told.is_none_or(|heard| !heard.answered);
        let unable = self.t < self.silent_until && self.nature.flips(&mut self.rng);
        let says = match body {
            _ if unable => Looked::Unable("cannot be started".into()),
            Some(body) => body.answers(self.t, ready),
            None => Looked::Failed("there is no such attempt".into()),
        };
        match &says {
            Looked::Well => {}
            Looked::Failed(_) => self.coverage.count("looks that failed"),
            Looked::Unable(_) => self.coverage.count("looks that nobody could take"),
        }
        self.result_or_loss(Event::Probed(of, says));
    }

    /// What is half-done in a checkout: of those who are in much trouble, always something.
    pub(super) fn checkout(&mut self) -> Result<Vec<String>, String> {
        if self.nature.percent(&mut self.rng, 5) {
            return Err("git cannot be run".into());
        }
        let trouble = self.nature.trouble();
        Ok(match self.nature.percent(&mut self.rng, trouble) {
            true => vec!["1 file is not committed: a".into()],
            false => Vec::new(),
        })
    }

    /// What a look at its terminal sees: of who lives, whatever its agent is about.
    pub(super) fn signs(&mut self, of: &AttemptRef) -> Result<Box<Signs>, String> {
        if self.night.is_some() {
            return self.signs_at_night(of);
        }
        let body = self.index.get(of).map(|index| &self.bodies[*index]);
        let there = body.is_some_and(Body::lives);
        let limit = body.and_then(|body| body.limit.clone());
        if let Some(limit) = limit.filter(|_| there && self.nature.is_calm()) {
            return Ok(Box::new(limit.signs(self.wall())));
        }
        if there && self.nature.is_calm() {
            return Ok(Box::new(terminal::at_rest()));
        }
        if !there || self.nature.percent(&mut self.rng, 5) {
            self.coverage.count("screens that nobody saw");
            return Err("tmux does not answer".into());
        }
        self.coverage.count("screens that were seen");
        // Seldom else: few daemons die with a text on a line, and what becomes of it depends on this look.
        if self.lines.has_text(of) && self.rng.u32(0..8) > 0 {
            return Ok(Box::new(terminal::at_rest()));
        }
        if self.nature.percent(&mut self.rng, 5) {
            self.reaches_limit(of);
        }
        let body = self.index.get(of).map(|index| &self.bodies[*index]);
        if let Some(limit) = body.and_then(|body| body.limit.as_ref()) {
            return Ok(Box::new(limit.signs(self.wall())));
        }
        Ok(Box::new(terminal::random(&mut self.rng)))
    }

    /// Its agent is at its limit from now on, if it was not before.
    fn reaches_limit(&mut self, of: &AttemptRef) {
        let now = self.wall();
        let lasts = SignedDuration::from_secs(self.rng.i64(1..90));
        let Some(body) = self.index.get(of).map(|index| &mut self.bodies[*index]) else {
            return;
        };
        if body.limit.is_none() {
            self.coverage.count("limits reached");
            body.limit = Some(Limit::new(now + lasts, now));
        }
    }

    pub(super) fn survey(&mut self) -> Result<Vec<Found>, String> {
        if self.t < self.silent_until && self.nature.flips(&mut self.rng) {
            self.coverage.count("surveys that failed");
            return Err("cannot list processes".into());
        }
        let there = |body: &&Body| !body.concluded || body.lives();
        let refs: Vec<_> = self
            .bodies
            .iter()
            .filter(there)
            .map(|body| body.of.clone())
            .collect();
        let found = refs.into_iter().map(|of| Found {
            on: None,
            stop: self.stop_of(&of),
            is: self.condition(&of),
            attempt: of,
        });
        Ok(found.collect())
    }

    /// How it was to be stopped when it was started.
    pub(super) fn stop_of(&self, of: &AttemptRef) -> Option<Stop> {
        let index = self.index.get(of)?;
        Some(self.bodies[*index].worker.stop)
    }

    pub(super) fn condition(&mut self, of: &AttemptRef) -> Condition {
        if self.t < self.silent_until && self.nature.flips(&mut self.rng) {
            self.coverage.count("answers: unknown");
            return Condition::Unknown("the host does not answer".into());
        }
        let Some(index) = self.index.get(of) else {
            return Condition::NeverStarted;
        };
        let body = &self.bodies[*index];
        match &body.stage {
            Stage::Ordered => Condition::Unknown("it is being started".into()),
            Stage::Alive(identity) => Condition::Alive(identity.clone()),
            Stage::Ended { left } => Condition::Ended {
                exit: body
                    .record
                    .clone()
                    .unwrap_or_else(|| Exit::Lost("nobody saw it".into())),
                survivors: usize::try_from(*left).unwrap(),
                by: body.with_machine.map(Intervention::MachineWentDown),
            },
            Stage::NeverStarted => Condition::NeverStarted,
        }
    }
}

/// Names of workers that a list of findings has more than once alive.
pub(super) fn doubled(found: &[Found]) -> Vec<WorkerName> {
    let mut seen = BTreeMap::<&WorkerName, u32>::new();
    for one in found {
        if matches!(
            one.is,
            Condition::Alive(_) | Condition::Ended { survivors: 1.., .. }
        ) {
            *seen.entry(&one.attempt.worker).or_default() += 1;
        }
    }
    seen.into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Who looks at a terminal gives one answer: two of one look would count as two looks.
fn is_told_once(event: &Event) -> bool {
    matches!(event, Event::Watched(..))
}
