//! What only systemd can do, where it does not run the daemon: who is to be confined does not run, and
//! limits that nobody keeps are told.

use crate::rig::Rig;

#[test]
fn a_worker_that_is_to_be_somebody_else_is_never_started_as_us() {
    let rig = Rig::up(
        r#"
[defaults]
launcher = "process"
backoff = { first = "10ms", most = "10ms" }
budget = { restarts = 1, window = "10m" }
[workers.a]
command = "touch ran; exec sleep 1000"
systemd = { User = "nobody", MemoryMax = "1G" }
"#,
    );
    rig.until_state("a", "held");
    let shown = rig.done(&["status"]);
    let told = "systemd.User: only systemd can do that";
    assert!(shown.contains(told), "{shown}");
    assert!(!rig.path("ran").exists());
}

#[test]
fn a_limit_that_nobody_keeps_is_shown_until_it_is_taken_out() {
    let with = r#"
[workers.a]
launcher = "process"
command = "exec sleep 1000"
systemd = { MemoryMax = "1G", TasksMax = 10 }
"#;
    let rig = Rig::up(with);
    let told = "limits are not kept, for the daemon is not run by systemd: a (MemoryMax, TasksMax)";
    let shown = rig.done(&["status"]);
    assert!(shown.contains(told), "{shown}");
    assert!(shown.contains("running"), "{shown}");
    rig.configure(
        &with
            .replace("systemd = {", "environment = {")
            .replace("10 }", "'10' }"),
    );
    rig.done(&["reload"]);
    let shown = rig.done(&["status"]);
    assert!(!shown.contains("limits"), "{shown}");
}
