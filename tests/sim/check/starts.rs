//! What holds of an attempt that is started.
//!
//! Promise: only what is wanted is started, once and alone, from its present definition, with what
//! it needs ready, told the phase that is recorded, and no sooner after a failure or a shortage than
//! the rules allow. How: each start is held against the world, the store and what the daemon was
//! told.

use loopkeeper::{
    config::Restart,
    decide::Told as ToldPhase,
    model::{AttemptRef, LauncherKind, WorkerName},
};

use crate::{
    body::Body,
    store::Content,
    told::{Place, Told},
};

use super::{Checked, Checks, Order, ensure};

/// The least time before a start for which there was not enough of something is tried again, ms.
const PUT_OFF: u64 = 1_000;

impl Checks {
    /// An attempt is about to be started.
    pub(crate) fn start(
        &self,
        t: u64,
        Order { of, worker, phase }: Order<'_>,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Checked {
        let name = &of.worker;
        ensure!(
            told.surveyed,
            "asked-first",
            "{name} is started before the host has answered"
        );
        ensure!(
            self.owes || content.attempts.contains_key(of),
            "decided-first",
            "{of:?} is started, and the store does not know of it"
        );
        let unwanted = told.unwanted(name);
        ensure!(
            unwanted.is_none(),
            "wanted",
            "{name} is started although {unwanted:?}"
        );
        ensure!(
            told.config.workers.get(name) == Some(worker),
            "wanted",
            "{name} is started from another definition than the present one"
        );
        for body in world.iter().filter(|body| body.lives()) {
            ensure!(
                body.of.worker != *name,
                "one-life",
                "{of:?} is started while {:?} is {:?}",
                body.of,
                body.stage
            );
            // Where one runs whose start nobody recorded can only be guessed.
            let recorded = content.attempts.get(&body.of);
            let guessed = recorded.is_none_or(|known| known.definition != body.worker.definition());
            let tree = worker.worktree.as_ref();
            ensure!(
                tree.is_none() || body.worktree() != tree || guessed,
                "one-worktree",
                "{of:?} is started in {tree:?} while {:?} is {:?} there",
                body.of,
                body.stage
            );
        }
        ensure!(
            worker.origin.is_none() || told.made.contains(name),
            "worktree-made",
            "{of:?} is started, and nobody has seen to its worktree for it"
        );
        let tree = worker.worktree.as_ref();
        let mut makings = told.makings.values();
        let making = makings.find(|(_, made)| tree.is_some() && made.as_ref() == tree);
        ensure!(
            making.is_none(),
            "worktree-made",
            "{of:?} is started in {tree:?} while that is being made for {making:?}"
        );
        for needed in &worker.requires {
            let up = told
                .heard
                .iter()
                .any(|(of, heard)| of.worker == *needed && heard.up && heard.ended.is_none());
            ensure!(
                up,
                "requires",
                "{name} is started although {needed} is not known to be ready"
            );
        }
        self.told_phase(phase, told)?;
        self.after_failure(t, of, told, world)?;
        Self::after_shortage(t, name, told, world)?;
        let finished = self.has_finished(name, told, world, content);
        ensure!(
            finished.is_none(),
            "finished",
            "{name} is started again after {finished:?}"
        );
        ensure!(
            worker.launcher == LauncherKind::Process,
            "wanted",
            "another launcher"
        );
        Ok(())
    }

    fn told_phase(&self, phase: Option<&ToldPhase>, told: &Told) -> Checked {
        let plan = &told.config.plan;
        let right = match (&told.at, phase) {
            (Place::Phase(index, id), Some(phase)) => {
                phase.index == *index && phase.id == *id && phase.brief == plan.phases[*index].brief
            }
            (Place::NoPlan | Place::Complete | Place::Astray, None) => true,
            _ => false,
        };
        ensure!(
            right,
            "told-what-is-recorded",
            "told {phase:?}, recorded is {:?}",
            told.at
        );
        Ok(())
    }

    /// The last attempt of a worker, if it ended by itself, its policy is content with that, and
    /// nothing has changed since, beyond doubt.
    fn has_finished<'a>(
        &self,
        name: &WorkerName,
        told: &Told,
        world: &'a [Body],
        content: &Content,
    ) -> Option<&'a AttemptRef> {
        let rules = &told.config.workers[name];
        let ended = |body: &&Body| body.of.worker == *name && body.ended.is_some();
        let last = world.iter().rev().find(ended)?;
        let known = content.attempts.get(&last.of)?;
        let is_last = content.last(name) == Some(&last.of);
        let content_with = match (&known.ended, rules.restart) {
            (Some((exit, None)), Restart::OnFailure) => exit.is_success(),
            (Some((_, None)), Restart::Never) => true,
            (Some((_, None)), Restart::Always) | (Some((_, Some(_))) | None, _) => false,
        };
        let same_phase = match &told.at {
            Place::Phase(_, id) => known.phase.as_ref() == Some(id),
            Place::Complete => known.phase.is_none(),
            Place::NoPlan | Place::Astray => true,
        };
        let untouched = last.signals.is_empty() && !last.double && !last.guessed;
        let same = last.boot == self.boot
            && known.definition == rules.definition()
            && last.worker.restart == rules.restart
            && last.ended.is_some_and(|ended| ended > self.moved);
        let asked = told.asked.contains_key(name) || Self::was_asked_for_since(last, told);
        let finished = is_last && content_with && same_phase && untouched && same && !asked;
        finished.then_some(&last.of)
    }

    /// A start that failed for want of something is put off.
    fn after_shortage(t: u64, name: &WorkerName, told: &Told, world: &[Body]) -> Checked {
        let short = told.heard.iter().filter(|(of, _)| of.worker == *name);
        let short = short.filter_map(|(of, heard)| Some((of, heard.short?)));
        let Some((of, since)) = short.max_by_key(|(_, since)| *since) else {
            return Ok(());
        };
        let asked = told.asked.get(name).is_some_and(|asked| *asked >= since);
        // It was to make way for another one by then.
        let signalled = |body: &Body| body.of == *of && !body.signals.is_empty();
        // Or it was asked for another one after it.
        let since_order = |body: &Body| {
            let asked = told.asked.get(name);
            body.of == *of && asked.is_some_and(|asked| *asked >= body.ordered)
        };
        let replaced = |body: &Body| signalled(body) || since_order(body);
        ensure!(
            t >= since + PUT_OFF || asked || world.iter().any(replaced),
            "put-off",
            "{name} is started again {} ms after there was not enough of something for {of:?}",
            t - since
        );
        Ok(())
    }

    /// A restart after a failure keeps to budget and backoff.
    fn after_failure(&self, t: u64, of: &AttemptRef, told: &Told, world: &[Body]) -> Checked {
        let last = world
            .iter()
            .rev()
            .find(|body| body.of.worker == of.worker && body.ended.is_some());
        let Some(last) = last.filter(|last| !Self::was_asked_for_since(last, told)) else {
            return Ok(());
        };
        let broken = self.failures.forbid(t, &last.of);
        ensure!(
            broken.is_none(),
            "budget",
            "{}: {}",
            of.worker,
            broken.unwrap_or_default()
        );
        Ok(())
    }
}
