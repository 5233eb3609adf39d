//! Full and read-only file systems, for real.

use std::{error::Error, fs, path::PathBuf, process::Command};

use loopkeeper::{
    decide::Fact,
    store::{Problem, Store},
};
use tempfile::TempDir;

use crate::{
    mount::{Mount, can_mount, run},
    rig::{boot, names, notice, open, plan, point},
};

/// Dropped from the last to the first: unmounted before its directory is removed.
fn small_disk() -> (TempDir, Mount, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let mount = Mount::small(&temp.path().join("disk"), "256k");
    let dir = mount.0.join("state");
    (temp, mount, dir)
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn a_disk_that_gets_full_loses_nothing_and_heals() {
    if !can_mount("a full disk") {
        return;
    }
    let (_temp, mount, dir) = small_disk();
    let mut store = open(&dir).store;
    store
        .record(&[Fact::Boot(boot(0)), Fact::Phase(point(2))])
        .unwrap();
    let filler = mount.fill(0);
    let mut refused = 0;
    for number in 0..200 {
        if let Err(error) = store.record(&[notice(number)]) {
            refused += 1;
            let text = causes(&error);
            assert!(text.contains("loopkeeper.db cannot be written: "), "{text}");
            assert!(text.contains("full"), "{text}");
            assert!(
                error.hint().unwrap().contains("df -h"),
                "{:?}",
                error.hint()
            );
        }
    }
    assert!(refused > 100, "{refused}");
    let error = store.record(&[Fact::Phase(point(3))]).unwrap_err();
    assert!(causes(&error).contains("phase-idx"), "{}", causes(&error));
    assert!(
        fs::read(dir.join("phase-idx"))
            .unwrap()
            .starts_with(b"2 2\n")
    );
    assert!(!names(&dir).contains(&"phase-idx.new".to_owned()));
    drop(store);
    let opened = Store::open(&dir, &plan()).unwrap();
    assert_eq!(opened.restored.resume_point, Some(point(2)));
    let mut store = opened.store;
    fs::remove_file(filler).unwrap();
    store
        .record(&[Fact::Phase(point(3)), notice(1000)])
        .unwrap();
    drop(store);
    assert_eq!(open(&dir).restored.resume_point, Some(point(3)));
}

#[test]
fn with_any_room_left_the_resume_point_is_the_old_or_the_new_one() {
    if !can_mount("a nearly full disk") {
        return;
    }
    let (mut refused, mut accepted) = (0, 0);
    for free in 0..12 {
        for killed in [false, true] {
            let (temp, mount, dir) = small_disk();
            let mut store = open(&dir).store;
            store
                .record(&[Fact::Boot(boot(0)), Fact::Phase(point(2))])
                .unwrap();
            let filler = mount.fill(free);
            let recorded = store.record(&[Fact::Phase(point(3)), Fact::Boot(boot(1))]);
            let survivor = temp.path().join("survivor");
            if killed {
                crate::rig::copy_files(&dir, &survivor);
            } else {
                drop(store);
            }
            let dir = if killed { survivor } else { dir };
            let opened = Store::open(&dir, &plan()).unwrap();
            let found = opened.restored.resume_point.unwrap();
            match recorded {
                Ok(()) => {
                    accepted += 1;
                    assert_eq!(found, point(3), "{free} pages");
                }
                Err(_) => {
                    refused += 1;
                    assert!(
                        [point(2), point(3)].contains(&found),
                        "{free} pages: {found:?}"
                    );
                }
            }
            drop(opened.store);
            fs::remove_file(filler).unwrap();
            assert_eq!(open(&dir).restored.resume_point, Some(found));
        }
    }
    assert!(
        refused > 0 && accepted > 0,
        "{refused} refused, {accepted} accepted"
    );
}

#[test]
fn a_first_start_on_a_full_disk_is_degraded_until_there_is_room() {
    if !can_mount("a full disk") {
        return;
    }
    let (_temp, mount, dir) = small_disk();
    fs::create_dir(&dir).unwrap();
    let filler = mount.fill(0);
    let mut opened = Store::open(&dir, &plan()).unwrap();
    assert!(
        matches!(opened.problems[..], [Problem::Degraded(_)]),
        "{:?}",
        opened.problems
    );
    assert!(opened.store.record(&[Fact::Phase(point(0))]).is_err());
    assert!(opened.store.history().notices(1, None).unwrap().is_empty());
    assert!(
        !names(&dir)
            .iter()
            .any(|name| name.starts_with("loopkeeper.db")),
        "{:?}",
        names(&dir)
    );
    fs::remove_file(filler).unwrap();
    opened
        .store
        .record(&[Fact::Phase(point(0)), notice(1)])
        .unwrap();
    drop(opened);
    assert_eq!(open(&dir).restored.resume_point, Some(point(0)));
}

#[test]
fn a_read_only_directory_still_tells_all_and_heals() {
    if !can_mount("a read-only disk") {
        return;
    }
    for killed in [false, true] {
        let (temp, mount, dir) = small_disk();
        let mut store = open(&dir).store;
        store
            .record(&[Fact::Boot(boot(0)), Fact::Phase(point(2)), notice(1)])
            .unwrap();
        if killed {
            // With the log as kill -9 leaves it.
            let as_left = temp.path().join("as-left");
            crate::rig::copy_files(&dir, &as_left);
            drop(store);
            fs::remove_dir_all(&dir).unwrap();
            crate::rig::copy_files(&as_left, &dir);
        } else {
            drop(store);
        }
        run(Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&mount.0));
        let mut opened = Store::open(&dir, &plan()).unwrap();
        assert_eq!(opened.restored.resume_point, Some(point(2)));
        assert_eq!(opened.restored.boot, Some(boot(0)));
        let told = crate::rig::told(&opened);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("cannot be kept") && told[0].contains("loopkeeper.db"),
            "{told:?}"
        );
        assert_eq!(opened.store.history().notices(9, None).unwrap().len(), 1);
        assert!(
            opened
                .store
                .is_own_phase_file(&fs::read(dir.join("phase-idx")).unwrap())
        );
        let error = opened.store.record(&[Fact::Phase(point(3))]).unwrap_err();
        assert!(error.to_string().contains("loopkeeper.db"), "{error}");
        run(Command::new("mount")
            .args(["-o", "remount,rw"])
            .arg(&mount.0));
        opened.store.record(&[Fact::Phase(point(3))]).unwrap();
        drop(opened);
        let opened = open(&dir);
        assert_eq!(opened.restored.resume_point, Some(point(3)));
        assert_eq!(opened.store.history().notices(9, None).unwrap().len(), 1);
    }
}

#[test]
fn damage_on_a_read_only_disk_is_told_and_the_file_tells_the_resume_point() {
    if !can_mount("a read-only disk") {
        return;
    }
    let (_temp, mount, dir) = small_disk();
    open(&dir)
        .store
        .record(&[Fact::Boot(boot(0)), Fact::Phase(point(2))])
        .unwrap();
    fs::write(dir.join("loopkeeper.db"), "garbage").unwrap();
    run(Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&mount.0));
    let opened = Store::open(&dir, &plan()).unwrap();
    assert_eq!(
        opened
            .restored
            .resume_point
            .as_ref()
            .map(|point| point.index),
        Some(2)
    );
    let told = crate::rig::told(&opened);
    assert!(
        told[0].contains("is damaged") && told[0].contains("left as it is"),
        "{told:?}"
    );
    assert!(told[1].contains("cannot be kept"), "{told:?}");
}

#[test]
fn a_database_that_is_deleted_on_a_full_disk_is_made_anew_when_there_is_room() {
    if !can_mount("a full disk") {
        return;
    }
    let (_temp, mount, dir) = small_disk();
    let mut store = open(&dir).store;
    store.record(&[Fact::Phase(point(2)), notice(1)]).unwrap();
    fs::remove_file(dir.join("loopkeeper.db")).unwrap();
    let filler = mount.fill(0);
    for _ in 0..3 {
        assert!(store.record(&[notice(2)]).is_err());
        assert!(store.history().notices(9, None).unwrap().is_empty());
    }
    assert_eq!(store.problems().len(), 1, "told once");
    fs::remove_file(filler).unwrap();
    store.record(&[notice(2)]).unwrap();
    drop(store);
    assert_eq!(open(&dir).restored.resume_point, Some(point(2)));
}
