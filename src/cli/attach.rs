//! `attach`: into the tmux session of a worker, also while no daemon runs.

use std::{io::IsTerminal, os::unix::process::CommandExt};

use super::{
    Context,
    failure::{Exit, Failure},
    session::{Session, no_tmux},
};
use crate::model::WorkerName;

/// Becomes tmux, in the session.
pub(super) fn run(worker: WorkerName, context: &Context) -> Result<(), Failure> {
    let session = Session::find(worker, "attach", context)?;
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::say(Exit::Usage, "standard input is not a terminal").hint(format!(
                "see what it writes with: supervisorctl logs -f {}; what it shows with: supervisorctl \
                 screen {}",
                session.worker, session.worker
            )),
        );
    }
    // Each worker has a server of its own, so tmux allows this also from within another session.
    let error = session.tmux()?.arg("attach").exec();
    Err(no_tmux(&error.to_string()))
}
