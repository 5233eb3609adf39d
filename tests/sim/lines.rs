//! What daemons that died leave on the input lines of agents, and what becomes of it.
//!
//! # Promise
//!
//! Only what the rig has typed itself is submitted, as it is, at most once, and soon after a daemon began.
//!
//! # How
//!
//! Of a text of which the daemon that dies has heard nothing, chance says whether it was submitted or
//! stands there still. Somebody may change what stands there, or clear it.

use std::collections::BTreeMap;

use loopkeeper::{
    agent::typed::{By, Digest, Refusal},
    decide::{Event, NudgeId, Typed},
    model::AttemptRef,
};

use crate::{
    body::Body,
    check::{Checked, ensure},
    world::World,
};

/// A daemon that began longer ago submits nothing that was left, ms.
const SOON: u64 = 60_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// What came to terminals, until somebody knows whether it was submitted.
    typed: BTreeMap<NudgeId, (AttemptRef, String)>,
    stands: BTreeMap<AttemptRef, Line>,
    /// When the present daemon began.
    pub(crate) began: u64,
}

/// What stands on an input line, unsubmitted.
#[derive(Debug, Clone)]
struct Line {
    text: String,
    /// By which try, if nobody has changed it.
    by: Option<NudgeId>,
}

impl Lines {
    /// Something stands on its input line.
    pub(crate) fn has_text(&self, attempt: &AttemptRef) -> bool {
        self.stands.contains_key(attempt)
    }

    /// A text came to a terminal, where nothing stands any more.
    pub(crate) fn types(&mut self, nudge: NudgeId, attempt: &AttemptRef, text: &str) {
        self.stands.remove(attempt);
        self.typed.insert(nudge, (attempt.clone(), text.to_owned()));
    }
}

impl World {
    /// The daemon dies: these texts were being typed.
    pub(crate) fn leave_lines(&mut self, typing: &[NudgeId]) {
        for nudge in typing {
            let Some((attempt, mut text)) = self.lines.typed.remove(nudge) else {
                continue;
            };
            let by = match self.rng.u32(0..8) {
                0 => {
                    text.push_str(" and more");
                    None
                }
                1..=4 => Some(*nudge),
                // It was submitted, or somebody has cleared it.
                _ => continue,
            };
            self.coverage.count("texts left on input lines");
            self.note(|| format!("  {text:?} stands on the input line of {attempt:?}"));
            self.lines.stands.insert(attempt, Line { text, by });
        }
        self.lines.typed.clear();
    }

    /// The rig wants to have submitted what was left, if it is known again by that.
    pub(crate) fn submit_left(
        &mut self,
        nudge: NudgeId,
        attempt: &AttemptRef,
        digest: Digest,
    ) -> Checked {
        let body = self.index.get(attempt).map(|index| &self.bodies[*index]);
        let there = body.is_some_and(Body::runs);
        let line = self.lines.stands.get(attempt).filter(|_| there);
        let is_it = |line: &&Line| Digest::of(&line.text) == Some(digest);
        let calm = self.nature.is_calm();
        let failed = |submitted| Typed::Failed {
            why: "tmux does not answer".into(),
            screen: None,
            submitted,
        };
        let (submitted, says) = match (
            line.filter(is_it),
            self.rng.u32(0..if calm { 3 } else { 6 }),
        ) {
            (None, _) => {
                let why = "it is not on the input line".into();
                (None, Typed::Nothing { why })
            }
            (line, 0..=1) => (line, Typed::Taken(By::Work)),
            (line, 2) => (line, Typed::Undecided),
            (line, 3) => (line, failed(true)),
            (Some(_), 4) => (None, failed(false)),
            (Some(_), _) => {
                let (why, screen) = (Refusal::Busy, "what is there".into());
                (None, Typed::Refused { why, screen })
            }
        };
        if let Some(line) = submitted {
            ensure!(
                line.by == Some(nudge),
                "texts-once",
                "{line:?} is submitted for {nudge:?} of {attempt:?}"
            );
            let late = self.t - self.lines.began;
            ensure!(
                late <= SOON,
                "texts-once",
                "{nudge:?} of {attempt:?} is submitted {late} ms after the daemon began"
            );
            self.coverage.count("texts submitted that were left");
            self.lines.stands.remove(attempt);
        }
        self.result_or_loss(Event::Typed(nudge, says));
        Ok(())
    }
}
