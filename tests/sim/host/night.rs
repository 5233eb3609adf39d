//! The agents of a night, in the place of what is on a screen by chance ([`Night`](crate::night::Night)).

use loopkeeper::{
    agent::{signs::Signs, typed::Permission},
    decide::{Event, NudgeId, Typed},
    model::AttemptRef,
};

use crate::{
    body::Body,
    night::Cause,
    world::{After, World},
};

impl World {
    /// When an attempt began whose program runs.
    fn began(&self, of: &AttemptRef) -> Option<u64> {
        let body = self.index.get(of).map(|index| &self.bodies[*index])?;
        body.began.filter(|_| body.runs())
    }

    pub(super) fn signs_at_night(&mut self, of: &AttemptRef) -> Result<Box<Signs>, String> {
        let (began, night) = (self.began(of), &mut self.night);
        let (Some(began), Some(night)) = (began, night) else {
            return Err("tmux does not answer".into());
        };
        night.looks(self.t, of, began)
    }

    /// Who types says after a while how it went.
    pub(super) fn type_at_night(&mut self, nudge: NudgeId, of: &AttemptRef, may: Permission) {
        let (began, night) = (self.began(of), &mut self.night);
        let (typed, within) = match (began, night) {
            (Some(began), Some(night)) => night.types(self.t, of, began, may),
            _ => {
                let why = "tmux does not answer".into();
                (Typed::Nothing { why }, 0)
            }
        };
        self.note(|| format!("  typed into {of:?}: {typed:?}"));
        self.tell_later(within, Event::Typed(nudge, typed));
    }

    /// A program ends.
    pub(super) fn ends_at_night(&mut self, index: usize) {
        let body: &Body = &self.bodies[index];
        let why = match (self.after, body.signals.is_empty()) {
            (After::Reboot, _) => None,
            (After::Restart, true) => Some(Cause::Crash),
            (After::Restart, false) => Some(Cause::Phase),
        };
        if let Some(night) = &mut self.night {
            night.ended(self.t, &body.of, why);
        }
    }
}
