//! A phase is wound up before the plan goes on.

mod idle;
mod kept;
mod left;

use super::*;
use crate::decide::CheckoutOf;

const QUIESCE: u64 = 600_000;

/// Two loops with a worktree, and one without; two phases of which the first is over when a file is there.
fn config() -> Config {
    let in_tree = |name: &str| {
        let mut worker = worker(name);
        worker.worktree = Some(format!("/srv/{name}").into());
        worker
    };
    let mut config = rig([in_tree("a"), in_tree("b"), worker("c")]);
    config.plan.phases = vec![
        phase("one", until_file()),
        phase("two", Condition::Operator),
    ];
    config
}

fn is_over(over: bool) -> Event {
    Event::PhaseChecked("one".parse().unwrap(), Ok(over))
}

/// Two looks in a row say that the first phase is over.
fn seen_over(play: &mut Play) -> Vec<Effect> {
    let mut done = play.tell(is_over(true));
    done.extend(play.pass(2_000));
    done.extend(play.tell(is_over(true)));
    done
}

fn half_done() -> Result<Vec<String>, String> {
    Ok(vec!["1 file is not committed: x".into()])
}

/// The attempts whose checkouts are looked at.
fn looked_at(effects: &[Effect]) -> Vec<AttemptRef> {
    let of = |effect: &Effect| match effect {
        Effect::LookAtCheckout(of, ..) => Some(AttemptRef {
            worker: of.worker.clone(),
            attempt: of.attempt.clone()?,
        }),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// Those whose checkouts are looked at and who do not run.
fn idle_looked_at(effects: &[Effect]) -> Vec<&str> {
    let of = |effect: &'_ Effect| matches!(effect, Effect::LookAtCheckout(of, ..) if of.attempt.is_none());
    let looks = effects.iter().filter(|effect| of(effect));
    looks
        .filter_map(|effect| match effect {
            Effect::LookAtCheckout(of, ..) => Some(of.worker.as_str()),
            _ => None,
        })
        .collect()
}

/// The answer to a look at who does not run.
fn of_idle(name: &str, seen: Result<Vec<String>, String>) -> Event {
    let of = CheckoutOf {
        worker: name.parse().unwrap(),
        attempt: None,
    };
    Event::Checkout(of, seen)
}

/// What is told of the plan, by its event and in words.
fn told(effects: &[Effect]) -> Vec<(&str, &str)> {
    let of = |effect: &'_ Effect| matches!(effect, Effect::Tell(notice) if notice.event.starts_with("phase"));
    let notices = effects.iter().filter(|effect| of(effect));
    notices
        .filter_map(|effect| match effect {
            Effect::Tell(notice) => Some((notice.event.as_str(), notice.text.as_str())),
            _ => None,
        })
        .collect()
}

fn answers(effects: &[Effect]) -> Vec<Result<String, String>> {
    let of = |effect: &Effect| match effect {
        Effect::Answer(_, Ok(said)) => Some(Ok(said.to_string())),
        Effect::Answer(_, Err(refusal)) => Some(Err(refusal.message.clone())),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn at(play: &Play) -> String {
    play.rig.progress.in_words().unwrap()
}

/// A rig whose first phase has just been seen to be over; the attempts of a, b and c.
fn over() -> (Play, Vec<AttemptRef>) {
    let (mut play, starts) = Play::running(config());
    let done = seen_over(&mut play);
    assert_eq!(looked_at(&done), starts[..2]);
    let text = "phase one is over; whom it stops comes to a safe point first, within 10 min: a, b";
    assert_eq!(told(&done), [("phase-ending", text)]);
    assert_eq!(signalled(&done), []);
    (play, starts)
}

fn waits_for(play: &Play) -> Vec<(String, String)> {
    let row = play.rig.ending_row(play.now()).unwrap();
    let waits = row.waits_for.into_iter();
    waits.map(|(name, why)| (name.to_string(), why)).collect()
}

#[test]
fn each_is_stopped_at_its_own_safe_point_and_the_plan_goes_on_when_all_have_ended() {
    let (mut play, starts) = over();
    let done = play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    assert_eq!(signalled(&done), [(starts[0].clone(), Signal::TERM)]);
    let done = play.tell(Event::Checkout(starts[1].clone().into(), half_done()));
    assert_eq!(signalled(&done), []);
    let waits = [
        ("a".into(), "it is being stopped".into()),
        ("b".into(), "1 file is not committed: x".into()),
    ];
    assert_eq!(waits_for(&play), waits);
    let done = play.ends(&starts[0], Exit::Code(0));
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::Stopped);
    assert_eq!(looked_at(&play.pass(4_999)), []);
    assert_eq!(looked_at(&play.pass(1)), [starts[1].clone()]);
    let done = play.tell(Event::Checkout(starts[1].clone().into(), Ok(Vec::new())));
    assert_eq!(signalled(&done), [(starts[1].clone(), Signal::TERM)]);
    assert_eq!(at(&play), "phase 1 of 2 (one)");
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(
        told(&done),
        [(
            "phase",
            "phase one is over; the resume point is phase 2 of 2 (two)"
        )]
    );
    let again: Vec<_> = started(&done).into_iter().map(|of| of.worker).collect();
    assert_eq!(again, ["a".parse().unwrap(), "b".parse().unwrap()]);
    // Of who has no worktree nobody can tell: it goes on until the plan does.
    assert_eq!(signalled(&done), [(starts[2].clone(), Signal::TERM)]);
    let told_two = |effect: &Effect| match effect {
        Effect::Start { phase, .. } => phase.as_ref().unwrap().id.as_str() == "two",
        _ => true,
    };
    assert!(done.iter().all(told_two), "{done:?}");
}

#[test]
fn after_its_time_the_plan_goes_on_and_says_who_was_not_at_a_safe_point() {
    let (mut play, starts) = over();
    play.tell(Event::Checkout(starts[0].clone().into(), half_done()));
    let unseen = Err("git cannot be run".to_owned());
    play.tell(Event::Checkout(starts[1].clone().into(), unseen));
    let done = play.pass(QUIESCE - 1);
    assert_eq!((signalled(&done), told(&done)), (vec![], vec![]));
    assert!(
        looked_at(&done).len() > 2,
        "looks that do not answer are asked for again"
    );
    let done = play.pass(1);
    let text = "the plan goes on after phase one, and not at a safe point were: a (1 file is not \
                committed: x), b (its worktree cannot be looked at: git cannot be run); what is in \
                their worktrees stays there";
    assert!(told(&done).contains(&("phase-not-quiet", text)), "{done:?}");
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(signalled(&done).len(), 3);
    assert!(play.rig.ending_row(play.now()).is_none());
}

#[test]
fn a_look_that_does_not_answer_is_asked_for_again_and_one_that_nobody_asked_for_says_nothing() {
    let (mut play, starts) = over();
    let a = || starts[0].clone();
    assert_eq!(looked_at(&play.pass(179_999)), []);
    assert_eq!(looked_at(&play.pass(1)), starts[..2]);
    play.tell(Event::Checkout(a().into(), half_done()));
    let late = play.tell(Event::Checkout(a().into(), Ok(Vec::new())));
    assert_eq!(signalled(&late), [], "what it was then it need not be now");
}

#[test]
fn who_ends_by_itself_is_not_started_in_a_phase_that_is_over() {
    let (mut play, starts) = over();
    play.tell(Event::Checkout(starts[0].clone().into(), half_done()));
    let done = play.ends(&starts[0], Exit::Code(1));
    assert_eq!(looked_at(&done), [starts[0].clone()]);
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    assert_eq!(play.state("a"), StateName::Stopped);
    assert_eq!(started(&play.pass(60_000)), []);
    assert_eq!(waits_for(&play).len(), 1);
    play.tell(Event::Checkout(starts[1].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(started(&done).len(), 2);
}

#[test]
fn whom_the_next_phase_leaves_alone_is_not_waited_for() {
    let mut config = config();
    for name in ["a", "b"] {
        let worker = config.workers.get_mut(name).unwrap();
        worker.on_phase = OnPhase::Keep;
    }
    // Stopped all the same: it has no work in the next phase.
    config.workers.get_mut("b").unwrap().phases = Some(vec!["one".parse().unwrap()]);
    let (mut play, starts) = Play::running(config);
    let done = seen_over(&mut play);
    assert_eq!(looked_at(&done), [starts[1].clone()]);
    play.tell(Event::Checkout(starts[1].clone().into(), Ok(Vec::new())));
    play.ends(&starts[1], Exit::Code(0));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn nobody_is_waited_for_where_the_plan_says_so_or_nobody_is_there() {
    let mut config = config();
    config.plan.quiesce = Duration::ZERO;
    let (mut play, starts) = Play::running(config.clone());
    let done = seen_over(&mut play);
    assert_eq!(signalled(&done).len(), starts.len());
    assert_eq!(at(&play), "phase 2 of 2 (two)");

    config.plan.quiesce = Duration::from_secs(1);
    for worker in config.workers.values_mut() {
        worker.worktree = None;
    }
    let (mut play, _) = Play::running(config);
    let done = seen_over(&mut play);
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert!(
        told(&done).iter().all(|(event, _)| *event == "phase"),
        "{done:?}"
    );
}

#[test]
fn who_says_that_a_phase_is_done_is_answered_when_it_is_or_told_who_is_waited_for() {
    let (mut play, starts) = Play::running(config());
    let done = play.command(Command::PhaseDone);
    assert_eq!(answers(&done), []);
    assert_eq!(looked_at(&done), starts[..2]);
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), Ok(Vec::new())));
    }
    play.ends(&starts[0], Exit::Code(0));
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(
        answers(&done),
        [Ok("the resume point is phase 2 of 2 (two)".into())]
    );

    let (mut play, starts) = over();
    play.command(Command::PhaseDone);
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), half_done()));
    }
    assert_eq!(answers(&play.pass(59_999)), []);
    let wanted = "not done after 1 min: phase one waits for a (1 file is not committed: x), b (1 file is \
                  not committed: x)";
    assert_eq!(answers(&play.pass(1)), [Err(wanted.into())]);
    // A word of a person stands, whatever the condition says.
    play.tell(is_over(false));
    play.pass(QUIESCE);
    assert_eq!(at(&play), "phase 2 of 2 (two)");
}

#[test]
fn who_says_where_the_plan_goes_does_not_wait() {
    let (mut play, starts) = over();
    play.command(Command::PhaseDone);
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    play.ends(&starts[0], Exit::Code(0));
    let done = play.command(Command::PhaseSet(PhaseRef::Index(1)));
    let given_up = "the end of the phase was given up: another move of the resume point came first";
    let now_there = "the resume point is phase 2 of 2 (two)";
    let mut answers = answers(&done);
    answers.sort();
    assert_eq!(answers, [Ok(now_there.into()), Err(given_up.into())]);
    let starts_of_two = |effect: &Effect| match effect {
        Effect::Start { phase, .. } => phase.as_ref().map(|told| told.id.as_str()) == Some("two"),
        _ => false,
    };
    // Nobody is started for the phase that is over.
    assert_eq!(
        done.iter().filter(|effect| starts_of_two(effect)).count(),
        1
    );
    assert_eq!(started(&done).len(), 1);
    assert_eq!(signalled(&done).len(), 2);

    let (mut play, _) = over();
    let done = play.tell(Event::PhaseFile(PhaseRef::Index(1)));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(signalled(&done).len(), 3);
}

#[test]
fn a_pause_another_plan_and_a_condition_that_holds_no_more_end_the_winding_up() {
    let stopped = || {
        let (mut play, starts) = over();
        play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
        play.ends(&starts[0], Exit::Code(0));
        (play, starts)
    };
    let (mut play, _) = stopped();
    let done = play.tell(is_over(false));
    let text = "phase one goes on: its end condition does not hold any more";
    assert_eq!(told(&done), [("phase-goes-on", text)]);
    assert_eq!(
        started(&done).len(),
        1,
        "who was stopped for the end goes on as well"
    );
    assert_eq!(looked_at(&play.pass(9_000)), []);

    let (mut play, _) = stopped();
    let done = play.command(Command::Pause);
    assert_eq!(signalled(&done).len(), 2);
    seen_over(&mut play);
    assert_eq!(at(&play), "phase 1 of 2 (one)");

    let (mut play, _) = stopped();
    let done = play.reload(|config| config.plan.phases.push(phase("three", until_file())));
    assert_eq!(started(&done).len(), 1);

    // What does not concern the plan leaves it as it is.
    let (mut play, _) = stopped();
    let done = play.reload(|config| config.workers.get_mut("c").unwrap().keep_attempts = 1);
    assert_eq!(started(&done), []);
    assert_eq!(waits_for(&play).len(), 1);
}

#[test]
fn who_is_to_be_started_meanwhile_is_as_soon_as_the_plan_has_gone_on() {
    let (mut play, starts) = over();
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    play.ends(&starts[0], Exit::Code(0));
    let done = play.command(Command::Start(vec!["a".parse().unwrap()]));
    assert_eq!((started(&done), answers(&done)), (vec![], vec![]));
    play.tell(Event::Checkout(starts[1].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[1], Exit::Code(0));
    let again = started(&done);
    assert_eq!(answers(&play.runs(&again[0])).len(), 1);
}

#[test]
fn a_daemon_that_begins_winds_up_the_phase_anew_once_somebody_has_looked() {
    let (mut play, starts) = over();
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    play.ends(&starts[0], Exit::Code(0));
    let mut done = play.unasked_daemon();
    // Before the host has answered nobody knows who is to be waited for.
    done.extend(seen_over(&mut play));
    assert_eq!(at(&play), "phase 1 of 2 (one)");
    let alive = starts[1..].iter().map(|of| play.alive(of)).collect();
    done.extend(play.tell(Event::Surveyed(Ok(alive))));
    assert_eq!((started(&done), signalled(&done)), (vec![], vec![]));
    assert_eq!(looked_at(&done), [starts[1].clone()]);
    assert_eq!(idle_looked_at(&done), ["a"]);
    play.tell(of_idle("a", Ok(Vec::new())));
    play.tell(Event::Checkout(starts[1].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(started(&done).len(), 2);
}

#[test]
fn nobody_is_told_of_a_phase_that_cannot_be_recorded() {
    let (mut play, starts) = over();
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), Ok(Vec::new())));
    }
    play.ends(&starts[0], Exit::Code(0));
    play.refuses = true;
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(
        (at(&play), started(&done)),
        ("phase 1 of 2 (one)".into(), vec![])
    );
    assert_eq!(
        started(&play.pass(60_000)),
        [],
        "nor begun anew in the one that is over"
    );
    play.refuses = false;
    let done = play.pass(20_000);
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(started(&done).len(), 2);
}

#[test]
fn looks_go_on_after_another_move_could_not_be_recorded() {
    let (mut play, starts) = over();
    play.tell(Event::Checkout(starts[0].clone().into(), half_done()));
    play.tell(Event::Checkout(starts[1].clone().into(), half_done()));
    play.refuses = true;
    play.command(Command::PhaseSet(PhaseRef::Index(1)));
    play.refuses = false;
    let mut looks = looked_at(&play.pass(20_000));
    looks.sort();
    looks.dedup();
    assert_eq!(looks, starts[..2]);
    assert_eq!(at(&play), "phase 1 of 2 (one)");
}

#[test]
fn the_last_phase_is_wound_up_as_well() {
    let mut config = config();
    config.plan.phases.truncate(1);
    let (mut play, starts) = Play::running(config);
    assert_eq!(looked_at(&seen_over(&mut play)), starts[..2]);
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), Ok(Vec::new())));
        play.ends(of, Exit::Code(0));
    }
    assert_eq!(at(&play), "complete, 1 of 1 phases");
}
