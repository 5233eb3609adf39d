//! Facts on their way to the store.
//!
//! Promise: a fact is offered to the store until it is recorded, in order, and what a full or
//! read-only disk keeps waiting is bounded. While something waits, the rig is degraded.

use std::time::Duration;

use super::Fact;
use crate::model::Mono;

/// How often a store that refused is asked again.
const AGAIN: Duration = Duration::from_secs(5);
/// Facts that wait at the most; beyond it the oldest lines of the history are given up.
const MOST: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Ledger {
    /// Not offered yet, or refused.
    waiting: Vec<Fact>,
    /// Offered and not answered; one batch at a time, so that the order is kept.
    offered: Option<Vec<Fact>>,
    /// The store refused: why, and when it is asked again.
    refused: Option<(String, Mono)>,
    /// Lines of the history that were given up.
    given_up: u64,
}

impl Ledger {
    pub(super) fn add(&mut self, fact: Fact) {
        self.waiting.push(fact);
    }

    /// What is to be recorded now, if anything.
    pub(super) fn offer(&mut self, now: Mono) -> Option<Vec<Fact>> {
        let too_early = self.refused.as_ref().is_some_and(|(_, again)| now < *again);
        if self.waiting.is_empty() || self.offered.is_some() || too_early {
            return None;
        }
        let batch = std::mem::take(&mut self.waiting);
        self.offered = Some(batch.clone());
        Some(batch)
    }

    /// All that waits, for the last batch of a daemon.
    pub(super) fn take(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.waiting)
    }

    /// The store answered: the facts that are now recorded.
    pub(super) fn answered(&mut self, now: Mono, result: Result<(), String>) -> Vec<Fact> {
        let Some(batch) = self.offered.take() else {
            return Vec::new();
        };
        match result {
            Ok(()) => {
                self.refused = None;
                batch
            }
            Err(why) => {
                self.refused = Some((why, now + AGAIN));
                let later = std::mem::replace(&mut self.waiting, batch);
                self.waiting.extend(later);
                self.bound();
                Vec::new()
            }
        }
    }

    /// It has not been recorded yet.
    pub(super) fn holds(&self, fact: &Fact) -> bool {
        let offered = self.offered.iter().flatten();
        self.waiting.iter().chain(offered).any(|held| held == fact)
    }

    /// Why the store does not record at present; `None` also while it is being asked.
    pub(super) fn refusal(&self, now: Mono) -> Option<&str> {
        let (why, again) = self.refused.as_ref()?;
        (self.offered.is_none() && now < *again).then_some(why.as_str())
    }

    /// Why the store refused last, until it records again.
    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.as_ref().map(|(why, _)| why.as_str())
    }

    /// A person waits: a store that refused is asked at once.
    pub(super) fn ask_again(&mut self, now: Mono) {
        if let Some((_, again)) = &mut self.refused {
            *again = now.min(*again);
        }
    }

    /// This fact is not wanted any more.
    pub(super) fn withdraw(&mut self, fact: &Fact) {
        self.waiting.retain(|waiting| waiting != fact);
    }

    fn bound(&mut self) {
        let mut excess = self.waiting.len().saturating_sub(MOST);
        self.waiting.retain(|fact| {
            let keep = excess == 0
                || matches!(
                    fact,
                    Fact::Phase(_)
                        | Fact::Boot(_)
                        | Fact::Paused(_)
                        | Fact::Ending(_)
                        | Fact::NudgeBegun(_)
                        | Fact::NudgeOver { .. }
                        | Fact::Conversation { .. }
                        | Fact::Owes { .. }
                        | Fact::LastSign { .. }
                        | Fact::Limit { .. }
                        | Fact::Trouble { .. }
                        | Fact::Worktree { .. }
                        | Fact::Operator { .. }
                );
            if !keep {
                excess -= 1;
                self.given_up += 1;
            }
            keep
        });
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.refused
            .as_ref()
            .filter(|_| self.offered.is_none() && !self.waiting.is_empty())
            .map(|(_, again)| *again)
    }

    /// Why facts wait, in words, if they do.
    pub(super) fn trouble(&self) -> Option<String> {
        let (why, _) = self.refused.as_ref()?;
        let lost = match self.given_up {
            0 => String::new(),
            n => format!(", {n} lines of history given up"),
        };
        Some(format!(
            "nothing can be recorded ({} facts wait{lost}): {why}",
            self.waiting.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(why: &str) -> Fact {
        Fact::Paused(Some(why.into()))
    }

    #[test]
    fn a_refused_fact_is_offered_again_in_order() {
        let mut ledger = Ledger::default();
        ledger.add(paused("a"));
        assert_eq!(ledger.offer(Mono(0)), Some(vec![paused("a")]));
        ledger.add(paused("b"));
        assert_eq!(ledger.answered(Mono(0), Err("disk full".into())), []);
        assert!(ledger.trouble().unwrap().contains("disk full"));
        assert_eq!(ledger.offer(Mono(1)), None, "not before its time");
        let both = vec![paused("a"), paused("b")];
        assert_eq!(ledger.offer(Mono(0) + AGAIN), Some(both.clone()));
        assert_eq!(ledger.answered(Mono(9000), Ok(())), both);
        assert_eq!(ledger.trouble(), None);
        assert!(ledger.waiting.is_empty());
    }

    #[test]
    fn who_waits_is_told_of_a_refusal_once_the_store_was_asked() {
        let mut ledger = Ledger::default();
        ledger.add(paused("a"));
        assert_eq!(
            (ledger.holds(&paused("a")), ledger.refusal(Mono(0))),
            (true, None)
        );
        assert!(ledger.offer(Mono(0)).is_some());
        assert!(ledger.holds(&paused("a")), "it is on its way");
        ledger.answered(Mono(0), Err("disk full".into()));
        assert_eq!(ledger.refusal(Mono(1)), Some("disk full"));
        ledger.add(paused("b"));
        ledger.ask_again(Mono(1));
        assert_eq!(ledger.refusal(Mono(1)), None, "it may say otherwise now");
        assert!(ledger.offer(Mono(1)).is_some());
        ledger.answered(Mono(1), Ok(()));
        assert!(!ledger.holds(&paused("a")) && !ledger.holds(&paused("b")));
    }

    #[test]
    fn what_waits_is_bounded_and_never_the_resume_point() {
        let mut ledger = Ledger::default();
        let alive = |second: usize| Fact::Alive {
            at: jiff::Timestamp::from_second(i64::try_from(second).unwrap()).unwrap(),
        };
        ledger.add(paused("first"));
        let operator = Fact::Operator {
            worker: "w".parse().unwrap(),
            run: false,
        };
        ledger.add(operator.clone());
        for n in 0..MOST * 2 {
            ledger.add(alive(n));
        }
        assert!(ledger.offer(Mono(0)).is_some());
        ledger.answered(Mono(0), Err("disk full".into()));
        assert!(ledger.waiting.len() <= MOST);
        assert!(ledger.waiting.contains(&operator));
        assert!(ledger.waiting.contains(&paused("first")));
        assert!(ledger.trouble().unwrap().contains("given up"));
    }

    #[test]
    fn a_refusal_of_what_is_not_wanted_any_more_wakes_nobody() {
        let mut ledger = Ledger::default();
        ledger.add(paused("a"));
        assert!(ledger.offer(Mono(0)).is_some());
        assert_eq!(ledger.answered(Mono(0), Err("disk full".into())), []);
        ledger.withdraw(&paused("a"));
        assert_eq!(ledger.next_deadline(), None);
        assert!(
            ledger.trouble().is_some(),
            "the disk is still full for all we know"
        );
    }
}
