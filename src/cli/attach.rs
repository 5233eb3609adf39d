//! `attach`: into the tmux session of a worker.

use std::{
    io::{ErrorKind, IsTerminal},
    os::unix::{net::UnixStream, process::CommandExt},
    process::Command,
};

use super::{
    Context,
    failure::{Exit, Failure},
};
use crate::{
    control::protocol::{Request, WhereView},
    model::{LauncherKind, WorkerName},
};

pub(super) fn run(worker: WorkerName, context: &Context) -> Result<(), Failure> {
    let found: WhereView = context.connect()?.ask(&Request::Where {
        worker: worker.clone(),
    })?;
    if let Some(why) = found.tmux_lost {
        let lost = format!("worker {worker} runs, but nobody can attach to it: {why}");
        return Err(Failure::say(Exit::Failed, lost).hint(format!(
            "see what it writes with: supervisorctl logs -f {worker}; a restart gives it a session \
             that can be attached to: supervisorctl restart {worker}"
        )));
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
    // What tmux says of it helps nobody.
    if let Err(error) = UnixStream::connect(&socket)
        && error.kind() == ErrorKind::PermissionDenied
    {
        let whose = format!("the session of worker {worker} is its user's alone, and root's");
        return Err(Failure::say(Exit::Failed, whose).hint(format!(
            "sudo supervisorctl{} attach {worker}; see what it writes with: supervisorctl logs -f \
             {worker}",
            context.rig.arguments()
        )));
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
        .arg(&socket)
        .arg("attach")
        .exec();
    Err(
        Failure::say(Exit::Failed, format!("tmux cannot be run: {error}"))
            .hint("see what is missing with: supervisorctl doctor"),
    )
}
