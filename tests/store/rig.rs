//! Values and directories that the tests share.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use loopkeeper::{
    agent::typed::Digest,
    decide::{
        BegunNudge, Boot, Fact, KnownEnding, Level, Notice, NudgeId, Reboot, ResumePoint, SetBy,
    },
    model::{AttemptId, AttemptRef, BootId, Mono, PhaseId, WorkerName},
    store::{Opened, Store},
};
use tempfile::TempDir;

/// The moment `seconds` after the story begins.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T00:43:19Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

pub(crate) fn plan() -> Vec<PhaseId> {
    ["1d", "1e", "2", "2b", "3", "4"]
        .map(|id| id.parse().unwrap())
        .to_vec()
}

pub(crate) fn point_of(plan: &[PhaseId], index: usize) -> ResumePoint {
    ResumePoint::new(plan, index, at(i64::try_from(index).unwrap()), SetBy::Plan)
}

/// The resume point at that index of [`plan`].
pub(crate) fn point(index: usize) -> ResumePoint {
    point_of(&plan(), index)
}

pub(crate) fn boot_id(number: u64) -> BootId {
    format!("{number:032x}").parse().unwrap()
}

/// The boot with that number; all but the first are clean reboots.
pub(crate) fn boot(number: u64) -> Boot {
    let then = i64::try_from(number).unwrap() * 3600;
    Boot {
        boot: boot_id(number),
        booted: at(then),
        seen: at(then + 9),
        reboot: number.checked_sub(1).map(|last| Reboot {
            from: boot_id(last),
            clean: true,
            last_alive: Some(at(then - 60)),
            running: vec![worker("builder")],
            resume_point: Some("phase 3 of 6, 2".to_owned()),
        }),
    }
}

pub(crate) fn worker(name: &str) -> WorkerName {
    name.parse().unwrap()
}

pub(crate) fn attempt(worker_name: &str, seconds: i64) -> AttemptRef {
    AttemptRef {
        worker: worker(worker_name),
        attempt: AttemptId::new(at(seconds), 7),
    }
}

pub(crate) fn notice(number: u64) -> Fact {
    Fact::Notice(Notice {
        at: at(i64::try_from(number).unwrap()),
        event: "attempt-ended".to_owned(),
        level: Level::Warning,
        worker: Some(worker("builder")),
        attempt: Some(attempt("builder", 1).attempt),
        phase: Some(plan()[0].clone()),
        text: format!("notice {number}"),
    })
}

/// A state directory that has not been made yet.
pub(crate) fn state_dir() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("state");
    (temp, dir)
}

/// Opens a directory in which nothing is wrong.
pub(crate) fn open(dir: &Path) -> Opened {
    let opened = Store::open(dir, &plan()).unwrap();
    assert!(opened.problems.is_empty(), "{:?}", opened.problems);
    opened
}

/// What the problems say.
pub(crate) fn told(opened: &Opened) -> Vec<String> {
    opened.problems.iter().map(ToString::to_string).collect()
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The one name that begins so.
pub(crate) fn only(dir: &Path, start: &str) -> PathBuf {
    let found: Vec<String> = names(dir)
        .into_iter()
        .filter(|name| name.starts_with(start))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    dir.join(&found[0])
}

/// All files with their bytes, but the lock.
pub(crate) fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    names(dir)
        .into_iter()
        .filter(|name| name != "lock")
        .map(|name| {
            let bytes = fs::read(dir.join(&name)).unwrap();
            (name, bytes)
        })
        .collect()
}

/// Copies the files of one directory into another that is made for them.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

pub(crate) fn begun(nudge: u64, seconds: i64) -> BegunNudge {
    BegunNudge {
        nudge: NudgeId(nudge),
        attempt: attempt("builder", 30),
        at: at(seconds),
        about: "\"go on\", 5 bytes".to_owned(),
        item: None,
        digest: Digest::of("go on"),
    }
}

/// This phase of the plan was said to be over.
pub(crate) fn ending(phase: usize) -> KnownEnding {
    KnownEnding {
        phase: plan()[phase].clone(),
        since: at(3750),
        boot: boot_id(1),
        mono: Mono(60),
    }
}
