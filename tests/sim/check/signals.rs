//! What holds of a signal, and of an attempt that is put away.
//!
//! Promise: no tree is signalled without a reason, none is killed within its grace, and none is
//! history before it is over. How: a reason is looked for in what the daemon was told, and the first
//! one found for a living attempt condemns it: every later signal continues that stop.

use loopkeeper::model::{AttemptRef, PhaseId, Signal};

use crate::{
    body::{Body, Stage},
    store::Content,
    told::{ASTRAY, Place, Told, millis},
};

use super::{Checked, Checks, Violation, Why, ensure};

impl Checks {
    /// An attempt is about to be signalled: for what reason?
    pub(crate) fn signal(
        &mut self,
        t: u64,
        of: &AttemptRef,
        signal: Signal,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Result<Why, Violation> {
        let Some(body) = world.iter().find(|body| body.of == *of) else {
            return Err(Violation {
                check: "justified-signal",
                message: format!("{of:?} is signalled and never was"),
            });
        };
        let why = self.justification(t, body, told, world, content);
        let Some(why) = why else {
            return Err(Violation {
                check: "justified-signal",
                message: format!(
                    "{of:?} ({:?}) got {signal}, and nobody wanted that; heard {:?}",
                    body.stage,
                    told.heard.get(of)
                ),
            });
        };
        if body.runs() && signal == Signal::KILL {
            let asked = body
                .signals
                .iter()
                .find(|signalled| signalled.signal != Signal::KILL);
            let now = told
                .config
                .workers
                .get(&of.worker)
                .map(|rules| rules.stop.grace);
            let grace = asked.map(|asked| asked.grace.min(now.unwrap_or(asked.grace)));
            let until = asked
                .zip(grace)
                .map(|(asked, grace)| asked.t + millis(grace));
            ensure!(
                until.is_some_and(|until| until <= t),
                "grace",
                "{of:?} is killed at {t} within its grace of {grace:?}: {:?}",
                body.signals
            );
        }
        self.condemn(of, Some(why));
        Ok(why)
    }

    pub(super) fn justification(
        &self,
        t: u64,
        body: &Body,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Option<Why> {
        let of = &body.of;
        if body.ended.is_some() || body.stage == Stage::NeverStarted {
            return Some(Why::Leftovers);
        }
        if self.condemned.contains_key(of) {
            return Some(Why::Continued);
        }
        let unwanted = told.unwanted(&of.worker);
        if let Some(why) = unwanted.filter(|why| *why != ASTRAY) {
            return Some(Why::Wanted(why));
        }
        let declared = told.config.workers.get(&of.worker);
        if let Some(now) = declared.filter(|_| unwanted.is_none()) {
            let (phase, definition) = self.believed(body, content);
            if now.definition() != definition {
                return Some(Why::Definition);
            }
            if told.told_another_phase(now, phase) {
                return Some(Why::Phase);
            }
        }
        if told.heard.get(of).is_some_and(|heard| heard.restart) {
            return Some(Why::Restart);
        }
        if told.safe.contains(of) && self.phase_may_end(told) {
            return Some(Why::PhaseOver);
        }
        if let Some(verdict) = told.verdict(t, of) {
            return Some(Why::Verdict(verdict));
        }
        let lives = |other: &&Body| other.of.worker == of.worker && other.lives();
        let doubled = world.iter().filter(lives).count() > 1 || told.another_lives(of);
        doubled.then_some(Why::Double)
    }

    /// The end of the current phase was seen, or asked for.
    fn phase_may_end(&self, told: &Told) -> bool {
        match &told.at {
            Place::Phase(_, id) => self.over.contains(id) || self.endings.may_end(id),
            Place::NoPlan | Place::Complete | Place::Astray => false,
        }
    }

    /// The phase and the definition of an attempt. Of one whose start no disk took, a later daemon
    /// can only guess them, and abides by its guess.
    fn believed<'a>(&'a self, body: &'a Body, content: &'a Content) -> (Option<&'a PhaseId>, u64) {
        let recorded = content.attempts.get(&body.of);
        let guessed = body.guessed || body.double || recorded.is_none();
        let said = self.decided.get(&body.of).filter(|_| guessed);
        let guess = recorded.filter(|_| guessed);
        match (said, guess) {
            (Some((phase, definition)), _) => (phase.as_ref(), *definition),
            (None, Some(guess)) => (guess.phase.as_ref(), guess.definition),
            (None, None) => (
                body.told.as_ref().map(|told| &told.id),
                body.worker.definition(),
            ),
        }
    }

    pub(super) fn condemn(&mut self, of: &AttemptRef, why: Option<Why>) {
        if let Some(why) = why.filter(|why| *why != Why::Leftovers) {
            self.condemned.entry(of.clone()).or_insert(why);
        }
    }

    /// An attempt is about to become history.
    pub(crate) fn conclude(&self, of: &AttemptRef, content: &Content, body: &Body) -> Checked {
        ensure!(
            !body.lives(),
            "concluded-when-over",
            "{of:?} is concluded while it is {:?}",
            body.stage
        );
        let known = content.attempts.get(of);
        ensure!(
            known.is_none_or(|known| known.ended.is_some()),
            "concluded-when-recorded",
            "{of:?} is concluded before its end is recorded"
        );
        Ok(())
    }
}
