//! One look at a worker in its terminal: at what, and what it found.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{profile::Profile, screen::Fingerprint, sighting::Sighting};

/// What of a worker in its terminal is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sights {
    /// What runs there.
    pub agent: Arc<Profile>,
    /// The checkout that it works in.
    pub worktree: Option<PathBuf>,
    /// The file that it touches.
    pub heartbeat: Option<PathBuf>,
}

/// What was there at one moment. What could not be looked at is missing, and speaks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signs {
    /// What its screen says.
    pub sighting: Sighting,
    /// The screen, without what moves by itself.
    pub picture: Fingerprint,
    /// The columns and rows of the terminal.
    pub size: (u16, u16),
    /// How long ago somebody who is attached pressed a key there; `None` while nobody is.
    pub attended: Option<Duration>,
    /// When the processes were looked at, in clock ticks since the boot.
    pub taken: u64,
    /// The processes that it has started and that live. Of its own, and of the agent's, which turns a
    /// spinner while it hangs, there is only what they have waited for.
    pub children: Vec<Child>,
    /// When the history of its worktree was last written.
    pub committed: Trace,
    /// When its heartbeat file was last touched.
    pub heartbeat: Trace,
    /// The id of its conversation, where the screen shows it.
    pub session: Option<String>,
    /// How many turns its conversation has had, where the screen says it.
    pub turns: Option<u64>,
    /// What its conversation has cost, in cents, where the screen says it.
    pub cost: Option<u64>,
}

/// What a file says by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trace {
    /// It was not looked at, or could not be.
    #[default]
    Unseen,
    /// There is none.
    Absent,
    /// When it was last changed.
    At(Timestamp),
}

impl Trace {
    /// Somebody has changed it since `before`, or made it.
    pub fn is_newer_than(self, before: Self) -> bool {
        match (before, self) {
            (Self::Absent, Self::At(_)) => true,
            (Self::At(before), Self::At(after)) => after > before,
            (Self::Unseen, _) | (_, Self::Unseen | Self::Absent) => false,
        }
    }

    /// What is known of it: a look that saw nothing takes nothing away.
    pub fn or(self, before: Self) -> Self {
        match self {
            Self::Unseen => before,
            Self::Absent | Self::At(_) => self,
        }
    }
}

/// A process that a worker has started.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Child {
    /// Its pid.
    pub pid: i32,
    /// Its start, in clock ticks since the boot, which tells it from others of the same pid.
    pub start: u64,
    /// Its name, as the kernel has it.
    pub name: String,
    /// The time that it has computed, with that of its own children that it has waited for.
    pub cpu: Duration,
}
