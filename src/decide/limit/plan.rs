//! What is to be done about a limit, and when.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    super::{Rig, attempt::in_words, watch::to_the_minute, worker::Worker},
    Limit,
};
use crate::model::{Mono, Now, WorkerName};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Plan {
    /// Nothing: it does not run, or the looks at it do not agree that it is at its limit.
    Nothing,
    /// Nobody wakes it.
    Never,
    /// It is woken then.
    At(Timestamp),
    /// It is woken after this one, of the same account.
    After(WorkerName),
    /// It is to be woken now.
    Wake,
    /// It is being woken.
    Waking,
    /// Who would wake it waits for somebody who is there, or for its input line.
    PutOff,
    /// It was woken, and is looked at.
    Woken,
}

impl Worker {
    /// When something is to be done about its limit.
    pub(in crate::decide) fn limit_deadline(&self) -> Option<Mono> {
        self.limit.as_ref()?.next
    }

    /// What is done about its limit, in words.
    pub(in crate::decide) fn limit_plan(&self) -> Option<String> {
        match &self.limit.as_ref()?.plan {
            Plan::Nothing | Plan::Wake => None,
            Plan::Never => Some("nobody wakes it: its limit has wake = false".into()),
            Plan::At(at) => Some(format!("is woken at {}", to_the_minute(*at))),
            Plan::After(other) => Some(match &self.rules.limit.account {
                Some(account) => format!("waits for {other} of account {account}"),
                None => format!("waits for {other}"),
            }),
            Plan::Waking => Some("is being woken".into()),
            Plan::PutOff => Some(format!(
                "is woken as soon as text can be typed there, tried for {}",
                in_words(self.rules.limit.again)
            )),
            Plan::Woken => Some("was woken".into()),
        }
    }
}

impl Rig {
    /// Finds what is to be done about the limit of a worker, and when that is to be looked at again.
    pub(super) fn plan_limit(&mut self, now: Now, name: &WorkerName) -> Plan {
        let plan = self.limit_plan_of(now, name);
        let worker = self.workers.get_mut(name);
        if let Some(limit) = worker.and_then(|worker| worker.limit.as_mut()) {
            limit.next = match &plan {
                Plan::At(at) => Some(from(now, *at)),
                Plan::Nothing
                | Plan::Never
                | Plan::After(_)
                | Plan::Wake
                | Plan::Waking
                | Plan::PutOff
                | Plan::Woken => None,
            };
            limit.plan = plan.clone();
        }
        plan
    }

    fn limit_plan_of(&self, now: Now, name: &WorkerName) -> Plan {
        let worker = self.workers.get(name).filter(|worker| worker.shows_limit());
        let Some((worker, limit)) =
            worker.and_then(|worker| Some((worker, worker.limit.as_ref()?)))
        else {
            return Plan::Nothing;
        };
        let rules = &worker.rules.limit;
        if !rules.wake {
            return Plan::Never;
        }
        let mut nudges = self.nudges.iter();
        if let Some(nudge) = nudges.find(|nudge| nudge.wakes(name)) {
            return match nudge.is_put_off() {
                true => Plan::PutOff,
                false => Plan::Waking,
            };
        }
        if limit.seen_since.is_some() {
            return Plan::Woken;
        }
        let due = limit.known.due(rules);
        if due > now.wall {
            return Plan::At(due);
        }
        match self.first_of_account(now, worker) {
            Some(other) => Plan::After(other.clone()),
            None => Plan::Wake,
        }
    }

    /// Who of the same account has to be seen to go on before this worker is woken.
    fn first_of_account(&self, now: Now, worker: &Worker) -> Option<&WorkerName> {
        let account = worker.rules.limit.account.as_ref()?;
        let others = self.workers.values();
        let mut others = others.filter(|other| {
            other.name() != worker.name() && other.rules.limit.account.as_ref() == Some(account)
        });
        let first = others.find(|other| other.is_limited() && self.is_tried(now, other))?;
        Some(first.name())
    }

    /// It is being woken, was woken and is looked at, or has found another limit.
    fn is_tried(&self, now: Now, worker: &Worker) -> bool {
        let waking = self
            .nudges
            .iter()
            .any(|nudge| nudge.wakes(worker.name()) && !nudge.is_put_off());
        let woken = |limit: &Limit| {
            let found = limit.known.taken && limit.known.due(&worker.rules.limit) > now.wall;
            limit.seen_since.is_some() || found
        };
        waking || worker.limit.as_ref().is_some_and(woken)
    }
}

/// When the clock on the wall says this, if nobody sets it.
fn from(now: Now, at: Timestamp) -> Mono {
    let wait = at.duration_since(now.wall).max(jiff::SignedDuration::ZERO);
    // Not a moment too early.
    now.mono + wait.unsigned_abs() + Duration::from_millis(1)
}
