//! An older program refuses a newer store, and leaves no trace in it.

use std::{
    fs,
    hash::{DefaultHasher, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use loopkeeper::store::{Store, StoreError};
use rusqlite::{Connection, config::DbConfig};
use tempfile::TempDir;

use crate::{
    golden::lay_out,
    rig::{plan, state_dir},
};

/// What a later version does to the database of this one.
const UPGRADE: &str = "BEGIN;
    ALTER TABLE worker ADD COLUMN mood TEXT;
    UPDATE meta SET value = '3.1.4' WHERE name = 'written_by';
    PRAGMA user_version = 7;
    COMMIT;";

/// A line for everything in a directory, from which any change can be seen.
fn seen(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut content = DefaultHasher::new();
        if meta.is_file() {
            content.write(&fs::read(&path).unwrap());
        } else {
            let inside = fs::read_dir(&path).unwrap();
            left.extend(inside.map(|entry| entry.unwrap().path()));
        }
        all.push(format!(
            "{} inode {} mode {:o} {} bytes {:x} written {}.{:09}",
            path.display(),
            meta.ino(),
            meta.mode(),
            meta.len(),
            content.finish(),
            meta.mtime(),
            meta.mtime_nsec()
        ));
    }
    all.sort();
    all
}

/// The directory of version 1 as a later version left it. `cut_off`: killed before anything but the
/// log knew of it, so that the file's first bytes still have the old number.
fn newer(cut_off: bool) -> (TempDir, PathBuf) {
    let (temp, dir) = state_dir();
    lay_out(1, &dir);
    let conn = Connection::open(dir.join("loopkeeper.db")).unwrap();
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, cut_off)
        .unwrap();
    let locked = |_: &rusqlite::Row<'_>| Ok(());
    conn.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", locked)
        .unwrap();
    conn.execute_batch(UPGRADE).unwrap();
    conn.close().unwrap();
    let header = fs::read(dir.join("loopkeeper.db")).unwrap();
    assert_eq!(header[63], if cut_off { 1 } else { 7 });
    assert_eq!(dir.join("loopkeeper.db-wal").exists(), cut_off);
    (temp, dir)
}

#[test]
fn a_newer_store_is_refused_and_nothing_is_touched() {
    for cut_off in [false, true] {
        let (_temp, dir) = newer(cut_off);
        let before = seen(&dir);
        for refused in [
            Store::open(&dir, &plan()).unwrap_err(),
            Store::read_only(&dir, &plan()).unwrap_err(),
        ] {
            assert!(
                matches!(
                    refused,
                    StoreError::Newer {
                        found: 7,
                        known: 4,
                        ..
                    }
                ),
                "{refused:?}"
            );
            let database = dir.join("loopkeeper.db").display().to_string();
            assert_eq!(
                refused.to_string(),
                format!(
                    "database {database} was written by a newer loopkeeper, version 3.1.4: it has \
                     structure 7, and version {}, which this is, knows structures up to 4",
                    env!("CARGO_PKG_VERSION")
                )
            );
            let hint = refused.hint().unwrap();
            for part in [
                "version 3.1.4 or a later one",
                "nothing was touched",
                &database,
            ] {
                assert!(hint.contains(part), "{hint}");
            }
        }
        let after = seen(&dir);
        let touched: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
        assert!(touched.is_empty(), "{touched:#?}");
        assert_eq!(after.len(), before.len(), "cut off: {cut_off}");
    }
}

#[test]
fn a_store_that_was_refused_is_free_for_the_newer_program() {
    let (_temp, dir) = newer(false);
    Store::open(&dir, &plan()).unwrap_err();
    let lock = fs::File::open(&dir).unwrap();
    lock.try_lock().unwrap();
}
