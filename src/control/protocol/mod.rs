//! The words on the control socket. Additions are allowed, changes are not: a client ignores what
//! it does not know, a server refuses it, for a request must not be obeyed by half.

mod frame;
mod host;
mod view;

use serde::{Deserialize, Serialize};

pub(super) use frame::{Ask, Said, parse};
pub use host::{
    HostAttemptView, HostCheckView, HostStatusView, HostView, HostWorkerView, ReachView,
};
pub use view::{
    ConversationView, DiffView, EndingView, FarView, HandoffView, InboxView, LastReboot, NudgeView,
    PartView, PhaseRow, PhaseView, PlanView, RebootView, RebootsView, SpentView, StatusView,
    WaitedFor, WhereView, WorkerView,
};

use crate::{
    decide::{Notice, access::Access},
    model::{CutoverId, HostName, PhaseId, WorkerName},
};

/// Raised when an old client could misunderstand a new server, or the other way round.
pub const PROTOCOL: u32 = 1;

/// The server's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The daemon's version.
    pub loopkeeper: String,
    /// Its [`PROTOCOL`].
    pub protocol: u32,
    /// What this client may do.
    pub access: Access,
}

/// What can be asked. Requests for which [`Request::needed`] is [`Access::Steer`] change something.
///
/// Every variant has braces, also the empty ones: only then does serde look for fields that do not
/// belong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// [`StatusView`].
    Status {},
    /// Start workers that are stopped or held. [`Done`].
    Start {
        /// At least one.
        workers: Vec<WorkerName>,
    },
    /// Stop workers until they are started again. [`Done`].
    Stop {
        /// At least one.
        workers: Vec<WorkerName>,
    },
    /// Stop, if running, and start. [`Done`].
    Restart {
        /// At least one.
        workers: Vec<WorkerName>,
    },
    /// Stop the loops and keep the resume point. [`Done`].
    Pause {},
    /// End the pause, at the resume point or at this phase. [`Done`].
    Resume {
        /// The phase to go on at: its id or, where no phase has that id, its number from 1.
        #[serde(default)]
        phase: Option<PhaseId>,
    },
    /// The plan and where it is. [`PlanView`].
    PhaseShow {},
    /// Move the resume point. [`Done`].
    PhaseSet {
        /// To here: its id or, where no phase has that id, its number from 1.
        phase: PhaseId,
    },
    /// Say that the current phase is over. [`Done`].
    PhaseDone {},
    /// Boots seen, oldest first. Vec of [`RebootView`].
    Reboots {},
    /// What happened, oldest first. Vec of [`Notice`].
    History {
        /// At most so many, the latest ones.
        last: usize,
        /// Only of this worker.
        #[serde(default)]
        worker: Option<WorkerName>,
    },
    /// [`Notice`]s as a stream: the latest, and then, if followed, each as it happens.
    ///
    /// Once it follows, the connection is for the stream alone: whatever the client sends, or the
    /// end of its side, ends it.
    Events {
        /// At most so many of those that already happened.
        last: usize,
        /// Goes on until the client hangs up.
        follow: bool,
    },
    /// Read the configuration again. [`DiffView`].
    Reload {
        /// Only say what would change.
        dry_run: bool,
    },
    /// Where a worker's files and session are. [`WhereView`].
    Where {
        /// Whose.
        worker: WorkerName,
    },
    /// A paused rig is another machine's to run from now on. [`Done`].
    HandOver {
        /// The id of the cutover.
        cutover: CutoverId,
    },
    /// A rig that was handed over may be resumed here again. [`Done`].
    TakeBack {},
    /// Let the next start of an agent begin a new conversation. [`Done`].
    Forget {
        /// Whose.
        worker: WorkerName,
    },
    /// Type a text into the terminal of an agent. [`NudgeView`].
    ///
    /// While it waits for its answer, whatever the client sends, or the end of its side, takes the
    /// text back, unless it is being typed already; and ends the connection.
    Nudge {
        /// Whose.
        worker: WorkerName,
        /// At most 64 KiB, without control characters but line feeds and tabs.
        text: String,
        /// For what it waits.
        when: When,
        /// How long it waits for its turn, and for its agent, in seconds.
        within: u32,
    },
    /// The declared hosts, and what is known of each. Vec of [`HostView`].
    Hosts {},
    /// Ask hosts now whether they have what workers need. Vec of [`HostCheckView`].
    HostCheck {
        /// Which; none are all.
        hosts: Vec<HostName>,
    },
    /// What runs on hosts, and how they are. Vec of [`HostStatusView`].
    HostStatus {
        /// Which; none are all.
        hosts: Vec<HostName>,
    },
}

/// When a text is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// When the agent is at its input line and does nothing.
    Idle,
    /// At once, also while it works.
    Now,
}

impl Request {
    /// What a client must be allowed for this.
    pub fn needed(&self) -> Access {
        match self {
            Self::Status {}
            | Self::PhaseShow {}
            | Self::Reboots {}
            | Self::History { .. }
            | Self::Events { .. }
            | Self::Where { .. }
            | Self::Hosts {}
            | Self::HostCheck { .. }
            | Self::HostStatus { .. }
            | Self::Reload { dry_run: true } => Access::Read,
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Pause {}
            | Self::Resume { .. }
            | Self::PhaseSet { .. }
            | Self::PhaseDone {}
            | Self::Forget { .. }
            | Self::HandOver { .. }
            | Self::TakeBack {}
            | Self::Nudge { .. }
            | Self::Reload { dry_run: false } => Access::Steer,
        }
    }

    /// Whether a client that hangs up while it waits is noticed before it is answered.
    pub(super) fn needs_its_client(&self) -> bool {
        match self {
            Self::Events { follow, .. } => *follow,
            Self::Nudge { .. } => true,
            Self::Status {}
            | Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Pause {}
            | Self::Resume { .. }
            | Self::PhaseShow {}
            | Self::PhaseSet { .. }
            | Self::PhaseDone {}
            | Self::Forget { .. }
            | Self::HandOver { .. }
            | Self::TakeBack {}
            | Self::Reboots {}
            | Self::History { .. }
            | Self::Reload { .. }
            | Self::Where { .. }
            | Self::Hosts {}
            | Self::HostCheck { .. }
            | Self::HostStatus { .. } => false,
        }
    }
}

/// What can be answered: the `ok` of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Box<StatusView>),
    /// To everything that changes something.
    Done(Done),
    /// To [`Request::PhaseShow`].
    Plan(PlanView),
    /// To [`Request::Reboots`].
    Reboots(Vec<RebootView>),
    /// To [`Request::History`].
    History(Vec<Notice>),
    /// To [`Request::Reload`].
    Diff(DiffView),
    /// To [`Request::Where`].
    Where(WhereView),
    /// To [`Request::Nudge`].
    Nudged(NudgeView),
    /// To [`Request::Hosts`].
    Hosts(Vec<HostView>),
    /// To [`Request::HostCheck`].
    HostChecks(Vec<HostCheckView>),
    /// To [`Request::HostStatus`].
    HostStatus(Vec<HostStatusView>),
    /// The end of a stream that was not followed.
    End {},
}

/// The message of a [`Refusal`] that nobody decided on: the daemon ended first.
pub const ENDED: &str = "daemon ended before it had answered";

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// For people, with its cause chain.
    pub message: String,
    /// The command that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is on the screen of the worker that it is about, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
}

/// The sorts of [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// It was tried and did not work.
    Failed,
    /// The request, or the configuration it is about, is wrong.
    Usage,
    /// The named thing does not exist.
    UnknownName,
    /// The client may not.
    NotAllowed,
}

impl Refusal {
    /// Without a hint.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            screen: None,
        }
    }

    /// With the command that helps.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What was done, one sentence for each thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// For people.
    pub done: Vec<String>,
}
