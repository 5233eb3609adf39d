//! Where a worker's life may stand, and what belongs to each stretch of it.

use jiff::Timestamp;

use super::{Debt, KnownSign, Level, Looked, Stopping, watch::Watching};
use crate::{
    config::Worktree,
    model::{AttemptRef, Exit, HostName, Identity, Mono, PhaseId, StateName},
};

/// Where a worker's life stands. What lives carries its attempt; what does not live has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Life {
    /// Should run, and cannot yet; the text says for what it waits.
    Waiting(String),
    BackingOff {
        until: Mono,
        why: String,
    },
    Stopped(Stopped),
    Held(String),
    Starting {
        attempt: Attempt,
        /// The host has said that it runs.
        started: bool,
        /// When the host is asked what became of it, or when it should have been ready.
        deadline: Mono,
        /// The next look at its readiness; `None` where there is nothing to look at.
        look: Option<Look>,
        /// What the last look said.
        last: Looked,
    },
    Running {
        attempt: Attempt,
        ready_at: Mono,
        health: Health,
        /// What the looks at its terminal came to; `None` of one that is no agent.
        watching: Option<Box<Watching>>,
    },
    Stopping {
        attempt: Attempt,
        /// How its own process ended, once it has.
        end: Option<End>,
        cause: Cause,
        /// It had been ready for the healthy time.
        healthy: bool,
        /// How hard it was asked so far.
        step: Step,
        /// When it is asked harder.
        next: Mono,
    },
    /// The host cannot say whether it lives.
    Lost {
        attempt: Attempt,
        why: String,
        ask: Mono,
        /// It had become ready, then.
        ready_at: Option<Mono>,
    },
}

/// An attempt, with what it was started from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub(super) of: AttemptRef,
    pub(super) phase: Option<PhaseId>,
    pub(super) definition: u64,
    pub(super) worktree: Option<Worktree>,
    /// On which other host it is, where it is on one.
    pub(super) on: Option<HostName>,
    pub(super) identity: Option<Identity>,
    /// An earlier daemon started it.
    pub(super) adopted: bool,
    /// Its host tells of it unasked.
    pub(super) watched: bool,
    /// The store knows that it was decided.
    pub(super) recorded: bool,
    /// It is known to belong to this boot; an end of another one does not count.
    pub(super) this_boot: bool,
    /// The stop that an earlier daemon began.
    pub(super) stopping: Option<Stopping>,
    /// What its agent was not told yet.
    pub(super) debt: Debt,
    /// What is recorded of its last sign of work.
    pub(super) sign: Option<KnownSign>,
}

/// The end of an attempt's own process, as it is recorded once nothing of its tree lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) exit: Exit,
    /// When it was seen.
    pub(super) at: Timestamp,
    /// Who stopped it; `None` when it ended by itself.
    pub(super) stopped: Option<String>,
    /// No daemon saw it: it was found afterwards.
    pub(super) unseen: bool,
    /// What is told of it together with its record, so that it is told once.
    pub(super) news: Option<(Level, String)>,
}

/// What the watchdog saw of a running worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Health {
    /// The next look; `None` where there is nothing to look at.
    pub(super) look: Option<Look>,
    /// Looks in a row that failed.
    pub(super) failures: u32,
    /// What the last look said, and when.
    pub(super) last: Option<(Mono, Looked)>,
}

/// When somebody looks next, or, once asked, by when an answer should have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Look {
    pub(super) at: Mono,
    pub(super) asked: bool,
}

impl Look {
    pub(super) fn at(at: Mono) -> Self {
        Self { at, asked: false }
    }

    pub(super) fn asked_until(at: Mono) -> Self {
        Self { at, asked: true }
    }
}

/// How hard an attempt was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Not at all: its own process ended, and the rest of its tree may do so too.
    Left,
    /// By the worker's stop signal.
    Asked,
    /// By SIGKILL, so many times.
    Killed(u32),
}

/// Why an attempt is being stopped, or that it ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    OwnEnd,
    /// It was not ready in time, or no longer well: counts as a failure.
    Failed(String),
    /// There was not enough of something to start it: tried again later, and not held against it.
    Shortage(String),
    /// A new attempt follows at once.
    Restart(String),
    Stop(Stopped),
}

/// Why a worker does not run and should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stopped {
    Operator,
    /// The operator, past us.
    Systemctl,
    Paused,
    PlanComplete,
    /// The current phase is not one of its own.
    Phase,
    /// The current phase is being wound up.
    PhaseOver,
    /// It ended, and its restart policy is content.
    Finished,
    /// The daemon leaves and takes its workers along.
    Leaving,
    Removed,
    /// The plan is astray: nobody knows which phase it is.
    Astray,
    /// It has spent what it may in a day.
    Spent,
    /// Its rounds came to nothing.
    Breaker,
}

impl Stopped {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "stopped by the operator",
            Self::Systemctl => "stopped by the operator with systemctl",
            Self::Paused => "the rig is paused",
            Self::PlanComplete => "the plan is complete",
            Self::Phase => "not part of this phase",
            Self::PhaseOver => "its phase is over",
            Self::Finished => "finished",
            Self::Leaving => "the supervisor is shutting down",
            Self::Removed => "removed from the configuration",
            Self::Astray => "the resume point is not in the plan",
            Self::Spent => "spent its budget of the day",
            Self::Breaker => "its rounds came to nothing",
        }
    }
}

impl Attempt {
    /// Why it ended, if nobody stopped it since this daemon began.
    pub(super) fn cause_of_end(&self) -> Cause {
        match &self.stopping {
            _ if !self.this_boot => Cause::Restart("its end was not seen".into()),
            Some(stopping) => Cause::of(stopping.clone()),
            None => Cause::OwnEnd,
        }
    }
}

impl Cause {
    /// A stop that an earlier daemon began.
    pub(super) fn of(stopping: Stopping) -> Self {
        if stopping.failed {
            Self::Failed(stopping.why)
        } else {
            Self::Restart(stopping.why)
        }
    }

    /// Who ended it, for the record; `None` when it ended by itself.
    pub(super) fn stopped_by(&self) -> Option<String> {
        match self {
            Self::OwnEnd => None,
            Self::Failed(why) | Self::Shortage(why) | Self::Restart(why) => Some(why.clone()),
            Self::Stop(why) => Some(why.as_str().to_owned()),
        }
    }
}

impl Life {
    pub(super) fn state(&self) -> StateName {
        match self {
            Self::Waiting(_) => StateName::Waiting,
            Self::BackingOff { .. } => StateName::BackingOff,
            // It waits for the operator, or for its time.
            Self::Stopped(Stopped::Spent | Stopped::Breaker) | Self::Held(_) => StateName::Held,
            Self::Stopped(_) => StateName::Stopped,
            Self::Starting { .. } => StateName::Starting,
            Self::Running { .. } => StateName::Running,
            Self::Stopping { .. } => StateName::Stopping,
            Self::Lost { .. } => StateName::Lost,
        }
    }

    /// The attempt that lives, or may live.
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Waiting(_) | Self::BackingOff { .. } | Self::Stopped(_) | Self::Held(_) => None,
            Self::Starting { attempt, .. }
            | Self::Running { attempt, .. }
            | Self::Stopping { attempt, .. }
            | Self::Lost { attempt, .. } => Some(attempt),
        }
    }

    pub(super) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self {
            Self::Waiting(_) | Self::BackingOff { .. } | Self::Stopped(_) | Self::Held(_) => None,
            Self::Starting { attempt, .. }
            | Self::Running { attempt, .. }
            | Self::Stopping { attempt, .. }
            | Self::Lost { attempt, .. } => Some(attempt),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        match self {
            Self::Waiting(_) | Self::Stopped(_) | Self::Held(_) => None,
            Self::BackingOff { until, .. } => Some(*until),
            Self::Starting { deadline, look, .. } => {
                Some(look.map_or(*deadline, |look| look.at.min(*deadline)))
            }
            Self::Running {
                health, watching, ..
            } => {
                let looks = [health.look, watching.as_ref().map(|watching| watching.look)];
                looks.into_iter().flatten().map(|look| look.at).min()
            }
            Self::Stopping { next, .. } => Some(*next),
            Self::Lost { ask, .. } => Some(*ask),
        }
    }
}
