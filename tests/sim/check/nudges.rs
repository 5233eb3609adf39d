//! What holds of texts for agents.
//!
//! Promise: a text is typed, or submitted where an earlier daemon left it, at most once, after it was
//! recorded, and into the attempt alone that ran when it was asked for; and of every text that was typed the
//! history says how that went, or that nobody knows, whichever daemons die meanwhile. How: the world gives each
//! text other words, and says what it has typed.

use std::collections::{BTreeMap, BTreeSet};

use loopkeeper::{
    config::Config,
    decide::{Effect, Event, Fact, Notice, Nudge, NudgeId, RequestId},
    model::{AttemptRef, WorkerName},
};

use crate::{body::Body, store::Content};

use super::{Checked, ensure};

#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Nudges {
    /// The attempts that lived when a text was asked for.
    asked: BTreeMap<String, BTreeSet<AttemptRef>>,
    /// For which attempt a text is.
    known: BTreeMap<String, AttemptRef>,
    /// What stands in a terminal.
    typed: BTreeSet<String>,
    /// That of which nothing is told yet.
    untold: BTreeMap<NudgeId, AttemptRef>,
    /// What was not submitted of what agents are owed.
    unsubmitted: BTreeSet<NudgeId>,
    /// That for whom is not declared any more, or was not once since it was typed.
    undeclared: BTreeSet<NudgeId>,
    /// What the present daemon has given to who types, and of which it has heard nothing.
    typing: BTreeMap<NudgeId, WorkerName>,
    /// Those who wait.
    pub(crate) waiting: BTreeSet<RequestId>,
}

impl Nudges {
    pub(super) fn asked(&mut self, id: RequestId, nudge: &Nudge, world: &[Body]) {
        let alive = world
            .iter()
            .filter(|body| body.of.worker == nudge.worker && !body.concluded);
        let alive = alive.map(|body| body.of.clone()).collect();
        self.asked.insert(nudge.text.clone(), alive);
        self.waiting.insert(id);
    }

    /// This is the configuration from now on.
    pub(super) fn declared(&mut self, config: &Config) {
        let of = |attempt: &AttemptRef| !config.workers.contains_key(&attempt.worker);
        let gone = self.untold.iter().filter(|(_, attempt)| of(attempt));
        self.undeclared.extend(gone.map(|(nudge, _)| *nudge));
    }

    /// Of a turn: what is typed in it was recorded before.
    pub(super) fn turn(&mut self, event: &Event, effects: &[Effect], content: &Content) -> Checked {
        if let Event::Typed(nudge, _) = event {
            self.typing.remove(nudge);
        }
        for effect in effects {
            match effect {
                Effect::Type { nudge, attempt, .. } | Effect::Submit { nudge, attempt, .. } => {
                    let begun = content.plain().nudges.iter();
                    let mut begun = begun.filter(|begun| begun.nudge == *nudge);
                    ensure!(
                        begun.any(|begun| begun.attempt == *attempt),
                        "texts-once",
                        "{nudge:?} is typed into {attempt:?}, and that is not recorded"
                    );
                    // It is to be the one of its worker, but for files that are only to be put away.
                    let others = content.plain().nudges.iter();
                    let mut others = others.filter(|other| {
                        let typed = other.item.is_none() || self.typing.contains_key(&other.nudge);
                        typed && other.attempt.worker == attempt.worker
                    });
                    ensure!(
                        others.all(|other| other.nudge == *nudge),
                        "texts-once",
                        "{nudge:?} is typed into {attempt:?} while another one is"
                    );
                    self.typing.insert(*nudge, attempt.worker.clone());
                }
                // Nobody waits for the word of who typed it any more.
                Effect::Settle { worker, .. } => self.typing.retain(|_, of| of != worker),
                Effect::Answer(id, _) => {
                    self.waiting.remove(id);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What the present daemon has given to who types, and of which it has heard nothing.
    pub(crate) fn typing(&self) -> Vec<NudgeId> {
        self.typing.keys().copied().collect()
    }

    pub(super) fn daemon_died(&mut self) {
        self.waiting.clear();
        self.typing.clear();
    }

    /// A text is handed to who types; `typed`: it came to be in the terminal.
    pub(crate) fn types(
        &mut self,
        nudge: NudgeId,
        attempt: &AttemptRef,
        text: &str,
        typed: bool,
        content: &Content,
    ) -> Checked {
        let alive = self.asked.get(text);
        ensure!(
            alive.is_some_and(|alive| alive.contains(attempt)),
            "texts-once",
            "{text:?} is typed into {attempt:?}, which did not run when it was asked for"
        );
        let before = self.known.entry(text.to_owned());
        let before = before.or_insert_with(|| attempt.clone());
        ensure!(
            before == attempt,
            "texts-once",
            "{text:?} is typed into {attempt:?}, and was for {before:?}"
        );
        ensure!(
            !self.typed.contains(text),
            "texts-once",
            "{text:?} is typed into {attempt:?} a second time"
        );
        let kept = format!("{:?}", content.plain());
        ensure!(
            !kept.contains("the rest of it"),
            "texts-once",
            "a whole text is kept: {kept}"
        );
        if typed {
            self.typed.insert(text.to_owned());
            self.untold.insert(nudge, attempt.clone());
        }
        Ok(())
    }

    /// How that text went is to be seen without a word of the rig.
    pub(crate) fn is_seen_otherwise(&mut self, nudge: NudgeId) {
        self.untold.remove(&nudge);
    }

    /// One that nobody asked for is handed to who types.
    pub(crate) fn types_by_itself(&mut self, nudge: NudgeId, attempt: &AttemptRef, typed: bool) {
        if typed {
            self.untold.insert(nudge, attempt.clone());
        }
    }

    /// What its agent is owed stands there, and was not submitted.
    pub(crate) fn is_unsubmitted(&mut self, nudge: NudgeId) {
        self.unsubmitted.insert(nudge);
    }

    /// A batch was recorded: what is over has been told.
    pub(crate) fn recorded(&mut self, facts: &[Fact]) -> Checked {
        for fact in facts {
            let Fact::NudgeOver { nudge } = fact else {
                continue;
            };
            let Some(attempt) = self.untold.remove(nudge) else {
                continue;
            };
            let tells = |notice: &Notice| {
                let event = matches!(
                    notice.event.as_str(),
                    "worker-nudged"
                        | "worker-nudge-failed"
                        | "worker-nudge-undecided"
                        | "worker-woken"
                        | "worker-wake-failed"
                        | "worker-inbox-delivered"
                        | "worker-inbox-failed"
                        | "worker-told"
                        | "worker-not-told"
                );
                event && notice.attempt.as_ref() == Some(&attempt.attempt)
            };
            let told = facts
                .iter()
                .any(|fact| matches!(fact, Fact::Notice(notice) if tells(notice)));
            // What was not submitted may be owed still.
            let owed = |fact: &Fact| matches!(fact, Fact::Owes { debt, .. } if debt.owed.is_some());
            // Who is not declared any more is owed nothing.
            let void = self.unsubmitted.contains(nudge) && self.undeclared.contains(nudge);
            ensure!(
                told || void || facts.iter().any(owed),
                "texts-told",
                "{nudge:?} was typed into {attempt:?}, and is over without a word"
            );
        }
        Ok(())
    }

    /// When nothing is under way any more but what was begun a moment ago.
    pub(crate) fn at_the_end(&self, just_begun: impl Fn(&NudgeId) -> bool) -> Checked {
        let late = self.untold.iter().find(|(nudge, _)| !just_begun(nudge));
        ensure!(
            late.is_none(),
            "texts-told",
            "nobody has told what became of {late:?}"
        );
        Ok(())
    }
}
