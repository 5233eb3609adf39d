//! Output that is bounded while it is written, and read while both happen.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{FileExt, MetadataExt},
};

use loopkeeper::{
    launch::output::{Tail, recording::files},
    model::{Exit, LauncherKind},
};
use rustix::fs::{FallocateFlags, fallocate};

use crate::alone::alone;
use crate::world::{World, until};

const PROCESS: LauncherKind = LauncherKind::Process;

async fn a_flood_is_bounded(bytes: u64) {
    let mut world = World::new();
    let keep = 4 << 20;
    // Numbered lines of 16 bytes: an offset and what must stand there are the same thing.
    let lines = bytes / 16;
    let mut worker = world.script(
        PROCESS,
        &format!("seq -f '%015.0f' 0 {}; read -r _ <gate", lines - 1),
    );
    worker.keep_output = keep;
    world.make_gate();
    let (attempt, _) = world.run(&worker).await;
    let output = world.directory(&attempt).output();
    let file = || fs::metadata(&output).unwrap();
    let mut most = 0;
    until("all is written", || {
        most = most.max(file().blocks() * 512);
        file().len() == lines * 16
    })
    .await;
    until("the head is cut off", || {
        file().blocks() * 512 <= keep + keep / 8 + 8192
    })
    .await;
    assert!(most < bytes / 2, "at times {most} bytes took room");

    let reader = File::open(&output).unwrap();
    let mut line = [0; 16];
    for number in [lines - 1, lines - keep / 16] {
        reader.read_exact_at(&mut line, number * 16).unwrap();
        assert_eq!(line, format!("{number:015}\n").as_bytes());
    }
    reader.read_exact_at(&mut line, 16).unwrap();
    assert_eq!(line, [0; 16], "the head is a hole");
    let mut tail = Tail::from_head(&output).unwrap();
    let first = String::from_utf8(tail.read().unwrap()[..15].to_vec()).unwrap();
    let kept = lines - first.parse::<u64>().unwrap();
    // All but the line in which the hole ends.
    assert!(
        (keep / 16 - 1..=(keep + keep / 8 + 8192) / 16).contains(&kept),
        "{kept} lines are kept"
    );
    world.open_gate().await;
    assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
}

#[test]
fn a_flood_of_300_megabytes_is_bounded_and_offsets_stay_valid() {
    alone(
        "output::a_flood_of_300_megabytes_is_bounded_and_offsets_stay_valid",
        || a_flood_is_bounded(300 << 20),
    );
}

#[test]
fn the_recording_of_a_flood_is_bounded_and_its_newest_lines_stay() {
    alone(
        "output::the_recording_of_a_flood_is_bounded_and_its_newest_lines_stay",
        || async {
            let mut world = World::new();
            let (keep, last) = (4 << 20, 2_000_000);
            let script = format!("seq -f '%014.0f' 0 {last}; read -r _ <gate");
            let mut worker = world.script(LauncherKind::Tmux, &script);
            worker.keep_output = keep;
            world.make_gate();
            let (attempt, _) = world.run(&worker).await;
            let recording = world.directory(&attempt).recording();
            let bytes = || -> u64 {
                let files = files(&recording).unwrap().into_iter();
                // One may be removed meanwhile.
                files
                    .filter_map(|file| Some(file.metadata().ok()?.len()))
                    .sum()
            };
            let mut most = 0;
            until("all is written", || {
                most = most.max(bytes());
                // It has still to begin at first.
                let newest = files(&recording).unwrap().pop();
                let text = newest.and_then(|newest| fs::read_to_string(newest).ok());
                text.is_some_and(|text| text.contains(&format!("{last:014}")))
            })
            .await;
            assert!(most <= keep + keep / 8, "at times {most} bytes");
            assert!(bytes() >= keep / 2, "{} bytes are kept", bytes());
            let text = world.recorded(&attempt);
            let numbers: Vec<u64> = text
                .lines()
                .skip(1)
                .map(|line| line.parse().unwrap())
                .collect();
            let wanted: Vec<u64> = (numbers[0]..=last).collect();
            assert_eq!(numbers, wanted);
            world.open_gate().await;
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
        },
    );
}

#[test]
fn the_last_lines_are_found_wherever_the_pieces_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("output.log");
    let lines: Vec<String> = (0..30_000)
        .map(|number| format!("{number:0width$}", width = number % 97))
        .collect();
    for end in ["", "\n"] {
        fs::write(&path, lines.join("\n") + end).unwrap();
        for count in [0, 1, 2, 100, 5_000, 29_999, 30_000, 40_000] {
            let mut tail = Tail::last_lines(&path, count).unwrap();
            let mut text = Vec::new();
            loop {
                let bytes = tail.read().unwrap();
                if bytes.is_empty() {
                    break;
                }
                text.extend(bytes);
            }
            let text = String::from_utf8(text).unwrap();
            let got: Vec<&str> = text.lines().collect();
            assert_eq!(got, lines[lines.len().saturating_sub(count)..], "{count}");
        }
    }
    fs::write(&path, "").unwrap();
    assert!(
        Tail::last_lines(&path, 5)
            .unwrap()
            .read()
            .unwrap()
            .is_empty()
    );
    assert!(Tail::last_lines(&directory.path().join("none"), 5).is_err());
}

fn punch(file: &File, to: u64) {
    fallocate(
        file,
        FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
        0,
        to,
    )
    .unwrap();
}

#[test]
fn a_reader_begins_with_a_whole_line_behind_the_hole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("output.log");
    let text: String = (0..10_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    fs::write(&path, &text).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let mut overtaken = Tail::from_head(&path).unwrap();
    punch(&file, 40_960);
    let cut = text[40_960..].find('\n').unwrap();
    let behind = &text[40_960 + cut + 1..];
    for tail in [
        &mut overtaken,
        &mut Tail::from_head(&path).unwrap(),
        &mut Tail::last_lines(&path, 100_000).unwrap(),
    ] {
        let first = tail.read().unwrap();
        assert!(!first.is_empty());
        assert_eq!(first, behind.as_bytes()[..first.len()]);
    }
    // What stood before the hole's end is not known, so also a line that begins there is left out.
    let line = [b"x".repeat(4095), b"\n".to_vec()].concat();
    fs::write(&path, line.repeat(3)).unwrap();
    punch(&file, 4096);
    assert_eq!(Tail::from_head(&path).unwrap().read().unwrap(), line);
    // Better a piece of a line than nothing.
    fs::write(&path, "x".repeat(3 * 4096)).unwrap();
    punch(&file, 4096);
    assert_eq!(
        Tail::from_head(&path).unwrap().read().unwrap(),
        b"x".repeat(2 * 4096)
    );
    // Nothing but a hole.
    punch(&file, text.len().next_multiple_of(4096) as u64);
    assert!(Tail::from_head(&path).unwrap().read().unwrap().is_empty());
}

#[test]
fn a_follower_gets_what_is_appended_and_survives_a_truncation() {
    alone(
        "output::a_follower_gets_what_is_appended_and_survives_a_truncation",
        || async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("output.log");
            fs::write(&path, "old\n").unwrap();
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            let mut tail = Tail::last_lines(&path, 0).unwrap();
            for number in 0..100 {
                let line = format!("{number}\n");
                let writer = async {
                    tokio::task::yield_now().await;
                    file.write_all(line.as_bytes()).unwrap();
                };
                let (grown, ()) = tokio::join!(
                    tokio::time::timeout(crate::world::SOON, tail.grown()),
                    writer
                );
                grown.expect("it was not told").unwrap();
                assert_eq!(tail.read().unwrap(), line.as_bytes());
            }
            file.set_len(0).unwrap();
            file.write_all(b"new\n").unwrap();
            tail.grown().await.unwrap();
            assert_eq!(tail.read().unwrap(), b"new\n");
        },
    );
}

#[test]
fn an_idle_host_does_not_wake() {
    alone("output::an_idle_host_does_not_wake", || async {
        let mut world = World::new();
        let worker = world.script(PROCESS, "echo ready; exec sleep 1000");
        let (attempt, _) = world.run(&worker).await;
        world.says(&attempt, "ready").await;
        let switches = || {
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u64>().unwrap()
        };
        // What the start still brings with it settles first.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let before = switches();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let woken = switches() - before;
        assert!(woken <= 2, "{woken} times");
        world.kill(&attempt).await;
    });
}
