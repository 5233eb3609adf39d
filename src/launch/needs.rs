//! What a worker needs of the machine, looked at beside the event loop: it may be where nobody answers.

use std::{collections::BTreeSet, mem, path::PathBuf, sync::Arc};

use futures_util::future::{join, join_all};

use super::{House, context::Context, lease::Lease, not_started::NotStarted, secrets, unit};
use crate::{
    config::{self, Config, Environment, Lack, OfWorker, Worker},
    host::look::{At, Looks, Unseen},
    model::WorkerName,
};

/// What was seen.
pub(super) struct Needs {
    /// The worker with its programs where they are now.
    pub(super) worker: Worker,
    lacks: Vec<Lack>,
    /// Whether its secrets can be read.
    secrets: Result<(), NotStarted>,
    /// Everything on the way to the directories that it works in.
    pub(super) ways: BTreeSet<PathBuf>,
}

impl Needs {
    /// Looks for all of it.
    pub(super) async fn of(context: &Context, worker: &Worker) -> Result<Self, NotStarted> {
        let (declared, environment) = (worker.clone(), context.environment.clone());
        let look = move |at: &At| Self::seen(&declared, &environment, at);
        let seen = look_for(context, &worker.name, look).await;
        seen.map_err(NotStarted::unseen)
    }

    fn seen(worker: &Worker, environment: &Environment, at: &At) -> Self {
        let lacks = worker.lacks_at(environment, at);
        let ways = worker.ways(at);
        let mut found = worker.looked_up(environment);
        let programs = found.program.programs();
        let programs = programs.iter().map(|program| program.as_path());
        for path in worker.places().chain(programs) {
            at.asks(path);
        }
        Self {
            lacks,
            secrets: secrets::readable(&worker.secrets, at),
            worker: found,
            ways,
        }
    }

    /// Fails with what is not there.
    pub(super) fn are_there(&mut self) -> Result<(), NotStarted> {
        if let Some(lack) = self.lacks.first() {
            return Err(NotStarted::lacks(lack));
        }
        mem::replace(&mut self.secrets, Ok(()))
    }
}

/// There is never more than one look at what is a worker's, whatever it is for.
pub(super) async fn look_for<T: Send + 'static>(
    context: &Context,
    worker: &WorkerName,
    look: impl FnOnce(&At) -> T + Send + 'static,
) -> Result<T, Unseen> {
    context.looks.look(worker.as_str(), look).await
}

/// The lease of a worktree, if nobody has it, and it answers.
pub(super) async fn lease(
    context: &Context,
    worker: &WorkerName,
    worktree: Option<PathBuf>,
) -> Option<Lease> {
    let worktree = worktree?;
    let take = move |at: &At| {
        at.comes_to(&worktree);
        Lease::take_if_free(&worktree).ok().flatten()
    };
    look_for(context, worker, take).await.ok().flatten()
}

/// Looks at what workers need, for the daemon.
#[derive(Debug, Clone)]
pub(crate) struct Eyes(Arc<Context>);

impl Eyes {
    pub(super) fn of(context: &Arc<Context>) -> Self {
        Self(Arc::clone(context))
    }

    /// Those that look.
    pub(crate) fn looks(&self) -> &Looks {
        &self.0.looks
    }

    /// What each of these lacks first of all.
    pub(crate) async fn lacking(&self, workers: Vec<Worker>) -> Vec<(WorkerName, Lack)> {
        let looks = workers.into_iter().map(async |worker| {
            let lacks = self.doubts_of(&worker).await.lacks;
            Some((worker.name, lacks.into_iter().next()?))
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// What is doubtful of a configuration on this machine ([`config::doubts`]), in whole sentences.
    pub(crate) async fn doubts(&self, config: &Config) -> Vec<String> {
        let workers = config.workers.iter();
        let workers = workers.map(async |(name, worker)| (name, self.doubts_of(worker).await));
        let of_plan = config::plan_doubts(self.looks(), config, &self.0.environment);
        let (workers, of_plan) = join(join_all(workers), of_plan).await;
        config::in_sentences(&workers, of_plan)
    }

    /// What is not mounted before everything else.
    async fn doubts_of(&self, worker: &Worker) -> OfWorker {
        let mut doubts = config::doubts_of(self.looks(), worker, &self.0.environment).await;
        if let House::Unit { units, .. } = &self.0.settings.house
            && let Ok(Some(not_mounted)) = unit::unmounted(units, &doubts.ways).await
        {
            doubts.lacks = not_mounted.instead_of(mem::take(&mut doubts.lacks));
        }
        doubts
    }
}
