//! Texts that an agent is told by itself, where they go another way than those of people.

use super::{
    super::{Rig, Trouble},
    Nudging, Origin, Stage,
};
use crate::{agent::sighting::Seen, model::Now};

impl Nudging {
    /// Whether one that was seen so is worth another try. For what nobody waits, no try is made to hear
    /// why not.
    pub(super) fn may_try(&self, seen: &Seen) -> bool {
        match seen {
            Seen::Busy | Seen::Unknown => self.unsticks() == Some(Trouble::Stall),
            Seen::Waiting | Seen::Outage { .. } => true,
            Seen::Asking { .. } | Seen::Limited { .. } | Seen::Crashed { .. } => !self.is_own(),
        }
    }
}

impl Rig {
    /// Finds what its agent is to be told by now; `false`: nothing, and the text is gone.
    pub(super) fn find_words(&mut self, now: Now, at: usize) -> bool {
        let of = self.nudges[at].attempt.clone();
        let Some((owed, words, paid)) = self.pay(&of) else {
            self.nudges.remove(at);
            return false;
        };
        self.ledger.add(paid);
        match words {
            Ok(words) => {
                let nudge = &mut self.nudges[at];
                (nudge.origin, nudge.text) = (Origin::Own(owed), words);
                true
            }
            Err(why) => {
                self.nudges.remove(at);
                self.tell_not_told(now, &of, &owed, &why);
                false
            }
        }
    }

    /// A try has come to nothing: what it was to tell is owed again.
    pub(super) fn not_paid(&mut self, nudge: &Nudging) -> bool {
        match &nudge.origin {
            Origin::Asked(_) | Origin::Inbox(_) | Origin::Wake | Origin::Unstick { .. } => false,
            Origin::Own(owed) => self.owe_again(&nudge.attempt, owed.clone()),
        }
    }

    /// Whether what cannot be told to this attempt any more is told to another one, or by another daemon.
    pub(super) fn keeps_debt(&mut self, nudge: &Nudging) -> bool {
        if !nudge.is_own() || self.leaving.is_none() && self.nudge_lost(nudge).is_none() {
            return false;
        }
        match nudge.stage {
            // It is owed as long as it is not begun.
            Stage::Waiting { .. } => true,
            Stage::Recording(_) | Stage::Typing { .. } | Stage::Over(..) => self.not_paid(nudge),
        }
    }
}
