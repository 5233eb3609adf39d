//! Secrets that change, as sops-nix changes them: a link that leads to another directory.

use std::{fs, os::unix::fs::symlink};

use crate::rig::Rig;

const RIG: &str = r#"
[defaults]
launcher = "process"
[workers.changed]
command = 'cp "$CREDENTIALS_DIRECTORY/key" had; exec sleep 1000'
secrets = { key = "secrets/changed" }
[workers.same]
command = "exec sleep 1000"
secrets = { key = "secrets/same" }
[workers.session]
launcher = "tmux"
command = "exec sleep 1000"
secrets = { key = "secrets/changed" }
[workers.told]
command = "trap 'cat secrets/changed >>told' HUP; while :; do sleep 0.02; done"
secrets = { key = "secrets/changed" }
on_secret_change = "HUP"
[workers.ignores]
command = "exec sleep 1000"
secrets = { key = "secrets/changed" }
on_secret_change = "ignore"
"#;

const NAMES: [&str; 5] = ["changed", "same", "session", "told", "ignores"];

/// Another generation of the secrets is made, and then taken.
fn activate(rig: &Rig, generation: u32, changed: &str) {
    let directory = rig.path(&format!("secrets.d/{generation}"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("changed"), changed).unwrap();
    fs::write(directory.join("same"), "same").unwrap();
    let new = rig.path("secrets.new");
    symlink(format!("secrets.d/{generation}"), &new).unwrap();
    fs::rename(new, rig.path("secrets")).unwrap();
}

fn pids(rig: &Rig) -> [i64; 5] {
    NAMES.map(|name| rig.until_state(name, "running")["pid"].as_i64().unwrap())
}

/// Waits until those are other processes who are to begin anew.
fn begun_anew(rig: &Rig, before: [i64; 5]) -> [i64; 5] {
    let other = |rig: &Rig, name: &str, before: i64| {
        let row = rig.worker(name);
        (row["state"] == "running" && row["pid"] != before).then_some(())
    };
    rig.eventually("who had the old one begins anew", |rig| {
        other(rig, "changed", before[0])?;
        other(rig, "session", before[2])
    });
    let now = pids(rig);
    for left_alone in [1, 3, 4] {
        assert_eq!(now[left_alone], before[left_alone], "{}", NAMES[left_alone]);
    }
    now
}

#[test]
fn whose_secret_changed_begins_anew_with_it_or_is_told_and_nobody_else() {
    let mut rig = Rig::new(RIG);
    activate(&rig, 1, "one\n");
    rig.start();
    let first = pids(&rig);
    rig.eventually("it has the first", |rig| {
        (rig.read("had") == "one\n").then_some(())
    });

    activate(&rig, 2, "two\n");
    let second = begun_anew(&rig, first);
    rig.eventually("it has the second", |rig| {
        (rig.read("had") == "two\n").then_some(())
    });
    rig.eventually("it was told", |rig| {
        (rig.read("told") == "two\n").then_some(())
    });
    let history = rig.done(&["history", "changed"]);
    assert!(history.contains("a secret of it changed"), "{history}");

    // Written anew, all say what they said; then one of them is written in its place.
    activate(&rig, 3, "two\n");
    fs::remove_dir_all(rig.path("secrets.d/2")).unwrap();
    rig.write("secrets.d/3/changed", "three\n");
    let third = begun_anew(&rig, second);
    rig.eventually("it was told again", |rig| {
        (rig.read("told") == "two\nthree\n").then_some(())
    });
    // What it began with is another content too, after those.
    rig.write("secrets.d/3/changed", "one\n");
    let third = begun_anew(&rig, third);
    rig.eventually("it was told of the first again", |rig| {
        (rig.read("told") == "two\nthree\none\n").then_some(())
    });

    // While there is no daemon.
    rig.kill_daemon();
    activate(&rig, 4, "one\n");
    rig.start();
    assert_eq!(pids(&rig), third, "nothing changed meanwhile");
    rig.kill_daemon();
    activate(&rig, 5, "five\n");
    rig.start();
    begun_anew(&rig, third);
    rig.eventually("it has the fifth", |rig| {
        (rig.read("had") == "five\n").then_some(())
    });
}

#[test]
fn who_is_started_before_its_secret_is_there_waits_for_it() {
    let rig = Rig::up(
        r#"
[workers.a]
launcher = "process"
command = "exec sleep 1000"
secrets = { key = "secrets/key" }
budget = { restarts = 0, window = "10m" }
"#,
    );
    let row = rig.until_state("a", "backing-off");
    assert_eq!(row["restarts"], 0, "{row}");
    let shown = rig.done(&["status"]);
    let told = format!(
        "secret key: {}: No such file",
        rig.path("secrets/key").display()
    );
    assert!(shown.contains(&told), "{shown}");
    fs::create_dir(rig.path("secrets")).unwrap();
    rig.write("secrets/key", "x");
    rig.until_state("a", "running");
}
