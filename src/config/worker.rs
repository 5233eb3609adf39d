//! One worker: what is run, where, and by which rules it is kept alive.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use super::{Builtin, On, Origin, Say, Tailscale};
use crate::{
    agent::profile::Profile,
    model::{Kind, LauncherKind, PhaseId, Signal, Stop, WorkerName},
    systemd::property::Settings,
};

/// One declared worker, or the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker {
    /// Its name, unique in the rig.
    pub name: WorkerName,
    /// `loop`, `service`, or `proxy` for the proxy's row.
    pub kind: Kind,
    /// On which machine it runs.
    pub on: On,
    /// What is run.
    pub program: Program,
    /// Where it is run: absolute, or of another machine also relative to the home directory there, which is
    /// `.`.
    pub workdir: PathBuf,
    /// The checkout it works in, a path as `workdir`; no two workers of one machine share one.
    pub worktree: Option<PathBuf>,
    /// From where that is made and repaired; `None`: it is the operator's to make.
    pub origin: Option<Origin>,
    /// Added to the environment; what its host adds is among it.
    pub environment: BTreeMap<String, String>,
    /// What systemd is told of its service.
    pub systemd: Settings,
    /// What it is handed that nobody else may see.
    pub secrets: Secrets,
    /// How it is started and watched.
    pub launcher: LauncherKind,
    /// Workers that must be ready before this one starts.
    pub requires: Vec<WorkerName>,
    /// When it is started again after it ended by itself.
    pub restart: Restart,
    /// The delay before that.
    pub backoff: Backoff,
    /// How often, before it is held.
    pub budget: Budget,
    /// How much it may spend in a day, before it is held until the next one.
    pub daily: Daily,
    /// How it is known to be ready; without it, it is ready as soon as it is started.
    pub ready: Option<Ready>,
    /// How it is known to be still well; without it, being alive is enough.
    pub alive: Option<Alive>,
    /// What runs in its terminal; without it, nobody looks at its screen.
    pub agent: Option<Arc<Profile>>,
    /// With which conversation it is started, where it is an agent.
    pub conversation: Keeps,
    /// How what it does is watched, where its screen is looked at.
    pub watch: Watch,
    /// What its agent is told by itself.
    pub say: Say,
    /// What is done about its usage limit, where that is seen.
    pub limit: Limit,
    /// Who verifies the gates that it claims; without it, it claims none.
    pub handoff: Option<Handoff>,
    /// What is done when it does nothing any more.
    pub unstick: Unstick,
    /// How many rounds may come to nothing; `None`: all of them.
    pub breaker: Option<Breaker>,
    /// How it is stopped.
    pub stop: Stop,
    /// The phases it runs in; `None` is all of them.
    pub phases: Option<Vec<PhaseId>>,
    /// What a change of phase does to it.
    pub on_phase: OnPhase,
    /// Bytes of an attempt's output that are kept.
    pub keep_output: u64,
    /// Directories of ended attempts that are kept.
    pub keep_attempts: usize,
}

/// A worktree, by where it is: the same path on another machine is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worktree {
    /// On which machine.
    pub on: On,
    /// As [`Worker::worktree`].
    pub path: PathBuf,
}

impl std::fmt::Display for Worktree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        match &self.on {
            On::Local => Ok(()),
            On::Host(host) => write!(f, " on {host}"),
        }
    }
}

/// What a worker is handed that nobody else may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Secrets {
    /// Absolute paths, by the names under which the worker finds them in `$CREDENTIALS_DIRECTORY`.
    pub files: BTreeMap<String, PathBuf>,
    /// Names of secrets, by the variables that they are in as well.
    pub variables: BTreeMap<String, String>,
    /// What happens when another text is in one of the files.
    pub on_change: OnSecretChange,
}

/// What happens when another text is in the file of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnSecretChange {
    /// It is started anew, with the new one.
    #[default]
    Restart,
    /// Its own process is told.
    Signal(Signal),
    /// Nothing.
    Ignore,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Program {
    /// The operator's command.
    Command(Command),
    /// `loopkeeperd proxy`.
    BuiltinProxy(Builtin),
    /// `tailscaled`, and a `tailscale up` once it answers.
    Tailscale(Tailscale),
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Command {
    /// An absolute path, or a name that is looked up in PATH whenever it is run; on another machine it may
    /// also be relative to the directory in which it is run.
    pub program: PathBuf,
    /// Without the program's name.
    pub arguments: Vec<String>,
}

/// When a worker that ended by itself is started again. Erlang's permanent, transient, temporary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restart {
    /// Whatever its exit was.
    Always,
    /// Unless it exited with 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// The delay before a restart: `first`, doubled with each one in a row up to `most`, then moved by
/// up to `jitter` percent either way. After `healthy` of being ready it begins at `first` again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// Before the first restart in a row; may be zero.
    pub first: Duration,
    /// The longest delay, before jitter.
    pub most: Duration,
    /// Percent, 0 to 100.
    pub jitter: u8,
    /// How long it must have been ready.
    pub healthy: Duration,
}

/// More than `restarts` within `window`, and the worker is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Restarts that are allowed.
    pub restarts: u32,
    /// The sliding window they are counted in.
    pub window: Duration,
}

/// How much a worker may spend in a day; `None`: as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Daily {
    /// Turns of its agent.
    pub turns: Option<u64>,
    /// Time in which it runs.
    pub time: Option<Duration>,
    /// What its agent says that it costs, in cents.
    pub cost: Option<u64>,
}

/// How a worker is known to be ready.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ready {
    /// What is looked at.
    pub probe: Probe,
    /// From one look to the next.
    pub every: Duration,
    /// Not ready by then counts as a failed start.
    pub timeout: Duration,
}

/// How a ready worker is known to be still well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alive {
    /// What is looked at.
    pub probe: Probe,
    /// From one look to the next.
    pub every: Duration,
    /// So many bad looks in a row, and it is restarted; at least 2.
    pub failures: u32,
}

/// How what an agent does is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watch {
    /// From one look to the next; shorter than `slow`.
    pub every: Duration,
    /// Without a sign of work for so long, it is slow: that is said, and who shows nothing that is known is
    /// unknown.
    pub slow: Duration,
    /// Without a sign of work for so long, it is stalled; longer than `slow`.
    pub stuck: Duration,
    /// A file that it touches as a sign of work.
    pub heartbeat: Option<PathBuf>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(30),
            slow: Duration::from_secs(60 * 60),
            stuck: Duration::from_secs(2 * 60 * 60),
            heartbeat: None,
        }
    }
}

/// Which conversation of an agent is gone on with when it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Keeps {
    /// None: each start is as its command says.
    #[default]
    Nothing,
    /// The one before.
    Always,
    /// The one before, if that is of the same phase.
    InPhase,
}

/// What is done about the usage limit of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// It is woken when its limit is over.
    pub wake: bool,
    /// What is typed then.
    pub text: String,
    /// How long after the end that its words name.
    pub margin: Duration,
    /// From one try to the next, and how long is waited where nobody knows when the limit ends.
    pub again: Duration,
    /// Whose limit it is: workers of one account are woken one by one.
    pub account: Option<String>,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            wake: true,
            text: "Your usage limit is over. Go on where you stopped.".into(),
            margin: Duration::from_secs(60),
            again: Duration::from_secs(30 * 60),
            account: None,
        }
    }
}

/// Who verifies the gates that a worker claims.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handoff {
    /// Another worker with an agent.
    pub to: WorkerName,
    /// In the last of so many rounds a gate does not go back any more: a person is asked.
    pub rounds: u32,
}

/// What is done when an agent does nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unstick {
    /// It is typed to.
    pub nudge: bool,
    /// What is typed.
    pub text: String,
    /// From one try to the next, and how long is looked whether it helped.
    pub again: Duration,
    /// How many tries in a row may change nothing.
    pub tries: u32,
    /// How long it may be at its input line; `None`: as long as it likes.
    pub idle: Option<Duration>,
    /// What is done about a stall when no try has helped.
    pub then: AtLast,
}

/// What is done about a stall when no try has helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AtLast {
    /// A person is told.
    #[default]
    Tell,
    /// It is stopped as failed, and a person is told.
    Restart,
}

impl Default for Unstick {
    fn default() -> Self {
        Self {
            nudge: true,
            text:
                "You seem to have stopped. Go on where you are; if you cannot, say what you need."
                    .into(),
            again: Duration::from_secs(15 * 60),
            tries: 2,
            idle: None,
            then: AtLast::Tell,
        }
    }
}

/// How many rounds of an agent may come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Breaker {
    /// So many in a row, and it stands still.
    pub rounds: u32,
    /// How long, before one is tried; doubled with each that comes to nothing.
    pub again: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            rounds: 5,
            again: Duration::from_secs(30 * 60),
        }
    }
}

/// Something that can be looked at from outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Probe {
    /// A SOCKS5 server answers the greeting (RFC 1928 section 3) at `host:port`.
    Socks(String),
    /// Something accepts a connection at `host:port`.
    Tcp(String),
    /// The command exits with 0.
    Command(Command),
    /// The file exists and was not there, or was older, before this attempt.
    File(PathBuf),
    /// The attempt's output has a line that matches this regular expression.
    Output(String),
}

/// What a change of phase does to a worker that runs in both phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnPhase {
    /// Stopped and started with the new phase in its environment.
    Restart,
    /// Left alone; what has finished stays so.
    Keep,
}

impl Worker {
    /// Its worktree, if it has one, wherever that is.
    pub fn checkout(&self) -> Option<Worktree> {
        let path = self.worktree.clone()?;
        let on = self.on.clone();
        Some(Worktree { on, path })
    }

    /// Its worktree, if that is on this machine, where it can be looked at.
    pub fn worktree_here(&self) -> Option<&PathBuf> {
        self.worktree.as_ref().filter(|_| self.on == On::Local)
    }

    /// Changes exactly when a running attempt is no longer what the operator declared.
    ///
    /// It is kept in the store across versions of Loopkeeper, so it is made from a text that later
    /// versions make again: a new setting may only add to it where it differs from its default.
    pub fn definition(&self) -> u64 {
        use std::hash::Hasher as _;

        let mut parts = vec![
            self.launcher.to_string(),
            self.workdir.display().to_string(),
        ];
        parts.extend(self.on.host().map(|host| format!("host {host}")));
        parts.extend(
            self.worktree
                .iter()
                .map(|tree| format!("worktree {}", tree.display())),
        );
        parts.extend(
            self.environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        if !self.systemd.is_empty() {
            // Numbers, texts and booleans: there is nothing that cannot be written.
            let text = serde_json::to_string(&self.systemd).unwrap_or_default();
            parts.push(format!("systemd {text}"));
        }
        let Secrets {
            files,
            variables,
            on_change: _,
        } = &self.secrets;
        let files = files
            .iter()
            .map(|(name, path)| (name, path.display().to_string()));
        parts.extend(files.map(|(name, path)| format!("secret {name}={path}")));
        let variables = variables.iter();
        parts.extend(variables.map(|(name, secret)| format!("variable {name}={secret}")));
        self.program.describe(&mut parts);
        let mut hasher = fnv::FnvHasher::default();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
        hasher.finish()
    }
}

impl Program {
    /// Adds arguments behind those of a command.
    pub(crate) fn add(&mut self, arguments: Vec<String>) {
        match self {
            Self::Command(command) => command.arguments.extend(arguments),
            Self::BuiltinProxy(_) | Self::Tailscale(_) => {}
        }
    }

    fn describe(&self, parts: &mut Vec<String>) {
        match self {
            Self::Command(command) => {
                parts.push(format!("command {}", command.program.display()));
                parts.extend(command.arguments.iter().cloned());
            }
            Self::BuiltinProxy(builtin) => {
                // Only a path that is not UTF-8 cannot be written, and it is checked before.
                let text = serde_json::to_string(builtin).unwrap_or_default();
                parts.push(format!("builtin {text}"));
            }
            Self::Tailscale(tailscale) => {
                let Tailscale {
                    listen,
                    state,
                    auth_key,
                    hostname,
                    tailscaled,
                    tailscale,
                    arguments,
                } = tailscale;
                parts.push(format!(
                    "tailscale {listen} {} {auth_key:?} {hostname:?} {} {}",
                    state.display(),
                    tailscaled.display(),
                    tailscale.display()
                ));
                parts.extend(arguments.iter().cloned());
            }
        }
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program.display())?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(f, " {argument}"))
    }
}
