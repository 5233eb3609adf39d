//! What an operator said of the end of a phase, across daemons and boots.
//!
//! Promise: who said that a phase is over is not forgotten while it is wound up. It is recorded in the turn
//! in which it was said, and a daemon that begins goes on with it, with the time that is left of what it
//! had. It is done with when a resume point is recorded. Where something else comes first, or the next
//! daemon finds the plan elsewhere, that is told: `phase-goes-on`.
//!
//! That an end condition holds is not recorded: the next daemon looks for itself.

use std::time::Duration;

use super::Ending;
use crate::{
    decide::{
        Fact, KnownEnding, Level, Notice, Rig, SetBy, attempt::in_words, begin::utc, stands_still,
    },
    model::{BootId, Now, PhaseId},
};

impl Ending {
    /// How it is recorded, where an operator asked for it.
    fn fact(&self) -> Option<Fact> {
        (self.by == SetBy::Operator).then(|| Fact::Ending(Some(self.known.clone())))
    }
}

impl KnownEnding {
    /// How long ago it began. The clock on the wall counts only where no other one goes on.
    fn age(&self, now: Now, boot: &BootId) -> Duration {
        match self.boot == *boot {
            true => now.mono.since(self.mono),
            false => Duration::try_from(now.wall.duration_since(self.since)).unwrap_or_default(),
        }
    }
}

impl Rig {
    /// An end that begins now, of this phase.
    pub(super) fn ending_of(&self, now: Now, phase: PhaseId) -> KnownEnding {
        KnownEnding {
            phase,
            since: now.wall,
            boot: self.machine.boot.clone(),
            mono: now.mono,
        }
    }

    /// What an operator said of the end of the phase is to be known to the next daemon, also after another
    /// resume point.
    pub(in crate::decide) fn record_ending(&mut self) {
        if let Some(fact) = self.ending.as_ref().and_then(Ending::fact) {
            self.ledger.add(fact);
        }
    }

    /// An earlier daemon was told that this phase is over, and did not come to its end.
    pub(in crate::decide) fn take_up_ending(&mut self, now: Now, known: KnownEnding) {
        let said = format!("an operator said that it is over ({})", utc(known.since));
        let current = self.progress.current();
        let current = current.filter(|(_, phase)| phase.id == known.phase);
        let Some((at, _)) = current.filter(|_| !stands_still(self.paused.as_deref())) else {
            let now_is = match (
                stands_still(self.paused.as_deref()),
                self.progress.in_words(),
            ) {
                (true, _) => "the rig is not to run here".to_owned(),
                (false, Some(at)) => format!("the plan is {at}"),
                (false, None) => "the rig has no plan".to_owned(),
            };
            let text = format!(
                "phase {} is not wound up any more: {said}, and the supervisor that heard it is gone; \
                 now {now_is}",
                known.phase
            );
            self.ledger.add(Fact::Ending(None));
            return self.tell_goes_on(now, Level::Warning, known.phase, text);
        };
        // While the rig is paused nobody has to come to a safe point.
        let most = self.progress.plan.quiesce;
        let left = match self.paused {
            Some(_) => Duration::ZERO,
            None => most.saturating_sub(known.age(now, &self.machine.boot)),
        };
        let next = match left.is_zero() {
            true => "the plan goes on as soon as it is known what runs".to_owned(),
            false => format!(
                "whom the end stops comes to a safe point first, within {}",
                in_words(left)
            ),
        };
        let text = format!(
            "phase {} is wound up still: {said}, and the supervisor that heard it is gone; {next}",
            known.phase
        );
        self.ending = Some(Ending::begun(
            known,
            at + 1,
            SetBy::Operator,
            now.mono + left,
        ));
        self.tell(now, "phase-ending", Level::Info, None, text);
    }

    /// Somebody has said something else of the plan: nobody is stopped for the end of this phase any more.
    pub(in crate::decide) fn give_up_ending(&mut self, now: Now, why: &str) {
        self.refuse_who_waits(why);
        let Some(ending) = self.ending.take() else {
            return;
        };
        if ending.by == SetBy::Operator {
            self.ledger.add(Fact::Ending(None));
            let phase = ending.known.phase;
            let text =
                format!("phase {phase} was said to be over, and is not wound up any more: {why}");
            self.tell_goes_on(now, Level::Info, phase, text);
        }
    }

    /// The supervisor ends: the next one looks for itself, or goes on with what an operator said.
    pub(in crate::decide) fn leave_ending(&mut self, now: Now) {
        let asked = self.ending.as_mut().and_then(|ending| ending.asked.take());
        let Some(fact) = self.ending.as_ref().and_then(Ending::fact) else {
            return self.give_up_ending(now, "the supervisor ends");
        };
        let Some((id, _)) = asked else { return };
        let (phase, unrecorded) = (self.phase_in_words(), self.unrecorded(&fact));
        let message = match unrecorded {
            None => {
                format!("the supervisor ends before {phase} does; the next one goes on with it")
            }
            Some(but) => format!("the supervisor ends before {phase} does; {but}"),
        };
        let hint = "`supervisorctl status` and `supervisorctl history` show what becomes of it";
        self.refuse(id, &message, Some(hint));
    }

    /// That the next daemon may not know what was said of this end, if so.
    pub(super) fn ending_unrecorded(&self) -> Option<String> {
        let fact = self.ending.as_ref().and_then(Ending::fact)?;
        self.unrecorded(&fact)
    }

    fn unrecorded(&self, fact: &Fact) -> Option<String> {
        self.ledger.holds(fact).then(|| {
            let why = self.ledger.refused();
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            format!("this is not recorded yet{why}: a daemon started before it is will not end it")
        })
    }

    /// Of a phase that was being wound up, wherever the plan stands by now.
    pub(super) fn tell_goes_on(&mut self, now: Now, level: Level, phase: PhaseId, text: String) {
        self.announce(Notice {
            at: now.wall,
            event: "phase-goes-on".into(),
            level,
            worker: None,
            attempt: None,
            phase: Some(phase),
            text,
        });
    }
}
