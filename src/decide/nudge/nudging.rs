//! One text for the terminal of an agent: who wants it, and how far it is.

use std::{sync::Arc, time::Duration};

use super::{
    super::{Answer, Fact, Owed, RequestId, Trouble, When, worker::Worker},
    NudgeId, told,
};
use crate::{
    agent::{profile::Profile, screen::Fingerprint, typed::Permission},
    model::{AttemptRef, ItemName, Mono, WorkerName},
};

/// Who wants a text to be typed, and hears how that went.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// Somebody who waits for the answer.
    Asked(RequestId),
    /// Nobody: it lies in the worker's inbox, as this file (`inbox`).
    Inbox(ItemName),
    /// We: its agent is to be told this by itself.
    Own(Owed),
    /// The rig, for its worker is at a usage limit that is over by its words. It tells by itself.
    Wake,
    /// The rig, for something keeps its worker from its work, and a word may help. It tells by itself.
    Unstick {
        /// What.
        what: Trouble,
        /// What it does is ended first.
        interrupts: bool,
    },
}

/// How long a text waits for its turn, and for its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Patience {
    pub(super) until: Mono,
    pub(super) within: Duration,
}

impl Patience {
    pub(super) fn from(now: Mono, within: Duration) -> Self {
        Self {
            until: now + within,
            within,
        }
    }
}

/// A text, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::decide) struct Nudging {
    pub(super) origin: Origin,
    pub(in crate::decide) id: NudgeId,
    pub(in crate::decide) attempt: AttemptRef,
    pub(super) agent: Arc<Profile>,
    pub(super) text: String,
    pub(super) when: When,
    /// `None`: as long as its attempt runs.
    pub(super) patience: Option<Patience>,
    /// Whoever asked for it has hung up.
    pub(super) unheard: bool,
    /// It came to a try, and nothing was typed.
    pub(super) refused: bool,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// For its turn, and for its agent.
    Waiting {
        /// It was refused, and is tried again by a look that is at least as late as this.
        again: Option<Mono>,
    },
    /// The store is asked to take it.
    Recording(Fact),
    Typing {
        /// By when it should have been said how it went.
        until: Mono,
        /// It is not tried again.
        last: bool,
    },
    /// The store is asked to take how it ended; then that is answered.
    Over(Fact, Answer),
}

impl Nudging {
    /// What the agent of an attempt is to be told by itself; its words are found when it is begun.
    pub(in crate::decide) fn own(
        id: u64,
        attempt: AttemptRef,
        agent: Arc<Profile>,
        owed: Owed,
        now: Mono,
    ) -> Self {
        Self {
            origin: Origin::Own(owed),
            id: NudgeId(id),
            attempt,
            agent,
            text: String::new(),
            when: When::Idle,
            patience: None,
            unheard: false,
            refused: false,
            stage: Stage::Waiting { again: Some(now) },
        }
    }

    /// What the rig wants by itself, and tells by itself.
    pub(super) fn of_rig(
        id: NudgeId,
        origin: Origin,
        attempt: AttemptRef,
        agent: Arc<Profile>,
        text: String,
        patience: Patience,
    ) -> Self {
        Self {
            origin,
            id,
            attempt,
            agent,
            text,
            when: When::Idle,
            patience: Some(patience),
            unheard: false,
            refused: false,
            stage: Stage::Waiting { again: None },
        }
    }

    pub(in crate::decide) fn is_own(&self) -> bool {
        matches!(self.origin, Origin::Own(_))
    }

    pub(in crate::decide) fn is_for(&self, of: &AttemptRef) -> bool {
        self.attempt == *of
    }

    /// Somebody has it in hand, so that no other one may be typed.
    pub(in crate::decide) fn is_begun(&self) -> bool {
        matches!(self.stage, Stage::Recording(_) | Stage::Typing { .. })
    }

    pub(in crate::decide) fn next_deadline(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Waiting { .. } => self.patience.map(|patience| patience.until),
            Stage::Typing { until, .. } => Some(*until),
            Stage::Recording(_) | Stage::Over(..) => None,
        }
    }

    /// A text in the inbox of a worker, for this attempt.
    pub(in crate::decide) fn of_item(
        id: NudgeId,
        item: ItemName,
        attempt: AttemptRef,
        agent: Arc<Profile>,
        text: String,
    ) -> Self {
        Self {
            origin: Origin::Inbox(item),
            id,
            attempt,
            agent,
            text,
            when: When::Idle,
            patience: None,
            unheard: false,
            refused: false,
            stage: Stage::Waiting { again: None },
        }
    }

    /// The file that it came in.
    pub(in crate::decide) fn item(&self) -> Option<&ItemName> {
        match &self.origin {
            Origin::Inbox(item) => Some(item),
            Origin::Asked(_) | Origin::Own(_) | Origin::Wake | Origin::Unstick { .. } => None,
        }
    }

    fn is_item_of(&self, worker: &WorkerName) -> bool {
        self.item().is_some() && self.attempt.worker == *worker
    }

    pub(in crate::decide) fn is_waiting_item_of(&self, worker: &WorkerName) -> bool {
        self.is_item_of(worker) && !self.is_begun()
    }

    pub(in crate::decide) fn is_begun_item_of(&self, worker: &WorkerName) -> bool {
        self.is_item_of(worker) && self.is_begun()
    }

    /// Another text lies there, or another file.
    pub(in crate::decide) fn is_now(&mut self, item: ItemName, text: String) {
        (self.origin, self.text) = (Origin::Inbox(item), text);
    }

    /// Nothing of it was typed; the try that is over.
    pub(in crate::decide) fn waits_again(&mut self, another: NudgeId, again: Mono) -> NudgeId {
        self.stage = Stage::Waiting { again: Some(again) };
        self.refused = true;
        std::mem::replace(&mut self.id, another)
    }

    /// For whom it is typed.
    pub(in crate::decide) fn worker(&self) -> &WorkerName {
        &self.attempt.worker
    }

    /// Into which attempt it is typed.
    pub(in crate::decide) fn attempt(&self) -> &AttemptRef {
        &self.attempt
    }

    /// It is for what runs of the worker, as it is known now.
    pub(in crate::decide) fn is_of(&self, worker: &Worker) -> bool {
        worker.is_attempt(&self.attempt) && worker.rules.agent.as_ref() == Some(&self.agent)
    }

    /// Since when it waits for its turn and for its agent, if it does not do so for ever.
    pub(in crate::decide) fn began(&self) -> Option<Mono> {
        let Patience { until, within } = self.patience?;
        Some(Mono(until.0.saturating_sub(
            u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
        )))
    }

    /// It is to wake its worker.
    pub(in crate::decide) fn is_wake(&self) -> bool {
        self.origin == Origin::Wake
    }

    /// It is to wake this worker, and nobody knows yet how that goes.
    pub(in crate::decide) fn wakes(&self, worker: &WorkerName) -> bool {
        self.is_wake() && self.is_ahead_for(worker)
    }

    /// It is to unstick its worker, that is kept from its work by this.
    pub(in crate::decide) fn unsticks(&self) -> Option<Trouble> {
        match self.origin {
            Origin::Unstick { what, .. } => Some(what),
            Origin::Asked(_) | Origin::Inbox(_) | Origin::Own(_) | Origin::Wake => None,
        }
    }

    /// It is to be typed to this worker, or is.
    pub(in crate::decide) fn is_ahead_for(&self, worker: &WorkerName) -> bool {
        self.worker() == worker && !matches!(self.stage, Stage::Over(..))
    }

    /// Somebody waits for the answer.
    pub(in crate::decide) fn is_asked(&self) -> bool {
        matches!(self.origin, Origin::Asked(_))
    }

    /// It is typed only to an agent at its input line.
    pub(in crate::decide) fn is_for_rest(&self) -> bool {
        self.when == When::Idle && self.unsticks() != Some(Trouble::Stall)
    }

    /// It is not being typed, and was refused for something that passes.
    pub(in crate::decide) fn is_put_off(&self) -> bool {
        matches!(self.stage, Stage::Waiting { again: Some(_) })
    }

    /// It came to a try before this one, and nothing was typed.
    pub(in crate::decide) fn was_refused(&self) -> bool {
        self.refused
    }

    /// Nobody has it in hand.
    pub(in crate::decide) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. })
    }

    /// It has waited for as long as it may.
    pub(in crate::decide) fn is_late(&self, now: Mono) -> bool {
        self.patience.is_some_and(|patience| now >= patience.until)
    }

    /// What it may be typed over; `picture`: what is on its screen, as of the last look.
    pub(super) fn permission(&self, picture: Option<Fingerprint>) -> Permission {
        let usual = Permission {
            busy: self.when == When::Now,
            ..Permission::default()
        };
        match self.origin {
            Origin::Asked(_) | Origin::Inbox(_) | Origin::Own(_) => usual,
            Origin::Wake => Permission {
                limited: true,
                ..usual
            },
            // Its screen says that it works, and that is not so. Where no input line is seen, a shell may
            // read the text.
            Origin::Unstick { what, interrupts } => Permission {
                busy: what == Trouble::Stall,
                unseen: false,
                interrupt: interrupts,
                still: picture.filter(|_| what == Trouble::Stall),
                ..usual
            },
        }
    }

    /// What it is called in the history.
    pub(in crate::decide) fn about(&self) -> String {
        let about = told::about(&self.text);
        match &self.origin {
            Origin::Asked(_) | Origin::Inbox(_) | Origin::Wake | Origin::Unstick { .. } => about,
            Origin::Own(owed) => format!("{owed}: {about}"),
        }
    }
}
