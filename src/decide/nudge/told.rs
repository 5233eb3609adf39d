//! What is told of texts: how they are called, how they went, and that nobody knows.

use std::fmt;

use super::{
    super::{Answer, Fact, Level, Refusal, Rig, Said, command::failed},
    Nudged, Nudging, Origin, Stage,
};
use crate::{
    agent::typed::By,
    model::{AttemptRef, Now},
};

/// Characters of a text's first line that are recorded.
const RECORDED: usize = 80;

impl fmt::Display for Nudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worker = &self.attempt.worker;
        match &self.by {
            Some(By::Work) => write!(f, "{worker} took it: it works"),
            Some(By::Transcript) => write!(f, "{worker} took it: it is in its transcript"),
            Some(By::Progress) => write!(f, "{worker} took it: its transcript went on"),
            Some(By::Question) => write!(f, "{worker} took it: it asks something"),
            Some(By::Program(name)) => write!(f, "{worker} took it: {name} runs now"),
            None => write!(
                f,
                "{worker}: typed and submitted; whether it was taken this screen does not say"
            ),
        }
    }
}

/// What a text is called in the history.
pub(in crate::decide) fn about(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let mut words: String = first.chars().take(RECORDED).collect();
    if words.len() < first.len() || lines.next().is_some() {
        words.push('…');
    }
    format!("{words:?}, {} bytes", text.len())
}

impl Rig {
    pub(super) fn nudged(&mut self, now: Now, at: usize, by: Option<By>) {
        let nudge = self.nudges[at].clone();
        let about = nudge.about();
        let attempt = nudge.attempt.clone();
        let nudged = Nudged { attempt, by };
        self.conversation_began(&nudge.attempt);
        let worker = nudge.worker();
        let (event, text) = match &nudge.origin {
            Origin::Asked(_) | Origin::Inbox(_) => (
                "worker-nudged",
                format!("{worker} was nudged ({about}): {nudged}"),
            ),
            Origin::Own(owed) => (
                "worker-told",
                format!(
                    "{worker} was told of {owed} ({}): {nudged}",
                    self::about(&nudge.text)
                ),
            ),
            Origin::Wake => (
                "worker-woken",
                format!("{worker} was woken ({about}): {nudged}"),
            ),
            Origin::Unstick { what, .. } => (
                "worker-nudged",
                format!("{worker} {what}, and was nudged ({about}): {nudged}"),
            ),
        };
        match nudged.by {
            Some(_) => {
                self.tell(now, event, Level::Info, Some(&nudge.attempt), text);
                self.may_have_helped(now, &nudge);
            }
            // Looks say whether it has helped.
            None if nudge.unsticks().is_some() => {
                self.tell(now, event, Level::Info, Some(&nudge.attempt), text);
                self.may_have_helped(now, &nudge);
            }
            None => self.tell_undecided(now, &nudge, text),
        }
        self.end_nudge(at, Ok(Said::Nudged(nudged)));
    }

    /// Nothing of it was typed, or it was typed and not submitted.
    pub(super) fn fail_nudge(&mut self, now: Now, at: usize, refusal: Refusal) {
        let nudge = self.nudges[at].clone();
        if nudge.item().is_some() {
            // It stays where it lies.
            self.nudges.remove(at);
            if nudge.is_begun() {
                self.ledger.add(Fact::NudgeOver { nudge: nudge.id });
            }
            return;
        }
        if !self.keeps_debt(&nudge) {
            self.tell_not_nudged(now, &nudge, &refusal);
        }
        match nudge.stage {
            Stage::Waiting { .. } => {
                self.nudges.remove(at);
                self.hears(&nudge, Err(refusal));
            }
            Stage::Recording(_) | Stage::Typing { .. } | Stage::Over(..) => {
                self.end_nudge(at, Err(refusal));
            }
        }
    }

    pub(super) fn leave_undecided(&mut self, now: Now, at: usize, refusal: Refusal) {
        let nudge = self.nudges[at].clone();
        let text = format!("of {}: {}", nudge.about(), refusal.message);
        self.tell_undecided(now, &nudge, text);
        self.end_nudge(at, Err(refusal));
    }

    fn end_nudge(&mut self, at: usize, answer: Answer) {
        let nudge = &mut self.nudges[at];
        let over = Fact::NudgeOver { nudge: nudge.id };
        self.ledger.add(over.clone());
        nudge.stage = Stage::Over(over, answer);
    }

    pub(super) fn tell_not_nudged(&mut self, now: Now, nudge: &Nudging, why: &Refusal) {
        let (about, why_not) = (nudge.about(), &why.message);
        match &nudge.origin {
            Origin::Asked(_) | Origin::Inbox(_) => {
                let text = format!("{} was not nudged ({about}): {why_not}", nudge.worker());
                let of = Some(&nudge.attempt);
                self.tell(now, "worker-nudge-failed", Level::Warning, of, text);
            }
            Origin::Own(owed) => self.tell_not_told(now, &nudge.attempt, owed, why_not),
            Origin::Wake => self.not_woken(now, nudge, why),
            Origin::Unstick { what, .. } => self.not_unstuck(now, nudge, *what, why),
        }
    }

    pub(super) fn tell_undecided(&mut self, now: Now, nudge: &Nudging, text: String) {
        self.tell_of_undecided(now, &nudge.attempt, text);
        self.may_have_helped(now, nudge);
    }

    /// The text was taken, or nobody knows.
    fn may_have_helped(&mut self, now: Now, nudge: &Nudging) {
        self.may_be_woken(now, nudge);
        match nudge.unsticks() {
            Some(_) => self.tried_to_unstick(now, nudge.worker(), true),
            None => self.word_came(now, nudge.attempt()),
        }
    }

    pub(super) fn tell_of_undecided(&mut self, now: Now, attempt: &AttemptRef, text: String) {
        let (warning, of) = (Level::Warning, Some(attempt));
        self.tell(now, "worker-nudge-undecided", warning, of, text);
    }
}

/// It is so, and the next daemon does not know how it ended.
pub(super) fn unrecorded(answer: &Answer, why: &str) -> Answer {
    match answer {
        Ok(said) => Err(failed(
            &format!(
                "{said}, but this is not recorded ({why}): a daemon started before it is will tell it \
                 as undecided"
            ),
            Some(
                "do not nudge it again for that; `supervisorctl status` shows when it is recorded",
            ),
        )),
        Err(refusal) => Err(refusal.clone()),
    }
}
