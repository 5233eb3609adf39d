//! The end of a phase: whom it stops comes to a safe point first.
//!
//! # Promise
//!
//! Who has a worktree and is stopped by a change of phase is let go on until nothing in its worktree is
//! half-done, and is stopped there; it is not started again before the plan has gone on. When all of them
//! have ended, or `plan.quiesce` is over, the resume point is moved as ever: recorded, and then told. What
//! is in a worktree by then stays there, and whose it is, is told. Who says where the plan goes, or that it
//! stands still, does not wait.
//!
//! # How
//!
//! Each of them is looked at every few seconds ([`Effect::LookAtCheckout`]; `checkouts`). Whose checkout was
//! at a safe point is unwanted from then on, so that settling stops it. Whoever has ended otherwise is unwanted
//! as well, and is not waited for: a last look says what it leaves. So it does of who did not run in the first
//! place. Of those without a worktree nobody can tell; they go on until the plan does.
//!
//! Of what an operator said the next daemon knows, and goes on with it (`kept`). Of a condition that holds it
//! knows once somebody has looked, and winds up the phase anew. Until then it starts whom the one before has
//! stopped for it: they begin in the phase that is over, and are stopped once more.

mod checkouts;
mod kept;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

pub use self::checkouts::CheckoutOf;

use self::checkouts::Checkout;
use super::{
    Effect, KnownEnding, Level, RequestId, Rig, SetBy,
    attempt::in_words,
    command::failed,
    life::{Attempt, Stopped},
    plan::At,
    worker::Worker,
};
use crate::{
    config::OnPhase,
    model::{Mono, Now, WorkerName},
};

/// From one look at a checkout to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look that has not answered by then is asked for again.
const LOOK_SILENCE: Duration = Duration::from_secs(3 * 60);
/// A resume point that could not be recorded is tried again after this time.
const RECORD_AGAIN: Duration = Duration::from_secs(10);
/// The longest that a person waits for the end of a phase.
const PATIENCE: Duration = Duration::from_secs(60);

/// The current phase is over, and is being wound up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ending {
    /// Which phase, and since when.
    known: KnownEnding,
    /// Where the plan goes on.
    to: usize,
    by: SetBy,
    /// Who waits for it, and until when.
    asked: Option<(RequestId, Mono)>,
    /// When the plan goes on whatever is half-done.
    until: Mono,
    /// The store refused the move, and is not asked again before.
    refused_until: Option<Mono>,
    /// Who was not at a safe point in time has been told.
    told_late: bool,
    checkouts: BTreeMap<CheckoutOf, Checkout>,
}

/// A phase that is being wound up, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingRow {
    /// Since when.
    pub since: Timestamp,
    /// When the plan goes on at the latest.
    pub until: Timestamp,
    /// Who is waited for, and why.
    pub waits_for: Vec<(WorkerName, String)>,
}

impl Ending {
    fn begun(known: KnownEnding, to: usize, by: SetBy, until: Mono) -> Self {
        Self {
            known,
            to,
            by,
            asked: None,
            until,
            refused_until: None,
            told_late: false,
            checkouts: BTreeMap::new(),
        }
    }

    /// Who waits for it.
    pub(super) fn who_asked(&self) -> Option<RequestId> {
        self.asked.map(|(id, _)| id)
    }
}

impl Rig {
    /// The current phase is over, and the plan goes on at `to` once it is wound up.
    pub(super) fn end_phase(&mut self, now: Now, to: usize, by: SetBy, asked: Option<RequestId>) {
        let moves = self.leaving.is_some() || self.progress.pending.is_some();
        if self.ending.is_some() && !moves {
            return self.end_phase_too(now, asked);
        }
        let quiesce = self.progress.plan.quiesce;
        // Who was said to go on somewhere, or not at all, does not wait for anybody.
        let at_once = quiesce.is_zero() || self.paused.is_some() || moves;
        let lives = |worker: &&Worker| worker.life.attempt().is_some();
        let mut stopped = self.workers.values().filter(lives);
        // Before the host has answered nobody knows who lives.
        let idle = self.who_does_not_run(to);
        let idle: Vec<_> = idle.into_iter().map(|one| one.name().clone()).collect();
        let waits = self.remembered.is_some()
            || !idle.is_empty()
            || stopped.any(|worker| self.is_stopped_by_move(worker, to));
        let phase = self.progress.current().map(|(_, phase)| phase.id.clone());
        let Some(phase) = phase.filter(|_| waits && !at_once) else {
            return self.move_to(now, to, by, asked);
        };
        let known = self.ending_of(now, phase);
        self.ending = Some(Ending {
            asked: asked.map(|id| (id, now.mono + PATIENCE)),
            ..Ending::begun(known, to, by, now.mono + quiesce)
        });
        self.record_ending();
        let who = self.waited_for().map(|(worker, _)| worker.name());
        let who = names(who);
        let first = match who.is_empty() && !idle.is_empty() {
            true => String::new(),
            false => format!(
                "; whom it stops comes to a safe point first, within {}{who}",
                in_words(quiesce)
            ),
        };
        let idle = match names(&idle) {
            idle if idle.is_empty() => idle,
            idle => format!("; who does not run is looked at{idle}"),
        };
        let text = format!("{} is over{first}{idle}", self.phase_in_words());
        self.tell(now, "phase-ending", Level::Info, None, text);
    }

    /// Somebody asks for the end of a phase that is being wound up.
    fn end_phase_too(&mut self, now: Now, asked: Option<RequestId>) {
        let (Some(ending), Some(id)) = (&mut self.ending, asked) else {
            return;
        };
        let first = std::mem::replace(&mut ending.by, SetBy::Operator) != SetBy::Operator;
        let earlier = ending.asked.replace((id, now.mono + PATIENCE));
        if first {
            self.record_ending();
        }
        if let Some((earlier, _)) = earlier {
            self.refuse(earlier, "another `phase done` came after it", None);
        }
    }

    /// What is due while a phase is wound up: looks at checkouts, and the move once nobody is waited for.
    pub(super) fn tend_ending(&mut self, now: Now) {
        if self.progress.pending.is_some() || self.leaving.is_some() {
            return;
        }
        let Some(ending) = &mut self.ending else {
            return;
        };
        if ending.refused_until.is_some_and(|until| now.mono < until) {
            return;
        }
        ending.refused_until = None;
        let until = ending.until;
        // Whom the move stops is not known before the host has answered, and nobody is started either.
        let is_known = self.remembered.is_none();
        self.follow_checkouts(now);
        let nobody = self.waited_for().next().is_none() && self.looked_for().next().is_none();
        if is_known && (now.mono >= until || nobody) {
            return self.go_on(now);
        }
        self.look_at_checkouts(now);
        self.tell_who_waits(now);
    }

    /// The plan goes on, as soon as that is recorded.
    fn go_on(&mut self, now: Now) {
        let row = self.ending_row(now);
        let phase = self.phase_in_words();
        let Some(ending) = &mut self.ending else {
            return;
        };
        let (to, by) = (ending.to, ending.by);
        let asked = ending.asked.take().map(|(id, _)| id);
        let told = std::mem::replace(&mut ending.told_late, true);
        let late: Vec<_> = self
            .waited_for()
            .filter(|(worker, _)| self.is_over_for(worker).is_none())
            .map(|(worker, _)| worker.name().clone())
            .collect();
        let left = self.left_behind();
        let left: Vec<_> = left.map(|(name, what)| (name.clone(), what)).collect();
        let late: Vec<_> = row
            .into_iter()
            .flat_map(|row| row.waits_for)
            .filter(|(name, _)| late.contains(name))
            .chain(left)
            .map(|(name, why)| format!("{name} ({why})"))
            .collect();
        if !late.is_empty() && !told {
            let text = format!(
                "the plan goes on after {phase}, and not at a safe point were: {}; what is in their \
                 worktrees stays there",
                late.join(", ")
            );
            self.tell(now, "phase-not-quiet", Level::Warning, None, text);
        }
        self.record_move(now, to, by, asked);
    }

    /// Who asked for the end of the phase does not wait for ever.
    fn tell_who_waits(&mut self, now: Now) {
        let due = |(_, until): &mut (RequestId, Mono)| now.mono >= *until;
        let asked = self
            .ending
            .as_mut()
            .and_then(|ending| ending.asked.take_if(due));
        let (Some((id, _)), Some(row)) = (asked, self.ending_row(now)) else {
            return;
        };
        let waits = match self.remembered {
            Some(_) => "the host to say what runs".to_owned(),
            None => row.in_words(),
        };
        let but = self.ending_unrecorded();
        let message = format!(
            "not done after {}: {} waits for {waits}{}",
            in_words(PATIENCE),
            self.phase_in_words(),
            but.map_or(String::new(), |but| format!("; {but}"))
        );
        let hint = "it goes on; `supervisorctl status` shows how far it is, and `supervisorctl phase \
                    set ID` does not wait";
        let late = failed(&message, Some(hint));
        self.out.push(Effect::Answer(id, Err(late)));
    }

    /// Its end condition does not hold any more, and nobody else has ended the phase.
    pub(super) fn phase_is_not_over(&mut self, now: Now) {
        let is_plans = |ending: &mut Ending| ending.by == SetBy::Plan;
        if self.progress.pending.is_some() {
            return;
        }
        if let Some(Ending { known, .. }) = self.ending.take_if(is_plans) {
            let phase = known.phase;
            let text = format!("phase {phase} goes on: its end condition does not hold any more");
            self.tell_goes_on(now, Level::Info, phase, text);
        }
    }

    /// Who waits for the end of the phase is told that something else comes first.
    pub(super) fn refuse_who_waits(&mut self, why: &str) {
        let asked = self.ending.as_mut().and_then(|ending| ending.asked.take());
        if let Some((id, _)) = asked {
            let message = format!("the end of the phase was given up: {why}");
            self.refuse(id, &message, None);
        }
    }

    /// The move was refused by the store. Who asked for it is told, and then what an operator said is void;
    /// where there is nobody to be told, it is tried again.
    pub(super) fn ending_refused(&mut self, now: Now, is_told: bool) {
        match &mut self.ending {
            Some(ending) if ending.by == SetBy::Plan || !is_told => {
                ending.refused_until = Some(now.mono + RECORD_AGAIN);
            }
            Some(_) | None => self.give_up_ending(now, "the resume point cannot be recorded"),
        }
    }

    /// When something is due for it.
    pub(super) fn ending_deadline(&self) -> Option<Mono> {
        let moves = self.progress.pending.is_some() || self.leaving.is_some();
        let ending = self.ending.as_ref().filter(|_| !moves)?;
        if ending.refused_until.is_some() {
            return ending.refused_until;
        }
        let looks = ending.checkouts.values().filter(|one| one.is_open());
        looks
            .map(|checkout| checkout.look.at)
            .chain(ending.asked.map(|(_, until)| until))
            .chain(self.remembered.is_none().then_some(ending.until))
            .min()
    }

    /// Why a worker is not to run although it could: its phase is over, and it has nothing half-done.
    pub(super) fn is_over_for(&self, worker: &Worker) -> Option<Stopped> {
        let ending = self.ending.as_ref().filter(|_| self.leaving.is_none())?;
        let attempt = worker.life.attempt();
        let ended = attempt.is_none_or(|attempt| ending.is_safe(&attempt.of));
        (ended && self.is_stopped_by_move(worker, ending.to)).then_some(Stopped::PhaseOver)
    }

    /// Whether a worker that works in a checkout of this machine is stopped when the plan moves there.
    fn is_stopped_by_move(&self, worker: &Worker, to: usize) -> bool {
        let at = match to < self.progress.plan.phases.len() {
            true => At::Phase(to),
            false => At::Complete,
        };
        let anew = worker.rules.on_phase == OnPhase::Restart && matches!(at, At::Phase(_));
        let stopped = anew || self.out_of_place_at(worker, &at).is_some();
        worker.rules.worktree_here().is_some() && stopped
    }

    /// Those that live, and have to end before the plan goes on.
    fn waited_for(&self) -> impl Iterator<Item = (&Worker, &Attempt)> {
        let to = self.ending.as_ref().map(|ending| ending.to);
        let stopped =
            move |worker: &&Worker| to.is_some_and(|to| self.is_stopped_by_move(worker, to));
        let workers = self.workers.values().filter(stopped);
        workers.filter_map(|worker| Some((worker, worker.life.attempt()?)))
    }

    /// The phase that is being wound up, as it is shown.
    pub(super) fn ending_row(&self, now: Now) -> Option<EndingRow> {
        let ending = self.ending.as_ref()?;
        let waits_for = self.waited_for().map(|(worker, attempt)| {
            let why = ending.why(&worker.life, attempt);
            (worker.name().clone(), why)
        });
        let looked_for = self.looked_for();
        let looked_for = looked_for.map(|(name, why)| (name.clone(), why));
        let left = ending.until.since(now.mono);
        Some(EndingRow {
            since: ending.known.since,
            until: now.wall.checked_add(left).unwrap_or(now.wall),
            waits_for: waits_for.chain(looked_for).collect(),
        })
    }

    fn phase_in_words(&self) -> String {
        let current = self.progress.current();
        current.map_or_else(
            || "the plan".into(),
            |(_, phase)| format!("phase {}", phase.id),
        )
    }
}

/// These, behind a colon.
fn names<'a>(names: impl IntoIterator<Item = &'a WorkerName>) -> String {
    let names: Vec<_> = names.into_iter().map(WorkerName::as_str).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(": {}", names.join(", ")),
    }
}

impl EndingRow {
    /// Who is waited for, and why, for people.
    fn in_words(&self) -> String {
        let waits = self.waits_for.iter();
        let waits: Vec<_> = waits.map(|(name, why)| format!("{name} ({why})")).collect();
        waits.join(", ")
    }
}
