//! The end: faults are over and time has passed, so what should run runs, what should not does not,
//! and nothing else happens.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use loopkeeper::{
    config::{Condition, OnPhase, Restart},
    decide::Leave,
    model::WorkerName,
};

use crate::{
    body::Body,
    check::{Checked, Says, Why, ensure},
    terminal::Limit,
    told::{ASTRAY, Place, Told},
    world::World,
};

/// How long the world is calm before the rig is judged: longer than the longest look that was lost
/// on the way, ms.
pub(crate) const CALM: u64 = 22 * 60_000;
/// How long nothing must have happened by then, ms.
const QUIET: u64 = 3 * 60_000;
/// A text is typed, or known not to be, within that time.
const TYPED_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// After its end nobody should be at a limit for longer.
const LIMIT_IS_OVER: SignedDuration = SignedDuration::from_mins(15);
/// A sign of life is recorded at least so often.
const SIGN_OF_LIFE: SignedDuration = SignedDuration::from_secs(65);

impl World {
    pub(crate) fn check_end(&mut self) -> Checked {
        let Some(daemon) = &self.daemon else {
            ensure!(false, "world", "there is no daemon at the end");
            return Ok(());
        };
        let told = &daemon.told;
        let still = self.t - self.busy;
        ensure!(
            still >= QUIET || self.somebody_is_asked_again(),
            "quiet",
            "the rig was busy {still} ms before the end"
        );
        ensure!(told.surveyed, "quiet", "the host was never asked");
        let begun = &self.store.now.plain().nudges;
        let since = self.wall() - TYPED_WITHIN;
        self.checks.nudges.at_the_end(|nudge| {
            let mut begun = begun.iter().filter(|begun| begun.nudge == *nudge);
            begun.any(|begun| begun.at > since)
        })?;
        self.checks.endings.at_the_end()?;
        ensure!(self.checks.ready, "up", "the rig never said that it is up");
        self.is_remembered(told)?;
        let view = daemon.rig.view(self.view_now(), |_, _| None);
        ensure!(
            view.degraded.is_empty(),
            "quiet",
            "still degraded: {:?}",
            view.degraded
        );
        for body in self.bodies.iter().filter(|body| body.lives()) {
            let declared = told.config.workers.contains_key(&body.of.worker);
            ensure!(
                declared,
                "should-not-run",
                "{:?} lives and is not declared",
                body.of
            );
        }
        let running: BTreeSet<_> = self
            .bodies
            .iter()
            .filter(|body| body.runs())
            .map(|body| &body.of.worker)
            .collect();
        for (name, rules) in &told.config.workers {
            let lives: Vec<_> = self
                .bodies
                .iter()
                .filter(|b| b.lives() && b.of.worker == *name)
                .collect();
            ensure!(
                lives.len() <= 1,
                "one-life",
                "{name} lives {} times",
                lives.len()
            );
            match (told.unwanted(name), lives.first()) {
                (Some(ASTRAY), _) => {}
                (Some(why), Some(body)) => {
                    ensure!(
                        false,
                        "should-not-run",
                        "{:?} lives although it is {why}",
                        body.of
                    );
                }
                (Some(_), None) => {}
                (None, Some(body)) => self.right_one(told, body)?,
                (None, None) => {
                    let missing = rules
                        .requires
                        .iter()
                        .any(|needed| !running.contains(needed));
                    // It may work in the same worktree.
                    let goes_on = |body: &Body| {
                        body.lives() && told.unwanted(&body.of.worker) == Some(ASTRAY)
                    };
                    let missing =
                        missing || rules.worktree.is_some() && self.bodies.iter().any(goes_on);
                    ensure!(
                        missing || self.is_held(name) || self.is_finished(told, name),
                        "should-run",
                        "{name} does not run, and nothing says why not; its row: {:?}; last: {:?}",
                        view.workers.iter().find(|row| row.name == name),
                        self.last_ended(name)
                    );
                }
            }
        }
        if let (Place::Phase(index, id), false) = (&told.at, told.paused) {
            let until = &told.config.plan.phases[*index].until;
            ensure!(
                *until == Condition::Operator || !self.over.contains(id),
                "plan-goes-on",
                "phase {id} is over and the plan stands still"
            );
        }
        self.counted_at_the_end(told.config.workers.len(), running.len());
        Ok(())
    }

    /// Who was woken at the end of a limit while the clock was ahead, and is at it still since the clock
    /// was set back, is tried again and again: when it ends nobody knows.
    fn somebody_is_asked_again(&self) -> bool {
        let workers = &self.store.now.plain().workers;
        self.bodies.iter().filter(|body| body.lives()).any(|body| {
            let known = workers
                .get(&body.of.worker)
                .and_then(|known| known.limit.as_ref());
            let unknown = known.is_some_and(|limit| limit.tried.is_some() && limit.until.is_none());
            let ahead = body
                .limit
                .as_ref()
                .is_some_and(|limit| limit.end > self.wall());
            unknown && ahead
        })
    }

    fn counted_at_the_end(&mut self, declared: usize, running: usize) {
        let count = |n: usize| u64::try_from(n).unwrap();
        self.coverage.add("workers at the end", count(declared));
        self.coverage
            .add("workers that run at the end", count(running));
    }

    fn right_one(&self, told: &Told, body: &Body) -> Checked {
        let rules = &told.config.workers[&body.of.worker];
        if rules.agent.is_some() && body.limit.is_none() {
            Says::at_the_end(&body.of, rules, &self.store.now)?;
            let waiting = self.inboxes.waiting(&body.of.worker);
            ensure!(
                waiting == 0,
                "files-delivered",
                "{waiting} files wait for {:?}, which is ready for them",
                body.of
            );
        }
        let over = |limit: &Limit| limit.end + LIMIT_IS_OVER < self.wall();
        let account = |body: &Body| {
            let worker = told.config.workers.get(&body.of.worker);
            worker.and_then(|worker| worker.limit.account.clone())
        };
        // Of one account all wait for the latest of what they found, which a clock that is set back may
        // make far away.
        let waits = account(body).is_some()
            && self.bodies.iter().any(|other| {
                let ahead = other.limit.as_ref().is_some_and(|limit| !over(limit));
                other.lives() && ahead && account(other) == account(body)
            });
        let over = body.limit.as_ref().is_some_and(over) && !waits;
        ensure!(
            !(over && rules.limit.wake && rules.agent.is_some()),
            "woken",
            "{:?} is at a limit that was over long ago",
            body.of
        );
        let guessed = body.double || body.guessed;
        ensure!(
            guessed || body.worker.definition() == rules.definition(),
            "should-not-run",
            "{:?} runs from a definition that is no longer the one declared",
            body.of
        );
        let told_id = body.told.as_ref().map(|told| &told.id);
        ensure!(
            guessed || !told.told_another_phase(rules, told_id),
            "should-not-run",
            "{:?} was told phase {told_id:?}, and the plan is at {:?}",
            body.of,
            told.at
        );
        ensure!(
            told.heard.get(&body.of).is_none_or(|heard| !heard.restart),
            "should-not-run",
            "{:?} goes on although the operator wanted another one",
            body.of
        );
        let known = self.store.now.plain().workers.get(&body.of.worker);
        ensure!(
            known.is_none_or(|known| !known.stops.contains_key(&body.of.attempt)),
            "should-not-run",
            "{:?} goes on although its stop was begun",
            body.of
        );
        let recorded = self.store.now.attempts.get(&body.of);
        ensure!(
            recorded.and_then(|known| known.identity.as_ref()) == body.identity(),
            "remembered",
            "{:?} runs as {:?}, recorded is {recorded:?}",
            body.of,
            body.identity()
        );
        Ok(())
    }

    /// The next daemon would be given what this one knows.
    fn is_remembered(&self, told: &Told) -> Checked {
        let known = self.store.now.plain();
        ensure!(
            known.paused.is_some() == told.paused,
            "remembered",
            "paused: {}, recorded: {:?}",
            told.paused,
            known.paused
        );
        for name in told.config.workers.keys() {
            let stopped = known.workers.get(name).is_some_and(|known| known.stopped);
            ensure!(
                stopped == told.is_stopped(name),
                "remembered",
                "{name} is stopped: {}, recorded: {stopped}",
                told.is_stopped(name)
            );
        }
        for body in self.bodies.iter().filter(|body| !body.lives()) {
            ensure!(
                body.concluded,
                "concluded-when-over",
                "{:?} is over and was never concluded",
                body.of
            );
        }
        let now = self.wall();
        let age = known.last_alive.map(|last| now.duration_since(last));
        ensure!(
            age.is_some_and(|age| age <= SIGN_OF_LIFE),
            "remembered",
            "the last sign of life is {age:?} old"
        );
        Ok(())
    }

    /// A daemon leaves: it has said goodbye, and has not left behind what it was to stop.
    pub(crate) fn check_exit(&self) -> Checked {
        ensure!(
            self.checks.goodbye || self.checks.owes,
            "clean-flag",
            "the daemon leaves and no goodbye is recorded"
        );
        let leaving = self.daemon.as_ref().and_then(|d| d.told.leaving);
        let left = self.bodies.iter().find(|body| body.lives());
        ensure!(
            leaving != Some(Leave::StopWorkers) || left.is_none(),
            "left-nothing",
            "the daemon was to stop its workers, and leaves while {:?} lives",
            left.map(|body| (&body.of, &body.stage))
        );
        Ok(())
    }

    fn is_held(&self, name: &WorkerName) -> bool {
        let known = self.store.now.plain().workers.get(name);
        // A hold belongs to the boot in which the budget ran out.
        self.checks.held.contains(name) && known.is_some_and(|known| known.held.is_some())
    }

    /// The attempt of a worker that ended last. Where the disk refused to take some of them, no daemon
    /// can tell in which order they were: then it may have been any of them.
    fn last_ended(&self, name: &WorkerName) -> Vec<&Body> {
        let ended = |body: &&Body| {
            let stray = self.checks.condemned.get(&body.of) == Some(&Why::Double);
            body.of.worker == *name && body.ended.is_some() && body.boot == self.boot && !stray
        };
        let mut ended: Vec<_> = self.bodies.iter().filter(ended).collect();
        ended.sort_by_key(|body| body.ended);
        if !ended.iter().any(|body| body.guessed || body.double) {
            ended.drain(..ended.len().saturating_sub(1));
        }
        ended
    }

    /// It ended by itself, its policy is content with that, and nobody has asked for more since.
    fn is_finished(&self, told: &Told, name: &WorkerName) -> bool {
        self.last_ended(name)
            .iter()
            .any(|last| self.has_finished(told, name, last))
    }

    fn has_finished(&self, told: &Told, name: &WorkerName, last: &Body) -> bool {
        let rules = &told.config.workers[name];
        let content = match (rules.restart, &last.record) {
            (Restart::Never, Some(exit)) => !exit.may_never_have_run(),
            (Restart::OnFailure, Some(exit)) => exit.is_success(),
            (Restart::Always, _) | (_, None) => false,
        };
        // Of an attempt whose start could not be recorded, what was guessed instead.
        let guess = self
            .store
            .now
            .attempts
            .get(&last.of)
            .filter(|_| last.guessed || last.double);
        let told_id = match guess {
            Some(guess) => guess.phase.as_ref(),
            None => last.told.as_ref().map(|told| &told.id),
        };
        let definition = guess.map_or(last.worker.definition(), |guess| guess.definition);
        let same_phase = match &told.at {
            Place::Phase(_, id) => told_id == Some(id) || rules.on_phase == OnPhase::Keep,
            // What outlived the plan is not told that it is complete.
            Place::Complete | Place::NoPlan | Place::Astray => true,
        };
        content
            && same_phase
            && (!last.was_interrupted() || self.checks.unknown_stops.contains(&last.of))
            && last.boot == self.boot
            && definition == rules.definition()
            && told
                .asked
                .get(name)
                .is_none_or(|asked| Some(*asked) <= told.ended(&last.of).or(last.ended))
    }
}
