//! State directories as every version has left them, in `golden/<structure>`: they open for ever.
//!
//! The database is there as the statements that make it, since what counts is what stands in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use loopkeeper::{
    launch::directory::{Directory, Ended, Output, Pane, Spec, attempts, workers},
    model::{AttemptRef, Exit, Identity, LauncherKind},
    store::{Problem, Store},
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::{boot_id, plan, state_dir, worker};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/golden")
}

/// Fills a state directory as the version with that structure left it.
pub(crate) fn lay_out(structure: u32, dir: &Path) {
    copy(&golden().join(structure.to_string()), dir);
    let statements = dir.join("loopkeeper.sql");
    let database = Connection::open(dir.join("loopkeeper.db")).unwrap();
    let text = fs::read_to_string(&statements).unwrap();
    database
        .execute_batch(&format!("PRAGMA journal_mode = WAL;\n{text}"))
        .unwrap();
    fs::remove_file(statements).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn version_1() -> (TempDir, PathBuf) {
    let (temp, dir) = state_dir();
    lay_out(1, &dir);
    (temp, dir)
}

/// The attempts of version 1, by worker and number.
fn attempt(dir: &Path, of: &str, number: usize) -> Directory {
    let worker = worker(of);
    let attempt = attempts(dir, &worker).unwrap().swap_remove(number);
    Directory::of(dir, &AttemptRef { worker, attempt })
}

fn structure_of(database: &Path) -> (u32, Vec<String>) {
    let conn = Connection::open(database).unwrap();
    let number = conn.query_one("PRAGMA user_version", [], |row| row.get(0));
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut select = conn.prepare(sql).unwrap();
    let statements = select.query_map([], |row| row.get(0)).unwrap();
    (number.unwrap(), statements.map(Result::unwrap).collect())
}

#[test]
fn every_version_opens_and_all_of_it_is_there() {
    for structure in 1..=4 {
        let (_temp, dir) = state_dir();
        lay_out(structure, &dir);
        let seen = Store::read_only(&dir, &plan()).unwrap();
        let opened = Store::open(&dir, &plan()).unwrap();
        for problems in [&seen.problems, &opened.problems] {
            assert!(problems.is_empty(), "{problems:?}");
        }
        assert_eq!(seen.restored, opened.restored);
        let history = opened.store.history();
        let told = (
            history.boots(9).unwrap(),
            history.attempts(&worker("builder"), 9).unwrap(),
            history.notices(9, None).unwrap(),
        );
        let name = format!("version_{structure}");
        insta::assert_debug_snapshot!(name, (&opened.restored, told));
    }
}

#[test]
fn the_structure_that_is_begun_today_is_that_of_the_newest_golden_files() {
    let (_temp, dir) = state_dir();
    drop(Store::open(&dir, &plan()).unwrap());
    let today = structure_of(&dir.join("loopkeeper.db"));
    assert_eq!(fs::read_dir(golden()).unwrap().count(), today.0 as usize);
    let (_temp, newest) = state_dir();
    lay_out(today.0, &newest);
    assert_eq!(structure_of(&newest.join("loopkeeper.db")), today);
}

#[test]
fn without_its_database_an_old_directory_tells_the_resume_point_and_the_boots() {
    let (_temp, dir) = version_1();
    fs::remove_file(dir.join("loopkeeper.db")).unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    assert!(matches!(
        opened.problems[0],
        Problem::DatabaseMissing { .. }
    ));
    assert_eq!(opened.restored.resume_point.unwrap().index, 2);
    assert_eq!(opened.restored.reboots, 1);
    let boots = opened.store.history().boots(9).unwrap();
    let booted: Vec<_> = boots.iter().map(|boot| boot.boot.clone()).collect();
    assert_eq!(booted, [boot_id(0), boot_id(1)]);
}

#[test]
fn the_daemon_that_had_an_old_directory_last_is_known() {
    let (_temp, dir) = version_1();
    assert_eq!(Store::config_of(&dir), Some("/dev/null".into()));
    assert_eq!(Store::holder(&dir), None);
}

#[test]
fn what_version_1_left_of_attempts_is_read() {
    let (_temp, dir) = version_1();
    let all = ["adversary", "builder", "proxy"].map(worker);
    let mut found = workers(&dir).unwrap();
    found.sort();
    assert_eq!(found, all);

    let killed = attempt(&dir, "builder", 0);
    let identity = |pid, started| Identity {
        boot: boot_id(1),
        pid,
        started,
    };
    assert_eq!(
        killed.spec(),
        Some(Spec {
            launcher: LauncherKind::Tmux,
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "echo x; kill -KILL $$".into()],
            workdir: "/srv/builder".into(),
            worktree: Some("/srv/builder".into()),
            variables: std::collections::BTreeMap::new(),
            output: Output::File,
            keep_output: 16 << 20,
            keep_attempts: 20,
            ignores_broken_pipe: false,
            stop: None,
            carried: false,
            boot: Some(boot_id(1)),
            far: None,
        })
    );
    let start = killed.start().unwrap();
    assert_eq!(start.identity, identity(4527, 87));
    let Some(Pane { wrapper, server }) = start.pane else {
        panic!("{start:?}")
    };
    assert_eq!((wrapper.pid, wrapper.started), (4523, 86));
    assert_eq!((server.pid, server.started), (4522, 85));
    assert_eq!(
        killed.ended(),
        Some(Ended {
            exit: Exit::Signal("SIGKILL".parse().unwrap()),
            at: "2026-11-21T00:43:44.311598738Z".parse().unwrap(),
            with_session: false,
        })
    );
    assert!(killed.is_concluded());
    assert_eq!(fs::read(killed.output()).unwrap(), b"x\r\n");

    let cut_off = attempt(&dir, "builder", 1);
    let start = cut_off.start().unwrap();
    assert_eq!(start.identity, identity(4711, 99));
    let cgroup = start.cgroup.unwrap();
    let scope = "/sys/fs/cgroup/loopkeeper.slice/loopkeeper-builder.scope";
    assert_eq!((cgroup.path, cgroup.inode), (scope.into(), 2711));
    assert_eq!((start.pane, cut_off.ended()), (None, None));
    assert!(!cut_off.is_concluded());

    let never_ran = attempt(&dir, "adversary", 0);
    let why = "program /srv/adversary/review cannot be run: Permission denied (os error 13)";
    assert_eq!(never_ran.start_failed().as_deref(), Some(why));
    assert_eq!(never_ran.start(), None);

    let with_the_machine = attempt(&dir, "proxy", 0).ended().unwrap();
    assert_eq!(with_the_machine.exit, Exit::Code(0));
    assert!(with_the_machine.with_session);
}

/// Rewrites a record of an attempt.
fn edit(directory: &Directory, name: &str, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    let path = directory.path().join(name);
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(value.as_object_mut().unwrap());
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn what_a_later_version_adds_to_the_records_of_an_attempt_is_passed_over() {
    let (_temp, dir) = version_1();
    let killed = attempt(&dir, "builder", 0);
    let read = || (killed.spec(), killed.start(), killed.ended());
    let before = read();
    for name in ["spec.json", "start.json", "exit.json"] {
        edit(&killed, name, |record| {
            record.insert("colour".into(), json!({"of": ["the", "bikeshed"]}));
            for part in ["identity", "pane"] {
                if let Some(inner) = record.get_mut(part) {
                    inner["colour"] = json!("green");
                }
            }
        });
    }
    assert!(before.0.is_some() && before.1.is_some() && before.2.is_some());
    assert_eq!(read(), before);
}

#[test]
fn what_the_first_records_of_attempts_did_not_have_yet_is_not_missed() {
    let (_temp, dir) = version_1();
    let killed = attempt(&dir, "builder", 0);
    let without = |name, fields: &[&str]| {
        edit(&killed, name, |record| {
            for field in fields {
                assert!(record.remove(*field).is_some(), "{field}");
            }
        });
    };
    without("spec.json", &["worktree", "boot"]);
    without("start.json", &["cgroup", "pane"]);
    without("exit.json", &["with_session"]);
    let spec = killed.spec().unwrap();
    assert_eq!((spec.worktree, spec.boot), (None, None));
    let start = killed.start().unwrap();
    assert_eq!(
        (start.identity.pid, start.cgroup, start.pane),
        (4527, None, None)
    );
    assert!(!killed.ended().unwrap().with_session);
}

#[test]
fn an_end_of_a_kind_that_is_not_known_yet_is_not_taken_for_another() {
    let (_temp, dir) = version_1();
    let killed = attempt(&dir, "builder", 0);
    edit(&killed, "exit.json", |record| {
        record.insert("exit".into(), json!({"abducted": 9}));
    });
    assert_eq!(killed.ended(), None);
    assert!(killed.start().is_some());
}
