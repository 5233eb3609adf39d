//! `attach`: into the tmux session of a worker, also while no daemon runs.

use std::{
    io::{ErrorKind, IsTerminal},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
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
    launch,
    model::{LauncherKind, WorkerName},
    paths::{SYSTEM_SOCKET, typed},
};

pub(super) fn run(worker: WorkerName, context: &Context) -> Result<(), Failure> {
    let request = Request::Where {
        worker: worker.clone(),
    };
    let connected = context.try_connect()?;
    let found: WhereView = match connected.and_then(|mut daemon| daemon.ask(&request)) {
        Ok(found) => found,
        Err(down @ ClientError::NotRunning { .. }) => {
            return enter(&worker, &without_daemon(&worker, down, context)?, context);
        }
        Err(other) => return Err(context.refused(other)),
    };
    if let Some(why) = found.tmux_lost {
        return Err(lost(&worker, &why));
    }
    let Some(socket) = found.tmux else {
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
        return Err(failure.hint(format!(
            "see what it writes with: supervisorctl {logs} {worker}"
        )));
    };
    enter(&worker, &socket, context)
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
    let found = launch::without_daemon(&paths.state, &paths.runtime, worker);
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

/// Becomes tmux, in the session behind this socket.
fn enter(worker: &WorkerName, socket: &Path, context: &Context) -> Result<(), Failure> {
    // What tmux says of it helps nobody.
    if let Err(error) = UnixStream::connect(socket)
        && error.kind() == ErrorKind::PermissionDenied
    {
        let whose = format!("the session of worker {worker} is its user's alone, and root's");
        let rig = match context.socket()? {
            usual if usual == Path::new(SYSTEM_SOCKET) => String::new(),
            other => format!(" --socket {}", typed(other)),
        };
        let hint = format!("sudo supervisorctl{rig} attach {worker}");
        return Err(Failure::say(Exit::Failed, whose).hint(hint));
    }
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::say(Exit::Usage, "standard input is not a terminal").hint(format!(
                "see what it writes with: supervisorctl logs -f {worker}"
            )),
        );
    }
    // Each worker has a server of its own, so tmux allows this also from within another session.
    let error = Command::new("tmux")
        .arg("-S")
        .arg(socket)
        .arg("attach")
        .exec();
    Err(
        Failure::say(Exit::Failed, format!("tmux cannot be run: {error}"))
            .hint("see what is missing with: supervisorctl doctor"),
    )
}
