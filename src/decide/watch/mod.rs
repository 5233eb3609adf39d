//! What an agent in its terminal does, from one look to the next.
//!
//! # Promise
//!
//! Nothing is stopped, typed or restarted in here. A look that could not be made says nothing; what a
//! spinner, a clock or a counter moves on the screen is no sign of work, nor is what a text changes there
//! that was typed because there was none. A verdict goes into the history when two looks in a row come to
//! it; so does another question.
//!
//! # How
//!
//! What the screen says holds ([`Seen`]): who asks, is limited or waits for a word does so however long
//! it lasts; a limit ends when its words said so first. Only for who says that it works, or says nothing
//! that is known, it counts how long the last sign of work is ago: another screen, a commit, a heartbeat,
//! a process that computes. After `slow` it is named, after `stuck` it is a stall. Before the first one of
//! this watch it is unknown. A child that computes is work: a long build shows nothing else.
//!
//! The last sign of work is recorded when it is some minutes old, with what was to be seen then ([`KnownSign`]).
//! A daemon whose first look at the same attempt sees the same counts on from there; else it begins anew.
//! What was computed in between it cannot know; the next look shows what computes still.

mod sign;
mod words;

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Effect, Fact, Level, Rig,
    life::{Life, Look},
    verdict::by_looks,
    worker::PROBE_SILENCE,
};
use crate::{
    agent::{
        screen::Fingerprint,
        sighting::Seen,
        signs::{Sights, Signs, Trace},
    },
    config,
    model::{AttemptRef, Mono, Now, VerdictIs},
};
use sign::sign;
pub use sign::{KnownSign, Sign};
pub(super) use words::{short, to_the_minute, whole};

/// After so long without one the last sign of work is recorded: often enough for who waits for the next one,
/// and seldom enough for a disk.
const RECORDED: Duration = Duration::from_secs(5 * 60);

/// What the looks at an agent came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Watching {
    pub(super) look: Look,
    /// The last look that saw something, and when it was.
    seen: Option<(Mono, Signs)>,
    /// When that was asked for, and when the one that is on its way.
    asked: (Mono, Mono),
    /// Why the looks since then saw nothing.
    blind: Option<String>,
    /// Until when a text changed the screen that is no sign of work.
    ours: Option<Mono>,
    /// The last sign of work.
    sign: (Mono, Sign),
    /// The last one that was not computing.
    shown: Mono,
    /// The last one that is recorded, until the first look.
    known: Option<KnownSign>,
    /// Since when each look finds words of an end of its program.
    over: Option<Mono>,
    /// What the last look came to, and since when looks come to that.
    is: VerdictIs,
    since: Now,
    /// What it asked at the last look, and since when.
    asks: (Option<String>, Now),
    /// What the history has, and what it asked then.
    told: (VerdictIs, Option<String>),
}

impl Watching {
    /// Nothing was seen yet; `known`: an earlier watch of it has recorded that.
    pub(super) fn new(
        rules: &config::Worker,
        now: Now,
        known: Option<KnownSign>,
    ) -> Option<Box<Self>> {
        rules.agent.as_ref()?;
        Some(Box::new(Self {
            look: Look::at(now.mono),
            seen: None,
            asked: (now.mono, now.mono),
            blind: None,
            ours: None,
            sign: (now.mono, Sign::Begun),
            shown: now.mono,
            known,
            over: None,
            is: VerdictIs::Working,
            since: now,
            asks: (None, now),
            told: (VerdictIs::Working, None),
        }))
    }

    /// Asks for a look if one is due; or says that the one before never came back.
    fn ask(&mut self, now: Now, of: &AttemptRef, sights: Sights) -> Option<Effect> {
        if now.mono < self.look.at {
            return None;
        }
        if self.look.asked {
            self.see(now, Err("the look at it did not come back".into()));
        }
        self.look = Look::asked_until(now.mono + PROBE_SILENCE);
        self.asked.1 = now.mono;
        Some(Effect::Watch(of.clone(), sights))
    }

    /// Takes what a look saw.
    fn see(&mut self, now: Now, signs: Result<Box<Signs>, String>) {
        match signs {
            Ok(mut signs) => {
                if let Some((at, before)) = &self.seen {
                    let ours = self.ours.is_some_and(|until| self.asked.0 <= until);
                    let sign = sign(before, &signs, now.mono.since(*at), ours);
                    if let Some(sign) = sign {
                        if !matches!(sign, Sign::Computes(_)) {
                            self.shown = now.mono;
                        }
                        self.sign = (now.mono, sign);
                    }
                    go_on(before, &mut signs);
                } else if let Some(known) = self.known.take()
                    && known.is_still_the_last(&signs)
                {
                    signs.committed = signs.committed.or(known.committed);
                    signs.heartbeat = signs.heartbeat.or(known.heartbeat);
                    self.shown = known.at;
                    self.sign = (known.at, known.sign);
                }
                let over = matches!(signs.sighting.seen, Seen::Crashed { .. });
                self.over = over.then(|| self.over.unwrap_or(now.mono));
                self.seen = Some((now.mono, *signs));
                self.asked.0 = self.asked.1;
                self.blind = None;
            }
            Err(why) => self.blind = Some(why),
        }
    }

    /// What the last look that saw something saw on its screen, and when; `None` while looks are blind.
    pub(super) fn seen(&self) -> Option<(Mono, &Seen)> {
        let seen = self.seen.as_ref().filter(|_| self.blind.is_none());
        seen.map(|(at, signs)| (*at, &signs.sighting.seen))
    }

    /// What is to be recorded of the last sign of work of one that says that it works, or nothing that is
    /// known; nothing of one that has just come.
    fn to_be_recorded(&self, rules: &config::Watch) -> Option<KnownSign> {
        let (seen_at, signs) = self.seen.as_ref()?;
        let (at, sign) = self.sign.clone();
        let counts = match &signs.sighting.seen {
            Seen::Busy | Seen::Unknown | Seen::Crashed { .. } => {
                seen_at.since(at) >= RECORDED.min(rules.slow)
            }
            Seen::Waiting | Seen::Asking { .. } | Seen::Limited { .. } | Seen::Outage { .. } => {
                false
            }
        };
        counts.then(|| KnownSign::new(at, sign, signs))
    }

    /// What is held of it as of the last look.
    fn judged(&self, rules: &config::Watch) -> VerdictIs {
        let Some((at, seen)) = self.seen() else {
            return VerdictIs::Unknown;
        };
        let idle = at.since(self.sign.0);
        match seen {
            Seen::Waiting => VerdictIs::Waiting,
            Seen::Asking { .. } => VerdictIs::Asking,
            Seen::Limited { .. } => VerdictIs::Limited,
            Seen::Outage { .. } => VerdictIs::Outage,
            Seen::Crashed { .. } if self.is_over() => VerdictIs::Stalled,
            Seen::Busy | Seen::Unknown | Seen::Crashed { .. } if idle >= rules.stuck => {
                VerdictIs::Stalled
            }
            Seen::Busy | Seen::Unknown | Seen::Crashed { .. } if self.shows_nothing_yet() => {
                VerdictIs::Unknown
            }
            Seen::Unknown | Seen::Crashed { .. } if idle >= rules.slow => VerdictIs::Unknown,
            Seen::Busy | Seen::Unknown | Seen::Crashed { .. } => VerdictIs::Working,
        }
    }

    /// Nobody knows for how long it has done nothing when the watch begins: a daemon may have started
    /// anew beside one that hangs.
    fn shows_nothing_yet(&self) -> bool {
        self.sign.1 == Sign::Begun
    }

    /// Its program is over, and there was no sign of work since. Words of an end may also stand in what
    /// goes on.
    fn is_over(&self) -> bool {
        self.over.is_some_and(|since| self.sign.0 <= since)
    }

    /// Goes on under other rules of the watch: what is known of its work holds.
    pub(super) fn goes_on(&mut self, now: Mono, same_heartbeat: bool) {
        self.look = Look::at(now);
        if let Some((_, signs)) = self.seen.as_mut().filter(|_| !same_heartbeat) {
            signs.heartbeat = Trace::Unseen;
        }
    }

    /// What it asks now, without blanks and breaks, which are where the pane's width puts them.
    fn question(&self) -> Option<String> {
        let (_, seen) = self.seen()?;
        let question = match seen {
            Seen::Asking { question } => question,
            Seen::Limited { menu, .. } => &menu.as_ref()?.question,
            Seen::Waiting
            | Seen::Busy
            | Seen::Outage { .. }
            | Seen::Crashed { .. }
            | Seen::Unknown => return None,
        };
        Some(question.split_whitespace().collect())
    }

    /// Whether the last look makes news: two in a row have come to the same, and the history has not.
    fn is_news(&mut self, now: Now, rules: &config::Watch) -> bool {
        let (is, question) = (self.judged(rules), self.question());
        let same = question == self.asks.0;
        if !same {
            self.asks = (question.clone(), now);
        }
        if is != self.is {
            self.is = is;
            self.since = now;
            return false;
        }
        let another = is == self.told.0 && same && question != self.told.1;
        if another {
            self.since = self.asks.1;
        }
        let begins = is == VerdictIs::Unknown && self.blind.is_none() && self.shows_nothing_yet();
        if is == self.told.0 && !another || begins {
            return false;
        }
        self.told = (is, question);
        true
    }

    /// What this look and the one before it came to, if that is the same.
    fn agreed(&self, rules: &config::Watch) -> Option<VerdictIs> {
        Some(self.judged(rules)).filter(|is| *is == self.is)
    }

    /// Two looks in a row came to it that it is at its limit, and no two since then to something else.
    pub(super) fn is_limited(&self) -> bool {
        self.told.0 == VerdictIs::Limited
    }

    /// Two looks in a row came to this, no two since then to something else, and the last one as well.
    pub(super) fn shows(&self, is: VerdictIs, rules: &config::Watch) -> bool {
        self.told.0 == is && self.judged(rules) == is
    }

    /// Since when looks come to the same.
    pub(super) fn since(&self) -> Now {
        self.since
    }

    /// What it says at the end of its program, if the last look saw that.
    pub(super) fn last_words(&self) -> Option<&str> {
        match self.seen()?.1 {
            Seen::Crashed { words } => Some(words),
            Seen::Waiting
            | Seen::Busy
            | Seen::Asking { .. }
            | Seen::Limited { .. }
            | Seen::Outage { .. }
            | Seen::Unknown => None,
        }
    }

    /// The newest commit in its worktree, where one was seen.
    pub(super) fn committed(&self) -> Option<Timestamp> {
        match self.seen.as_ref()?.1.committed {
            Trace::At(at) => Some(at),
            Trace::Unseen | Trace::Absent => None,
        }
    }

    /// How many turns and cents the last look saw on its screen.
    fn shown_spent(&self) -> (Option<u64>, Option<u64>) {
        let seen = self.seen.as_ref().filter(|_| self.blind.is_none());
        seen.map_or((None, None), |(_, signs)| (signs.turns, signs.cost))
    }

    /// What was last seen on its screen.
    pub(super) fn picture(&self) -> Option<Fingerprint> {
        Some(self.seen.as_ref()?.1.picture)
    }

    /// Somebody is attached, and has pressed a key less than so long before the last look.
    pub(super) fn is_attended(&self, within: Duration) -> bool {
        let attended = self.seen.as_ref().and_then(|(_, signs)| signs.attended);
        attended.is_some_and(|ago| ago < within)
    }

    /// A text changes its screen until then, which is no sign of work; `None`: it has changed nothing.
    pub(super) fn is_typed_to(&mut self, until: Option<Mono>) {
        self.ours = until;
    }

    /// What the last look saw of a limit: its words, and its end.
    pub(super) fn limit(&self) -> Option<(&str, Option<Timestamp>)> {
        match self.seen()?.1 {
            Seen::Limited { words, until, .. } => Some((words, *until)),
            Seen::Waiting
            | Seen::Busy
            | Seen::Asking { .. }
            | Seen::Outage { .. }
            | Seen::Crashed { .. }
            | Seen::Unknown => None,
        }
    }

    /// The limit that is on the screen ends then; nobody knows it better.
    pub(super) fn ends(&mut self, at: Option<Timestamp>) {
        if let Some((_, signs)) = &mut self.seen
            && let Seen::Limited { until, .. } = &mut signs.sighting.seen
        {
            *until = at;
        }
    }
}

/// Puts into a look what the one before knows better.
fn go_on(before: &Signs, after: &mut Signs) {
    after.committed = after.committed.or(before.committed);
    after.heartbeat = after.heartbeat.or(before.heartbeat);
    // Words that say "3pm" or "in 5 minutes" mean that of when they were written.
    if let Seen::Limited {
        words: said,
        until: first,
        ..
    } = &before.sighting.seen
        && let Seen::Limited { words, until, .. } = &mut after.sighting.seen
        && said.split_whitespace().collect::<String>()
            == words.split_whitespace().collect::<String>()
    {
        *until = first.or(*until);
    }
}

impl Rig {
    /// Asks for the look at an agent that is due.
    pub(super) fn watch(&mut self, now: Now, of: &AttemptRef) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let rules = &worker.rules;
        let Some(agent) = rules.agent.clone() else {
            return;
        };
        let sights = Sights {
            agent,
            worktree: rules.worktree_here().cloned(),
            heartbeat: rules.watch.heartbeat.clone(),
        };
        if let Life::Running {
            watching: Some(watching),
            ..
        } = &mut worker.life
        {
            let asked = watching.ask(now, of, sights);
            self.out.extend(asked);
        }
    }

    /// A look came back.
    pub(super) fn watched(&mut self, now: Now, of: &AttemptRef, signs: Result<Box<Signs>, String>) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let rules = &worker.rules.watch;
        let Life::Running {
            watching: Some(watching),
            ..
        } = &mut worker.life
        else {
            return;
        };
        if !watching.look.asked {
            return;
        }
        watching.look = Look::at(now.mono + rules.every);
        watching.see(now, signs);
        let agreed = watching.agreed(rules);
        let shown = watching.shown_spent();
        let is_news = watching.is_news(now, rules);
        let agent = worker.rules.agent.as_ref();
        let counts_turns = agent.is_some_and(|agent| agent.turns.is_some());
        worker.spend.see(agreed, shown, counts_turns);
        self.record_last_sign(of);
        self.see_round(now, &of.worker, agreed);
        let over = self.learn_limit(now, of, agreed);
        self.learn_trouble(now, of, agreed);
        if let Some(is) = agreed.filter(|_| is_news || over) {
            self.tell_verdict(now, of, is, over);
        }
    }

    /// Records the last sign of work if what is recorded of it is another one.
    fn record_last_sign(&mut self, of: &AttemptRef) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let Life::Running {
            attempt,
            watching: Some(watching),
            ..
        } = &mut worker.life
        else {
            return;
        };
        let sign = watching.to_be_recorded(&worker.rules.watch);
        if watching.seen().is_none() || attempt.sign == sign {
            return;
        }
        let before = std::mem::replace(&mut attempt.sign, sign.clone());
        let fact = |sign| Fact::LastSign {
            attempt: of.clone(),
            sign,
        };
        // What waits for a full disk has come to nothing by now.
        self.ledger.withdraw(&fact(before));
        self.ledger.add(fact(sign));
    }

    fn tell_verdict(&mut self, now: Now, of: &AttemptRef, is: VerdictIs, limit_is_over: bool) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let Life::Running {
            watching: Some(watching),
            ..
        } = &worker.life
        else {
            return;
        };
        let verdict = by_looks(worker, watching, now);
        let evidence = verdict.map_or(String::new(), |verdict| verdict.evidence);
        let event = match is {
            VerdictIs::Limited => "worker-limited",
            VerdictIs::Asking => "worker-asking",
            VerdictIs::Stalled => "worker-stalled",
            VerdictIs::Outage => "worker-outage",
            VerdictIs::Working | VerdictIs::Waiting if limit_is_over => "worker-limit-over",
            VerdictIs::Working | VerdictIs::Waiting | VerdictIs::Unknown => "worker-verdict",
        };
        let over = match limit_is_over {
            true => ", its limit is over",
            false => "",
        };
        let text = format!("{} is {is}{over}: {evidence}", of.worker);
        let level = match is {
            VerdictIs::Working | VerdictIs::Waiting => Level::Info,
            VerdictIs::Limited
            | VerdictIs::Asking
            | VerdictIs::Stalled
            | VerdictIs::Outage
            | VerdictIs::Unknown => Level::Warning,
        };
        self.tell(now, event, level, Some(of), text);
    }
}
