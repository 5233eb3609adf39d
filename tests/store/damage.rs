//! A damaged database is set aside, and what the other files tell is kept.

use std::{fs, path::Path};

use loopkeeper::{
    decide::{Fact, Restored},
    store::{Opened, Problem, Store},
};
use tempfile::TempDir;

use crate::rig::{
    at, begun, boot, copy_files, names, notice, only, open, plan, point, state_dir, told, worker,
};

/// A directory with some history. `killed` leaves the log as it is after kill -9.
fn history(killed: bool) -> (TempDir, std::path::PathBuf) {
    let (temp, dir) = state_dir();
    let mut store = open(&dir).store;
    for number in 0..1200 {
        let index = usize::try_from(number / 300).unwrap();
        let mut facts = vec![notice(number)];
        if number % 100 == 0 {
            facts.push(Fact::Boot(boot(number / 100)));
            facts.push(Fact::Phase(point(index)));
        }
        store.record(&facts).unwrap();
    }
    store
        .record(&[Fact::Held {
            worker: worker("builder"),
            reason: Some("why".to_owned()),
        }])
        .unwrap();
    let left = temp.path().join("left");
    if killed {
        copy_files(&dir, &left);
    }
    drop(store);
    if !killed {
        copy_files(&dir, &left);
    }
    (temp, left)
}

/// The resume point and the boots are right, whatever else is lost, and recording goes on.
fn the_essential_is_there(opened: &mut Opened, case: &str) {
    let found = opened.restored.resume_point.clone().unwrap();
    assert_eq!((found.index, found.id), (3, point(3).id), "{case}");
    assert_eq!(opened.restored.reboots, 11, "{case}");
    opened
        .store
        .record(&[Fact::Boot(boot(11)), notice(5000)])
        .unwrap();
    opened
        .store
        .record(&[Fact::Boot(boot(12)), Fact::Phase(point(4))])
        .unwrap();
    let history = opened.store.history();
    let boots = history.boots(2).unwrap();
    assert_eq!(
        boots.iter().map(|b| b.number).collect::<Vec<_>>(),
        [11, 12],
        "{case}"
    );
    assert_eq!(boots[1].record, Some(boot(12)), "{case}");
    assert_eq!(
        history.notices(1, None).unwrap()[0].text,
        "notice 5000",
        "{case}"
    );
}

fn try_with(from: &Path, case: &str, damage: impl FnOnce(&Path)) -> (TempDir, Opened) {
    // In memory: what is shown here does not depend on the disk.
    let temp = tempfile::tempdir_in("/dev/shm").unwrap();
    let dir = temp.path().join("state");
    copy_files(from, &dir);
    damage(&dir);
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let log = |path: &Path| format!("{}-wal", path.display());
    let database = dir.join("loopkeeper.db");
    let before = (read(&database), read(log(&database).as_ref()));
    let mut opened = Store::open(&dir, &plan()).unwrap();
    for problem in &opened.problems {
        if let Problem::DatabaseDamaged { aside, .. } = problem {
            let aside = aside.as_ref().unwrap();
            let kept = (read(aside), read(log(aside).as_ref()));
            assert!(kept == before, "{case}: not kept byte for byte");
            assert!(
                told(&opened)
                    .iter()
                    .any(|t| t.contains(aside.to_str().unwrap()))
            );
        }
    }
    for text in told(&opened) {
        assert!(!text.contains("***") && !text.contains('\n'), "{text}");
    }
    the_essential_is_there(&mut opened, case);
    (temp, opened)
}

fn was_damaged(opened: &Opened) -> bool {
    opened
        .problems
        .iter()
        .any(|p| matches!(p, Problem::DatabaseDamaged { .. }))
}

#[test]
fn a_database_that_is_cut_anywhere_is_set_aside() {
    let (_temp, dir) = history(false);
    let len = fs::metadata(dir.join("loopkeeper.db")).unwrap().len();
    assert_eq!(
        names(&dir)
            .iter()
            .filter(|name| name.starts_with("loopkeeper.db"))
            .count(),
        1
    );
    for part in 0..64 {
        let (_temp, opened) = try_with(&dir, &format!("cut at {part}/64"), |dir| {
            let file = fs::OpenOptions::new()
                .write(true)
                .open(dir.join("loopkeeper.db"))
                .unwrap();
            file.set_len(len * part / 64).unwrap();
        });
        assert!(was_damaged(&opened), "{part}/64");
    }
    let (_temp, opened) = try_with(&dir, "whole", |_| {});
    assert!(opened.problems.is_empty());
    assert!(opened.restored.workers[&worker("builder")].held.is_some());
}

#[test]
fn a_log_that_is_cut_anywhere_does_not_lose_the_resume_point() {
    let (_temp, dir) = history(true);
    let len = fs::metadata(dir.join("loopkeeper.db-wal")).unwrap().len();
    assert!(len > 100_000, "{len}");
    for part in 0..64 {
        for (name, cut) in [("log", true), ("log and database", false)] {
            try_with(&dir, &format!("{name} cut at {part}/64"), |dir| {
                let cut_at = |file: &str| {
                    let path = dir.join(file);
                    let len = path.metadata().unwrap().len();
                    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                    file.set_len(len * part / 64).unwrap();
                };
                cut_at("loopkeeper.db-wal");
                if !cut {
                    cut_at("loopkeeper.db");
                }
            });
        }
    }
}

#[test]
fn flipped_bytes_never_move_the_resume_point() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut damaged = 0;
    for killed in [false, true] {
        let (_temp, dir) = history(killed);
        let len = fs::metadata(dir.join("loopkeeper.db")).unwrap().len();
        let whole = fs::read(dir.join("loopkeeper.db")).unwrap();
        let point_at = whole
            .windows(9)
            .position(|w| w == b"\"index\":3")
            .unwrap_or(0);
        for round in 0..150 {
            let (_temp, opened) = try_with(&dir, &format!("{killed} flip {round}"), |dir| {
                let mut bytes = whole.clone();
                for _ in 0..random.usize(1..=64) {
                    let at = match random.u8(0..4) {
                        0 => random.usize(0..200),
                        1 => (point_at + random.usize(0..200)).min(bytes.len() - 1),
                        _ => random.usize(0..usize::try_from(len).unwrap()),
                    };
                    // Not the number of the structure: that would be a newer version.
                    if !(60..64).contains(&at) {
                        bytes[at] ^= random.u8(1..=255);
                    }
                }
                fs::write(dir.join("loopkeeper.db"), bytes).unwrap();
            });
            damaged += u32::from(was_damaged(&opened));
        }
    }
    assert!(damaged > 100, "{damaged}");
}

type Damage = fn(&Path);

#[test]
fn what_is_no_database_of_ours_is_set_aside() {
    let (_temp, dir) = history(false);
    fn begin_anew(path: &Path, sql: &str) {
        fs::remove_file(path).unwrap();
        rusqlite::Connection::open(path)
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }
    let cases: [(&str, Damage); 5] = [
        ("empty", |path| fs::write(path, "").unwrap()),
        ("garbage", |path| fs::write(path, [7; 99_999]).unwrap()),
        ("another program's", |path| {
            begin_anew(path, "CREATE TABLE cat (name TEXT);")
        }),
        ("without structure", |path| {
            begin_anew(
                path,
                "PRAGMA application_id = 0x4c6f6f70; PRAGMA user_version = 1;
                 CREATE TABLE meta (name TEXT, value TEXT);",
            );
        }),
        ("with a resume point of two minds", |path| {
            let conn = rusqlite::Connection::open(path).unwrap();
            let sql = "UPDATE resume_point SET point = replace(point, '3', '5')";
            assert_eq!(conn.execute(sql, []).unwrap(), 1);
        }),
    ];
    for (case, damage) in cases {
        let (_temp, opened) = try_with(&dir, case, |dir| damage(&dir.join("loopkeeper.db")));
        assert!(was_damaged(&opened), "{case}");
    }
}

#[test]
fn a_log_without_its_database_is_set_aside_before_a_new_one_is_begun() {
    let (_temp, dir) = history(true);
    fs::remove_file(dir.join("loopkeeper.db")).unwrap();
    let log = fs::read(dir.join("loopkeeper.db-wal")).unwrap();
    let mut opened = Store::open(&dir, &plan()).unwrap();
    assert!(was_damaged(&opened));
    assert_eq!(fs::read(only(&dir, "loopkeeper.db.damaged-")).unwrap(), log);
    the_essential_is_there(&mut opened, "log alone");
}

#[test]
fn something_that_is_no_file_is_set_aside() {
    let (_temp, dir) = history(false);
    fs::remove_file(dir.join("loopkeeper.db")).unwrap();
    fs::create_dir(dir.join("loopkeeper.db")).unwrap();
    let mut opened = Store::open(&dir, &plan()).unwrap();
    assert!(was_damaged(&opened));
    assert!(only(&dir, "loopkeeper.db.damaged-").is_dir());
    the_essential_is_there(&mut opened, "a directory");
}

/// What a daemon that starts now would restore.
fn restored(dir: &Path) -> Restored {
    Store::read_only(dir, &plan()).unwrap().restored
}

#[test]
fn a_database_that_is_taken_away_from_a_running_daemon_is_made_anew() {
    type Robbery = fn(&Path) -> std::io::Result<()>;
    let robberies: [(&str, Robbery); 7] = [
        ("was deleted", |db| fs::remove_file(db)),
        ("was deleted", |db| {
            fs::remove_file(db)?;
            fs::remove_file(db.with_extension("db-wal"))
        }),
        ("was replaced by another file", |db| {
            fs::copy(db, db.with_extension("copy"))?;
            fs::rename(db.with_extension("copy"), db)
        }),
        ("was overwritten (it has less than a header)", |db| {
            fs::write(db, "")
        }),
        ("was overwritten (it is no SQLite database)", |db| {
            fs::write(db, vec![7; 70_000])
        }),
        ("was robbed of its log", |db| {
            fs::remove_file(db.with_extension("db-wal"))
        }),
        ("was deleted", |db| {
            fs::rename(db, db.with_extension("elsewhere"))
        }),
    ];
    for (how, robbery) in robberies {
        let (_temp, dir) = state_dir();
        let mut store = open(&dir).store;
        let stopped = Fact::Operator {
            worker: worker("builder"),
            run: false,
        };
        store
            .record(&[
                Fact::Boot(boot(0)),
                Fact::Phase(point(2)),
                Fact::NudgeBegun(begun(7, 3)),
                stopped,
                notice(1),
            ])
            .unwrap();
        store.record(&[Fact::Boot(boot(1)), notice(2)]).unwrap();
        let before = Restored {
            // The notice that comes after it is one.
            last_alive: Some(at(3)),
            ..restored(&dir)
        };
        robbery(&dir.join("loopkeeper.db")).unwrap();
        store.record(&[notice(3)]).unwrap();
        let problems = store.problems();
        let [problem] = &problems[..] else {
            panic!("{how}: {problems:?}")
        };
        let text = problem.to_string();
        assert!(
            text.contains(how) && text.contains("while the daemon used it"),
            "{text}"
        );
        assert_eq!(problem.level(), loopkeeper::decide::Level::Error);
        assert_eq!(restored(&dir), before, "{how}");
        let notices = store.history().notices(9, None).unwrap();
        assert_eq!(notices.len(), 1, "{how}: {notices:?}");
        store.record(&[Fact::Phase(point(3)), notice(4)]).unwrap();
        assert!(store.problems().is_empty(), "{how}: told once");
        drop(store);
        assert_eq!(open(&dir).restored.resume_point, Some(point(3)), "{how}");
    }
}

#[test]
fn a_database_that_is_missing_at_the_start_is_told_and_the_file_tells_the_resume_point() {
    let (_temp, dir) = state_dir();
    open(&dir)
        .store
        .record(&[Fact::Phase(point(2)), notice(1)])
        .unwrap();
    let without = |name: &str| {
        fs::remove_file(dir.join(name)).unwrap();
        fs::remove_file(dir.join("loopkeeper.db")).ok();
    };
    without("loopkeeper.db");
    let looked = Store::read_only(&dir, &plan()).unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    for problems in [&looked.problems, &opened.problems] {
        let missing = &problems[0];
        assert!(
            missing
                .to_string()
                .contains("is missing, although there is phase-idx"),
            "{missing}"
        );
        assert_eq!(missing.level(), loopkeeper::decide::Level::Error);
    }
    assert_eq!(opened.restored.resume_point.unwrap().index, 2);
    drop(opened.store);

    // Where nothing tells it, the plan is not begun again.
    fs::create_dir_all(dir.join("attempts/builder")).unwrap();
    without("phase-idx");
    let opened = Store::open(&dir, &plan()).unwrap();
    let told = told(&opened);
    assert!(told[0].contains("although there is attempts"), "{told:?}");
    assert_eq!(opened.restored.resume_point, None);
    let paused = opened.restored.paused.unwrap();
    assert!(paused.contains("although there is attempts"), "{paused}");
}
