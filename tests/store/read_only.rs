//! A look at the store leaves no trace.

use std::{fs, path::Path, time::SystemTime};

use loopkeeper::{
    decide::{Fact, Restored},
    store::Store,
};

use crate::rig::{boot, contents, copy_files, notice, open, plan, point, state_dir};

fn times(dir: &Path) -> Vec<(String, SystemTime)> {
    contents(dir)
        .into_iter()
        .map(|(name, _)| {
            let modified = dir.join(&name).metadata().unwrap().modified().unwrap();
            (name, modified)
        })
        .collect()
}

#[test]
fn it_shows_what_a_daemon_left_that_was_killed() {
    let (temp, dir) = state_dir();
    let mut store = open(&dir).store;
    store
        .record(&[Fact::Boot(boot(0)), Fact::Phase(point(3)), notice(5)])
        .unwrap();
    // The log is still full, as after kill -9.
    let killed = temp.path().join("killed");
    copy_files(&dir, &killed);
    for looked_at in [&dir, &killed] {
        let before = (contents(looked_at), times(looked_at));
        let seen = Store::read_only(looked_at, &plan()).unwrap();
        assert_eq!(seen.restored.resume_point, Some(point(3)));
        assert_eq!(seen.restored.boot, Some(boot(0)));
        assert_eq!(seen.history().notices(9, None).unwrap().len(), 1);
        assert!(seen.problems.is_empty());
        assert_eq!((contents(looked_at), times(looked_at)), before);
    }
    store.record(&[notice(6)]).unwrap();
}

#[test]
fn damage_is_told_and_left_as_it_is() {
    let (_temp, dir) = state_dir();
    open(&dir)
        .store
        .record(&[Fact::Boot(boot(0)), Fact::Phase(point(3))])
        .unwrap();
    fs::write(dir.join("loopkeeper.db"), "garbage").unwrap();
    let before = contents(&dir);
    let seen = Store::read_only(&dir, &plan()).unwrap();
    assert_eq!(seen.restored.resume_point.map(|point| point.index), Some(3));
    assert_eq!(seen.restored.boot, Some(boot(0)), "from REBOOTS.md");
    assert!(
        seen.problems[0].to_string().contains("is damaged"),
        "{:?}",
        seen.problems
    );
    assert_eq!(contents(&dir), before);
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let (_temp, dir) = state_dir();
    let seen = Store::read_only(&dir, &plan()).unwrap();
    assert_eq!(seen.restored, Restored::default());
    assert!(seen.history().notices(9, None).unwrap().is_empty());
    assert!(!dir.exists());
}
