//! What holds of what agents are told by themselves.
//!
//! Promise: what an agent is to be told is told at most once, is no longer owed from the moment on at which
//! it is begun, and is dropped only with a word, or for something more important. How: each occasion has words of
//! its own, and the store says what is owed.

use std::collections::BTreeSet;

use loopkeeper::{
    config::{Config, Say, Worker},
    decide::{Fact, Owed},
    model::{AttemptRef, WorkerName},
};

use crate::{store::Content, told::Told};

use super::{Checked, ensure};

#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Says {
    /// What came to be in a terminal and may have been taken.
    told: BTreeSet<(AttemptRef, String)>,
    /// Who was told of which boot.
    rebooted: BTreeSet<(WorkerName, usize)>,
    /// Who was not declared any more after its last attempt: what that was owed is void.
    removed: BTreeSet<WorkerName>,
}

/// Whether there are words for it.
fn has_words(say: &Say, owed: &Owed) -> bool {
    let template = match owed {
        Owed::Start => &say.start,
        Owed::Crash { .. } => &say.crash,
        Owed::Phase { .. } => &say.phase,
        Owed::Reboot => &say.reboot,
    };
    template.is_some()
}

/// The more important one is greater.
fn rank(owed: &Owed) -> u8 {
    match owed {
        Owed::Start => 0,
        Owed::Crash { .. } => 1,
        Owed::Phase { .. } => 2,
        Owed::Reboot => 3,
    }
}

impl Says {
    /// A text that begins so is handed to who types; `taken`: it may come to its agent.
    pub(crate) fn types(
        &mut self,
        attempt: &AttemptRef,
        text: &str,
        taken: bool,
        boot: usize,
        content: &Content,
    ) -> Checked {
        let known = content.attempts.get(attempt);
        ensure!(
            known.is_none_or(|known| known.debt.owed.is_none()),
            "told-once",
            "{attempt:?} is told {text:?}, and the next daemon would tell it too: {known:?}"
        );
        if !taken {
            return Ok(());
        }
        let new = match text {
            // A phase may come back.
            _ if text.starts_with("told phase") => true,
            _ if text.starts_with("told reboot") => {
                self.rebooted.insert((attempt.worker.clone(), boot))
            }
            _ => self.told.insert((attempt.clone(), text.to_owned())),
        };
        ensure!(new, "told-once", "{attempt:?} is told {text:?} once more");
        Ok(())
    }

    /// These are declared from now on.
    pub(crate) fn declared(&mut self, config: &Config, content: &Content) {
        let names = content.attempts.keys().map(|of| &of.worker);
        let removed = names.filter(|name| !config.workers.contains_key(*name));
        self.removed.extend(removed.cloned());
    }

    /// A batch is about to be recorded over what the store has.
    pub(super) fn record(&mut self, facts: &[Fact], of_store: &Content, told: &Told) -> Checked {
        for fact in facts {
            match fact {
                Fact::Owes { attempt, debt } if debt.owed.is_none() => {
                    let known = of_store.attempts.get(attempt);
                    let owed = known.and_then(|known| known.debt.owed.as_ref());
                    ensure!(
                        owed.is_none() || is_told(facts, attempt),
                        "told-at-last",
                        "{attempt:?} does not owe {owed:?} any more, and nobody says why: {facts:?}"
                    );
                }
                Fact::Decided { attempt, owed, .. } => {
                    let rules = told.config.workers.get(&attempt.worker);
                    let rules = rules.filter(|rules| rules.agent.is_some());
                    let last = of_store.last(&attempt.worker);
                    let last = last.and_then(|last| of_store.attempts.get(last));
                    let before = last.and_then(|last| last.debt.owed.as_ref());
                    // What is known of the last one may change in the same batch.
                    let settled = |fact: &Fact| matches!(fact, Fact::Owes { attempt: of, .. } if of.worker == attempt.worker);
                    // Nobody recorded its start, and so nobody knows what it was told.
                    let is_found = |fact: &Fact| matches!(fact, Fact::Started { attempt: of, .. } if of == attempt);
                    let void = self.removed.remove(&attempt.worker);
                    // One that is taken over again is owed what it was.
                    let known = of_store.attempts.contains_key(attempt);
                    let excused =
                        void || known || facts.iter().any(|fact| settled(fact) || is_found(fact));
                    if let (Some(rules), Some(before), false) = (rules, before, excused) {
                        let kept = owed.as_ref().is_some_and(|owed| rank(owed) >= rank(before));
                        ensure!(
                            kept || !has_words(&rules.say, before),
                            "told-at-last",
                            "{attempt:?} is to be told {owed:?}; the one before was not told {before:?}"
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Of an attempt that has run for long, with nothing in its way.
    pub(crate) fn at_the_end(of: &AttemptRef, rules: &Worker, content: &Content) -> Checked {
        let known = content.attempts.get(of);
        let owed = known.and_then(|known| known.debt.owed.as_ref());
        ensure!(
            owed.is_none_or(|owed| !has_words(&rules.say, owed)),
            "told-at-last",
            "{of:?} was never told {owed:?}"
        );
        Ok(())
    }
}

/// It is begun, or it is told that it is not told.
fn is_told(facts: &[Fact], attempt: &AttemptRef) -> bool {
    facts.iter().any(|fact| match fact {
        Fact::NudgeBegun(begun) => begun.attempt == *attempt,
        Fact::Notice(notice) => {
            notice.event == "worker-not-told" && notice.attempt.as_ref() == Some(&attempt.attempt)
        }
        _ => false,
    })
}
