//! Who sends the plan to a phase is told at once where that is over already.
//!
//! Promise: the answer waits for the first look at the phase's end, and no longer than [`PATIENCE`]; it
//! waits for none where nobody looks: the plan stands still, or the phase ends when a person says so.

use std::time::Duration;

use super::{Effect, RequestId, Rig};
use crate::model::{Mono, Now};

/// For a look. One at a file is done at once; a command may take its time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Somebody whose resume point is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    id: RequestId,
    answer: String,
    pub(super) until: Mono,
}

impl Rig {
    /// The resume point is where this request wanted it, and the first look at the phase is due.
    pub(super) fn sent(&mut self, now: Now, id: RequestId, answer: String) {
        let sender = Sender {
            id,
            answer,
            until: now.mono + PATIENCE,
        };
        let earlier = self.sender.replace(sender);
        self.answer_to(earlier);
    }

    /// The phase is over, as somebody looked for the first time.
    pub(super) fn sent_in_vain(&mut self, warning: &str) {
        if let Some(sender) = &mut self.sender {
            sender.answer.push_str(&format!("\nwarning: {warning}"));
        }
    }

    /// Once there was a look, or there will be none.
    pub(super) fn answer_sender(&mut self, now: Now) {
        let looked = !self.progress.just_set || self.phase_deadline().is_none();
        let late = |sender: &Sender| now.mono >= sender.until;
        let sender = self.sender.take_if(|sender| looked || late(sender));
        self.answer_to(sender);
    }

    fn answer_to(&mut self, sender: Option<Sender>) {
        if let Some(Sender { id, answer, .. }) = sender {
            self.out.push(Effect::Answer(id, Ok(answer.into())));
        }
    }
}
