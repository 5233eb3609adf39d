//! The daemon is killed in the middle of anything, hundreds of times.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use loopkeeper::{
    decide::Fact,
    model::PhaseId,
    store::{Store, phase_file},
};

use crate::rig::{boot, notice, point_of, state_dir};

/// In the environment of the process that writes until it is killed.
const WRITE: &str = "LOOPKEEPER_TEST_WRITE";
const ROUNDS: u32 = 200;

pub(crate) fn long_plan(phases: usize) -> Vec<PhaseId> {
    (0..phases)
        .map(|n| format!("p{n}").parse().unwrap())
        .collect()
}

/// Records phase after phase, with a notice each and now and then a boot, and says `ack N` when
/// everything up to the Nth is recorded.
pub(crate) fn write_for_ever(dir: &Path, plan: &[PhaseId]) -> ! {
    let say = |line: String| std::io::stdout().write_all(line.as_bytes()).unwrap();
    say("\nopening\n".to_owned());
    let opened = Store::open(dir, plan).unwrap();
    assert!(opened.problems.is_empty(), "{:?}", opened.problems);
    let mut store = opened.store;
    let mut index = opened
        .restored
        .resume_point
        .map_or(0, |point| point.index + 1);
    loop {
        let number = index as u64;
        store.record(&[notice(number)]).unwrap();
        // Before the phase: killed in between, the next writer records the same boot again.
        if number.is_multiple_of(8) {
            store.record(&[Fact::Boot(boot(number))]).unwrap();
        }
        let point = point_of(plan, index);
        store.record(&[Fact::Phase(point)]).unwrap();
        say(format!("\nack {index}\n"));
        index += 1;
    }
}

/// A writer, until it is dropped.
pub(crate) struct Writer(pub(crate) Child);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(crate) fn writer(test: &str, dir: &Path) -> (Writer, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(WRITE, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (Writer(child), lines)
}

pub(crate) fn as_writer() -> Option<std::ffi::OsString> {
    std::env::var_os(WRITE)
}

pub(crate) fn acknowledged(line: &str) -> Option<usize> {
    line.strip_prefix("ack ")?.trim().parse().ok()
}

#[test]
fn what_was_acknowledged_is_there_after_any_kill() {
    let plan = long_plan(5_000);
    if let Some(dir) = as_writer() {
        write_for_ever(dir.as_ref(), &plan);
    }
    let (_temp, dir) = state_dir();
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut acked = None;
    let mut rounds_that_wrote = 0;
    for round in 0..ROUNDS {
        let name = "crash::what_was_acknowledged_is_there_after_any_kill";
        let (child, mut lines) = writer(name, &dir);
        // After so many acknowledgements; 0 is while it opens.
        let mut wait_for = random.u32(0..12);
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(
                lines.read_line(&mut line).unwrap(),
                0,
                "the writer ended by itself"
            );
            let ack = acknowledged(&line);
            acked = ack.or(acked);
            if line == "opening\n" && wait_for == 0 {
                break;
            }
            if ack.is_some() {
                wait_for -= 1;
                if wait_for == 0 {
                    rounds_that_wrote += 1;
                    break;
                }
            }
        }
        drop(child);
        for line in lines.lines() {
            acked = acknowledged(&line.unwrap()).or(acked);
        }
        check(&dir, &plan, acked, round);
    }
    assert!(rounds_that_wrote > ROUNDS / 2, "{rounds_that_wrote}");
    let text = fs::read_to_string(dir.join("REBOOTS.md")).unwrap();
    for number in (0..=acked.unwrap() as u64).step_by(8) {
        let id = format!("boot_id: `{}`", boot(number).boot);
        let id = if number == 0 {
            format!("boot_id `{}`", boot(0).boot)
        } else {
            id
        };
        assert_eq!(text.matches(&id).count(), 1, "{number}");
    }
}

/// The resume point is the last one that was acknowledged or the one that was being recorded, in
/// the file as well as in the database, and what was recorded with it is there.
pub(crate) fn check(dir: &Path, plan: &[PhaseId], acked: Option<usize>, round: u32) {
    let may_be = [acked, Some(acked.map_or(0, |acked| acked + 1))];
    if dir.join("phase-idx").exists() || acked.is_some() {
        let bytes = fs::read(dir.join("phase-idx")).unwrap();
        let in_file = phase_file::parse(&bytes, plan).unwrap().index;
        assert!(
            may_be.contains(&Some(in_file)),
            "round {round}: {in_file}, {acked:?}"
        );
    }
    if !dir.exists() {
        assert_eq!(acked, None);
        return;
    }
    let opened = Store::open(dir, plan).unwrap();
    assert!(
        opened.problems.is_empty(),
        "round {round}: {:?}",
        opened.problems
    );
    let index = opened
        .restored
        .resume_point
        .as_ref()
        .map(|point| point.index);
    assert!(
        may_be.contains(&index),
        "round {round}: {index:?}, {acked:?}"
    );
    if let Some(acked) = acked {
        assert!(opened.restored.boot.is_some());
        let (reboots, next) = (opened.restored.reboots as usize, index.map_or(0, |i| i + 1));
        assert!(
            (acked / 8..=next / 8).contains(&reboots),
            "round {round}: {reboots}"
        );
        let texts: Vec<_> = opened
            .store
            .history()
            .notices(3, None)
            .unwrap()
            .into_iter()
            .map(|notice| notice.text)
            .collect();
        assert!(
            texts.contains(&format!("notice {acked}")),
            "round {round}: {texts:?}"
        );
    }
}
