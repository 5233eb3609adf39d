//! Texts for the terminals of agents: when they are typed, and what is told of them.
//!
//! # Promise
//!
//! A text is typed into the attempt that ran when it was asked for, and into no other. It is recorded
//! before it is typed, and how it ended before that is answered. What a daemon finds begun, of one
//! before it, is not typed again: where it stands on the input line it is submitted (`left`), and else it
//! is told as undecided, for nobody knows whether it was typed. One text at a time is typed into a worker,
//! in the order in which they may be. Whoever hangs up before his text is begun takes it back. A text of an
//! inbox is for whichever attempt is ready, and comes after those of people (`inbox`).
//!
//! # How
//!
//! ```text
//!  Waiting ─► Recording ─► Typing ─► Over ─► answered
//!     ▲                       │
//!     └── nothing was typed, ─┘  and it may be otherwise in a moment
//! ```
//!
//! Whether a text may be typed is said by who looks at the terminal, at the last moment
//! ([`Refusal`](agent::typed::Refusal)). So one that is to wait for its agent is tried at once, which
//! tells what no waiting changes, then whenever a look shows an agent that does nothing, and a last
//! time when its time is over, which tells what is on the screen then.
//!
//! The text itself is kept in memory alone. In the records is how long it is, how its first line begins,
//! and a number by which it is known again on an input line. What an agent is told by itself
//! ([`say`](super::say)) is one of them (`own`), before those of people that wait as well. What is to [wake](super::limit) a worker or to [unstick](super::unstick) it is one of
//! them, too. `nudging` is one text, `turn` does what is due, `refused` says what helps, and `told` what is told.

mod left;
mod nudging;
mod own;
mod refused;
mod told;
mod turn;

use std::{sync::Arc, time::Duration};

use super::{
    Answer, Effect, Fact, Nudge, Refusal, RefusalKind, RequestId, Rig, Trouble, Typed, When,
    attempt::in_words, command::failed, life::Life,
};
use crate::{
    agent::{
        self,
        profile::Profile,
        typed::{By, Digest},
    },
    config,
    model::{AttemptRef, ItemName, Mono, Now},
};
pub(super) use left::Left;
pub(super) use nudging::Nudging;
use nudging::{Origin, Patience, Stage};
pub(super) use refused::if_left;
use refused::{TRY_EVERY, hint, leaving, not_running, passes, passes_at_last, unheard};
pub(super) use told::about;

/// Who types says within half a minute how it went; after this time it never will.
const TYPING_SILENCE: Duration = Duration::from_secs(60);
/// The longest that a daemon that is to end waits for a text that is being typed.
const LEAVES_WITHIN: Duration = Duration::from_secs(35);

/// Tells tries to type a text apart, also those of different daemons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NudgeId(pub u64);

/// Of a text that is being typed, what is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BegunNudge {
    /// Which.
    pub nudge: NudgeId,
    /// Into which attempt.
    pub attempt: AttemptRef,
    /// Since when.
    pub at: jiff::Timestamp,
    /// How it begins and how long it is, in words.
    pub about: String,
    /// The file that it came in, where that lies in the worker's inbox.
    pub item: Option<ItemName>,
    /// By what it is known again on an input line; `None` where it cannot be.
    pub digest: Option<Digest>,
}

/// A text that was typed and submitted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nudged {
    /// Into which attempt.
    pub attempt: AttemptRef,
    /// What proves that it was taken; `None` where the screen does not say it.
    pub by: Option<By>,
}

impl Rig {
    /// Somebody wants a text to be typed.
    pub(super) fn nudge(
        &mut self,
        now: Now,
        request: RequestId,
        nudge: Nudge,
    ) -> Result<(), Refusal> {
        let Nudge {
            worker: name,
            text,
            when,
            within,
        } = nudge;
        if self.leaving.is_some() {
            return Err(leaving());
        }
        let worker = self.workers.get(&name).filter(|worker| worker.declared);
        let worker = worker.ok_or_else(|| self.unknown_worker(&name))?;
        let agent = worker.rules.agent.clone().ok_or_else(|| {
            let key = "set launcher = \"tmux\" and agent = \"claude\" (or what runs in it)";
            let hint = format!("{key} in [workers.{name}], then: `supervisorctl reload`");
            let message = format!("worker {name} has no agent that could be typed to");
            failed(&message, Some(&hint))
        })?;
        let Life::Running { attempt, .. } = &worker.life else {
            return Err(not_running(worker));
        };
        let attempt = attempt.of.clone();
        self.nudges.push(Nudging {
            origin: Origin::Asked(request),
            id: NudgeId(self.rng.u64(..)),
            attempt,
            agent,
            text,
            when,
            patience: Some(Patience::from(now.mono, within)),
            unheard: false,
            refused: false,
            stage: Stage::Waiting { again: None },
        });
        Ok(())
    }

    /// A worker is to be woken. Who is in the way, such as somebody who types, is waited for until it would
    /// be tried again anyway: then that is told.
    pub(super) fn nudge_to_wake(
        &mut self,
        now: Now,
        attempt: AttemptRef,
        agent: Arc<Profile>,
        rules: &config::Limit,
    ) {
        let id = NudgeId(self.rng.u64(..));
        let until = Patience::from(now.mono, rules.again);
        let text = rules.text.clone();
        self.nudges.push(Nudging::of_rig(
            id,
            Origin::Wake,
            attempt,
            agent,
            text,
            until,
        ));
    }

    /// A worker is to be unstuck. Who is in the way is waited for until it would be tried again anyway.
    pub(super) fn nudge_to_unstick(
        &mut self,
        now: Now,
        attempt: AttemptRef,
        agent: Arc<Profile>,
        rules: &config::Unstick,
        (what, interrupts): (Trouble, bool),
    ) {
        let id = NudgeId(self.rng.u64(..));
        let origin = Origin::Unstick { what, interrupts };
        let until = Patience::from(now.mono, rules.again);
        let text = rules.text.clone();
        self.nudges
            .push(Nudging::of_rig(id, origin, attempt, agent, text, until));
    }

    /// Nobody waits for the answer any more: what is not begun is not typed.
    pub(super) fn hung_up(&mut self, now: Now, request: RequestId) {
        let asked = |nudge: &Nudging| nudge.origin == Origin::Asked(request);
        let Some(at) = self.nudges.iter().position(asked) else {
            return;
        };
        match &self.nudges[at].stage {
            Stage::Waiting { .. } => {}
            Stage::Recording(fact) => {
                let fact = fact.clone();
                self.ledger.withdraw(&fact);
            }
            Stage::Typing { .. } | Stage::Over(..) => {
                self.nudges[at].unheard = true;
                return;
            }
        }
        // Everybody is answered, also who does not hear it.
        let nudge = self.nudges.remove(at);
        let refusal = unheard();
        self.tell_not_nudged(now, &nudge, &refusal);
        self.hears(&nudge, Err(refusal));
    }

    /// That a text is begun is recorded.
    pub(super) fn nudge_recorded(&mut self, now: Now, begun: &BegunNudge) {
        let recorded =
            |nudge: &Nudging| nudge.id == begun.nudge && matches!(nudge.stage, Stage::Recording(_));
        let Some(at) = self.nudges.iter().position(recorded) else {
            // Whoever wanted it has taken it back.
            let nudge = begun.nudge;
            return self.ledger.add(Fact::NudgeOver { nudge });
        };
        let leaving = self.leaving.map(|_| leaving());
        if let Some(why) = leaving.or_else(|| self.nudge_lost(&self.nudges[at])) {
            return self.fail_nudge(now, at, why);
        }
        // While a slow disk took it, its agent may have gone on.
        if !self.is_try_wanted(&self.nudges[at]) {
            return self.waits_again_for(now.mono, at);
        }
        let picture = self.workers.get(self.nudges[at].worker());
        let picture = picture.and_then(|worker| worker.watching()?.picture());
        let nudge = &mut self.nudges[at];
        nudge.stage = Stage::Typing {
            until: now.mono + TYPING_SILENCE,
            last: nudge.when == When::Now || nudge.is_late(now.mono),
        };
        self.out.push(Effect::Type {
            nudge: nudge.id,
            attempt: nudge.attempt.clone(),
            agent: nudge.agent.clone(),
            text: nudge.text.clone(),
            item: nudge.item().cloned(),
            permission: nudge.permission(picture),
        });
        let nudge = nudge.clone();
        self.types_to_unstick(&nudge, Some(now.mono + TYPING_SILENCE));
        if let Some(worker) = self.worker_of(&nudge.attempt) {
            worker.spend.is_typed_to();
        }
    }

    /// Who typed says how it went.
    pub(super) fn typed(&mut self, now: Now, id: NudgeId, typed: Typed) {
        let is_typed =
            |nudge: &Nudging| nudge.id == id && matches!(nudge.stage, Stage::Typing { .. });
        let Some(at) = self.nudges.iter().position(is_typed) else {
            return self.left_submitted(now, id, typed);
        };
        let nudge = self.nudges[at].clone();
        self.typed_to_unstick(now, &nudge, &typed);
        if let (Typed::Taken(by), Some(worker)) = (&typed, self.worker_of(&nudge.attempt)) {
            let agent = worker.rules.agent.as_ref();
            let counts_turns = agent.is_some_and(|agent| agent.turns.is_some());
            worker.spend.taken(by, nudge.is_for_rest(), counts_turns);
        }
        if let Some(item) = self.nudges[at].item().cloned() {
            return self.item_typed(now, at, item, typed);
        }
        match typed {
            Typed::Taken(by) => self.nudged(now, at, Some(by)),
            Typed::Undecided => self.nudged(now, at, None),
            Typed::Refused { why, screen } => self.nudge_refused(now, at, &why, screen),
            Typed::Nothing { .. } if self.nudges[at].is_own() => {
                self.waits_again_for(now.mono + TRY_EVERY, at);
            }
            // Its terminal was lost on the way: what stands on the input line is only submitted next time.
            Typed::Failed {
                screen: None,
                submitted: false,
                ..
            } if self.nudges[at].is_own() => self.waits_again_for(now.mono + TRY_EVERY, at),
            Typed::Nothing { why } => {
                let message = format!("nothing was typed into {}: {why}", nudge.worker());
                self.not_taken(now, at, message, None, false);
            }
            Typed::Failed {
                why,
                screen,
                submitted,
            } => {
                let worker = nudge.worker();
                let message = match submitted {
                    true => format!("{worker} is not known to have taken it: {why}"),
                    false => format!("{worker} did not take it: {why}"),
                };
                self.not_taken(now, at, message, screen, submitted);
            }
        }
    }

    /// It was not taken, or is not known to have been.
    fn not_taken(
        &mut self,
        now: Now,
        at: usize,
        message: String,
        screen: Option<String>,
        submitted: bool,
    ) {
        let worker = self.nudges[at].attempt.worker.clone();
        let look = format!("`supervisorctl attach {worker}` shows what became of it");
        let refusal = Refusal {
            kind: RefusalKind::Failed,
            message,
            hint: Some(look),
            screen,
        };
        // Who is to be woken is looked at before anything is typed again.
        match submitted || self.nudges[at].is_wake() {
            true => self.leave_undecided(now, at, refusal),
            false => self.fail_nudge(now, at, refusal),
        }
    }

    /// Nothing was typed: it is tried again, or given up.
    fn nudge_refused(&mut self, now: Now, at: usize, why: &agent::typed::Refusal, screen: String) {
        let nudge = &self.nudges[at];
        if nudge.unheard {
            return self.fail_nudge(now, at, unheard());
        }
        let last = !matches!(nudge.stage, Stage::Typing { last: false, .. });
        let again = match nudge.is_own() {
            true => passes_at_last(why),
            false => passes(why),
        };
        if let (Some(after), false) = (again, last) {
            return self.waits_again_for(now.mono + after, at);
        }
        let worker = &nudge.attempt.worker;
        let waited = match (nudge.when, nudge.patience) {
            (When::Idle, Some(patience)) if again.is_some() => {
                format!(" within {}", in_words(patience.within))
            }
            (When::Idle | When::Now, _) => String::new(),
        };
        let refusal = Refusal {
            kind: RefusalKind::Failed,
            message: format!("nothing was typed into {worker}{waited}: {why}"),
            hint: Some(hint(why, worker)),
            screen: Some(screen),
        };
        self.fail_nudge(now, at, refusal);
    }

    /// Nothing of it was typed, and it is tried again by a look that is at least as late as this.
    fn waits_again_for(&mut self, again: Mono, at: usize) {
        let another = NudgeId(self.rng.u64(..));
        // What is said of this try once more says nothing of the next one.
        let over = self.nudges[at].waits_again(another, again);
        self.ledger.add(Fact::NudgeOver { nudge: over });
        let nudge = self.nudges[at].clone();
        self.not_paid(&nudge);
    }

    /// Whoever wanted it hears how it went. It is gone then.
    fn hears(&mut self, nudge: &Nudging, answer: Answer) {
        match nudge.origin {
            Origin::Asked(request) => self.out.push(Effect::Answer(request, answer)),
            // How it went is told by where it lies.
            Origin::Inbox(_) => {}
            // That is told in the history.
            Origin::Own(_) | Origin::Wake | Origin::Unstick { .. } => {}
        }
    }

    /// The daemon is to end: nobody waits for long any more.
    pub(super) fn hurry_nudges(&mut self, now: Now) {
        for nudge in &mut self.nudges {
            if let Stage::Typing { until, .. } = &mut nudge.stage {
                *until = (*until).min(now.mono + LEAVES_WITHIN);
            }
        }
        self.left.iter_mut().for_each(|left| left.hurry(now.mono));
    }
}
