//! The power is cut: all that the disk has is what was sent to it.
//!
//! A real ext4 lies on a loop device. While a writer waits or is stopped in its tracks, the
//! device's backing file is copied: that copy has what the file system sent to its disk and nothing
//! of what the kernel still holds for it. Then the copy is mounted, as after the next boot.

use std::{
    fs,
    io::BufRead,
    path::{Path, PathBuf},
    process::Command,
};

use loopkeeper::{
    decide::{Fact, NudgeId, Restored},
    store::{Store, phase_file},
};
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{
    crash::{acknowledged, as_writer, long_plan, write_for_ever, writer},
    mount::{Mount, can_mount, run},
    rig::{at, begun, boot, boot_id, ending, open, plan, point, worker},
};

const ROUNDS: u32 = 12;

/// A machine with a disk of its own.
struct Machine {
    mounted: Mount,
    disk: PathBuf,
    temp: TempDir,
}

impl Machine {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let disk = temp.path().join("disk");
        fs::File::create(&disk).unwrap().set_len(32 << 20).unwrap();
        run(Command::new("mkfs.ext4").arg("-q").arg(&disk));
        let mounted = Mount::new(&["-o", "loop"], &disk, &temp.path().join("before"));
        Self {
            mounted,
            disk,
            temp,
        }
    }

    fn state(&self) -> PathBuf {
        self.mounted.0.join("state")
    }

    /// Cuts the power of a copy of it, and looks at the state directory after the next boot.
    fn after_power_cut(&self, look: impl FnOnce(&Path)) {
        let cut = self.temp.path().join("cut");
        // The kernel may be writing: a copy is of one moment when a second one is the same.
        let mut disk = fs::read(&self.disk).unwrap();
        loop {
            let again = fs::read(&self.disk).unwrap();
            if again == disk {
                break;
            }
            disk = again;
        }
        // Another file each time: mount(8) would take the loop device that may still have the last one,
        // with what that remembers of it.
        if cut.exists() {
            fs::remove_file(&cut).unwrap();
        }
        fs::write(&cut, disk).unwrap();
        let mounted = Mount::new(&["-o", "loop"], &cut, &self.temp.path().join("after"));
        look(&mounted.0.join("state"));
    }
}

#[test]
fn a_power_cut_right_after_a_fact_was_recorded_does_not_lose_it() {
    if !can_mount("a power cut") {
        return;
    }
    let machine = Machine::new();
    let mut store = open(&machine.state()).store;
    type Check = fn(&Path, &Restored);
    let facts: [(Fact, Check); 10] = [
        (Fact::Boot(boot(0)), |dir, restored| {
            assert_eq!(restored.boot, Some(boot(0)));
            assert!(dir.join("REBOOTS.md").exists());
        }),
        (
            Fact::Hello {
                boot: boot_id(0),
                at: at(60),
            },
            |_, restored| {
                assert_eq!(restored.last_alive, Some(at(60)));
            },
        ),
        (Fact::Phase(point(1)), |dir, restored| {
            assert_eq!(restored.resume_point, Some(point(1)));
            assert!(
                fs::read(dir.join("phase-idx"))
                    .unwrap()
                    .starts_with(b"1 1e\n")
            );
        }),
        (Fact::Paused(Some("quota".to_owned())), |_, restored| {
            assert_eq!(restored.paused.as_deref(), Some("quota"));
        }),
        (Fact::NudgeBegun(begun(7, 61)), |_, restored| {
            assert_eq!(restored.nudges, [begun(7, 61)]);
        }),
        (Fact::NudgeOver { nudge: NudgeId(7) }, |_, restored| {
            assert_eq!(restored.nudges, []);
        }),
        (
            Fact::Operator {
                worker: worker("builder"),
                run: false,
            },
            |_, restored| {
                assert!(restored.workers[&worker("builder")].stopped);
            },
        ),
        (Fact::Ending(Some(ending(1))), |_, restored| {
            assert_eq!(restored.ending, Some(ending(1)));
        }),
        (Fact::Phase(point(2)), |dir, restored| {
            assert_eq!(restored.resume_point, Some(point(2)));
            assert!(
                fs::read(dir.join("phase-idx"))
                    .unwrap()
                    .starts_with(b"2 2\n")
            );
        }),
        (
            Fact::Goodbye {
                boot: boot_id(0),
                at: at(90),
            },
            |_, restored| {
                assert_eq!(restored.goodbye, Some(at(90)));
            },
        ),
    ];
    for (fact, check) in facts {
        store.record(std::slice::from_ref(&fact)).unwrap();
        machine.after_power_cut(|dir| {
            let seen = Store::read_only(dir, &plan()).unwrap();
            assert!(seen.problems.is_empty(), "{fact:?}: {:?}", seen.problems);
            check(dir, &seen.restored);
            drop(open(dir));
        });
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_power_cut_in_the_middle_of_anything() {
    // The writer runs ahead by as much as a pipe holds.
    let plan = long_plan(50_000);
    if let Some(dir) = as_writer() {
        write_for_ever(dir.as_ref(), &plan);
    }
    if !can_mount("a power cut") {
        return;
    }
    let machine = Machine::new();
    let mut random = fastrand::Rng::with_seed(7);
    let name = "power::what_was_acknowledged_is_there_after_a_power_cut_in_the_middle_of_anything";
    let (child, mut lines) = writer(name, &machine.state());
    let pid = Pid::from_raw(child.0.id().cast_signed());
    for round in 0..ROUNDS {
        let mut left = random.u32(1..20);
        let mut acked = 0;
        let mut line = String::new();
        while left > 0 {
            line.clear();
            assert_ne!(
                lines.read_line(&mut line).unwrap(),
                0,
                "the writer ended by itself"
            );
            if let Some(ack) = acknowledged(&line) {
                acked = ack;
                left -= 1;
            }
        }
        kill(pid, Signal::SIGSTOP).unwrap();
        // What it asked of the kernel before is done when it has stopped.
        let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
        machine.after_power_cut(|dir| {
            let bytes = fs::read(dir.join("phase-idx")).unwrap();
            let in_file = phase_file::parse(&bytes, &plan).unwrap().index;
            assert!(
                in_file >= acked,
                "round {round}: {in_file} after {acked} was acknowledged"
            );
            let opened = Store::open(dir, &plan).unwrap();
            assert!(
                opened.problems.is_empty(),
                "round {round}: {:?}",
                opened.problems
            );
            let index = opened.restored.resume_point.unwrap().index;
            assert!(
                index >= acked,
                "round {round}: {index} after {acked} was acknowledged"
            );
            let reboots = opened.restored.reboots as usize;
            assert!(
                (acked / 8..=(index + 1) / 8).contains(&reboots),
                "round {round}: {reboots}"
            );
        });
        kill(pid, Signal::SIGCONT).unwrap();
    }
}
