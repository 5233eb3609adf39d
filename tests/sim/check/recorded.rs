//! What holds of the facts that the rig records.
//!
//! Promise: a fact is true, has a cause, and is recorded once; the resume point moves only as the
//! plan or somebody entitled says. How: each batch is held against the world and against what the
//! store had before, and once the disk took it, against what the store has then.

use std::collections::BTreeMap;

use loopkeeper::{
    config::Restart,
    decide::{Fact, ResumePoint, SetBy},
    model::{BootId, Exit, WorkerName},
};

use crate::{
    body::Body,
    store::Content,
    told::{Place, Told},
};

use super::{Checked, Checks, Why, ensure};

impl Checks {
    /// A batch is about to be recorded over what the store has.
    pub(crate) fn record(
        &mut self,
        t: u64,
        facts: &[Fact],
        before: &Content,
        told: &Told,
        world: &[Body],
    ) -> Checked {
        if !self.owes {
            self.says.record(facts, before, told)?;
        }
        let old = before.plain().resume_point.as_ref();
        let mut points: Vec<_> = old.into_iter().collect();
        for fact in facts {
            if let Fact::Phase(point) = fact {
                // What was offered before was right by the plan of then.
                if !self.offered.contains(point) {
                    self.phase(point, &points, told)?;
                }
                points.push(point);
            }
        }
        // A batch is applied as a whole, so only the last of its points comes to lie anywhere.
        if let Some(point) = points.last().filter(|last| Some(**last) != old) {
            let plan = &told.config.plan;
            let id = plan.phases.get(point.index).map(|phase| &phase.id);
            ensure!(
                self.offered.contains(point) || plan.phases.is_empty() || id == point.id.as_ref(),
                "resume-point",
                "{point:?} is not a point of the plan"
            );
        }
        self.offered = points.into_iter().skip(old.iter().len()).cloned().collect();
        let mut decided = BTreeMap::new();
        for fact in facts {
            match fact {
                Fact::Phase(point) if before.plain().resume_point.as_ref() != Some(point) => {
                    self.moved = t;
                }
                Fact::Decided {
                    attempt,
                    phase,
                    definition,
                    ..
                } => {
                    decided.insert(&attempt.worker, attempt);
                    let known = (phase.clone(), *definition);
                    self.decided.insert(attempt.clone(), known);
                }
                Fact::Stopping { attempt, stopping } => {
                    let body = world.iter().find(|body| body.of == *attempt);
                    let why = body
                        .and_then(|body| self.justification(t, body, told, world, before))
                        .map(|why| match (why, told.verdict(t, attempt)) {
                            (Why::Leftovers | Why::Continued | Why::Double, _) | (_, None) => why,
                            // There may be two reasons in one turn; which one it was is recorded.
                            (_, Some(verdict)) if stopping.failed => Why::Verdict(verdict),
                            (_, Some(_)) => why,
                        });
                    ensure!(
                        why.is_some(),
                        "justified-signal",
                        "{attempt:?} is to be stopped and nobody wanted that: {stopping:?}"
                    );
                    self.condemn(attempt, why);
                    if why == Some(Why::Leftovers) && !self.condemned.contains_key(attempt) {
                        self.raced.insert(attempt.clone());
                    }
                }
                Fact::Ended {
                    attempt,
                    at,
                    exit,
                    stopped,
                } => {
                    let Some(body) = world.iter().find(|body| body.of == *attempt) else {
                        let lost = matches!(exit, Exit::Lost(_));
                        ensure!(
                            lost,
                            "exit-truth",
                            "{attempt:?} never was, and ended with {exit}"
                        );
                        continue;
                    };
                    let known = before.attempts.get(attempt);
                    let at_its_time = body.with_machine.is_none_or(|then| *at <= then);
                    ensure!(
                        at_its_time || body.concluded,
                        "exit-truth",
                        "{attempt:?} ended with its machine at {:?}, and {at} is recorded",
                        body.with_machine
                    );
                    let nobodys = body.with_machine.is_some() && stopped.is_none();
                    ensure!(
                        !nobodys || body.concluded,
                        "interrupted-is-not-ended",
                        "{attempt:?} ended with its machine, and its end is recorded as its own"
                    );
                    if known.is_none_or(|known| known.ended.is_none()) {
                        let last = decided.get(&attempt.worker).copied();
                        let present = last.or(before.last(&attempt.worker)) == Some(attempt);
                        self.end(body, exit, stopped.as_deref(), present)?;
                        if present {
                            let follows = |next: &Body| {
                                next.double && next.lives() && next.of.worker == attempt.worker
                            };
                            let followed = world.iter().any(follows);
                            self.count(t, body, followed, told);
                        }
                    }
                }
                Fact::Notice(notice) if notice.event == "beginning" && !self.owes => {
                    let said = notice.text.contains("the one before ended in order");
                    ensure!(
                        said == self.goodbye,
                        "clean-flag",
                        "{:?}; its last daemon said goodbye: {}",
                        notice.text,
                        self.goodbye
                    );
                }
                Fact::Held {
                    worker,
                    reason: Some(reason),
                } => {
                    self.held.insert(worker.clone());
                    // What waited for a full disk may have been released since.
                    if self.owes {
                        continue;
                    }
                    let Some(rules) = told.config.workers.get(worker) else {
                        continue;
                    };
                    ensure!(
                        self.failures.may_be_exhausted(t, rules)
                            || may_have_run(worker, rules.restart, facts),
                        "held-for-cause",
                        "{worker} is held within its budget {:?}: {reason}",
                        rules.budget
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A batch was recorded.
    pub(crate) fn recorded(&mut self, facts: &[Fact], after: &Content, boot: &BootId) -> Checked {
        let last = after.boots.last().map(|last| &last.boot);
        ensure!(
            last == Some(boot),
            "one-record-per-boot",
            "something is recorded, and the boot {boot} is not"
        );
        self.goodbye = matches!(facts.last(), Some(Fact::Goodbye { .. }));
        self.endings.recorded(facts);
        self.offered.clear();
        for fact in facts {
            if let Fact::Restarts { worker, restarts } = fact
                && restarts.window.is_empty()
            {
                self.failures.forgiveness_is_recorded(worker);
            }
            if let Fact::Notice(notice) = fact
                && let ("worker-ended", Some(worker), Some(attempt)) =
                    (&*notice.event, &notice.worker, &notice.attempt)
            {
                let first = self.told_ends.insert((worker.clone(), attempt.clone()));
                ensure!(
                    first,
                    "one-end",
                    "{attempt} of {worker} ended twice in the history"
                );
            }
        }
        Ok(())
    }

    /// A boot is recorded.
    pub(crate) fn boots(&self, content: &Content, facts: &[Fact], world: &[Body]) -> Checked {
        for fact in facts {
            if let Fact::Boot(boot) = fact {
                let again = content.boots.iter().any(|known| known.boot == boot.boot);
                ensure!(
                    !again,
                    "one-record-per-boot",
                    "{} is recorded a second time",
                    boot.boot
                );
                let ended = boot.reboot.as_ref().and_then(|reboot| reboot.last_alive);
                ensure!(
                    boot.booted == boot.seen || ended.is_none_or(|ended| ended <= boot.booted),
                    "one-record-per-boot",
                    "{boot:?} is told to have begun before the one before had ended"
                );
                let from = boot.reboot.as_ref().map(|reboot| &reboot.from);
                let last = content.boots.last();
                ensure!(
                    from == last.map(|last| &last.boot),
                    "one-record-per-boot",
                    "{} follows {from:?}, and the last one recorded is {last:?}",
                    boot.boot
                );
                if let Some(reboot) = &boot.reboot {
                    for worker in &reboot.running {
                        let last = content.last(worker);
                        let body = world.iter().find(|body| Some(&body.of) == last);
                        let known = |exit: &Exit| !exit.may_never_have_run();
                        let over = |body: &Body| {
                            !body.until_reboot && body.record.as_ref().is_some_and(known)
                        };
                        ensure!(
                            !body.is_some_and(over),
                            "exit-truth",
                            "{worker} is told to have run until the machine went down: {body:?}"
                        );
                    }
                    ensure!(
                        reboot.clean == self.goodbye,
                        "clean-flag",
                        "{:?} is recorded; its last daemon said goodbye: {}",
                        reboot,
                        self.goodbye
                    );
                }
            }
        }
        Ok(())
    }

    /// `before`: the recorded point, and those that come before this one in its batch.
    fn phase(&self, point: &ResumePoint, before: &[&ResumePoint], told: &Told) -> Checked {
        let plan = &told.config.plan;
        let granted = self.granted.contains(&(point.index, point.id.clone()))
            || self.endings.grants(point, plan);
        let follows = |old: &&ResumePoint| {
            // An end stays an end, or goes on with what was added to the plan since.
            let was = match &old.id {
                Some(id) => plan.phases.iter().position(|phase| phase.id == *id),
                None => Some(old.index),
            };
            let of = old.id.as_ref();
            let of = of.or_else(|| Some(&plan.phases.get(old.index)?.id));
            let over = of.is_some_and(|id| self.over.contains(id));
            let next = was.is_some_and(|was| was + 1 == point.index) && over;
            let same = match &old.id {
                // Wherever a changed plan has it.
                Some(id) => point.id.as_ref() == Some(id),
                // Or where further changes have since moved the phase that was added.
                None => {
                    let added = point.id.clone().map(|id| Place::Phase(point.index, id));
                    point.index == old.index || added.as_ref() == Some(&told.at)
                }
            };
            same || point.by == SetBy::Plan && next
        };
        let first = before.is_empty() && point.index == 0;
        let allowed = granted || first || before.iter().any(follows);
        ensure!(
            allowed,
            "resume-point",
            "moved from {before:?} to {point:?} by itself; over: {:?}",
            self.over
        );
        Ok(())
    }

    /// What is recorded of an end is what happened.
    fn end(&self, body: &Body, exit: &Exit, stopped: Option<&str>, present: bool) -> Checked {
        let of = &body.of;
        match &body.record {
            Some(record) => ensure!(
                record == exit || body.concluded,
                "exit-truth",
                "{of:?} ended with {record}, and {exit} is recorded"
            ),
            None => ensure!(
                matches!(exit, Exit::Lost(_)) && !body.lives(),
                "exit-truth",
                "{of:?} is {:?}, and {exit} is recorded",
                body.stage
            ),
        }
        let condemned = self
            .condemned
            .get(of)
            .is_some_and(|why| *why != Why::Double);
        let known = condemned && !self.unknown_stops.contains(of);
        if body.began.is_some() && known && present {
            ensure!(
                stopped.is_some() || !body.was_interrupted(),
                "interrupted-is-not-ended",
                "{of:?} was stopped ({:?}), and its end is recorded as its own",
                self.condemned.get(of)
            );
        }
        Ok(())
    }
}

/// What is to be run once may have been, by an end that is recorded together with this.
fn may_have_run(worker: &WorkerName, policy: Restart, facts: &[Fact]) -> bool {
    let ended = facts.iter().any(|fact| match fact {
        Fact::Ended { attempt, exit, .. } => attempt.worker == *worker && exit.may_never_have_run(),
        _ => false,
    });
    policy == Restart::Never && ended
}
