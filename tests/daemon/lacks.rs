//! What a worker needs of the machine and is not there: it alone waits, and begins when it is.

use std::{fs, os::unix::fs::PermissionsExt as _};

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

/// Sleeps as long as it is told.
const SLEEP: &str = "#!/bin/sh\nexec sleep \"$1\"\n";

fn waits(rig: &Rig, name: &str, why: &str) {
    let row = rig.until_state(name, "backing-off");
    let reason = row["reason"].as_str().unwrap();
    let full = format!("{why}; it is looked for again until it is there");
    assert_eq!(reason, full);
    assert_eq!(row["restarts"], 0, "{row}");
}

/// A script: some of the programs of a machine are what they are called.
fn script(rig: &Rig, name: &str, text: &str) {
    let path = rig.path(name);
    let made = path.with_extension("new");
    fs::write(&made, text).unwrap();
    fs::set_permissions(&made, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(made, path).unwrap();
}

fn program(rig: &Rig, name: &str) {
    script(rig, name, SLEEP);
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
    script(&rig, "disk/seen", "#!/bin/sh\n");
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

/// Where this rig's programs are, the first place first.
fn start_with_path(rig: &mut Rig, directories: &[&str]) {
    let own = directories.iter().map(|name| rig.path(name));
    let path = std::env::var_os("PATH").unwrap();
    let all = own.chain(std::env::split_paths(&path));
    let mut command = rig.loopkeeperd();
    command.env("PATH", std::env::join_paths(all).unwrap());
    rig.start_as(command);
    rig.daemon.as_mut().unwrap().wait_for("READY=1");
}

fn put(rig: &Rig, directory: &str) {
    fs::create_dir_all(rig.path(directory)).unwrap();
    program(rig, &format!("{directory}/agent"));
}

fn named(command: &str) -> String {
    format!("[workers.agent]\nlauncher = 'process'\ncommand = ['{command}', '1000']\n")
}

fn was_not_stopped(rig: &Rig, pid: i64, when: &str) {
    rig.until_state("agent", "running");
    assert_eq!(rig.pid("agent"), pid, "{when}: {}", rig.log());
    let history = rig.done(&["history", "agent"]);
    assert!(!history.contains("stopping agent"), "{when}: {history}");
}

#[test]
fn a_program_that_is_found_elsewhere_now_stops_nobody() {
    let mut rig = Rig::new(&named("agent"));
    put(&rig, "late");
    let path = ["early", "late"];
    start_with_path(&mut rig, &path);
    rig.until_state("agent", "running");
    let pid = rig.pid("agent");
    put(&rig, "early");
    let diff = rig.done(&["reload"]);
    assert!(!diff.contains("restarts"), "{diff}");
    was_not_stopped(&rig, pid, "a reload");
    rig.kill_daemon();
    start_with_path(&mut rig, &path);
    was_not_stopped(&rig, pid, "a crash");
    fs::remove_file(rig.path("late/agent")).unwrap();
    rig.end_daemon("TERM");
    start_with_path(&mut rig, &path);
    was_not_stopped(&rig, pid, "a restart");

    // The next start runs what is found first then.
    rig.done(&["restart", "agent"]);
    let row = rig.until_state("agent", "running");
    let attempt = row["attempt"].as_str().unwrap();
    let spec = rig.read(&format!("state/attempts/agent/{attempt}/spec.json"));
    let first = rig.path("early/agent").display().to_string();
    assert!(spec.contains(&first), "{spec}");
}

/// Earlier versions recorded a definition that has the path in it, as one that has it written has.
#[test]
fn what_was_recorded_by_its_path_is_known_by_its_name() {
    let mut rig = Rig::new("");
    put(&rig, "late");
    let path = rig.path("late/agent").display().to_string();
    rig.configure(&named(&path));
    start_with_path(&mut rig, &["early", "late"]);
    rig.until_state("agent", "running");
    let pid = rig.pid("agent");
    rig.kill_daemon();
    put(&rig, "early");
    rig.configure(&named("agent"));
    start_with_path(&mut rig, &["early", "late"]);
    was_not_stopped(&rig, pid, "the next version");
    rig.kill_daemon();
    start_with_path(&mut rig, &["early"]);
    was_not_stopped(&rig, pid, "another PATH");
}

#[test]
fn a_reload_to_a_program_that_is_not_there_does_what_it_says() {
    let mut rig = Rig::new(&named("agent"));
    put(&rig, "late");
    start_with_path(&mut rig, &["early", "late"]);
    rig.until_state("agent", "running");
    let pid = rig.pid("agent");
    rig.configure(&named("other-agent"));
    let output = rig.ctl(&["reload"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("agent: command (restarts)"), "{said}");
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    let lack = "agent cannot be started now: program other-agent is not in PATH";
    assert!(warned.contains(lack), "{warned}");
    let row = rig.until_state("agent", "backing-off");
    let reason = row["reason"].as_str().unwrap();
    let lack = "program other-agent is not in PATH; PATH is ";
    assert!(reason.starts_with(lack), "{reason}");
    fs::create_dir(rig.path("early")).unwrap();
    program(&rig, "early/other-agent");
    rig.until_state("agent", "running");
    assert_ne!(rig.pid("agent"), pid);

    // What is found only now is no change of what is written.
    let diff = rig.done(&["reload"]);
    assert!(!diff.contains("restarts"), "{diff}");
}
