//! Who does not run when the phase is over is looked at once, and not waited for.

use super::*;

const LEFT: &str = "the plan goes on after phase one, and not at a safe point were: b (it does not run: 1 file is \
                    not committed: x); what is in their worktrees stays there";

/// A rig of which a and c run and b was stopped; the attempts of a and c.
fn without_b(config: Config) -> (Play, Vec<AttemptRef>) {
    let (mut play, starts) = Play::running(config);
    play.command(Command::Stop(vec!["b".parse().unwrap()]));
    play.ends(&starts[1], Exit::Signal(Signal::TERM));
    (play, vec![starts[0].clone(), starts[2].clone()])
}

#[test]
fn what_is_half_done_where_nobody_runs_is_told_and_not_waited_for() {
    let (mut play, starts) = without_b(config());
    let done = seen_over(&mut play);
    assert_eq!(
        (looked_at(&done), idle_looked_at(&done)),
        (starts[..1].to_vec(), vec!["b"])
    );
    let text = "phase one is over; whom it stops comes to a safe point first, within 10 min: a; who does not \
                run is looked at: b";
    assert_eq!(told(&done), [("phase-ending", text)]);
    let waits = (
        "b".to_owned(),
        "it does not run, and its worktree is looked at".to_owned(),
    );
    assert_eq!(waits_for(&play)[1], waits);
    play.tell(of_idle("b", half_done()));
    assert_eq!(waits_for(&play).len(), 1);
    // Once.
    assert_eq!(idle_looked_at(&play.pass(60_000)), [""; 0]);
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[0], Exit::Code(0));
    assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    assert_eq!(started(&done).len(), 1, "it stays stopped");
}

#[test]
fn the_plan_goes_on_with_that_look_where_nobody_runs() {
    for (seen, is_told) in [
        (Ok(Vec::new()), false),
        (half_done(), true),
        (Err("git cannot be run".into()), true),
    ] {
        let (mut play, starts) = without_b(config());
        play.command(Command::Stop(vec!["a".parse().unwrap()]));
        play.ends(&starts[0], Exit::Signal(Signal::TERM));
        let done = seen_over(&mut play);
        let text = "phase one is over; who does not run is looked at: a, b";
        assert_eq!(told(&done), [("phase-ending", text)]);
        assert_eq!(idle_looked_at(&done), ["a", "b"]);
        play.tell(of_idle("a", Ok(Vec::new())));
        assert_eq!(at(&play), "phase 1 of 2 (one)");
        let done = play.tell(of_idle("b", seen));
        assert_eq!(at(&play), "phase 2 of 2 (two)");
        let quiet = told(&done).iter().all(|(event, _)| *event == "phase");
        assert_eq!(quiet, !is_told, "{done:?}");
    }
}

#[test]
fn who_waits_for_its_next_start_is_looked_at_and_not_started_before_the_plan_has_gone_on() {
    let (mut play, starts) = Play::running(config());
    play.tell(is_over(true));
    play.pass(2_000);
    play.ends(&starts[1], Exit::Code(1));
    assert_eq!(play.state("b"), StateName::BackingOff);
    assert_eq!(idle_looked_at(&play.tell(is_over(true))), ["b"]);
    assert_eq!(play.state("b"), StateName::Stopped);
    play.tell(of_idle("b", half_done()));
    assert_eq!(started(&play.pass(60_000)), []);
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[0], Exit::Code(0));
    assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
    assert_eq!(started(&done).len(), 2);
}

#[test]
fn who_takes_no_part_or_is_left_alone_or_works_elsewhere_is_not_looked_at() {
    let looked = |change: fn(&mut Worker)| {
        let mut config = config();
        change(config.workers.get_mut("b").unwrap());
        let (mut play, starts) = Play::running(config);
        play.command(Command::Stop(vec!["b".parse().unwrap()]));
        if let Some(b) = starts.iter().find(|of| of.worker.as_str() == "b") {
            play.ends(b, Exit::Signal(Signal::TERM));
        }
        idle_looked_at(&seen_over(&mut play)).len()
    };
    assert_eq!(looked(|_| {}), 1);
    assert_eq!(looked(|b| b.phases = Some(vec!["two".parse().unwrap()])), 0);
    assert_eq!(looked(|b| b.on_phase = OnPhase::Keep), 0);
    // Whoever works there answers for it.
    assert_eq!(looked(|b| b.worktree = Some("/srv/a".into())), 0);
    assert_eq!(looked(|b| b.worktree = None), 0);
}

#[test]
fn who_died_while_no_daemon_ran_is_looked_at_by_the_next() {
    let (mut play, starts) = Play::running(config());
    play.command(Command::PhaseDone);
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), half_done()));
    }
    let alive = [&starts[0], &starts[2]].map(|of| play.alive(of)).to_vec();
    let mut done = play.unasked_daemon();
    assert_eq!(idle_looked_at(&done), [""; 0], "nobody knows yet who runs");
    done = play.tell(Event::Surveyed(Ok(alive)));
    assert_eq!(
        (looked_at(&done), idle_looked_at(&done)),
        (starts[..1].to_vec(), vec!["b"])
    );
    play.tell(of_idle("b", half_done()));
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[0], Exit::Code(0));
    assert!(told(&done).contains(&("phase-not-quiet", LEFT)), "{done:?}");
}
