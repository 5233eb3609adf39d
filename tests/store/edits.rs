//! `phase-idx` in the hands of people, and of bad luck.

use std::{fs, path::Path};

use loopkeeper::{
    decide::{Fact, Level, SetBy},
    store::{Opened, Store},
};
use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::rig::{boot, contents, only, open, plan, point, state_dir, told};

fn at_phase(dir: &Path, index: usize) {
    open(dir)
        .store
        .record(&[Fact::Phase(point(index))])
        .unwrap();
}

fn index(opened: &Opened) -> usize {
    opened.restored.resume_point.as_ref().unwrap().index
}

#[test]
fn the_file_is_there_in_our_form() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    let text = fs::read_to_string(dir.join("phase-idx")).unwrap();
    assert_eq!(
        text,
        "2 2\n# phase 3 of 6, set 2026-11-21T00:43:21Z by plan; edit the first line to move the \
         resume point\n"
    );
}

#[test]
fn an_edit_while_nobody_watched_is_taken_and_told() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), "1e\r\n").unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    let point = opened.restored.resume_point.clone().unwrap();
    assert_eq!((point.index, point.by, point.count), (1, SetBy::File, 6));
    let told = told(&opened);
    assert!(told[0].ends_with("phase-idx: phase 2 of 6, 1e"), "{told:?}");
    assert_eq!(opened.problems[0].level(), Level::Info);
    drop(opened);
    assert_eq!(
        open(&dir).restored.resume_point,
        Some(point),
        "recorded, and told once"
    );
}

#[test]
fn going_back_by_hand_to_the_phase_before_is_no_crash() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 1);
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), "1 1e\n").unwrap();
    assert_eq!(index(&Store::open(&dir, &plan()).unwrap()), 1);
}

#[test]
fn an_earlier_copy_of_the_file_that_is_brought_back_is_an_edit() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 1);
    let copy = fs::read(dir.join("phase-idx")).unwrap();
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), copy).unwrap();
    assert_eq!(index(&Store::open(&dir, &plan()).unwrap()), 1);
}

#[test]
fn an_ambiguous_edit_is_told_as_such() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), "3").unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    assert_eq!(index(&opened), 3);
    assert!(told(&opened)[0].contains("could be"), "{:?}", told(&opened));
}

#[test]
fn an_edit_that_means_the_same_changes_nothing() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), "2 # mine\n").unwrap();
    assert_eq!(open(&dir).restored.resume_point, Some(point(2)));
    assert_eq!(fs::read(dir.join("phase-idx")).unwrap(), b"2 # mine\n");
}

#[test]
fn a_damaged_file_is_set_aside_and_the_recorded_point_is_used() {
    let many = vec![b'1'; 1 << 20];
    let damaged: [&[u8]; 7] = [
        b"",
        b"\0\0\0\0",
        b"\xff\xfe2",
        b"7",
        b"nope",
        b"3 2",
        many.as_slice(),
    ];
    for bytes in damaged {
        let (_temp, dir) = state_dir();
        at_phase(&dir, 2);
        fs::write(dir.join("phase-idx"), bytes).unwrap();
        let opened = Store::open(&dir, &plan()).unwrap();
        assert_eq!(opened.restored.resume_point, Some(point(2)));
        let aside = only(&dir, "phase-idx.damaged-");
        assert_eq!(fs::read(&aside).unwrap(), bytes);
        let told = told(&opened);
        assert!(told[0].contains(aside.to_str().unwrap()), "{told:?}");
        assert!(told[0].contains("phase 3 of 6"), "{told:?}");
        assert_eq!(opened.problems[0].level(), Level::Error);
        drop(opened);
        assert_eq!(
            open(&dir).restored.resume_point,
            Some(point(2)),
            "repaired for good"
        );
    }
}

#[test]
fn something_that_is_no_file_is_set_aside_without_waiting_for_it() {
    for make in [
        |path: &Path| fs::create_dir(path).unwrap(),
        |path: &Path| mkfifo(path, Mode::S_IRWXU).unwrap(),
        |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
    ] {
        let (_temp, dir) = state_dir();
        at_phase(&dir, 2);
        let path = dir.join("phase-idx");
        fs::remove_file(&path).unwrap();
        make(&path);
        let opened = Store::open(&dir, &plan()).unwrap();
        assert_eq!(opened.restored.resume_point, Some(point(2)));
        only(&dir, "phase-idx.damaged-");
        drop(opened);
        assert_eq!(open(&dir).restored.resume_point, Some(point(2)));
    }
}

#[test]
fn damage_after_damage_never_replaces_what_was_set_aside() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    for n in 0..5 {
        fs::write(dir.join("phase-idx"), format!("damage {n} x")).unwrap();
        drop(Store::open(&dir, &plan()).unwrap());
    }
    let mut kept: Vec<Vec<u8>> = contents(&dir)
        .into_iter()
        .filter(|(name, _)| name.starts_with("phase-idx.damaged-"))
        .map(|(_, bytes)| bytes)
        .collect();
    kept.sort();
    let expected: Vec<_> = (0..5)
        .map(|n| format!("damage {n} x").into_bytes())
        .collect();
    assert_eq!(kept, expected);
}

#[test]
fn a_missing_file_is_written_anew() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    let text = fs::read(dir.join("phase-idx")).unwrap();
    fs::remove_file(dir.join("phase-idx")).unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    assert_eq!(opened.restored.resume_point, Some(point(2)));
    assert!(told(&opened)[0].contains("missing"));
    assert_eq!(fs::read(dir.join("phase-idx")).unwrap(), text);
}

#[test]
fn the_file_of_the_hand_made_rig_is_taken_over() {
    let (_temp, dir) = state_dir();
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("phase-idx"), "2b\n").unwrap();
    assert_eq!(index(&Store::open(&dir, &plan()).unwrap()), 3);
    assert_eq!(index(&open(&dir)), 3);
}

#[test]
fn a_crash_between_database_and_file_is_made_good() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 1);
    let before = fs::read(dir.join("phase-idx")).unwrap();
    at_phase(&dir, 2);
    // As a crash leaves it: the database knows the new point, and not that the file has it.
    let conn = rusqlite::Connection::open(dir.join("loopkeeper.db")).unwrap();
    conn.execute(
        "UPDATE resume_point SET previous = ?1",
        [str::from_utf8(&before).unwrap()],
    )
    .unwrap();
    drop(conn);
    fs::write(dir.join("phase-idx"), &before).unwrap();
    assert_eq!(open(&dir).restored.resume_point, Some(point(2)));
    assert!(
        fs::read(dir.join("phase-idx"))
            .unwrap()
            .starts_with(b"2 2\n")
    );
    assert_eq!(open(&dir).restored.resume_point, Some(point(2)));
}

#[test]
fn a_changed_plan_is_no_damage() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    let other = ["x", "y"].map(|id| id.parse().unwrap());
    let opened = Store::open(&dir, &other).unwrap();
    assert!(opened.problems.is_empty());
    assert_eq!(
        opened.restored.resume_point,
        Some(point(2)),
        "as it was recorded"
    );
}

#[test]
fn without_a_plan_the_file_is_left_alone() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), "what is this").unwrap();
    let opened = Store::open(&dir, &[]).unwrap();
    assert!(opened.problems.is_empty());
    assert_eq!(fs::read(dir.join("phase-idx")).unwrap(), b"what is this");
}

#[test]
fn a_lost_resume_point_pauses_the_rig_until_one_is_set() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 4);
    fs::write(dir.join("loopkeeper.db"), "garbage").unwrap();
    fs::write(dir.join("phase-idx"), "garbage").unwrap();
    for _ in 0..2 {
        let opened = Store::open(&dir, &plan()).unwrap();
        assert_eq!(opened.restored.resume_point, None);
        assert!(
            opened
                .restored
                .paused
                .as_ref()
                .unwrap()
                .starts_with("the resume point was lost")
        );
        let told = told(&opened);
        assert!(
            told.iter()
                .any(|text| text.starts_with("resume point is lost")),
            "{told:?}"
        );
    }
    let mut opened = Store::open(&dir, &plan()).unwrap();
    opened
        .store
        .record(&[Fact::Phase(point(4)), Fact::Paused(None)])
        .unwrap();
    drop(opened);
    let opened = open(&dir);
    assert_eq!(
        (opened.restored.resume_point, opened.restored.paused),
        (Some(point(4)), None)
    );
}

#[test]
fn a_history_without_database_and_resume_point_is_no_first_start() {
    let (_temp, dir) = state_dir();
    open(&dir)
        .store
        .record(&[Fact::Boot(boot(0)), Fact::Phase(point(4))])
        .unwrap();
    fs::remove_file(dir.join("loopkeeper.db")).unwrap();
    fs::remove_file(dir.join("phase-idx")).unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    assert!(opened.restored.paused.is_some());
    assert_eq!(opened.restored.boot, Some(boot(0)));
}

#[test]
fn an_edit_is_told_from_our_own_writing_and_can_be_refused() {
    let (_temp, dir) = state_dir();
    let mut store = open(&dir).store;
    let path = dir.join("phase-idx");
    store.record(&[Fact::Phase(point(1))]).unwrap();
    let before = fs::read(&path).unwrap();
    store.record(&[Fact::Phase(point(2))]).unwrap();
    let ours = fs::read(&path).unwrap();
    assert!(
        !store.is_own_phase_file(&before),
        "brought back from a copy, it is an edit"
    );
    assert!(store.is_own_phase_file(&ours));
    assert!(!store.is_own_phase_file(b"2 2\n"));
    fs::write(&path, "nonsense").unwrap();
    let aside = store.restore_phase_file().unwrap().unwrap();
    assert_eq!(fs::read(aside).unwrap(), b"nonsense");
    assert_eq!(fs::read(&path).unwrap(), ours);
    fs::remove_file(&path).unwrap();
    assert_eq!(store.restore_phase_file().unwrap(), None);
    assert_eq!(fs::read(&path).unwrap(), ours);
}

#[test]
fn a_byte_order_mark_does_not_count() {
    let (_temp, dir) = state_dir();
    at_phase(&dir, 2);
    fs::write(dir.join("phase-idx"), "\u{feff}2b\r\n").unwrap();
    assert_eq!(index(&Store::open(&dir, &plan()).unwrap()), 3);
}

#[test]
fn a_symbolic_link_is_written_through_and_stays() {
    let (temp, dir) = state_dir();
    at_phase(&dir, 2);
    let link = dir.join("phase-idx");
    let target = temp.path().join("plans/here");
    fs::create_dir(temp.path().join("plans")).unwrap();
    fs::rename(&link, &target).unwrap();
    std::os::unix::fs::symlink("../plans/here", &link).unwrap();

    let mut store = open(&dir).store;
    store.record(&[Fact::Phase(point(3))]).unwrap();
    assert!(fs::read_to_string(&target).unwrap().starts_with("3 2b\n"));
    drop(store);

    // What it leads to is missing, then damaged.
    fs::remove_file(&target).unwrap();
    assert_eq!(index(&Store::open(&dir, &plan()).unwrap()), 3);
    assert!(fs::read_to_string(&target).unwrap().starts_with("3 2b\n"));
    fs::write(&target, "garbage").unwrap();
    let opened = Store::open(&dir, &plan()).unwrap();
    assert_eq!(index(&opened), 3);
    let aside = only(&temp.path().join("plans"), "here.damaged-");
    assert_eq!(fs::read(&aside).unwrap(), b"garbage");
    assert!(told(&opened)[0].contains(aside.file_name().unwrap().to_str().unwrap()));
    assert!(fs::read_to_string(&target).unwrap().starts_with("3 2b\n"));
    drop(opened);
    assert!(link.is_symlink());

    // What is no file is not replaced: the link gives way.
    fs::remove_file(&target).unwrap();
    fs::create_dir(&target).unwrap();
    drop(Store::open(&dir, &plan()).unwrap());
    assert!(target.is_dir() && !link.is_symlink());
    assert!(fs::read_to_string(&link).unwrap().starts_with("3 2b\n"));
}
