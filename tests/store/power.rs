//! The power is cut: all that the disk has is what was sent to it.
//!
//! A real ext4 lies on a loop device. While a writer records, it is stopped in its tracks and the
//! device's backing file is copied: that copy has what the file system sent to its disk and nothing
//! of what the kernel still holds for it. Then the copy is mounted, as after the next boot.

use std::{fs, io::BufRead, process::Command};

use loopkeeper::store::Store;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    crash::{acknowledged, as_writer, long_plan, write_for_ever, writer},
    rig::{Mount, can_mount, run},
};

const ROUNDS: u32 = 12;

#[test]
fn what_was_acknowledged_is_there_after_a_power_cut() {
    if let Some(dir) = as_writer() {
        write_for_ever(dir.as_ref());
    }
    if !can_mount("a power cut") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let (disk, cut) = (temp.path().join("disk"), temp.path().join("cut"));
    fs::File::create(&disk).unwrap().set_len(32 << 20).unwrap();
    run(Command::new("mkfs.ext4").arg("-q").arg(&disk));
    let mounted = Mount::new(&["-o", "loop"], &disk, &temp.path().join("before"));
    let plan = long_plan();
    let mut random = fastrand::Rng::with_seed(7);
    let dir = mounted.0.join("state");
    let name = "power::what_was_acknowledged_is_there_after_a_power_cut";
    let (mut child, mut lines) = writer(name, &dir);
    let pid = Pid::from_raw(child.id().cast_signed());
    let mut acked = None;
    for round in 0..ROUNDS {
        let mut left = random.u32(1..20);
        let mut line = String::new();
        while left > 0 {
            line.clear();
            assert_ne!(
                lines.read_line(&mut line).unwrap(),
                0,
                "the writer ended by itself"
            );
            if let Some(ack) = acknowledged(&line) {
                acked = Some(ack);
                left -= 1;
            }
        }
        kill(pid, Signal::SIGSTOP).unwrap();
        fs::copy(&disk, &cut).unwrap();
        {
            let after = Mount::new(&["-o", "loop"], &cut, &temp.path().join("after"));
            let opened = Store::open(&after.0.join("state"), &plan).unwrap();
            assert!(
                opened.problems.is_empty(),
                "round {round}: {:?}",
                opened.problems
            );
            let index = opened.restored.resume_point.unwrap().index;
            let acked = acked.unwrap();
            assert!(
                index >= acked,
                "round {round}: {index} after {acked} was acknowledged"
            );
            assert!(
                opened.restored.reboots as usize >= acked / 8,
                "round {round}"
            );
            // The writer may be ahead of what was read from it by as much as a pipe holds.
            assert!(
                opened.restored.reboots as usize <= index / 8,
                "round {round}"
            );
        }
        kill(pid, Signal::SIGCONT).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
