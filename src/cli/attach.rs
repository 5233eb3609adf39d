//! `attach`: into the tmux session of a worker, also while no daemon runs; into one on another host while
//! its daemon is connected there.
//!
//! Promise: a server that may be another user's never has root's terminal, but one of its own
//! ([`relay`]).

use std::{io::IsTerminal, os::unix::process::CommandExt};

use super::{
    Context,
    failure::{Exit, Failure},
    relay,
    session::{Session, no_tmux},
};
use crate::model::WorkerName;

/// Becomes tmux in the session, or mirrors it.
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
    let (mut client, whose) = session.tmux(&["attach"], true)?;
    let ended = match whose {
        None => Err(client.exec()),
        Some(_) => relay::run(client),
    };
    match ended {
        Ok(status) if status.success() => Ok(()),
        // tmux has said why.
        Ok(_) => Err(Failure::told(Exit::Failed)),
        Err(error) => Err(no_tmux(&error.to_string())),
    }
}
