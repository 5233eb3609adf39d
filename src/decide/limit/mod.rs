//! Usage limits: waited for, and gone on after.
//!
//! # Promise
//!
//! What is known of a limit is recorded when it is new, so that its end is the one that its words meant
//! then, whichever daemons, attempts and boots come between. Who is at a limit whose end has come is woken
//! by a text; that it goes on is looked at, and who does not is tried again, for as long as it is limited
//! and no more often than its `again` says. No try is forgotten with the daemon that made it. Of workers of
//! one account one is tried, and the next when that one was seen to go on, could not be woken, or ended.
//!
//! # How
//!
//! ```text
//!  two looks see it ─► known ─► the end has come ─► woken (`nudge`) ─► two looks: over
//!                        ▲                              │
//!                        └── another end, or `again` ◄──┴── not woken, or limited still
//! ```
//!
//! Ends are moments of the clock on the wall, which may be set and goes on while the machine sleeps; so
//! when it is due is found anew in each turn (`plan`). The same words as before a try say nothing any
//! more: "resets 3pm", read at one minute past three, is tomorrow.

mod plan;
mod told;

use jiff::Timestamp;

use super::{BegunNudge, Fact, KnownLimit, Rig, nudge::Nudging, watch::Watching, worker::Worker};
use crate::{
    config,
    model::{AttemptRef, Mono, Now, VerdictIs, WorkerName},
};
use plan::Plan;

/// So many looks after a try have to see the limit, and it is there still.
const STILL_THERE: u8 = 2;

/// A worker's usage limit, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Limit {
    known: KnownLimit,
    /// It was woken, and so many looks have seen the limit since.
    seen_since: Option<u8>,
    plan: Plan,
    /// When the plan is looked at again.
    next: Option<Mono>,
}

impl Limit {
    pub(super) fn new(known: KnownLimit) -> Self {
        Self {
            known,
            seen_since: None,
            plan: Plan::Nothing,
            next: None,
        }
    }
}

impl KnownLimit {
    fn new(words: &str, until: Option<Timestamp>, since: Timestamp) -> Self {
        Self {
            words: words.to_owned(),
            until,
            since,
            tried: None,
            taken: false,
            failed: 0,
        }
    }

    /// It is the limit of these words. Blanks and breaks are where the pane's width puts them.
    fn is_of(&self, words: &str) -> bool {
        let bare = |words: &str| words.split_whitespace().collect::<String>();
        bare(&self.words) == bare(words)
    }

    /// When it ends, by what these words are read as now.
    fn end_by(&self, words: &str, read: Option<Timestamp>) -> Option<Timestamp> {
        match self.tried {
            _ if !self.is_of(words) => read,
            None => self.until.or(read),
            Some(_) => self.until,
        }
    }

    /// When the worker is to be woken.
    fn due(&self, rules: &config::Limit) -> Timestamp {
        let after = |at: Timestamp, by| at.checked_add(by).unwrap_or(Timestamp::MAX);
        let end = self.until.map(|until| after(until, rules.margin));
        match (self.tried, end) {
            (None, Some(end)) => end,
            (None, None) => after(self.since, rules.again),
            (Some(tried), None) => after(tried, rules.again),
            (Some(tried), Some(end)) => after(tried, rules.again).max(end),
        }
    }

    /// Nothing was in the future, whatever the clock said then.
    fn has_been(&mut self, now: Timestamp) -> bool {
        let before = (self.since, self.tried);
        self.since = self.since.min(now);
        self.tried = self.tried.map(|tried| tried.min(now));
        before != (self.since, self.tried)
    }
}

impl Worker {
    /// It is at its limit, and no two looks agree on something else.
    fn is_limited(&self) -> bool {
        self.limit.is_some() && self.watching().is_some_and(Watching::is_limited)
    }

    /// The last look has seen that as well.
    fn shows_limit(&self) -> bool {
        self.is_limited() && self.watching().and_then(Watching::limit).is_some()
    }
}

impl Rig {
    /// Takes what the looks at an agent say of its limit, `agreed` by two of them; whether that is over.
    pub(super) fn learn_limit(
        &mut self,
        now: Now,
        of: &AttemptRef,
        agreed: Option<VerdictIs>,
    ) -> bool {
        let Some(worker) = self.worker_of(of) else {
            return false;
        };
        match agreed {
            Some(VerdictIs::Working | VerdictIs::Waiting) => return self.end_limit(&of.worker),
            Some(VerdictIs::Limited) => {}
            Some(
                VerdictIs::Asking | VerdictIs::Stalled | VerdictIs::Outage | VerdictIs::Unknown,
            ) => {
                // It went on, or something else is in its way.
                if let Some(limit) = &mut worker.limit {
                    limit.seen_since = None;
                }
                return false;
            }
            None => {
                self.keep_end(of);
                return false;
            }
        }
        let seen = worker.watching().and_then(Watching::limit);
        let Some((words, read)) = seen.map(|(words, read)| (words.to_owned(), read)) else {
            return false;
        };
        let before = worker.limit.as_ref().map(|limit| limit.known.clone());
        let limit = worker
            .limit
            .get_or_insert_with(|| Limit::new(KnownLimit::new(&words, read, now.wall)));
        let another = !limit.known.is_of(&words);
        limit.known.until = limit.known.end_by(&words, read);
        if another {
            limit.known.words = words;
        }
        let looks = limit.seen_since.map(|looks| looks + 1);
        limit.seen_since = looks.filter(|looks| *looks < STILL_THERE);
        let still = looks.is_some() && limit.seen_since.is_none();
        if still {
            let ahead = |until: &Timestamp| *until > now.wall;
            limit.known.until = limit.known.until.filter(ahead);
            limit.known.failed = match limit.known.until {
                Some(_) => 0,
                None => limit.known.failed + 1,
            };
        }
        let known = limit.known.clone();
        if before.as_ref() != Some(&known) {
            self.record_limit(&of.worker);
        }
        self.keep_end(of);
        self.plan_limit(now, &of.worker);
        if still {
            self.tell_still_limited(now, of);
        }
        false
    }

    /// The end that is shown is the one that is known.
    fn keep_end(&mut self, of: &AttemptRef) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let Some(known) = worker.limit.as_ref().map(|limit| limit.known.clone()) else {
            return;
        };
        if let Some(watching) = worker.watching_mut()
            && let Some((words, read)) = watching.limit()
        {
            let end = known.end_by(words, read);
            watching.ends(end);
        }
    }

    /// It is at no limit any more; whether it was.
    pub(super) fn end_limit(&mut self, name: &WorkerName) -> bool {
        let was = self
            .workers
            .get_mut(name)
            .and_then(|worker| worker.limit.take());
        if was.is_some() {
            self.record_limit(name);
        }
        was.is_some()
    }

    fn record_limit(&mut self, name: &WorkerName) {
        let worker = self.workers.get(name);
        let limit = worker.and_then(|worker| worker.limit.as_ref());
        self.ledger.add(Fact::Limit {
            worker: name.clone(),
            limit: limit.map(|limit| limit.known.clone()),
        });
    }

    /// A worker was tried to be woken; `taken`: by a text that was taken, or may have been.
    fn tried(&mut self, at: Timestamp, name: &WorkerName, taken: bool) {
        let worker = self.workers.get_mut(name);
        let Some(limit) = worker.and_then(|worker| worker.limit.as_mut()) else {
            return;
        };
        limit.seen_since = taken.then_some(0);
        limit.known.tried = Some(at);
        limit.known.taken = taken;
        limit.known.failed += u32::from(!taken);
        self.record_limit(name);
    }

    /// The text that wakes a worker was taken, or nobody knows.
    pub(super) fn may_be_woken(&mut self, now: Now, nudge: &Nudging) {
        if nudge.is_wake() {
            self.tried(now.wall, nudge.worker(), true);
        }
    }

    /// A daemon ended while it typed to one that is at its limit: to wake it, if that was over by then.
    pub(super) fn may_have_been_woken(&mut self, begun: &BegunNudge) {
        let name = &begun.attempt.worker;
        let due = |worker: &Worker| {
            let limit = worker.limit.as_ref();
            limit.is_some_and(|limit| limit.known.due(&worker.rules.limit) <= begun.at)
        };
        if self.workers.get(name).is_some_and(due) {
            self.tried(begun.at, name, true);
        }
    }

    /// Texts that are to wake a worker which is not to be woken any more.
    pub(super) fn drop_wakes(&mut self, now: Now) {
        let (workers, leaving) = (&self.workers, self.leaving.is_some());
        self.nudges.retain(|nudge| {
            let worker = workers.get(nudge.worker());
            let wanted = |worker: &Worker| {
                let rules = &worker.rules.limit;
                let due = |limit: &Limit| limit.known.due(rules) <= now.wall;
                let due = worker.limit.as_ref().is_some_and(due);
                !leaving && rules.wake && due && worker.shows_limit() && nudge.is_of(worker)
            };
            !nudge.is_wake() || !nudge.is_waiting() || worker.is_some_and(wanted)
        });
    }

    /// Looks what is to be done about limits; whether somebody is to be woken.
    pub(super) fn tend_limits(&mut self, now: Now) -> bool {
        if self.leaving.is_some() {
            let limits = self.workers.values_mut();
            limits
                .filter_map(|worker| worker.limit.as_mut())
                .for_each(|limit| limit.next = None);
            return false;
        }
        let mut wakes = false;
        let limited =
            |(name, worker): (&WorkerName, &Worker)| worker.limit.is_some().then(|| name.clone());
        let names: Vec<_> = self.workers.iter().filter_map(limited).collect();
        for name in names {
            let Some(worker) = self.workers.get_mut(&name) else {
                continue;
            };
            if worker.rules.agent.is_none() {
                self.end_limit(&name);
                continue;
            }
            let was_future = |limit: &mut Limit| limit.known.has_been(now.wall);
            if worker.limit.as_mut().is_some_and(was_future) {
                self.record_limit(&name);
            }
            if self.plan_limit(now, &name) == Plan::Wake {
                self.wake(now, &name);
                self.plan_limit(now, &name);
                wakes = true;
            }
        }
        wakes
    }

    fn wake(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get(name) else {
            return;
        };
        if let (Some(attempt), Some(agent)) = (worker.life.attempt(), worker.rules.agent.clone()) {
            let (of, rules) = (attempt.of.clone(), worker.rules.limit.clone());
            self.nudge_to_wake(now, of, agent, &rules);
        }
    }
}
