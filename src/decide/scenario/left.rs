//! Texts that a killed daemon had begun: submitted by the next one where they stand, and never typed again.

use super::{
    agents::{agent, asks, busy, idle, limited},
    *,
};
use crate::{
    agent::{
        signs::Signs,
        typed::{By, Digest, Refusal},
    },
    decide::{Fact, Lies, Moved, Nudge, NudgeId, Settle, Typed, When},
};

const WITHIN: Duration = Duration::from_secs(600);

/// A text for it comes by a person, or as a file.
fn comes(by_file: bool) -> Event {
    match by_file {
        true => Event::Inbox(
            "a".parse().unwrap(),
            Lies {
                first: Some(("1.md".into(), Ok("go on".into()))),
                queued: 1,
                ..Lies::default()
            },
        ),
        false => Event::Command(
            RequestId(9),
            Command::Nudge(Nudge {
                worker: "a".parse().unwrap(),
                text: "go on".into(),
                when: When::Idle,
                within: WITHIN,
            }),
        ),
    }
}

/// The daemon is killed when it has recorded that such a text is begun.
fn killed(by_file: bool) -> (Play, AttemptRef) {
    let (mut play, starts) = Play::running(rig([agent("a")]));
    sees(&mut play, &starts[0], idle());
    play.cut(comes(by_file));
    (play, starts[0].clone())
}

/// The next one began `later`.
fn found(by_file: bool, later: u64) -> (Play, AttemptRef) {
    let (mut play, of) = killed(by_file);
    play.t += later;
    let alive = play.alive(&of);
    let mut done = play.next_daemon(vec![alive]);
    if by_file {
        done.extend(play.tell(comes(true)));
    }
    assert!(
        submits(&done).is_empty() && fates(&done).is_empty(),
        "{done:?}"
    );
    (play, of)
}

fn sees(play: &mut Play, of: &AttemptRef, signs: Signs) -> Vec<Effect> {
    play.tell(Event::Watched(of.clone(), Ok(Box::new(signs))))
}

/// What is to be submitted, if it is known again by that, and for how long nobody has pressed a key.
fn submits(effects: &[Effect]) -> Vec<(NudgeId, Digest, u64)> {
    let of = |effect: &Effect| match effect {
        Effect::Submit {
            nudge,
            digest,
            undisturbed,
            ..
        } => Some((*nudge, *digest, undisturbed.as_secs())),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn types(effects: &[Effect]) -> usize {
    let types = |effect: &&Effect| matches!(effect, Effect::Type { .. });
    effects.iter().filter(types).count()
}

/// What is said of it: that it was delivered, or that nobody knows.
fn fates(effects: &[Effect]) -> Vec<bool> {
    let of = |effect: &Effect| match effect {
        Effect::Settle { how, .. } => Some(*how == Settle::Delivered),
        Effect::Tell(notice) => match notice.event.as_str() {
            "worker-nudged" => Some(true),
            "worker-nudge-undecided" => Some(false),
            _ => None,
        },
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn tells<'a>(effects: &'a [Effect], event: &str) -> Vec<&'a str> {
    let of = |effect: &'a Effect| match effect {
        Effect::Tell(notice) if notice.event == event => Some(notice.text.as_str()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn one_that_waits_has_it_submitted_and_told_once() {
    let how = "(\"go on\", 5 bytes): it stood on its input line, where the supervisor before had ended, and \
               was submitted: a took it: it works";
    for by_file in [true, false] {
        let (mut play, of) = found(by_file, 0);
        let done = sees(&mut play, &of, idle());
        let [(id, digest, undisturbed)] = submits(&done)[..] else {
            panic!("{done:?}");
        };
        assert_eq!((Some(digest), undisturbed), (Digest::of("go on"), 30));
        assert_eq!((fates(&done), types(&done)), (vec![], 0));
        let mut done = play.tell(Event::Typed(id, Typed::Taken(By::Work)));
        assert_eq!(fates(&done), [true]);
        let (event, begins) = match by_file {
            true => {
                let moved = Ok(Moved::To("T-1.md".into()));
                let moved = Event::Settled("a".parse().unwrap(), "1.md".into(), moved);
                done.extend(play.tell(moved));
                ("worker-inbox-delivered", "1.md of its inbox ")
            }
            false => ("worker-nudged", "a was nudged "),
        };
        assert_eq!(tells(&done, event), [format!("{begins}{how}")]);
        let over = Fact::NudgeOver { nudge: id };
        let records =
            |effect: &Effect| matches!(effect, Effect::Record(facts) if facts.contains(&over));
        assert!(done.iter().any(records), "{done:?}");
        // Heard twice, it changes nothing, and the next daemon finds nothing.
        assert_eq!(play.tell(Event::Typed(id, Typed::Taken(By::Work))), []);
        let alive = play.alive(&of);
        let mut done = play.next_daemon(vec![alive]);
        done.extend(sees(&mut play, &of, idle()));
        assert_eq!(
            (submits(&done), fates(&done), types(&done)),
            (vec![], vec![], 0)
        );
    }
}

#[test]
fn whatever_else_the_first_look_finds_it_is_told_as_undecided() {
    for signs in [busy("1"), asks(), limited()] {
        for by_file in [true, false] {
            let (mut play, of) = found(by_file, 0);
            let mut done = sees(&mut play, &of, signs.clone());
            assert_eq!(fates(&done), [false], "{signs:?}");
            // By now somebody may have interrupted it, and it stands there again.
            play.pass(2000);
            done.extend(sees(&mut play, &of, idle()));
            assert_eq!((submits(&done), types(&done)), (vec![], 0));
        }
    }
}

#[test]
fn a_look_that_comes_late_or_of_another_attempt_submits_nothing() {
    for by_file in [true, false] {
        // Looks are blind until it is too late.
        let (mut play, of) = found(by_file, 0);
        let blind = Event::Watched(of.clone(), Err("no server".into()));
        assert_eq!(fates(&play.tell(blind)), [false; 0]);
        assert_eq!(fates(&play.pass(59_999)), [false; 0]);
        let mut done = play.pass(1);
        done.extend(sees(&mut play, &of, idle()));
        assert_eq!((fates(&done), submits(&done)), (vec![false], vec![]));

        // One that comes in time counts, though it is not the first that was made.
        let (mut play, of) = found(by_file, 0);
        play.tell(Event::Watched(of.clone(), Err("no server".into())));
        play.pass(30_000);
        assert_eq!(submits(&sees(&mut play, &of, idle())).len(), 1);

        // It had ended, or does so.
        let (mut play, of) = killed(by_file);
        let done = play.next_daemon(vec![ended(&of, Exit::Code(1), 0)]);
        assert_eq!((fates(&done), submits(&done)), (vec![false], vec![]));
        let (mut play, of) = found(by_file, 0);
        assert_eq!(fates(&play.ends(&of, Exit::Code(1))), [false]);

        // The daemon is to end.
        let (mut play, _) = found(by_file, 0);
        let done = play.tell(Event::Leave(Leave::WorkersGoOn));
        assert_eq!((fates(&done), submits(&done)), (vec![false], vec![]));
    }
}

/// A look finds this file, if any.
fn lies(play: &mut Play, file: Option<(&str, &str)>) -> Vec<Effect> {
    let lies = Lies {
        first: file.map(|(name, text)| (name.into(), Ok(text.to_owned()))),
        queued: file.iter().count(),
        ..Lies::default()
    };
    play.tell(Event::Inbox("a".parse().unwrap(), lies))
}

#[test]
fn only_for_the_file_that_was_begun_and_lies_there_still_it_is_submitted() {
    for (file, is_it) in [
        (Some(("1.md", "go on")), true),
        (Some(("1.md", "another one of its name")), false),
        (Some(("2.md", "go on")), false),
        (None, false),
    ] {
        let (mut play, of) = killed(true);
        let alive = play.alive(&of);
        play.next_daemon(vec![alive]);
        // Nobody has looked into the inbox yet.
        let done = sees(&mut play, &of, idle());
        assert_eq!((submits(&done), fates(&done)), (vec![], vec![]));
        let done = lies(&mut play, file);
        assert_eq!(submits(&done).len(), usize::from(is_it), "{file:?}");
        assert_eq!(fates(&done).len(), usize::from(!is_it), "{file:?}");
        assert_eq!(types(&done), 0);
    }
}

#[test]
fn what_was_begun_long_ago_is_left_to_a_person() {
    for (later, is_submitted) in [(599_000, true), (601_000, false)] {
        let (mut play, of) = killed(false);
        play.t += later;
        let alive = play.alive(&of);
        let mut done = play.next_daemon(vec![alive]);
        done.extend(sees(&mut play, &of, idle()));
        let submits = submits(&done);
        assert_eq!(submits.len(), usize::from(is_submitted), "{later}");
        // Nobody who is there has touched a key since then.
        assert!(submits.iter().all(|(_, _, quiet)| *quiet == 599));
    }
}

#[test]
fn what_cannot_be_submitted_is_told_as_undecided() {
    let (why, screen) = ("tmux does not answer".to_owned(), None);
    let refused = Typed::Refused {
        why: Refusal::Busy,
        screen: String::new(),
    };
    let nothing = Typed::Nothing { why: why.clone() };
    let failed = |submitted| Typed::Failed {
        why: why.clone(),
        screen: screen.clone(),
        submitted,
    };
    for went in [
        Some(refused),
        Some(nothing),
        Some(failed(true)),
        Some(failed(false)),
        None,
    ] {
        for by_file in [true, false] {
            let (mut play, of) = found(by_file, 0);
            let [(id, ..)] = submits(&sees(&mut play, &of, idle()))[..] else {
                panic!("nothing is submitted");
            };
            let mut done = match went.clone() {
                Some(went) => play.tell(Event::Typed(id, went)),
                None => play.pass(60_000),
            };
            assert_eq!(fates(&done), [false], "{went:?}");
            done.extend(sees(&mut play, &of, idle()));
            assert_eq!((submits(&done), types(&done)), (vec![], 0), "{went:?}");
        }
    }
}

#[test]
fn until_it_is_known_nothing_else_is_typed_there() {
    for by_file in [true, false] {
        let (mut play, of) = found(by_file, 0);
        let mut done = play.tell(comes(true));
        done.extend(play.tell(comes(false)));
        assert_eq!(types(&done), 0);
        let mut done = sees(&mut play, &of, idle());
        assert_eq!(types(&done), 0);
        let [(id, ..)] = submits(&done)[..] else {
            panic!("{done:?}");
        };
        done = play.tell(Event::Typed(id, Typed::Undecided));
        assert_eq!(types(&done), 1);
        // A text that no screen can prove to be taken was submitted all the same.
        assert_eq!(fates(&done), [by_file]);
    }
}
