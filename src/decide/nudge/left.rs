//! Texts that an earlier daemon began to type, and did not see the end of.
//!
//! # Promise
//!
//! Nothing of them is typed again. One that the first look at its attempt finds wholly on the input line is
//! submitted; whatever else is there, it is told as undecided. Of an inbox, its file has to lie there still, as
//! the first and with that text: another one of its name is not moved for it. Until then nothing else is typed
//! to its worker.
//!
//! # How
//!
//! ```text
//!  Unseen ─► Submitting ─► taken: told, delivered
//!     │          │
//!     └──────────┴─► told as undecided: it is not there, nobody can tell, or it is too late
//! ```
//!
//! Some agents put back on the input line what a person has interrupted, and so it may stand there again after
//! it was submitted. So it has to be fresh, the first look decides, that has to come soon after the daemon
//! began, and nobody who is attached may have pressed a key since it was begun. What is left: somebody who has
//! interrupted it between two daemons, and is not attached any more.

use std::{sync::Arc, time::Duration};

use super::{
    super::{Effect, Fact, Level, Rig, Typed, life::Life, worker::Worker},
    BegunNudge, LEAVES_WITHIN, NudgeId, Nudged, TYPING_SILENCE, if_left,
};
use crate::{
    agent::{
        profile::Profile,
        sighting::Seen,
        typed::{By, Digest},
    },
    model::{ItemName, Mono, Now, WorkerName},
};

/// How soon after a daemon began the first look has to come.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// What was begun longer ago is left to a person.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Whoever is attached has pressed no key for so long, at the least.
const UNDISTURBED: Duration = Duration::from_secs(30);

/// Such a text, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::decide) struct Left {
    begun: BegunNudge,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    /// Its attempt was not looked at; by when it has to be.
    Unseen { until: Mono },
    /// By when it should have been said how it went.
    Submitting { until: Mono },
}

/// What is to be done about it.
enum Next {
    Wait,
    Submit {
        agent: Arc<Profile>,
        digest: Digest,
        undisturbed: Duration,
        item: Option<ItemName>,
    },
    GiveUp,
}

impl Left {
    pub(in crate::decide) fn is_for(&self, worker: &WorkerName) -> bool {
        self.begun.attempt.worker == *worker
    }

    /// The file that it came in.
    pub(in crate::decide) fn item(&self) -> Option<&ItemName> {
        self.begun.item.as_ref()
    }

    pub(in crate::decide) fn next_deadline(&self) -> Mono {
        match self.stage {
            Stage::Unseen { until } | Stage::Submitting { until } => until,
        }
    }

    /// The daemon is to end: nobody waits for long any more.
    pub(super) fn hurry(&mut self, now: Mono) {
        if let Stage::Submitting { until } = &mut self.stage {
            *until = (*until).min(now + LEAVES_WITHIN);
        }
    }
}

impl Rig {
    /// What earlier daemons began and did not end.
    pub(in crate::decide) fn find_left(&mut self, now: Now, begun: Vec<BegunNudge>) {
        for begun in begun {
            if begun.item.is_none() {
                self.may_have_been_woken(&begun);
                self.may_have_been_unstuck(now, &begun);
            }
            // Only the last that was begun can stand on the input line.
            if let Some(before) = self
                .left
                .iter()
                .position(|left| left.is_for(&begun.attempt.worker))
            {
                let before = self.left.remove(before);
                self.leave_it_undecided(now, before.begun);
            }
            let until = now.mono + SEEN_WITHIN;
            let stage = Stage::Unseen { until };
            self.left.push(Left { begun, stage });
        }
    }

    /// Nobody knows yet what became of a text that was begun for this worker.
    pub(super) fn is_left_for(&self, worker: &WorkerName) -> bool {
        self.left.iter().any(|left| left.is_for(worker))
    }

    /// Submits what the first look allows, and gives up the rest.
    pub(in crate::decide) fn tend_left(&mut self, now: Now) {
        for left in std::mem::take(&mut self.left) {
            match self.next_of_left(now, &left) {
                Next::Wait => self.left.push(left),
                Next::Submit {
                    agent,
                    digest,
                    undisturbed,
                    item,
                } => {
                    let begun = BegunNudge { item, ..left.begun };
                    self.submit_left(now, begun, agent, digest, undisturbed);
                }
                Next::GiveUp => self.leave_it_undecided(now, left.begun),
            }
        }
    }

    fn next_of_left(&self, now: Now, left: &Left) -> Next {
        let begun = &left.begun;
        let Stage::Unseen { until } = left.stage else {
            return match now.mono >= left.next_deadline() {
                true => Next::GiveUp,
                false => Next::Wait,
            };
        };
        let age = Duration::try_from(now.wall.duration_since(begun.at));
        let (Some(digest), Ok(age)) = (begun.digest, age) else {
            return Next::GiveUp;
        };
        if self.leaving.is_some() || now.mono >= until || age > FRESH {
            return Next::GiveUp;
        }
        if self.remembered.is_some() {
            return Next::Wait;
        }
        let lives = |worker: &&Worker| {
            let attempt = worker.life.attempt();
            attempt.is_some_and(|attempt| attempt.of == begun.attempt && attempt.adopted)
        };
        let worker = self.workers.get(&begun.attempt.worker).filter(lives);
        let may = |worker: &&Worker| worker.declared && !worker.is_at_its_last_turn();
        let Some(worker) = worker.filter(may) else {
            return Next::GiveUp;
        };
        let watching = match &worker.life {
            Life::Running { watching, .. } => watching,
            Life::Starting { .. } | Life::Lost { .. } => return Next::Wait,
            Life::Stopping { .. }
            | Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_) => return Next::GiveUp,
        };
        let (Some(watching), Some(agent)) = (watching, &worker.rules.agent) else {
            return Next::GiveUp;
        };
        match watching.seen() {
            None => return Next::Wait,
            Some((_, Seen::Waiting)) => {}
            Some((
                _,
                Seen::Busy
                | Seen::Asking { .. }
                | Seen::Limited { .. }
                | Seen::Outage { .. }
                | Seen::Crashed { .. }
                | Seen::Unknown,
            )) => return Next::GiveUp,
        }
        let item = match begun.item.as_ref() {
            None => None,
            Some(item) => match self.lies_in(&begun.attempt.worker) {
                None => return Next::Wait,
                Some(lies) => match &lies.first {
                    Some((first, Ok(text)))
                        if first == item && Digest::of(text) == Some(digest) =>
                    {
                        Some(first.clone())
                    }
                    Some(_) | None => return Next::GiveUp,
                },
            },
        };
        Next::Submit {
            agent: agent.clone(),
            digest,
            undisturbed: age.max(UNDISTURBED),
            item,
        }
    }

    fn submit_left(
        &mut self,
        now: Now,
        begun: BegunNudge,
        agent: Arc<Profile>,
        digest: Digest,
        undisturbed: Duration,
    ) {
        self.out.push(Effect::Submit {
            nudge: begun.nudge,
            attempt: begun.attempt.clone(),
            agent,
            digest,
            undisturbed,
        });
        if let Some(worker) = self.worker_of(&begun.attempt) {
            worker.spend.is_typed_to();
        }
        let until = now.mono + TYPING_SILENCE;
        let stage = Stage::Submitting { until };
        self.left.push(Left { begun, stage });
    }

    /// Who was to submit it says how that went.
    pub(super) fn left_submitted(&mut self, now: Now, id: NudgeId, typed: Typed) {
        let is_it =
            |left: &Left| left.begun.nudge == id && matches!(left.stage, Stage::Submitting { .. });
        let Some(at) = self.left.iter().position(is_it) else {
            return;
        };
        let begun = self.left.remove(at).begun;
        match typed {
            Typed::Taken(by) => {
                if let Some(worker) = self.worker_of(&begun.attempt) {
                    let agent = worker.rules.agent.as_ref();
                    let counts_turns = agent.is_some_and(|agent| agent.turns.is_some());
                    worker.spend.taken(&by, true, counts_turns);
                }
                self.left_is_delivered(now, begun, Some(by));
            }
            Typed::Undecided => self.left_is_delivered(now, begun, None),
            Typed::Refused { .. } | Typed::Nothing { .. } | Typed::Failed { .. } => {
                self.leave_it_undecided(now, begun);
            }
        }
    }

    fn left_is_delivered(&mut self, now: Now, begun: BegunNudge, by: Option<By>) {
        self.conversation_began(&begun.attempt);
        let (attempt, worker) = (begun.attempt.clone(), &begun.attempt.worker);
        let is_proven = by.is_some();
        let nudged = Nudged { attempt, by };
        let how = format!(
            "({}): it stood on its input line, where the supervisor before had ended, and was submitted: {nudged}",
            begun.about
        );
        if begun.item.is_some() {
            self.word_came(now, &begun.attempt);
            return self.item_left_is_delivered(now, begun, &how);
        }
        let text = format!("{worker} was nudged {how}");
        match is_proven {
            true => self.tell(
                now,
                "worker-nudged",
                Level::Info,
                Some(&begun.attempt),
                text,
            ),
            false => self.tell_of_undecided(now, &begun.attempt, text),
        }
        let nudge = begun.nudge;
        self.ledger.add(Fact::NudgeOver { nudge });
    }

    /// Nobody knows how far it came.
    fn leave_it_undecided(&mut self, now: Now, begun: BegunNudge) {
        if begun.item.is_some() {
            return self.item_left_is_undecided(now, begun);
        }
        let worker = &begun.attempt.worker;
        let text = format!(
            "{worker} may have been nudged ({}): the supervisor ended while it was typed, and it \
             is not typed again; {}",
            begun.about,
            if_left(worker)
        );
        self.tell_of_undecided(now, &begun.attempt, text);
        let nudge = begun.nudge;
        self.ledger.add(Fact::NudgeOver { nudge });
    }
}
