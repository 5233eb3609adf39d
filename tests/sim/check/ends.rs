//! Which ends weigh on the restart budget.
//!
//! Promise: an end is taken for a failure only if the rig must have seen one; one of which that is
//! not sure is counted as perhaps. How: an end is judged when its record is offered, by what it was
//! stopped for and by the rules of then, and `budget` counts it.

use loopkeeper::config::Restart;

use crate::{
    body::Body,
    told::{Told, millis},
};

use super::{Checks, Why};

/// Whether something is beyond doubt.
struct Surely(bool);

impl Checks {
    /// An end weighs on the budget from when it is recorded, unless it is `followed` by an attempt that
    /// nobody had to start.
    pub(super) fn count(&mut self, t: u64, body: &Body, followed: bool, told: &Told) {
        let Some(rules) = told.config.workers.get(&body.of.worker) else {
            return;
        };
        let healthy = self.overdue.was_healthy(&body.of);
        if self.failures.knows(&body.of) {
            self.failures.again(t, &body.of, healthy);
        } else if let Some(Surely(sure)) = self
            .is_failure(body, rules.restart)
            .filter(|_| body.boot == self.boot)
        {
            // Whether the rig knew of the end when it was asked for another attempt, and so forgave
            // it, cannot be told from outside.
            let forgiven = Self::was_asked_for_since(body, told);
            if forgiven {
                self.failures.doubt(&body.of.worker);
            }
            // What waits for a full disk was counted by the rules of then.
            let sure = sure && !forgiven && !followed && !self.owes;
            // As long as the rig may have believed it to live.
            let lived = t - body.began.unwrap_or(t);
            let maybe_healthy = lived >= millis(rules.backoff.healthy);
            // What waits for a full disk was counted before it is offered.
            let earliest = if self.owes {
                body.ended.unwrap_or(t)
            } else {
                t
            };
            self.failures.count(
                earliest..=t,
                &body.of,
                rules,
                sure,
                [healthy, maybe_healthy],
            );
        }
    }

    /// Did this end count as a failure, for sure or perhaps?
    fn is_failure(&self, body: &Body, policy: Restart) -> Option<Surely> {
        let exit = body.record.as_ref()?;
        // What the daemon knew of these is not known out here.
        let unclear = body.double
            || body.guessed
            || self.raced.contains(&body.of)
            || self.unknown_stops.contains(&body.of);
        if unclear {
            return Some(Surely(false));
        }
        let failed = match self.condemned.get(&body.of) {
            Some(Why::Verdict(_)) => true,
            Some(_) => false,
            None => match policy {
                Restart::Always => true,
                Restart::OnFailure => !exit.is_success(),
                Restart::Never => false,
            },
        };
        failed.then_some(Surely(true))
    }

    /// The operator asked for an attempt after this one had begun to end.
    pub(super) fn was_asked_for_since(body: &Body, told: &Told) -> bool {
        let ends = body
            .signals
            .first()
            .map(|signalled| signalled.t)
            .min(body.ended);
        let ends = ends.or(body.ended);
        let asked = told
            .asked
            .get(&body.of.worker)
            .is_some_and(|asked| Some(*asked) >= ends);
        asked || told.heard.get(&body.of).is_some_and(|heard| heard.restart)
    }
}
