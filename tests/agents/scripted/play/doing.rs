//! What the agent does at a moment.

use std::{
    io,
    process::Child,
    time::{Duration, Instant},
};

use crate::skin::Asked;

/// How often a piece of work is done.
const PIECE: Duration = Duration::from_millis(300);

/// What the agent does.
pub(super) enum Doing {
    /// The spinner turns.
    Working {
        work: Work,
        until: Instant,
        /// When it turns next.
        frame: Instant,
    },
    /// The spinner stands still.
    Stalled,
    /// So it does, and it takes nothing until it is interrupted.
    Hanging,
    /// It waits for an answer.
    Asking(Asked),
    /// It meets its limit with every text that comes before `until`.
    Limited { words: String, until: Instant },
    /// It waits for a text.
    Waiting,
    /// It waits for ever.
    Ended,
}

/// What happens while the spinner turns.
pub(super) enum Work {
    /// The transcript grows next at this time.
    Grow(Instant),
    /// Nothing.
    Repaint,
    /// Its provider fails.
    Retry,
    /// A child of it runs.
    Build(Child),
}

impl Doing {
    /// It is a part of a turn.
    pub(super) fn is_turn(&self) -> bool {
        matches!(
            self,
            Self::Working { .. } | Self::Stalled | Self::Hanging | Self::Asking(_)
        )
    }

    /// When something happens by itself.
    pub(super) fn until(&self) -> Option<Instant> {
        match self {
            Self::Working { until, frame, .. } => Some((*until).min(*frame)),
            Self::Stalled
            | Self::Hanging
            | Self::Asking(_)
            | Self::Limited { .. }
            | Self::Waiting
            | Self::Ended => None,
        }
    }
}

impl Work {
    /// Whether the transcript grows now.
    pub(super) fn yields(&mut self, now: Instant) -> bool {
        match self {
            Self::Grow(next) if *next <= now => {
                *next = now + PIECE;
                true
            }
            Self::Grow(_) | Self::Repaint | Self::Retry | Self::Build(_) => false,
        }
    }

    /// Whether it is done, when its time is over or not. A child is waited for.
    pub(super) fn is_over(&mut self, late: bool) -> io::Result<bool> {
        match self {
            Self::Build(child) => Ok(child.try_wait()?.is_some()),
            Self::Grow(_) | Self::Repaint | Self::Retry => Ok(late),
        }
    }
}
