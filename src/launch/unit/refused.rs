//! Why the manager did not start a worker's unit, and whose it is that has its name.

use std::path::{Path, PathBuf};

use super::life::attempt_of;
use crate::{
    causes::in_one_line,
    launch::not_started::NotStarted,
    systemd::manager::{Manager, ManagerError},
};

/// `state`: our own state directory.
pub(super) async fn refused(
    manager: &Manager,
    unit: &str,
    error: &ManagerError,
    state: &Path,
) -> NotStarted {
    match error {
        error if error.is_taken() => taken(manager, unit, state).await,
        ManagerError::NotThere { .. } | ManagerError::Gone(_) => unreachable(error),
        // Such as a mount that is being stopped.
        error if error.is_destructive() => unreachable(error),
        error => NotStarted::from(in_one_line(error)),
    }
}

/// No fault of the worker's.
async fn taken(manager: &Manager, unit: &str, state: &Path) -> NotStarted {
    let theirs = state_of(manager, unit).await;
    NotStarted {
        why: match theirs.filter(|theirs| theirs != state) {
            Some(theirs) => format!(
                "{unit} is of another rig, the one with the state directory {}, and a service \
                 manager has only one of a name: give one of the two workers another name",
                theirs.display()
            ),
            None => format!("{unit} is there already; see: systemctl status {unit}"),
        },
        shortage: true,
    }
}

/// The state directory of the rig that has this unit: an attempt's is `attempts/WORKER/ID` of it.
async fn state_of(manager: &Manager, unit: &str) -> Option<PathBuf> {
    let directory = attempt_of(manager, unit).await?;
    directory.ancestors().nth(3).map(Path::to_owned)
}

/// No fault of the worker's: it is tried again.
pub(super) fn unreachable(error: &ManagerError) -> NotStarted {
    NotStarted {
        why: in_one_line(error),
        shortage: true,
    }
}
