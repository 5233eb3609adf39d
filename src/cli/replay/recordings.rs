//! Which recordings of a worker there are, and which one is meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{
    cli::{
        failure::{Exit, Failure},
        logs::unreadable,
        screen::Screen,
        words::second,
    },
    control::protocol::PROTOCOL,
    launch::{
        directory::{Directory, attempts},
        output::recording::{Playback, files},
    },
    model::{AttemptId, AttemptRef, WorkerName},
};

/// What is recorded of a worker, the oldest attempt first.
pub(super) struct Recordings {
    worker: WorkerName,
    all: Vec<Recording>,
}

#[derive(Debug, Serialize)]
struct Recording {
    attempt: AttemptId,
    /// What is left begins then.
    from: Timestamp,
    /// The last thing was recorded then.
    to: Timestamp,
    /// In the order in which they were written.
    files: Vec<PathBuf>,
    #[serde(skip)]
    directory: PathBuf,
}

impl Recording {
    /// `None` where there is none.
    fn find(state: &Path, of: &AttemptRef) -> Result<Option<Self>, Failure> {
        let directory = Directory::of(state, of).recording();
        let failed = |error| unreadable(&directory, &error);
        let files = files(&directory).map_err(failed)?;
        let first = Playback::of(&directory).read().map_err(failed)?;
        let (Some(first), Some(newest)) = (first, files.last()) else {
            return Ok(None);
        };
        let changed = fs::symlink_metadata(newest).and_then(|file| file.modified());
        let to = Timestamp::try_from(changed.map_err(failed)?).unwrap_or(first.at);
        Ok(Some(Self {
            attempt: of.attempt.clone(),
            from: first.at,
            to: to.max(first.at),
            files,
            directory,
        }))
    }
}

/// As JSON.
#[derive(Debug, Serialize)]
struct View<'a> {
    protocol: u32,
    worker: &'a WorkerName,
    recordings: &'a [Recording],
}

impl Recordings {
    /// Those below this state directory.
    pub(super) fn find(state: &Path, worker: &WorkerName) -> Result<Self, Failure> {
        let ids = attempts(state, worker).map_err(|error| unreadable(state, &error))?;
        let mut all = Vec::new();
        for attempt in ids {
            let worker = worker.clone();
            all.extend(Recording::find(state, &AttemptRef { worker, attempt })?);
        }
        let worker = worker.clone();
        if all.is_empty() {
            let none = format!("worker {worker} has no recording");
            return Err(Failure::say(Exit::Failed, none).hint(format!(
                "only what runs in tmux is recorded, and began under this version; see what it wrote with: supervisorctl logs {worker}"
            )));
        }
        Ok(Self { worker, all })
    }

    /// Prints them.
    pub(super) fn list(&self, json: bool, screen: &Screen) -> Result<(), Failure> {
        let Self { worker, all } = self;
        if json {
            return Ok(screen.json(&View {
                protocol: PROTOCOL,
                worker,
                recordings: all,
            })?);
        }
        let zone = TimeZone::system();
        let mut text = String::new();
        for Recording {
            attempt,
            from,
            to,
            files,
            ..
        } in all
        {
            let (from, to) = (second(*from, &zone), second(*to, &zone));
            text.push_str(&format!("{attempt}  {from} to {to}\n"));
            let files = files.iter().map(|file| format!("  {}\n", file.display()));
            text.extend(files);
        }
        Ok(screen.print(text)?)
    }

    /// Where the one is of this attempt, or of the one that ran at this moment, or else of the last.
    pub(super) fn choose(
        &self,
        attempt: Option<&AttemptId>,
        at: Option<Timestamp>,
    ) -> Result<PathBuf, Failure> {
        let Self { worker, all } = self;
        let found = match (attempt, at) {
            (Some(attempt), _) => all.iter().find(|one| one.attempt == *attempt),
            (None, Some(at)) => all.iter().rfind(|one| one.from <= at),
            (None, None) => all.last(),
        };
        let missing = || {
            let zone = TimeZone::system();
            let (exit, what) = match (attempt, at) {
                (Some(attempt), _) => (
                    Exit::Unknown,
                    format!("attempt {attempt} of worker {worker} has no recording"),
                ),
                (None, at) => {
                    let at = second(at.unwrap_or_default(), &zone);
                    let none = format!("worker {worker} has no recording that began before {at}");
                    (Exit::Failed, none)
                }
            };
            Failure::say(exit, what).hint(format!(
                "see which there are with: supervisorctl replay {worker} --list"
            ))
        };
        found.map(|one| one.directory.clone()).ok_or_else(missing)
    }
}
