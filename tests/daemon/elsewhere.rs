//! A daemon whose configuration is not in the usual place.

use std::fs;

use crate::rig::Rig;

const ELSEWHERE: &str = r#"
[workers.keeper]
kind = "service"
command = "exec sleep 1000"
launcher = "process"
"#;

/// Up, with another configuration than the one in the usual place.
fn up_elsewhere() -> Rig {
    let mut rig = Rig::new("this is no configuration");
    fs::create_dir(rig.path("else where")).unwrap();
    rig.write("else where/rig.toml", ELSEWHERE);
    let file = rig.path("else where/rig.toml");
    rig.start_with(|command| {
        command.arg("--config").arg(file);
    });
    rig.daemon.as_mut().unwrap().wait_for("READY=1");
    rig
}

/// What `doctor` says of the configuration.
fn diagnosed(rig: &Rig, arguments: &[&str], check: &str) -> String {
    let output = rig.ctl(&[&["doctor", "--json"], arguments].concat());
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = findings.as_array().unwrap().iter();
    let mut of = findings.filter(|finding| finding["check"] == check);
    of.next().unwrap()["found"].as_str().unwrap().to_owned()
}

#[test]
fn everybody_goes_by_the_configuration_that_the_daemon_keeps() {
    let mut rig = up_elsewhere();
    let file = rig.path("else where/rig.toml").display().to_string();
    let declares = format!("{file} declares 1 workers");
    assert_eq!(diagnosed(&rig, &[], "configuration"), declares);
    assert_eq!(
        rig.done(&["check"]),
        format!("{file}: good, 1 worker, 0 phases\n")
    );
    assert_eq!(rig.status()["config"], file);
    rig.write("else where/rig.toml", "this is none");
    let why = rig.refused(2, &["reload"]);
    assert!(
        why.contains(&format!("supervisorctl check '{file}'")),
        "{why}"
    );
    rig.write("else where/rig.toml", ELSEWHERE);

    // Also when it is gone.
    rig.kill_daemon();
    assert_eq!(diagnosed(&rig, &[], "configuration"), declares);
    let status = rig.ctl(&["status"]);
    let shown = String::from_utf8_lossy(&status.stdout);
    assert!(shown.contains("keeper"), "{shown}");
    let hint = rig.refused(3, &["pause"]);
    assert!(
        hint.contains(&format!("start it with: loopkeeperd --config '{file}'")),
        "{hint}"
    );
    // What is said counts more.
    let usual = rig.path("loopkeeper.toml").display().to_string();
    rig.refused(2, &["check", "--config", &usual]);
}

#[test]
fn doctor_asks_a_daemon_that_it_is_pointed_to_where_everything_is() {
    let rig = up_elsewhere();
    let file = rig.path("else where/rig.toml").display().to_string();
    let socket = rig.path("run/control.sock").display().to_string();
    let mut doctor = rig.supervisorctl();
    doctor.env("STATE_DIRECTORY", rig.path("another"));
    doctor.args(["doctor", "--socket", &socket]);
    let said = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
    assert!(said.contains(&format!("{file} declares")), "{said}");
    let state = format!("{} can be written", rig.path("state").display());
    assert!(said.contains(&state), "{said}");
}

#[test]
fn a_rig_that_is_named_by_more_than_its_socket_is_no_other_one() {
    let rig = up_elsewhere();
    let (state, file) = (rig.path("state"), rig.path("else where/rig.toml"));
    let (state, file) = (state.to_str().unwrap(), file.to_str().unwrap());
    std::os::unix::fs::symlink(state, rig.path("link")).unwrap();
    for right in [
        ["--state-dir", state],
        ["--state-dir", "link"],
        ["--config", file],
        ["--config", "else where/../else where/rig.toml"],
    ] {
        rig.done(&[&right[..], &["restart", "keeper"]].concat());
    }
    let pid = rig.pid("keeper");
    for (option, other, what, theirs) in [
        ("--state-dir", "/nope", "state directory", state),
        ("--config", "loopkeeper.toml", "configuration", file),
    ] {
        for verb in [&["restart", "keeper"][..], &["status"], &["reload"]] {
            let why = rig.refused(1, &[&[option, other], verb].concat());
            let other_rig = format!("keeps another rig: its {what} is {theirs}, not {other}\n");
            assert!(why.contains(&other_rig), "{why}");
        }
        let told = diagnosed(&rig, &[option, other], "daemon");
        assert!(told.contains("keeps another rig"), "{told}");
    }
    assert_eq!(rig.pid("keeper"), pid);
}
