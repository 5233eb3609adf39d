//! Files in the inbox of a played agent in a real tmux: typed once, in order, and put away.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use loopkeeper::{model::ItemName, store::Store};
use serde_json::{Value, json};

use crate::{
    nudges::{Stopped, events, submitted, told, until_told},
    program::program,
    rig::Rig,
};

const RIG: &str = r#"
[rig]
notify = "cat >>notices"

[workers.a]
command = "SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude"
agent = "claude"
watch = { every = "1s", slow = "2h" }

[workers.plain]
command = "exec sleep 1000"
launcher = "process"
"#;

/// A rig whose agent plays this, from its first step on.
fn plays(script: &str) -> Rig {
    let mut rig = Rig::new(RIG);
    rig.write("script", script);
    symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig.eventually("first step", |rig| {
        (!events(rig, "step").is_empty()).then_some(())
    });
    rig.eventually("inbox", |rig| inbox(rig).is_dir().then_some(()));
    rig
}

fn inbox(rig: &Rig) -> PathBuf {
    rig.path("state/inbox/a")
}

fn list(rig: &Rig) -> Value {
    serde_json::from_str(&rig.done(&["inbox", "a", "list", "--json"])).unwrap()
}

/// The names in a part of what `list` shows.
fn names(list: &Value, part: &str) -> Vec<String> {
    let part = list[part].as_array().unwrap().iter();
    part.map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The files of which it is recorded that they are begun, and not over.
fn begun(rig: &Rig) -> Vec<ItemName> {
    let seen = Store::read_only(&rig.path("state"), &[]).unwrap();
    let begun = seen.restored.nudges.into_iter();
    begun.map(|begun| begun.item.unwrap()).collect()
}

fn until_delivered(rig: &Rig, count: u64) {
    rig.eventually("delivered", |rig| {
        (list(rig)["delivered"] == count).then_some(())
    });
}

fn until_failed(rig: &Rig) -> Value {
    rig.eventually("failed", |rig| {
        let list = list(rig);
        (!names(&list, "failed").is_empty()).then(|| list["failed"][0].clone())
    })
}

#[test]
fn what_is_dropped_in_while_it_works_is_typed_in_order() {
    let rig = plays("work 5s\nwait\nwait\nwait\nwait\n");
    rig.done(&["inbox", "a", "send", "first"]);
    fs::write(inbox(&rig).join("zz"), "second\nof two lines\n\n").unwrap();
    rig.write("third", "third\n");
    let file = rig.path("third").display().to_string();
    let queued = ["nudge", "a", "--when", "queued", "--file", &file, "--json"];
    let sent: Value = serde_json::from_str(&rig.done(&queued)).unwrap();
    assert_eq!(
        sent["delivered"],
        inbox(&rig).join("delivered").to_str().unwrap()
    );
    assert_eq!(names(&list(&rig), "queued").len(), 3);
    rig.eventually("seen", |rig| {
        (rig.worker("a")["inbox"] == json!({"queued": 3, "failed": 0})).then_some(())
    });
    until_delivered(&rig, 3);
    assert_eq!(submitted(&rig), ["first", "second\nof two lines", "third"]);
    assert!(events(&rig, "queued").is_empty(), "it was waited for");
    rig.eventually("told", |rig| {
        (told(rig, "worker-inbox-delivered").len() == 3).then_some(())
    });
    let words = told(&rig, "worker-inbox-delivered").concat();
    assert!(
        words.contains("zz of its inbox (\"second…\", 19 bytes): a took it: "),
        "{words}"
    );
    assert_eq!(rig.worker("plain")["inbox"], Value::Null);
    let environment = fs::read(format!("/proc/{}/environ", rig.pid("a"))).unwrap();
    let variable = format!("LOOPKEEPER_INBOX={}", inbox(&rig).display());
    let mut variables = environment.split(|byte| *byte == 0);
    assert!(variables.any(|one| one == variable.as_bytes()));
}

#[test]
fn what_can_never_be_typed_is_told_shown_and_retried_when_it_is_mended() {
    let rig = plays("wait\nwait\n");
    fs::write(inbox(&rig).join("-x"), "a\x1b[201~b").unwrap();
    let failed = until_failed(&rig);
    let why = failed["why"].as_str().unwrap();
    assert!(
        why.starts_with("text has an escape character in line 1"),
        "{why}"
    );
    let words = until_told(&rig, "worker-inbox-failed");
    let name = failed["name"].as_str().unwrap();
    assert!(
        words.ends_with(&format!(
            "; mend failed/{name} there, then: `supervisorctl inbox a retry {name}`"
        )),
        "{words}"
    );
    rig.eventually("the operator is told", |rig| {
        rig.read("notices").contains(&words).then_some(())
    });
    rig.eventually("it is shown", |rig| {
        let notice = "INBOX of a: 1 failed; see: supervisorctl inbox a list\n";
        rig.done(&["status"]).contains(notice).then_some(())
    });
    assert!(rig.done(&["inbox", "a", "list"]).contains(why));
    fs::write(inbox(&rig).join("failed").join(name), "mended").unwrap();
    let said = rig.done(&["inbox", "a", "retry", name]);
    assert_eq!(said, "-x waits in the inbox of a again\n");
    until_delivered(&rig, 1);
    assert_eq!(submitted(&rig), ["mended"]);
    assert_eq!(names(&list(&rig), "failed"), [""; 0]);
}

#[test]
fn what_is_sent_while_no_daemon_runs_is_typed_by_the_next_one() {
    let mut rig = plays("wait\nwait\n");
    rig.kill_daemon();
    let said = rig.done(&["nudge", "a", "--when", "queued", "go", "on"]);
    assert!(
        said.contains(" waits in the inbox of a\nit will be in /"),
        "{said}"
    );
    let status = rig.ctl(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        status["workers"][0]["inbox"],
        json!({"queued": 1, "failed": 0})
    );
    rig.start();
    until_delivered(&rig, 1);
    assert_eq!(submitted(&rig), ["go on"]);
}

#[test]
fn what_a_killed_daemon_had_begun_is_told_and_not_typed_again() {
    let mut rig = plays("wait\nwait\nwait\n");
    rig.eventually("it is seen to wait", |rig| {
        (rig.worker("a")["verdict"]["is"] == "waiting").then_some(())
    });
    fs::write(inbox(&rig).join("1.md"), "go on").unwrap();
    // What is begun from now on cannot go on.
    let stopped = Stopped::of(&rig);
    rig.eventually("it is recorded", |rig| {
        let begun = begun(rig);
        (!begun.is_empty()).then(|| assert_eq!(begun, ["1.md".into()]))
    });
    rig.kill_daemon();
    drop(stopped);
    rig.start();
    let failed = until_failed(&rig);
    let why = failed["why"].as_str().unwrap();
    assert!(why.starts_with("may have been typed"), "{why}");
    until_told(&rig, "worker-inbox-failed");
    rig.done(&["inbox", "a", "send", "another"]);
    until_delivered(&rig, 1);
    assert_eq!(submitted(&rig), ["another"]);
    rig.done(&["inbox", "a", "retry", "1.md"]);
    until_delivered(&rig, 2);
    assert_eq!(submitted(&rig), ["another", "go on"]);
}

#[test]
fn what_a_killed_daemon_had_begun_is_told_though_its_file_was_taken_away() {
    let mut rig = plays("wait\nwait\n");
    rig.eventually("it is seen to wait", |rig| {
        (rig.worker("a")["verdict"]["is"] == "waiting").then_some(())
    });
    fs::write(inbox(&rig).join("1.md"), "go on").unwrap();
    let stopped = Stopped::of(&rig);
    rig.eventually("it is begun", |rig| (!begun(rig).is_empty()).then_some(()));
    rig.kill_daemon();
    fs::remove_file(inbox(&rig).join("1.md")).unwrap();
    drop(stopped);
    rig.start();
    until_told(&rig, "worker-inbox-failed");
    rig.done(&["inbox", "a", "send", "another"]);
    until_delivered(&rig, 1);
    assert_eq!(submitted(&rig), ["another"]);
}

#[test]
fn what_cannot_be_moved_is_told_and_never_typed_again() {
    let mut rig = plays("wait\nwait\nwait\n");
    let delivered = inbox(&rig).join("delivered");
    rig.eventually("it is there", |_| delivered.is_dir().then_some(()));
    fs::remove_dir(&delivered).unwrap();
    symlink(rig.path("state"), &delivered).unwrap();
    rig.done(&["inbox", "a", "send", "first"]);
    // Without that directory nobody looks into the inbox any more.
    let shown = rig.eventually("trouble", |rig| {
        let degraded = rig.status()["degraded"].to_string();
        degraded.contains("inbox of a").then_some(degraded)
    });
    assert!(shown.contains("delivered cannot be used"), "{shown}");
    fs::remove_file(&delivered).unwrap();
    until_delivered(&rig, 1);

    // The same after it was typed.
    let stopped = Stopped::of(&rig);
    rig.done(&["inbox", "a", "send", "second"]);
    rig.eventually("it is begun", |rig| (!begun(rig).is_empty()).then_some(()));
    fs::rename(&delivered, rig.path("aside")).unwrap();
    symlink(rig.path("state"), &delivered).unwrap();
    drop(stopped);
    until_told(&rig, "worker-inbox-stuck");
    assert_eq!(submitted(&rig), ["first", "second"]);
    rig.kill_daemon();
    fs::remove_file(&delivered).unwrap();
    rig.start();
    let why = until_failed(&rig)["why"].to_string();
    assert!(why.contains("may have been typed"), "{why}");
    rig.done(&["inbox", "a", "send", "third"]);
    until_delivered(&rig, 1);
    assert_eq!(submitted(&rig), ["first", "second", "third"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let rig = plays("wait\n");
    for (code, arguments, says) in [
        (
            4,
            &["inbox", "plian", "list"][..],
            "worker plian does not exist\nhint: did you mean plain?",
        ),
        (
            4,
            &["inbox", "watchdog", "list"],
            "watchdog is part of the daemon, and has no agent",
        ),
        (
            4,
            &["nudge", "b", "--when", "queued", "x"],
            "worker b does not exist",
        ),
        (
            1,
            &["inbox", "plain", "list"],
            "plain has no agent, and so no inbox\nhint: set launcher",
        ),
        (2, &["inbox", "a", "send"], "<TEXT>"),
        (
            2,
            &["inbox", "a", "send", "x\x1by"],
            "an escape character in line 1",
        ),
        (2, &["inbox", "a", "retry"], "<NAMES>"),
        (
            4,
            &["inbox", "a", "retry", "gone"],
            "gone has not failed in the inbox of a",
        ),
    ] {
        let said = rig.refused(code, arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert_eq!(
        rig.done(&["inbox", "a", "retry", "--all"]),
        "nothing has failed in the inbox of a\n"
    );
    assert_eq!(names(&list(&rig), "queued"), [""; 0]);
}

/// Each life of the daemon dies one point later, until one comes so far that the file is put away.
#[cfg(feature = "fault-points")]
#[test]
fn whatever_a_daemon_is_killed_at_each_is_typed_once_or_seen_to_be_undecided() {
    let mut rig = plays(&"wait\n".repeat(200));
    rig.kill_daemon();
    let (mut delivered, mut undecided) = (Vec::new(), 0);
    for number in 0..200 {
        let text = format!("text {number}");
        rig.done(&["inbox", "a", "send", &text]);
        crate::fated::start_fated(&mut rig, number);
        let died = rig.eventually("it dies, or is done", |rig| {
            let queued = names(&list(rig), "queued");
            let done = queued.is_empty() && begun(rig).is_empty();
            let dead = crate::fated::is_dead(rig);
            (dead || done).then_some(dead)
        });
        rig.kill_daemon();
        rig.start();
        rig.eventually("it is put away", |rig| {
            let queued = names(&list(rig), "queued");
            (queued.is_empty() && begun(rig).is_empty()).then_some(())
        });
        let typed = submitted(&rig)
            .into_iter()
            .filter(|one| *one == text)
            .count();
        let failed = names(&list(&rig), "failed").len();
        assert!(typed <= 1, "{text} was typed {typed} times");
        match failed > undecided {
            true => {
                undecided += 1;
                // What is left on the input line is for a person to see, and to clear.
                crate::nudges::tmux(&rig, &["send-keys", "C-u"]);
            }
            false => {
                delivered.push(number);
                assert_eq!(typed, 1, "{text}: {}", rig.read("faults.log"));
            }
        }
        assert_eq!(list(&rig)["delivered"], delivered.len());
        rig.end_daemon("TERM");
        if !died {
            break;
        }
    }
    let log = rig.read("faults.log");
    eprintln!("delivered {delivered:?}, undecided {undecided}\n{log}");
    for point in [
        "before Type",
        "before Settle",
        "before the move",
        "after the move",
    ] {
        assert!(log.contains(point), "nothing died {point}: {log}");
    }
    assert!(undecided > 0);
    // It stood on the input line.
    for number in crate::fated::died_before_enter(&log) {
        assert!(delivered.contains(&number), "{number}: {log}");
    }
}
