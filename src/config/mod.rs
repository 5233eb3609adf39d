//! The rig as its operator declared it: one TOML file in, one checked [`Config`] out.
//!
//! Promise: a [`Config`] that exists can be run. Everything that can be known to be wrong without
//! starting anything was reported by [`load`], all at once, with the place in the file.
//!
//! How: `parse` turns text into spanned raw values and collects complaints, `check` looks across
//! them and at the machine (programs, directories), `diff` tells what a reload has to touch.

mod destination;
mod plan;
mod proxy;
mod worker;

pub use destination::{Destination, DestinationError, Hosts};
pub use plan::{Condition, Phase, Plan, Resume};
pub use proxy::{Auth, Builtin, Tailscale};
pub use worker::{
    Alive, Backoff, Budget, Command, OnPhase, Probe, Program, Ready, Restart, Stop, Worker,
};

use std::collections::BTreeMap;

use crate::model::WorkerName;

/// A whole, checked rig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What this rig is called in messages and session names; the host's name by default.
    pub rig: String,
    /// Run for things an operator should hear of (a reboot, a worker that is held); the text
    /// comes on standard input and as `$LOOPKEEPER_NOTICE`.
    pub notify: Option<Command>,
    /// The ordered phases; may be empty.
    pub plan: Plan,
    /// All rows that have a process: the declared workers and, under its own name, the proxy.
    pub workers: BTreeMap<WorkerName, Worker>,
}
