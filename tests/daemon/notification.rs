//! The operator's notification command: what it is given, and that it holds nothing up.

use serde_json::{Value, json};

use crate::rig::Rig;

/// A rig with a worker that is held at once, and this notification command.
fn rig(notify: &str) -> String {
    format!(
        r#"
[rig]
name = "pi"
notify = {notify}
[workers.hot]
command = "exit 3"
launcher = "process"
budget = {{ restarts = 0, window = "1h" }}
[workers.well]
command = "exec sleep 1000"
launcher = "process"
[[plan.phases]]
id = "1d"
[[plan.phases]]
id = "1e"
"#
    )
}

/// The lines of a file, once there are so many.
fn lines(rig: &Rig, name: &str, count: usize) -> Vec<String> {
    rig.eventually(name, |rig| {
        let text = rig.read(name);
        let whole = text.ends_with('\n') && text.lines().count() >= count;
        whole.then(|| text.lines().map(str::to_owned).collect())
    })
}

#[test]
fn a_notification_is_one_object_on_one_line() {
    let mut rig = Rig::new(&rig(r#"{ command = "cat >>told", input = "json" }"#));
    rig.start();
    rig.until_state("hot", "held");
    let history: Value = serde_json::from_str(&rig.done(&["history", "--json"])).unwrap();
    let held = history.as_array().unwrap().iter();
    let held = held
        .clone()
        .find(|one| one["event"] == "worker-held")
        .unwrap();
    let told: Value = serde_json::from_str(&lines(&rig, "told", 1)[0]).unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let whole = json!({
        "version": 1,
        "event": "worker-held",
        "level": "error",
        "at": held["at"],
        "rig": "pi",
        "host": host.trim(),
        "worker": "hot",
        "attempt": held["attempt"],
        "phase": "1d",
        "text": held["text"],
    });
    assert_eq!(told, whole);
    // What there is not is null, and the phases are told in their order.
    rig.done(&["phase", "done"]);
    let told: Value = serde_json::from_str(&lines(&rig, "told", 2)[1]).unwrap();
    assert_eq!(
        (&told["event"], &told["phase"]),
        (&json!("phase"), &json!("1e"))
    );
    assert_eq!(
        (&told["worker"], &told["attempt"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(told.as_object().unwrap().len(), 10);
    rig.done(&["phase", "done"]);
    let told: Value = serde_json::from_str(&lines(&rig, "told", 3)[2]).unwrap();
    assert_eq!(
        (&told["event"], &told["phase"]),
        (&json!("plan-complete"), &Value::Null)
    );
}

#[test]
fn only_what_was_chosen_is_told_and_its_word_is_known() {
    let command = r#"{ command = "read -r text; echo \"$LOOPKEEPER_EVENT $LOOPKEEPER_RIG: $text\" >>told; test \"$text\" = \"$LOOPKEEPER_NOTICE\"", on = ["plan-complete"] }"#;
    let mut rig = Rig::new(&rig(command));
    rig.start();
    rig.until_state("hot", "held");
    rig.done(&["phase", "done"]);
    rig.done(&["phase", "done"]);
    let told = lines(&rig, "told", 1);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0] == "plan-complete pi: the plan is complete, 2 of 2 phases",
        "{told:#?}"
    );
    assert!(!rig.log().contains("notification command failed"));
}

#[test]
fn a_notification_that_fails_is_told_once_with_what_it_was_to_say() {
    let mut rig = Rig::new(&rig(
        r#"{ command = "echo no route to host >&2; exit 7", on = ["worker-held"] }"#,
    ));
    rig.start();
    rig.until_state("hot", "held");
    let line = rig.until_logged("notification command failed");
    assert!(line.contains("exit 7") || line.contains("code 7"), "{line}");
    assert!(
        line.contains("no route to host") && line.contains("hot is held"),
        "{line}"
    );
    rig.done(&["restart", "well"]);
    assert_eq!(rig.log().matches("notification command failed").count(), 1);
}

#[test]
fn a_notification_that_hangs_and_reads_nothing_holds_nothing_up() {
    let mut rig = Rig::new(&rig(
        r#"{ command = "echo $$ >>pids; exec sleep 1000", input = "json" }"#,
    ));
    rig.start();
    rig.until_state("hot", "held");
    lines(&rig, "pids", 1);
    rig.done(&["phase", "done"]);
    rig.done(&["restart", "well"]);
    rig.until_state("well", "running");
    lines(&rig, "pids", 2);
    let alive = |rig: &Rig| {
        let pids = rig.read("pids");
        let alive = |pid: &&str| std::path::Path::new(&format!("/proc/{pid}")).exists();
        pids.lines().filter(alive).count()
    };
    assert_eq!(alive(&rig), 2);
    // They end with the daemon that began them.
    assert_eq!(rig.end_daemon("TERM"), Some(0));
    rig.eventually("nothing is left of them", |rig| {
        (alive(rig) == 0).then_some(())
    });
}
