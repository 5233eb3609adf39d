//! The number of the database's structure: what one version of the program tells another.
//!
//! Promise: a newer program brings an older structure up to its own in one transaction, so that a
//! crash leaves the one or the other. An older program refuses a newer structure before it has
//! changed anything in the state directory, and says which version is needed.
//!
//! The number is SQLite's `user_version`. A change that an older program would misread takes a new
//! number: another table or column, but also a new kind of value in a JSON column. For its message
//! every structure keeps `written_by` in the table `meta`.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use rusqlite::{Connection, OpenFlags};

use super::{
    StoreError,
    atomic_file::file_error,
    database::{self, Trouble},
    read, write,
};

/// `Loop`: marks the file as ours, for us and for file(1).
const APPLICATION_ID: u32 = 0x4c6f_6f70;
/// The statements that lead from each structure to the next; their count is our structure's number.
pub(super) const STRUCTURES: &[&str] = &[
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];
/// Under this name the table `meta` says which program wrote the database.
const WRITTEN_BY: &str = "written_by";

/// The highest structure that we know.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub(super) const VERSION: u32 = STRUCTURES.len() as u32;

/// Makes an empty database one of ours.
pub(super) fn begin(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    bring_up_to_date(conn, STRUCTURES).map(drop)
}

/// Leads the database to the last of these structures; `false` where it has it already.
pub(super) fn bring_up_to_date(
    conn: &mut Connection,
    structures: &[&str],
) -> rusqlite::Result<bool> {
    let from = of(conn)? as usize;
    if from >= structures.len() {
        return Ok(false);
    }
    let all = conn.transaction()?;
    for statements in &structures[from..] {
        all.execute_batch(statements)?;
    }
    all.pragma_update(None, "user_version", structures.len())?;
    note_program(&all)?;
    all.commit()?;
    Ok(true)
}

/// Its structure's number. Other than in the file's first bytes, what is still in the log counts.
pub(super) fn of(conn: &Connection) -> rusqlite::Result<u32> {
    conn.query_one("PRAGMA user_version", [], |row| row.get(0))
}

/// Leaves our version for the message of an older program.
pub(super) fn note_program(conn: &Connection) -> rusqlite::Result<()> {
    let ours = env!("CARGO_PKG_VERSION");
    if read::meta_text(conn, WRITTEN_BY)?.as_deref() == Some(ours) {
        return Ok(());
    }
    write::set_meta(conn, WRITTEN_BY, Some(ours))
}

/// Refuses a database with a newer structure, and leaves everything as it is. Of one that cannot be
/// read it says nothing.
pub(super) fn refuse_newer(path: &Path) -> Result<(), StoreError> {
    let looked = match check_header(path) {
        Ok(()) => database::connect(path).map_err(Trouble::from),
        Err(trouble) => Err(trouble),
    };
    match looked.and_then(|conn| refuse(path, &conn)) {
        Err(Trouble::Refused(newer @ StoreError::Newer { .. })) => Err(newer),
        Ok(()) | Err(Trouble::Refused(_) | Trouble::Damaged(_)) => Ok(()),
    }
}

/// As [`refuse_newer`], of a database that is open.
pub(super) fn refuse(path: &Path, conn: &Connection) -> Result<(), Trouble> {
    match of(conn) {
        Ok(found) if found > VERSION => Err(Trouble::Refused(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
            written_by: written_by(conn),
        })),
        Ok(_) => Ok(()),
        Err(error) => Err(database::trouble(path, "opened", error)),
    }
}

/// Looks at the file's first bytes before SQLite does: SQLite repairs and deletes as it opens.
///
/// Not for a file that this process has a connection to: when the file is closed here, the locks of
/// that connection are gone (fcntl(2), "Advisory record locking").
pub(super) fn check_header(path: &Path) -> Result<(), Trouble> {
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
                written_by: looked_into(path).as_ref().and_then(written_by),
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

/// What a file's first bytes say (SQLite's file format, section 1.3).
pub(super) fn header_of(file: &File) -> io::Result<Result<(), NoHeader>> {
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
            _ => Ok(()),
        }
    })
}

fn written_by(conn: &Connection) -> Option<String> {
    read::meta_text(conn, WRITTEN_BY).ok().flatten()
}

/// A database that we do not understand. `immutable` keeps SQLite from making or changing any file.
fn looked_into(path: &Path) -> Option<Connection> {
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
    Connection::open_with_flags(uri, flags).ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rusqlite::config::DbConfig;

    use super::*;

    /// A structure that nobody has seen yet.
    const NEXT: &str = "
        ALTER TABLE worker ADD COLUMN mood TEXT;
        UPDATE worker SET mood = 'good';
        CREATE TABLE dream (number INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT;
        INSERT INTO dream SELECT number, text FROM notice;";

    /// A database of this version with `rows` of history. Nothing is left of its log.
    fn of_this_version(directory: &Path, rows: u32) -> PathBuf {
        let path = directory.join("loopkeeper.db");
        database::create(&path, |conn| {
            conn.execute("INSERT INTO worker (name, held) VALUES ('builder', 'why')", [])?;
            for number in 0..rows {
                conn.execute(
                    "INSERT INTO notice (number, at, event, level, text) VALUES (?1, '', '', 'info', 'x')",
                    [number],
                )?;
            }
            Ok(())
        })
        .unwrap();
        let conn = database::connect(&path).unwrap();
        database::use_log(&conn).unwrap();
        conn.close().unwrap();
        path
    }

    /// What a program of these structures makes of it, that is killed as soon as it has done so.
    fn bring(path: &Path, structures: &[&str]) -> rusqlite::Result<bool> {
        let mut conn = database::connect(path).unwrap();
        let done = bring_up_to_date(&mut conn, structures);
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        done
    }

    #[test]
    fn an_upgrade_that_is_cut_off_anywhere_has_not_begun_or_is_whole() {
        let structures = [STRUCTURES, &[NEXT]].concat();
        let temp = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = of_this_version(temp.path(), 2000);
        assert!(bring(&path, &structures).unwrap());
        let log = temp.path().join("loopkeeper.db-wal");
        let (whole, len) = (fs::read(&path).unwrap(), fs::metadata(&log).unwrap().len());
        let log = fs::read(log).unwrap();
        let mut not_begun = 0;
        for part in 0..=64 {
            let temp = tempfile::tempdir_in("/dev/shm").unwrap();
            let path = temp.path().join("loopkeeper.db");
            let cut = usize::try_from(len * part / 64).unwrap();
            fs::write(&path, &whole).unwrap();
            fs::write(temp.path().join("loopkeeper.db-wal"), &log[..cut]).unwrap();
            let again = bring(&path, &structures).unwrap();
            not_begun += u32::from(again);
            let conn = database::connect(&path).unwrap();
            assert_eq!(of(&conn).unwrap(), VERSION + 1, "{part}/64");
            let count = |sql| conn.query_one(sql, [], |row| row.get::<_, u32>(0)).unwrap();
            assert_eq!(count("SELECT count(*) FROM dream"), 2000, "{part}/64");
            assert_eq!(count("SELECT count(*) FROM worker WHERE mood = 'good'"), 1);
        }
        // The last bytes decide.
        assert_eq!(not_begun, 64);
    }

    #[test]
    fn an_upgrade_that_fails_leaves_the_structure_that_was_there() {
        let temp = tempfile::tempdir().unwrap();
        let path = of_this_version(temp.path(), 3);
        let failing = [STRUCTURES, &[NEXT, "INSERT INTO nowhere VALUES (1)"]].concat();
        bring(&path, &failing).unwrap_err();
        let conn = database::connect(&path).unwrap();
        assert_eq!(of(&conn).unwrap(), VERSION);
        assert!(conn.prepare("SELECT mood FROM worker").is_err());
        drop(conn);
        assert!(bring(&path, &[STRUCTURES, &[NEXT]].concat()).unwrap());
    }

    #[test]
    fn an_upgrade_leaves_word_of_who_made_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = of_this_version(temp.path(), 0);
        let conn = database::connect(&path).unwrap();
        write::set_meta(&conn, WRITTEN_BY, Some("0.0.1")).unwrap();
        drop(conn);
        bring(&path, &[STRUCTURES, &[NEXT]].concat()).unwrap();
        let refused = refuse_newer(&path).unwrap_err().to_string();
        let ours = format!(
            "version {}: it has structure {}",
            env!("CARGO_PKG_VERSION"),
            VERSION + 1
        );
        assert!(refused.contains(&ours), "{refused}");
    }
}
