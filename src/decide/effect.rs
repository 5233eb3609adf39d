//! What the core asks for.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    AskId, Asker, CheckoutOf, Fact, Gate, MakingId, Notice, NudgeId, Nudged, RequestId, Settle,
};
use crate::{
    agent::{
        profile::Profile,
        signs::Sights,
        typed::{Digest, Permission},
    },
    config::{Condition, Probe, Worker},
    model::{AttemptRef, GateName, Identity, ItemName, PhaseId, Signal, WorkerName},
};

/// Something to be done, in the order given. All facts of a turn come before what rests on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Record these in one transaction; answered by [`Event::Recorded`](super::Event::Recorded).
    Record(Vec<Fact>),
    /// Ask the host for every attempt it has.
    Survey,
    /// Ask the host for this one.
    Inquire(AttemptRef),
    /// Start an attempt.
    Start {
        /// Its name.
        attempt: AttemptRef,
        /// What to run.
        worker: Box<Worker>,
        /// Behind those of its command.
        arguments: Vec<String>,
        /// The phase it is told.
        phase: Option<Told>,
    },
    /// Make the worktree of a worker, or put it right, as the worker's user. Where that was mounted on which it
    /// was last seen, if that is known, says when it is to be waited for. Answered by
    /// [`Event::WorktreeMade`](super::Event::WorktreeMade).
    MakeWorktree(MakingId, Box<Worker>, Option<PathBuf>),
    /// Watch an attempt that an earlier daemon started.
    Adopt(AttemptRef, Identity),
    /// Signal the whole tree of an attempt, and tell when nothing of it lives.
    Signal(AttemptRef, Signal),
    /// Everything about this attempt is recorded; its directory may go when its time comes.
    Conclude(AttemptRef),
    /// Look whether it is ready, or still well.
    Probe(AttemptRef, Probe),
    /// Look at the terminal of an attempt, and at what it leaves behind.
    Watch(AttemptRef, Sights),
    /// Type a text into the terminal of an attempt, and look whether it is taken; answered by
    /// [`Event::Typed`](super::Event::Typed).
    Type {
        /// Which text.
        nudge: NudgeId,
        /// Into which attempt.
        attempt: AttemptRef,
        /// What runs there.
        agent: Arc<Profile>,
        /// What is typed.
        text: String,
        /// The file of the worker's inbox that has to have this text still.
        item: Option<ItemName>,
        /// What may be typed over.
        permission: Permission,
    },
    /// Submit what an earlier daemon left on the input line of an attempt, if it is wholly that, and look
    /// whether it is taken; nothing is typed. Answered by [`Event::Typed`](super::Event::Typed).
    Submit {
        /// Which text.
        nudge: NudgeId,
        /// Of which attempt.
        attempt: AttemptRef,
        /// What runs there.
        agent: Arc<Profile>,
        /// By what the text is known again.
        digest: Digest,
        /// Nobody who is attached has pressed a key for as long as this.
        undisturbed: Duration,
    },
    /// Move a file out of an inbox; answered by [`Event::Settled`](super::Event::Settled).
    Settle {
        /// Whose inbox.
        worker: WorkerName,
        /// Which file.
        item: ItemName,
        /// Where to.
        how: Settle,
        /// When an earlier daemon began to type it, which may have moved it.
        begun: Option<Timestamp>,
    },
    /// Write where a gate stands, in the place of what its file says; answered by
    /// [`Event::HandoffWritten`](super::Event::HandoffWritten).
    WriteHandoff(Box<Gate>),
    /// Take the file of a gate away; answered by [`Event::HandoffWritten`](super::Event::HandoffWritten).
    DropHandoff(GateName),
    /// Read the file of a gate that could not be read before; answered by
    /// [`Event::HandoffRead`](super::Event::HandoffRead).
    ReadHandoff(GateName),
    /// Leave a text in the inbox of a worker, unless it was left there before; answered by
    /// [`Event::HandoffTold`](super::Event::HandoffTold).
    TellHandoff {
        /// Of which gate.
        gate: GateName,
        /// In whose inbox.
        worker: WorkerName,
        /// As which file.
        item: ItemName,
        /// What is in it.
        text: String,
    },
    /// Take what still waits of a gate out of the inbox of a worker; nobody hears how that went.
    RevokeHandoff {
        /// Of which gate.
        gate: GateName,
        /// Out of whose inbox.
        worker: WorkerName,
        /// What stays there.
        but: Vec<ItemName>,
    },
    /// Answer a request about a gate, and take it away; answered by
    /// [`Event::AskAnswered`](super::Event::AskAnswered).
    AnswerAsk {
        /// Who asked.
        by: Asker,
        /// Which request.
        id: AskId,
        /// What was done, or why it was not.
        answer: Result<String, Refusal>,
    },
    /// Look whether what is in these files is still what the attempt was handed; told once for each
    /// change, by [`Event::SecretsDiffer`](super::Event::SecretsDiffer).
    CompareSecrets(AttemptRef, BTreeMap<String, PathBuf>),
    /// Signal an attempt's own process and nobody else.
    Reload(AttemptRef, Identity, Signal),
    /// Look whether this phase is over.
    CheckPhase(PhaseId, Condition),
    /// Look whether anything is half-done in the checkout that a worker works in, or did, and which was on
    /// the file system that is mounted there, where that is known; answered by
    /// [`Event::Checkout`](super::Event::Checkout).
    LookAtCheckout(CheckoutOf, PathBuf, Option<PathBuf>),
    /// Say it in the journal and to those who follow events.
    Tell(Notice),
    /// Run the operator's notification command for this.
    Notify(Notice),
    /// Answer a person.
    Answer(RequestId, Answer),
    /// The rig is up.
    Ready,
    /// The daemon may end.
    Exit,
}

/// The phase as a worker is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Told {
    /// Its place, 0 for the first.
    pub index: usize,
    /// Its id.
    pub id: PhaseId,
    /// The file to read.
    pub brief: Option<PathBuf>,
}

/// The answer to a command.
pub type Answer = Result<Said, Refusal>;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Said {
    /// In words, a line for each thing.
    Words(String),
    /// A text was typed.
    Nudged(Nudged),
}

impl From<String> for Said {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Nudged(nudged) => nudged.fmt(f),
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// What kind of no it is.
    pub kind: RefusalKind,
    /// The reason.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
    /// What is on the screen of the worker that it is about, where that is why.
    pub screen: Option<String>,
}

/// What kind of no it is; the exit codes of `supervisorctl` rest on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// It was tried and failed, or cannot be done as things stand.
    Failed,
    /// There is no such worker or phase.
    Unknown,
}
