//! What agents are told by themselves: at a start, after a crash, after a reboot, when another phase began.
//!
//! # Promise
//!
//! What an agent is to be told is recorded with the decision that makes it so, and is owed until it is
//! begun to be typed: a daemon that is killed before leaves it to the next one, and one that is killed
//! meanwhile leaves it to be submitted, or undecided, and it is not typed again. Where its terminal was lost before it was
//! submitted, it is owed still. Nothing owed is dropped without a word.
//!
//! # How
//!
//! With an attempt it is decided what that is owed: of what applies and has a template, the most important
//! ([`Occasion`]). One that ends before it was told leaves its debt to the next. So a crash right after a
//! reboot takes the announcement of that to the attempt that follows, and not its own.
//!
//! Each attempt has with its debt the phase that it knows. In another phase, who was not started anew for
//! it (`on_phase = "keep"`) is owed that one, however often it changed meanwhile; so is who is found alive
//! by a daemon that begins. Whatever is told has the present phase in it, so it pays for that as well.
//!
//! A debt becomes one of the [texts](super::nudge) that wait for their agent. It waits as long as its
//! attempt runs, before those of people that wait as well. What it says is made (`words`) at the moment at
//! which it is begun.

mod words;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Fact, KnownAttempt, Level, Rig,
    life::{Attempt, Cause, End, Life, Look},
    nudge::Nudging,
    worker::Worker,
};
use crate::{
    config::{Occasion, OnPhase},
    model::{AttemptRef, BootId, Exit, Now, PhaseId},
};

/// Who has just been started is soon ready: for so long it is looked at often.
pub(super) const SOON_READY: Duration = Duration::from_secs(60);

/// What an agent is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owed {
    /// To begin.
    Start,
    /// That the attempt before ended by itself, or was stopped as failed.
    Crash {
        /// How, in words.
        exit: String,
    },
    /// That another phase began.
    Phase {
        /// The one that it knows.
        previous: PhaseId,
    },
    /// That the machine was rebooted.
    Reboot,
}

/// What the agent of an attempt was not told yet, and what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Debt {
    /// What it is to be told.
    pub owed: Option<Owed>,
    /// The phase that it was told of last; `None` where nobody knows, or there was none.
    pub knows: Option<PhaseId>,
}

/// What the last attempt leaves to what the next one is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Past {
    of: AttemptRef,
    this_boot: bool,
    debt: Debt,
    /// How it ended, where it did so by itself or was stopped as failed.
    crash: Option<String>,
}

impl Owed {
    pub(super) fn occasion(&self) -> Occasion {
        match self {
            Self::Start => Occasion::Start,
            Self::Crash { .. } => Occasion::Crash,
            Self::Phase { .. } => Occasion::Phase,
            Self::Reboot => Occasion::Reboot,
        }
    }
}

impl fmt::Display for Owed {
    /// Reads on after "was told of".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "its start",
            Self::Crash { .. } => "how it ended before",
            Self::Phase { .. } => "the phase",
            Self::Reboot => "the reboot",
        })
    }
}

impl Past {
    /// Of an attempt that has ended.
    pub(super) fn ended(attempt: &Attempt, end: &End, cause: &Cause) -> Self {
        let failed = match cause {
            Cause::OwnEnd => Some(None),
            Cause::Failed(why) => Some(Some(why.as_str())),
            Cause::Shortage(_) | Cause::Restart(_) | Cause::Stop(_) => None,
        };
        Self {
            of: attempt.of.clone(),
            this_boot: attempt.this_boot,
            debt: attempt.debt.clone(),
            crash: failed.and_then(|why| crash(&end.exit, why)),
        }
    }

    /// Of one that an earlier daemon has recorded.
    pub(super) fn recorded(known: &KnownAttempt, boot: &BootId) -> Self {
        let crash = match &known.ended {
            Some((exit, None)) => crash(exit, None),
            Some((exit, Some(why))) if known.failed => crash(exit, Some(why)),
            Some((_, Some(_))) | None => None,
        };
        Self {
            of: known.attempt.clone(),
            this_boot: known.boot == *boot,
            debt: known.debt.clone(),
            crash,
        }
    }
}

/// How it ended, in words; `None` of what never ran, and of what the machine took along.
fn crash(exit: &Exit, stopped: Option<&str>) -> Option<String> {
    let ran = !exit.never_ran() && exit.stopped_by_machine().is_none();
    let after = stopped.map_or(String::new(), |why| format!(", after a stop ({why})"));
    ran.then(|| format!("{exit}{after}"))
}

impl Rig {
    /// What a worker's next attempt is owed.
    pub(super) fn owed_at_start(&self, worker: &Worker) -> Option<Owed> {
        worker.rules.agent.as_ref()?;
        let past = worker.past.as_ref();
        let rebooted = |past: &&Past| !past.this_boot && self.last_boot.reboot.is_some();
        let all = [
            past.and_then(|past| past.debt.owed.clone()),
            Some(Owed::Start),
            past.and_then(|past| past.crash.clone())
                .map(|exit| Owed::Crash { exit }),
            past.and_then(|past| self.another_phase(&past.debt)),
            past.filter(rebooted).map(|_| Owed::Reboot),
        ];
        let has_words = |owed: &Owed| worker.rules.say.on(owed.occasion()).is_some();
        // Of two of a kind the later one, which is the newer.
        let told = all.into_iter().flatten().filter(has_words);
        told.max_by_key(Owed::occasion)
    }

    /// That the phase is another one than is known.
    fn another_phase(&self, debt: &Debt) -> Option<Owed> {
        let (_, phase) = self.progress.current()?;
        let previous = debt.knows.clone().filter(|knows| *knows != phase.id)?;
        Some(Owed::Phase { previous })
    }

    /// What is to be told to the agent of an attempt that runs.
    fn due(&self, worker: &Worker, attempt: &Attempt) -> Option<Owed> {
        worker.rules.agent.as_ref()?;
        let keeps = worker.rules.on_phase == OnPhase::Keep;
        let phase = self.another_phase(&attempt.debt).filter(|_| keeps);
        let has_words = |owed: &Owed| worker.rules.say.on(owed.occasion()).is_some();
        let all = [attempt.debt.owed.clone(), phase];
        let told = all.into_iter().flatten().filter(has_words);
        told.max_by_key(Owed::occasion)
    }

    /// What the agent of a worker that runs is to be told, and nobody has begun to type.
    pub(super) fn owed_now(&self, worker: &Worker) -> Option<Owed> {
        let Life::Running { attempt, .. } = &worker.life else {
            return None;
        };
        self.due(worker, attempt)
    }

    /// What is owed becomes texts that wait.
    pub(super) fn raise_debts(&mut self, now: Now) {
        if self.leaving.is_some() {
            return;
        }
        let mut raised = Vec::new();
        for worker in self.workers.values() {
            let Some(attempt) = worker.life.attempt() else {
                continue;
            };
            let waits = |nudge: &Nudging| nudge.is_own() && nudge.is_for(&attempt.of);
            if let Some(agent) = &worker.rules.agent
                && let Some(owed) = self.owed_now(worker)
                && !self.nudges.iter().any(waits)
            {
                raised.push((attempt.of.clone(), agent.clone(), owed));
            }
        }
        for (of, agent, owed) in raised {
            let nudge = Nudging::own(self.rng.u64(..), of.clone(), agent, owed, now.mono);
            self.nudges.insert(0, nudge);
            if let Some(worker) = self.workers.get_mut(&of.worker)
                && let Life::Running {
                    watching: Some(watching),
                    ..
                } = &mut worker.life
                && !watching.look.asked
            {
                watching.look = Look::at(now.mono);
            }
            self.watch(now, &of);
        }
    }

    /// What the agent of this attempt is to be told now, and the words for it. With that it is not owed
    /// any more: what is given is to be recorded with the beginning of it. `None`: it is owed nothing.
    pub(super) fn pay(&mut self, of: &AttemptRef) -> Option<(Owed, Result<String, String>, Fact)> {
        let worker = self.workers.get(&of.worker)?;
        let attempt = worker.life.attempt().filter(|attempt| attempt.of == *of)?;
        let owed = self.due(worker, attempt)?;
        let words = self.words(worker, &owed);
        let phase = self.progress.current().map(|(_, phase)| phase.id.clone());
        let knows = phase.or_else(|| attempt.debt.knows.clone());
        let paid = self.owes(of, Debt { owed: None, knows })?;
        Some((owed, words, paid))
    }

    /// It was not told after all, so it is owed again: to that attempt, or to the one that follows on it.
    /// `false`: another one runs already, which was told something of its own.
    pub(super) fn owe_again(&mut self, of: &AttemptRef, owed: Owed) -> bool {
        let Some(worker) = self.workers.get_mut(&of.worker) else {
            // It is not declared any more.
            return true;
        };
        if let Some(past) = worker.past.as_mut().filter(|past| past.of == *of)
            && worker
                .life
                .attempt()
                .is_none_or(|attempt| attempt.of != *of)
        {
            past.debt.owed = more_important(past.debt.owed.take(), owed.clone());
            let debt = past.debt.clone();
            let attempt = of.clone();
            self.ledger.add(Fact::Owes { attempt, debt });
        }
        let worker = self.workers.get(&of.worker);
        let Some(attempt) = worker.and_then(|worker| worker.life.attempt()) else {
            return self.leave_owed(of, owed);
        };
        let (present, debt) = (attempt.of.clone(), attempt.debt.clone());
        if present != *of && debt.owed.is_none() && owed != Owed::Reboot {
            return false;
        }
        let owed = more_important(debt.owed, owed);
        if let Some(fact) = self.owes(&present, Debt { owed, ..debt }) {
            self.ledger.add(fact);
        }
        true
    }

    /// The same where none lives: one that has ended since then leaves it to the next one.
    fn leave_owed(&mut self, of: &AttemptRef, owed: Owed) -> bool {
        let worker = self.workers.get_mut(&of.worker);
        let past = worker.and_then(|worker| worker.past.as_mut());
        let Some(past) = past.filter(|past| past.of != *of) else {
            return true;
        };
        if past.debt.owed.is_none() && owed != Owed::Reboot {
            return false;
        }
        past.debt.owed = more_important(past.debt.owed.take(), owed);
        let (attempt, debt) = (past.of.clone(), past.debt.clone());
        self.ledger.add(Fact::Owes { attempt, debt });
        true
    }

    /// An attempt owes that from now on; gives what is to be recorded.
    fn owes(&mut self, of: &AttemptRef, debt: Debt) -> Option<Fact> {
        let worker = self.workers.get_mut(&of.worker)?;
        let attempt = worker.life.attempt_mut()?;
        let before = std::mem::replace(&mut attempt.debt, debt.clone());
        let fact = |debt| Fact::Owes {
            attempt: of.clone(),
            debt,
        };
        // What waits for a full disk has come to nothing by now.
        self.ledger.withdraw(&fact(before));
        Some(fact(debt))
    }

    /// What was to be told cannot be.
    pub(super) fn tell_not_told(&mut self, now: Now, of: &AttemptRef, owed: &Owed, why: &str) {
        let worker = &of.worker;
        let text = format!(
            "{worker} was not told of {owed}: {why}; `supervisorctl nudge {worker} TEXT` tells it"
        );
        self.tell(now, "worker-not-told", Level::Warning, Some(of), text);
    }
}

fn more_important(one: Option<Owed>, other: Owed) -> Option<Owed> {
    let both = one.into_iter().chain([other]);
    both.max_by_key(Owed::occasion)
}
