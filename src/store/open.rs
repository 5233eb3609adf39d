//! The state directory, opened: what can be kept is kept, what is damaged is set aside.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Problem, ReadOnly, Store, StoreError, Twin,
    access::{Access, Live},
    atomic_file::{self, file_error},
    database::{self, Trouble, database_error},
    lock::Lock,
    phase_file::{self, ReadError},
    read::{self, RecordedBoot},
    reboots_file,
    resume::{self, File, Kept, Record, Stale, Standing},
    write,
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

/// A database that was read.
pub(super) struct Loaded {
    pub(super) conn: Connection,
    pub(super) restored: Restored,
    pub(super) kept: Option<Kept>,
    /// Why there is no resume point although the plan was begun.
    lost: Option<String>,
}

impl Loaded {
    /// Reads a connection. An error may be damage: see [`database::trouble`].
    pub(super) fn from(conn: Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            restored: read::restored(&conn)?,
            kept: read::kept(&conn)?,
            lost: read::meta_text(&conn, POINT_LOST)?,
            conn,
        })
    }

    /// What it says of the resume point.
    pub(super) fn record(&self) -> Record {
        match (&self.kept, &self.lost) {
            (Some(kept), _) => Record::Kept(kept.clone()),
            (None, Some(why)) => Record::Lost(why.clone()),
            (None, None) => Record::Fresh,
        }
    }
}

/// The row that stays until a resume point is recorded.
pub(super) const POINT_LOST: &str = "point_lost";

pub(super) fn open(dir: &Path, plan: &[PhaseId]) -> Result<Opened, StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| file_error("made", dir, source))?;
    let lock = Lock::take(dir)?;
    let path = database::path(dir);
    let mut problems = Vec::new();
    match begin(dir, &path, traces(dir), &mut problems) {
        Ok(loaded) => {
            let record = loaded.record();
            let twin = twin_of(&loaded.conn, &path)?;
            let mut store = Store {
                dir: dir.to_owned(),
                access: Access::Writable(Live::new(loaded.conn, &path)?),
                database: path,
                twin,
                kept: loaded.kept,
                problems,
                _lock: lock,
            };
            let mut restored = loaded.restored;
            store.settle(record, plan, &mut restored);
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
        Err(error) => ReadOnly::without_database(dir, plan, error)?,
    };
    let is_damage = |problem: &Problem| matches!(problem, Problem::DatabaseDamaged { .. });
    let told = problems.iter().any(is_damage);
    let more = std::mem::take(&mut seen.problems).into_iter();
    problems.extend(more.filter(|problem| !(told && is_damage(problem))));
    let restored = seen.restored.clone();
    let path = database::path(dir);
    let store = Store {
        dir: dir.to_owned(),
        twin: twin_of(&seen.conn, &path)?,
        database: path,
        kept: seen.kept.clone(),
        access: Access::Degraded(Box::new(seen)),
        problems: Vec::new(),
        _lock: lock,
    };
    Ok(Opened {
        store,
        restored,
        problems,
    })
}

/// What a database left behind that is not there any more; `None` where there never was one.
pub(super) fn traces(dir: &Path) -> Option<String> {
    let attempts = dir.join("attempts");
    let listed = reboots_file::listed(&reboots_file::read(dir).unwrap_or_default());
    let traces = [
        (phase_file::NAME, phase_file::is_in_our_form(dir)),
        (
            reboots_file::NAME,
            listed.iter().any(|boot| boot.record.is_some()),
        ),
        (
            "attempts",
            fs::read_dir(attempts).is_ok_and(|mut all| all.next().is_some()),
        ),
    ];
    let found = traces.iter().filter(|(_, is_there)| *is_there);
    let names: Vec<_> = found.map(|(name, _)| *name).collect();
    (!names.is_empty()).then(|| names.join(", "))
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
    let lost = match load(path) {
        Ok(Some(mut loaded)) => {
            database::use_log(&loaded.conn).map_err(unusable)?;
            note_program(&loaded.conn);
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
            let why = missing_but(&traces);
            problems.push(Problem::DatabaseMissing {
                path: path.to_owned(),
                traces,
            });
            why
        }),
        Err(Trouble::Refused(error)) => return Err(error),
        Err(Trouble::Damaged(why)) => {
            set_database_aside(path, why, problems)?;
            Some(UNREADABLE.to_owned())
        }
    };
    database::create(path, |conn| {
        seed(conn, &listed, lost.as_deref())?;
        write::set_meta(conn, "written_by", Some(env!("CARGO_PKG_VERSION")))
    })?;
    load_new(path)
}

/// Opens a database that was just made.
pub(super) fn load_new(path: &Path) -> Result<Loaded, StoreError> {
    match load(path) {
        Ok(Some(loaded)) => {
            database::use_log(&loaded.conn)
                .map_err(|error| database_error(path, "opened", error))?;
            Ok(loaded)
        }
        Ok(None) => Err(file_error(
            "read",
            path,
            std::io::ErrorKind::NotFound.into(),
        )),
        Err(Trouble::Refused(error)) => Err(error),
        Err(Trouble::Damaged(why)) => Err(file_error("read", path, std::io::Error::other(why))),
    }
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

/// Opens a database that is there and reads all of it that is restored.
pub(super) fn load(path: &Path) -> Result<Option<Loaded>, Trouble> {
    let Some(conn) = database::open(path)? else {
        return Ok(None);
    };
    Loaded::from(conn)
        .map(Some)
        .map_err(|error| database::trouble(path, "read", error))
}

/// Why nothing was read, where there was a database that could not be.
pub(super) const UNREADABLE: &str = "the database could not be read";

/// Why nothing was read, where these traces are left of a database.
pub(super) fn missing_but(traces: &str) -> String {
    format!("there was no database although there is {traces}")
}

/// Fills a new database with what REBOOTS.md tells. If there was a database before (`lost` says what
/// became of it), or there are boots, the plan may have been begun: then a resume point is missing,
/// not merely absent.
fn seed(conn: &Connection, listed: &[RecordedBoot], lost: Option<&str>) -> rusqlite::Result<()> {
    for boot in listed {
        write::add_listed_boot(conn, boot)?;
    }
    let lost = match (lost, listed.is_empty()) {
        (Some(why), _) => why,
        (None, false) => "there was no database although REBOOTS.md lists boots",
        (None, true) => return Ok(()),
    };
    write::set_meta(conn, POINT_LOST, Some(lost))
}

/// For the message of an older program. If it cannot be written now, the next start tries again.
fn note_program(conn: &Connection) {
    let ours = env!("CARGO_PKG_VERSION");
    if read::meta_text(conn, "written_by")
        .ok()
        .flatten()
        .as_deref()
        != Some(ours)
    {
        drop(write::set_meta(conn, "written_by", Some(ours)));
    }
}

/// What `phase-idx` says.
pub(super) fn phase_file_of(dir: &Path) -> File {
    match phase_file::read(dir) {
        Ok(None) => File::Missing,
        Ok(Some(bytes)) => File::Bytes(bytes),
        Err(ReadError::Unusable(why)) => File::Damaged(why),
        Err(ReadError::Store(error)) => File::Unreadable(error),
    }
}

/// The reason for which the rig is paused when the resume point is lost. It stays true when there is
/// a point again and the pause goes on.
pub(super) fn paused_for(why: &str) -> String {
    format!("the resume point was lost: {why}")
}

impl Store {
    /// While there is none to write to, tries to open or to make the database again.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        match self.access {
            Access::Writable(_) => return Ok(()),
            Access::Lost => return self.begin_anew(),
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
        let standing = resume::judge(record, phase_file_of(&self.dir), plan, Timestamp::now());
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
                let paused = paused_for(&why);
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
        let aside = atomic_file::set_aside(&path, &[]);
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

/// A database in memory, for where there is none that can be read.
pub(super) fn in_memory(
    path: &Path,
    listed: &[RecordedBoot],
    lost: Option<&str>,
) -> Result<Loaded, StoreError> {
    database::in_memory()
        .and_then(|conn| {
            seed(&conn, listed, lost)?;
            Loaded::from(conn)
        })
        .map_err(|error| database_error(path, "read", error))
}
