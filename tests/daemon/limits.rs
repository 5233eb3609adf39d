//! Agents at their usage limit in a real tmux: woken once when it is over, and seen to go on.

use std::os::unix::fs::symlink;

use jiff::{SignedDuration, Timestamp, Unit};
use loopkeeper::store::Store;
use serde_json::Value;

use crate::{program::program, rig::Rig};

const TEXT: &str = "Your usage limit is over. Go on where you stopped.";
/// A limit lasts so many seconds.
const LASTS: i64 = 6;

/// When a limit ends that begins now.
fn end() -> Timestamp {
    let end = Timestamp::now() + SignedDuration::from_secs(LASTS);
    end.round(Unit::Second).unwrap()
}

/// A rig whose agents are at this limit, and work when it is over.
fn limited(names: &[&str], step: &str, words: &str, limit: &str) -> Rig {
    let workers = names.iter().map(|name| {
        format!(
            "[workers.{name}]\n\
             command = \"SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG={name}.log exec ./claude\"\n\
             agent = \"claude\"\n\
             watch = {{ every = \"200ms\" }}\n\
             limit = {{ margin = \"0s\", {limit} }}\n"
        )
    });
    let mut rig = Rig::new(&workers.collect::<String>());
    rig.write(
        "script",
        &format!("work 500ms\n{step} \"resets {words}\"\nwork 90s\n"),
    );
    symlink(program(), rig.path("claude")).unwrap();
    rig.start();
    rig
}

fn log(rig: &Rig, name: &str) -> Vec<Value> {
    let log = rig.read(&format!("{name}.log"));
    let lines = log.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The texts that came to an agent.
fn submitted(rig: &Rig, name: &str) -> Vec<String> {
    let log = log(rig, name).into_iter();
    log.filter_map(|line| Some(line.get("submitted")?.as_str()?.to_owned()))
        .collect()
}

/// What went into the history of limits and texts: the event, and the worker.
fn told(rig: &Rig) -> Vec<(String, String)> {
    let history: Value = serde_json::from_str(&rig.done(&["history", "--json"])).unwrap();
    let entries = history.as_array().unwrap().iter();
    let part = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let told = entries.map(|entry| (part(entry, "event"), part(entry, "worker")));
    let kinds = [
        "worker-limit",
        "worker-wake",
        "worker-woken",
        "worker-nudge",
    ];
    told.filter(|(event, _)| kinds.iter().any(|kind| event.starts_with(kind)))
        .collect()
}

fn until_told(rig: &Rig, event: &str, name: &str) {
    let wanted = (event.to_owned(), name.to_owned());
    rig.eventually(event, |rig| told(rig).contains(&wanted).then_some(()));
}

fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = told.iter();
    pairs
        .map(|(event, name)| (event.as_str(), name.as_str()))
        .collect()
}

fn evidence(rig: &Rig, name: &str) -> String {
    let evidence = &rig.worker(name)["verdict"]["evidence"];
    evidence.as_str().unwrap().to_owned()
}

const ONCE: [(&str, &str); 3] = [
    ("worker-limit-over", "a"),
    ("worker-limited", "a"),
    ("worker-woken", "a"),
];

#[test]
fn one_is_woken_when_its_limit_is_over_and_works() {
    let end = end();
    let rig = limited(&["a"], "limit", &end.to_string(), "again = \"1h\"");
    until_told(&rig, "worker-limited", "a");
    let evidence = evidence(&rig, "a");
    assert!(evidence.contains("; is woken at "), "{evidence}");
    until_told(&rig, "worker-limit-over", "a");
    until_told(&rig, "worker-woken", "a");
    // Looks may see it before who typed has its proof.
    let mut told = told(&rig);
    told.sort();
    // After a look that failed it is news again.
    told.dedup_by(|one, other| one == other && one.0 == "worker-limited");
    assert_eq!(pairs(&told), ONCE, "{}", rig.done(&["history"]));
    assert_eq!(submitted(&rig, "a"), [TEXT]);
    let log = log(&rig, "a");
    let line = log.iter().find(|line| line.get("submitted").is_some());
    let at: Timestamp = line.unwrap()["at"].as_str().unwrap().parse().unwrap();
    assert!(at >= end, "{at} is before {end}");
    assert_eq!(rig.worker("a")["verdict"]["is"], "working");
}

#[test]
fn what_it_asks_at_its_limit_is_left_first() {
    let rig = limited(&["a"], "limit-menu", &end().to_string(), "again = \"1h\"");
    until_told(&rig, "worker-woken", "a");
    until_told(&rig, "worker-limit-over", "a");
    assert_eq!(submitted(&rig, "a"), [TEXT]);
    let log = log(&rig, "a");
    let answers: Vec<_> = log
        .iter()
        .filter(|line| line["event"] == "answered")
        .collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["answer"], "esc");
}

#[test]
fn those_of_one_account_are_woken_one_after_the_other() {
    let account = "again = \"1h\", account = \"team\"";
    let rig = limited(&["a", "b"], "limit", &end().to_string(), account);
    // Looks may see it before who typed has its proof.
    until_told(&rig, "worker-limit-over", "b");
    until_told(&rig, "worker-woken", "b");
    let told = told(&rig);
    let at = |event: &str, name: &str| {
        let wanted = (event, name);
        pairs(&told)
            .iter()
            .position(|told| *told == wanted)
            .unwrap()
    };
    assert!(
        at("worker-limit-over", "a") < at("worker-woken", "b"),
        "{told:?}"
    );
    assert_eq!(
        (submitted(&rig, "a").len(), submitted(&rig, "b").len()),
        (1, 1)
    );
}

#[test]
fn a_limit_that_was_there_for_the_first_daemon_ends_when_it_said_so() {
    // Who reads these words later reads a later end.
    let mut rig = limited(
        &["a"],
        "limit",
        &format!("in {LASTS} seconds"),
        "again = \"1h\"",
    );
    until_told(&rig, "worker-limited", "a");
    let known = |rig: &Rig| {
        let seen = Store::read_only(&rig.path("state"), &[]).unwrap();
        let worker = seen.restored.workers.into_iter().next();
        worker.and_then(|(_, known)| known.limit)
    };
    let first = rig.eventually("its end is recorded", |rig| known(rig)?.until);
    rig.kill_daemon();
    rig.start();
    assert_eq!(known(&rig).and_then(|known| known.until), Some(first));
    until_told(&rig, "worker-limit-over", "a");
    assert_eq!(submitted(&rig, "a"), [TEXT]);
}

#[test]
fn a_text_that_a_killed_daemon_had_begun_is_told_and_not_typed_again_at_once() {
    // The agent loses it, and who types waits for it to be seen.
    let step = "lose 1\nlimit";
    let mut rig = limited(&["a"], step, &end().to_string(), "again = \"1h\"");
    rig.eventually("it is recorded", |rig| {
        let seen = Store::read_only(&rig.path("state"), &[]).unwrap();
        (seen.restored.nudges.len() == 1).then_some(())
    });
    rig.kill_daemon();
    rig.start();
    until_told(&rig, "worker-nudge-undecided", "a");
    until_told(&rig, "worker-wake-failed", "a");
    let evidence = evidence(&rig, "a");
    assert!(evidence.contains("until nobody knows when: "), "{evidence}");
    assert!(evidence.contains("; is woken at "), "{evidence}");
    assert!(submitted(&rig, "a").is_empty());
}
