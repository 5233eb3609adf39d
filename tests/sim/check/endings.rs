//! What an operator said of the end of a phase.
//!
//! Promise: that a phase is over, once an operator was heard, comes to its end: the plan goes on in time, or
//! somebody takes it back, or the one who said it is refused; whichever daemons and boots come in between.
//! Nobody is stopped, and no resume point moved, for what nobody said.
//!
//! How: it is remembered here from the question on, across daemons. It counts from the end of a turn on in
//! which nothing was left unrecorded; where the daemon dies before that, nobody can tell, and both is right.

use loopkeeper::{
    config::Plan,
    decide::{Answer, Command, Effect, Event, Fact, RequestId, ResumePoint, SetBy},
    model::PhaseId,
};

use crate::told::{Place, Told, asked_for, meant, millis};

use super::{Checked, ensure};

/// What a late wake-up may cost, ms.
const LATE: u64 = 5_000;
/// A move that a store refused is tried again after this time, ms.
const RECORD_AGAIN: u64 = 10_000;

#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Endings {
    said: Option<Said>,
    /// The plan stands elsewhere when the present daemon begins, and that is to be told.
    in_vain: bool,
    /// No end can come: the daemon does not know yet what runs, or leaves.
    cannot: bool,
    /// How it was before this turn.
    paused: bool,
    plan: Plan,
}

/// That this phase is over.
#[derive(Debug, Clone, Hash)]
struct Said {
    phase: PhaseId,
    /// When it was said first.
    at: u64,
    /// Who said it last.
    by: RequestId,
    /// When the plan is to have gone on, if it stands.
    due: u64,
    is: Is,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Is {
    /// In a turn that is not over, or while the disk refuses.
    Asked,
    Stands,
    /// As long as [`Is::Asked`].
    TakenBack,
    /// The daemon died before it was the one or the other.
    Unknown,
}

impl Endings {
    /// A new daemon begins.
    pub(super) fn begin_daemon(&mut self, t: u64, told: &Told, is_new_boot: bool) {
        self.note(told);
        self.cannot = true;
        let quiesce = millis(told.config.plan.quiesce);
        let Some(said) = &mut self.said else { return };
        if is_at(told, &said.phase) {
            // Only in one boot does a clock go on that nobody sets.
            said.due = match is_new_boot {
                true => t + quiesce,
                false => t.max(said.at + quiesce),
            };
        } else {
            self.in_vain = said.is == Is::Stands;
            said.is = Is::TakenBack;
        }
    }

    pub(super) fn daemon_died(&mut self) {
        self.in_vain = false;
        if let Some(said) = self.said.as_mut().filter(|said| said.is != Is::Stands) {
            said.is = Is::Unknown;
        }
    }

    /// Before the effects of a turn are performed.
    pub(super) fn turn(&mut self, t: u64, event: &Event, told: &Told) -> Checked {
        if let Some(said) = self.said.as_mut().filter(|_| self.cannot) {
            said.due = said.due.max(t);
        }
        let late = self.standing().filter(|said| said.due + LATE < t);
        ensure!(
            late.is_none(),
            "ending-kept",
            "the plan has not gone on by {t}: {late:?}"
        );
        if let (Event::Command(id, Command::PhaseDone), Place::Phase(_, phase)) = (event, &told.at)
        {
            self.say(t, *id, phase, told);
        }
        if self.is_taken_back(event, told)
            && let Some(said) = &mut self.said
        {
            said.is = Is::TakenBack;
        }
        Ok(())
    }

    /// The operator is heard.
    fn say(&mut self, t: u64, by: RequestId, phase: &PhaseId, told: &Told) {
        let earlier = self.standing().filter(|said| said.phase == *phase);
        let at = earlier.map_or(t, |said| said.at);
        let due = earlier.map_or(t + millis(told.config.plan.quiesce), |said| said.due);
        self.said = Some(Said {
            phase: phase.clone(),
            at,
            by,
            due,
            is: Is::Asked,
        });
    }

    /// Does somebody who may say so want something else of the plan?
    fn is_taken_back(&self, event: &Event, told: &Told) -> bool {
        let plan = &told.config.plan;
        match event {
            Event::Command(_, Command::Pause) => !self.paused,
            Event::Command(_, Command::PhaseSet(phase) | Command::Resume(Some(phase))) => {
                asked_for(plan, phase).is_some()
            }
            Event::Command(_, Command::Reload(_)) => *plan != self.plan,
            Event::PhaseFile(phase) => {
                let here = match &told.at {
                    Place::Phase(index, _) => Some(*index),
                    Place::NoPlan | Place::Complete | Place::Astray => None,
                };
                meant(plan, phase).is_some_and(|index| Some(index) != here)
            }
            _ => false,
        }
    }

    /// After the answers of a turn: it is told that a phase goes on only where that is so, and always where a
    /// daemon finds it so.
    pub(super) fn goes_on(&mut self, effects: &[Effect]) -> Checked {
        let Some(said) = &self.said else {
            return Ok(());
        };
        let told = effects.iter().any(|effect| match effect {
            Effect::Tell(notice) => {
                notice.event == "phase-goes-on" && notice.phase.as_ref() == Some(&said.phase)
            }
            _ => false,
        });
        ensure!(
            told || !self.in_vain,
            "ending-kept",
            "nobody was told what became of {said:?}"
        );
        ensure!(
            !told || said.is != Is::Stands,
            "ending-kept",
            "told to go on, and nobody wanted that: {said:?}"
        );
        self.in_vain = false;
        Ok(())
    }

    /// Who said that a phase is over is answered.
    pub(super) fn answered(&mut self, id: RequestId, answer: &Answer, event: &Event) -> Checked {
        let Some(said) = self.said.as_mut().filter(|said| said.by == id) else {
            return Ok(());
        };
        let Err(refusal) = answer else { return Ok(()) };
        let message = &refusal.message;
        if message.starts_with("not done after")
            || message.starts_with("the supervisor ends before")
        {
            return Ok(());
        }
        ensure!(
            said.is == Is::TakenBack || matches!(event, Event::Recorded(Err(_))),
            "ending-kept",
            "{said:?} was given up for nothing: {message}"
        );
        said.is = Is::TakenBack;
        Ok(())
    }

    /// A batch was recorded.
    pub(super) fn recorded(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let (Fact::Phase(point), Some(said)) = (fact, &self.said) {
                // The same place in other words is no move.
                let same = point.id.as_ref() == Some(&said.phase);
                if !same || said.is == Is::TakenBack {
                    self.said = None;
                }
            }
        }
    }

    /// The turn is over, and the daemon has lived through it; `owes`: something of it is not recorded.
    pub(crate) fn turned(&mut self, t: u64, told: &Told, owes: bool) {
        self.note(told);
        self.cannot = !told.surveyed || told.leaving.is_some();
        let Some(said) = &mut self.said else { return };
        match said.is {
            Is::Asked if !owes => said.is = Is::Stands,
            Is::TakenBack if !owes => self.said = None,
            Is::Asked | Is::Stands | Is::TakenBack | Is::Unknown => {}
        }
        let Some(said) = &mut self.said else { return };
        if owes {
            said.due = said.due.max(t + RECORD_AGAIN);
        }
    }

    fn note(&mut self, told: &Told) {
        self.paused = told.paused;
        self.plan.clone_from(&told.config.plan);
    }

    fn standing(&self) -> Option<&Said> {
        self.said.as_ref().filter(|said| said.is == Is::Stands)
    }

    /// May the current phase be wound up for what an operator said?
    pub(super) fn may_end(&self, phase: &PhaseId) -> bool {
        self.said.as_ref().is_some_and(|said| said.phase == *phase)
    }

    /// Is this the end of the phase of which an operator said that it is over?
    pub(super) fn grants(&self, point: &ResumePoint, plan: &Plan) -> bool {
        let Some(said) = &self.said else { return false };
        let at = plan.phases.iter().position(|phase| phase.id == said.phase);
        let next = plan.phases.get(point.index).map(|phase| &phase.id);
        point.by == SetBy::Operator
            && at.is_some_and(|at| at + 1 == point.index)
            && next == point.id.as_ref()
    }

    /// The world was calm for longer than the end of any phase takes.
    pub(crate) fn at_the_end(&self) -> Checked {
        let open = self.standing();
        ensure!(open.is_none(), "ending-kept", "nothing became of {open:?}");
        Ok(())
    }
}

fn is_at(told: &Told, phase: &PhaseId) -> bool {
    matches!(&told.at, Place::Phase(_, id) if id == phase)
}
