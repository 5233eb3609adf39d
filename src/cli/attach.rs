//! `attach`: into the tmux session of a worker.

use std::{io::IsTerminal, os::unix::process::CommandExt, process::Command};

use super::{
    Context,
    failure::{Exit, Failure},
};
use crate::{
    control::protocol::{Request, WhereView},
    model::WorkerName,
};

pub(super) fn run(worker: WorkerName, context: &Context) -> Result<(), Failure> {
    let found: WhereView = context.connect()?.ask(&Request::Where {
        worker: worker.clone(),
    })?;
    let Some(socket) = found.tmux else {
        return Err(Failure::say(
            Exit::Failed,
            format!("worker {worker} has no tmux session that lives"),
        )
        .hint(format!(
            "see what it wrote with: supervisorctl logs {worker}"
        )));
    };
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
