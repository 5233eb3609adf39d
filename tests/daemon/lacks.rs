//! What a worker needs of the machine and is not there: it alone waits, and begins when it is.

use std::fs;

use crate::rig::Rig;

const RIG: &str = r#"
[workers.other]
launcher = "process"
command = "exec sleep 1000"
[workers.moved]
launcher = "process"
workdir = "disk/moved"
command = "exec sleep 1000"
budget = { restarts = 0, window = "10m" }
[workers.unpacked]
launcher = "process"
command = ["disk/tool", "1000"]
budget = { restarts = 0, window = "10m" }
backoff = { first = "5m" }
[workers.seen]
launcher = "process"
command = "exec sleep 1000"
ready = { command = ["disk/seen"] }
"#;

fn waits(rig: &Rig, name: &str, why: &str) {
    let row = rig.until_state(name, "backing-off");
    let reason = row["reason"].as_str().unwrap();
    let full = format!("{why}; it is looked for again until it is there");
    assert_eq!(reason, full);
    assert_eq!(row["restarts"], 0, "{row}");
}

fn program(rig: &Rig, name: &str) {
    let path = rig.path(name);
    let made = path.with_extension("new");
    std::os::unix::fs::symlink("/bin/sleep", &made).unwrap();
    fs::rename(made, path).unwrap();
}

#[test]
fn who_lacks_something_waits_for_it_and_the_others_run() {
    let mut rig = Rig::new(RIG);
    rig.start();
    rig.until_state("other", "running");
    let at = |name: &str| rig.path(name).display().to_string();
    let moved = at("disk/moved");
    let make = format!("mount what it is on, or make it: mkdir -p {moved}");
    let directory = format!("workdir {moved} does not exist; {make}");
    waits(&rig, "moved", &directory);
    waits(
        &rig,
        "unpacked",
        &format!("program {} does not exist", at("disk/tool")),
    );
    waits(
        &rig,
        "seen",
        &format!("program of `ready` {} does not exist", at("disk/seen")),
    );
    let history = rig.done(&["history", "moved"]);
    assert!(
        history.contains(&format!("moved cannot be started now: {directory}")),
        "{history}"
    );

    let output = rig.ctl(&["start", "unpacked"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let waiting = format!(
        "error: unpacked waits: program {} does not",
        at("disk/tool")
    );
    assert!(
        said.starts_with(&waiting) && !said.contains("logs"),
        "{said}"
    );

    fs::create_dir_all(rig.path("disk/moved")).unwrap();
    rig.until_state("moved", "running");
    program(&rig, "disk/tool");
    // Long before its delay is over.
    rig.until_state("unpacked", "running");
    std::os::unix::fs::symlink("/bin/true", rig.path("disk/seen")).unwrap();
    rig.until_state("seen", "running");

    // A worker that runs is left alone by what goes, and by the next daemon.
    let moved = rig.pid("moved");
    fs::rename(rig.path("disk"), rig.path("elsewhere")).unwrap();
    rig.kill_daemon();
    rig.start();
    assert_eq!(rig.pid("moved"), moved);
    // Nor is it ended for a start that cannot be.
    let output = rig.ctl(&["restart", "other", "moved"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let why = "error: worker moved could not start again: workdir ";
    assert!(said.starts_with(why), "{said}");
    assert!(said.contains("hint: mount what it is on"), "{said}");
    assert_eq!(rig.pid("moved"), moved);
}

#[test]
fn a_reload_takes_a_configuration_that_lacks_something_and_says_so() {
    let rig = Rig::up("[workers.a]\nlauncher = 'process'\ncommand = 'exec sleep 1000'\n");
    rig.configure(
        "[workers.a]\nlauncher = 'process'\ncommand = 'exec sleep 1000'\n\
         [workers.b]\nlauncher = 'process'\ncommand = ['./b']\n",
    );
    let path = rig.path("b").display().to_string();
    let warning = format!("warning: b cannot be started now: program {path} does not exist\n");
    for words in [&["reload", "--dry-run"] as &[_], &["reload"], &["check"]] {
        let output = rig.ctl(words);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            warning,
            "{words:?}"
        );
    }
    waits(&rig, "b", &format!("program {path} does not exist"));
}
