//! What earlier versions recorded in another way.
//!
//! They took a program that was written as a name for the place where it was found, so that another
//! one that was found first made it another definition. What they started is still what is declared.

use std::path::Path;

use crate::{
    config::{Config, Environment},
    decide::Restored,
    launch::directory::Directory,
};

/// Gives attempts that earlier versions started from what is declared now its present definition.
pub(super) fn recognise(
    restored: &mut Restored,
    config: &Config,
    environment: &Environment,
    state: &Path,
) {
    for (name, known) in &mut restored.workers {
        let Some(worker) = config.workers.get(name) else {
            continue;
        };
        let present = worker.definition();
        for attempt in known.last.iter_mut().chain(known.open.values_mut()) {
            let recorded = attempt.definition;
            if recorded == present {
                continue;
            }
            let spec = Directory::of(state, &attempt.attempt).spec();
            let same = |program: &Path| recorded == worker.definition_when_at(program, environment);
            if spec.is_some_and(|spec| same(&spec.program)) {
                attempt.definition = present;
            }
        }
    }
}
