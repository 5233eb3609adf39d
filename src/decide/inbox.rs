//! Files in the inboxes of agents: typed one after the other, and then put away.
//!
//! # Promise
//!
//! What lies in the inbox of a worker is typed once, in order, when its agent is at its input line and does
//! nothing; then it is moved, to `delivered/` or, with the reason, to `failed/`. What passes keeps it where
//! it is: that the agent works, asks, is limited, is not there. What was begun and nobody knows how it
//! went is in `failed/`, is told, and is not typed again by itself. People come first.
//!
//! # How
//!
//! ```text
//!  lies there ─► Nudging (begun is recorded with its name) ─► Settling ─► moved ─► over is recorded
//!       ▲            │ nothing was typed                        │ ▲
//!       └────────────┘                                          └─┘ cannot be moved: again, ever later
//! ```
//!
//! It is over only after the file was moved. So a daemon that finds one begun and not over, and does not find
//! its text on the input line to be submitted ([`Left`]), has it moved to `failed/`. If it is in
//! `delivered/` by then, it had been settled; if it is in `failed/`, nobody was told, as that is recorded with
//! its end; and if it is nowhere, somebody has taken it away, and that it was begun is told. Until it is moved
//! nothing else of that inbox is typed.
//!
//! What lies there is told by looks ([`Event::Inbox`](super::Event::Inbox)), in the order in which it came
//! to be whole, with the text of the first. Until it is begun, the latest text counts, and what is no
//! longer there is not typed; what was typed counts from then on, whatever is in the file that is moved.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    BegunNudge, Effect, Fact, Level, NudgeId, Nudged, Rig, Typed,
    life::Life,
    nudge::{Left, Nudging, if_left},
};
use crate::{
    agent::{
        profile::Profile,
        typed::{By, Refusal},
    },
    model::{AttemptRef, ItemName, Mono, Now, WorkerName},
};

/// From a text that was refused to the next try; also where only a person can change why.
const TRY_EVERY: Duration = Duration::from_secs(30);
/// From a text that was refused because its agent works to the next look.
const AT_ONCE: Duration = Duration::from_millis(1);
/// Whoever moves a file says within this time how that went, or it is moved again.
const SETTLE_SILENCE: Duration = Duration::from_secs(60);
/// As [`SETTLE_SILENCE`], for a daemon that is to end.
const LEAVES_WITHIN: Duration = Duration::from_secs(12);
/// From a move that failed to the next one, at first and at the most.
const MOVE_AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// What lies in an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Lies {
    /// The first that is whole: its text, or why it can never be typed.
    pub first: Option<(ItemName, Result<String, String>)>,
    /// How many wait, also of those that are still being written.
    pub queued: usize,
    /// How many have failed.
    pub failed: usize,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
}

/// Where a file is moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Settle {
    /// To `delivered/`.
    Delivered,
    /// To `failed/`, with the reason.
    Failed(String),
}

/// What became of a file that was to be moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Moved {
    /// It is called so now.
    To(ItemName),
    /// The daemon that began it had delivered it.
    Before,
    /// It is not there any more.
    Gone,
}

/// The inbox of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Inbox {
    lies: Lies,
    settling: Option<Settling>,
}

/// A file on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Settling {
    item: ItemName,
    begun: Option<Begun>,
    how: Settle,
    /// What became of it, in words.
    words: String,
    /// It can never be typed as it is: what has to be done with it first.
    mend: Option<&'static str>,
    step: Step,
    /// For how long it waited last, if it could not be moved.
    waited: Option<Duration>,
}

/// What is recorded as begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Begun {
    nudge: NudgeId,
    attempt: AttemptRef,
    /// When an earlier daemon began it, which may have settled it.
    found: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    /// It is being moved; by when that should have been said.
    Moving { until: Mono },
    /// It could not be moved, and why; it is tried again then.
    Waiting { until: Mono, why: String },
}

impl Inbox {
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let settling = self.settling.as_ref()?;
        Some(match settling.step {
            Step::Moving { until } | Step::Waiting { until, .. } => until,
        })
    }

    /// A file is just being moved.
    pub(super) fn is_moving(&self) -> bool {
        let step = self.settling.as_ref().map(|settling| &settling.step);
        matches!(step, Some(Step::Moving { .. }))
    }

    /// How many wait, how many have failed, and since when the oldest waits.
    pub(super) fn counts(&self) -> (usize, usize, Option<Timestamp>) {
        (self.lies.queued, self.lies.failed, self.lies.oldest)
    }
}

impl Rig {
    /// Somebody has looked into an inbox.
    pub(super) fn inbox_seen(&mut self, worker: WorkerName, lies: Lies) {
        if self.has_inbox(&worker) {
            self.inboxes.entry(worker).or_default().lies = lies;
        }
    }

    /// Files of this inbox that are being typed, or moved.
    pub(super) fn items_in_hand(&self, worker: &WorkerName) -> impl Iterator<Item = &ItemName> {
        let begun = self.nudges.iter();
        let begun = begun.filter(|nudge| nudge.is_begun_item_of(worker));
        let settling = self.inboxes.get(worker);
        let settling = settling.and_then(|inbox| inbox.settling.as_ref());
        let settling = settling.map(|settling| &settling.item);
        let left = self.left.iter().filter(|left| left.is_for(worker));
        let left = left.filter_map(Left::item);
        begun.filter_map(Nudging::item).chain(left).chain(settling)
    }

    /// These are being taken out of it: none is typed that is not begun.
    pub(super) fn forget_items(
        &mut self,
        worker: &WorkerName,
        is_meant: impl Fn(&ItemName) -> bool,
    ) {
        self.nudges.retain(|nudge| {
            !nudge.is_waiting_item_of(worker) || !nudge.item().is_some_and(&is_meant)
        });
        let Some(inbox) = self.inboxes.get_mut(worker) else {
            return;
        };
        // Until the next look nothing is there.
        let taken = inbox.lies.first.take_if(|(item, _)| is_meant(item));
        if taken.is_some() {
            inbox.lies.queued = inbox.lies.queued.saturating_sub(1);
        }
    }

    /// What the last look into an inbox found, once there was one.
    pub(super) fn lies_in(&self, worker: &WorkerName) -> Option<&Lies> {
        self.inboxes.get(worker).map(|inbox| &inbox.lies)
    }

    fn has_inbox(&self, worker: &WorkerName) -> bool {
        self.agent_with_inbox(worker).is_some()
    }

    /// What a worker's inbox is typed to, if it has one.
    pub(super) fn agent_with_inbox(&self, worker: &WorkerName) -> Option<&Profile> {
        let worker = self.workers.get(worker).filter(|worker| worker.declared)?;
        worker.rules.agent.as_deref()
    }

    /// What is due for inboxes: the first text of each waits for its agent, what cannot be typed is put
    /// away, and what could not be moved is moved again.
    pub(super) fn tend_inboxes(&mut self, now: Now) {
        let names: Vec<_> = self.inboxes.keys().cloned().collect();
        for name in names {
            let kept = self.has_inbox(&name);
            let Some(inbox) = self.inboxes.get_mut(&name) else {
                continue;
            };
            if !kept {
                inbox.lies = Lies::default();
            }
            match (&mut inbox.settling, kept) {
                (Some(settling), _) => {
                    let moved = settling.move_if_due(now.mono, &name);
                    self.out.extend(moved);
                }
                (None, false) => {
                    self.inboxes.remove(&name);
                    self.nudges.retain(|nudge| !nudge.is_waiting_item_of(&name));
                }
                (None, true) => self.tend_first(now, &name),
            }
        }
    }

    fn tend_first(&mut self, now: Now, name: &WorkerName) {
        let Some(inbox) = self.inboxes.get(name) else {
            return;
        };
        let first = inbox.lies.first.clone();
        let left = |left: &Left| left.item().is_some() && left.is_for(name);
        let begun = |nudge: &Nudging| nudge.is_begun_item_of(name);
        if self.nudges.iter().any(begun) || self.left.iter().any(left) {
            return;
        }
        let waiting = |nudge: &Nudging| nudge.is_waiting_item_of(name);
        let at = self.nudges.iter().position(waiting);
        match (first, at) {
            (Some((item, Ok(text))), Some(at)) => self.nudges[at].is_now(item, text),
            (Some((item, Ok(text))), None) => self.push_item(name, item, text),
            (Some((item, Err(why))), at) => {
                if let Some(at) = at {
                    self.nudges.remove(at);
                }
                let words = format!("{item} in the inbox of {name} cannot be typed: {why}");
                self.put_away(now, name, None, item, Settle::Failed(why), words);
                self.is_to_be_mended(name, "mend");
            }
            (None, Some(at)) => drop(self.nudges.remove(at)),
            (None, None) => {}
        }
    }

    /// Its text waits for the agent, where that runs.
    fn push_item(&mut self, name: &WorkerName, item: ItemName, text: String) {
        let Some(worker) = self.workers.get(name).filter(|_| self.leaving.is_none()) else {
            return;
        };
        if let (Life::Running { attempt, .. }, Some(agent)) = (&worker.life, &worker.rules.agent) {
            let (attempt, agent) = (attempt.of.clone(), agent.clone());
            let id = NudgeId(self.rng.u64(..));
            self.nudges
                .push(Nudging::of_item(id, item, attempt, agent, text));
        }
    }

    /// How it went with the text of an inbox.
    pub(super) fn item_typed(&mut self, now: Now, at: usize, item: ItemName, typed: Typed) {
        let nudge = self.nudges[at].clone();
        let worker = &nudge.attempt.worker;
        let taken = |by: Option<By>| {
            let attempt = nudge.attempt.clone();
            let nudged = Nudged { attempt, by };
            format!("{item} of its inbox ({}): {nudged}", nudge.about())
        };
        if matches!(typed, Typed::Taken(_) | Typed::Undecided) {
            let attempt = self.nudges[at].attempt.clone();
            self.conversation_began(&attempt);
            self.word_came(now, &attempt);
        }
        match typed {
            Typed::Taken(by) => {
                let words = taken(Some(by));
                self.end_item(now, at, item, Settle::Delivered, words);
            }
            Typed::Undecided => {
                let words = taken(None);
                self.end_item(now, at, item, Settle::Delivered, words);
            }
            Typed::Refused { why, .. } => match mend(&why) {
                Some(mend) => {
                    let words = format!("{item} in the inbox of {worker} cannot be typed: {why}");
                    let how = Settle::Failed(why.to_string());
                    self.end_item(now, at, item, how, words);
                    self.is_to_be_mended(worker, mend);
                }
                None => {
                    // The next look at one that works is soon enough.
                    let works = why == Refusal::Busy;
                    let after = if works { AT_ONCE } else { TRY_EVERY };
                    self.item_waits(now.mono + after, at);
                }
            },
            Typed::Nothing { .. } => self.item_waits(now.mono + TRY_EVERY, at),
            Typed::Failed { why, .. } => {
                let words = format!(
                    "{item} in the inbox of {worker} was typed, and is not known to be taken: {why}; {}",
                    if_left(worker)
                );
                self.end_item(now, at, item, Settle::Failed(why), words);
            }
        }
    }

    /// Who types said nothing; `false` where it is no text of an inbox.
    pub(super) fn item_is_silent(&mut self, now: Now, nudge: &Nudging) -> bool {
        let Some(item) = nudge.item().cloned() else {
            return false;
        };
        let worker = &nudge.attempt.worker;
        let why = "nobody knows whether it was typed: there was no word of it";
        let left = if_left(worker);
        let words = format!("{item} in the inbox of {worker} may have been typed: {why}; {left}");
        let begun = Some(Begun::now(nudge));
        let how = Settle::Failed(why.to_owned());
        self.put_away(now, worker, begun, item, how, words);
        true
    }

    fn end_item(&mut self, now: Now, at: usize, item: ItemName, how: Settle, words: String) {
        let nudge = self.nudges.remove(at);
        let begun = Some(Begun::now(&nudge));
        self.put_away(now, &nudge.attempt.worker, begun, item, how, words);
    }

    /// Nothing was typed, and that is recorded; it is tried again by a look that is not earlier.
    fn item_waits(&mut self, again: Mono, at: usize) {
        let another = NudgeId(self.rng.u64(..));
        let nudge = self.nudges[at].waits_again(another, again);
        self.ledger.add(Fact::NudgeOver { nudge });
    }

    fn put_away(
        &mut self,
        now: Now,
        worker: &WorkerName,
        begun: Option<Begun>,
        item: ItemName,
        how: Settle,
        words: String,
    ) {
        let settling = Settling {
            item,
            begun,
            how,
            words,
            mend: None,
            step: Step::Moving {
                until: now.mono
                    + match self.leaving {
                        Some(_) => LEAVES_WITHIN,
                        None => SETTLE_SILENCE,
                    },
            },
            waited: None,
        };
        self.out.push(settling.effect(worker));
        self.inboxes.entry(worker.clone()).or_default().settling = Some(settling);
    }

    /// What is being put away of this inbox fails again as long as nobody has done this with it.
    fn is_to_be_mended(&mut self, worker: &WorkerName, mend: &'static str) {
        let settling = self.inboxes.get_mut(worker);
        if let Some(settling) = settling.and_then(|inbox| inbox.settling.as_mut()) {
            settling.mend = Some(mend);
        }
    }

    /// A file was moved, or is not there; or why it was not moved.
    pub(super) fn settled(
        &mut self,
        now: Now,
        worker: &WorkerName,
        item: &ItemName,
        moved: Result<Moved, String>,
    ) {
        let Some(inbox) = self.inboxes.get_mut(worker) else {
            return;
        };
        let is_it = |settling: &&mut Settling| settling.item == *item;
        let Some(settling) = inbox.settling.as_mut().filter(is_it) else {
            return;
        };
        let moved = match moved {
            Ok(moved) => moved,
            Err(why) => {
                let first = settling.wait(now.mono, why.clone());
                let text = format!(
                    "{item} cannot be moved out of the inbox of {worker}: {why}; nothing else of it is \
                     typed until it is"
                );
                if first {
                    self.tell_of(now, "worker-inbox-stuck", Level::Warning, worker, text);
                }
                return;
            }
        };
        // A look from before may have seen it; until the next one nothing is there.
        let is_first = |(first, _): &(ItemName, _)| first == item;
        drop(inbox.lies.first.take_if(|first| is_first(first)));
        inbox.lies.queued = inbox.lies.queued.saturating_sub(1);
        let Some(settling) = inbox.settling.take() else {
            return;
        };
        self.tell_settled(now, worker, &settling, moved);
        if let Some(Begun { nudge, .. }) = settling.begun {
            self.ledger.add(Fact::NudgeOver { nudge });
        }
    }

    fn tell_settled(&mut self, now: Now, worker: &WorkerName, settling: &Settling, moved: Moved) {
        let words = &settling.words;
        let (event, level, text) = match (&settling.how, moved) {
            (Settle::Delivered, _) => ("worker-inbox-delivered", Level::Info, words.clone()),
            (Settle::Failed(_), Moved::To(place)) => {
                let retry = format!("`supervisorctl inbox {worker} retry {place}`");
                let again = match settling.mend {
                    Some(mend) => format!("{mend} failed/{place} there, then: {retry}"),
                    None => format!("{retry} types it again"),
                };
                let text = format!("{words}; {again}");
                ("worker-inbox-failed", Level::Warning, text)
            }
            // It had been settled: it is seen where it lies.
            (Settle::Failed(_), Moved::Before) => return,
            // Whoever wrote it has taken it away.
            (Settle::Failed(_), Moved::Gone) => {
                ("worker-inbox-failed", Level::Warning, words.clone())
            }
        };
        match &settling.begun {
            Some(Begun { attempt, .. }) => self.tell(now, event, level, Some(attempt), text),
            None => self.tell_of(now, event, level, worker, text),
        }
    }

    /// An earlier daemon began to type this, and it was submitted now.
    pub(super) fn item_left_is_delivered(&mut self, now: Now, begun: BegunNudge, how: &str) {
        let Some(item) = begun.item.clone() else {
            return;
        };
        let worker = begun.attempt.worker.clone();
        let words = format!("{item} of its inbox {how}");
        let begun = Some(Begun::found(begun));
        self.put_away(now, &worker, begun, item, Settle::Delivered, words);
    }

    /// An earlier daemon began to type this and did not see its end.
    pub(super) fn item_left_is_undecided(&mut self, now: Now, begun: BegunNudge) {
        let Some(item) = begun.item.clone() else {
            return;
        };
        let worker = begun.attempt.worker.clone();
        let why = "may have been typed: the supervisor ended while it was typed";
        let left = if_left(&worker);
        let words = format!("{item} in the inbox of {worker} {why}; {left}");
        let begun = Some(Begun::found(begun));
        let how = Settle::Failed(why.to_owned());
        self.put_away(now, &worker, begun, item, how, words);
    }

    /// What cannot be moved at present, in words.
    pub(super) fn inbox_troubles(&self) -> impl Iterator<Item = String> {
        self.inboxes.iter().filter_map(|(worker, inbox)| {
            let Settling { item, step, .. } = inbox.settling.as_ref()?;
            match step {
                Step::Moving { .. } => None,
                Step::Waiting { why, .. } => Some(format!(
                    "{item} cannot be moved out of the inbox of {worker}: {why}; it is tried again"
                )),
            }
        })
    }

    /// The daemon is to end: nobody waits for long any more.
    pub(super) fn hurry_inboxes(&mut self, now: Now) {
        for inbox in self.inboxes.values_mut() {
            if let Some(Settling {
                step: Step::Moving { until },
                ..
            }) = &mut inbox.settling
            {
                *until = (*until).min(now.mono + LEAVES_WITHIN);
            }
        }
    }
}

impl Begun {
    fn now(nudge: &Nudging) -> Self {
        Self {
            nudge: nudge.id,
            attempt: nudge.attempt.clone(),
            found: None,
        }
    }

    fn found(begun: BegunNudge) -> Self {
        Self {
            nudge: begun.nudge,
            attempt: begun.attempt,
            found: Some(begun.at),
        }
    }
}

impl Settling {
    fn effect(&self, worker: &WorkerName) -> Effect {
        Effect::Settle {
            worker: worker.clone(),
            item: self.item.clone(),
            how: self.how.clone(),
            begun: self.begun.as_ref().and_then(|begun| begun.found),
        }
    }

    /// Moves it again, if that is due.
    fn move_if_due(&mut self, now: Mono, worker: &WorkerName) -> Option<Effect> {
        match self.step {
            Step::Moving { until } if now >= until => {
                // If it was moved, this move may have done it, and nobody has told of that.
                if let Some(begun) = &mut self.begun {
                    begun.found = None;
                }
                self.wait(now, "nobody said how it went".into());
                None
            }
            Step::Waiting { until, .. } if now >= until => {
                self.step = Step::Moving {
                    until: now + SETTLE_SILENCE,
                };
                Some(self.effect(worker))
            }
            Step::Moving { .. } | Step::Waiting { .. } => None,
        }
    }

    /// Puts off the next move, longer each time; says whether it is the first one that failed.
    fn wait(&mut self, now: Mono, why: String) -> bool {
        let (first, most) = MOVE_AGAIN;
        let before = self.waited;
        let wait = before.map_or(first, |before| (before * 2).min(most));
        self.waited = Some(wait);
        self.step = Step::Waiting {
            until: now + wait,
            why,
        };
        before.is_none()
    }
}

/// What has to be done with a text that is refused for this, where no waiting changes that.
fn mend(why: &Refusal) -> Option<&'static str> {
    match why {
        Refusal::Unbracketed => Some("make one line of"),
        Refusal::LongLine { .. } => Some("break the long lines of"),
        Refusal::Dead
        | Refusal::Mode
        | Refusal::Foreground { .. }
        | Refusal::Asking { .. }
        | Refusal::Limited { .. }
        | Refusal::Crashed { .. }
        | Refusal::Busy
        | Refusal::Moved
        | Refusal::Unsent { .. }
        | Refusal::NoInput { .. }
        | Refusal::Attached { .. } => None,
    }
}
