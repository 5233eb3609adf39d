//! Which rig is meant, and where everything of it lies.
//!
//! Promise: a rig that somebody named is never taken for another one. By its socket alone also the
//! rest is found, as long as a daemon has ever listened there; where it cannot be found, that is said.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use clap::Args;

use super::failure::{Exit, Failure};
use crate::{
    control::{self, protocol::StatusView},
    host::look::{MOMENT, look_at},
    paths::{Given, NoHome, Paths, typed},
    store::Store,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Which rig (by default root's own, or this user's)")]
pub(super) struct Rig {
    /// Control socket of its daemon [default: control.sock in /run/loopkeeper or, for a user, in
    /// $XDG_RUNTIME_DIR/loopkeeper; where that is not set, in run of the state directory].
    #[arg(long, global = true, value_name = "PATH", env = "LOOPKEEPER_SOCKET")]
    socket: Option<PathBuf>,
    /// Its state directory [default: the one of the daemon that has the socket, or had it last; else
    /// /var/lib/loopkeeper or, for a user, ~/.local/state/loopkeeper]. A daemon that has another one is
    /// not asked.
    #[arg(long, global = true, value_name = "DIR", env = "LOOPKEEPER_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Its configuration [default: what the daemon of the state directory keeps, or kept last; else
    /// loopkeeper.toml in /etc/loopkeeper or, for a user, in ~/.config/loopkeeper]. A daemon that keeps
    /// another one is not asked.
    #[arg(long, global = true, value_name = "FILE", env = "LOOPKEEPER_CONFIG")]
    config: Option<PathBuf>,
}

impl Rig {
    pub(super) fn given(self) -> Given {
        Given {
            config: self.config,
            state: self.state_dir,
            socket: self.socket,
        }
    }
}

/// Why nobody knows where a rig's things lie.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unknown {
    #[error(transparent)]
    Home(NoHome),
    /// It was named by this socket only.
    #[error(
        "state directory of the daemon on {} is not known: {} does not tell it",
        .0.display(), control::lock_of(.0).display()
    )]
    State(PathBuf),
}

impl From<&Unknown> for Failure {
    fn from(why: &Unknown) -> Self {
        match why {
            Unknown::Home(no) => Self::new(Exit::Usage, no).hint(no.hint()),
            Unknown::State(_) => Self::new(Exit::NotRunning, why).hint(
                "give it with --state-dir; who is not the daemon's user may need sudo to read that",
            ),
        }
    }
}

/// The command for who has no configuration yet.
pub(super) fn how_to_configure(file: &Path) -> String {
    let directory = match file.parent().filter(|directory| !directory.is_dir()) {
        Some(directory) => format!("mkdir -p {} && ", typed(directory)),
        None => String::new(),
    };
    format!(
        "write a configuration first, beginning with: {directory}supervisorctl generate config > {}",
        typed(file)
    )
}

/// What was given of a rig, and what was found by that.
pub(super) struct Whereabouts {
    environment: BTreeMap<OsString, OsString>,
    root: bool,
    pub(super) given: Given,
    /// As a command line has to give it to mean this rig.
    needed: Given,
    pub(super) paths: Result<Paths, Unknown>,
}

impl Whereabouts {
    pub(super) fn find(
        environment: &BTreeMap<OsString, OsString>,
        root: bool,
        given: Given,
    ) -> Self {
        let find = |given: &Given| Paths::find(environment, root, given);
        let usual = find(&Given {
            socket: None,
            ..given.clone()
        });
        let mut needed = given.clone();
        let socket = given.socket.as_ref().map(std::path::absolute);
        let socket = match (socket, &usual) {
            (Some(named), _) => named.ok(),
            (None, Ok(usual)) => Some(usual.socket.clone()),
            (None, Err(_)) => None,
        };
        if needed.state.is_none() {
            needed.state = socket.as_deref().and_then(control::state_kept);
        }
        let is_usual = matches!((&usual, &socket), (Ok(usual), Some(it)) if usual.socket == *it)
            || environment.contains_key(OsStr::new("STATE_DIRECTORY"));
        let paths = match (socket, &needed.state) {
            (Some(socket), None) if !is_usual => Err(Unknown::State(socket)),
            _ => {
                let state = needed
                    .state
                    .clone()
                    .or_else(|| Some(usual.as_ref().ok()?.state.clone()));
                if needed.config.is_none() {
                    let of = |state: &Path| look_at(MOMENT, state, Store::config_of).ok()?;
                    needed.config = state.as_deref().and_then(of);
                }
                find(&needed).map_err(Unknown::Home)
            }
        };
        if let Ok(usual) = usual {
            needed.config = needed
                .config
                .filter(|config| given.config.is_some() || *config != usual.config);
            needed.state = needed
                .state
                .filter(|state| given.state.is_some() || *state != usual.state);
        }
        Self {
            environment: environment.clone(),
            root,
            given,
            needed,
            paths,
        }
    }

    /// The arguments with which a daemon keeps this rig.
    pub(super) fn arguments(&self) -> String {
        if let Err(Unknown::State(socket)) = &self.paths {
            let socket = typed(socket);
            return format!(
                " --config FILE --state-dir DIR --socket {socket}, with its own FILE and DIR"
            );
        }
        let Given {
            config,
            state,
            socket,
        } = &self.needed;
        [
            ("--config", config),
            ("--state-dir", state),
            ("--socket", socket),
        ]
        .iter()
        .filter_map(|(name, path)| Some(format!(" {name} {}", typed(path.as_ref()?))))
        .collect()
    }

    /// Where this user's configuration is (XDG Base Directory Specification).
    pub(super) fn configuration(&self) -> Option<PathBuf> {
        let variable = |name: &str| {
            let value = self.environment.get(OsStr::new(name)).map(PathBuf::from);
            value.filter(|path| path.is_absolute())
        };
        variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))
    }

    /// A daemon that answered knows best where its things lie, unless we were told.
    pub(super) fn learn(&mut self, status: &StatusView) {
        let said = |path: &Option<String>| path.as_ref().map(PathBuf::from);
        let told = Given {
            config: self.given.config.clone().or_else(|| said(&status.config)),
            state: self.given.state.clone().or_else(|| said(&status.state_dir)),
            socket: self.given.socket.clone(),
        };
        self.paths = Self::find(&self.environment, self.root, told).paths;
    }
}
