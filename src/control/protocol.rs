//! The words on the control socket. Additions are allowed, changes are not: a client ignores what
//! it does not know, a server refuses it, for a request must not be obeyed by half.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::Diff,
    decide::{Boot, Notice, ResumePoint, access::Access},
    model::{AttemptId, BootId, Exit, Kind, LauncherKind, PhaseId, StateName, Verdict, WorkerName},
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
        /// The phase to go on at.
        #[serde(default)]
        phase: Option<PhaseId>,
    },
    /// The plan and where it is. [`PlanView`].
    PhaseShow {},
    /// Move the resume point. [`Done`].
    PhaseSet {
        /// To here.
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
            | Self::Reload { dry_run: true } => Access::Read,
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Pause {}
            | Self::Resume { .. }
            | Self::PhaseSet { .. }
            | Self::PhaseDone {}
            | Self::Reload { dry_run: false } => Access::Steer,
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
    /// The end of a stream that was not followed.
    End {},
}

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

/// The whole rig at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The daemon's version; when it is down, that of `supervisorctl`.
    pub version: String,
    /// This life of the machine.
    pub boot_id: BootId,
    /// When the daemon started; null when it is down.
    pub started_at: Option<Timestamp>,
    /// The rig's name.
    #[serde(default)]
    pub rig: String,
    /// False when this was put together without the daemon, from the store and the hosts.
    #[serde(default = "yes")]
    pub daemon: bool,
    /// Where the plan is; null without a plan.
    pub phase: Option<PhaseView>,
    /// Whether the loops are stopped and the plan stands still.
    pub paused: bool,
    /// Why, if so.
    #[serde(default)]
    pub paused_because: Option<String>,
    /// What the daemon cannot do at the moment, such as writing its state; empty is well.
    #[serde(default)]
    pub degraded: Vec<String>,
    /// Of the machine.
    pub reboots: RebootsView,
    /// Rows, in the order of the configuration.
    pub workers: Vec<WorkerView>,
}

fn yes() -> bool {
    true
}

/// The resume point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseView {
    /// From 0; `count` when the plan is complete; null when the stored point fits no phase.
    pub index: Option<usize>,
    /// The phase's id, or the stored point that fits none; null when the plan is complete.
    pub id: Option<String>,
    /// Phases in the plan.
    pub count: usize,
}

impl PhaseView {
    /// Nobody knows where the plan stands, and the operator has to say it.
    pub fn is_astray(&self) -> bool {
        self.index.is_none()
    }
}

/// The plan for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// The resume point; null without a plan.
    pub current: Option<PhaseView>,
    /// In order.
    pub phases: Vec<PhaseRow>,
}

/// One phase of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseRow {
    /// Its id.
    pub id: PhaseId,
    /// The file the loops are pointed to.
    pub brief: Option<PathBuf>,
    /// When it is over, in words.
    pub until: String,
}

/// How often the machine booted under our eyes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebootsView {
    /// Reboots recorded.
    pub count: u64,
    /// The latest.
    pub last: Option<LastReboot>,
}

/// The latest reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReboot {
    /// The life that began with it.
    pub boot_id: BootId,
    /// When the machine booted.
    pub at: Timestamp,
    /// Whether the life before ended with the daemon's goodbye.
    pub clean: bool,
}

/// One reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebootView {
    /// The life that began with it.
    pub boot_id: BootId,
    /// When the machine booted.
    pub at: Timestamp,
    /// Whether the life before ended with the daemon's goodbye.
    pub clean: bool,
    /// From the last sign of life before to the boot, in seconds, where known.
    #[serde(default)]
    pub down_seconds: Option<u64>,
    /// Workers that were running when it went down.
    #[serde(default)]
    pub running: Vec<WorkerName>,
    /// Where the plan stood, in words.
    #[serde(default)]
    pub resume_point: Option<String>,
}

impl RebootView {
    /// The reboot that led to this boot; the first boot that was ever seen came by none.
    pub fn of(boot: &Boot) -> Option<Self> {
        let reboot = boot.reboot.as_ref()?;
        let down = reboot
            .last_alive
            .map(|last| boot.booted.duration_since(last));
        Some(Self {
            boot_id: boot.boot.clone(),
            at: boot.booted,
            clean: reboot.clean,
            down_seconds: down.and_then(|down| u64::try_from(down.as_secs()).ok()),
            running: reboot.running.clone(),
            resume_point: reboot.resume_point.clone(),
        })
    }
}

impl From<&ResumePoint> for PhaseView {
    fn from(point: &ResumePoint) -> Self {
        Self {
            index: Some(point.index),
            id: point.id.as_ref().map(ToString::to_string),
            count: point.count,
        }
    }
}

/// One row of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its name.
    pub name: WorkerName,
    /// What it is.
    pub kind: Kind,
    /// Where it runs.
    pub host: String,
    /// How; null for the watchdog, which is part of the daemon.
    pub launcher: Option<LauncherKind>,
    /// What it does.
    pub state: StateName,
    /// What the watchdog holds of it; null unless it runs.
    pub verdict: Option<Verdict>,
    /// Its own process; null unless one lives.
    pub pid: Option<i32>,
    /// The latest attempt; null before the first.
    pub attempt: Option<AttemptId>,
    /// When it came into its state; null if that is not known.
    pub since: Option<Timestamp>,
    /// Restarts in this boot.
    pub restarts: u64,
    /// How the last ended attempt ended.
    pub last_exit: Option<Exit>,
    /// Why it is in its state, where that needs a word.
    #[serde(default)]
    pub reason: Option<String>,
    /// When it is started again.
    #[serde(default)]
    pub next_start: Option<Timestamp>,
    /// When it last wrote something.
    #[serde(default)]
    pub output_at: Option<Timestamp>,
}

/// What a reload changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffView {
    /// Whether it was done.
    pub applied: bool,
    /// From the rig that runs to the one that is declared.
    pub diff: Diff,
}

/// Where a worker's files and session are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhereView {
    /// Whose.
    pub worker: WorkerName,
    /// The daemon's state directory, absolute; the attempts are in it.
    pub state: PathBuf,
    /// How it is started; null from daemons that do not say.
    #[serde(default)]
    pub launcher: Option<LauncherKind>,
    /// The socket of its tmux server, if it has one that lives.
    pub tmux: Option<PathBuf>,
}

/// The frame of a request.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ask<'a> {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) request: &'a Request,
}

/// The frame of everything the server says after the greeting: one of the three is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Said<T> {
    /// Null when the request was so broken that it had none.
    pub(super) id: Option<u64>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<T>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Refusal>,
}

fn none<T>() -> Option<T> {
    None
}

/// A line that is not a request, and the id it had.
pub(super) struct NotARequest {
    pub(super) id: Option<u64>,
    pub(super) why: String,
}

impl NotARequest {
    fn new(id: Option<u64>, what: &str, error: &serde_json::Error) -> Self {
        // serde repeats what it was given, and that may be long.
        let why: String = error.to_string().chars().take(200).collect();
        Self {
            id,
            why: format!("{what}: {why}"),
        }
    }
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Result<(u64, Request), NotARequest> {
    let mut value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line)
        .map_err(|error| NotARequest::new(None, "line is not a JSON object", &error))?;
    let id = value
        .remove("id")
        .and_then(|id| id.as_u64())
        .ok_or_else(|| NotARequest {
            id: None,
            why: "\"id\" is missing or no whole number".to_owned(),
        })?;
    let request = Request::deserialize(serde_json::Value::Object(value))
        .map_err(|error| NotARequest::new(Some(id), "request is not known", &error))?;
    let (Request::Start { workers } | Request::Stop { workers } | Request::Restart { workers }) =
        &request
    else {
        return Ok((id, request));
    };
    if workers.is_empty() {
        return Err(NotARequest {
            id: Some(id),
            why: "request names no worker".to_owned(),
        });
    }
    Ok((id, request))
}
