//! What loops leave there, meant well or not.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
};

use super::*;
use crate::decide::{Claim, Gate, GateState, Happened, Verified};

fn builder() -> Asker {
    Asker::Worker("builder".parse().unwrap())
}

fn asks() -> (tempfile::TempDir, Asks) {
    let temp = tempfile::tempdir().unwrap();
    let asks = Asks::make(temp.path(), &builder(), None).unwrap();
    (temp, asks)
}

fn ask(note: &str) -> Ask {
    Ask {
        gate: "1d".parse().unwrap(),
        step: Step::Claim(Claim {
            commit: Some("0123".into()),
            ..Claim::default()
        }),
        verified: Verified::default(),
        note: Some(note.into()),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn done(text: &str) -> Answer {
    Answer::Done(text.into())
}

#[test]
fn a_request_lies_there_until_it_has_its_answer_which_is_taken_once() {
    let (temp, asks) = asks();
    let own = Asks::open_own(&path(temp.path(), &builder())).unwrap();
    let first = own.ask(&ask("first"), at(1)).unwrap();
    let second = own.ask(&ask("second\nof two lines"), at(2)).unwrap();
    let expected = vec![
        (first.clone(), Ok(ask("first"))),
        (second.clone(), Ok(ask("second\nof two lines"))),
    ];
    assert_eq!(asks.lying().unwrap(), expected);
    assert_eq!(own.take_answer(&first).unwrap(), None);
    asks.answer(&first, &done("well")).unwrap();
    assert_eq!(asks.lying().unwrap(), expected[1..]);
    assert_eq!(own.take_answer(&first).unwrap(), Some(done("well")));
    assert_eq!(own.take_answer(&first).unwrap(), None);
    let refused = Answer::Refused {
        message: "no".into(),
        hint: Some("yes".into()),
        unknown: true,
    };
    asks.answer(&second, &refused).unwrap();
    assert_eq!(own.take_answer(&second).unwrap(), Some(refused));
}

#[test]
fn what_has_an_answer_is_not_asked_any_more() {
    let (_temp, asks) = asks();
    let id = asks.ask(&ask("x"), at(1)).unwrap();
    let file = asks.path().join(format!("{id}.ask"));
    let before = fs::read(&file).unwrap();
    asks.answer(&id, &done("well")).unwrap();
    fs::write(&file, before).unwrap();
    assert_eq!(asks.lying().unwrap(), []);
    assert!(!file.exists());
    assert_eq!(asks.take_answer(&id).unwrap(), Some(done("well")));
}

#[test]
fn what_is_no_request_is_refused_or_left_alone() {
    let (temp, asks) = asks();
    let write = |name: &str, text: &str| fs::write(asks.path().join(name), text).unwrap();
    for other in [".1.ask", "a b.ask", "1.txt", ".ask", "2.answer"] {
        write(other, "{}");
    }
    write("3.ask", r#"{"gate":"../x","step":"pass"}"#);
    write("4.ask", r#"{"gate":"x","step":"pass","more":1}"#);
    write(
        "5.ask",
        r#"{"gate":"x","step":"pass","note":"a\u001b[201~b"}"#,
    );
    write("6.ask", &format!("\"{}\"", "x".repeat(20_000)));
    symlink("3.ask", asks.path().join("7.ask")).unwrap();
    fs::hard_link(asks.path().join("1.txt"), asks.path().join("8.ask")).unwrap();
    fs::create_dir(asks.path().join("9.ask")).unwrap();
    write(
        "a.ask",
        r#"{"gate":"x","step":{"claim":{"commit":"main"}}}"#,
    );
    let branch = "x".repeat(300);
    write(
        "b.ask",
        &format!(r#"{{"gate":"x","step":{{"claim":{{"branch":"{branch}"}}}}}}"#),
    );
    write("c.ask", r#"{"gate":"x","step":"pass","note":"a\u202eb"}"#);
    let claims = |name: &str, what: &str, of: &str, length: usize| {
        let word = of.repeat(length);
        let claim = format!(r#"{{"gate":"x","step":{{"claim":{{"{what}":"{word}"}}}}}}"#);
        write(name, &claim);
    };
    claims("d.ask", "commit", "0", 65);
    claims("e.ask", "lacks", "x", 501);
    claims("f.ask", "lacks", "\\u001b", 1);
    let note = "x".repeat(3001);
    write(
        "g.ask",
        &format!(r#"{{"gate":"x","step":"pass","note":"{note}"}}"#),
    );
    let lying = asks.lying().unwrap();
    let why = |(id, read): &Lying| format!("{id}: {}", read.as_ref().unwrap_err());
    let why: Vec<_> = lying.iter().map(why).collect();
    for (said, part) in why.iter().zip([
        "3: '/' cannot be part of a name",
        "4: unknown field `more`",
        "5: the note cannot be typed: text has an escape character",
        "6: it has more than",
        "7: it is a symbolic link",
        "8: it has another name",
        "9: it is no plain file",
        "a: what it names is no commit",
        "b: what it says of the commit",
        "c: the note has a character that changes the direction",
        "d: what it names is no commit",
        "e: what it says of the commit",
        "f: what it says of the commit",
        "g: the note has 3001 bytes",
    ]) {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(why.len(), 14);
    // What has just as much as it may is a request.
    claims("d.ask", "commit", "0", 64);
    claims("e.ask", "lacks", "x", 500);
    claims("f.ask", "branch", "x", 255);
    let fits = asks.lying().unwrap();
    let fits = fits.iter().filter(|(_, read)| read.is_ok());
    assert_eq!(fits.count(), 3);
    drop(temp);
}

#[test]
fn of_answers_that_nobody_takes_the_latest_stay() {
    let (_temp, asks) = asks();
    for second in 0..105 {
        let id = asks.ask(&ask("x"), at(second)).unwrap();
        asks.answer(&id, &done("well")).unwrap();
    }
    assert_eq!(fs::read_dir(asks.path()).unwrap().count(), KEPT);
    assert_eq!(asks.lying().unwrap(), []);
}

#[test]
fn it_is_the_workers_alone_and_root_reads_nothing_for_it() {
    let (temp, asks) = asks();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(asks.path()), 0o700);
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not root: nobody else can ask");
        return;
    }
    const USER: u32 = 64_999;
    let by = Asker::Worker("adversary".parse().unwrap());
    let theirs = Asks::make(temp.path(), &by, Some(USER)).unwrap();
    assert_eq!(fs::metadata(theirs.path()).unwrap().uid(), USER);
    let above = theirs.path().parent().unwrap();
    assert_eq!(
        (fs::metadata(above).unwrap().uid(), mode(above)),
        (0, 0o711)
    );
    let id = theirs.ask(&ask("x"), at(1)).unwrap();
    let file = theirs.path().join(format!("{id}.ask"));
    assert_eq!(fs::metadata(&file).unwrap().uid(), USER);
    chown(&file, Some(0), None).unwrap();
    let lying = theirs.lying().unwrap();
    assert!(lying[0].1.as_ref().unwrap_err().contains("may not read it"));
    theirs.answer(&id, &done("well")).unwrap();
    let answer = theirs.path().join(format!("{id}.answer"));
    assert_eq!(fs::metadata(answer).unwrap().uid(), USER);
    assert_eq!(theirs.take_answer(&id).unwrap(), Some(done("well")));
}

fn gate(name: &str, from: &str, to: &str, second: i64) -> Gate {
    Gate {
        gate: name.parse().unwrap(),
        state: GateState::Claimed,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        round: 1,
        rounds: 5,
        commit: None,
        branch: None,
        lacks: None,
        since: at(second),
        note: Some("all is green".into()),
        told: true,
        happened: vec![Happened {
            at: at(second),
            by: Some(from.parse().unwrap()),
            state: GateState::Claimed,
            round: 1,
            note: None,
            ask: "1".into(),
        }],
    }
}

#[test]
fn a_worker_is_shown_what_it_claims_or_verifies_and_nothing_else() {
    let (temp, asks) = asks();
    let written = [
        gate("1d", "builder", "adversary", 1),
        gate("2b", "judge", "builder", 2),
        gate("3c", "judge", "adversary", 3),
    ];
    for gate in &written {
        let file = temp.path().join(format!("handoff/{}.toml", gate.gate));
        fs::write(file, toml::to_string(gate).unwrap()).unwrap();
    }
    fs::write(temp.path().join("handoff/4.toml"), "gate = ").unwrap();
    let shows = |one: Option<&str>| {
        let one = one.map(|one| one.parse().unwrap());
        let id = asks.ask_to_show(one.as_ref(), at(9)).unwrap();
        assert_eq!(asks.take_shown(&id).unwrap(), None);
        asks.show(temp.path(), &"builder".parse().unwrap()).unwrap();
        asks.take_shown(&id).unwrap().unwrap()
    };
    let shown = shows(None);
    let names: Vec<_> = shown.iter().map(|gate| gate.gate.as_str()).collect();
    assert_eq!(names, ["2b", "1d"], "the latest first");
    assert!(shown.iter().all(|gate| gate.happened.is_empty()));
    assert_eq!(shows(Some("1d")), written[..1]);
    for other in ["3c", "4", "5"] {
        assert_eq!(shows(Some(other)), []);
    }
    // What is no such request is a look at nothing, and no link is followed.
    fs::write(asks.path().join("1.show"), "../../1d").unwrap();
    symlink("1.ask", asks.path().join("2.show")).unwrap();
    asks.show(temp.path(), &"builder".parse().unwrap()).unwrap();
    for id in ["1", "2"] {
        assert_eq!(asks.take_shown(&id.to_owned()).unwrap(), Some(Vec::new()));
    }
    // It is no step, and is gone with who does not wait any more.
    let id = asks.ask_to_show(None, at(10)).unwrap();
    assert_eq!(asks.lying().unwrap(), []);
    assert_eq!(unanswered(temp.path()), [] as [PathBuf; 0]);
    asks.do_not_show(&id);
    assert_eq!(fs::read_dir(asks.path()).unwrap().count(), 0);
}
