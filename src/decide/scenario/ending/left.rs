//! Who ends while the phase is wound up, and not because of that, leaves what it leaves.

use super::*;

const LEFT: &str = "the plan goes on after phase one, and not at a safe point were: b (it has ended: 1 file \
                    is not committed: x); what is in their worktrees stays there";

/// The winding up of a phase that only b is left of; the attempt of b.
fn without_a() -> (Play, AttemptRef) {
    let (mut play, starts) = over();
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    play.ends(&starts[0], Exit::Code(0));
    (play, starts[1].clone())
}

/// b has just ended: it is looked at once more, and the plan waits for that.
fn is_looked_at(play: &mut Play, of: &AttemptRef, done: &[Effect]) {
    assert_eq!(looked_at(done), std::slice::from_ref(of));
    assert_eq!(at(play), "phase 1 of 2 (one)");
    let ended = "it has ended, and its worktree is looked at once more";
    assert_eq!(waits_for(play), [("b".into(), ended.into())]);
}

#[test]
fn what_one_leaves_that_crashes_or_ends_is_told_when_the_plan_goes_on() {
    for exit in [Exit::Signal(Signal::KILL), Exit::Code(0), Exit::Code(1)] {
        let (mut play, b) = without_a();
        play.tell(Event::Checkout(b.clone().into(), half_done()));
        let done = play.ends(&b, exit);
        is_looked_at(&mut play, &b, &done);
        let done = play.tell(Event::Checkout(b.into(), half_done()));
        assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
        assert_eq!(at(&play), "phase 2 of 2 (two)");
    }
}

#[test]
fn what_one_leaves_that_the_operator_stops_is_told_as_well() {
    let (mut play, b) = without_a();
    play.tell(Event::Checkout(b.clone().into(), half_done()));
    let done = play.command(Command::Stop(vec!["b".parse().unwrap()]));
    assert_eq!(signalled(&done), [(b.clone(), Signal::TERM)]);
    // What it still does is seen when it has ended.
    assert_eq!(looked_at(&play.pass(6_000)), []);
    let done = play.ends(&b, Exit::Signal(Signal::TERM));
    is_looked_at(&mut play, &b, &done);
    let done = play.tell(Event::Checkout(b.into(), half_done()));
    assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
    let a: Vec<_> = started(&done).into_iter().map(|of| of.worker).collect();
    assert_eq!(a, ["a".parse().unwrap()]);
}

#[test]
fn who_leaves_nothing_is_not_told_of() {
    let (mut play, b) = without_a();
    play.tell(Event::Checkout(b.clone().into(), half_done()));
    play.ends(&b, Exit::Code(0));
    let done = play.tell(Event::Checkout(b.into(), Ok(Vec::new())));
    assert!(told(&done).iter().all(|(event, _)| *event == "phase"));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
}

#[test]
fn what_was_asked_before_it_ended_says_nothing_of_what_it_leaves() {
    let (mut play, b) = without_a();
    let done = play.ends(&b, Exit::Signal(Signal::KILL));
    assert_eq!(looked_at(&done), []);
    let done = play.tell(Event::Checkout(b.clone().into(), Ok(Vec::new())));
    is_looked_at(&mut play, &b, &done);
    let done = play.tell(Event::Checkout(b.into(), half_done()));
    assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
}

#[test]
fn a_last_look_is_not_waited_for_after_the_time_is_over() {
    let (mut play, b) = without_a();
    play.tell(Event::Checkout(b.clone().into(), half_done()));
    play.ends(&b, Exit::Signal(Signal::KILL));
    // It does not answer, and is asked for again.
    let done = play.pass(QUIESCE - 1);
    assert!(looked_at(&done).len() > 1);
    assert_eq!(at(&play), "phase 1 of 2 (one)");
    let done = play.pass(1);
    assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
}

#[test]
fn who_is_still_being_stopped_when_the_time_is_over_is_told() {
    let (mut play, b) = without_a();
    play.tell(Event::Checkout(b.into(), half_done()));
    play.pass(QUIESCE - 1);
    play.command(Command::Stop(vec!["b".parse().unwrap()]));
    let done = play.pass(1);
    let text = "the plan goes on after phase one, and not at a safe point were: b (it is being stopped); \
                what is in their worktrees stays there";
    assert!(told(&done).contains(&("phase-not-quiet", text)), "{done:?}");
}
