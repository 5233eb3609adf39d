//! A state directory that is taken away from a running daemon.

use std::{fs, path::Path};

use loopkeeper::{
    decide::Fact,
    store::{Store, StoreError},
};

use crate::rig::{boot, names, notice, open, plan, point, state_dir, worker};

type Robbery = fn(&Path) -> std::io::Result<()>;

const ROBBERIES: [(&str, Robbery); 3] = [
    ("was removed", |dir| fs::remove_dir_all(dir)),
    ("was removed", |dir| {
        fs::rename(dir, dir.with_extension("x"))
    }),
    ("was replaced by another", |dir| {
        fs::remove_dir_all(dir)?;
        fs::create_dir(dir)
    }),
];

/// With two reboots and a decision of the operator.
fn kept(dir: &Path) -> Store {
    let mut store = open(dir).store;
    for number in 0..3 {
        store.record(&[Fact::Boot(boot(number))]).unwrap();
    }
    let stopped = Fact::Operator {
        worker: worker("builder"),
        run: false,
    };
    store.record(&[Fact::Phase(point(2)), stopped]).unwrap();
    store
}

#[test]
fn a_directory_that_is_taken_away_is_made_locked_and_filled_again() {
    for (how, robbery) in ROBBERIES {
        let (_temp, dir) = state_dir();
        let mut store = kept(&dir);
        let reboots = fs::read_to_string(dir.join("REBOOTS.md")).unwrap();
        let before = Store::read_only(&dir, &plan()).unwrap().restored;
        robbery(&dir).unwrap();
        store.keep().unwrap();
        let problems = store.problems();
        let [problem] = &problems[..] else {
            panic!("{how}: {problems:?}")
        };
        let text = problem.to_string();
        assert!(text.contains(how), "{text}");
        for name in ["REBOOTS.md", "lock", "loopkeeper.db", "phase-idx"] {
            assert!(
                names(&dir).iter().any(|found| found == name),
                "{how}: no {name}"
            );
        }
        assert_eq!(fs::read_to_string(dir.join("REBOOTS.md")).unwrap(), reboots);
        assert_eq!(Store::read_only(&dir, &plan()).unwrap().restored, before);
        let us = std::process::id().cast_signed();
        assert_eq!(Store::holder(&dir), Some(us), "{how}");
        store.record(&[Fact::Phase(point(3)), notice(1)]).unwrap();
        assert!(store.problems().is_empty(), "{how}: told once");
        drop(store);
        assert_eq!(open(&dir).restored.resume_point, Some(point(3)), "{how}");
    }
}

#[test]
fn nothing_is_written_into_a_directory_that_another_daemon_has_by_now() {
    let (_temp, dir) = state_dir();
    let mut first = kept(&dir);
    fs::remove_dir_all(&dir).unwrap();
    let second = open(&dir);
    let before = crate::rig::contents(&dir);
    let refusals = [
        first.record(&[Fact::Phase(point(3)), notice(1)]),
        first.restore_phase_file().map(drop),
        first.keep(),
    ];
    for refused in refusals {
        assert!(
            matches!(refused, Err(StoreError::InUse { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(crate::rig::contents(&dir), before);
    drop(second);
    let before = crate::rig::contents(&dir);
    // Nobody has it any more, and what is there may be what is meant.
    let refused = first.record(&[Fact::Phase(point(3))]);
    assert!(
        matches!(refused, Err(StoreError::Another { .. })),
        "{refused:?}"
    );
    assert_eq!(crate::rig::contents(&dir), before);
    assert_eq!(Store::holder(&dir), None);
    fs::remove_dir_all(&dir).unwrap();
    first.record(&[Fact::Phase(point(3))]).unwrap();
    assert_eq!(first.problems().len(), 1);
    drop(first);
    assert_eq!(open(&dir).restored.resume_point, Some(point(3)));
}
