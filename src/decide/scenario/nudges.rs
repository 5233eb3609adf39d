//! Texts for agents: recorded, typed once, and told.

use std::sync::Arc;

use super::{
    agents::{agent, busy, idle},
    *,
};
use crate::{
    agent::{
        profile::Profile,
        typed::{By, Digest, Refusal},
    },
    decide::{BegunNudge, Fact, Nudge, NudgeId, Typed, When},
};

const WITHIN: Duration = Duration::from_secs(600);

/// One that runs, and whose look is on its way.
fn begun() -> (Play, AttemptRef) {
    let (play, starts) = Play::running(rig([agent("a")]));
    (play, starts[0].clone())
}

fn nudge(play: &mut Play, when: When, text: &str) -> Vec<Effect> {
    play.command(Command::Nudge(Nudge {
        worker: "a".parse().unwrap(),
        text: text.into(),
        when,
        within: WITHIN,
    }))
}

/// The texts that are typed, into which attempts.
fn typed(effects: &[Effect]) -> Vec<(NudgeId, AttemptRef, &str, bool)> {
    let of = |effect| match effect {
        &Effect::Type {
            nudge,
            ref attempt,
            ref text,
            permission,
            ..
        } => Some((nudge, attempt.clone(), text.as_str(), permission.busy)),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn one(effects: &[Effect]) -> NudgeId {
    let typed = typed(effects);
    assert_eq!(typed.len(), 1, "{effects:?}");
    typed[0].0
}

/// What is answered: the words, or why not.
fn answers(effects: &[Effect]) -> Vec<(RequestId, Result<String, super::super::Refusal>)> {
    let of = |effect: &Effect| match effect {
        Effect::Answer(id, answer) => Some((*id, answer.clone().map(|said| said.to_string()))),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn refused(effects: &[Effect]) -> super::super::Refusal {
    let mut answers = answers(effects);
    assert_eq!(answers.len(), 1, "{effects:?}");
    answers.remove(0).1.unwrap_err()
}

fn facts(effects: &[Effect]) -> Vec<&Fact> {
    let mut all = Vec::new();
    for effect in effects {
        if let Effect::Record(facts) = effect {
            all.extend(facts);
        }
    }
    all
}

fn told<'a>(effects: &'a [Effect], event: &str) -> Vec<&'a str> {
    let of = |effect: &'a Effect| match effect {
        Effect::Tell(notice) if notice.event == event => Some(notice.text.as_str()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn looks(effects: &[Effect]) -> usize {
    let is_look = |effect: &&Effect| matches!(effect, Effect::Watch(..));
    effects.iter().filter(is_look).count()
}

fn is_busy(play: &mut Play, id: NudgeId) -> Vec<Effect> {
    let why = Refusal::Busy;
    let screen = "✻ Thinking…".to_owned();
    play.tell(Event::Typed(id, Typed::Refused { why, screen }))
}

fn taken(play: &mut Play, id: NudgeId) -> Vec<Effect> {
    play.tell(Event::Typed(id, Typed::Taken(By::Work)))
}

#[test]
fn it_is_recorded_then_typed_and_how_it_went_is_recorded_then_answered() {
    let (mut play, of) = begun();
    let done = nudge(&mut play, When::Now, "go on");
    let id = one(&done);
    assert_eq!(typed(&done), [(id, of.clone(), "go on", true)]);
    let begun = Fact::NudgeBegun(BegunNudge {
        nudge: id,
        attempt: of.clone(),
        at: now(0).wall,
        about: "\"go on\", 5 bytes".into(),
        item: None,
        digest: Digest::of("go on"),
    });
    let place = |effects: &[Effect], wanted: &dyn Fn(&Effect) -> bool| {
        effects.iter().position(wanted).unwrap()
    };
    let records = |fact: Fact| move |effect: &Effect| matches!(effect, Effect::Record(facts) if facts.contains(&fact));
    let types = place(&done, &|effect| matches!(effect, Effect::Type { .. }));
    assert!(place(&done, &records(begun)) < types);
    assert_eq!(answers(&done), []);
    let done = taken(&mut play, id);
    let over = place(&done, &records(Fact::NudgeOver { nudge: id }));
    assert!(over < place(&done, &|effect| matches!(effect, Effect::Answer(..))));
    let words = "a took it: it works";
    assert_eq!(answers(&done), [(RequestId(1), Ok(words.to_owned()))]);
    let history = format!("a was nudged (\"go on\", 5 bytes): {words}");
    assert_eq!(told(&done, "worker-nudged"), [history]);
    // Heard twice, it changes nothing.
    assert_eq!(taken(&mut play, id), []);
}

#[test]
fn nothing_is_recorded_of_a_text_but_its_length_and_how_it_begins() {
    let (mut play, _) = begun();
    let text = format!("{}SECRET\nsecond", "x".repeat(80));
    let done = nudge(&mut play, When::Now, &text);
    let id = one(&done);
    let all = format!("{:?}{:?}", facts(&done), facts(&taken(&mut play, id)));
    let about = format!("\\\"{}…\\\", 93 bytes", "x".repeat(80));
    assert!(all.contains(&about), "{all}");
    assert!(!all.contains("SECRET") && !all.contains("second"));
}

#[test]
fn one_that_works_is_waited_for_and_looked_at_more_often() {
    let (mut play, of) = begun();
    play.tell(Event::Watched(of.clone(), Ok(Box::new(busy("1")))));
    let done = nudge(&mut play, When::Idle, "go on");
    let id = one(&done);
    assert!(!typed(&done)[0].3, "while it works");
    assert_eq!(answers(&is_busy(&mut play, id)), []);
    for round in 0..5 {
        let done = play.pass(2000);
        assert_eq!((looks(&done), typed(&done)), (1, vec![]));
        let look = busy(&round.to_string());
        let done = play.tell(Event::Watched(of.clone(), Ok(Box::new(look))));
        assert_eq!(typed(&done), []);
    }
    play.pass(2000);
    let done = play.tell(Event::Watched(of.clone(), Ok(Box::new(idle()))));
    let next = one(&done);
    assert_eq!(typed(&done), [(next, of.clone(), "go on", false)]);
    // What is said of the first try, once more, is not said of this one.
    assert_eq!(is_busy(&mut play, id), []);
    let done = taken(&mut play, next);
    assert!(answers(&done)[0].1.is_ok());
    // Nobody waits any more.
    play.tell(Event::Watched(of, Ok(Box::new(idle()))));
    assert_eq!(looks(&play.pass(28_000)), 0);
}

#[test]
fn what_passes_is_waited_for_no_longer_than_it_was_asked_for() {
    let (mut play, of) = begun();
    let idle = idle();
    play.tell(Event::Watched(of.clone(), Ok(Box::new(idle.clone()))));
    let mut id = one(&nudge(&mut play, When::Idle, "go on"));
    let attached = || Typed::Refused {
        why: Refusal::Attached {
            idle: Duration::from_secs(3),
        },
        screen: "❯ I am\x1b[2J here".into(),
    };
    let mut tries = 1;
    let refusal = loop {
        let mut done = play.tell(Event::Typed(id, attached()));
        if let Some((_, answer)) = answers(&done).pop() {
            break answer.unwrap_err();
        }
        while typed(&done).is_empty() {
            done = play.pass(1000);
            if looks(&done) > 0 {
                done.extend(play.tell(Event::Watched(of.clone(), Ok(Box::new(idle.clone())))));
            }
        }
        id = one(&done);
        tries += 1;
    };
    assert!((60..=121).contains(&tries), "{tries} tries");
    assert_eq!(play.t, 600_000);
    let why =
        "nothing was typed into a within 10 min: somebody is attached, and pressed a key 3 s ago";
    assert_eq!(refusal.message, why);
    assert_eq!(refusal.screen.unwrap(), "❯ I am\x1b[2J here");
    assert!(refusal.hint.unwrap().contains("nudge it again"));
}

#[test]
fn what_no_waiting_changes_is_refused_at_once() {
    let asks = Refusal::Asking {
        question: "Proceed?".into(),
    };
    for (when, why, says) in [
        (When::Idle, asks.clone(), "it asks: \"Proceed?\""),
        (When::Now, asks, "it asks: \"Proceed?\""),
        (When::Now, Refusal::Mode, "copy mode"),
        (When::Idle, Refusal::Dead, "dead"),
    ] {
        let (mut play, _) = begun();
        let id = one(&nudge(&mut play, when, "go on"));
        let screen = "Proceed?".to_owned();
        let done = play.tell(Event::Typed(id, Typed::Refused { why, screen }));
        let refusal = refused(&done);
        assert!(refusal.message.contains(says), "{refusal:?}");
        assert_eq!(refusal.screen.unwrap(), "Proceed?");
        assert_eq!(told(&done, "worker-nudge-failed").len(), 1);
        assert!(facts(&done).contains(&&Fact::NudgeOver { nudge: id }));
        assert_eq!(typed(&play.pass(700_000)), []);
    }
}

#[test]
fn one_is_typed_after_the_other() {
    let (mut play, _) = begun();
    let first = one(&nudge(&mut play, When::Now, "first"));
    assert_eq!(typed(&nudge(&mut play, When::Now, "second")), []);
    assert_eq!(typed(&nudge(&mut play, When::Idle, "third")), []);
    let done = taken(&mut play, first);
    assert_eq!(typed(&done)[0].2, "second");
    let second = one(&done);
    let done = taken(&mut play, second);
    assert_eq!(typed(&done)[0].2, "third");
    // One that waits for its agent is in nobody's way.
    let third = one(&done);
    is_busy(&mut play, third);
    assert_eq!(typed(&nudge(&mut play, When::Now, "fourth"))[0].2, "fourth");
}

#[test]
fn nothing_is_typed_into_another_attempt() {
    let (mut play, of) = begun();
    let id = one(&nudge(&mut play, When::Idle, "go on"));
    is_busy(&mut play, id);
    let done = play.ends(&of, Exit::Code(1));
    let refusal = refused(&done);
    assert_eq!(
        refusal.message,
        "nothing was typed into a: meanwhile it ended"
    );
    let started = started(&play.pass(1000));
    play.runs(&started[0]);
    assert_eq!(typed(&play.pass(700_000)), []);

    // While it is typed, who types says what became of it.
    let id = one(&nudge(&mut play, When::Now, "again"));
    assert_eq!(answers(&play.ends(&started[0], Exit::Code(1))), []);
    let done = play.tell(Event::Typed(
        id,
        Typed::Failed {
            why: "no server; text may be on the input line, and was not submitted".into(),
            screen: None,
            submitted: false,
        },
    ));
    let message =
        "a did not take it: no server; text may be on the input line, and was not submitted";
    assert_eq!(refused(&done).message, message);
}

#[test]
fn what_was_not_even_typed_is_told_as_that() {
    let (mut play, _) = begun();
    let id = one(&nudge(&mut play, When::Now, "go on"));
    let why = "it has no terminal".into();
    let done = play.tell(Event::Typed(id, Typed::Nothing { why }));
    let message = "nothing was typed into a: it has no terminal";
    assert_eq!(refused(&done).message, message);
    let history = format!("a was not nudged (\"go on\", 5 bytes): {message}");
    assert_eq!(told(&done, "worker-nudge-failed"), [history]);
}

#[test]
fn who_is_stopped_or_is_another_agent_gets_nothing_more() {
    for stop in [true, false] {
        let (mut play, _) = begun();
        let id = one(&nudge(&mut play, When::Idle, "go on"));
        is_busy(&mut play, id);
        let done = match stop {
            true => play.command(Command::Stop(vec!["a".parse().unwrap()])),
            false => play.reload(|config| {
                let worker = config.workers.values_mut().next().unwrap();
                worker.agent = Profile::shipped("codex").map(Arc::new);
            }),
        };
        let says = match stop {
            true => "it is being stopped",
            false => "its agent is another one",
        };
        let answers = answers(&done);
        let (_, answer) = answers.iter().find(|(id, _)| *id == RequestId(1)).unwrap();
        let refusal = answer.clone().unwrap_err();
        assert!(refusal.message.contains(says), "{refusal:?}");
    }
}

#[test]
fn one_begun_by_a_dead_daemon_is_told_once_and_not_typed_again() {
    let (mut play, of) = begun();
    play.cut(Event::Command(
        RequestId(9),
        Command::Nudge(Nudge {
            worker: "a".parse().unwrap(),
            text: "go on".into(),
            when: When::Now,
            within: WITHIN,
        }),
    ));
    let alive = play.alive(&of);
    let mut done = play.next_daemon(vec![alive]);
    done.extend(play.tell(Event::Watched(of.clone(), Ok(Box::new(busy("1"))))));
    assert_eq!(typed(&done), []);
    let said = told(&done, "worker-nudge-undecided");
    assert_eq!(said.len(), 1, "{done:?}");
    assert!(
        said[0].starts_with("a may have been nudged (\"go on\", 5 bytes): the supervisor ended"),
        "{said:?}"
    );
    let notified =
        |effect: &Effect| matches!(effect, Effect::Notify(notice) if notice.text == said[0]);
    assert!(done.iter().any(notified), "{done:?}");
    assert_eq!(typed(&play.pass(700_000)), []);
    let alive = play.alive(&of);
    let again = play.next_daemon(vec![alive]);
    assert_eq!(told(&again, "worker-nudge-undecided"), [""; 0]);
}

#[test]
fn who_hangs_up_takes_back_what_is_not_begun() {
    let (mut play, of) = begun();
    let id = one(&nudge(&mut play, When::Idle, "go on"));
    is_busy(&mut play, id);
    let done = play.tell(Event::HungUp(RequestId(1)));
    assert_eq!(told(&done, "worker-nudge-failed").len(), 1);
    assert!(refused(&done).message.contains("nobody waits for it"));
    play.tell(Event::Watched(of, Ok(Box::new(idle()))));
    assert_eq!(typed(&play.pass(700_000)), []);

    // One that is refused only then is not tried again.
    let id = one(&nudge(&mut play, When::Idle, "go on"));
    play.tell(Event::HungUp(RequestId(2)));
    let refusal = refused(&is_busy(&mut play, id));
    assert!(refusal.message.contains("nobody waits for it"));

    // What is being typed is seen through.
    let id = one(&nudge(&mut play, When::Now, "go on"));
    assert_eq!(play.tell(Event::HungUp(RequestId(3))), []);
    assert_eq!(told(&taken(&mut play, id), "worker-nudged").len(), 1);
}

#[test]
fn what_cannot_be_recorded_is_not_typed() {
    let (mut play, of) = begun();
    play.refuses = true;
    let done = nudge(&mut play, When::Now, "go on");
    assert_eq!(typed(&done), []);
    let refusal = refused(&done);
    assert!(
        refusal
            .message
            .starts_with("nothing was typed: it cannot be recorded: no space"),
        "{refusal:?}"
    );
    play.refuses = false;
    let done = play.pass(10_000);
    assert_eq!(typed(&done), []);
    assert!(
        facts(&done)
            .iter()
            .all(|fact| !matches!(fact, Fact::NudgeBegun(_)))
    );
    let alive = play.alive(&of);
    let next = play.next_daemon(vec![alive]);
    assert_eq!(told(&next, "worker-nudge-undecided"), [""; 0]);
    // How it went is answered all the same, and that nobody else will know.
    play.runs(&of);
    let id = one(&nudge(&mut play, When::Now, "go on"));
    play.refuses = true;
    let refusal = refused(&taken(&mut play, id));
    assert!(
        refusal
            .message
            .starts_with("a took it: it works, but this is not recorded"),
        "{refusal:?}"
    );
}

#[test]
fn who_cannot_be_typed_to_is_named_with_what_helps() {
    let plain = Worker {
        name: "plain".parse().unwrap(),
        ..worker("plain")
    };
    let (mut play, starts) = Play::running(rig([agent("a"), plain]));
    let ask = |play: &mut Play, name: &str| {
        let done = play.command(Command::Nudge(Nudge {
            worker: name.parse().unwrap(),
            text: "go on".into(),
            when: When::Now,
            within: WITHIN,
        }));
        let refusal = refused(&done);
        (refusal.message, refusal.hint.unwrap())
    };
    let (message, hint) = ask(&mut play, "b");
    assert!(message.contains("b does not exist") && hint.contains("status"));
    let (message, hint) = ask(&mut play, "plain");
    assert_eq!(message, "worker plain has no agent that could be typed to");
    assert!(
        hint.contains("[workers.plain]") && hint.contains("agent = "),
        "{hint}"
    );
    play.command(Command::Stop(vec!["a".parse().unwrap()]));
    let (message, _) = ask(&mut play, "a");
    assert_eq!(message, "worker a is not running: it is stopping");
    let of = starts.iter().find(|of| of.worker.as_str() == "a").unwrap();
    play.ends(of, Exit::Code(0));
    let (message, hint) = ask(&mut play, "a");
    assert!(message.contains("it is stopped"), "{message}");
    assert_eq!(hint, "`supervisorctl start a`");
}

#[test]
fn who_is_held_is_said_to_be_held_and_why() {
    let ask = |worker: Worker| {
        let (mut play, starts) = Play::running(rig([worker]));
        play.pass(1000);
        play.ends(&starts[0], Exit::Code(1));
        let refusal = refused(&nudge(&mut play, When::Now, "go on"));
        (refusal.message, refusal.hint.unwrap())
    };
    let mut spent = agent("a");
    spent.daily.time = Some(Duration::from_secs(1));
    let message =
        "worker a is not running: it is held: ran for its 1 s of today; goes on at midnight";
    let hint = "`supervisorctl start a` gives it as much again";
    assert_eq!(ask(spent), (message.into(), hint.into()));
    let mut fruitless = agent("a");
    fruitless.breaker = Some(config::Breaker {
        rounds: 1,
        again: Duration::from_secs(1800),
    });
    let message = "worker a is not running: it is held: a round came to nothing; one is tried at \
                   2026-11-18 11:36:41 UTC";
    let hint = "`supervisorctl start a` tries one now";
    assert_eq!(ask(fruitless), (message.into(), hint.into()));
}

#[test]
fn who_is_not_to_run_in_this_phase_is_not_to_be_started_for_a_text() {
    let mut config = rig([agent("a")]);
    config.plan.phases = vec![phase("1d", Condition::Operator)];
    let (mut play, starts) = Play::running(config);
    play.command(Command::PhaseDone);
    play.pass(60_000);
    play.ends(&starts[0], Exit::Code(0));
    let refusal = refused(&nudge(&mut play, When::Now, "go on"));
    let message = "worker a is not running: it is stopped: the plan is complete";
    let hint = "`supervisorctl phase` shows where the plan stands, and how it goes on";
    assert_eq!(
        (refusal.message, refusal.hint.unwrap()),
        (message.into(), hint.into())
    );
}

#[test]
fn a_daemon_that_is_to_end_types_nothing_more_and_waits_for_what_it_types() {
    let exits = |effects: &[Effect]| effects.contains(&Effect::Exit);
    let (mut play, of) = begun();
    let id = one(&nudge(&mut play, When::Idle, "waits"));
    is_busy(&mut play, id);
    let id = one(&nudge(&mut play, When::Now, "typed"));
    let done = play.tell(Event::Leave(Leave::WorkersGoOn));
    assert!(!exits(&done));
    let refusal = refused(&done);
    assert_eq!(refusal.message, "nothing was typed: the daemon is ending");
    let late = nudge(&mut play, When::Now, "late");
    assert_eq!(refused(&late).message, refusal.message);
    let done = taken(&mut play, id);
    assert!(exits(&done) && answers(&done)[0].1.is_ok());

    // One of which nothing is heard holds it up no longer than that.
    let alive = play.alive(&of);
    play.next_daemon(vec![alive]);
    one(&nudge(&mut play, When::Now, "typed"));
    let before = play.t;
    let mut done = play.tell(Event::Leave(Leave::WorkersGoOn));
    assert!(!exits(&done));
    while !exits(&done) {
        done.extend(play.pass(1000));
    }
    assert_eq!(play.t - before, 35_000);
    assert_eq!(told(&done, "worker-nudge-undecided").len(), 1);
    assert!(
        refused(&done)
            .message
            .contains("nobody knows whether it was typed")
    );
}

#[test]
fn what_the_screen_does_not_say_is_said_to_be_undecided() {
    let (mut play, _) = begun();
    let id = one(&nudge(&mut play, When::Now, "go on"));
    let done = play.tell(Event::Typed(id, Typed::Undecided));
    assert_eq!(told(&done, "worker-nudge-undecided").len(), 1);
    let words = "a: typed and submitted; whether it was taken this screen does not say";
    assert_eq!(answers(&done), [(RequestId(1), Ok(words.into()))]);
    let said = |effect: &Effect| matches!(effect, Effect::Answer(_, Ok(Said::Nudged(nudged))) if nudged.by.is_none());
    assert!(done.iter().any(said));

    // So it is where nobody says how it went.
    one(&nudge(&mut play, When::Now, "go on"));
    let done = play.pass(60_000);
    let said = told(&done, "worker-nudge-undecided");
    let help = "where Enter sends it and C-u clears it";
    assert!(said.len() == 1 && said[0].ends_with(help), "{said:?}");
    let refusal = refused(&done);
    assert!(
        refusal.message.contains("there was no word of it"),
        "{refusal:?}"
    );
}
