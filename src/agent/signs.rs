//! One look at a worker in its terminal: at what, and what it found.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;

use super::{screen::Fingerprint, sighting::Sighting};

/// What of a worker in its terminal is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sights {
    /// The profile of what runs there.
    pub agent: String,
    /// The checkout that it works in.
    pub worktree: Option<PathBuf>,
    /// The file that it touches.
    pub heartbeat: Option<PathBuf>,
}

/// What was there at one moment. What could not be looked at is `None` or missing, and speaks for
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signs {
    /// What its screen says.
    pub sighting: Sighting,
    /// The screen, without what moves by itself.
    pub picture: Fingerprint,
    /// When the processes were looked at, in clock ticks since the boot.
    pub taken: u64,
    /// The processes that it has started and that live. Of its own, and of the agent's, which turns a
    /// spinner while it hangs, there is only what they have waited for.
    pub children: Vec<Child>,
    /// When the history of its worktree was last written.
    pub committed: Option<Timestamp>,
    /// When its heartbeat file was last touched.
    pub heartbeat: Option<Timestamp>,
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
