//! The plan and its resume point.
//!
//! Promise: the resume point moves only to where somebody sent it, and nobody is told of a new
//! phase before it is recorded. A stored point that the plan does not have is never replaced by a
//! guess: the plan is *astray* until the operator says where to go on. A phase is over by its end
//! condition once two looks in a row have said so, with some time between them ([`second_look`]).
//!
//! The end of a phase comes before its move (`ending`).

use std::time::Duration;

use super::{
    Effect, Fact, Level, PhaseRef, RequestId, ResumePoint, Rig, SetBy, attempt::in_words,
    life::Look,
};
use crate::{
    config::{Condition, Phase, Plan},
    model::{Mono, Now, PhaseId},
};

/// A file is looked at this often even if nobody says that it changed.
const SLOW_LOOK: Duration = Duration::from_secs(10);
/// A file has to be as it is to be for so long: who changes it says so meanwhile.
const FILE_STANDS: Duration = Duration::from_secs(2);
/// A command that is seldom tried is tried again after this time.
const SURE_WITHIN: Duration = Duration::from_secs(60);
/// A look that has not answered by then is asked for again.
const LOOK_SILENCE: Duration = Duration::from_secs(15 * 60);

/// How far the plan has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    pub(super) plan: Plan,
    pub(super) at: At,
    /// The point that is recorded; without a plan it is kept for the day there is one again.
    stored: Option<ResumePoint>,
    /// There was no point where one was lost; also where there is no plan since.
    lost: bool,
    /// A move that is on its way to the store, and who waits for it.
    pub(super) pending: Option<(ResumePoint, Option<RequestId>)>,
    /// The next look at the end condition.
    look: Look,
    /// Since when all looks have said that it holds.
    holds_since: Option<Mono>,
    /// A person has sent the plan here, and nobody has looked yet whether this phase is over.
    pub(super) just_set: bool,
    /// Why the last look failed, so that a lasting failure is told once.
    failed: Option<String>,
}

/// Where the plan stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum At {
    NoPlan,
    Phase(usize),
    Complete,
    /// Nobody knows where it stands: the plan does not have the recorded point, or that is lost.
    Astray(Option<String>),
}

impl Progress {
    /// Finds the stored point in the plan: by its id, and where it has none, by its index. A rig
    /// without a point is at its beginning; one that is paused lost it, and does not start over.
    pub(super) fn begin(plan: Plan, stored: Option<&ResumePoint>, paused: bool, now: Mono) -> Self {
        let count = plan.phases.len();
        let at = match stored {
            _ if count == 0 => At::NoPlan,
            None if paused => At::Astray(None),
            None => At::Phase(0),
            Some(ResumePoint { id: Some(id), .. }) => {
                match plan.phases.iter().position(|p| p.id == *id) {
                    Some(index) => At::Phase(index),
                    None => At::Astray(Some(id.to_string())),
                }
            }
            // The plan was complete; phases added to its end since are still to be done. Of others
            // nobody knows whether what follows them is to be done again.
            Some(ResumePoint { id: None, done, .. }) => {
                let known = !done.is_empty() && done.len() < count;
                let ids = plan.phases.iter().map(|phase| &phase.id);
                if known && ids.take(done.len()).eq(done) {
                    At::Phase(done.len())
                } else {
                    At::Complete
                }
            }
        };
        Self {
            plan,
            lost: at == At::Astray(None),
            at,
            stored: stored.cloned(),
            pending: None,
            look: Look::at(now),
            holds_since: None,
            // Nobody looks while the plan stands still, so nobody has since a person set it.
            just_set: paused && stored.is_some_and(|stored| stored.by != SetBy::Plan),
            failed: None,
        }
    }

    /// The same after a change of the plan to this one.
    pub(super) fn changed(&self, plan: Plan, point: Option<&ResumePoint>, now: Mono) -> Self {
        let lost = self.lost && point.is_none();
        Self {
            lost,
            ..Self::begin(plan, point, lost, now)
        }
    }

    pub(super) fn current(&self) -> Option<(usize, &Phase)> {
        match self.at {
            At::Phase(index) => self.plan.phases.get(index).map(|phase| (index, phase)),
            At::NoPlan | At::Complete | At::Astray(_) => None,
        }
    }

    /// Is the phase that an attempt was told still the current one? Without a plan, and while nobody
    /// knows where it stands, there is no other.
    pub(super) fn is_still_at(&self, told: Option<&PhaseId>) -> bool {
        match self.at {
            At::NoPlan | At::Astray(_) => true,
            At::Phase(_) | At::Complete => self.current().map(|(_, phase)| &phase.id) == told,
        }
    }

    /// The present point as it is recorded.
    pub(super) fn point(&self, now: Now, by: SetBy) -> Option<ResumePoint> {
        let index = match self.at {
            At::Phase(index) => index,
            // How much was done is not lessened by a plan that has become shorter meanwhile.
            At::NoPlan | At::Complete => return self.stored.clone(),
            At::Astray(_) => return None,
        };
        let point = self.point_at(index, now, by);
        // Who set it, and when, is kept as long as it says the same.
        let stored = self.stored.clone();
        Some(
            stored
                .filter(|stored| stored.says_as_much_as(&point))
                .unwrap_or(point),
        )
    }

    fn point_at(&self, index: usize, now: Now, by: SetBy) -> ResumePoint {
        let ids: Vec<_> = self.plan.phases.iter().map(|p| p.id.clone()).collect();
        ResumePoint::new(&ids, index, now.wall, by)
    }

    /// The index that a person means.
    pub(super) fn resolve(&self, phase: &PhaseRef) -> Option<usize> {
        match phase {
            PhaseRef::Index(index) => (*index <= self.plan.phases.len()).then_some(*index),
            PhaseRef::Id(id) => self.plan.phases.iter().position(|phase| phase.id == *id),
        }
    }

    pub(super) fn look_soon(&mut self, now: Mono) {
        if !self.look.asked {
            self.look = Look::at(now);
        }
    }

    /// Nobody has looked for a while: what was seen before says nothing any more.
    pub(super) fn look_anew(&mut self, now: Mono) {
        self.holds_since = None;
        self.look_soon(now);
    }

    fn next_deadline(&self) -> Option<Mono> {
        let (_, phase) = self.current()?;
        (self.pending.is_none() && phase.until != Condition::Operator).then_some(self.look.at)
    }

    /// The point that is recorded, whether the plan has it or not.
    pub(super) fn stored(&self) -> Option<&ResumePoint> {
        self.stored.as_ref()
    }
}

impl Rig {
    /// When the plan is looked at next; not while it stands still.
    pub(super) fn phase_deadline(&self) -> Option<Mono> {
        let stands_still = self.paused.is_some() || self.leaving.is_some();
        self.progress.next_deadline().filter(|_| !stands_still)
    }

    pub(super) fn expire_phase(&mut self, now: Now) {
        if self.phase_deadline().is_none_or(|at| now.mono < at) {
            return;
        }
        if let Some((_, phase)) = self.progress.current() {
            let check = Effect::CheckPhase(phase.id.clone(), phase.until.clone());
            self.progress.look = Look::asked_until(now.mono + LOOK_SILENCE);
            self.out.push(check);
        }
    }

    pub(super) fn phase_checked(&mut self, now: Now, id: &PhaseId, result: Result<bool, String>) {
        let Some((index, phase)) = self.progress.current().filter(|(_, phase)| phase.id == *id)
        else {
            return;
        };
        let again = match &phase.until {
            Condition::Command { every, .. } => *every,
            Condition::File { .. } | Condition::Operator => SLOW_LOOK,
        };
        let sure_after = second_look(&phase.until);
        self.progress.look = Look::at(now.mono + again);
        if result != Ok(true) {
            self.progress.holds_since = None;
        }
        match result {
            Ok(over) => {
                self.progress.failed = None;
                let just_set = std::mem::take(&mut self.progress.just_set);
                // The next daemon looks for itself.
                let stands_still = self.paused.is_some() || self.leaving.is_some();
                if !over {
                    self.phase_is_not_over(now);
                } else if self.progress.pending.is_none() && !stands_still {
                    if just_set {
                        let text = format!(
                            "the end condition of phase {id} holds already, so the plan goes on after \
                             another look, in {}; to work on it again, undo that first",
                            in_words(sure_after)
                        );
                        self.sent_in_vain(&text);
                        self.tell(now, "phase-over-already", Level::Warning, None, text);
                    }
                    let since = *self.progress.holds_since.get_or_insert(now.mono);
                    match since + sure_after {
                        sure if now.mono < sure => self.progress.look = Look::at(sure),
                        _ => self.end_phase(now, index + 1, SetBy::Plan, None),
                    }
                }
            }
            Err(why) if self.progress.failed.as_ref() != Some(&why) => {
                let text = cannot_be_told(id, &why);
                self.progress.failed = Some(why);
                self.tell(now, "phase-check-failed", Level::Warning, None, text);
            }
            Err(_) => {}
        }
    }

    /// Why the plan may stand still although its phase is over, if so.
    pub(super) fn phase_trouble(&self) -> Option<String> {
        let why = self.progress.failed.as_ref()?;
        let (_, phase) = self.progress.current()?;
        // Nobody looks at it meanwhile.
        self.phase_deadline()
            .map(|_| cannot_be_told(&phase.id, why))
    }

    /// Sends the resume point to `index` at once; it counts once it is recorded.
    pub(super) fn move_to(&mut self, now: Now, index: usize, by: SetBy, asked: Option<RequestId>) {
        // Whom the end of the phase has stopped is not started before the move is recorded.
        self.refuse_who_waits("another move of the resume point came first");
        self.record_move(now, index, by, asked);
    }

    pub(super) fn record_move(
        &mut self,
        now: Now,
        index: usize,
        by: SetBy,
        asked: Option<RequestId>,
    ) {
        let point = self.progress.point_at(index, now, by);
        let earlier = self.progress.pending.replace((point.clone(), asked));
        if let Some((earlier, asked)) = earlier {
            // It must not be recorded behind our back, should this one be refused.
            self.ledger.withdraw(&Fact::Phase(earlier));
            if let Some(asked) = asked {
                self.refuse(asked, "another move of the resume point came first", None);
            }
        }
        self.ledger.add(Fact::Phase(point));
    }

    pub(super) fn phase_recorded(&mut self, now: Now, point: &ResumePoint) {
        let Some((_, asked)) = self
            .progress
            .pending
            .take_if(|(pending, _)| pending == point)
        else {
            return;
        };
        let over = self
            .progress
            .current()
            .filter(|_| point.by == SetBy::Plan)
            .map_or(String::new(), |(_, phase)| {
                format!("phase {} is over; ", phase.id)
            });
        self.progress.at = match point.id {
            Some(_) => At::Phase(point.index),
            None => At::Complete,
        };
        let waits = self.ending.take().and_then(|ending| ending.who_asked());
        self.progress.stored = Some(point.clone());
        self.progress.just_set = point.by != SetBy::Plan;
        self.progress.look = Look::at(now.mono);
        self.progress.holds_since = None;
        self.progress.failed = None;
        self.phase_changed(now);
        let words = self.progress.in_words().unwrap_or_default();
        let (event, text) = match point.id {
            Some(_) => ("phase", format!("{over}the resume point is {words}")),
            None => ("plan-complete", format!("{over}the plan is {words}")),
        };
        self.tell(now, event, Level::Info, None, text.clone());
        for id in asked.into_iter().chain(waits) {
            self.sent(now, id, text.clone());
        }
    }

    /// The store refused. A move that would come true later, when somebody makes room, would be a
    /// surprise: it is given up, and its condition or the operator asks again. An edit of the file
    /// stands in the file, and stays wanted.
    pub(super) fn phase_refused(&mut self, now: Now, why: &str) {
        let given_up = |(point, _): &mut (ResumePoint, _)| point.by != SetBy::File;
        let Some((point, asked)) = self.progress.pending.take_if(given_up) else {
            return;
        };
        self.ending_refused(now, asked.is_some());
        self.ledger.withdraw(&Fact::Phase(point));
        self.progress.look = Look::at(now.mono + SLOW_LOOK);
        if let Some(id) = asked {
            let message = format!("the resume point cannot be recorded, so it stays: {why}");
            self.refuse(
                id,
                &message,
                Some("`supervisorctl status` shows when it can again"),
            );
        }
    }

    pub(super) fn phase_file_edited(&mut self, now: Now, phase: PhaseRef) {
        let count = self.progress.plan.phases.len();
        let meant = self.progress.resolve(&phase).filter(|_| count > 0);
        match meant {
            Some(index) if self.progress.at == At::Phase(index) => {}
            Some(index) if self.progress.at == At::Complete && index == count => {}
            Some(index) => self.move_to(now, index, SetBy::File, None),
            None => {
                let what = match phase {
                    PhaseRef::Index(index) => format!("index {index} (the first is 0)"),
                    PhaseRef::Id(id) => format!("phase {id}"),
                };
                let text = format!(
                    "phase-idx names {what}, which the plan does not have; nothing changed"
                );
                self.tell(now, "phase-file-refused", Level::Error, None, text);
            }
        }
    }
}

/// How long after a look that says that a phase is over another one has to say the same. A condition that
/// holds at one look and not at the next would stop the loops and start them again each time.
fn second_look(until: &Condition) -> Duration {
    match until {
        Condition::Command { every, .. } => SURE_WITHIN.min(*every),
        Condition::File { .. } | Condition::Operator => FILE_STANDS,
    }
}

fn cannot_be_told(id: &PhaseId, why: &str) -> String {
    format!("the end of phase {id} cannot be told: {why}; `supervisorctl phase done` goes on")
}

impl std::fmt::Display for PhaseRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index(index) => write!(f, "number {}", index + 1),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}
