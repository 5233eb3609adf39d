//! Paths that do not answer, and who asks about them in a process of their own: they are told so.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output},
};

use crate::{
    hang::Hung,
    mount::can_mount,
    rig::{Rig, text},
};

const RIG: &str = r#"
[workers.tree]
launcher = "process"
worktree = "disk/tree"
command = "exec sleep 1000"
[workers.keyed]
launcher = "process"
command = "exec sleep 1000"
secrets = { key = "disk/key" }
"#;

/// A verb that has to end, however little answers: far later than it does, it is killed.
fn ends(rig: &Rig, arguments: &[&str]) -> Output {
    let plain = rig.supervisorctl();
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60"]);
    command.arg(plain.get_program()).args(arguments);
    command.env_clear();
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.current_dir(plain.get_current_dir().unwrap());
    command.output().unwrap()
}

/// What standard error says of a verb that ends with this code.
fn says(rig: &Rig, code: i32, arguments: &[&str]) -> String {
    let output = ends(rig, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

#[test]
fn who_asks_without_a_daemon_hears_what_does_not_answer() {
    if !can_mount("who_asks_without_a_daemon_hears_what_does_not_answer") {
        return;
    }
    let rig = Rig::new(RIG);
    fs::create_dir_all(rig.path("disk")).unwrap();
    let _hung = Hung::new(&rig.path("disk"));
    let check = says(&rig, 0, &["check"]);
    for (worker, path) in [("tree", "disk/tree"), ("keyed", "disk/key")] {
        let path = rig.path(path).display().to_string();
        let line = format!(
            "warning: {worker} cannot be started now: {path} does not answer: a look at it did not \
             come back within 10 s\n"
        );
        assert!(check.contains(&line), "{check}");
    }
    let status = ends(&rig, &["status"]);
    assert_eq!(status.status.code(), Some(3), "{}", text(&status.stderr));
    let shown = text(&status.stdout);
    assert!(shown.contains("keyed"), "{shown}");
    let doctor = ends(&rig, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1), "{}", text(&doctor.stderr));
    let key = rig.path("disk/key").display().to_string();
    let line = format!("{key} of keyed cannot be read: {key} does not answer");
    let found = text(&doctor.stdout);
    assert!(found.contains(&line), "{found}");
}

#[test]
fn a_state_directory_that_does_not_answer_is_named() {
    if !can_mount("a_state_directory_that_does_not_answer_is_named") {
        return;
    }
    let rig = Rig::new("[workers.w]\ncommand = \"exec sleep 1000\"\n");
    let state = rig.path("state");
    fs::create_dir_all(&state).unwrap();
    let _hung = Hung::new(&state);
    let line = format!("{} does not answer", state.display());
    let status = says(&rig, 3, &["status"]);
    assert!(status.contains(&format!("error: {line}")), "{status}");
    let doctor = ends(&rig, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1), "{}", text(&doctor.stderr));
    let found = text(&doctor.stdout);
    assert!(found.contains(&line), "{found}");
}

#[test]
fn a_reload_is_waited_for_as_long_as_the_daemon_looks() {
    if !can_mount("a_reload_is_waited_for_as_long_as_the_daemon_looks") {
        return;
    }
    let rig = Rig::up("[workers.w]\nlauncher = \"process\"\ncommand = \"exec sleep 1000\"\n");
    fs::create_dir_all(rig.path("disk")).unwrap();
    let _hung = Hung::new(&rig.path("disk"));
    rig.configure(RIG);
    let tree = rig.path("disk/tree").display().to_string();
    let line = format!("tree cannot be started now: {tree} does not answer");
    for verb in [&["reload", "--dry-run"][..], &["reload"]] {
        let said = says(&rig, 0, verb);
        assert!(said.contains(&line), "{said}");
    }
    rig.eventually("the worker says for what it waits", |rig| {
        let row = rig.worker("keyed");
        let why = row["reason"].as_str()?;
        let key = rig.path("disk/key").display().to_string();
        why.starts_with(&format!("{key} does not answer"))
            .then_some(())
    });
}

#[test]
fn who_reads_no_standard_error_holds_nobody() {
    let mut rig = Rig::new("[workers.a]\nlauncher = \"process\"\ncommand = \"exec sleep 1000\"\n");
    let (reads, writes) = std::io::pipe().unwrap();
    // Full, as one of a reader that was stopped.
    let mut full = fs::File::from(std::os::fd::OwnedFd::from(writes.try_clone().unwrap()));
    let flags = rustix::fs::fcntl_getfl(&full).unwrap();
    rustix::fs::fcntl_setfl(&full, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while full.write(&[b'x'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&full, flags).unwrap();
    let command = rig.loopkeeperd();
    rig.start_to(command, writes.into());
    rig.daemon.as_mut().unwrap().wait_for("READY=1");
    rig.until_state("a", "running");
    let pid = rig.pid("a");
    rig.done(&["restart", "a"]);
    assert_ne!(rig.pid("a"), pid);
    assert_eq!(rig.end_daemon("TERM"), Some(0));
    drop(reads);
}
