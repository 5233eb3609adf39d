//! The way to the daemon of the rig that is meant, and why there is none.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Context, check,
    failure::{Failure, Meant},
    rig::how_to_configure,
};
use crate::{
    config,
    control::{
        client::{Client, ClientError, PATIENCE},
        protocol::{Request, StatusView},
    },
    host::look::{MOMENT, look_at},
    paths::{Given, Paths, typed},
    store::Store,
};

impl Context {
    pub(super) fn paths(&self) -> Result<&Paths, Failure> {
        self.rig.paths.as_ref().map_err(Failure::from)
    }

    pub(super) fn connect(&self) -> Result<Client, Failure> {
        self.try_connect()?.map_err(|error| self.refused(error))
    }

    /// Why there is no daemon to talk to; when none runs, with how to run this rig's.
    pub(super) fn refused(&self, error: ClientError) -> Failure {
        let down = match &error {
            ClientError::NotRunning { socket, waited } => Some((socket.clone(), *waited)),
            _ => None,
        };
        let failure = Failure::from(error);
        let Some((socket, waited)) = down else {
            return failure;
        };
        if let Some(file) = self.cannot_start(waited.is_some()) {
            return failure.hint(format!(
                "it cannot start before its configuration is mended; see it with: \
                 supervisorctl check {}",
                typed(&file)
            ));
        }
        let meant = self.meant(&socket);
        let installed = meant.installed();
        if let Some(hint) = installed.and_then(|unit| unit.why_not()) {
            return failure.hint(hint);
        }
        if waited.is_some() {
            return failure.hint("see why with: systemctl status loopkeeper.service");
        }
        let run = meant.how_to_run(&self.rig.arguments());
        failure.hint(match self.without_configuration(meant) {
            Some(file) => format!("{}, then {run}", how_to_configure(file)),
            None => run,
        })
    }

    fn meant(&self, socket: &Path) -> Meant {
        let given = self.rig.given.socket.is_some();
        // A unit keeps the usual rig.
        let usual = self.rig.arguments().is_empty();
        let configuration = self.rig.configuration().filter(|_| usual);
        let kept = self.rig.paths.as_ref().is_ok_and(|paths| {
            let there = look_at(MOMENT, &paths.state, Path::try_exists);
            matches!(there, Ok(Ok(true)))
        });
        Meant::by(
            Path::new("/"),
            socket,
            given,
            configuration.as_deref(),
            kept,
        )
    }

    /// Nothing of this user's is down, as it is the system's daemon that runs.
    pub(super) fn is_the_systems(&self, error: &ClientError) -> bool {
        matches!(error, ClientError::NotRunning { socket, .. } if self.meant(socket) == Meant::Elsewhere)
    }

    /// The file that whoever starts it has to write first.
    fn without_configuration(&self, meant: Meant) -> Option<&Path> {
        let file = &self.rig.paths.as_ref().ok()?.config;
        let there = look_at(MOMENT, file, Path::try_exists);
        let missing = matches!(there, Ok(Ok(false))) && meant != Meant::Elsewhere;
        missing.then_some(file)
    }

    /// The configuration, if no daemon runs and none can start with it. Without one, that is certain
    /// only of a rig for which systemd `listens`: another one may be meant.
    fn cannot_start(&self, listens: bool) -> Option<PathBuf> {
        let paths = self.rig.paths.as_ref().ok()?;
        match holder(&paths.state) {
            Holder::None => {}
            Holder::Hidden if !listens => {}
            Holder::Hidden | Holder::Pid(_) => return None,
        }
        let open = |file: &Path| fs::File::open(file).map_err(|error| error.kind());
        match look_at(MOMENT, &paths.config, open).ok()? {
            Ok(_) => {}
            Err(io::ErrorKind::NotFound) if listens => {}
            // Whoever starts it may see more than we do.
            Err(_) => return None,
        }
        let environment = check::environment().ok()?;
        let wrong = config::load(&paths.config, &environment).is_err();
        wrong.then(|| paths.config.clone())
    }

    /// Says that it waits, when it has to.
    pub(super) fn try_connect(&self) -> Result<Result<Client, ClientError>, Failure> {
        let socket = self.socket()?;
        self.try_connect_by(|| {
            let waiting = format!("waiting for the daemon on {}\n", socket.display());
            Client::connect_or_wait(socket, PATIENCE, || {
                let comes = self.cannot_start(true).is_none();
                if comes {
                    Failure::show(&waiting);
                }
                comes
            })
        })
    }

    /// For who has something else to do than to wait; says nothing.
    pub(super) fn try_connect_within(
        &self,
        patience: Duration,
    ) -> Result<Result<Client, ClientError>, Failure> {
        let socket = self.socket()?;
        self.try_connect_by(|| Client::connect(socket, patience))
    }

    pub(super) fn socket(&self) -> Result<&Path, Failure> {
        Ok(match &self.rig.given.socket {
            Some(socket) => socket,
            None => &self.paths()?.socket,
        })
    }

    /// Whoever names a rig by more than its socket means no other one that listens there.
    fn is_meant(&self, mut daemon: Client) -> Result<Client, ClientError> {
        let Given { config, state, .. } = &self.rig.given;
        if config.is_none() && state.is_none() {
            return Ok(daemon);
        }
        let status: StatusView = daemon.ask(&Request::Status {})?;
        let named = [
            ("configuration", config, status.config),
            ("state directory", state, status.state_dir),
        ];
        for (what, named, theirs) in named {
            if let (Some(named), Some(theirs)) = (named, theirs.map(PathBuf::from))
                && !is_same(named, &theirs)
            {
                return Err(ClientError::Another {
                    socket: daemon.socket().to_owned(),
                    what,
                    theirs,
                    named: named.clone(),
                });
            }
        }
        Ok(daemon)
    }

    fn try_connect_by(
        &self,
        connect: impl FnOnce() -> Result<Client, ClientError>,
    ) -> Result<Result<Client, ClientError>, Failure> {
        let connected = connect().and_then(|daemon| self.is_meant(daemon));
        Ok(connected.map_err(|error| match (error, &self.rig.paths) {
            (ClientError::Silent { socket, after }, Ok(paths)) => match holder(&paths.state) {
                Holder::None => ClientError::NotRunning {
                    socket,
                    waited: Some(after),
                },
                Holder::Hidden | Holder::Pid(_) => ClientError::Silent { socket, after },
            },
            (ClientError::NotRunning { socket, waited }, Ok(paths)) => match holder(&paths.state) {
                Holder::Pid(pid) => ClientError::NoSocket { socket, pid },
                Holder::None | Holder::Hidden => ClientError::NotRunning { socket, waited },
            },
            (error, _) => error,
        }))
    }
}

/// Whether these are names of the same file, which need not be there.
fn is_same(named: &Path, theirs: &Path) -> bool {
    let Ok(named) = std::path::absolute(named) else {
        return false;
    };
    let other = theirs.to_owned();
    let look = move |named: &Path| match (named.canonicalize(), other.canonicalize()) {
        (Ok(named), Ok(theirs)) => named == theirs,
        _ => false,
    };
    named == theirs || look_at(MOMENT, &named, look).unwrap_or(false)
}

/// Who has a state directory.
enum Holder {
    Pid(i32),
    None,
    /// Who must not look there, or gets no answer, cannot know that nobody has it.
    Hidden,
}

fn holder(state: &Path) -> Holder {
    let look = |state: &Path| match (Store::holder(state), state.read_dir()) {
        (Some(pid), _) => Holder::Pid(pid),
        (None, Ok(_)) => Holder::None,
        (None, Err(_)) => Holder::Hidden,
    };
    look_at(MOMENT, state, look).unwrap_or(Holder::Hidden)
}
