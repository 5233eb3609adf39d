//! Agents that do nothing any more: given a word, looked at, and at last a person is told.
//!
//! # Promise
//!
//! Who gives no sign of work, whose provider does not answer or, where that is wanted, who waits at its
//! input line for long is given a text: only where two looks agree on that, and one of the same moment still
//! says so. Nobody who works is typed to, no question is answered, and people come first. Whether it has
//! helped is looked at: what the text itself changes on the screen is no sign of work, and all that changes
//! after a look at how it stands there is one. A try is recorded
//! together with the text that is begun, so no daemon forgets it or makes it a second time. So many tries in
//! a row that change nothing, and a person is told; only a provider is waited for without an end.
//!
//! Who is to be started anew when nothing helps is so after texts that were typed, and not under somebody
//! who is there. Where it cannot be typed to, that is no try: what hinders is told, once, and it is tried on.
//!
//! # How
//!
//! ```text
//!  two looks see it ─► known ─► one more look ─► nudged (`nudge`) ─► two looks: over
//!                        ▲                            │
//!                        └───────── `again` ◄─────────┴── as before: given up after `tries`
//! ```
//!
//! It belongs to an attempt, and is over with that. A daemon that finds one of an earlier daemon has to see
//! it by itself before anything is done, and goes on with the count. What comes again soon after it was over
//! is the same: an agent may only seem to go on until its provider fails it once more. `plan` says what is to
//! be done and when, `tries` does it, `told` says what is told.

mod plan;
mod told;
mod tries;

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Fact, KnownTrouble, Rig, Trouble, life::Look, nudge::Nudging, plan::At, watch::Watching,
    worker::Worker,
};
use crate::{
    config,
    model::{AttemptRef, Mono, Now, VerdictIs, WorkerName},
};
use plan::Plan;

/// A provider that does not answer is not asked more seldom.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// So many tries in a row for which a provider does not answer, and a person is told.
const A_PERSON: u32 = 3;

/// What keeps a worker's agent from its work, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Unstick {
    known: KnownTrouble,
    /// The same moments by a clock that nobody sets.
    since: Mono,
    tried: Option<Mono>,
    over: Option<Mono>,
    /// Until when it was seen to work since it was last tried.
    worked: Option<Mono>,
    /// What it did may have been ended, for a text that did not arrive.
    left: bool,
    /// So many texts in a row could not be typed.
    hindered: u32,
    plan: Plan,
    /// When the plan is looked at again.
    next: Option<Mono>,
}

impl Unstick {
    fn new(of: &AttemptRef, what: Trouble, now: Now) -> Self {
        let known = KnownTrouble {
            attempt: of.attempt.clone(),
            what,
            since: now.wall,
            tried: None,
            taken: false,
            tries: 0,
            waits: false,
            committed: None,
            told: false,
            over: None,
        };
        Self::restored(known, now)
    }

    /// What an earlier daemon knew.
    pub(super) fn restored(known: KnownTrouble, now: Now) -> Self {
        let of = |at| since_boot(now, at);
        Self {
            since: of(known.since),
            tried: known.tried.map(of),
            over: known.over.map(of),
            worked: None,
            left: false,
            hindered: 0,
            plan: Plan::Nothing,
            next: None,
            known,
        }
    }

    /// How long is waited before the next try; after one that has helped, it is known for so long.
    fn wait(&self, rules: &config::Unstick) -> Duration {
        match self.known.what {
            Trouble::Stall if self.tried.is_none() => Duration::ZERO,
            Trouble::Stall => rules.again,
            Trouble::Outage => {
                let doubled = rules.again.saturating_mul(1 << self.known.tries.min(16));
                doubled.min(LONGEST.max(rules.again))
            }
            Trouble::Idle => rules.idle.unwrap_or(LONGEST),
        }
    }

    /// The last try came to something: a commit in its worktree or, where none is seen, so much work as it
    /// is let wait. What is on its screen says nothing of that: the text itself is there.
    fn bore_fruit(&self, rules: &config::Unstick, watching: &Watching) -> bool {
        match (self.known.committed, watching.committed()) {
            (Some(before), Some(after)) => after > before,
            (None, Some(_)) => true,
            // What an earlier daemon saw of that nobody knows.
            (_, None) => match (self.tried, self.worked, rules.idle) {
                (Some(tried), Some(worked), Some(idle)) => worked.since(tried) >= idle,
                _ => false,
            },
        }
    }

    /// No more is tried.
    fn is_exhausted(&self, rules: &config::Unstick, watching: &Watching) -> bool {
        let tried = self.known.tries >= rules.tries;
        match self.known.what {
            Trouble::Stall => tried || watching.last_words().is_some(),
            Trouble::Outage => false,
            Trouble::Idle => tried && !self.bore_fruit(rules, watching),
        }
    }

    /// A person was told, and nothing more is tried.
    fn is_left(&self, rules: &config::Unstick, watching: Option<&Watching>) -> bool {
        // Who could not be typed to is tried on.
        let tried = || watching.is_none_or(|watching| self.is_exhausted(rules, watching));
        match self.known.what {
            Trouble::Stall | Trouble::Idle => self.known.told && tried(),
            Trouble::Outage => false,
        }
    }

    /// What it does is ended first, from the second try on: the mildest is tried first.
    fn interrupts(&self) -> bool {
        self.known.what == Trouble::Stall && self.known.tries > 1
    }

    fn is_recorded(&self) -> bool {
        self.tried.is_some() || self.known.told
    }
}

/// A moment of the past, by a clock that nobody sets.
fn since_boot(now: Now, at: Timestamp) -> Mono {
    let ago = Duration::try_from(now.wall.duration_since(at)).unwrap_or_default();
    let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    Mono(now.mono.0.saturating_sub(ago))
}

impl Trouble {
    /// What looks say of who is in it.
    fn verdict(self) -> VerdictIs {
        match self {
            Self::Stall => VerdictIs::Stalled,
            Self::Outage => VerdictIs::Outage,
            Self::Idle => VerdictIs::Waiting,
        }
    }
}

impl Worker {
    /// It is over, and nothing has to be known of it any more; `has_work`: the plan is not over.
    fn is_past_trouble(&self, now: Mono, has_work: bool) -> bool {
        let Some(unstick) = &self.unstick else {
            return false;
        };
        let rules = &self.rules.unstick;
        let attempt = self.life.attempt().map(|attempt| &attempt.of.attempt);
        let long_over = |over: Mono| now >= over + unstick.wait(rules);
        attempt != Some(&unstick.known.attempt)
            || self.rules.agent.is_none()
            || unstick.known.what == Trouble::Idle && !(has_work && rules.idle.is_some())
            || unstick.over.is_some_and(long_over)
    }
}

impl Rig {
    /// Takes what the looks at an agent say of what keeps it from its work, `agreed` by two of them.
    pub(super) fn learn_trouble(&mut self, now: Now, of: &AttemptRef, agreed: Option<VerdictIs>) {
        let typed =
            |nudge: &Nudging| nudge.unsticks().is_some() && nudge.is_begun() && nudge.is_for(of);
        // What is seen while it is typed to is what that does.
        let Some(is) = agreed.filter(|_| !self.nudges.iter().any(typed)) else {
            return;
        };
        match is {
            VerdictIs::Stalled => self.in_trouble(now, of, Trouble::Stall),
            VerdictIs::Outage => self.in_trouble(now, of, Trouble::Outage),
            VerdictIs::Working | VerdictIs::Asking => self.out_of_trouble(now, of, is),
            VerdictIs::Waiting => {
                self.out_of_trouble(now, of, is);
                let minds = |worker: &mut Worker| worker.rules.unstick.idle.is_some();
                if self.has_work() && self.worker_of(of).is_some_and(minds) {
                    self.in_trouble(now, of, Trouble::Idle);
                }
            }
            // That is waited for in another way.
            VerdictIs::Limited => self.forget_trouble(&of.worker),
            VerdictIs::Unknown => {}
        }
    }

    /// The plan is known and not over, and no phase is being wound up.
    fn has_work(&self) -> bool {
        self.ending.is_none() && matches!(self.progress.at, At::NoPlan | At::Phase(_))
    }

    fn in_trouble(&mut self, now: Now, of: &AttemptRef, what: Trouble) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        if let Some(unstick) = &mut worker.unstick
            && (&unstick.known.attempt, unstick.known.what) == (&of.attempt, what)
        {
            let again = unstick.over.take().is_some();
            unstick.known.over = None;
            // A person knows of the one before.
            if !(again && unstick.known.told && what != Trouble::Outage) {
                if again {
                    self.record_trouble(&of.worker);
                }
                return;
            }
        }
        self.forget_trouble(&of.worker);
        if let Some(worker) = self.worker_of(of) {
            worker.unstick = Some(Unstick::new(of, what, now));
        }
    }

    fn out_of_trouble(&mut self, now: Now, of: &AttemptRef, is: VerdictIs) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let Some(unstick) = worker.unstick.as_mut().filter(|one| one.over.is_none()) else {
            return;
        };
        match unstick.known.what {
            Trouble::Idle if is == VerdictIs::Waiting => {}
            // It has its turn, and is looked at when that is over.
            Trouble::Idle if unstick.known.tries > 0 && !unstick.known.told => {
                let works = is == VerdictIs::Working;
                unstick.worked = works.then_some(now.mono).or(unstick.worked);
                unstick.hindered = 0;
            }
            Trouble::Stall | Trouble::Outage if unstick.is_recorded() => {
                (unstick.over, unstick.known.over) = (Some(now.mono), Some(now.wall));
                let left = unstick.left && is == VerdictIs::Waiting;
                self.record_trouble(&of.worker);
                match left {
                    true => self.tell_left(now, of),
                    false => self.tell_unstuck(now, of, is),
                }
            }
            Trouble::Stall | Trouble::Outage | Trouble::Idle => self.forget_trouble(&of.worker),
        }
    }

    /// It is in no trouble any more.
    pub(super) fn forget_trouble(&mut self, name: &WorkerName) {
        let worker = self.workers.get_mut(name);
        let was = worker.and_then(|worker| worker.unstick.take());
        if was.is_some_and(|unstick| unstick.is_recorded()) {
            self.record_trouble(name);
        }
    }

    fn record_trouble(&mut self, name: &WorkerName) {
        let worker = self.workers.get(name);
        let unstick = worker.and_then(|worker| worker.unstick.as_ref());
        self.ledger.add(Fact::Trouble {
            worker: name.clone(),
            trouble: unstick.map(|unstick| unstick.known.clone()),
        });
    }

    /// Somebody else has given it a word: how long it waited before says nothing any more.
    pub(super) fn word_came(&mut self, now: Now, of: &AttemptRef) {
        let unstick = self.worker_of(of).and_then(|one| one.unstick.as_ref());
        if unstick.is_some_and(|unstick| unstick.known.what == Trouble::Idle) {
            self.forget_trouble(&of.worker);
            self.in_trouble(now, of, Trouble::Idle);
        }
    }

    /// Looks what is to be done about who does nothing any more; whether somebody is to be nudged.
    pub(super) fn tend_troubles(&mut self, now: Now) -> bool {
        // Nobody knows yet which attempts live.
        if self.remembered.is_some() {
            return false;
        }
        let in_trouble =
            |(name, worker): (&WorkerName, &Worker)| worker.unstick.is_some().then(|| name.clone());
        let names: Vec<_> = self.workers.iter().filter_map(in_trouble).collect();
        let has_work = self.has_work();
        let mut tries = false;
        for name in names {
            let past = |worker: &Worker| worker.is_past_trouble(now.mono, has_work);
            if self.workers.get(&name).is_some_and(past) {
                self.forget_trouble(&name);
                continue;
            }
            self.forget_untyped(now, &name);
            match self.plan_unstick(now, &name) {
                Plan::Look => self.look_once_more(now, &name),
                Plan::Try => {
                    self.try_to_unstick(now, &name);
                    self.plan_unstick(now, &name);
                    tries = true;
                }
                Plan::GiveUp => {
                    self.give_up(now, &name);
                    self.plan_unstick(now, &name);
                }
                Plan::Nothing
                | Plan::Never
                | Plan::At(_)
                | Plan::After
                | Plan::Trying
                | Plan::PutOff
                | Plan::Told
                | Plan::Over(_) => {}
            }
        }
        tries
    }

    /// Nobody is typed to by a look that is half a minute old.
    fn look_once_more(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let Some(of) = worker.life.attempt().map(|attempt| attempt.of.clone()) else {
            return;
        };
        if let Some(watching) = worker.watching_mut()
            && !watching.look.asked
        {
            watching.look = Look::at(now.mono);
            self.watch(now, &of);
        }
    }
}
