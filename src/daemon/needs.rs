//! What workers need and is elsewhere: watched, so that who waits for it begins when it is there, and who
//! has it hears that it is another.
//!
//! Promise: it is watched before the core hears of it, so that no change falls between. What does not
//! answer is watched by nobody, and holds nobody: those who wait for it try it again and again.

use std::{collections::BTreeSet, path::PathBuf};

use futures_util::future::join_all;

use super::{
    Daemon, Input,
    files::{NEEDS_SETTLE, Trail},
};
use crate::{
    config::Lack,
    decide::Event,
    launch::{Ailment, Contents},
    model::{AttemptRef, WorkerName},
};

/// Whose the files are that end a phase; no worker is called so.
const PLAN: &str = "the plan";

impl Daemon {
    /// Watches what the configuration has as secrets, what else a worker waits for, and what ends phases.
    pub(super) fn follow_needs(&mut self) {
        let mut needs: Vec<(String, Vec<PathBuf>)> = self
            .config
            .workers
            .keys()
            .map(|name| {
                (
                    name.to_string(),
                    self.needs_of(name, self.rig.waits_for_something(name)),
                )
            })
            .collect();
        needs.push((PLAN.to_owned(), self.files.conditions()));
        needs.retain(|(_, paths)| !paths.is_empty());
        let names: BTreeSet<_> = needs.iter().map(|(name, _)| name.clone()).collect();
        self.files.retain_needs(&names);
        // They may have changed before they were watched.
        self.watch(needs, Event::NeedsMayDiffer);
    }

    /// The same of one worker that waits, which the core does not know yet; then this may be told.
    pub(super) fn watch_needs_of(&self, worker: WorkerName, then: Event) {
        let needs = vec![(worker.to_string(), self.needs_of(&worker, true))];
        self.watch(needs, then);
    }

    fn needs_of(&self, name: &WorkerName, waits: bool) -> Vec<PathBuf> {
        let Some(worker) = self.config.workers.get(name) else {
            return Vec::new();
        };
        let needs = waits.then(|| worker.needs(&self.environment));
        let secrets = worker.secrets.files.values().cloned();
        needs.into_iter().flatten().chain(secrets).collect()
    }

    fn watch(&self, needs: Vec<(String, Vec<PathBuf>)>, then: Event) {
        let eyes = self.host.eyes();
        self.beside(async move {
            let trails = needs.into_iter().map(async |(of, paths)| {
                let look = move |at: &_| Trail::to(&paths, at);
                let trail = eyes.looks().glance(&of, look).await?;
                Some((of, trail))
            });
            let trails = join_all(trails).await.into_iter().flatten().collect();
            Input::Watch { trails, then }
        });
    }

    /// What the secrets of an attempt are now. Of what it could not use, it is not told: it would end,
    /// or go on as before.
    pub(super) async fn secrets_seen(
        &mut self,
        attempt: AttemptRef,
        contents: Contents,
        flaw: Option<Lack>,
    ) {
        let worker = &attempt.worker;
        let about = Ailment::Users.about(worker);
        if let Some(flaw) = flaw {
            if !self.rig.has_secrets(&attempt) {
                // It ended meanwhile, and the next one waits for what is right.
                return;
            }
            let flaw = flaw.in_full();
            return self.last(
                &about,
                format!("{worker} goes on with the users it has: {flaw}"),
            );
        }
        self.troubles.over(&about);
        if self.host.secrets_differ(&attempt, &contents) {
            self.turn(Event::SecretsDiffer(attempt)).await;
        }
    }

    /// Something on the way to what a worker needs is another. All that happens within
    /// [`NEEDS_SETTLE`] is looked at together.
    pub(super) fn needs_changed(&mut self, settled: bool) {
        if settled {
            self.needs_settle = false;
            // What happens from now on is heard; what did not change is found to be the same.
            self.follow_needs();
        } else if !self.needs_settle {
            self.needs_settle = true;
            self.later(NEEDS_SETTLE, Input::Needs { settled: true });
        }
    }
}
