//! What becomes of texts that the rig has typed into terminals.

use loopkeeper::{
    agent::typed::{By, Refusal},
    decide::{Event, NudgeId, Typed},
    model::AttemptRef,
};

use crate::{
    body::Body,
    check::{Checked, ensure},
    configs::WAKES,
    world::World,
};

impl World {
    /// It is typed, refused, or lost on the way; who typed it says so sooner, later, twice or never.
    pub(super) fn type_text(
        &mut self,
        nudge: NudgeId,
        attempt: &AttemptRef,
        text: &str,
    ) -> Checked {
        let body = self.index.get(attempt).map(|index| &self.bodies[*index]);
        let there = body.is_some_and(Body::runs);
        let limit = body.and_then(|body| body.limit.as_ref());
        let limited = limit.map(|limit| limit.end <= self.wall());
        let wakes = text.starts_with(WAKES);
        let screen = || "what is there".to_owned();
        let refused = |why| Typed::Refused {
            why,
            screen: screen(),
        };
        let failed = |submitted| Typed::Failed {
            why: "tmux does not answer".into(),
            screen: None,
            submitted,
        };
        let calm = self.nature.is_calm();
        // What was typed, and what is said of that.
        let (typed, says) = match self.rng.u32(0..if calm { 3 } else { 10 }) {
            _ if !there => (false, failed(false)),
            _ if limited.is_some() && !wakes => (false, refused(Refusal::Limited { menu: None })),
            0..=1 => (true, Typed::Taken(By::Work)),
            2 => (true, Typed::Undecided),
            3 => (true, failed(true)),
            4 => (true, failed(false)),
            5 => (
                false,
                refused(Refusal::Asking {
                    question: "Proceed?".into(),
                }),
            ),
            _ => (false, refused(Refusal::Busy)),
        };
        let how = match (typed, &says) {
            (true, _) => "texts typed",
            (false, Typed::Refused { .. }) => "texts refused",
            (false, _) => "texts for nobody",
        };
        self.coverage.count(how);
        if wakes {
            ensure!(
                !typed || limited.is_some(),
                "woken-once",
                "{text:?} is typed into {attempt:?}, which is at no limit"
            );
            self.checks.nudges.wakes(nudge, attempt, typed);
        } else {
            self.checks
                .nudges
                .types(nudge, attempt, text, typed, &self.store.now)?;
        }
        if let (true, true, Some(true), Some(index)) =
            (wakes, typed, limited, self.index.get(attempt))
        {
            self.coverage.count("limits gone on after");
            self.bodies[*index].limit = None;
        }
        self.result_or_loss(Event::Typed(nudge, says));
        Ok(())
    }
}
