//! What the files of an attempt's directory say.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    host::process::Process,
    launch::cgroup::Cgroup,
    model::{BootId, Exit, HostName, Identity, LauncherKind, Stop},
};

/// What was to be run, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// How it is started and watched.
    pub launcher: LauncherKind,
    /// An absolute path.
    pub program: PathBuf,
    /// Without the program's name.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub workdir: PathBuf,
    /// The checkout that no other attempt may be in meanwhile.
    #[serde(default)]
    pub worktree: Option<PathBuf>,
    /// Names of secrets, by the variables that they are in as well.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Where what it writes can be read.
    #[serde(default)]
    pub output: Output,
    /// Bytes that are kept of the file of its output, or of its recording.
    pub keep_output: u64,
    /// Ended attempts of this worker that are kept.
    pub keep_attempts: usize,
    /// It is not ended by writing where nobody reads any more.
    #[serde(default)]
    pub ignores_broken_pipe: bool,
    /// In a service of systemd's.
    #[serde(default)]
    pub carried: bool,
    /// The boot in which it was to be run.
    #[serde(default)]
    pub boot: Option<BootId>,
    /// How it is stopped, should nobody declare it any more.
    #[serde(default)]
    pub stop: Option<Stop>,
    /// On which other host; `None`: here.
    #[serde(default)]
    pub far: Option<Afar>,
}

/// Another host, as it was declared when an attempt was to be run there. One of the same name that is
/// declared in another way may be another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Afar {
    /// Its name.
    pub host: HostName,
    /// How ssh reaches it.
    pub ssh: String,
    /// The directory there below which our records lie.
    pub path: String,
    /// The rig as it was called then.
    pub rig: String,
    /// Which machine it was, as that says itself (machine-id(5)), where it has said so.
    pub machine: Option<String>,
}

impl Spec {
    /// Whether it writes into a file, which has to be kept bounded.
    pub(crate) fn has_file(&self) -> bool {
        self.output == Output::File && (self.launcher != LauncherKind::Tmux || self.far.is_some())
    }
}

/// Where what an attempt writes can be read, line by line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// In its directory.
    #[default]
    File,
    /// In the journal, below a unit of the system's manager.
    Journal,
    /// In the journal, below a unit of a user's manager.
    UserJournal,
}

/// How to recognise the attempt's processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The worker's own process.
    pub identity: Identity,
    /// When it was started.
    pub at: Timestamp,
    /// The cgroup of its own, where it has one.
    pub cgroup: Option<Cgroup>,
    /// The session around it, for the tmux launcher.
    pub pane: Option<Pane>,
    /// The life of the unit around it, for those that are in one.
    #[serde(default)]
    pub invocation: Option<String>,
}

/// The processes around a worker in tmux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pane {
    /// `loopkeeperd pane`, which writes the exit record.
    pub wrapper: Process,
    /// The worker's own tmux server.
    pub server: Process,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The truth, or that it is lost.
    pub exit: Exit,
    /// When it ended, or when that was found out.
    pub at: Timestamp,
    /// The session around it was ending as well, as when the machine goes down.
    #[serde(default)]
    pub with_session: bool,
}
