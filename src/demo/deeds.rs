//! What the story asks for, done.

use super::{
    DemoError,
    daemon::Daemon,
    line::Line,
    ours,
    play::Play,
    stage,
    story::{Deed, Happening, Seen},
};
use crate::model::{Signal, StateName};

impl Play<'_, '_> {
    /// Does it; returns what that made happen.
    pub(super) fn perform(&mut self, deed: Deed) -> Result<Option<Happening>, DemoError> {
        match deed {
            Deed::OpenLine => {
                if let Some(echo) = self.echo.take() {
                    let line = Line::open(echo, self.stage.proxy, self.sender.clone())?;
                    self.line = Some(line);
                }
                Ok(None)
            }
            Deed::KillBuilder => self.kill_builder().map(Some),
            Deed::KillDaemon => {
                self.killed = Some(self.look()?);
                if let Some(daemon) = &self.daemon {
                    daemon.kill()?;
                }
                Ok(None)
            }
            Deed::StartDaemon => self.start_daemon().map(|()| None),
            Deed::Look => match self.look() {
                Ok(seen) => Ok(Some(Happening::Seen(seen))),
                // Somebody who looks around killed it at this moment.
                Err(DemoError::Client(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    pub(super) fn start_daemon(&mut self) -> Result<(), DemoError> {
        self.lives += 1;
        self.daemon = Some(Daemon::start(&self.stage, self.lives, &self.sender)?);
        Ok(())
    }

    /// The workers that run, from the daemon, and what they were told, from their processes.
    fn look(&self) -> Result<Vec<Seen>, DemoError> {
        let Some(daemon) = &self.daemon else {
            return Ok(Vec::new());
        };
        let status = daemon.status()?;
        let ours = ours::living(&self.stage.path)?;
        let running = status
            .workers
            .iter()
            .filter(|row| row.state == StateName::Running);
        let seen = running.filter_map(|row| {
            let process = ours
                .iter()
                .find(|ours| Some(ours.process.pid) == row.pid && ours.worker == row.name.as_str());
            let process = process?;
            Some(Seen {
                worker: process.worker.clone(),
                pid: process.process.pid,
                attempt: row.attempt.as_ref()?.to_string(),
                phase: process.phase.clone(),
            })
        });
        Ok(seen.collect())
    }

    fn kill_builder(&self) -> Result<Happening, DemoError> {
        let seen = self.look()?;
        let Some(builder) = seen.iter().find(|seen| seen.worker == "builder") else {
            return Ok(Happening::BuilderMissed);
        };
        let ours = ours::living(&self.stage.path)?;
        let killed = ours
            .iter()
            .find(|ours| ours.process.pid == builder.pid && ours.attempt == builder.attempt)
            .map_or(Ok(false), |ours| ours.process.signal(Signal::KILL))
            .map_err(|error| DemoError::Process("signal to the Builder", error))?;
        if !killed {
            return Ok(Happening::BuilderMissed);
        }
        let changes = ["--no-optional-locks", "status", "--porcelain"];
        let unfinished = !stage::git(&self.stage.builder(), &changes)?.is_empty();
        Ok(Happening::BuilderKilled {
            pid: builder.pid,
            unfinished,
        })
    }
}
