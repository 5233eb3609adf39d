//! The restart budget, counted once more from outside.
//!
//! The rig counts at a moment that nobody outside sees exactly, and it may count an end twice when
//! its daemon dies in between; so each failure is an interval, and what is not sure is not held
//! against the rig: a restart is wrong only if every reading of the intervals makes it wrong.

use std::{collections::BTreeMap, ops::RangeInclusive};

use loopkeeper::{
    config::{Backoff, Worker},
    model::{AttemptRef, WorkerName},
};

use crate::told::millis;

/// One end that weighs on the budget.
#[derive(Debug, Clone, Hash)]
struct Failure {
    of: AttemptRef,
    /// When its end was first and last recorded.
    first: u64,
    last: u64,
    /// The store has it for sure, and it was no healthy life.
    sure: bool,
    /// It may have been ready for the healthy time.
    maybe_healthy: bool,
    /// It was, beyond doubt.
    healthy: bool,
    /// It was within the window whenever one was counted since.
    weighs: bool,
    /// By the backoff of then, the next start comes no earlier than this.
    not_before: u64,
    /// One more than the budget, by every reading.
    exhausted: bool,
    /// The operator has asked for that which forgives it.
    asked: bool,
    /// The operator forgave it. It is kept because a disk that was full may yet get to record it.
    forgiven: bool,
}

impl Failure {
    fn forgive(&mut self) {
        self.forgiven = true;
        self.sure = false;
    }
}

/// The failures of every worker in this boot, since the operator last forgave them.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Failures(BTreeMap<WorkerName, Vec<Failure>>);

impl Failures {
    /// The end of an attempt that ended by itself, or by a verdict, is recorded.
    /// The rig counted it at some moment of `when`.
    pub(crate) fn count(
        &mut self,
        when: RangeInclusive<u64>,
        of: &AttemptRef,
        worker: &Worker,
        sure: bool,
        [healthy, maybe_healthy]: [bool; 2],
    ) {
        let failures = self.0.entry(of.worker.clone()).or_default();
        let t = *when.start();
        let window = millis(worker.budget.window);
        // What a narrower window has once let go does not come back with a wider one.
        for known in failures.iter_mut() {
            known.weighs &= known.first + window > *when.end();
        }
        let weighing = failures
            .iter()
            .filter(|known| known.weighs && known.sure)
            .count();
        let allowed = usize::try_from(worker.budget.restarts).unwrap();
        let streak = match maybe_healthy {
            true => 1,
            false => {
                let since = failures.iter().rev().take_while(|known| known.sure);
                1 + since.take_while(|known| !known.maybe_healthy).count()
            }
        };
        failures.push(Failure {
            of: of.clone(),
            first: t,
            last: *when.end(),
            sure,
            maybe_healthy,
            healthy,
            weighs: !maybe_healthy,
            not_before: t + shortest(&worker.backoff, streak),
            exhausted: !maybe_healthy && weighing + 1 > allowed,
            asked: false,
            forgiven: false,
        });
    }

    pub(crate) fn knows(&self, of: &AttemptRef) -> bool {
        let known = self.0.get(&of.worker).into_iter().flatten();
        known.filter(|known| known.of == *of).count() > 0
    }

    /// The same end is recorded once more. A daemon that did not see its life takes it for short.
    pub(crate) fn again(&mut self, t: u64, of: &AttemptRef, healthy: bool) {
        let known = self.0.get_mut(&of.worker).into_iter().flatten();
        for known in known.filter(|known| known.of == *of) {
            known.last = t;
            known.healthy &= healthy;
        }
    }

    /// Why a start of this worker after that attempt breaks the rules, if it does.
    pub(crate) fn forbid(&self, t: u64, after: &AttemptRef) -> Option<String> {
        let failures = self.0.get(&after.worker)?;
        let last = failures
            .iter()
            .find(|known| known.of == *after && known.sure)?;
        if last.exhausted {
            return Some(format!(
                "started after {after:?} although its budget was used up"
            ));
        }
        (t < last.not_before).then(|| {
            format!(
                "started {} ms before its backoff was over",
                last.not_before - t
            )
        })
    }

    /// Could the budget be used up, by the most generous reading?
    pub(crate) fn may_be_exhausted(&self, t: u64, worker: &Worker) -> bool {
        let window = millis(worker.budget.window);
        let within =
            |known: &&Failure| !known.forgiven && !known.healthy && known.last + window > t;
        let counted = self
            .0
            .get(&worker.name)
            .map_or(0, |all| all.iter().filter(within).count());
        counted > usize::try_from(worker.budget.restarts).unwrap()
    }

    /// The operator asks for another attempt of what does not run: what was is forgiven, once that
    /// is recorded.
    pub(crate) fn will_be_forgiven(&mut self, name: &WorkerName) {
        let known = self.0.get_mut(name).into_iter().flatten();
        known.for_each(|known| known.asked = true);
    }

    pub(crate) fn forgiveness_is_recorded(&mut self, name: &WorkerName) {
        let known = self.0.get_mut(name).into_iter().flatten();
        known.filter(|known| known.asked).for_each(Failure::forgive);
    }

    /// The daemon died before it was recorded.
    pub(crate) fn forget_forgiveness(&mut self) {
        let known = self.0.values_mut().flatten();
        known.for_each(|known| known.asked = false);
    }

    /// What is held against workers that are removed is forgiven, once that is recorded.
    pub(crate) fn will_forgive_others(&mut self, declared: impl Fn(&WorkerName) -> bool) {
        let removed = self.0.iter_mut().filter(|(name, _)| !declared(name));
        for known in removed.flat_map(|(_, known)| known) {
            (known.sure, known.asked) = (false, true);
        }
    }

    /// Workers that were removed while no daemon ran.
    pub(crate) fn doubt_others(&mut self, declared: impl Fn(&WorkerName) -> bool) {
        let others: Vec<_> = self
            .0
            .keys()
            .filter(|name| !declared(name))
            .cloned()
            .collect();
        for name in others {
            self.doubt(&name);
        }
    }

    /// It cannot be told from outside whether what was still counts.
    pub(crate) fn doubt(&mut self, name: &WorkerName) {
        for failure in self.0.get_mut(name).into_iter().flatten() {
            failure.sure = false;
        }
    }

    /// A daemon died with facts that no disk took.
    pub(crate) fn doubt_all(&mut self) {
        for failure in self.0.values_mut().flatten() {
            failure.sure = false;
        }
    }

    /// A new boot begins with an empty budget.
    pub(crate) fn new_boot(&mut self) {
        self.0.clear();
    }
}

/// The shortest delay before the `streak`th restart in a row.
fn shortest(backoff: &Backoff, streak: usize) -> u64 {
    let doublings = u32::try_from(streak - 1).unwrap().min(31);
    let most = millis(backoff.most.max(backoff.first));
    let plain = (millis(backoff.first) << doublings).min(most);
    // One millisecond for what the rig rounds away.
    (plain * u64::from(100 - backoff.jitter.min(100)) / 100).saturating_sub(1)
}
