//! The way into the tmux session of a worker, also while no daemon runs.
//!
//! Promise: root trusts nobody's tmux server but root's own. A server may have its client run a command, so
//! where it may be another user's the client is run as that user ([`launch::whose`]), with nothing of
//! root's environment but what a terminal needs, and in a session of its own ([`launch::as_user`]).

use std::{
    env,
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::Uid,
};

use super::{
    Context,
    failure::{Exit, Failure},
};
use crate::{
    control::{
        client::ClientError,
        protocol::{Request, WhereView},
    },
    host::look::{MOMENT, look_at},
    launch::{self, as_user::AsUser, whose},
    model::{LauncherKind, WorkerName},
    paths::{SYSTEM_SOCKET, typed},
};

/// What of root's environment is another user's to see.
const OF_THE_TERMINAL: [&str; 8] = [
    "PATH",
    "TERM",
    "TERMINFO",
    "TERMINFO_DIRS",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
];

/// A session that we may enter.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) worker: WorkerName,
    /// The process of its tmux server, where the kernel knows.
    pub(super) server: Option<i32>,
    socket: PathBuf,
}

impl Session {
    /// The one of this worker, for this `verb`.
    pub(super) fn find(worker: WorkerName, verb: &str, context: &Context) -> Result<Self, Failure> {
        let socket = socket(&worker, context)?;
        let answer = look_at(MOMENT, &socket, |socket| UnixStream::connect(socket));
        let server = match answer {
            Err(_) => return Err(silent(&worker, None)),
            // What tmux says of it helps nobody.
            Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(not_ours(&worker, verb, context));
            }
            // It does, of all else.
            Ok(Err(_)) => None,
            Ok(Ok(server)) => getsockopt(&server, PeerCredentials).ok(),
        };
        Ok(Self {
            worker,
            server: server.map(|peer| peer.pid()),
            socket,
        })
    }

    /// tmux as a client of its server, to be given the words of a command, and as whom it is run where
    /// that is not ourselves.
    pub(super) fn tmux(&self) -> Result<(Command, Option<Uid>), Failure> {
        let tmux = launch::find("tmux").ok_or_else(|| no_tmux("it is not in PATH"))?;
        let as_user = whose::to_be_asked_as(&self.socket).map_err(|error| {
            let why = format!("tmux socket {}: {error}", self.socket.display());
            Failure::say(Exit::Failed, why)
        })?;
        let mut command = match as_user {
            None => Command::new(tmux),
            Some(user) => {
                // Ourselves, whatever became of the file: who becomes the user, and then tmux.
                let mut command = Command::new("/proc/self/exe");
                command.env_clear().current_dir("/");
                let variables = OF_THE_TERMINAL.into_iter();
                command.envs(variables.filter_map(|name| Some((name, env::var_os(name)?))));
                command.arg("as").args(AsUser::number(user).arguments());
                command.arg("--").arg(tmux);
                command
            }
        };
        command.arg("-S").arg(&self.socket);
        Ok((command, as_user))
    }

    /// Its server says nothing.
    pub(super) fn silent(&self) -> Failure {
        silent(&self.worker, self.server)
    }
}

/// Where its server listens.
fn socket(worker: &WorkerName, context: &Context) -> Result<PathBuf, Failure> {
    let request = Request::Where {
        worker: worker.clone(),
    };
    let connected = context.try_connect()?;
    let found: WhereView = match connected.and_then(|mut daemon| daemon.ask(&request)) {
        Ok(found) => found,
        Err(down @ ClientError::NotRunning { .. }) => return without_daemon(worker, down, context),
        Err(other) => return Err(context.refused(other)),
    };
    if let Some(why) = found.tmux_lost {
        return Err(lost(worker, &why));
    }
    found.tmux.ok_or_else(|| {
        let (what, logs) = match found.launcher {
            Some(LauncherKind::Process) => {
                ("no terminal, since its launcher is process", "logs -f")
            }
            Some(LauncherKind::Systemd) => {
                ("no terminal, since its launcher is systemd", "logs -f")
            }
            Some(LauncherKind::Tmux) | None => ("no tmux session that lives", "logs"),
        };
        let failure = Failure::say(Exit::Failed, format!("worker {worker} has {what}"));
        failure.hint(format!(
            "see what it writes with: supervisorctl {logs} {worker}"
        ))
    })
}

/// The socket of a session that lives on; that the daemon is down is said all the same.
fn without_daemon(
    worker: &WorkerName,
    down: ClientError,
    context: &Context,
) -> Result<PathBuf, Failure> {
    if context.is_the_systems(&down) {
        return Err(context.refused(down));
    }
    let paths = context.paths()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::say(Exit::Failed, format!("event loop: {error}")))?;
    // The daemon's own runtime directory has its socket as a rule, and is in no environment of ours.
    let of_socket = paths.socket.parent().unwrap_or(&paths.runtime);
    let runtimes = [of_socket, &paths.runtime];
    let found = launch::without_daemon(&paths.state, &runtimes, worker);
    match runtime.block_on(found) {
        None => Err(context.refused(down)),
        Some(found) => {
            context.refused(down).print();
            found.map_err(|why| lost(worker, &why))
        }
    }
}

fn lost(worker: &WorkerName, why: &str) -> Failure {
    let lost = format!("worker {worker} runs, but nobody can attach to it: {why}");
    Failure::say(Exit::Failed, lost).hint(format!(
        "see what it writes with: supervisorctl logs -f {worker}; a restart gives it a session \
         that can be attached to: supervisorctl restart {worker}"
    ))
}

fn not_ours(worker: &WorkerName, verb: &str, context: &Context) -> Failure {
    let whose = format!("the session of worker {worker} is its user's alone, and root's");
    let failure = Failure::say(Exit::Failed, whose);
    let rig = match context.socket() {
        Ok(usual) if usual == Path::new(SYSTEM_SOCKET) => String::new(),
        Ok(other) => format!(" --socket {}", typed(other)),
        Err(failure) => return failure,
    };
    failure.hint(format!("sudo supervisorctl{rig} {verb} {worker}"))
}

fn silent(worker: &WorkerName, server: Option<i32>) -> Failure {
    let failure = Failure::say(
        Exit::Failed,
        format!("tmux server of worker {worker} does not answer"),
    );
    match server {
        Some(pid) => failure.hint(format!(
            "see what it does with: ps -o pid,stat,wchan,args {pid} (T is stopped, and goes on after: \
             kill -CONT {pid})"
        )),
        None => failure.hint(format!(
            "see what it writes with: supervisorctl logs -f {worker}"
        )),
    }
}

pub(super) fn no_tmux(why: &str) -> Failure {
    Failure::say(Exit::Failed, format!("tmux cannot be run: {why}"))
        .hint("see what is missing with: supervisorctl doctor")
}
