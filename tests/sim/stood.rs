//! Since when those stand still that do.
//!
//! Promise: who stood still when one daemon ended, and does when the next one knows what lives, has
//! done so all the time. The next one says so: it has nothing to go by but the end that is recorded,
//! and does not take its own beginning for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use loopkeeper::{
    decide::{Effect, Fact},
    model::{StateName, WorkerName},
};

use crate::{
    check::{Checked, ensure},
    world::{Daemon, World},
};

/// Who stands still, and since when, by what the daemon says.
pub(crate) type Stood = BTreeMap<WorkerName, Timestamp>;

impl World {
    fn standing(&self, daemon: &Daemon) -> Stood {
        let view = daemon.rig.view(self.view_now(), |_, _| None);
        let rows = view.workers.into_iter();
        rows.filter(|row| matches!(row.state, StateName::Stopped | StateName::Held))
            .map(|row| (row.name.clone(), row.since))
            .collect()
    }

    /// The daemon is about to be gone. One that never heard what lives has nothing to say.
    pub(crate) fn note_who_stands(&mut self) {
        if let Some(daemon) = self.daemon.as_ref().filter(|daemon| daemon.told.surveyed) {
            self.stood = self.standing(daemon);
        }
    }

    /// The daemon has just heard what lives.
    pub(crate) fn check_who_stood(&mut self, effects: &[Effect]) -> Checked {
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let restored = self.store.restored();
        for (name, since) in self.standing(daemon) {
            let of_it =
                |fact: &Fact| matches!(fact, Fact::Ended { attempt, .. } if attempt.worker == name);
            let ends = |effect: &Effect| matches!(effect, Effect::Record(facts) if facts.iter().any(of_it));
            let recorded = restored.workers.get(&name).and_then(|known| known.last_end);
            let (Some(before), Some(end)) = (self.stood.get(&name), recorded) else {
                continue;
            };
            if self.checks.owes || effects.iter().any(ends) {
                continue;
            }
            ensure!(
                since <= end.max(*before),
                "stands-since",
                "{name} stood still since {before} when the last daemon ended, its last end is \
                 recorded at {end}, and now it stands still since {since}"
            );
            ensure!(
                since >= end.min(self.wall()),
                "stands-since",
                "{name} stands still since {since}, and its last end is recorded at {end}"
            );
            self.coverage
                .count("workers that stood still across daemons");
        }
        Ok(())
    }
}
