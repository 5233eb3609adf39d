//! One record and one entry for each boot.

use std::fs;

use loopkeeper::{decide::Fact, store::Store};

use crate::rig::{boot, boot_id, only, open, plan, state_dir, told};

fn entries(dir: &std::path::Path, number: u64) -> usize {
    let text = fs::read(dir.join("REBOOTS.md")).unwrap();
    String::from_utf8_lossy(&text)
        .matches(&format!("boot_id: `{}`", boot_id(number)))
        .count()
}

#[test]
fn a_boot_is_recorded_once_however_often_the_daemon_starts() {
    let (_temp, dir) = state_dir();
    for number in [0, 0, 1, 1, 2, 2, 2] {
        open(&dir)
            .store
            .record(&[Fact::Boot(boot(number))])
            .unwrap();
    }
    let opened = open(&dir);
    assert_eq!(opened.restored.reboots, 2);
    assert_eq!(opened.restored.boot, Some(boot(2)));
    let boots = opened.store.history().boots(10).unwrap();
    let records: Vec<_> = boots.into_iter().map(|b| (b.number, b.record)).collect();
    assert_eq!(records, [0, 1, 2].map(|n| (n, Some(boot(n)))));
    assert_eq!([1, 2].map(|n| entries(&dir, n)), [1, 1]);
    let text = fs::read_to_string(dir.join("REBOOTS.md")).unwrap();
    assert_eq!(
        text.matches("## Reboot").count(),
        2,
        "the first boot is no reboot"
    );
    assert!(
        text.contains("## Reboot 1: 2026-11-21 01:43:19 UTC"),
        "{text}"
    );
}

#[test]
fn a_crash_before_the_file_or_before_the_mark_is_made_good_once() {
    let (_temp, dir) = state_dir();
    open(&dir)
        .store
        .record(&[Fact::Boot(boot(0)), Fact::Boot(boot(1))])
        .unwrap();
    let without = fs::read(dir.join("REBOOTS.md")).unwrap();
    open(&dir).store.record(&[Fact::Boot(boot(2))]).unwrap();
    let with = fs::read(dir.join("REBOOTS.md")).unwrap();
    for (crashed, as_left) in [("before the file", &without), ("before the mark", &with)] {
        let conn = rusqlite::Connection::open(dir.join("loopkeeper.db")).unwrap();
        conn.execute("UPDATE boot SET listed = 0 WHERE number = 2", [])
            .unwrap();
        drop(conn);
        fs::write(dir.join("REBOOTS.md"), as_left).unwrap();
        drop(open(&dir));
        assert_eq!(fs::read(dir.join("REBOOTS.md")).unwrap(), with, "{crashed}");
    }
}

#[test]
fn what_people_remove_stays_removed_and_what_they_add_stays() {
    let (_temp, dir) = state_dir();
    open(&dir)
        .store
        .record(&[Fact::Boot(boot(0)), Fact::Boot(boot(1))])
        .unwrap();
    fs::write(dir.join("REBOOTS.md"), "mine \u{2713}").unwrap();
    open(&dir).store.record(&[Fact::Boot(boot(2))]).unwrap();
    let text = fs::read_to_string(dir.join("REBOOTS.md")).unwrap();
    assert!(text.starts_with("mine \u{2713}\n\n## Reboot 2: "), "{text}");
    assert_eq!([1, 2].map(|n| entries(&dir, n)), [0, 1]);
}

#[test]
fn the_file_of_the_hand_made_rig_is_taken_over_with_its_boots() {
    let (_temp, dir) = state_dir();
    fs::create_dir(&dir).unwrap();
    let theirs = format!(
        "- boot_id {}\n- rebooted, boot_id={}\n",
        boot_id(7),
        boot_id(8)
    );
    fs::write(dir.join("REBOOTS.md"), &theirs).unwrap();
    fs::write(dir.join("phase-idx"), "2\n").unwrap();
    let mut opened = Store::open(&dir, &plan()).unwrap();
    assert_eq!(opened.restored.reboots, 2);
    opened.store.record(&[Fact::Boot(boot(8))]).unwrap();
    assert_eq!(
        fs::read_to_string(dir.join("REBOOTS.md")).unwrap(),
        theirs,
        "known already"
    );
    opened.store.record(&[Fact::Boot(boot(9))]).unwrap();
    let text = fs::read_to_string(dir.join("REBOOTS.md")).unwrap();
    assert!(
        text.starts_with(&theirs) && text.contains("## Reboot 3: "),
        "{text}"
    );
}

#[test]
fn something_that_is_no_file_is_set_aside() {
    let (_temp, dir) = state_dir();
    open(&dir).store.record(&[Fact::Boot(boot(0))]).unwrap();
    fs::remove_file(dir.join("REBOOTS.md")).unwrap();
    fs::create_dir(dir.join("REBOOTS.md")).unwrap();
    let mut opened = open(&dir);
    opened.store.record(&[Fact::Boot(boot(1))]).unwrap();
    let aside = only(&dir, "REBOOTS.md.damaged-");
    opened.problems = opened.store.problems();
    assert!(told(&opened)[0].contains(aside.to_str().unwrap()));
    assert_eq!(entries(&dir, 1), 1);
}
