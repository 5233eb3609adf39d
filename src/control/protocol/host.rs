//! What is shown of other hosts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{AttemptId, HostFacts, HostName, StateName, WorkerName};

/// One declared host, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// Its name.
    pub name: HostName,
    /// Whom ssh connects to.
    pub ssh: String,
    /// The directory there below which our records lie.
    pub path: String,
    /// Whether it answers; null where nobody knows, for no daemon runs.
    pub reach: Option<ReachView>,
    /// Who is declared on it.
    pub workers: Vec<WorkerName>,
    /// Who runs there, as far as is known.
    pub running: Vec<WorkerName>,
}

/// Whether a host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachView {
    /// Whether it does.
    pub answers: bool,
    /// Why not.
    pub why: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// How long a script that does nothing took there last.
    pub latency_ms: Option<u64>,
}

/// What a host answered that was asked for what workers need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostCheckView {
    /// Which.
    pub host: HostName,
    /// Why there is no answer.
    pub why: Option<String>,
    /// How long a script that does nothing takes there: the middle one of three.
    #[serde(default)]
    pub latency_ms: Option<u64>,
    /// So far its clock is before ours.
    #[serde(default)]
    pub skew_ms: Option<i64>,
    /// A worker is declared there that has its worktree to itself.
    #[serde(default)]
    pub locks: bool,
    /// What it has.
    #[serde(default)]
    pub facts: Option<HostFacts>,
}

/// What runs on a host, and how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostStatusView {
    /// Which.
    pub host: HostView,
    /// Who is declared there or runs there, by name.
    pub workers: Vec<HostWorkerView>,
    /// Attempts of this rig there of which nobody here has a record; null where nobody knows.
    pub unknown: Option<Vec<HostAttemptView>>,
    /// Why it did not say how it is.
    pub why: Option<String>,
    /// How it is.
    #[serde(default)]
    pub facts: Option<HostFacts>,
}

/// A worker on another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostWorkerView {
    /// Its name.
    pub worker: WorkerName,
    /// Where its life stands.
    pub state: StateName,
    /// Its process there, while one lives.
    pub pid: Option<i32>,
    /// Its latest attempt.
    pub attempt: Option<AttemptId>,
    /// Since when it is in its state.
    pub since: Timestamp,
}

/// An attempt on another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAttemptView {
    /// Whose.
    pub worker: WorkerName,
    /// Which.
    pub attempt: AttemptId,
    /// How it is, in words.
    pub is: String,
}
