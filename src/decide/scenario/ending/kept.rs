//! What an operator said of the end of a phase, across daemons and boots.

#![expect(clippy::disallowed_methods, reason = "somebody edits `phase-idx`")]

use std::fs;

use super::*;
use crate::{config::Resume, decide::Fact};

/// A rig in which an operator has just said that the first phase is over.
fn said() -> (Play, Vec<AttemptRef>) {
    let (mut play, starts) = Play::running(config());
    assert_eq!(looked_at(&play.command(Command::PhaseDone)), starts[..2]);
    (play, starts)
}

/// What is told of phases that go on, and of which.
fn goes_on(effects: &[Effect]) -> Vec<(&str, &str)> {
    let of = |effect: &'_ Effect| matches!(effect, Effect::Tell(notice) if notice.event == "phase-goes-on");
    let notices = effects.iter().filter(|effect| of(effect));
    notices
        .filter_map(|effect| match effect {
            Effect::Tell(notice) => Some((notice.phase.as_ref()?.as_str(), notice.text.as_str())),
            _ => None,
        })
        .collect()
}

/// The next daemon, which finds those alive, does not wind up anything.
fn is_forgotten(play: &mut Play, alive: &[AttemptRef]) -> bool {
    let alive = alive.iter().map(|of| play.alive(of)).collect();
    let done = play.next_daemon(alive);
    play.rig.ending_row(play.now()).is_none() && told(&done).is_empty()
}

#[test]
fn the_next_daemon_goes_on_with_it_and_starts_nobody_who_was_stopped_for_it() {
    let (mut play, starts) = said();
    play.tell(Event::Checkout(starts[0].clone().into(), Ok(Vec::new())));
    play.ends(&starts[0], Exit::Code(0));
    play.tell(Event::Checkout(starts[1].clone().into(), half_done()));
    play.pass(30_000);
    let alive = starts[1..].iter().map(|of| play.alive(of)).collect();
    let done = play.next_daemon(alive);
    let text = "phase one is wound up still: an operator said that it is over (2026-11-18 11:06:40 UTC), \
                and the supervisor that heard it is gone; whom the end stops comes to a safe point \
                first, within 9 min 30 s";
    assert_eq!(told(&done), [("phase-ending", text)]);
    assert_eq!((started(&done), signalled(&done)), (vec![], vec![]));
    assert_eq!(looked_at(&done), [starts[1].clone()]);
    assert_eq!(idle_looked_at(&done), ["a"]);
    play.tell(of_idle("a", Ok(Vec::new())));
    assert_eq!(waits_for(&play).len(), 1);
    // Whatever the condition says.
    play.tell(is_over(false));
    play.tell(Event::Checkout(starts[1].clone().into(), Ok(Vec::new())));
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(at(&play), "phase 2 of 2 (two)");
    let again = started(&done);
    assert_eq!(again.len(), 2);
    assert!(is_forgotten(&mut play, &again));
}

#[test]
fn its_time_goes_on_while_no_daemon_does() {
    let (mut play, starts) = said();
    for _ in 0..2 {
        play.close();
        play.t += QUIESCE / 4;
        let alive = starts.iter().map(|of| play.alive(of)).collect();
        play.next_daemon(alive);
    }
    assert_eq!(told(&play.pass(QUIESCE / 2 - 1)), []);
    let done = play.pass(1);
    assert!(
        told(&done)
            .iter()
            .any(|(event, _)| *event == "phase-not-quiet")
    );
    assert_eq!(at(&play), "phase 2 of 2 (two)");
}

#[test]
fn a_word_about_a_phase_that_is_wound_up_already_is_kept_as_well() {
    let (mut play, starts) = over();
    play.pass(QUIESCE / 2);
    play.command(Command::PhaseDone);
    let alive = starts.iter().map(|of| play.alive(of)).collect();
    play.next_daemon(alive);
    play.tell(is_over(false));
    play.pass(QUIESCE / 2);
    assert_eq!(at(&play), "phase 2 of 2 (two)");
}

#[test]
fn after_a_reboot_the_plan_goes_on_once_the_host_has_said_that_nobody_lives() {
    for resume in [Resume::OnBoot, Resume::Manual] {
        let mut config = config();
        config.plan.resume = resume;
        let (mut play, _) = Play::running(config);
        play.command(Command::PhaseDone);
        play.boot = boot('b');
        play.unasked_daemon();
        // However long that takes.
        play.pass(QUIESCE);
        assert_eq!(at(&play), "phase 1 of 2 (one)");
        let done = play.tell(Event::Surveyed(Ok(Vec::new())));
        assert_eq!(at(&play), "phase 2 of 2 (two)");
        let paused = resume == Resume::Manual;
        assert_eq!(play.rig.paused.is_some(), paused);
        assert_eq!(started(&done).is_empty(), paused);
    }
}

#[test]
fn in_another_boot_its_time_is_what_the_clock_leaves_of_it_and_never_more_than_all() {
    for (set, left) in [(0, 7 * 60_000), (-86_400_000, QUIESCE), (86_400_000, 0)] {
        let (mut play, starts) = said();
        play.close();
        play.t += 3 * 60_000;
        play.set = set;
        let unknown = model::Condition::Unknown("no cgroup".into());
        play.reboot(vec![found(&starts[0], unknown)]);
        if left > 0 {
            play.pass(left - 1);
            assert_eq!(at(&play), "phase 1 of 2 (one)", "{set}");
            play.pass(1);
        }
        assert_eq!(at(&play), "phase 2 of 2 (two)", "{set}");
    }
}

#[test]
fn a_daemon_that_ends_leaves_it_to_the_next_and_says_so() {
    let (mut play, starts) = said();
    let done = play.tell(Event::Leave(Leave::WorkersGoOn));
    let wanted = "the supervisor ends before phase one does; the next one goes on with it";
    assert_eq!(answers(&done), [Err(wanted.into())]);
    assert_eq!(told(&done), []);
    let alive = starts.iter().map(|of| play.alive(of)).collect();
    assert_eq!(looked_at(&play.next_daemon(alive)), starts[..2]);
    assert_eq!(waits_for(&play).len(), 2);

    let (mut play, _) = Play::running(config());
    play.refuses = true;
    play.command(Command::PhaseDone);
    let done = play.tell(Event::Leave(Leave::WorkersGoOn));
    let wanted = "the supervisor ends before phase one does; this is not recorded yet (no space left on \
                  device): a daemon started before it is will not end it";
    assert_eq!(answers(&done), [Err(wanted.into())]);
}

#[test]
fn nobody_is_stopped_for_it_by_a_daemon_that_ends() {
    let (mut play, starts) = said();
    play.tell(Event::Leave(Leave::StopWorkers));
    let done = play.pass(QUIESCE);
    assert_eq!(at(&play), "phase 1 of 2 (one)");
    assert_eq!(looked_at(&done), []);
    for of in &starts {
        play.ends(of, Exit::Code(0));
    }
    assert_eq!(at(&play), "phase 1 of 2 (one)");
}

#[test]
fn who_says_something_else_takes_it_back_and_that_is_told() {
    let text = |why| format!("phase one was said to be over, and is not wound up any more: {why}");
    let (mut play, starts) = said();
    let done = play.command(Command::Pause);
    let why = text("the rig was paused");
    assert_eq!(goes_on(&done), [("one", why.as_str())]);
    assert!(is_forgotten(&mut play, &starts));

    let (mut play, starts) = said();
    let done = play.reload(|config| config.plan.phases.push(phase("three", until_file())));
    let why = text("the plan is another one");
    assert_eq!(goes_on(&done), [("one", why.as_str())]);
    assert!(is_forgotten(&mut play, &starts));

    // That the point is recorded says enough.
    let (mut play, starts) = said();
    let done = play.command(Command::PhaseSet(PhaseRef::Index(0)));
    assert_eq!(goes_on(&done), []);
    assert!(is_forgotten(&mut play, &starts));
}

#[test]
fn it_is_kept_when_the_point_is_recorded_in_other_words() {
    let (mut play, starts) = said();
    let next = |play: &mut Play| {
        let alive = starts.iter().map(|of| play.alive(of)).collect();
        told(&play.next_daemon(alive)).len()
    };
    play.config.plan.phases.push(phase("three", until_file()));
    assert_eq!(next(&mut play), 1);
    let done = play.reload(|config| config.workers.get_mut("c").unwrap().keep_attempts = 1);
    let recorded = |effect: &Effect| match effect {
        Effect::Record(facts) => facts.iter().any(|fact| matches!(fact, Fact::Phase(_))),
        _ => false,
    };
    assert!(done.iter().any(recorded), "{done:?}");
    assert_eq!(next(&mut play), 1);
}

#[test]
fn a_daemon_that_finds_the_plan_elsewhere_says_so() {
    let found = |change: fn(&mut Config)| {
        let (mut play, starts) = said();
        change(&mut play.config);
        let alive = starts.iter().map(|of| play.alive(of)).collect();
        let done = play.next_daemon(alive);
        let (phase, text) = goes_on(&done)[0];
        assert_eq!(phase, "one");
        assert!(play.rig.ending_row(play.now()).is_none());
        let why = text.rsplit("; now ").next().unwrap().to_owned();
        assert!(is_forgotten(&mut play, &starts));
        why
    };
    assert_eq!(
        found(|config| config.plan.phases.clear()),
        "the rig has no plan"
    );
    let astray = found(|config| drop(config.plan.phases.remove(0)));
    assert!(astray.starts_with("the plan is astray: "), "{astray}");

    let (mut play, _) = said();
    fs::write(play.path().join("phase-idx"), "2 done\n").unwrap();
    let done = play.next_daemon(Vec::new());
    let (phase, text) = goes_on(&done)[0];
    assert_eq!(phase, "one");
    assert!(
        text.ends_with("the plan is complete, 2 of 2 phases"),
        "{text}"
    );
    assert!(is_forgotten(&mut play, &[]));
}

#[test]
fn who_waits_is_told_when_the_next_daemon_may_not_know_of_it() {
    let (mut play, starts) = Play::running(config());
    play.refuses = true;
    play.command(Command::PhaseDone);
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), half_done()));
    }
    let answers = answers(&play.pass(60_000));
    let [Err(message)] = &answers[..] else {
        panic!("{answers:?}")
    };
    let but = "; this is not recorded yet (no space left on device): a daemon started before it is will \
               not end it";
    assert!(message.ends_with(but), "{message}");
}

#[test]
fn a_move_that_cannot_be_recorded_is_tried_again_where_nobody_waits_to_be_told() {
    let (mut play, starts) = said();
    let alive = starts[2..].iter().map(|of| play.alive(of)).collect();
    play.unasked_daemon();
    play.refuses = true;
    let done = play.tell(Event::Surveyed(Ok(alive)));
    assert_eq!((started(&done), goes_on(&done)), (vec![], vec![]));
    for name in ["a", "b"] {
        play.tell(of_idle(name, Ok(Vec::new())));
    }
    play.pass(60_000);
    play.refuses = false;
    play.pass(20_000);
    assert_eq!(at(&play), "phase 2 of 2 (two)");

    // Who waits is told, and that is the end of it.
    let (mut play, starts) = said();
    for of in &starts[..2] {
        play.tell(Event::Checkout(of.clone().into(), Ok(Vec::new())));
    }
    play.ends(&starts[0], Exit::Code(0));
    play.refuses = true;
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!((answers(&done).len(), goes_on(&done).len()), (1, 1));
    play.refuses = false;
    play.pass(60_000);
    assert_eq!(at(&play), "phase 1 of 2 (one)");
    assert!(is_forgotten(&mut play, &starts[2..]));
}
