//! Secrets that change while a worker has them.
//!
//! Promise: what an attempt was handed stays what it is; a worker that is to have the new one gets it
//! with a new attempt, whether the change was seen or happened while there was no daemon. One that was
//! written anew and says the same is no change.

use super::{
    Effect, Fact, Level, Rig,
    life::{Cause, Life},
    worker::Worker,
};
use crate::{
    config::OnSecretChange,
    model::{AttemptRef, Now},
};

impl Rig {
    /// Something changed where secrets are, or what else workers cannot be started without.
    pub(super) fn needs_may_differ(&mut self, now: Now) {
        self.compare_secrets();
        for worker in self.workers.values_mut() {
            if matches!(worker.life, Life::BackingOff { .. }) && worker.short.is_some() {
                worker.restarts.until = None;
                self.ledger.add(Fact::Restarts {
                    worker: worker.name().clone(),
                    restarts: worker.restarts.clone(),
                });
                worker.becomes(Life::Waiting("what it needs may be there now".into()), now);
            }
        }
    }

    /// Asks of every attempt that lives.
    pub(super) fn compare_secrets(&mut self) {
        let living = self
            .workers
            .values()
            .filter_map(|worker| worker.life.attempt());
        let living: Vec<_> = living.map(|attempt| attempt.of.clone()).collect();
        for of in living {
            self.compare_secrets_of(&of);
        }
    }

    /// Asks whether an attempt was handed what is in the files of its secrets, where that matters.
    pub(super) fn compare_secrets_of(&mut self, of: &AttemptRef) {
        let Some(worker) = self.with_secrets(of) else {
            return;
        };
        let secrets = &worker.rules.secrets;
        if !secrets.files.is_empty() && secrets.on_change != OnSecretChange::Ignore {
            let files = secrets.files.clone();
            self.out.push(Effect::CompareSecrets(of.clone(), files));
        }
    }

    /// Whether this attempt goes on with what it was handed.
    pub fn has_secrets(&self, of: &AttemptRef) -> bool {
        self.with_secrets(of).is_some()
    }

    fn with_secrets(&self, of: &AttemptRef) -> Option<&Worker> {
        let worker = self.workers.get(&of.worker)?;
        let has = match worker.life {
            Life::Starting { started, .. } => started,
            Life::Running { .. } => true,
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Stopping { .. }
            | Life::Lost { .. } => false,
        };
        (has && worker.is_attempt(of)).then_some(worker)
    }

    pub(super) fn secrets_differ(&mut self, now: Now, of: &AttemptRef) {
        if self.leaving.is_some() {
            // The next daemon asks for itself.
            return;
        }
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let (Life::Starting { attempt, .. } | Life::Running { attempt, .. }) = &worker.life else {
            return;
        };
        match (worker.rules.secrets.on_change, attempt.identity.clone()) {
            (OnSecretChange::Restart, _) => {
                let cause = Cause::Restart("a secret of it changed".into());
                self.begin_stop(now, &of.worker, cause);
            }
            (OnSecretChange::Signal(signal), Some(identity)) => {
                self.out.push(Effect::Reload(of.clone(), identity, signal));
                let text = format!("{signal} to {}: a secret of it changed", of.worker);
                self.tell(now, "worker-signalled", Level::Info, Some(of), text);
            }
            (OnSecretChange::Signal(_), None) | (OnSecretChange::Ignore, _) => {}
        }
    }
}
