//! Rounds that come to nothing: so many in a row, and a worker stands still for a while.
//!
//! # Promise
//!
//! A breaker that opened closes by itself: after a while one round is tried, and if that bears fruit it is
//! closed; if not, the next one is tried twice as long after, up to [`LONGEST`]. It opens at the end of a
//! round alone, so no turn is cut off. What it knows survives daemons and boots.
//!
//! # How
//!
//! A round is a turn of the agent, from work to its input line by two looks each, or an attempt that ended by
//! itself. Turns between which no two looks see it wait are one round; and an end that no daemon saw is none,
//! for nobody knows what it left. A round bears fruit by a commit in the worktree or, where none was ever seen, by another screen than
//! that after the round before.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Fact, KnownBreaker, Level, Rig, attempt::in_words, begin::utc, watch::Watching, worker::Worker,
};
use crate::{
    agent::screen::Fingerprint,
    model::{Now, VerdictIs, WorkerName},
};

/// No try comes later than this after the one before.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// What is known of the rounds of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Breaker {
    known: KnownBreaker,
    /// What was on its screen after the last round.
    picture: Option<Fingerprint>,
    /// The newest commit that was seen since.
    committed: Option<Timestamp>,
    /// Its agent was seen to work since its last round was over.
    works: bool,
    /// It is to stand still.
    stands: bool,
}

impl Breaker {
    /// What an earlier daemon knew.
    pub(super) fn restored(known: KnownBreaker) -> Self {
        Self {
            committed: known.committed,
            known,
            ..Self::default()
        }
    }

    /// It is to stand still for a while.
    pub(super) fn is_open(&self) -> bool {
        self.stands
    }

    /// The operator wants it to be tried now.
    pub(super) fn try_now(&mut self) {
        self.stands = false;
        self.known.probing |= self.known.until.is_some();
    }

    /// Takes what two looks agree on; whether a turn is over with that.
    fn see(&mut self, agreed: Option<VerdictIs>, watching: &Watching) -> bool {
        self.committed = self.committed.max(watching.committed());
        match agreed {
            Some(VerdictIs::Working) => self.works = true,
            Some(VerdictIs::Waiting) => return std::mem::take(&mut self.works),
            Some(
                VerdictIs::Limited
                | VerdictIs::Asking
                | VerdictIs::Stalled
                | VerdictIs::Outage
                | VerdictIs::Unknown,
            )
            | None => {}
        }
        false
    }

    /// Whether the round that is over bore fruit. Of the first one nobody knows what was before.
    fn bore_fruit(&mut self, picture: Option<Fingerprint>) -> bool {
        let before = self.picture;
        self.picture = picture.or(before);
        let committed = std::mem::replace(&mut self.known.committed, self.committed);
        match (committed, self.committed) {
            (Some(before), Some(after)) => after > before,
            (None, Some(_)) => true,
            (_, None) => picture.is_some() && picture != before,
        }
    }
}

impl Worker {
    /// No round of it is to be tried before a later moment.
    pub(super) fn stands_still_at(&self, at: Timestamp) -> bool {
        let known = &self.breaker.known;
        let later = known.until.is_some_and(|until| at < until);
        later && !known.probing && self.rules.breaker.is_some()
    }

    /// Why it stands still, and until when.
    pub(super) fn breaker_in_words(&self) -> String {
        let known = &self.breaker.known;
        let rounds = known.fruitless;
        let until = known.until.map_or(String::new(), |until| {
            format!("; one is tried at {}", utc(until))
        });
        let rounds = match rounds {
            1 => "a round".to_owned(),
            rounds => format!("{rounds} rounds in a row"),
        };
        format!("{rounds} came to nothing{until}")
    }
}

impl Rig {
    /// Takes what the looks at an agent agree on.
    pub(super) fn see_round(&mut self, now: Now, name: &WorkerName, agreed: Option<VerdictIs>) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        if worker.rules.breaker.is_none() {
            return;
        }
        let mut breaker = std::mem::take(&mut worker.breaker);
        let watching = worker.watching();
        let over = watching.is_some_and(|watching| breaker.see(agreed, watching));
        let picture = watching.and_then(Watching::picture);
        worker.breaker = breaker;
        if over {
            self.round_over(now, name, picture);
        }
    }

    /// A round of a worker is over; `picture`: what it left on its screen, where that was seen.
    pub(super) fn round_over(&mut self, now: Now, name: &WorkerName, picture: Option<Fingerprint>) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let Some(rules) = worker.rules.breaker else {
            return;
        };
        let breaker = &mut worker.breaker;
        let fruit = breaker.bore_fruit(picture);
        breaker.works = false;
        let known = &mut breaker.known;
        let was_open = known.until.is_some();
        if fruit {
            (known.fruitless, known.until, known.waits, known.probing) = (0, None, None, false);
            breaker.stands = false;
        } else {
            known.fruitless = known.fruitless.saturating_add(1);
            if was_open || known.fruitless >= rules.rounds {
                let again = |before: u64| Duration::from_millis(before).saturating_mul(2);
                let waits = known
                    .waits
                    .map_or(rules.again, again)
                    .min(LONGEST.max(rules.again));
                known.waits = u64::try_from(waits.as_millis()).ok();
                known.until = now.wall.checked_add(waits).ok();
                known.probing = false;
                breaker.stands = true;
            }
        }
        let stands = breaker.stands;
        self.record_breaker(name);
        match (was_open, fruit, stands) {
            (true, true, _) => {
                let text = format!("{name}: a round came to something, so it goes on");
                self.tell_of(now, "worker-breaker-closed", Level::Info, name, text);
            }
            (false, false, true) => self.tell_open(now, name, Level::Error),
            (true, false, _) => self.tell_open(now, name, Level::Warning),
            (false, true, _) | (false, false, false) => {}
        }
    }

    fn tell_open(&mut self, now: Now, name: &WorkerName, level: Level) {
        let Some(worker) = self.workers.get(name) else {
            return;
        };
        let why = worker.breaker_in_words();
        let waits = worker.breaker.known.waits.map(Duration::from_millis);
        let waits = in_words(waits.unwrap_or_default());
        let text = format!(
            "{name} stands still for {waits}: {why}; `supervisorctl start {name}` tries one now"
        );
        self.tell_of(now, "worker-breaker", level, name, text);
    }

    /// Finds who is to stand still, and who is to be tried again.
    pub(super) fn tend_breakers(&mut self, now: Now) {
        if self.remembered.is_some() {
            return;
        }
        let names: Vec<_> = self.workers.keys().cloned().collect();
        for name in names {
            let Some(worker) = self.workers.get_mut(&name) else {
                continue;
            };
            if worker.rules.breaker.is_none() {
                self.forget_breaker(&name);
                continue;
            }
            let breaker = &mut worker.breaker;
            let known = &mut breaker.known;
            // The clock may have been wrong when it opened.
            let longest = known.waits.map(Duration::from_millis);
            let longest = longest.and_then(|waits| now.wall.checked_add(waits).ok());
            let too_long = known.until > longest && longest.is_some();
            if too_long {
                known.until = longest;
            }
            breaker.stands = known.until.is_some() && !known.probing;
            if breaker.stands && known.until.is_some_and(|until| now.wall >= until) {
                (known.probing, breaker.stands) = (true, false);
                self.record_breaker(&name);
            } else if too_long {
                self.record_breaker(&name);
            }
        }
    }

    /// The operator starts a worker that stands still.
    pub(super) fn try_breaker(&mut self, name: &WorkerName) {
        let worker = self.workers.get_mut(name);
        let open = |known: &KnownBreaker| known.until.is_some() && !known.probing;
        if let Some(worker) = worker.filter(|worker| open(&worker.breaker.known)) {
            worker.breaker.try_now();
            self.record_breaker(name);
        }
    }

    /// Its rounds do not count any more.
    pub(super) fn forget_breaker(&mut self, name: &WorkerName) {
        let worker = self.workers.get_mut(name);
        let was = worker.map(|worker| std::mem::take(&mut worker.breaker));
        if was.is_some_and(|breaker| breaker.known != KnownBreaker::default()) {
            self.record_breaker(name);
        }
    }

    fn record_breaker(&mut self, name: &WorkerName) {
        let known = self.workers.get(name).map(|worker| &worker.breaker.known);
        let known = known.filter(|known| **known != KnownBreaker::default());
        self.ledger.add(Fact::Breaker {
            worker: name.clone(),
            breaker: known.cloned(),
        });
    }
}
