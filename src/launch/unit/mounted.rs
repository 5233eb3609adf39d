//! Whether the file systems are there that a worker's directories are on.

use super::refused::unreachable;
use crate::{
    config::Worker,
    launch::not_started::NotStarted,
    systemd::{mount, units::Units},
};

/// Fails when one of them is not mounted, which is no fault of the worker's.
pub(in crate::launch) async fn mounted(units: &Units, worker: &Worker) -> Result<(), NotStarted> {
    let look = async {
        let manager = units.manager().await?;
        mount::below(&manager, units.whose(), worker.places()).await
    };
    match look.await {
        Ok(None) => Ok(()),
        Ok(Some(lack)) => Err(NotStarted {
            why: lack.to_string(),
            shortage: true,
        }),
        Err(error) => Err(unreachable(&error)),
    }
}
