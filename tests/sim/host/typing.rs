//! What becomes of texts that the rig has typed into terminals.

use loopkeeper::{
    agent::typed::{By, Refusal},
    decide::{Event, NudgeId, Typed},
    model::{AttemptRef, ItemName},
};

use crate::{
    body::Body,
    check::{Checked, ensure},
    configs::{SAYS, WAKES},
    world::World,
};

/// Whose a text is.
#[derive(Clone, Copy, PartialEq)]
enum Whose<'a> {
    /// Somebody who asked for it.
    Person,
    /// A file of the worker's inbox.
    File(&'a ItemName),
    /// The rig, since a limit is over.
    Wake,
    /// The rig, for what its agent is to be told.
    Say,
}

impl World {
    /// It is typed, refused, or lost on the way; who typed it says so sooner, later, twice or never.
    pub(super) fn type_text(
        &mut self,
        nudge: NudgeId,
        attempt: &AttemptRef,
        text: &str,
        item: Option<&ItemName>,
    ) -> Checked {
        let whose = match item {
            Some(item) => Whose::File(item),
            None if text.starts_with(WAKES) => Whose::Wake,
            None if text.starts_with(SAYS) => Whose::Say,
            None => Whose::Person,
        };
        let body = self.index.get(attempt).map(|index| &self.bodies[*index]);
        let there = body.is_some_and(Body::runs);
        let limit = body.and_then(|body| body.limit.as_ref());
        let limited = limit.map(|limit| limit.end <= self.wall());
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
        let inboxes = &self.inboxes;
        let another = item.is_some_and(|item| !inboxes.still_says(&attempt.worker, item, text));
        // What was typed, and what is said of that.
        let (typed, says) = match self.rng.u32(0..if calm { 3 } else { 10 }) {
            _ if another => {
                let why = "its file has changed, or is gone".into();
                (false, Typed::Nothing { why })
            }
            _ if !there => (false, failed(false)),
            _ if limited.is_some() && whose != Whose::Wake => {
                (false, refused(Refusal::Limited { menu: None }))
            }
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
        if typed {
            self.lines.types(nudge, attempt, text);
            if self.dies_in.is_none() && self.nature.percent(&mut self.rng, 10) {
                self.dies_in = Some(0);
            }
        }
        if typed && whose != Whose::Person {
            self.checks.nudges.types_by_itself(nudge, attempt, typed);
        }
        match whose {
            Whose::Wake => ensure!(
                !typed || limited.is_some(),
                "woken-once",
                "{text:?} is typed into {attempt:?}, which is at no limit"
            ),
            Whose::Say => {
                let unsubmitted = matches!(
                    says,
                    Typed::Failed {
                        submitted: false,
                        ..
                    }
                );
                if typed && unsubmitted {
                    self.checks.nudges.is_unsubmitted(nudge);
                }
                let (taken, content) = (typed && !unsubmitted, &self.store.now);
                self.checks
                    .says
                    .types(attempt, text, taken, self.boot, content)?;
                if taken {
                    self.coverage.count(told_of(text));
                }
            }
            Whose::File(item) if typed => self.inboxes.types(nudge, &attempt.worker, item)?,
            Whose::File(_) => {}
            Whose::Person => {
                let content = &self.store.now;
                self.checks
                    .nudges
                    .types(nudge, attempt, text, typed, content)?;
            }
        }
        if let (Whose::Wake, true, Some(true), Some(index)) =
            (whose, typed, limited, self.index.get(attempt))
        {
            self.coverage.count("limits gone on after");
            self.bodies[*index].limit = None;
        }
        self.result_or_loss(Event::Typed(nudge, says));
        Ok(())
    }
}

fn told_of(text: &str) -> &'static str {
    match text.split_whitespace().nth(1) {
        Some("crash") => "agents told of a crash",
        Some("phase") => "agents told of a phase",
        Some("reboot") => "agents told of a reboot",
        _ => "agents told to begin",
    }
}
