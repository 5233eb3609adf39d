//! How a unit is started, and what it means when its start is canceled.
//!
//! Promise: [`Cancellation::Stopped`] is certain, as it outlives a reboot; where it is not, it is
//! [`Cancellation::Other`].
//!
//! How: a manager that goes down cancels starts by stop jobs as well, and so does one that goes into
//! maintenance; but it says so until it is over (systemctl(1), `is-system-running`). `systemctl cancel`
//! takes a job away and puts none in its place.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use zbus::{OwnedObjectPath, Variant};

use super::{
    interface::JobRemoved,
    manager::{Manager, ManagerError, lives},
};
use crate::fault;

/// What the manager's word is given that is on its way, when the unit is gone.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Why a start job was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// By a stop of the unit, which is done.
    Stopped,
    /// By anything else. What had begun may go on.
    Other,
}

impl Manager {
    /// Starts a transient unit, and waits until its start job has ended; if that was canceled by a stop
    /// of the unit, until that is done.
    ///
    /// # Errors
    /// [`ManagerError::Job`] and [`ManagerError::Canceled`] when the job has not done it.
    pub async fn start(
        &self,
        unit: &str,
        properties: &[(&str, Variant<'_>)],
    ) -> Result<(), ManagerError> {
        let mut ends = self.systemd.receive_job_removed().await?;
        fault::point(|| "before a unit is asked for".to_owned());
        let job = self
            .systemd
            .start_transient_unit(unit, "fail", properties, &[])
            .await?;
        fault::point(|| "after a unit was asked for".to_owned());
        while let Some(end) = ends.next().await {
            let end = end.args()?;
            if *end.job() == job {
                let unit = unit.to_owned();
                return match end.result().as_str() {
                    "done" => Ok(()),
                    "canceled" => {
                        let by = self.cancellation(&unit, &job, ends).await?;
                        Err(ManagerError::Canceled { unit, by })
                    }
                    result => Err(ManagerError::Job {
                        unit,
                        result: result.to_owned(),
                    }),
                };
            }
        }
        Err(lost())
    }

    /// Why this job of the unit was canceled.
    async fn cancellation(
        &self,
        unit: &str,
        job: &OwnedObjectPath,
        mut ends: impl Stream<Item = JobRemoved> + Unpin,
    ) -> Result<Cancellation, ManagerError> {
        // At once: whoever canceled many jobs still has some.
        let state = self.systemd.system_state().await?;
        if matches!(state.as_str(), "stopping" | "maintenance") {
            return Ok(Cancellation::Other);
        }
        let successor = async {
            while let Some(end) = ends.next().await {
                let end = end.args()?;
                if end.unit() == unit && end.job() != job {
                    return Ok(match end.result().as_str() {
                        "done" => Cancellation::Stopped,
                        _ => Cancellation::Other,
                    });
                }
            }
            Err(lost())
        };
        match self.present(unit).await? {
            Some((0, true)) => Ok(Cancellation::Other),
            Some((0, false)) | None => tokio::time::timeout(TOLD_WITHIN, successor)
                .await
                .unwrap_or(Ok(Cancellation::Other)),
            Some(_) => successor.await,
        }
    }

    /// The number of a unit's job, 0 without, and whether it lives; `None` when it is not loaded.
    pub(super) async fn present(&self, unit: &str) -> Result<Option<(u32, bool)>, ManagerError> {
        let found = self.systemd.get_unit(unit).await;
        let path = match found.map_err(ManagerError::from) {
            Ok(path) => path,
            Err(error) if error.is_unknown() => return Ok(None),
            Err(error) => return Err(error),
        };
        let unit = self.unit(path).await?;
        // In this order: a job that has its turn leaves a unit that lives.
        let (job, _) = unit.job().await?;
        Ok(Some((job, lives(&unit.active_state().await?))))
    }
}

fn lost() -> ManagerError {
    let ended = std::io::ErrorKind::UnexpectedEof;
    ManagerError::Gone(zbus::Error::InputOutput(std::sync::Arc::new(ended.into())))
}
