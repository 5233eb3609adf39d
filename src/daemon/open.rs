//! How a daemon begins: everything that can refuse does so before anything is started.

use std::{collections::VecDeque, io};

use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use super::{
    Daemon, Signals, Sources, earlier, files::Files, handoff::Handoffs, inbox::Inboxes, now,
    perform, status::OwnTurns, troubles::Troubles,
};
use crate::{
    causes::in_one_line,
    config::{self, Complaints, Environment},
    control::{
        BindError, group,
        server::{self, Server},
    },
    decide::{Machine, Rig, Zone},
    host::{Executable, HostError, boot, descriptors, look::Looks, mounts::Mounts},
    launch::{self, House, Local, Settings},
    model::AttemptRef,
    paths::{Paths, typed},
    store::{Opened, Store, StoreError},
    systemd::{handed, notify::ServiceManager},
};

/// Where the daemon finds everything.
#[derive(Debug, Clone)]
pub struct Options {
    /// The places.
    pub paths: Paths,
    /// Whether anyone who can reach the control socket may read from it.
    pub everyone_reads: bool,
}

/// Why a daemon did not begin. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Complaints),
    /// The state directory cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host cannot be used.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The control socket cannot be had.
    #[error(transparent)]
    Socket(#[from] BindError),
    /// Not one attempt could be started.
    #[error("{0} files may be open at once, and a daemon needs {least}", least = descriptors::LEAST)]
    TooFewFiles(u64),
    /// The process itself could not be set up.
    #[error("{0} cannot be set up")]
    Process(&'static str, #[source] io::Error),
}

impl StartError {
    /// The whole of it as a person reads it: what, why, and what helps.
    pub fn in_full(&self) -> String {
        let hint = match self {
            Self::Config(complaints) => return complaints.render(false),
            Self::Store(error) => error.hint(),
            Self::Socket(error) => Some(error.hint()),
            Self::TooFewFiles(_) => {
                let hint =
                    "raise LimitNOFILE= (systemd.exec(5)), or ulimit -Hn, where it is started";
                Some(hint.to_owned())
            }
            Self::Host(_) | Self::Process(..) => None,
        };
        let hint = hint.map_or(String::new(), |hint| format!("\n  hint: {hint}"));
        format!("loopkeeperd: {}{hint}", in_one_line(self))
    }

    /// On one line, with the command that shows the rest.
    pub fn briefly(&self, paths: &Paths) -> String {
        match self {
            Self::Config(complaints) => format!(
                "{complaints}; see all with: supervisorctl check {}",
                typed(&paths.config)
            ),
            Self::Store(_)
            | Self::Host(_)
            | Self::Socket(_)
            | Self::TooFewFiles(_)
            | Self::Process(..) => in_one_line(self),
        }
    }

    /// As `supervisorctl --help` documents them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Store(_)
            | Self::Host(_)
            | Self::Socket(_)
            | Self::TooFewFiles(_)
            | Self::Process(..) => 1,
        }
    }
}

/// Runs the daemon until it is asked to end.
///
/// # Errors
/// Only before anything was started.
pub fn run(options: &Options) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Process("event loop", error))?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, begin_and_run(options))
}

async fn begin_and_run(options: &Options) -> Result<(), StartError> {
    let most = descriptors::most();
    if most < descriptors::LEAST {
        return Err(StartError::TooFewFiles(most));
    }
    let paths = options.paths.clone();
    let environment = Environment::of_this_process()
        .map_err(|error| StartError::Process("environment", error))?;
    // Nobody is held longer for one who hangs than this takes.
    let looks = Looks::new(|| {});
    let config = config::load_by(&looks, &paths.config, &environment).await?;
    let plan: Vec<_> = config
        .plan
        .phases
        .iter()
        .map(|phase| phase.id.clone())
        .collect();
    let Opened {
        mut store,
        mut restored,
        problems,
    } = Store::open(&paths.state, &plan)?;
    store.note_config(&paths.config);
    store.note_declared(&config.rig, &config.kinds());
    earlier::recognise(&mut restored, &config, &environment, &paths.state);
    let signals = Signals::catch().map_err(|error| StartError::Process("signals", error))?;
    let executable = Executable::of_this_process()
        .map_err(|error| StartError::Process("its own executable", error))?;
    let settings = Settings {
        state: paths.state.clone(),
        runtime: paths.runtime.clone(),
        house: House::here(),
        executable: executable.clone(),
    };
    let (host, host_events) = Local::open(settings)?;
    let over = |one: &&AttemptRef| launch::was_over_before_reboot(&paths.state, one);
    let machine = Machine {
        boot: boot::boot_id()?,
        booted: boot::booted_at()?,
        over: restored.unended().filter(over).cloned().collect(),
        zone: Zone(TimeZone::system()),
    };
    let (group, unseen) = match group::number(&looks).await {
        Ok(Ok(number)) => (number, None),
        Ok(Err(error)) => return Err(StartError::Process("access policy", error.into())),
        Err(unseen) => (None, Some(unseen)),
    };
    let policy = server::policy(options.everyone_reads, group);
    let handed = handed::socket()
        .map_err(|error| StartError::Process("socket of the service manager", error))?;
    let server = Server::bind(&paths.socket, &paths.state, policy, handed)?;
    let (files, changes) = Files::watch(&paths.state, &config.plan);
    let (results, results_out) = mpsc::unbounded_channel();
    let (later, later_out) = mpsc::unbounded_channel();
    let (rig, effects) = Rig::new(config.clone(), restored, machine, now(), perform::seed());
    let mut daemon = Daemon {
        manager: ServiceManager::of_this_process(now().mono),
        environment,
        config,
        rig,
        store,
        host,
        inboxes: Inboxes::keep(&paths.state, later.clone()),
        handoffs: Handoffs::keep(&paths.state, later.clone()),
        files,
        paths,
        results,
        later,
        follow: VecDeque::new(),
        asked: std::collections::BTreeMap::new(),
        next_request: 0,
        followers: Vec::new(),
        needs_settle: false,
        reloads: super::reload::Reloads::default(),
        troubles: Troubles::default(),
        executable,
        executable_lost: None,
        own: OwnTurns::default(),
        leave: false,
    };
    for problem in problems {
        daemon.report(&problem);
    }
    if let Some(unseen) = unseen {
        let (why, group) = (in_one_line(&unseen), group::GROUP);
        let text = format!(
            "{why}; whoever is in the group {group} is refused until the supervisor is restarted"
        );
        daemon.last("who may steer", text);
    }
    daemon.look_at_limits();
    daemon.host.keep_hosts(&daemon.config);
    daemon.follow_needs();
    daemon.inboxes.follow(&daemon.config);
    daemon.handoffs.follow(&daemon.config);
    tracing::info!(
        "{}: keeping {}",
        env!("CARGO_PKG_VERSION"),
        daemon.paths.config.display()
    );
    daemon.warn_of_doubts();
    super::program::begins(&daemon.paths.runtime);
    daemon.begin(effects).await;
    let sources = Sources {
        server,
        signals,
        host: host_events,
        results: results_out,
        later: later_out,
        files: changes,
        mounts: Mounts::watch(),
    };
    daemon.run(sources).await;
    Ok(())
}
