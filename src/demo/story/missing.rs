//! What was not seen of the story so far.

use super::{Crash, Death, PHASES, Story};

impl Story {
    /// What was not seen, in words; nothing when all was.
    pub(in crate::demo) fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = self.wrong.iter().cloned().collect();
        let mut part = |seen: bool, otherwise: &str| {
            if !seen {
                missing.push(otherwise.to_owned());
            }
        };
        part(self.line, "no connection went through the proxy");
        part(
            self.work.rejected > 0 && self.work.approved >= PHASES.len() - 1,
            "the Adversary did not reject and approve",
        );
        part(
            matches!(self.crash, Crash::Healed { .. }),
            match self.crash {
                Crash::Ahead | Crash::Armed | Crash::Ordered => {
                    "the Builder was not killed in the midst of its work"
                }
                Crash::Dead { .. } => "the killed Builder did not come back",
                Crash::Back { .. } | Crash::Healed { .. } => {
                    "the Builder came back and did not go on with its work"
                }
            },
        );
        part(
            matches!(self.death, Death::Survived { .. }),
            match self.death {
                Death::Ahead | Death::Ordered => "the daemon was not killed",
                Death::Dead { .. } => "nothing was pushed while the daemon was dead",
                Death::Again { .. } | Death::Survived { .. } => {
                    "the next daemon did not take over what ran"
                }
            },
        );
        part(
            self.line_goes_on,
            "no bytes went through the proxy after the daemon's death",
        );
        for (index, phase) in PHASES.iter().enumerate() {
            part(
                self.told.contains(&index),
                &format!("the loops did not run in phase {phase}"),
            );
        }
        missing
    }
}
