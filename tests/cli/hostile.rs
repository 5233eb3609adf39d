//! What a broken or hostile client can do to the control server: nothing to anybody else.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use loopkeeper::{
    control::{
        protocol::{Reply, Request},
        server::MOST_CLIENTS,
    },
    decide::{Level, Notice},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, RngSeed, TestRunner},
};
use serde_json::Value;

use crate::scripted::{PATIENCE, Scripted, status};

fn well() -> Scripted {
    Scripted::start(|request, answer| match request {
        Request::Status {} => answer.ok(Reply::Status(Box::new(status()))),
        _ => answer.ok(Reply::from(loopkeeper::decide::Said::from(
            "done".to_owned(),
        ))),
    })
}

struct Raw {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Raw {
    fn connect(rig: &Scripted) -> Self {
        let stream = UnixStream::connect(rig.home.socket()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Self { stream, lines }
    }

    fn greeted(rig: &Scripted) -> Self {
        let mut raw = Self::connect(rig);
        assert_eq!(raw.line()["protocol"], 1);
        raw
    }

    fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("{line:?}: {why}"))
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.lines.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

#[test]
fn the_greeting_comes_unasked() {
    let rig = well();
    assert_eq!(
        Raw::connect(&rig).line(),
        serde_json::json!({"loopkeeper": "0.1.0", "protocol": 1, "access": "steer"})
    );
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let rig = well();
    let mut raw = Raw::greeted(&rig);
    raw.say("{\"id\":1,\"do\":\"status\"}\n{\"do\":\"pause\",\"id\":2}\n{\"id\":3,\"do\":\"st");
    assert_eq!(raw.line()["id"], 1);
    assert_eq!(
        raw.line(),
        serde_json::json!({"id": 2, "ok": {"done": ["done"]}})
    );
    raw.say("atus\"}\n");
    assert_eq!(raw.line()["id"], 3);
}

#[test]
fn nonsense_is_answered_and_in_the_end_hung_up_on() {
    let rig = well();
    let mut raw = Raw::greeted(&rig);
    for (line, id, why) in [
        ("", Value::Null, "line is not a JSON object"),
        ("[]", Value::Null, "line is not a JSON object"),
        ("{}", Value::Null, "\"id\" is missing"),
        (
            "{\"id\":-1,\"do\":\"status\"}",
            Value::Null,
            "\"id\" is missing",
        ),
        ("{\"id\":7}", 7.into(), "request is not known"),
        (
            "{\"id\":7,\"do\":\"fly\"}",
            7.into(),
            "unknown variant `fly`",
        ),
        (
            "{\"id\":7,\"do\":\"reload\"}",
            7.into(),
            "missing field `dry_run`",
        ),
        // To ignore this would be to obey by half.
        (
            "{\"id\":7,\"do\":\"pause\",\"for\":60}",
            7.into(),
            "unknown field `for`",
        ),
        (
            "{\"id\":7,\"do\":\"stop\",\"workers\":[]}",
            7.into(),
            "names no worker",
        ),
        (
            "{\"id\":7,\"do\":\"stop\",\"workers\":[\"../x\"]}",
            7.into(),
            "cannot be part of a name",
        ),
    ] {
        raw.say(&format!("{line}\n"));
        let answer = raw.line();
        assert_eq!(answer["id"], id, "{line}");
        assert_eq!(answer["error"]["kind"], "usage", "{line}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(why), "{line}: {message}");
    }
    assert!(rig.asked.try_recv().is_err(), "nonsense reached the daemon");
    for _ in 0..6 {
        raw.say("x\n");
        raw.line();
    }
    assert!(
        raw.line()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("connection is closed")
    );
    assert!(raw.is_closed());
}

#[test]
fn a_line_that_is_too_long_ends_the_connection_with_a_word() {
    let rig = well();
    let mut raw = Raw::greeted(&rig);
    // The server hangs up before it has read all of it.
    drop(raw.stream.write_all(&vec![b' '; 140_000]));
    assert!(
        raw.line()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("longer than 135168 bytes")
    );
    assert!(raw.is_closed());
}

#[test]
fn clients_that_ask_nothing_make_room() {
    let rig = well();
    let mut silent: Vec<Raw> = (0..MOST_CLIENTS).map(|_| Raw::greeted(&rig)).collect();
    // Nonsense is no request, and one who has asked stays.
    silent[0].say("nonsense\n");
    silent[0].line();
    silent[1].say("{\"id\":1,\"do\":\"status\"}\n");
    silent[1].line();
    rig.home.supervisorctl().arg("status").assert().code(0);
    let told = silent[0].line();
    let told = told["error"]["message"].as_str().unwrap();
    assert!(
        told.starts_with("connection is closed: its place was given to another client"),
        "{told}"
    );
    assert!(silent[0].is_closed());
    for (at, who) in [(1, "who had asked"), (2, "a second one")] {
        silent[at].say("{\"id\":2,\"do\":\"status\"}\n");
        assert_eq!(silent[at].line()["id"], 2, "{who} had to leave");
    }
}

fn event(text: String) -> Notice {
    Notice {
        at: jiff::Timestamp::UNIX_EPOCH,
        event: "e".into(),
        level: Level::Info,
        worker: None,
        attempt: None,
        phase: None,
        text,
    }
}

#[test]
fn a_slow_reader_of_a_stream_loses_it_and_nobody_else_notices() {
    let (hand_over, streams) = std::sync::mpsc::channel();
    let rig = Scripted::start(move |request, answer| match request {
        Request::Events { .. } => hand_over.send(answer).unwrap(),
        _ => answer.ok(Reply::Status(Box::new(status()))),
    });
    let mut slow = Raw::greeted(&rig);
    slow.say("{\"id\":9,\"do\":\"events\",\"last\":0,\"follow\":true}\n");
    let stream = streams.recv_timeout(PATIENCE).unwrap();
    let mut quick = Raw::greeted(&rig);
    quick.say("{\"id\":1,\"do\":\"events\",\"last\":0,\"follow\":true}\n");
    let other = streams.recv_timeout(PATIENCE).unwrap();
    let mut sent = 0;
    while stream.event(&event("x".repeat(4000))).is_ok() {
        sent += 1;
        assert!(
            sent < 100_000,
            "a client that reads nothing is fed for ever"
        );
        other.event(&event(sent.to_string())).unwrap();
        assert_eq!(quick.line()["event"]["text"], sent.to_string());
    }
    assert!(sent > 10, "dropped after {sent} events already");
    drop(stream);
    let mut got = 0;
    let last = loop {
        let line = slow.line();
        if line.get("event").is_none() {
            break line;
        }
        got += 1;
    };
    assert_eq!(got, sent);
    assert_eq!(last["id"], 9);
    assert_eq!(
        last["error"]["message"],
        "events were missed: this client read too slowly"
    );
    assert!(slow.is_closed());
    other.event(&event("after".into())).unwrap();
    assert_eq!(quick.line()["event"]["text"], "after");
}

/// The owner, who the daemon of this test belongs to, gets in among clients that are all busy.
#[test]
fn the_owner_takes_the_place_of_the_oldest_follower() {
    let (hand_over, streams) = std::sync::mpsc::channel();
    let rig = Scripted::start(move |request, answer| match request {
        Request::Events { .. } => hand_over.send(answer).unwrap(),
        _ => answer.ok(Reply::Status(Box::new(status()))),
    });
    let mut followers: Vec<Raw> = (0..MOST_CLIENTS).map(|_| Raw::greeted(&rig)).collect();
    let mut kept = Vec::new();
    for follower in &mut followers {
        follower.say("{\"id\":9,\"do\":\"events\",\"last\":0,\"follow\":true}\n");
        kept.push(streams.recv_timeout(PATIENCE).unwrap());
    }
    rig.home.supervisorctl().arg("status").assert().code(0);
    let told = followers[0].line();
    let told = told["error"]["message"].as_str().unwrap();
    assert!(told.contains("its place was given to another"), "{told}");
    kept[1].event(&event("still here".into())).unwrap();
    assert_eq!(followers[1].line()["event"]["text"], "still here");
}

#[test]
fn followers_that_hang_up_are_noticed_without_an_event() {
    let (hand_over, streams) = std::sync::mpsc::channel();
    let rig = Scripted::start(move |_, answer| hand_over.send(answer).unwrap());
    let follower = || {
        let mut raw = Raw::greeted(&rig);
        raw.say("{\"id\":9,\"do\":\"events\",\"last\":0,\"follow\":true}\n");
        (raw, streams.recv_timeout(PATIENCE).unwrap())
    };
    let (clients, answers): (Vec<_>, Vec<_>) = (0..MOST_CLIENTS).map(|_| follower()).unzip();
    drop(clients);
    crate::scripted::until("the streams are closed", || {
        answers
            .iter()
            .all(|stream| stream.event(&event("x".into())).is_err())
    });
}

#[test]
fn the_end_of_the_daemon_is_told_to_those_who_wait() {
    let (hand_over, kept) = std::sync::mpsc::channel();
    let mut rig = Scripted::start(move |_, answer| hand_over.send(answer).unwrap());
    let mut raw = Raw::greeted(&rig);
    raw.say("{\"id\":5,\"do\":\"status\"}\n");
    let answer = kept.recv_timeout(PATIENCE).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| rig.end());
        drop(answer);
        let last = raw.line();
        assert_eq!(last["id"], 5);
        assert_eq!(
            last["error"]["message"],
            "daemon ended before it had answered"
        );
    });
    assert!(!rig.home.socket().exists(), "the socket is left behind");
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 4096
}

#[derive(Debug, Clone)]
enum Message {
    Bytes(Vec<u8>),
    Text(String),
    Long(usize),
    Deep(usize),
    Cut(usize),
    HangUp,
    Deaf,
}

fn message() -> impl Strategy<Value = Message> {
    let good = r#"{"id":1,"do":"history","last":18446744073709551615,"worker":"w"}"#;
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Message::Bytes),
        4 => r#"\{"id":(1|-1|1e9|"x"|null),"do":"[a-z-]{0,12}"(,"(workers|last|phase|follow)":(\[\]|\["[a-z/.]{0,60}"\]|-?[0-9]{1,30}|true|null))?\}\n"#
            .prop_map(Message::Text),
        1 => (60_000_usize..80_000).prop_map(Message::Long),
        1 => (1_usize..30_000).prop_map(Message::Deep),
        2 => (0..good.len()).prop_map(Message::Cut),
        1 => Just(Message::HangUp),
        1 => Just(Message::Deaf),
    ]
}

/// 10,000 of them from one seed; a client is replaced when it was hung up on.
#[test]
fn ten_thousand_hostile_messages_change_nothing() {
    let rig = well();
    let config = Config {
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(2611),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let strategy = message();
    let mut raw = Raw::greeted(&rig);
    let mut deaf = Vec::new();
    let mut before = 0;
    let mut replaced = 0;
    for number in 0..10_000 {
        let bytes = match strategy.new_tree(&mut runner).unwrap().current() {
            Message::Bytes(bytes) => bytes,
            Message::Text(text) => text.into_bytes(),
            Message::Long(length) => vec![b'a'; length],
            Message::Deep(depth) => {
                let mut line = "{\"id\":".repeat(depth).into_bytes();
                line.push(b'\n');
                line
            }
            Message::Cut(at) => {
                r#"{"id":1,"do":"history","last":18446744073709551615,"worker":"w"}"#.as_bytes()
                    [..at]
                    .to_vec()
            }
            Message::HangUp => {
                raw = Raw::greeted(&rig);
                continue;
            }
            // Asks for much and reads nothing of it.
            Message::Deaf => {
                let mut client = Raw::connect(&rig);
                let ask = "{\"id\":1,\"do\":\"status\"}\n".repeat(500);
                client.stream.set_nonblocking(true).unwrap();
                // As much as goes in without waiting.
                drop(client.stream.write(ask.as_bytes()));
                deaf.push(client);
                if deaf.len() > 40 {
                    deaf.remove(0);
                }
                continue;
            }
        };
        raw.stream.set_nonblocking(true).unwrap();
        let taken = raw.stream.write(&bytes);
        raw.stream.set_nonblocking(false).unwrap();
        if taken.is_err() {
            replaced += 1;
            raw = Raw::greeted(&rig);
        }
        if number == 1000 {
            before = resident();
        }
    }
    assert!(replaced > 10, "only {replaced} clients were hung up on");
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 32 * 1024 * 1024,
        "{grown} bytes were taken by 9,000 messages"
    );
    rig.home
        .supervisorctl()
        .args(["status", "--json"])
        .assert()
        .code(0)
        .stdout(predicates::str::contains("\"builder\""));
}
