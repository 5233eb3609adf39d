//! The store, read without a trace.
//!
//! How: opening a SQLite database can repair its log, make files and delete others. So the database
//! and its log are copied to a private temporary directory, and the copy is opened. The copy is
//! taken again when one of the files changed meanwhile.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    History, Problem, StoreError,
    atomic_file::{exists, file_error, with_suffix},
    database::{self, Trouble},
    load::{self, Loaded},
    phase_file, reboots_file,
    resume::{self, Kept, Stale, Standing},
    standstill,
};
use crate::{decide::Restored, model::PhaseId};

/// How often a copy is tried while a daemon writes.
const TRIES: u32 = 20;
/// What there is of a database: itself and its log.
const FILES: [&str; 2] = ["", "-wal"];

/// A look at a state directory.
#[derive(Debug)]
pub struct ReadOnly {
    /// What a daemon that starts now would know.
    pub restored: Restored,
    /// What it would report.
    pub problems: Vec<Problem>,
    pub(super) kept: Option<Kept>,
    path: PathBuf,
    pub(super) conn: Connection,
    /// Holds the files of `conn`.
    _copy: Option<TempDir>,
}

impl ReadOnly {
    pub(super) fn open(dir: &Path, plan: &[PhaseId]) -> Result<Self, StoreError> {
        let path = database::path(dir);
        match load_copy(&path) {
            Ok(Some((loaded, copy))) => Ok(Self::judge(dir, loaded, Some(copy), plan, Vec::new())),
            Ok(None) => {
                let traces = load::traces(dir);
                let lost = traces.as_deref().map(load::missing_but);
                let loaded = Self::from_reboots(dir, &path, lost.as_deref())?;
                let missing = traces.map(|traces| Problem::DatabaseMissing { path, traces });
                Ok(Self::judge(
                    dir,
                    loaded,
                    None,
                    plan,
                    missing.into_iter().collect(),
                ))
            }
            Err(Trouble::Damaged(why)) => {
                let loaded = Self::from_reboots(dir, &path, Some(load::UNREADABLE))?;
                let problem = Problem::DatabaseDamaged {
                    path,
                    why,
                    aside: None,
                };
                Ok(Self::judge(dir, loaded, None, plan, vec![problem]))
            }
            Err(Trouble::Refused(error)) => Err(error),
        }
    }

    /// Where not even a copy of the database can be read.
    pub(super) fn without_database(
        dir: &Path,
        plan: &[PhaseId],
        why: StoreError,
    ) -> Result<Self, StoreError> {
        let loaded = Self::from_reboots(dir, &database::path(dir), Some(load::UNREADABLE))?;
        Ok(Self::judge(
            dir,
            loaded,
            None,
            plan,
            vec![Problem::Degraded(why)],
        ))
    }

    fn from_reboots(dir: &Path, path: &Path, lost: Option<&str>) -> Result<Loaded, StoreError> {
        let bytes = reboots_file::read(dir).unwrap_or_default();
        load::in_memory(path, &reboots_file::listed(&bytes), lost)
    }

    fn judge(
        dir: &Path,
        loaded: Loaded,
        copy: Option<TempDir>,
        plan: &[PhaseId],
        mut problems: Vec<Problem>,
    ) -> Self {
        let record = loaded.record();
        let mut restored = loaded.restored;
        restored.paused = standstill::read(dir).or(restored.paused);
        let path = phase_file::path(dir);
        match resume::judge(record, resume::File::of(dir), plan, Timestamp::now()) {
            Standing::Fresh => {}
            Standing::Agreed(point) => restored.resume_point = Some(point),
            Standing::Adopt(point, text) => {
                restored.resume_point = Some(point);
                problems.push(Problem::PhaseFileEdited { path, text });
            }
            Standing::Rewrite(kept, stale) => {
                restored.resume_point = Some(kept.point.clone());
                let used = Some(kept.point);
                match stale {
                    Stale::Crash => {}
                    Stale::Missing => problems.push(Problem::PhaseFileMissing(path)),
                    Stale::Unreadable(error) => problems.push(Problem::Degraded(error)),
                    Stale::Damaged(why) => {
                        problems.push(Problem::PhaseFileDamaged {
                            path,
                            why,
                            aside: None,
                            used,
                        });
                    }
                }
            }
            Standing::Lost { why, .. } => {
                let before = restored.paused.take();
                restored.paused = Some(resume::paused_for(&why, before));
                problems.push(Problem::ResumePointLost(why));
            }
        }
        Self {
            restored,
            problems,
            kept: loaded.kept,
            path: database::path(dir),
            conn: loaded.conn,
            _copy: copy,
        }
    }

    /// The history as it was when this look was taken.
    pub fn history(&self) -> History<'_> {
        History {
            conn: &self.conn,
            path: &self.path,
        }
    }
}

/// Loads a copy of the database; errors name the original.
fn load_copy(path: &Path) -> Result<Option<(Loaded, TempDir)>, Trouble> {
    let Some(copy) = copy(path)? else {
        return Ok(None);
    };
    match load::at(&copy.path().join(database::NAME)) {
        Ok(loaded) => Ok(loaded.map(|loaded| (loaded, copy))),
        Err(Trouble::Refused(error)) => Err(Trouble::Refused(match error {
            StoreError::Newer {
                found,
                known,
                written_by,
                ..
            } => StoreError::Newer {
                path: path.to_owned(),
                found,
                known,
                written_by,
            },
            StoreError::Database { doing, source, .. } => StoreError::Database {
                doing,
                path: path.to_owned(),
                source,
            },
            other => other,
        })),
        Err(damaged) => Err(damaged),
    }
}

/// Copies what there is of the database; `None` when there is nothing.
fn copy(path: &Path) -> Result<Option<TempDir>, Trouble> {
    if FILES.iter().all(|name| !exists(&with_suffix(path, name))) {
        return Ok(None);
    }
    let dir = private_dir()?;
    copy_into(path, dir.path())?;
    Ok(Some(dir))
}

/// Copies the database into a directory that has none.
pub(super) fn copy_to(path: &Path, dir: &Path) -> Result<(), StoreError> {
    copy_into(path, dir).map_err(|trouble| match trouble {
        Trouble::Refused(error) => error,
        Trouble::Damaged(why) => file_error("copied", path, io::Error::other(why)),
    })
}

fn copy_into(path: &Path, dir: &Path) -> Result<(), Trouble> {
    for _ in 0..TRIES {
        let before = FILES.map(|name| stamp(&with_suffix(path, name)));
        for name in FILES {
            let (from, to) = (
                with_suffix(path, name),
                with_suffix(&dir.join(database::NAME), name),
            );
            copy_file(&from, &to)?;
        }
        if before == FILES.map(|name| stamp(&with_suffix(path, name))) {
            return Ok(());
        }
    }
    let busy = io::Error::new(
        io::ErrorKind::ResourceBusy,
        "it is being written all the time",
    );
    Err(file_error("copied", path, busy).into())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Trouble> {
    match fs::metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            drop(fs::remove_file(to));
            return Ok(());
        }
        Err(source) => return Err(file_error("read", from, source).into()),
        Ok(meta) if !meta.is_file() => {
            return Err(Trouble::Damaged("it is not a regular file".to_owned()));
        }
        Ok(_) => {}
    }
    let mut source = File::open(from).map_err(|source| file_error("read", from, source))?;
    let copied = File::create(to).and_then(|mut to| io::copy(&mut source, &mut to));
    copied.map_err(|error| file_error("copied to", to, error))?;
    Ok(())
}

/// What changes when a file is written or replaced.
fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// In memory where there is no temporary directory that can be written.
fn private_dir() -> Result<TempDir, StoreError> {
    tempfile::tempdir().or_else(|source| {
        tempfile::tempdir_in("/dev/shm")
            .map_err(|_| file_error("written", &std::env::temp_dir(), source))
    })
}
