//! What happened, and what happens now, as a stream.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::rig::Rig;

const RIG: &str = r#"
[workers.keeper]
kind = "service"
command = "exec sleep 1000"
launcher = "process"
"#;

/// More than any queue of the daemon holds, and than a socket takes unread.
const MANY: usize = 20_000;

/// A rig whose history has so many lines.
fn with_a_history() -> Rig {
    let mut rig = Rig::up(RIG);
    rig.end_daemon("TERM");
    let mut database = rusqlite::Connection::open(rig.path("state/loopkeeper.db")).unwrap();
    let all = database.transaction().unwrap();
    for number in 0..MANY {
        all.execute(
            "INSERT INTO notice (at, event, level, text)
             VALUES ('2026-01-01T00:00:00Z', 'test', 'info', ?1)",
            [format!("happened {number}")],
        )
        .unwrap();
    }
    all.commit().unwrap();
    drop(database);
    rig.start();
    rig
}

#[test]
fn the_whole_history_is_streamed_however_long_it_is() {
    let rig = with_a_history();
    let told = rig.done(&["events", "-n", "100000"]);
    let found = told.lines().filter(|line| line.contains("happened "));
    assert_eq!(found.count(), MANY);

    // A follower that reads late misses nothing, neither of what was nor of what comes then.
    let mut follower = rig.supervisorctl();
    let mut follower = follower
        .args(["events", "-f", "-n", "100000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    rig.done(&["pause"]);
    let mut found = usize::from(first.contains("happened "));
    for line in lines.by_ref().map(Result::unwrap) {
        found += usize::from(line.contains("happened "));
        if line.contains("paused") {
            break;
        }
    }
    assert_eq!(found, MANY);
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_follower_goes_on_with_the_next_daemon_without_a_gap_or_a_double() {
    let mut rig = Rig::up(RIG);
    let before = rig.done(&["events", "-n", "100000"]).lines().count();
    let into = |name: &str| std::fs::File::create(rig.path(name)).unwrap();
    let (out, error) = (into("followed"), into("said"));
    let mut follower = rig.supervisorctl();
    let mut follower = follower
        .args(["events", "-f", "-n", "0"])
        .stdout(out)
        .stderr(error)
        .spawn()
        .unwrap();
    let until = |rig: &Rig, name: &str, text: &str, times: usize| {
        rig.eventually(text, |rig| {
            (rig.read(name).matches(text).count() == times).then_some(())
        });
    };
    // Whenever the stream begins, this is in it or in what it begins with.
    rig.eventually("it follows", |rig| {
        rig.done(&["pause"]);
        rig.done(&["resume"]);
        rig.read("followed").contains("paused").then_some(())
    });
    for (ends, times) in ["KILL", "TERM"].into_iter().zip(1..) {
        match ends {
            "KILL" => rig.kill_daemon(),
            signal => drop(rig.end_daemon(signal)),
        }
        until(&rig, "said", "daemon is down; its events go on", times);
        rig.start();
        until(&rig, "said", "daemon is back\n", times);
    }
    rig.done(&["stop", "keeper"]);
    let all = rig.done(&["events", "-n", "100000"]);
    let all: Vec<&str> = all.lines().skip(before).collect();
    let last = *all.last().unwrap();
    rig.eventually("the last of it", |rig| {
        rig.read("followed").contains(last).then_some(())
    });
    let followed = rig.read("followed");
    let followed: Vec<&str> = followed.lines().collect();
    // It began in the midst of the pauses, and saw all that came then.
    let since = all.len().saturating_sub(followed.len());
    assert_eq!(followed, all[since..]);
    follower.kill().unwrap();
    follower.wait().unwrap();
}
