//! The rules, pure: a rig is told what happened and says what is to be done.
//!
//! # Promise
//!
//! [`Rig::handle`] takes the moment and one [`Event`] and gives a list of [`Effect`]s, to be
//! performed in order; [`Rig::next_deadline`] says when it wants to be woken at the latest. The
//! same seed and the same events give the same effects. There is no clock, file, process, socket or
//! thread in here, and no map without an order.
//!
//! # How
//!
//! An event changes what is known of a worker, of the plan or of the store (`attempt`, `end`, `plan`,
//! `ledger`, `command`); deadlines that have passed are dealt with likewise. Then `settle`
//! compares, worker by worker, what is wanted with where its life stands, and takes the next step.
//! So a rule is written once, whatever made it apply: an operator's word, a phase that ended, a
//! changed definition, a daemon that was killed half-way and learns from the host what became of it.
//!
//! Facts of a turn are recorded before any other effect of that turn is performed. What may not
//! happen without its record (a change of phase, the conclusion of an attempt) waits for
//! [`Event::Recorded`].

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::wildcard_enum_match_arm,
    reason = "the core has no clock, no file, no process and no unordered map, and a new state forces a decision"
)]

pub mod access;
mod again;
mod attempt;
mod begin;
mod breaker;
mod budget;
mod close;
mod command;
mod conversation;
mod cutover;
mod deadline;
mod effect;
mod end;
mod ending;
mod event;
mod fact;
mod hand;
mod handoff;
mod inbox;
mod lacking;
mod ledger;
mod life;
mod limit;
pub(crate) mod link;
mod nudge;
mod plan;
mod reload;
mod resume;
mod sameness;
mod say;
#[cfg(test)]
mod scenario;
mod secret;
mod sender;
mod settle;
mod spend;
mod standing;
mod stray;
mod unstick;
mod verdict;
mod view;
mod waiter;
mod watch;
mod worker;
mod worktree;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    path::PathBuf,
};

use jiff::{Timestamp, tz::TimeZone};

pub use cutover::{CUT_OFF, HANDED_OVER, handed_over, stands_still};
pub use effect::{Answer, Effect, Refusal, RefusalKind, Said, Told};
pub(crate) use end::NEVER_RAN;
pub use ending::{CheckoutOf, EndingRow};
pub use event::{Command, Event, Leave, Looked, Nudge, PhaseRef, RequestId, Typed, When};
pub use fact::{
    Amounts, Boot, Fact, KnownAttempt, KnownBreaker, KnownConversation, KnownEnding, KnownLimit,
    KnownSpent, KnownTrouble, Level, Notice, POINT_LOST, Reboot, Restarts, Restored,
    RestoredWorker, ResumePoint, SetBy, Stopping, Trouble,
};
pub use handoff::{
    ANSWERED_WITHIN, Ask, AskId, Asker, Claim, Gate, GateState, Happened, Lying, RESTARTED_WITHIN,
    Step, Verified, is_text_of,
};
pub use inbox::{Lies, Moved, Settle};
pub use nudge::{BegunNudge, NudgeId, Nudged};
pub use say::{Debt, Owed};
pub use view::{InboxRow, PhaseRow, Row, SpentRow, View};
pub use watch::{KnownSign, Sign};
pub use worktree::{MakingId, Prepared};
pub(crate) use worktree::{Mounted, away, is_away};

use crate::{
    config::{self, Config, Notify},
    model::{AttemptRef, BootId, Mono, Now, WorkerName},
};
use ending::Ending;
use handoff::Handoffs;
use inbox::Inbox;
use ledger::Ledger;
use nudge::{Left, Nudging};
use plan::Progress;
use sender::Sender;
use stray::Stray;
use waiter::Waiter;
use worker::Worker;

/// A sign of life is recorded, and the host is asked for what runs, this often; it bounds what is
/// known of an unclean end, and for how long lost news of an end goes unnoticed.
const SIGN_OF_LIFE: std::time::Duration = std::time::Duration::from_secs(60);
/// The rig counts as up after this time even if a worker is still starting.
const UP_AT_LAST: std::time::Duration = std::time::Duration::from_secs(60);

/// The machine the rig begins on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Its present boot.
    pub boot: BootId,
    /// When the kernel came up.
    pub booted: Timestamp,
    /// Attempts that no daemon saw ending, and that were over before their boot was.
    pub over: BTreeSet<AttemptRef>,
    /// In which its days begin.
    pub zone: Zone,
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(pub TimeZone);

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iana_name().hash(state);
    }
}

/// The whole rig: every worker, the plan, and what is on its way to the store.
#[derive(Debug, Clone)]
pub struct Rig {
    config: Config,
    machine: Machine,
    started: Now,
    rng: fastrand::Rng,
    workers: BTreeMap<WorkerName, Worker>,
    /// Where that was mounted on which each worktree was last seen.
    worktrees: BTreeMap<PathBuf, PathBuf>,
    progress: Progress,
    /// The current phase, while it is being wound up.
    ending: Option<Ending>,
    paused: Option<String>,
    ledger: Ledger,
    reboots: u64,
    last_boot: Boot,
    waiters: Vec<Waiter>,
    sender: Option<Sender>,
    /// Texts for agents, in the order in which they were asked for.
    nudges: Vec<Nudging>,
    /// Texts that an earlier daemon began.
    left: Vec<Left>,
    /// By whose they are.
    inboxes: BTreeMap<WorkerName, Inbox>,
    handoffs: Handoffs,
    /// Attempts that live and should not.
    strays: BTreeMap<AttemptRef, Stray>,
    /// What earlier daemons knew of the workers, until the host has answered.
    remembered: Option<BTreeMap<WorkerName, RestoredWorker>>,
    /// When the host is asked once more for everything it has.
    survey_at: Option<Mono>,
    sign_of_life: Mono,
    up: bool,
    leaving: Option<Leave>,
    gone: bool,
    out: Vec<Effect>,
}

impl Rig {
    /// Handles one event; what is to be done is in the list, in order.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self.take(now, event);
        self.finish_turn(now)
    }

    /// When [`Event::Wake`] is due at the latest; `None`: only when something happens.
    pub fn next_deadline(&self) -> Option<Mono> {
        let workers = self
            .workers
            .values()
            .flat_map(|worker| {
                let (limit, unstick) = (worker.limit_deadline(), worker.unstick_deadline());
                let tree = worker.tree.next_deadline();
                [worker.life.next_deadline(), limit, unstick, tree]
            })
            .flatten();
        let waiters = self.waiters.iter().map(|waiter| waiter.until);
        let nudges = self.nudges.iter().filter_map(Nudging::next_deadline);
        workers
            .chain(waiters)
            .chain(nudges)
            .chain(self.left.iter().map(Left::next_deadline))
            .chain(self.inboxes.values().filter_map(Inbox::next_deadline))
            .chain(self.handoffs.next_deadline())
            .chain(self.sender.as_ref().map(|sender| sender.until))
            .chain(self.strays.values().map(|stray| stray.next))
            .chain(self.phase_deadline())
            .chain(self.ending_deadline())
            .chain(self.ledger.next_deadline())
            .chain(self.survey_at)
            .chain(Some(self.sign_of_life))
            .chain((!self.up).then(|| self.started.mono + UP_AT_LAST))
            .min()
    }

    fn take(&mut self, now: Now, event: Event) {
        match event {
            Event::Surveyed(answer) => self.surveyed(now, answer),
            Event::Found(found) => self.found(now, found),
            Event::Host(event) => self.host_says(now, event),
            Event::Probed(attempt, result) => self.probed(now, &attempt, result),
            Event::Watched(attempt, signs) => {
                if let Ok(signs) = &signs {
                    self.conversation_seen(now, &attempt, signs);
                }
                self.watched(now, &attempt, signs);
            }
            Event::Typed(nudge, typed) => self.typed(now, nudge, typed),
            Event::Inbox(worker, lies) => self.inbox_seen(worker, lies),
            Event::Settled(worker, item, moved) => self.settled(now, &worker, &item, moved),
            Event::HandoffAsks(by, lying) => self.asks_seen(by, lying),
            Event::AskAnswered(by, id, done) => self.ask_answered(&by, &id, done),
            Event::HandoffWritten(gate, done) => self.handoff_written(now, gate, done),
            Event::HandoffRead(gate, read) => self.handoff_read(gate, read),
            Event::HandoffTold(gate, item, left) => self.handoff_told(now, &gate, &item, left),
            Event::HungUp(id) => self.hung_up(now, id),
            Event::PhaseChecked(id, result) => self.phase_checked(now, &id, result),
            Event::WorktreeMade(id, done) => self.worktree_made(now, id, done),
            Event::Checkout(of, seen) => self.checkout_seen(now, &of, seen),
            Event::PhaseMayBeOver => self.progress.look_soon(now.mono),
            Event::NeedsMayDiffer => self.needs_may_differ(now),
            Event::ReachMayDiffer => self.reach_may_differ(),
            Event::SecretsDiffer(of) => self.secrets_differ(now, &of),
            Event::PhaseFile(point) => self.phase_file_edited(now, point),
            Event::Recorded(result) => {
                let refused = result.clone().err();
                for fact in self.ledger.answered(now.mono, result) {
                    self.recorded(now, fact);
                }
                if let Some(why) = refused {
                    self.phase_refused(now, &why);
                }
            }
            Event::Notice(notice) => self.announce(notice),
            Event::Command(id, command) => self.command(now, id, command),
            Event::Leave(how) => self.leave(now, how),
            Event::Wake => {}
        }
    }

    /// What waited for its record may happen now.
    fn recorded(&mut self, now: Now, fact: Fact) {
        match fact {
            Fact::Phase(point) => self.phase_recorded(now, &point),
            Fact::Ended { attempt, .. } => self.out.push(Effect::Conclude(attempt)),
            Fact::NudgeBegun(begun) => self.nudge_recorded(now, &begun),
            Fact::Boot(_)
            | Fact::Hello { .. }
            | Fact::Goodbye { .. }
            | Fact::Paused(_)
            | Fact::Ending(_)
            | Fact::NudgeOver { .. }
            | Fact::Conversation { .. }
            | Fact::Limit { .. }
            | Fact::Trouble { .. }
            | Fact::Worktree { .. }
            | Fact::Operator { .. }
            | Fact::Held { .. }
            | Fact::Restarts { .. }
            | Fact::Spent { .. }
            | Fact::Breaker { .. }
            | Fact::Decided { .. }
            | Fact::Started { .. }
            | Fact::Owes { .. }
            | Fact::LastSign { .. }
            | Fact::Stopping { .. }
            | Fact::Alive { .. }
            | Fact::Notice(_) => {}
        }
    }

    /// Deadlines, the next steps, the answers: the same after every event.
    fn finish_turn(&mut self, now: Now) -> Vec<Effect> {
        self.expire(now);
        self.settle(now);
        for worker in self.workers.values_mut() {
            worker.still_since = None;
        }
        self.tend_left(now);
        self.tend_inboxes(now);
        self.tend_handoffs(now);
        self.drop_wakes(now);
        self.drop_tries(now);
        self.tend_nudges(now);
        let woken = self.tend_limits(now);
        if self.tend_troubles(now) || woken {
            self.tend_nudges(now);
        }
        self.answer_waiters(now);
        self.answer_sender(now);
        self.come_up(now);
        if let Some(facts) = self.ledger.offer(now.mono) {
            self.out.insert(0, Effect::Record(facts));
        }
        self.go(now);
        std::mem::take(&mut self.out)
    }

    fn expire(&mut self, now: Now) {
        if now.mono >= self.sign_of_life {
            self.sign_of_life = now.mono + SIGN_OF_LIFE;
            self.ledger.add(Fact::Alive { at: now.wall });
            self.ask_for_what_runs();
            self.look_at_unreadable_gates();
        }
        if self.survey_at.is_some_and(|at| now.mono >= at) {
            self.survey_at = None;
            self.out.push(Effect::Survey);
        }
        self.expire_phase(now);
        self.expire_attempts(now);
        self.expire_strays(now);
        self.expire_worktrees(now);
        self.tend_ending(now);
        self.count_spent(now);
        self.tend_breakers(now);
    }

    fn come_up(&mut self, now: Now) {
        let late = now.mono >= self.started.mono + UP_AT_LAST;
        if !self.up && (late || self.everything_was_tried()) {
            self.up = true;
            if self.leaving.is_none() {
                self.out.push(Effect::Ready);
            }
        }
    }

    fn leave(&mut self, now: Now, how: Leave) {
        self.leaving = Some(match (self.leaving, how) {
            (Some(Leave::StopWorkers), _) => Leave::StopWorkers,
            (Some(Leave::WorkersGoOn) | None, how) => how,
        });
        let text = match how {
            Leave::WorkersGoOn => "the supervisor ends; its workers go on",
            Leave::StopWorkers => "the supervisor ends and stops its workers",
        };
        self.tell(now, "leaving", Level::Info, None, text.into());
        self.leave_ending(now);
        self.count_spent(now);
        self.record_all_spent();
        self.hurry_nudges(now);
        self.hurry_inboxes(now);
    }

    /// Ends when it was asked to and nothing is left to wait for.
    fn go(&mut self, now: Now) {
        let Some(how) = self.leaving.filter(|_| !self.gone) else {
            return;
        };
        let stopped = || {
            self.remembered.is_none()
                && self.strays.is_empty()
                && self.workers.values().all(Worker::is_over_or_out_of_reach)
        };
        let busy = !(self.nudges.is_empty() && self.left.is_empty())
            || self.inboxes.values().any(Inbox::is_moving);
        if how == Leave::StopWorkers && !stopped() || busy {
            return;
        }
        self.gone = true;
        let goodbye = Fact::Goodbye {
            boot: self.machine.boot.clone(),
            at: now.wall,
        };
        // In one batch with all that still waits: who said goodbye has left nothing untold.
        let mut last = self.ledger.take();
        last.push(goodbye);
        self.out.push(Effect::Record(last));
        self.out.push(Effect::Exit);
    }

    fn tell(
        &mut self,
        now: Now,
        event: &str,
        level: Level,
        about: Option<&AttemptRef>,
        text: String,
    ) {
        let notice = Notice {
            at: now.wall,
            event: event.to_owned(),
            level,
            worker: about.map(|attempt| attempt.worker.clone()),
            attempt: about.map(|attempt| attempt.attempt.clone()),
            phase: self.progress.current().map(|(_, phase)| phase.id.clone()),
            text,
        };
        self.announce(notice);
    }

    fn tell_of(&mut self, now: Now, event: &str, level: Level, worker: &WorkerName, text: String) {
        let notice = Notice {
            at: now.wall,
            event: event.to_owned(),
            level,
            worker: Some(worker.clone()),
            attempt: None,
            phase: self.progress.current().map(|(_, phase)| phase.id.clone()),
            text,
        };
        self.announce(notice);
    }

    fn announce(&mut self, notice: Notice) {
        let notify = self.config.notify.as_ref();
        if notify.is_some_and(|notify| is_for(notify, &notice)) {
            self.out.push(Effect::Notify(notice.clone()));
        }
        self.ledger.add(Fact::Notice(notice.clone()));
        self.out.push(Effect::Tell(notice));
    }
}

/// Whether the operator wants to hear of this.
fn is_for(notify: &Notify, notice: &Notice) -> bool {
    notify.on.contains(&notice.event)
        || notice.level == Level::Error && notify.on.contains(config::ERROR)
}
