//! The database of a running daemon: what is committed, and that it is still there.
//!
//! How: a file can be deleted, replaced or overwritten while it is open, and SQLite would go on
//! writing where nobody will look. So before each commit the path is compared with what was opened,
//! and the file's first bytes are looked at. (Damage behind them is met when SQLite comes to it, or
//! at the next start.) They are read from a descriptor that is kept: one that is closed would take
//! SQLite's locks along (fcntl(2)), and with them what keeps everybody else out of a log that only
//! we know.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, config::DbConfig, ffi};

use super::{
    Problem, ReadOnly, Store, StoreError,
    atomic_file::{exists, file_error, set_aside, with_suffix},
    database::{self, database_error},
    load,
    structure::{self, NoHeader},
};

/// How the database can be used.
#[derive(Debug)]
pub(super) enum Access {
    Writable(Live),
    /// It was taken away, and a new one could not be made yet.
    Lost,
    /// It could not be opened for writing.
    Degraded(Box<ReadOnly>),
}

/// An open database.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) conn: Connection,
    /// The same file. After the connection, so that it is closed after it.
    file: File,
    /// What commits are set to survive, once one was tried.
    level: Option<Survives>,
    /// There was a commit, so there is a log beside it.
    logged: bool,
}

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survives {
    PowerCut,
    Crash,
}

impl Live {
    /// A database that was opened and read.
    pub(super) fn new(conn: Connection, path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|source| file_error("opened", path, source))?;
        Ok(Self {
            conn,
            file,
            level: None,
            logged: false,
        })
    }

    /// What became of the file, if it is not the one any more that is open.
    fn lost(&self, path: &Path) -> Option<String> {
        match (fs::metadata(path), self.file.metadata()) {
            (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => {
                return Some("deleted".into());
            }
            // SQLite may still be able to write it, and says so otherwise.
            (Err(_), _) | (_, Err(_)) => return None,
            (Ok(found), Ok(ours)) if (found.dev(), found.ino()) != (ours.dev(), ours.ino()) => {
                return Some("replaced by another file".into());
            }
            (Ok(_), Ok(_)) => {}
        }
        match structure::header_of(&self.file) {
            Ok(Err(NoHeader::Foreign(why))) => return Some(format!("overwritten ({why})")),
            Ok(Err(NoHeader::Newer(_))) => {
                return Some("overwritten (its structure is another)".into());
            }
            Ok(Ok(())) | Err(_) => {}
        }
        (self.logged && !exists(&with_suffix(path, "-wal")))
            .then(|| "robbed of its log (loopkeeper.db-wal was deleted)".into())
    }

    fn commit(
        &mut self,
        wanted: Survives,
        change: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        if self.level != Some(wanted) {
            let word = match wanted {
                Survives::PowerCut => "FULL",
                Survives::Crash => "NORMAL",
            };
            self.conn.pragma_update(None, "synchronous", word)?;
            self.level = Some(wanted);
        }
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        change(&tx)?;
        tx.commit()?;
        self.logged = true;
        Ok(())
    }

    /// Ends the use of a file that is lost. Closing it must not touch what is in its place now.
    fn abandon(self) -> rusqlite::Result<()> {
        let untouched = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.conn.set_db_config(untouched, true).map(drop)
    }
}

impl Store {
    pub(super) fn commit(
        &mut self,
        wanted: Survives,
        change: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let lost = match &self.access {
            Access::Writable(live) => live.lost(&self.database),
            Access::Lost | Access::Degraded(_) => None,
        };
        if let Some(how) = lost {
            self.replace_database(how)?;
        }
        let damaged = match self.try_commit(wanted, &change) {
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => error,
                _ => return Err(database_error(&self.database, "written", error)),
            },
            Ok(()) => return Ok(()),
        };
        self.replace_database(format!("damaged ({damaged})"))?;
        self.try_commit(wanted, &change)
            .map_err(|error| database_error(&self.database, "written", error))
    }

    fn try_commit(
        &mut self,
        wanted: Survives,
        change: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        match &mut self.access {
            Access::Writable(live) => live.commit(wanted, &change)?,
            Access::Lost | Access::Degraded(_) => {
                let refused = ffi::Error::new(ffi::SQLITE_READONLY);
                return Err(rusqlite::Error::SqliteFailure(refused, None));
            }
        }
        self.twin.follow(change)
    }

    /// Sets aside what is there now, and begins a new database with all that counts.
    fn replace_database(&mut self, how: String) -> Result<(), StoreError> {
        let parts = std::iter::once(&"").chain(database::COMPANIONS);
        let anything = parts
            .map(|part| with_suffix(&self.database, part))
            .any(|part| exists(&part));
        let aside = anything
            .then(|| set_aside(&self.database, database::COMPANIONS))
            .transpose()?;
        self.abandon()?;
        self.problems.push(Problem::DatabaseLost {
            path: self.database.clone(),
            how,
            aside: aside.filter(|aside| exists(aside)),
        });
        self.begin_anew()
    }

    /// Ends the use of a database that is lost.
    pub(super) fn abandon(&mut self) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.access, Access::Lost) {
            Access::Writable(live) => live
                .abandon()
                .map_err(|error| database_error(&self.database, "closed", error)),
            other => {
                self.access = other;
                Ok(())
            }
        }
    }

    /// Makes the database from what is in memory.
    pub(super) fn begin_anew(&mut self) -> Result<(), StoreError> {
        database::create(&self.database, |conn| self.twin.fill(conn))?;
        let loaded = load::new_at(&self.database)?;
        self.access = Access::Writable(Live::new(loaded.conn, &self.database)?);
        Ok(())
    }
}
