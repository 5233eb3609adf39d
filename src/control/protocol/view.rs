//! What is shown of a rig: the answers to what changes nothing.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::Diff,
    decide::{Boot, Gate, GateState, ResumePoint},
    model::{
        AttemptId, BootId, Exit, GateName, HostName, Kind, LauncherKind, PhaseId, StateName,
        Verdict, WorkerName,
    },
};

/// The whole rig at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// [`PROTOCOL`](super::PROTOCOL).
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
    /// The file that declares the rig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
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
    /// Gates that are not over, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handoffs: Vec<HandoffView>,
}

/// A gate that one worker claims and another one verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffView {
    /// Its name.
    pub gate: GateName,
    /// Where it stands.
    pub state: GateState,
    /// Who claims it.
    pub from: WorkerName,
    /// Who verifies it.
    pub to: WorkerName,
    /// Whose turn it is; null for a person's.
    pub turn: Option<WorkerName>,
    /// In which round.
    pub round: u32,
    /// Of so many.
    pub rounds: u32,
    /// Since when it stands there.
    pub since: Timestamp,
}

impl From<&Gate> for HandoffView {
    fn from(gate: &Gate) -> Self {
        Self {
            gate: gate.gate.clone(),
            state: gate.state,
            from: gate.from.clone(),
            to: gate.to.clone(),
            turn: gate.turn().cloned(),
            round: gate.round,
            rounds: gate.rounds,
            since: gate.since,
        }
    }
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
    /// How far its end has come, while it is being wound up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<EndingView>,
}

/// A phase that is over, and waits for those whom it stops to come to a safe point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndingView {
    /// Since when.
    pub since: Timestamp,
    /// When the plan goes on at the latest.
    pub until: Timestamp,
    /// Who is waited for.
    pub waits_for: Vec<WaitedFor>,
}

/// Somebody who is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitedFor {
    /// Which worker.
    pub worker: WorkerName,
    /// Why, such as what is half-done.
    pub because: String,
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
            ending: None,
        }
    }
}

/// The conversation of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationView {
    /// Null where the program keeps it for itself, or has not shown it yet.
    pub id: Option<String>,
    /// Whether something is known to have been said in it.
    pub begun: bool,
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
    /// When it came into its state, or, of one that the daemon found running, when it was started;
    /// null if that is not known.
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
    /// The checkout of git that it works in, where one is declared.
    #[serde(default)]
    pub worktree: Option<PathBuf>,
    /// Where the file system is mounted on which that was last seen; null where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_on: Option<PathBuf>,
    /// The conversation that its next start goes on with, where it keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationView>,
    /// What lies in its inbox; null without an agent.
    #[serde(default)]
    pub inbox: Option<InboxView>,
    /// What its agent is to be told as soon as it waits at its input line; null where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<String>,
    /// What it has spent of this day; null where it may spend all it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<SpentView>,
}

/// What a worker has spent of a day, of each where that is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentView {
    /// Turns of its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<PartView>,
    /// Seconds in which it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<PartView>,
    /// What its agent has cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cents: Option<PartView>,
}

/// A part of what may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// So much is.
    pub spent: u64,
    /// So much may be.
    pub of: u64,
}

impl PartView {
    /// More than four fifths of it are spent.
    pub fn is_near(&self) -> bool {
        self.spent.saturating_mul(5) > self.of.saturating_mul(4)
    }
}

/// What lies in the inbox of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxView {
    /// Texts that wait.
    pub queued: usize,
    /// Texts that have failed.
    pub failed: usize,
    /// Since when the oldest waits, where that is longer than `watch.slow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Timestamp>,
}

/// What a reload changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffView {
    /// Whether it was done.
    pub applied: bool,
    /// From the rig that runs to the one that is declared.
    pub diff: Diff,
    /// What does not follow from it although one may expect it, and how to get there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What `check` would warn of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
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
    /// Why there is none, although it has a tmux server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmux_lost: Option<String>,
    /// On which other host it is, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<HostName>,
    /// The way to its session there, if it has one that lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub far: Option<FarView>,
}

/// The way to a session on another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarView {
    /// The socket at which the daemon's ssh shares its connection.
    pub connection: PathBuf,
    /// The file name of the socket of its tmux server, in the directory for those over there.
    pub socket: String,
    /// What tmux calls the session.
    pub session: String,
    /// The `PATH` there; empty: as the login has it.
    pub search: String,
}

/// A text that was typed and submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NudgeView {
    /// The version of what is in here.
    pub protocol: u32,
    /// Into whose terminal.
    pub worker: WorkerName,
    /// Into which attempt.
    pub attempt: AttemptId,
    /// That it was taken is proved; where not, the screen does not say it.
    pub taken: bool,
    /// By what, in one line.
    pub text: String,
}
