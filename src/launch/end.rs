//! How the end of a worker's own process becomes known: as our child, by pidfd, or through the
//! wrapper in its pane.

use rustix::fs::inotify::WatchFlags;

use super::{
    ailment::Ailment,
    context::Context,
    directory::{Directory, Pane, Start},
    life::AGAIN,
    unit,
};
use crate::{
    host::{process::Process, reaper::Child},
    model::{AttemptRef, Exit, WorkerName},
    systemd::units::Units,
};

/// What tells the end.
pub(super) enum End {
    Child(Child),
    Stranger(Process),
    Pane {
        worker: Process,
        pane: Pane,
    },
    Unit {
        units: Units,
        worker: WorkerName,
        invocation: String,
        pid: i32,
    },
}

impl End {
    /// Of an attempt that a unit of its worker carries, or carried.
    pub(super) fn unit(start: &Start, units: Units, worker: &WorkerName) -> Self {
        Self::Unit {
            units,
            worker: worker.clone(),
            invocation: start.invocation.clone().unwrap_or_default(),
            pid: start.identity.pid,
        }
    }

    /// Waits for the end; how it was, also from the exit record.
    pub(super) async fn exit(
        self,
        context: &Context,
        attempt: &AttemptRef,
        directory: &Directory,
    ) -> Exit {
        let (worker, pane) = match self {
            Self::Child(mut child) => return child.exit().await,
            Self::Stranger(worker) => (worker, None),
            Self::Pane { worker, pane } => (worker, Some(pane)),
            Self::Unit {
                units,
                worker,
                invocation,
                pid,
            } => {
                let exit = unit::exit(&units, &worker, &invocation, pid, directory).await;
                return exit.unwrap_or_else(unseen);
            }
        };
        let mut watched = loop {
            match worker.watch() {
                Ok(watched) => break watched,
                Err(error) => {
                    let text = format!("process {} cannot be watched: {error}", worker.pid);
                    context.ails(attempt, Ailment::Process, &text);
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        let Some(watched) = &mut watched else {
            return recorded(context, directory, pane)
                .await
                .unwrap_or_else(unseen);
        };
        if let Some(why) = watched.shortage() {
            // The same for each attempt, so that the operator is told of it once.
            context.problem("descriptors".into(), format!(
                "too few descriptors: {why}; some attempts are looked at every second instead of \
                 being watched, and how they end may be lost; raise LimitNOFILE= (ulimit -n)"
            ));
        }
        watched.ended().await;
        match recorded(context, directory, pane).await {
            Some(exit) => exit,
            None => watched.exit().await,
        }
    }
}

/// The exit that the pane's wrapper records, at once or never.
async fn recorded(context: &Context, directory: &Directory, pane: Option<Pane>) -> Option<Exit> {
    if let Some(pane) = pane {
        let arrivals = &context.arrivals;
        let arrival = arrivals
            .watch(&directory.records(), WatchFlags::MOVED_TO)
            .ok();
        let wrapper_ended = pane.wrapper.ended();
        tokio::pin!(wrapper_ended);
        while directory.ended().is_none() {
            let arrived = async {
                match &arrival {
                    Some(arrival) => arrival.changed().await,
                    None => tokio::time::sleep(AGAIN).await,
                }
            };
            tokio::select! {
                () = arrived => {}
                // When it cannot be watched, its record is there or it is not.
                _ = &mut wrapper_ended => break,
            }
        }
    }
    directory.ended().map(|ended| ended.exit)
}

/// Ended, and nobody was there.
pub(crate) fn unseen() -> Exit {
    Exit::Lost("nobody wrote down how it ended".into())
}
