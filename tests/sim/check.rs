//! The invariants that hold after every event, each by name.
//!
//! # Promise
//!
//! A world fails at the first turn that breaks one. What cannot be known out here, since a disk
//! refused it or the news was lost, is not held against the rig.
//!
//! # How
//!
//! [`Checks`] remembers, and says what holds of each turn as a whole: its order, its deadline, that
//! somebody answers. What holds of an answer is in `answers`, of what is recorded in `recorded`, of
//! a start in `starts`, of a signal in `signals`, of a notice in `notices`, of texts in `nudges` and `says`,
//! of conversations in `conversations`, of the end of a phase that an operator asked for in `endings`; which ends weigh on the budget is in `ends`.

mod answers;
mod conversations;
mod endings;
mod ends;
mod notices;
mod nudges;
mod recorded;
mod says;
mod signals;
mod starts;

use std::collections::{BTreeMap, BTreeSet};

use loopkeeper::{
    config::{self, Plan},
    decide::{Command, Effect, Event, RequestId, ResumePoint, Told as ToldPhase},
    model::{AttemptId, AttemptRef, Mono, PhaseId, WorkerName},
};

pub(crate) use notices::explained;
pub(crate) use says::Says;

use crate::{
    body::Body,
    budget::Failures,
    overdue::Overdue,
    store::Content,
    told::{Told, meant, millis},
};

/// The longest that a person waits for an answer, with the lateness of a wake-up, ms.
const PATIENCE: u64 = 60_000 + 5_000;
/// Turns in one simulated second for deadlines alone; more is a loop that runs hot.
const HOT: u32 = 200;

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) check: &'static str,
    pub(crate) message: String,
}

pub(crate) type Checked = Result<(), Violation>;

/// Fails the named check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $check:literal, $($message:tt)+) => {
        if !$condition {
            return Err($crate::check::Violation { check: $check, message: format!($($message)+) });
        }
    };
}
pub(crate) use ensure;

/// Why a tree may be signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    Leftovers,
    Wanted(&'static str),
    Definition,
    Restart,
    Phase,
    PhaseOver,
    Verdict(&'static str),
    Double,
    Continued,
}

/// An attempt that the rig wants to be started.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) of: &'a AttemptRef,
    pub(crate) worker: &'a config::Worker,
    pub(crate) phase: Option<&'a ToldPhase>,
}

/// A question of a person that has no answer yet.
#[derive(Debug, Clone, Hash)]
struct Open {
    command: Command,
    asked: u64,
}

impl Open {
    /// The longest that somebody waits for the answer, ms.
    fn patience(&self) -> u64 {
        match &self.command {
            // It waits as long as it was told to, and is typed then.
            Command::Nudge(nudge) => millis(nudge.within) + PATIENCE,
            _ => PATIENCE,
        }
    }
}

/// What the checks remember.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Checks {
    pub(crate) failures: Failures,
    /// The number of the present boot.
    boot: usize,
    /// Already over when the rig, which had not heard of it, stopped them.
    raced: BTreeSet<AttemptRef>,
    /// Stopped while the disk refused, so that the next daemon cannot know.
    pub(crate) unknown_stops: BTreeSet<AttemptRef>,
    /// What the present daemon said of attempts, whether a disk took it or not.
    decided: BTreeMap<AttemptRef, (Option<PhaseId>, u64)>,
    /// Attempts whose stop is justified, by what.
    pub(crate) condemned: BTreeMap<AttemptRef, Why>,
    open: BTreeMap<RequestId, Open>,
    /// Resume points that somebody entitled asked for, of the present daemon; but for ends of phases.
    granted: Vec<(usize, Option<PhaseId>)>,
    /// The phases whose conditions were said to be true at the last look at them.
    once: BTreeSet<PhaseId>,
    /// Those that were said so twice in a row, since the plan last came to them.
    over: BTreeSet<PhaseId>,
    /// The store refused facts that the present daemon still owes.
    pub(crate) owes: bool,
    /// The resume points among them.
    offered: Vec<ResumePoint>,
    /// The last thing recorded was a goodbye.
    pub(crate) goodbye: bool,
    /// Ends that are in the history. A power cut may take them from it.
    told_ends: BTreeSet<(WorkerName, AttemptId)>,
    /// Workers of which a hold was recorded in this boot.
    pub(crate) held: BTreeSet<WorkerName>,
    /// When the resume point or the configuration last changed.
    moved: u64,
    pub(crate) overdue: Overdue,
    pub(crate) nudges: nudges::Nudges,
    pub(crate) says: Says,
    pub(crate) conversations: conversations::Conversations,
    pub(crate) endings: endings::Endings,
    pub(crate) ready: bool,
    wakes: (u64, u32),
}

impl Checks {
    /// A new daemon begins.
    pub(crate) fn begin_daemon(&mut self, t: u64, told: &Told, is_new_boot: bool) {
        self.overdue.begin_daemon(t);
        self.endings.begin_daemon(t, told, is_new_boot);
        self.open.clear();
        self.failures.forget_forgiveness();
        self.decided.clear();
        self.granted.clear();
        self.once.clear();
        self.over.clear();
        self.owes = false;
        self.offered.clear();
        self.ready = false;
    }

    /// A new boot begins.
    pub(crate) fn begin_boot(&mut self) {
        self.boot += 1;
        self.failures.new_boot();
        self.condemned.clear();
        self.unknown_stops.clear();
        self.told_ends.clear();
        self.held.clear();
    }

    /// The daemon is dead, for whatever reason.
    pub(crate) fn daemon_died(&mut self) {
        if self.owes {
            self.failures.doubt_all();
            self.unknown_stops.extend(self.condemned.keys().cloned());
        }
        self.open.clear();
        self.nudges.daemon_died();
        self.endings.daemon_died();
    }

    /// Before the effects of a turn are performed.
    pub(crate) fn turn(
        &mut self,
        t: u64,
        event: &Event,
        effects: &[Effect],
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Checked {
        self.overdue.turn(t, event, effects, told, world)?;
        let last = effects.len().saturating_sub(1);
        for (at, effect) in effects.iter().enumerate() {
            let is_goodbye = matches!(effects.get(at + 1), Some(Effect::Exit)) && at + 1 == last;
            ensure!(
                !matches!(effect, Effect::Record(_)) || at == 0 || is_goodbye,
                "facts-first",
                "a record comes after {:?}",
                effects[at - 1]
            );
            if let Effect::Record(facts) = effect {
                ensure!(!facts.is_empty(), "facts-first", "an empty record");
            }
        }
        match event {
            Event::Command(id, command) => self.asked(t, *id, command, told, world),
            Event::PhaseFile(phase) => {
                self.grant(&told.config.plan, meant(&told.config.plan, phase))
            }
            Event::PhaseChecked(id, Ok(true)) => {
                let once_more = !self.once.insert(id.clone());
                self.over.extend(once_more.then(|| id.clone()));
            }
            Event::PhaseChecked(id, _) => {
                self.once.remove(id);
            }
            _ => {}
        }
        if let Event::Command(_, Command::Reload(_)) = event {
            self.failures
                .will_forgive_others(|name| told.config.workers.contains_key(name));
            // A hold is over with another definition.
            for name in &told.redefined {
                self.failures.doubt(name);
            }
            self.says.declared(&told.config, content);
            self.conversations.declared(&told.config, content);
            self.nudges.declared(&told.config);
            self.moved = t;
        }
        self.endings.turn(t, event, told)?;
        self.nudges.turn(event, effects, content)?;
        for effect in effects {
            if let Effect::Answer(id, answer) = effect {
                self.endings.answered(*id, answer, event)?;
                self.answered(*id, answer, told, world, content)?;
            }
            if matches!(effect, Effect::Ready) {
                ensure!(!self.ready, "ready-once", "the rig came up twice");
                self.ready = true;
            }
        }
        self.endings.goes_on(effects)?;
        let late = self
            .open
            .iter()
            .find(|(_, open)| open.asked + open.patience() < t);
        ensure!(
            late.is_none(),
            "answered",
            "nobody answered {:?}",
            late.map(|(_, open)| (&open.command, t - open.asked))
        );
        Ok(())
    }

    /// Of a turn: with which conversations agents are started; how many go on with theirs.
    pub(crate) fn goes_on(
        &mut self,
        effects: &[Effect],
        before: &Content,
    ) -> Result<u64, Violation> {
        if self.owes {
            return Ok(0);
        }
        self.conversations.turn(effects, before)
    }

    fn grant(&mut self, plan: &Plan, index: Option<usize>) {
        if let Some(index) = index {
            let id = plan.phases.get(index).map(|phase| phase.id.clone());
            self.granted.push((index, id));
        }
    }

    /// After a turn: the rig must not want to be woken in the past, or all the time.
    pub(crate) fn deadline(&mut self, now: Mono, deadline: Option<Mono>) -> Checked {
        ensure!(
            deadline.is_none_or(|at| at > now),
            "deadline",
            "the next deadline {deadline:?} is not after {now:?}: a hot loop"
        );
        Ok(())
    }

    /// A turn for nothing but a deadline.
    pub(crate) fn woken(&mut self, t: u64) -> Checked {
        let second = t / 1000;
        let (of, count) = &mut self.wakes;
        if *of != second {
            (*of, *count) = (second, 0);
        }
        *count += 1;
        ensure!(
            *count <= HOT,
            "deadline",
            "woken {HOT} times within one second"
        );
        Ok(())
    }
}
