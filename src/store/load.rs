//! A database as it is read: whole, or made anew from what its companions still tell.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::{
    StoreError,
    atomic_file::file_error,
    database::{self, Trouble, database_error},
    phase_file,
    read::{self, RecordedBoot},
    reboots_file,
    resume::{Kept, Record},
    standstill,
    write::{self, POINT_LOST},
};
use crate::decide::Restored;

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

/// Opens a database that is there and reads all of it that is restored.
pub(super) fn at(path: &Path) -> Result<Option<Loaded>, Trouble> {
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

/// Opens a database that was just made.
pub(super) fn new_at(path: &Path) -> Result<Loaded, StoreError> {
    match at(path) {
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

/// Fills a new database with what REBOOTS.md tells. If there was a database before (`lost` says what
/// became of it), or there are boots, the plan may have been begun: then a resume point is missing,
/// not merely absent.
pub(super) fn seed(
    conn: &Connection,
    listed: &[RecordedBoot],
    lost: Option<&str>,
) -> rusqlite::Result<()> {
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
        (standstill::NAME, standstill::read(dir).is_some()),
    ];
    let found = traces.iter().filter(|(_, is_there)| *is_there);
    let names: Vec<_> = found.map(|(name, _)| *name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
