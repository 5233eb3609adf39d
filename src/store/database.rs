//! `loopkeeper.db`: opened, begun, checked.
//!
//! How it is kept: write-ahead log, and locked for as long as it is open, so that SQLite needs no
//! shared-memory file (which cannot be made on a full disk). A new one is made under another name
//! and put in place when it is whole, so that an empty or short one is always damage.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi};

use super::{
    StoreError,
    atomic_file::{exists, file_error, sync_dir_of, with_suffix},
    structure,
};

/// Its name in the state directory.
pub(super) const NAME: &str = "loopkeeper.db";
/// What SQLite keeps beside it.
pub(super) const COMPANIONS: &[&str] = &["-wal", "-shm", "-journal"];

/// The write-ahead log is cut to this when it was longer.
const LOG_BYTES: i64 = 4 << 20;
/// How long another program that has the file open may keep us waiting.
const BUSY: Duration = Duration::from_secs(1);

/// Why a database could not be opened.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It can never be opened again; the text says why.
    Damaged(String),
    /// It cannot be opened now, or not by us.
    Refused(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// Sorts an error of SQLite: does it mean that the file's content is wrong?
pub(super) fn trouble(path: &Path, doing: &'static str, error: rusqlite::Error) -> Trouble {
    use rusqlite::Error as E;
    let damaged = match &error {
        E::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                // A missing table or column.
                || failure.extended_code == ffi::SQLITE_ERROR
                || failure.extended_code == ffi::SQLITE_IOERR_SHORT_READ
        }
        E::SqlInputError { .. }
        | E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows => true,
        _ => false,
    };
    if damaged {
        Trouble::Damaged(error.to_string())
    } else {
        Trouble::Refused(database_error(path, doing, error))
    }
}

pub(super) fn database_error(
    path: &Path,
    doing: &'static str,
    source: rusqlite::Error,
) -> StoreError {
    StoreError::Database {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Opens the database at `path`; `None` where there is none. Until [`use_log`] its file and its log
/// stay as they are, even when the connection is closed.
pub(super) fn open(path: &Path) -> Result<Option<Connection>, Trouble> {
    if !exists(path) {
        return match COMPANIONS.iter().find(|c| exists(&with_suffix(path, c))) {
            // A new database beside an old log would take the log for its own.
            Some(left) => Err(Trouble::Damaged(format!("only its {left} file is left"))),
            None => Ok(None),
        };
    }
    structure::check_header(path)?;
    let mut conn = connect(path)?;
    structure::refuse(path, &conn)?;
    verify(&mut conn).map_err(|error| match error {
        Wrong::Content(why) => Trouble::Damaged(why),
        Wrong::Sqlite(error) => trouble(path, "opened", error),
    })?;
    Ok(Some(conn))
}

/// Makes a new database at `path`, where there must be none. `fill` is done before it is in place.
pub(super) fn create(
    path: &Path,
    fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let temp = with_suffix(path, ".new");
    for left in std::iter::once(&"").chain(COMPANIONS) {
        let left = with_suffix(&temp, left);
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error("removed", &left, error));
            }
            _ => {}
        }
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temp)
        .map_err(|source| file_error("made", &temp, source))?;
    let made = Connection::open(&temp).and_then(|mut conn| {
        structure::begin(&mut conn)?;
        fill(&conn)?;
        conn.close().map_err(|(_, error)| error)
    });
    let synced = made
        .map_err(|error| database_error(&temp, "made", error))
        .and_then(|()| {
            File::open(&temp)
                .and_then(|file| file.sync_all())
                .map_err(|source| file_error("synced", &temp, source))
        })
        .and_then(|()| {
            fs::rename(&temp, path).map_err(|source| file_error("put in place", path, source))
        });
    if let Err(error) = synced {
        // Frees the space on a full disk; what is left is removed by the next try.
        drop(fs::remove_file(&temp));
        return Err(error);
    }
    sync_dir_of(path)
}

/// An empty database in memory, where there is no file to read.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_in_memory()?;
    structure::begin(&mut conn)?;
    Ok(conn)
}

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|conn| {
        conn.busy_timeout(BUSY)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn.pragma_update(None, "cell_size_check", true)?;
        conn.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
        conn.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        // As the kernel has it: SQLite itself, once it has read of it, may have other reasons.
        if conn.is_readonly("main")? {
            let readonly = ffi::Error::new(ffi::SQLITE_READONLY);
            return Err(rusqlite::Error::SqliteFailure(readonly, None));
        }
        Ok(conn)
    });
    opened.map_err(|error| database_error(path, "opened", error))
}

/// Prepares a database, whose content was read and is right, for writing.
pub(super) fn use_log(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

enum Wrong {
    Content(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn verify(conn: &mut Connection) -> Result<(), Wrong> {
    // The whole of it costs twice as much; of the boots, whose number people see, nothing may be
    // out of step.
    for check in ["quick_check", "integrity_check('boot')"] {
        let sql = format!("PRAGMA {check}");
        let found: String = conn.query_row(&sql, [], |row| row.get(0))?;
        if found != "ok" {
            return Err(Wrong::Content(first_of(&found)));
        }
    }
    if structure::bring_up_to_date(conn, structure::STRUCTURES)? {
        // So that the file's first bytes tell the number as well.
        conn.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))?;
    }
    Ok(())
}

/// The first of what SQLite lists as wrong; its headings only name the schema.
fn first_of(found: &str) -> String {
    let mut lines = found.lines().filter(|line| !line.starts_with("***"));
    let first = lines.next().unwrap_or("it does not say what is wrong");
    match lines.count() {
        0 => first.to_owned(),
        more => format!("{first}; and {more} more"),
    }
}

/// The database's path in a state directory.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}
