//! What the core is told: by hosts, by the store, by the operator.

use std::time::Duration;

use super::{
    AskId, Asker, CheckoutOf, Gate, Lies, Lying, MakingId, Moved, Notice, NudgeId, Prepared,
};
use crate::{
    agent::{
        signs::Signs,
        typed::{By, Refusal},
    },
    config::Config,
    model::{AttemptRef, CutoverId, Found, GateName, HostEvent, ItemName, PhaseId, WorkerName},
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
    /// How it went with a text; answers [`Effect::Type`](super::Effect::Type).
    Typed(NudgeId, Typed),
    /// What lies in the inbox of a worker.
    Inbox(WorkerName, Lies),
    /// What became of a file of an inbox, or why it was not moved. Answers
    /// [`Effect::Settle`](super::Effect::Settle).
    Settled(WorkerName, ItemName, Result<Moved, String>),
    /// What this one asks of gates, oldest first: requests, or why one cannot be read.
    HandoffAsks(Asker, Vec<Lying>),
    /// A request was answered and taken away, or why not; answers
    /// [`Effect::AnswerAsk`](super::Effect::AnswerAsk).
    AskAnswered(Asker, AskId, Result<(), String>),
    /// The file of a gate was written, or taken away, or why not; answers
    /// [`Effect::WriteHandoff`](super::Effect::WriteHandoff) and
    /// [`Effect::DropHandoff`](super::Effect::DropHandoff).
    HandoffWritten(GateName, Result<(), String>),
    /// What the file of a gate says, if there is one, or why it cannot be read; answers
    /// [`Effect::ReadHandoff`](super::Effect::ReadHandoff).
    HandoffRead(GateName, Result<Option<Box<Gate>>, String>),
    /// A text is in an inbox, or was there before, or why it is not; answers
    /// [`Effect::TellHandoff`](super::Effect::TellHandoff).
    HandoffTold(GateName, ItemName, Result<(), String>),
    /// Whoever asked for this has hung up. Said of every text that was asked for, also of one that is
    /// answered.
    HungUp(RequestId),
    /// The end condition of this phase was looked at: over, not over, or it could not be looked at.
    PhaseChecked(PhaseId, Result<bool, String>),
    /// What was done to a worktree, or why it cannot be worked in; answers
    /// [`Effect::MakeWorktree`](super::Effect::MakeWorktree).
    WorktreeMade(MakingId, Result<Prepared, String>),
    /// What is half-done in a checkout, or why nobody can tell; answers
    /// [`Effect::LookAtCheckout`](super::Effect::LookAtCheckout).
    Checkout(CheckoutOf, Result<Vec<String>, String>),
    /// A file that an end condition names may have changed.
    PhaseMayBeOver,
    /// Something happened to what workers need of the machine, or on the way to it: the files of
    /// secrets, directories, programs.
    NeedsMayDiffer,
    /// A host that did not answer may do so now, or the other way round.
    ReachMayDiffer,
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

/// How it went with a text for the terminal of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Typed {
    /// It was taken.
    Taken(By),
    /// It was typed and submitted; whether it was taken, the screen does not say.
    Undecided,
    /// Nothing was typed.
    Refused {
        /// Why.
        why: Refusal,
        /// What is on the screen.
        screen: String,
    },
    /// Nothing was typed: nobody could look, or it is not wanted any more.
    Nothing {
        /// Why.
        why: String,
    },
    /// It is not known to have been taken.
    Failed {
        /// Why, and how far it went.
        why: String,
        /// What is on the screen, where that could be seen.
        screen: Option<String>,
        /// It was submitted, and may have been taken.
        submitted: bool,
    },
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
    /// The rig is paused, and another machine runs it from now on, by the cutover of this id.
    HandOver(CutoverId),
    /// A rig that was handed over is run here again; it stays paused.
    TakeBack,
    /// The next start of this agent begins a new conversation.
    Forget(WorkerName),
    /// A text for the terminal of an agent.
    Nudge(Nudge),
}

/// A text for the terminal of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nudge {
    /// Whose terminal.
    pub worker: WorkerName,
    /// What is typed, already checked.
    pub text: String,
    /// For what it waits.
    pub when: When,
    /// How long it waits for its turn, and for its agent.
    pub within: Duration,
}

/// When a text is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// When the agent is at its input line and does nothing.
    Idle,
    /// At once, also while it works.
    Now,
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
