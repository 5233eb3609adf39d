//! How a worker's unit is started, and what kept it from beginning.
//!
//! Promise: when a start is answered, the attempt's own process is known, or it is certain that nothing
//! of it runs.

use tokio::time::timeout;
use zbus::Variant;

use super::{
    carrier::Carrier,
    journal, killed,
    life::{intervention, look},
    mounted::mounted,
    refused::refused,
    script, step,
};
use crate::{
    causes::in_one_line,
    host::inotify::Watch,
    launch::{
        directory::{Directory, Start},
        not_started::NotStarted,
    },
    model::AttemptRef,
    systemd::{
        manager::{Manager, ManagerError},
        start::Cancellation,
    },
};

impl Carrier<'_> {
    /// Starts the unit, and waits until its worker has been recorded, or until it is certain that it
    /// will not be.
    pub(super) async fn begin(
        &self,
        attempt: &AttemptRef,
        manager: &Manager,
        unit: &str,
        properties: &[(&str, Variant<'_>)],
        directory: &Directory,
        arrival: &Watch,
    ) -> Result<Start, NotStarted> {
        script::reserve(directory).map_err(|error| {
            NotStarted::because(&directory.path().display().to_string(), &error)
        })?;
        let mut watch = self.units.watch(unit);
        let started = manager.start(unit, properties).await;
        match &started {
            Ok(()) | Err(ManagerError::Job { .. }) => {}
            Err(ManagerError::Canceled { by, .. }) => {
                if *by == Cancellation::Stopped {
                    self.stopped(directory).await?;
                }
            }
            Err(error) => {
                return Err(refused(manager, unit, error, &self.context.settings.state).await);
            }
        }
        // That the job failed may also be the end of a worker that was too quick for it.
        loop {
            // In this order: what the unit has recorded was there before it ended.
            let found = look(self.units, unit).await;
            if let Some(start) = directory.start() {
                return Ok(start);
            }
            if let Some(why) = directory.start_failed() {
                return Err(why.into());
            }
            // What the manager has recorded was there before the job failed, and before the unit ended.
            let over = match &started {
                Err(error @ ManagerError::Job { .. }) => Some(in_one_line(error)),
                Ok(()) | Err(_) => found
                    .is_ok_and(|found| found.is_none_or(|found| !found.lives))
                    .then(|| format!("{unit} ended before its worker began")),
            };
            if let Some(over) = over {
                return Err(self.unbegun(attempt, unit, directory, started, over).await);
            }
            tokio::select! {
                () = arrival.changed() => {}
                () = watch.changed() => {}
            }
        }
    }

    /// Why its worker has not begun.
    async fn unbegun(
        &self,
        attempt: &AttemptRef,
        unit: &str,
        directory: &Directory,
        started: Result<(), ManagerError>,
        over: String,
    ) -> NotStarted {
        match started {
            Err(error) if error.is_of_dependency() => {
                if let Err(lack) = mounted(self.units, &self.needs.ways).await {
                    return lack;
                }
                return NotStarted {
                    why: format!("{over}; see: journalctl -u {unit}"),
                    shortage: true,
                };
            }
            Err(error @ ManagerError::Canceled { .. }) => {
                return NotStarted {
                    why: in_one_line(&error),
                    shortage: true,
                };
            }
            Ok(()) | Err(_) => {}
        }
        let (runner, whose) = (&self.context.runner, self.units.whose());
        // One that hangs says less.
        drop(timeout(journal::ANSWERS_WITHIN, journal::caught_up(whose)).await);
        let why = match killed::while_it_began(runner, whose, directory).await {
            Some(by_hand) => Some(by_hand),
            None => step::failed(attempt, directory, &self.needs.worker, runner, whose).await,
        };
        let why = why.map_or(over, |why| format!("{unit}: {why}"));
        format!("{why}; see: journalctl -u {unit}").into()
    }

    /// Records that the unit was stopped while it began: one that waits for its turn runs nothing that
    /// could, and one that is frozen cannot.
    async fn stopped(&self, directory: &Directory) -> Result<(), NotStarted> {
        if intervention(directory).is_some() {
            return Ok(());
        }
        // A unit is stopped together with a mount that it needs.
        mounted(self.units, &self.needs.ways).await?;
        let recorded = script::record_stop(directory);
        recorded
            .map_err(|error| NotStarted::because(&directory.path().display().to_string(), &error))
    }
}
