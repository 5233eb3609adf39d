//! `loopkeeper.db`: opened, begun, checked.
//!
//! How it is kept: write-ahead log, and locked for as long as it is open, so that SQLite needs no
//! shared-memory file (which cannot be made on a full disk). A new one is made under another name
//! and put in place when it is whole, so that an empty or short one is always damage.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi};

use super::{
    StoreError,
    atomic_file::{exists, file_error, sync_dir_of, with_suffix},
};

/// Its name in the state directory.
pub(super) const NAME: &str = "loopkeeper.db";
/// What SQLite keeps beside it.
pub(super) const COMPANIONS: &[&str] = &["-wal", "-shm", "-journal"];

/// `Loop`: marks the file as ours, for us and for file(1).
const APPLICATION_ID: u32 = 0x4c6f_6f70;
/// The statements that lead from each structure to the next; their count is our structure's number.
const STRUCTURES: &[&str] = &[include_str!("schema-1.sql")];
/// The write-ahead log is cut to this when it was longer.
const LOG_BYTES: i64 = 4 << 20;
/// How long another program that has the file open may keep us waiting.
const BUSY: Duration = Duration::from_secs(1);

/// The highest structure that we know.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub(super) const VERSION: u32 = STRUCTURES.len() as u32;

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
    let version = check_header(path)?;
    let mut conn = connect(path)?;
    verify(&mut conn, version).map_err(|error| match error {
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
        begin(&mut conn)?;
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
    begin(&mut conn)?;
    Ok(conn)
}

fn begin(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    bring_up_to_date(conn, 0)
}

/// Each step in a transaction of its own, so that a crash leaves a structure that has a number.
fn bring_up_to_date(conn: &mut Connection, from: u32) -> rusqlite::Result<()> {
    for (version, statements) in (1_u32..).zip(STRUCTURES).skip(from as usize) {
        let step = conn.transaction()?;
        step.execute_batch(statements)?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(())
}

/// Looks at the file's first bytes before SQLite does: SQLite repairs and deletes as it opens. Gives
/// the structure's number.
///
/// Not for a file that this process has a connection to: when the file is closed here, the locks of
/// that connection are gone (fcntl(2), "Advisory record locking").
fn check_header(path: &Path) -> Result<u32, Trouble> {
    let failed = |source| file_error("read", path, source);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Trouble::Damaged("it is not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    header_of(&file)
        .map_err(failed)?
        .map_err(|wrong| match wrong {
            NoHeader::Foreign(why) => Trouble::Damaged(why.to_owned()),
            NoHeader::Newer(found) => Trouble::Refused(StoreError::Newer {
                path: path.to_owned(),
                found,
                known: VERSION,
                written_by: written_by(path),
            }),
        })
}

/// Why a file's first bytes are not those of a database that we can use.
#[derive(Debug)]
pub(super) enum NoHeader {
    Foreign(&'static str),
    /// Of a later version of ours, with this structure.
    Newer(u32),
}

/// The structure's number, from the file's first bytes (SQLite's file format, section 1.3).
pub(super) fn header_of(file: &File) -> io::Result<Result<u32, NoHeader>> {
    let mut header = [0_u8; 100];
    match file.read_exact_at(&mut header, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Err(NoHeader::Foreign("it has less than a header")));
        }
        read => read?,
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    Ok(if &header[..16] != b"SQLite format 3\0" {
        Err(NoHeader::Foreign("it is no SQLite database"))
    } else if number(68) != APPLICATION_ID {
        Err(NoHeader::Foreign("it is not a database of loopkeeper"))
    } else {
        match number(60) {
            0 => Err(NoHeader::Foreign("it has no structure")),
            found if found > VERSION => Err(NoHeader::Newer(found)),
            known => Ok(known),
        }
    })
}

/// Which program wrote a database that we do not understand. `immutable` keeps SQLite from making
/// or changing any file.
fn written_by(path: &Path) -> Option<String> {
    let mut uri = "file:".to_owned();
    for byte in path.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02x}"));
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri, flags).ok()?;
    conn.query_one(
        "SELECT value FROM meta WHERE name = 'written_by'",
        [],
        |row| row.get(0),
    )
    .ok()
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
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

fn verify(conn: &mut Connection, version: u32) -> Result<(), Wrong> {
    if conn.is_readonly("main")? {
        let readonly = ffi::Error::new(ffi::SQLITE_READONLY);
        return Err(Wrong::Sqlite(rusqlite::Error::SqliteFailure(
            readonly, None,
        )));
    }
    // The whole of it costs twice as much; of the boots, whose number people see, nothing may be
    // out of step.
    for check in ["quick_check", "integrity_check('boot')"] {
        let sql = format!("PRAGMA {check}");
        let found: String = conn.query_row(&sql, [], |row| row.get(0))?;
        if found != "ok" {
            return Err(Wrong::Content(first_of(&found)));
        }
    }
    if version < VERSION {
        bring_up_to_date(conn, version)?;
        // The number must be in the file's header, where an older program looks for it.
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
