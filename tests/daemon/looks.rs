//! A probe that cannot be run says nothing of its worker: who cannot be looked at goes on.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::rig::Rig;

const RIG: &str = r#"
[workers.a]
launcher = "process"
command = "exec sleep 1000"
ALIVE
[workers.b]
launcher = "process"
command = "exec sleep 1000"
READY
"#;

/// A program at this place, in one step.
fn program(path: &Path, text: &[u8]) {
    let made = path.with_extension("new");
    fs::write(&made, text).unwrap();
    fs::set_permissions(&made, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(made, path).unwrap();
}

/// What notes each look at it and then says that what it needs is not there, as env(1) and shells do.
fn unable(looks: &Path) -> String {
    format!("#!/bin/sh\necho look >>{}\nexit 127\n", looks.display())
}

fn until_looked(rig: &Rig, looks: &Path, more: usize) {
    let count = || {
        fs::read_to_string(looks)
            .unwrap_or_default()
            .lines()
            .count()
    };
    let before = count();
    rig.eventually("looks at it", |_| (count() >= before + more).then_some(()));
}

fn degraded(status: &Value) -> Vec<&str> {
    let troubles = status["degraded"].as_array().unwrap();
    troubles.iter().filter_map(Value::as_str).collect()
}

fn until_degraded(rig: &Rig, line: &str) {
    rig.eventually(line, |rig| {
        let status = rig.status();
        degraded(&status).contains(&line).then_some(())
    });
}

fn rig(alive: &str, ready: &str) -> (Rig, PathBuf, PathBuf) {
    let config = RIG.replace("ALIVE", alive).replace("READY", ready);
    let rig = Rig::new(&config);
    let (look, looks) = (rig.path("look"), rig.path("looks"));
    (rig, look, looks)
}

#[test]
fn nobody_is_stopped_because_its_probe_cannot_be_run() {
    let alive = "alive = { command = ['./look'], every = '20ms', failures = 2 }";
    let (mut rig, look, looks) = rig(alive, "");
    program(&look, b"#!/bin/sh\nexit 0\n");
    rig.start();
    let pid = rig.until_state("a", "running")["pid"].clone();

    fs::rename(&look, rig.path("elsewhere")).unwrap();
    let path = look.display();
    let gone = format!(
        "a cannot be looked at, and nobody knows whether it is well: {path}: cannot be started: \
         No such file or directory (os error 2)"
    );
    until_degraded(&rig, &gone);

    program(&look, unable(&looks).as_bytes());
    until_looked(&rig, &looks, 6);
    let row = rig.worker("a");
    assert_eq!((&row["state"], &row["pid"]), (&"running".into(), &pid));
    assert_eq!(row["verdict"]["is"], "unknown", "{row}");
    let shown = rig.done(&["status"]);
    assert!(
        shown.contains(&format!(
            "DEGRADED: a cannot be looked at, and nobody knows whether it is well: {path}: exit code 127"
        )),
        "{shown}"
    );

    program(&look, b"#!/no/such/interpreter\n");
    until_degraded(&rig, &gone);
    program(&look, b"#!/bin/sh\nexit 0\n");
    rig.eventually("all is well", |rig| {
        let status = rig.status();
        degraded(&status).is_empty().then_some(())
    });
    let row = rig.worker("a");
    assert_eq!((&row["pid"], &row["restarts"]), (&pid, &0.into()));
    let history = rig.done(&["history", "a"]);
    assert!(history.contains("a cannot be looked at"), "{history}");

    // One that can be run, and says no, still counts.
    program(&look, b"#!/bin/sh\nexit 1\n");
    rig.eventually("it is stopped", |rig| {
        (rig.worker("a")["restarts"] != 0).then_some(())
    });
}

#[test]
fn who_cannot_be_looked_at_does_not_become_ready_and_is_not_stopped() {
    let ready = "ready = { command = ['./look'], every = '100ms', timeout = '3s' }";
    let (mut rig, look, looks) = rig("", ready);
    program(&look, unable(&looks).as_bytes());
    rig.start();
    rig.until_state("a", "running");
    let pid = rig.until_state("b", "starting")["pid"].clone();
    // For longer than it has to be ready.
    until_looked(&rig, &looks, 32);
    let row = rig.worker("b");
    assert_eq!((&row["state"], &row["pid"]), (&"starting".into(), &pid));
    let path = look.display();
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("not ready: {path}: ")), "{row}");
    let status = rig.status();
    let told = degraded(&status);
    let begins = format!("b cannot be looked at, and nobody knows whether it is ready: {path}: ");
    assert!(told[0].starts_with(&begins), "{told:?}");

    program(&look, b"#!/bin/sh\nexit 0\n");
    assert_eq!(rig.until_state("b", "running")["pid"], pid);
}
