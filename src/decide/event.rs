//! What the core is told: by hosts, by the store, by the operator.

use super::Notice;
use crate::{
    agent::signs::Signs,
    config::Config,
    model::{AttemptRef, Found, HostEvent, PhaseId, WorkerName},
};

/// Something that happened. Events may come late, twice or in another order than they happened;
/// one that no longer fits is without effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// The host's answer to [`Effect::Survey`](super::Effect::Survey).
    Surveyed(Result<Vec<Found>, String>),
    /// The host's answer to [`Effect::Inquire`](super::Effect::Inquire).
    Found(Found),
    /// The host speaks.
    Host(HostEvent),
    /// A probe came back.
    Probed(AttemptRef, Looked),
    /// What was seen in the terminal of an attempt and around it, or why nothing; answers
    /// [`Effect::Watch`](super::Effect::Watch).
    Watched(AttemptRef, Result<Box<Signs>, String>),
    /// The end condition of this phase was looked at: over, not over, or it could not be looked at.
    PhaseChecked(PhaseId, Result<bool, String>),
    /// A file that an end condition names may have changed.
    PhaseMayBeOver,
    /// Something happened to what workers need of the machine, or on the way to it: the files of
    /// secrets, directories, programs.
    NeedsMayDiffer,
    /// This attempt was handed other secrets than are in the files now; answers
    /// [`Effect::CompareSecrets`](super::Effect::CompareSecrets).
    SecretsDiffer(AttemptRef),
    /// Somebody edited `phase-idx`.
    PhaseFile(PhaseRef),
    /// The oldest unanswered [`Effect::Record`](super::Effect::Record) is done, or failed.
    Recorded(Result<(), String>),
    /// Something to be told and kept that is no business of the core.
    Notice(Notice),
    /// A person asks.
    Command(RequestId, Command),
    /// The daemon was asked to end.
    Leave(Leave),
    /// A deadline passed; harmless when none did.
    Wake,
}

/// What a look at an attempt, by its probe, says of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Looked {
    /// It is well.
    Well,
    /// It is not, and why.
    Failed(String),
    /// Nothing, and why: the probe itself could not be run.
    Unable(String),
}

impl Looked {
    /// Why it is not known to be well, unless it is.
    pub(super) fn why(&self) -> Option<&str> {
        match self {
            Self::Well => None,
            Self::Failed(why) | Self::Unable(why) => Some(why),
        }
    }
}

/// Tells answers apart; given by the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a person may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Run these, also when they are held or were stopped.
    Start(Vec<WorkerName>),
    /// Do not run these until they are started again.
    Stop(Vec<WorkerName>),
    /// A new attempt of each.
    Restart(Vec<WorkerName>),
    /// No loop runs and the plan stands still.
    Pause,
    /// The end of a pause; with a phase, from there.
    Resume(Option<PhaseRef>),
    /// Move the resume point.
    PhaseSet(PhaseRef),
    /// The current phase is over.
    PhaseDone,
    /// Another configuration, already checked.
    Reload(Box<Config>),
}

/// A phase as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PhaseRef {
    /// By its place, 0 for the first. The number of phases is the end of the plan, in `phase-idx`
    /// only.
    Index(usize),
    /// By its id.
    Id(PhaseId),
}

/// How the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leave {
    /// Workers go on; the next daemon takes them over.
    WorkersGoOn,
    /// Workers are stopped first, and are run again by the next daemon.
    StopWorkers,
}
