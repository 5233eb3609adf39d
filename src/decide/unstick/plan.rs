//! What is to be done about who does nothing any more, and when.

use std::time::Duration;

use super::{
    super::{Rig, Trouble, attempt::in_words, verdict::ago, watch::whole, worker::Worker},
    Unstick,
};
use crate::{
    config,
    model::{Mono, Now, VerdictIs, WorkerName},
};

/// A look of so long ago is one of this moment.
const FRESH: Duration = Duration::from_secs(2);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Plan {
    /// Nothing: it does not run, or the looks at it do not agree any more.
    Nothing,
    /// Nobody nudges it.
    Never,
    /// It is nudged then, or given up.
    At(Mono),
    /// Another text comes first.
    After,
    /// It is to be looked at once more.
    Look,
    /// It is to be nudged now.
    Try,
    /// It is being nudged.
    Trying,
    /// Who would nudge it waits for somebody who is there, or for its input line.
    PutOff,
    /// Nothing has helped.
    GiveUp,
    /// A person was told.
    Told,
    /// It is over; it is known until then.
    Over(Mono),
}

impl Worker {
    /// When something is to be done about what keeps it from its work.
    pub(in crate::decide) fn unstick_deadline(&self) -> Option<Mono> {
        self.unstick.as_ref()?.next
    }

    /// What was done about that of which looks say this, and what is, in words.
    pub(in crate::decide) fn unstick_plan(&self, now: Now, is: VerdictIs) -> Option<String> {
        let unstick = self.unstick.as_ref()?;
        if unstick.known.what.verdict() != is || unstick.over.is_some() {
            return None;
        }
        let done = unstick.done(now.mono, &self.rules.unstick);
        let which = unstick.which(&self.rules.unstick);
        match &unstick.plan {
            Plan::Never | Plan::Over(_) => None,
            Plan::Nothing | Plan::Look | Plan::Try | Plan::GiveUp => done,
            Plan::At(at) => {
                let time = in_words(whole(at.since(now.mono)));
                Some(match (done, unstick.known.what) {
                    (None, _) => format!("is nudged in {time}"),
                    (Some(done), Trouble::Outage) => format!("{done}, again in {time}"),
                    (Some(done), Trouble::Stall | Trouble::Idle) => done,
                })
            }
            Plan::After => Some("is nudged after the text that waits".into()),
            Plan::Trying => Some(format!("is being nudged{which}")),
            Plan::PutOff => Some(format!(
                "is nudged{which} as soon as text can be typed there"
            )),
            Plan::Told => {
                let done = done.map_or(String::new(), |done| format!("{done}; "));
                Some(format!("{done}a person has to look"))
            }
        }
    }
}

impl Unstick {
    /// The tries so far, and when the last one was.
    fn done(&self, now: Mono, rules: &config::Unstick) -> Option<String> {
        let tried = self.tried.filter(|_| self.known.tries > 0)?;
        let which = self.which(rules);
        Some(format!("nudged{which}, {}", ago(now.since(tried))))
    }

    /// Which of the tries the last one was, behind a word.
    fn which(&self, rules: &config::Unstick) -> String {
        let tries = self.known.tries;
        match (self.known.what, tries) {
            (_, 0) => String::new(),
            (Trouble::Outage, 1) => " once".into(),
            (Trouble::Outage, _) => format!(" {tries} times"),
            (Trouble::Stall | Trouble::Idle, _) => {
                format!(" {tries} of {}", rules.tries.max(tries))
            }
        }
    }
}

impl Rig {
    /// Finds what is to be done about who does nothing any more, and when that is to be looked at again.
    pub(super) fn plan_unstick(&mut self, now: Now, name: &WorkerName) -> Plan {
        let plan = match self.leaving {
            Some(_) => Plan::Nothing,
            None => self.unstick_plan_of(now, name),
        };
        let worker = self.workers.get_mut(name);
        if let Some(unstick) = worker.and_then(|worker| worker.unstick.as_mut()) {
            unstick.next = match &plan {
                Plan::At(at) | Plan::Over(at) => Some(*at),
                Plan::Nothing
                | Plan::Never
                | Plan::After
                | Plan::Look
                | Plan::Try
                | Plan::Trying
                | Plan::PutOff
                | Plan::GiveUp
                | Plan::Told => None,
            };
            unstick.plan = plan.clone();
        }
        plan
    }

    fn unstick_plan_of(&self, now: Now, name: &WorkerName) -> Plan {
        let worker = self.workers.get(name);
        let both = worker.and_then(|worker| Some((worker, worker.unstick.as_ref()?)));
        let Some((worker, unstick)) = both else {
            return Plan::Nothing;
        };
        let (rules, what) = (&worker.rules.unstick, unstick.known.what);
        if let Some(over) = unstick.over {
            return Plan::Over(over + unstick.wait(rules));
        }
        if !rules.nudge {
            return Plan::Never;
        }
        let mut nudges = self.nudges.iter();
        let ours = nudges.find(|nudge| nudge.unsticks().is_some() && nudge.is_ahead_for(name));
        if let Some(nudge) = ours {
            return match nudge.is_put_off() {
                true => Plan::PutOff,
                false => Plan::Trying,
            };
        }
        let watching = worker.watching();
        if unstick.is_left(rules, watching) {
            return Plan::Told;
        }
        let shows = watching.filter(|one| one.shows(what.verdict(), &worker.rules.watch));
        let (Some(watching), Some((seen, _))) = (shows, watching.and_then(|one| one.seen())) else {
            return Plan::Nothing;
        };
        let since = match what {
            Trouble::Stall | Trouble::Outage => unstick.tried.unwrap_or(unstick.since),
            Trouble::Idle => {
                let word = unstick.tried.unwrap_or(unstick.since);
                word.max(watching.since().mono)
            }
        };
        let due = since + unstick.wait(rules);
        if due > now.mono {
            return Plan::At(due);
        }
        if self.others_come_first(name, what) {
            return Plan::After;
        }
        if now.mono.since(seen) > FRESH {
            return Plan::Look;
        }
        match unstick.is_exhausted(rules, watching) {
            true => Plan::GiveUp,
            false => Plan::Try,
        }
    }

    /// Other texts for it are typed first. Those that wait for an agent that does nothing, as a file in its
    /// inbox does, cannot be: for them it is unstuck. Who only waits has them typed, unless they were refused:
    /// then so is the word for it, and that is told.
    pub(super) fn others_come_first(&self, name: &WorkerName, what: Trouble) -> bool {
        let mut others = self.nudges.iter();
        others.any(|other| {
            let first = match what {
                Trouble::Stall => other.is_begun() || other.is_asked(),
                Trouble::Outage => other.is_begun() || other.is_asked() || other.is_own(),
                Trouble::Idle => other.is_asked() || !other.was_refused(),
            };
            other.unsticks().is_none() && other.is_ahead_for(name) && first
        })
    }
}
