//! The state directory, opened: what can be kept is kept, what is damaged is set aside.
//!
//! How: the database is loaded, or begun anew with what its companions still tell (`load`); then it
//! and `phase-idx` are brought together by the rule of `resume`. Where nothing can be written,
//! what can be read is restored all the same, and opening is tried again at the next record.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Problem, ReadOnly, Store, StoreError, Twin,
    access::{Access, Live},
    atomic_file,
    database::{self, Trouble, database_error},
    directory,
    load::{self, Loaded},
    lock::{Lock, Patience},
    phase_file, reboots_file,
    resume::{self, File, Record, Stale, Standing},
    structure, write,
};
use crate::{
    decide::{Fact, Restored},
    model::PhaseId,
};

/// An opened state directory.
#[derive(Debug)]
pub struct Opened {
    /// To record in.
    pub store: Store,
    /// What was known when the last daemon ended.
    pub restored: Restored,
    /// What the operator should hear of.
    pub problems: Vec<Problem>,
}

pub(super) fn open(dir: &Path, plan: &[PhaseId]) -> Result<Opened, StoreError> {
    directory::make(dir)?;
    let lock = Lock::take(dir, Patience::Moment)?;
    let path = database::path(dir);
    structure::refuse_newer(&path)?;
    lock.tell_of_us(dir, None);
    let mut problems = Vec::new();
    match begin(dir, &path, load::traces(dir), &mut problems) {
        Ok(loaded) => {
            let record = loaded.record();
            let twin = twin_of(&loaded.conn, &path)?;
            let mut store = Store {
                dir: dir.to_owned(),
                access: Access::Writable(Live::new(loaded.conn, &path)?),
                database: path,
                twin,
                kept: loaded.kept,
                gates: BTreeMap::new(),
                problems,
                lock,
                config: None,
            };
            let mut restored = loaded.restored;
            store.keep_standing_still(&mut restored);
            store.settle(record, plan, &mut restored);
            store.take_gates(&mut restored);
            if let Err(error) = store.list_boots() {
                store.problems.push(Problem::Degraded(error));
            }
            let problems = store.problems();
            Ok(Opened {
                store,
                restored,
                problems,
            })
        }
        Err(error @ StoreError::Newer { .. }) => Err(error),
        Err(error) => {
            problems.push(Problem::Degraded(error));
            degraded(dir, plan, lock, problems)
        }
    }
}

/// What can be read is restored; `record` opens the database when it can.
fn degraded(
    dir: &Path,
    plan: &[PhaseId],
    lock: Lock,
    mut problems: Vec<Problem>,
) -> Result<Opened, StoreError> {
    let mut seen = match ReadOnly::open(dir, plan) {
        Ok(seen) => seen,
        Err(newer @ StoreError::Newer { .. }) => return Err(newer),
        Err(error) => ReadOnly::without_database(dir, plan, error)?,
    };
    let is_damage = |problem: &Problem| matches!(problem, Problem::DatabaseDamaged { .. });
    let told = problems.iter().any(is_damage);
    let more = std::mem::take(&mut seen.problems).into_iter();
    problems.extend(more.filter(|problem| !(told && is_damage(problem))));
    let mut restored = seen.restored.clone();
    let path = database::path(dir);
    let mut store = Store {
        dir: dir.to_owned(),
        twin: twin_of(&seen.conn, &path)?,
        database: path,
        kept: seen.kept.clone(),
        access: Access::Degraded(Box::new(seen)),
        gates: BTreeMap::new(),
        problems: Vec::new(),
        lock,
        config: None,
    };
    store.take_gates(&mut restored);
    problems.extend(store.problems());
    Ok(Opened {
        store,
        restored,
        problems,
    })
}

/// Opens the database, or begins one with what the other files still tell; `traces` of one that
/// should be there make its absence a problem.
fn begin(
    dir: &Path,
    path: &Path,
    traces: Option<String>,
    problems: &mut Vec<Problem>,
) -> Result<Loaded, StoreError> {
    // What cannot be read cannot help; `list_boots` reports it.
    let listed = reboots_file::listed(&reboots_file::read(dir).unwrap_or_default());
    let unusable = |error| database_error(path, "opened", error);
    let lost = match load::at(path) {
        Ok(Some(mut loaded)) => {
            database::use_log(&loaded.conn).map_err(unusable)?;
            // If it cannot be written now, the next start tries again.
            drop(structure::note_program(&loaded.conn));
            let added = write::add_lost_boots(&mut loaded.conn, &listed)
                .map_err(|error| database_error(path, "written", error))?;
            if added > 0 {
                problems.push(Problem::BootsLost {
                    path: path.to_owned(),
                    count: added,
                });
                return Loaded::from(loaded.conn).map_err(unusable);
            }
            return Ok(loaded);
        }
        Ok(None) => traces.map(|traces| {
            let why = load::missing_but(&traces);
            problems.push(Problem::DatabaseMissing {
                path: path.to_owned(),
                traces,
            });
            why
        }),
        Err(Trouble::Refused(error)) => return Err(error),
        Err(Trouble::Damaged(why)) => {
            set_database_aside(path, why, problems)?;
            Some(load::UNREADABLE.to_owned())
        }
    };
    database::create(path, |conn| load::seed(conn, &listed, lost.as_deref()))?;
    load::new_at(path)
}

fn twin_of(conn: &Connection, path: &Path) -> Result<Twin, StoreError> {
    Twin::of(conn).map_err(|error| database_error(path, "read", error))
}

fn set_database_aside(
    path: &Path,
    why: String,
    problems: &mut Vec<Problem>,
) -> Result<(), StoreError> {
    let moved = atomic_file::set_aside(path, database::COMPANIONS);
    let (aside, moved) = match moved {
        Ok(aside) => (Some(aside), Ok(())),
        Err(error) => (None, Err(error)),
    };
    problems.push(Problem::DatabaseDamaged {
        path: path.to_owned(),
        why,
        aside,
    });
    moved
}

impl Store {
    /// While there is none to write to, tries to open or to make the database again.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        match self.access {
            Access::Writable(_) => return Ok(()),
            Access::Lost => {
                self.begin_anew()?;
                return self.list_boots();
            }
            Access::Degraded(_) => {}
        }
        let loaded = begin(&self.dir, &self.database, None, &mut self.problems)?;
        self.twin = twin_of(&loaded.conn, &self.database)?;
        self.access = Access::Writable(Live::new(loaded.conn, &self.database)?);
        if loaded.kept.is_some() {
            self.kept = loaded.kept;
        }
        self.list_boots()
    }

    /// Brings database and `phase-idx` together. What cannot be written is reported; what is
    /// restored is right all the same.
    fn settle(&mut self, record: Record, plan: &[PhaseId], restored: &mut Restored) {
        let standing = resume::judge(record, File::of(&self.dir), plan, Timestamp::now());
        let path = phase_file::path(&self.dir);
        let written = match standing {
            Standing::Fresh => Ok(()),
            Standing::Agreed(point) => {
                restored.resume_point = Some(point);
                Ok(())
            }
            Standing::Adopt(point, text) => {
                restored.resume_point = Some(point.clone());
                self.problems.push(Problem::PhaseFileEdited { path, text });
                self.record(&[Fact::Phase(point)])
            }
            Standing::Rewrite(kept, stale) => {
                let used = Some(kept.point.clone());
                restored.resume_point.clone_from(&used);
                match stale {
                    Stale::Crash => self.write_phase_file(),
                    Stale::Missing => {
                        self.problems.push(Problem::PhaseFileMissing(path));
                        self.write_phase_file()
                    }
                    Stale::Unreadable(error) => Err(error),
                    Stale::Damaged(why) => self.replace_phase_file(path, why, used),
                }
            }
            Standing::Lost { why, file_damaged } => {
                let paused = resume::paused_for(&why, restored.paused.take());
                restored.paused = Some(paused.clone());
                self.problems.push(Problem::ResumePointLost(why));
                let moved = match file_damaged {
                    Some(why) => self.replace_phase_file(path, why, None),
                    None => Ok(()),
                };
                moved.and_then(|()| self.record(&[Fact::Paused(Some(paused))]))
            }
        };
        if let Err(error) = written {
            self.problems.push(Problem::Degraded(error));
        }
    }

    fn replace_phase_file(
        &mut self,
        path: PathBuf,
        why: String,
        used: Option<crate::decide::ResumePoint>,
    ) -> Result<(), StoreError> {
        let aside = atomic_file::set_aside(&phase_file::place(&self.dir), &[]);
        let (aside, moved) = match aside {
            Ok(aside) => (Some(aside), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.problems.push(Problem::PhaseFileDamaged {
            path,
            why,
            aside,
            used,
        });
        moved?;
        self.write_phase_file()
    }
}
