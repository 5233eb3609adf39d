//! Links that are lost, daemons that are killed, hosts that reboot.

use std::fs;

use serde_json::json;

use crate::{mount::can_mount, rig::PATIENCE, there::There};

/// Writes numbers for as long as it runs, faster than anybody asks.
const COUNTS: &str = "[workers.counts]\nkind = \"service\"\non = \"gpu\"\n\
    command = [\"sh\", \"-c\", 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done']\n";

/// Ends when a file is there.
const WAITS: &str = "[workers.waits]\nkind = \"service\"\non = \"gpu\"\nrestart = \"never\"\n\
    command = [\"sh\", \"-c\", 'until [ -e \"$0/end\" ]; do sleep 0.05; done; exit 42', \"DIR\"]\n";

/// The kernel's life is told there.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// It counts from 1 on, and misses nothing.
fn is_whole(log: &str) -> usize {
    let lines: Vec<&str> = log
        .split_inclusive("\r\n")
        .filter(|line| line.ends_with('\n'))
        .collect();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line.trim_end(), (at + 1).to_string(), "of {}", lines.len());
    }
    lines.len()
}

/// Until its log here is what it is there, byte for byte.
fn until_it_is_here(there: &There, worker: &str) {
    let attempt = there.attempt(worker);
    there.rig.eventually("its log is here", |_| {
        let log = fs::read_to_string(attempt.join("log")).unwrap();
        (there.log_of(worker) == log).then_some(())
    });
}

#[test]
fn what_runs_goes_on_while_the_link_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let waits = WAITS.replace("DIR", dir.path().to_str().unwrap());
    let mut there = There::up(&format!("{COUNTS}{waits}"));
    there.rig.until_state("counts", "running");
    there.rig.until_state("waits", "running");
    let pid = there.rig.pid("counts");
    there.rig.eventually("it counts", |_| {
        (is_whole(&there.log_of("counts")) > 10).then_some(())
    });

    there.cut();
    let row = there.rig.until_state("counts", "lost");
    assert_eq!(row["restarts"], 0);
    let verdict = row["verdict"]["evidence"].as_str().unwrap();
    assert!(
        verdict.starts_with("host gpu does not answer: "),
        "{verdict}"
    );
    // It answers whatever the hosts do.
    let began = std::time::Instant::now();
    there.rig.status();
    assert!(began.elapsed() < PATIENCE / 10);
    let before = is_whole(&there.log_of("counts"));
    let written = there.attempt("counts").join("log");
    there.rig.eventually("it goes on", |_| {
        let log = fs::read_to_string(&written).unwrap();
        (is_whole(&log) > before + 50).then_some(())
    });
    fs::write(dir.path().join("end"), "").unwrap();
    let exit = there.attempt("waits").join("exit");
    there
        .rig
        .eventually("the other one ends", |_| exit.exists().then_some(()));

    there.listen();
    let row = there.rig.until_state("counts", "running");
    assert_eq!(
        (row["pid"].as_i64(), &row["restarts"]),
        (Some(pid), &json!(0))
    );
    let row = there.rig.until_state("waits", "stopped");
    assert_eq!(row["last_exit"], json!({"code": 42}));
    there.rig.eventually("what it wrote meanwhile", |_| {
        (is_whole(&there.log_of("counts")) > before + 50).then_some(())
    });
    let history = there.rig.done(&["history"]);
    assert!(
        history.contains("host gpu does not answer: ") && history.contains("host gpu answers"),
        "{history}"
    );
}

#[test]
fn a_killed_daemon_takes_over_with_the_log_where_it_was() {
    let mut there = There::up(COUNTS);
    there.rig.until_state("counts", "running");
    let pid = there.rig.pid("counts");
    for round in 1..=3 {
        let before = is_whole(&there.log_of("counts"));
        there.rig.eventually("it counts", |_| {
            (is_whole(&there.log_of("counts")) > before + 20).then_some(())
        });
        there.rig.kill_daemon();
        if round == 2 {
            there.cut();
        }
        there.rig.start();
        if round == 2 {
            there.rig.until_state("counts", "lost");
            there.listen();
        }
        let row = there.rig.until_state("counts", "running");
        assert_eq!(
            (row["pid"].as_i64(), &row["restarts"]),
            (Some(pid), &json!(0))
        );
    }
    let attempt = there.attempt("counts");
    crate::there::kill(i32::try_from(pid).unwrap());
    let log = there.rig.eventually("its log is here", |_| {
        let log = fs::read_to_string(attempt.join("log")).ok()?;
        attempt.join("logged").exists().then_some(log)
    });
    is_whole(&log);
    let name = attempt.file_name().unwrap().to_str().unwrap();
    let here = there.path(&format!("state/attempts/counts/{name}"));
    there.rig.eventually("it is concluded", |_| {
        here.join("concluded").exists().then_some(())
    });
    assert_eq!(fs::read_to_string(here.join("output.log")).unwrap(), log);
    let ended = fs::read_to_string(here.join("exit.json")).unwrap();
    assert!(ended.contains("SIGKILL"), "{ended}");
}

#[test]
fn a_host_that_rebooted_is_told_from_a_link_that_was_cut() {
    if !can_mount("link::a_host_that_rebooted_is_told_from_a_link_that_was_cut") {
        return;
    }
    let mut there = There::up(COUNTS);
    there.rig.until_state("counts", "running");
    let pid = there.rig.pid("counts");
    there.rig.eventually("it counts", |_| {
        (is_whole(&there.log_of("counts")) > 10).then_some(())
    });
    let before = there.rig.worker("counts")["attempt"].clone();

    there.power_off();
    there.rig.until_state("counts", "lost");
    there
        .rig
        .write("boot", "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11\n");
    there.listen_with(&[("boot", BOOT)]);
    let row = there.rig.until_state("counts", "running");
    assert_ne!(row["attempt"], before);
    assert_ne!(row["pid"].as_i64(), Some(pid));
    assert_eq!(row["last_exit"], json!({"lost": "the machine went down"}));
    let history = there.rig.done(&["history"]);
    assert!(
        history.contains("host gpu was rebooted: ")
            && history.contains("6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11 has begun"),
        "{history}"
    );
    until_it_is_here(&there, "counts");
}

#[test]
fn what_runs_there_outlives_a_reboot_of_this_machine() {
    if !can_mount("link::what_runs_there_outlives_a_reboot_of_this_machine") {
        return;
    }
    let mut there = There::up(COUNTS);
    there.rig.until_state("counts", "running");
    let (pid, before) = (there.rig.pid("counts"), is_whole(&there.log_of("counts")));
    there.rig.kill_daemon();
    there
        .rig
        .write("boot", "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11\n");
    there.rig.start_in_boot("boot");
    let row = there.rig.until_state("counts", "running");
    assert_eq!(
        (row["pid"].as_i64(), &row["last_exit"]),
        (Some(pid), &serde_json::Value::Null)
    );
    there.rig.eventually("it counts on", |_| {
        (is_whole(&there.log_of("counts")) > before + 20).then_some(())
    });
    let reboots = there.rig.status()["reboots"]["count"].as_i64();
    assert_eq!(reboots, Some(1), "it is recorded");
}
