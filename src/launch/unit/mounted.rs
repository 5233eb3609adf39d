//! Whether the file systems are there that a worker's directories are on.

use std::{collections::BTreeSet, path::PathBuf};

use super::refused::unreachable;
use crate::{
    launch::not_started::NotStarted,
    systemd::{
        manager::{Manager, ManagerError, Whose},
        mount::{self, NotMounted},
        units::Units,
    },
};

/// The first of those on these ways that is not mounted.
pub(in crate::launch) async fn unmounted(
    units: &Units,
    ways: &BTreeSet<PathBuf>,
) -> Result<Option<NotMounted>, ManagerError> {
    let manager = units.manager().await?;
    let found = mount::below(&manager, units.whose(), ways).await?;
    match units.whose() {
        Whose::User(_) if found.is_none() => Ok(of_system(ways).await.ok().flatten()),
        Whose::User(_) | Whose::System => Ok(found),
    }
}

/// The system's manager mounts what users work on, and answers everybody.
async fn of_system(ways: &BTreeSet<PathBuf>) -> Result<Option<NotMounted>, ManagerError> {
    let manager = Manager::connect(&Whose::System).await?;
    mount::below(&manager, &Whose::System, ways).await
}

/// Fails when one of them is not mounted, which is no fault of the worker's.
pub(in crate::launch) async fn mounted(
    units: &Units,
    ways: &BTreeSet<PathBuf>,
) -> Result<(), NotStarted> {
    match unmounted(units, ways).await {
        Ok(None) => Ok(()),
        Ok(Some(lack)) => Err(NotStarted {
            why: lack.to_string(),
            shortage: true,
        }),
        Err(error) => Err(unreachable(&error)),
    }
}
