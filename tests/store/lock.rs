//! One daemon for each state directory.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use loopkeeper::store::{Store, StoreError};

use crate::rig::{notice, open, plan, state_dir};

/// In the environment of a process that is to hold the directory until its input ends.
const HOLD: &str = "LOOPKEEPER_TEST_HOLD";

#[test]
fn the_second_daemon_is_refused_until_the_first_is_dead() {
    if let Some(dir) = std::env::var_os(HOLD) {
        let _held = open(dir.as_ref());
        std::io::stdout().write_all(b"\nheld\n").unwrap();
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let (_temp, dir) = state_dir();
    let mut first = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("lock::the_second_daemon_is_refused_until_the_first_is_dead")
        .env(HOLD, &dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    let refused = Store::open(&dir, &plan()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "state directory {} is in use by loopkeeperd (pid {})",
            dir.display(),
            first.id()
        )
    );
    assert!(refused.hint().unwrap().contains("supervisorctl status"));
    first.kill().unwrap();
    first.wait().unwrap();
    drop(open(&dir));
}

#[test]
fn a_child_does_not_inherit_the_directory() {
    let (_temp, dir) = state_dir();
    let opened = open(&dir);
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its answer shows that it is running its own program by now.
    child.stdin.as_mut().unwrap().write_all(b"there\n").unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut answer)
        .unwrap();
    assert!(matches!(
        Store::open(&dir, &plan()),
        Err(StoreError::InUse { .. })
    ));
    drop(opened);
    drop(open(&dir));
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_lock_that_a_dying_daemon_leaves_for_a_moment_is_waited_for() {
    let (_temp, dir) = state_dir();
    let held = open(&dir);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Time is the subject: a fraction of the moment that is waited.
            std::thread::sleep(std::time::Duration::from_millis(200));
            drop(held);
        });
        drop(open(&dir));
    });
}

/// Who asks who has it has it for that.
#[test]
fn who_looks_who_has_it_is_not_taken_for_another_daemon() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let done = AtomicBool::new(false);
    let kept = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                Store::holder(&dir);
            }
        });
        let kept = (0..50).try_for_each(|_| {
            fs::remove_dir_all(&dir).unwrap();
            store.keep()
        });
        done.store(true, Ordering::Relaxed);
        kept
    });
    kept.unwrap();
}

/// Who opened it beside us would take what it knows of the log for all there is, and delete the log
/// when it leaves.
#[test]
fn nobody_else_gets_into_the_database_of_a_daemon() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let inode = fs::metadata(dir.join("loopkeeper.db")).unwrap().ino();
    let ours = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(1) == Some(&"POSIX")
            && fields.get(4) == Some(&std::process::id().to_string().as_str())
            && fields[5].rsplit(':').next() == Some(&inode.to_string())
    };
    for number in 0..3 {
        store.record(&[notice(number)]).unwrap();
        let locks = fs::read_to_string("/proc/locks").unwrap();
        assert!(locks.lines().any(ours), "commit {number}: {locks}");
    }
}
