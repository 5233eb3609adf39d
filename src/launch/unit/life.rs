//! How a unit is looked at, and how it ends.
//!
//! Promise: an end is the one that the manager's own hand wrote down or, where that could not write,
//! that the manager told whoever watched; or it is not known. A manager that does not answer has said
//! nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::{RECORD, name, record, script};
use crate::{
    launch::{
        ATTEMPT_DIR,
        directory::{Directory, Start},
    },
    model::{AttemptRef, Exit, Intervention, WorkerName},
    systemd::{
        manager::{Incarnation, Manager, ManagerError},
        units::Units,
    },
};

/// What the manager is given to answer while a signal waits for it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// What the manager's word is given that is on its way, when the unit is gone.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// What the manager is given to let go of a unit in which nothing lives.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Waits until the manager has let go of a worker's unit in which nothing lives: until then it refuses
/// the next one.
pub(in crate::launch) async fn gone(units: &Units, worker: &WorkerName) -> Result<(), String> {
    let unit = name(worker);
    let mut watch = units.watch(&unit);
    let gone = async {
        loop {
            match look(units, &unit).await {
                Ok(None) => return,
                Ok(Some(_)) | Err(_) => watch.changed().await,
            }
        }
    };
    tokio::time::timeout(GONE_WITHIN, gone)
        .await
        .map_err(|_elapsed| format!("{unit} is there although nothing of it lives"))
}

pub(super) async fn look(units: &Units, unit: &str) -> Result<Option<Incarnation>, ManagerError> {
    let manager: Manager = units.manager().await?;
    manager.incarnation(unit).await
}

/// The recorder, while it runs. It is in the worker's cgroup, and what is meant for that must not reach
/// it. A manager that does not say it in time has no say.
pub(in crate::launch) async fn recorder_of(units: &Units, worker: &WorkerName) -> Option<i32> {
    let unit = name(worker);
    let asked = async { units.manager().await.ok()?.last_command(&unit).await.ok()? };
    let answer = tokio::time::timeout(ANSWERS_WITHIN, asked).await;
    answer.ok().flatten()
}

/// Lets the processes of a unit go on that somebody has frozen. A manager that does not do it in time
/// has not done it.
pub(in crate::launch) async fn thaw(units: &Units, unit: &str) -> Result<(), ManagerError> {
    let thawed = async { units.manager().await?.thaw(unit).await };
    let answer = tokio::time::timeout(ANSWERS_WITHIN, thawed).await;
    answer.unwrap_or(Ok(()))
}

/// Whether a worker's unit is there and carries this attempt, as far as to be about to begin it, or to
/// wait for its turn to.
pub(in crate::launch) async fn carries(
    units: &Units,
    worker: &WorkerName,
    directory: &Directory,
) -> Result<bool, ManagerError> {
    let unit = name(worker);
    let manager = units.manager().await?;
    let own = format!("{ATTEMPT_DIR}={}", directory.path().display());
    Ok(manager.is_under_way(&unit).await? && manager.environment(&unit).await?.contains(&own))
}

/// The attempt's directory, as this life of its unit was told it.
pub(in crate::launch) async fn began_in(
    units: &Units,
    worker: &WorkerName,
    invocation: &str,
) -> Option<PathBuf> {
    let unit = name(worker);
    let found = look(units, &unit).await.ok()??;
    if found.invocation != invocation {
        return None;
    }
    attempt_of(&units.manager().await.ok()?, &unit).await
}

/// The directory of the attempt that a unit carries.
pub(super) async fn attempt_of(manager: &Manager, unit: &str) -> Option<PathBuf> {
    let environment = manager.environment(unit).await.ok()?;
    let named = format!("{ATTEMPT_DIR}=");
    let mut lines = environment.iter();
    lines
        .find_map(|line| line.strip_prefix(&named))
        .map(PathBuf::from)
}

/// How far the end of one life of a unit has come.
pub(in crate::launch) enum Ending {
    /// Something of it lives, or the recorder has not run yet.
    Ending,
    /// It is over; how it ended, if that was recorded.
    Ended(Option<Exit>),
}

/// How an attempt ended that was a unit's main process, if the manager has written it down.
pub(crate) fn recorded(directory: &Directory, start: &Start) -> Option<Exit> {
    let invocation = start
        .invocation
        .as_deref()
        .filter(|_| start.pane.is_none())?;
    of_invocation(directory, invocation)
}

fn of_invocation(directory: &Directory, invocation: &str) -> Option<Exit> {
    let text = fs::read_to_string(directory.path().join(RECORD)).ok()?;
    let exit = record::of(&text, invocation)?;
    Some(directory.of_worker_alone(exit))
}

/// How an attempt of an earlier boot ended, and what ended it, if anybody has written that down.
pub(crate) fn before_reboot(
    directory: &Directory,
    start: &Start,
) -> Option<(Exit, Option<Intervention>)> {
    let (exit, at, with_session) = match directory.ended() {
        Some(ended) => (ended.exit, ended.at, ended.with_session),
        None => (recorded(directory, start)?, written(directory)?, false),
    };
    let by = match intervention(directory) {
        Some(Intervention::ManagerEnded) if exit.stopped_by_machine().is_none() => {
            Some(Intervention::MachineWentDown(at))
        }
        None if with_session => Some(Intervention::MachineWentDown(at)),
        // Also a file system that was unmounted before; one that is unmounted as the machine goes
        // down is not told of.
        by => by,
    };
    Some((exit, by))
}

/// Whether an attempt of an earlier boot had ended before the machine went down, as far as anybody has
/// written that down.
pub(crate) fn was_over_before_reboot(state: &Path, attempt: &AttemptRef) -> bool {
    let directory = Directory::of(state, attempt);
    let known = match directory.start() {
        Some(start) => before_reboot(&directory, &start),
        // It could not be started.
        None => directory.ended().map(|ended| (ended.exit, None)),
    };
    known.is_some_and(|(exit, by)| {
        let with_machine = matches!(
            by,
            Some(
                Intervention::MachineWentDown(_)
                    | Intervention::ManagerEnded
                    | Intervention::Maintenance
            )
        );
        !with_machine && exit.stopped_by_machine().is_none()
    })
}

/// When the manager's hand last wrote down an end.
pub(super) fn written(directory: &Directory) -> Option<Timestamp> {
    let path = directory.path().join(RECORD);
    let record = fs::metadata(&path).ok()?;
    record::last_invocation(&fs::read_to_string(path).ok()?)?;
    record.modified().ok()?.try_into().ok()
}

/// Whether the manager's hand wrote down an end in this directory.
pub(in crate::launch) fn has_record(directory: &Path) -> bool {
    let text = fs::read_to_string(directory.join(RECORD));
    text.is_ok_and(|text| record::last_invocation(&text).is_some())
}

/// What somebody did to the attempt's unit, past us, and ended it.
pub(in crate::launch) fn intervention(directory: &Directory) -> Option<Intervention> {
    let text = fs::read_to_string(directory.path().join(script::ASKED)).ok()?;
    let invocation = directory.start().map(|start| start.invocation);
    match invocation {
        Some(invocation) => record::asked(&text, Some(&invocation?)),
        None => record::asked(&text, None),
    }
}

/// The same of one that has just ended: who asked for something may have asked for something else since,
/// and that is known once the manager has let go of the unit.
pub(in crate::launch) async fn last_word(
    units: &Units,
    worker: &WorkerName,
    directory: &Directory,
) -> Option<Intervention> {
    intervention(directory)?;
    // If it does not, that is told when the next one is to begin.
    drop(gone(units, worker).await);
    intervention(directory)
}

/// Asks how far its end has come, also of a unit that runs.
pub(in crate::launch) async fn ends(
    units: &Units,
    worker: &WorkerName,
    invocation: &str,
    directory: &Directory,
) -> Result<Ending, ManagerError> {
    // In this order: the record is written before the unit is gone.
    let found = look(units, &name(worker)).await;
    if let Some(exit) = of_invocation(directory, invocation) {
        return Ok(Ending::Ended(Some(exit)));
    }
    Ok(match found? {
        Some(found) if found.lives && found.invocation == invocation => Ending::Ending,
        Some(_) | None => Ending::Ended(None),
    })
}

/// Waits for the end of one life of a unit, whose main process has this pid; how it was, if that was
/// recorded or told.
pub(in crate::launch) async fn exit(
    units: &Units,
    worker: &WorkerName,
    invocation: &str,
    pid: i32,
    directory: &Directory,
) -> Option<Exit> {
    let mut watch = units.watch(&name(worker));
    loop {
        match ends(units, worker, invocation, directory).await {
            Ok(Ending::Ended(Some(exit))) => return Some(exit),
            Ok(Ending::Ended(None)) => break,
            // A manager that cannot be asked has said nothing of the unit.
            Ok(Ending::Ending) | Err(_) => watch.changed().await,
        }
    }
    // The recorder was removed, or killed, or there was no room on the disk.
    let told = async {
        loop {
            if let Some(end) = watch.ended(pid) {
                return record::told(&end);
            }
            watch.changed().await;
        }
    };
    tokio::time::timeout(TOLD_WITHIN, told).await.ok().flatten()
}
