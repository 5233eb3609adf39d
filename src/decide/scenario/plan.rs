//! The plan goes where a person sends it, and says so.

use super::*;

#[test]
fn a_phase_file_without_a_plan_stops_nobody() {
    let (mut play, _) = Play::running(rig([worker("a")]));
    let done = play.tell(Event::PhaseFile(PhaseRef::Index(0)));
    assert_eq!(signalled(&done), []);
}

#[test]
fn a_plan_that_was_removed_is_no_dead_end() {
    let plan = |ids: &[&str]| -> Vec<_> {
        let phase = |id: &&str| phase(id, Condition::Operator);
        ids.iter().map(phase).collect()
    };
    let mut config = rig([worker("a")]);
    config.plan.phases = plan(&["one", "two", "three"]);
    for back in [&["one", "two", "three"][..], &["two"], &["other", "one"]] {
        let (mut play, starts) = Play::running(config.clone());
        play.command(Command::PhaseSet(PhaseRef::Index(1)));
        play.ends(&starts[0], Exit::Code(0));
        play.reload(|config| config.plan.phases.clear());
        let done = play.command(Command::PhaseDone);
        let [Effect::Answer(_, Err(refusal))] = &done[..] else {
            panic!("{done:?}");
        };
        let wanted =
            "the rig has no plan, and the resume point, phase two, is kept for one that has it";
        assert_eq!(refusal.message, wanted);
        let done = play.reload(|config| config.plan.phases = plan(back));
        let said = done.iter().find_map(|effect| match effect {
            Effect::Answer(_, Ok(Said::Words(said))) => Some(said.as_str()),
            _ => None,
        });
        let place = play.rig.progress.in_words().unwrap();
        match back.iter().position(|id| *id == "two") {
            Some(at) => {
                assert_eq!(place, format!("phase {} of {} (two)", at + 1, back.len()));
                assert_eq!(said, Some("reloaded"));
            }
            // Nothing is guessed, and nothing is in the way of who knows.
            None => {
                assert!(said.unwrap().contains("resume --phase ID"), "{said:?}");
                assert!(place.contains("astray"), "{place}");
                play.command(Command::Resume(Some(PhaseRef::Index(1))));
                let place = play.rig.progress.in_words().unwrap();
                assert_eq!(place, "phase 2 of 2 (one)");
            }
        }
    }
}

#[test]
fn a_plan_without_the_resume_point_stops_no_loop_that_runs_and_starts_none() {
    let plan = |ids: [&str; 2]| ids.map(|id| phase(id, Condition::Operator)).to_vec();
    let mut config = rig([worker("a"), worker("b")]);
    config.plan.phases = plan(["one", "two"]);
    let (mut play, starts) = Play::running(config);
    play.config.plan.phases = plan(["two", "three"]);
    for worker in play.config.workers.values_mut() {
        worker.workdir = "/elsewhere".into();
    }
    let done = play.next_daemon(starts.iter().map(|of| play.alive(of)).collect());
    assert_eq!(signalled(&done), []);
    let done = play.ends(&starts[1], Exit::Code(1));
    assert_eq!(started(&done), []);
    assert_eq!(started(&play.pass(600_000)), []);
    assert_eq!(play.state("a"), StateName::Running);
    assert_eq!(play.state("b"), StateName::Stopped);
    // Once somebody has said where to go on, what is told another phase begins anew.
    let done = play.command(Command::Resume(Some(PhaseRef::Index(0))));
    assert_eq!(signalled(&done), [(starts[0].clone(), Signal::TERM)]);
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn an_end_of_the_plan_is_not_asked_for_by_a_number() {
    let mut config = rig([]);
    config.plan.phases = vec![
        phase("one", Condition::Operator),
        phase("two", until_file()),
    ];
    let mut play = Play::begin(config);
    for ask in [Command::PhaseSet, |phase| Command::Resume(Some(phase))] {
        let done = play.command(ask(PhaseRef::Index(2)));
        let [Effect::Answer(_, Err(refusal))] = &done[..] else {
            panic!("{done:?}");
        };
        assert_eq!(refusal.kind, super::super::RefusalKind::Unknown);
        let wanted = "phase number 3 does not exist: the plan has 2, from number 1";
        assert_eq!(refusal.message, wanted);
        assert!(refusal.hint.as_ref().unwrap().contains("phase done"));
        assert_eq!(play.rig.progress.in_words().unwrap(), "phase 1 of 2 (one)");

        let done = play.command(ask(PhaseRef::Id("tow".parse().unwrap())));
        let [Effect::Answer(_, Err(refusal))] = &done[..] else {
            panic!("{done:?}");
        };
        let hint = refusal.hint.as_ref().unwrap();
        assert!(hint.starts_with("did you mean two? `"), "{hint}");
    }
}

#[test]
fn a_phase_is_over_when_two_looks_in_a_row_have_said_so_and_some_time_was_between_them() {
    let command = |every| Condition::Command {
        command: config::Command {
            program: "true".into(),
            arguments: Vec::new(),
        },
        every: Duration::from_secs(every),
    };
    let (yes, no, unknown) = (Ok(true), Ok(false), Err("no such program".to_owned()));
    // What the looks say, each with the milliseconds that pass before it; whether the phase is over then.
    let table = [
        (until_file(), vec![(0, &yes)], false),
        (until_file(), vec![(0, &yes), (2_000, &yes)], true),
        (until_file(), vec![(0, &yes), (1_999, &yes)], false),
        (until_file(), vec![(0, &yes), (0, &yes), (0, &yes)], false),
        (
            until_file(),
            vec![(0, &yes), (1_000, &no), (2_000, &yes)],
            false,
        ),
        (
            until_file(),
            vec![(0, &yes), (1_000, &unknown), (2_000, &yes)],
            false,
        ),
        (
            until_file(),
            vec![(0, &no), (10_000, &yes), (1_000, &yes), (1_000, &yes)],
            true,
        ),
        (command(30), vec![(0, &yes), (29_999, &yes)], false),
        (command(30), vec![(0, &yes), (30_000, &yes)], true),
        (command(3_600), vec![(0, &yes), (59_999, &yes)], false),
        (command(3_600), vec![(0, &yes), (60_000, &yes)], true),
    ];
    for (until, looks, wanted) in table {
        let mut config = rig([]);
        config.plan.phases = vec![phase("one", until), phase("two", Condition::Operator)];
        let mut play = Play::begin(config);
        for (after, says) in &looks {
            play.pass(*after);
            play.tell(Event::PhaseChecked("one".parse().unwrap(), (*says).clone()));
        }
        let over = play.rig.progress.in_words().unwrap() == "phase 2 of 2 (two)";
        assert_eq!(over, wanted, "{looks:?}");
    }
}

#[test]
fn what_was_seen_before_a_pause_is_no_look_in_a_row() {
    let mut config = rig([]);
    config.plan.phases = vec![
        phase("one", until_file()),
        phase("two", Condition::Operator),
    ];
    let mut play = Play::begin(config);
    let over = || Event::PhaseChecked("one".parse().unwrap(), Ok(true));
    play.tell(over());
    play.command(Command::Pause);
    play.pass(3_600_000);
    play.command(Command::Resume(None));
    play.tell(over());
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 1 of 2 (one)");
    let look = |effect: &Effect| matches!(effect, Effect::CheckPhase(..));
    assert_eq!(
        play.pass(1_999)
            .iter()
            .filter(|effect| look(effect))
            .count(),
        0
    );
    assert_eq!(play.pass(1).iter().filter(|effect| look(effect)).count(), 1);
    play.tell(over());
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 2 of 2 (two)");
}

/// What is answered, in order.
fn answered(effects: &[Effect]) -> Vec<&str> {
    let mut texts = Vec::new();
    for effect in effects {
        if let Effect::Answer(_, Ok(Said::Words(text))) = effect {
            texts.push(text.as_str());
        }
    }
    texts
}

#[test]
fn who_sets_a_phase_that_is_over_already_is_told() {
    let mut config = rig([]);
    config.plan.phases = vec![
        phase("one", until_file()),
        phase("two", Condition::Operator),
    ];
    let mut play = Play::begin(config);
    let told = |done: &[Effect]| {
        let already = |effect: &&Effect| matches!(effect, Effect::Tell(notice) if notice.event == "phase-over-already");
        done.iter().filter(already).count()
    };
    let looked = |over| Event::PhaseChecked("one".parse().unwrap(), Ok(over));
    let seen_twice = |play: &mut Play| {
        let mut done = play.tell(looked(true));
        done.extend(play.pass(2_000));
        done.extend(play.tell(looked(true)));
        done
    };
    assert_eq!(told(&seen_twice(&mut play)), 0, "it ended in its own time");
    let set = play.command(Command::PhaseSet(PhaseRef::Index(0)));
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 1 of 2 (one)");
    assert!(answered(&set).is_empty(), "nobody has looked yet: {set:?}");
    let done = play.tell(looked(true));
    assert_eq!(told(&done), 1);
    let wanted = "the resume point is phase 1 of 2 (one)\nwarning: the end condition of phase one \
                  holds already, so the plan goes on after another look, in 2 s; to work on it again, \
                  undo that first";
    assert_eq!(answered(&done), [wanted]);
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 1 of 2 (one)");
    assert_eq!(told(&seen_twice(&mut play)), 0, "once");
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 2 of 2 (two)");
    play.command(Command::PhaseSet(PhaseRef::Index(0)));
    let done = play.tell(looked(false));
    assert_eq!(answered(&done), ["the resume point is phase 1 of 2 (one)"]);
    assert_eq!(
        told(&seen_twice(&mut play)),
        0,
        "it was not over when it was set"
    );
}

#[test]
fn who_set_a_phase_in_a_pause_is_told_also_by_the_next_daemon() {
    let mut config = rig([]);
    config.plan.phases = vec![
        phase("one", until_file()),
        phase("two", Condition::Operator),
    ];
    let told = |done: &[Effect]| {
        let already = |effect: &&Effect| matches!(effect, Effect::Tell(notice) if notice.event == "phase-over-already");
        done.iter().filter(already).count()
    };
    let over = || Event::PhaseChecked("one".parse().unwrap(), Ok(true));
    for disturb in [
        |play: &mut Play| drop(play.next_daemon(Vec::new())),
        |play: &mut Play| drop(play.reload(|config| config.rig = "other".to_owned())),
    ] {
        let mut play = Play::begin(config.clone());
        play.tell(over());
        play.command(Command::Pause);
        play.command(Command::PhaseSet(PhaseRef::Index(0)));
        disturb(&mut play);
        play.command(Command::Resume(None));
        assert_eq!(told(&play.tell(over())), 1);
    }
    // What ended in its own time did so also for the next daemon.
    let mut play = Play::begin(config);
    play.command(Command::Pause);
    play.next_daemon(Vec::new());
    play.command(Command::Resume(None));
    assert_eq!(told(&play.tell(over())), 0);
}

#[test]
fn who_sets_a_phase_waits_for_no_look_that_does_not_come() {
    let mut config = rig([]);
    config.plan.phases = vec![
        phase("one", until_file()),
        phase("two", Condition::Operator),
    ];
    let mut play = Play::begin(config);
    let set = |play: &mut Play, index| play.command(Command::PhaseSet(PhaseRef::Index(index)));
    let first = "the resume point is phase 1 of 2 (one)";
    // One that ends when a person says so.
    assert_eq!(
        answered(&set(&mut play, 1)),
        ["the resume point is phase 2 of 2 (two)"]
    );
    // One that is followed by another, while its look is under way.
    assert!(answered(&set(&mut play, 0)).is_empty());
    assert_eq!(answered(&set(&mut play, 0)), [first]);
    // A look that takes its time.
    assert_eq!(answered(&play.pass(4000)), [first]);
    // A plan that stands still.
    play.command(Command::Pause);
    assert_eq!(answered(&set(&mut play, 0)), [first]);
}

#[test]
fn a_reload_that_changes_nothing_of_the_plan_leaves_who_set_the_resume_point() {
    let mut config = rig([]);
    let of = |id| phase(id, Condition::Operator);
    config.plan.phases = ["one", "two"].map(of).to_vec();
    let mut play = Play::begin(config);
    play.command(Command::PhaseSet(PhaseRef::Index(1)));
    let recorded = |effects: &[Effect]| {
        let points = |effect: &Effect| match effect {
            Effect::Record(facts) => facts
                .iter()
                .any(|fact| matches!(fact, crate::decide::Fact::Phase(_))),
            _ => false,
        };
        effects.iter().any(points)
    };
    assert!(!recorded(&play.reload(|_| {})));
    assert!(recorded(&play.reload(|config| {
        config.plan.phases = ["one", "two", "three"].map(of).to_vec();
    })));
}

#[test]
fn a_plan_that_was_complete_stays_so_when_it_is_shortened_and_comes_back() {
    let plan = |ids: &[&str]| {
        ids.iter()
            .map(|id| phase(id, Condition::Operator))
            .collect()
    };
    let mut config = rig([]);
    config.plan.phases = plan(&["one", "two", "three"]);
    let mut play = Play::begin(config);
    play.tell(Event::PhaseFile(PhaseRef::Index(3)));
    play.reload(|config| config.plan.phases = plan(&["one"]));
    play.reload(|config| config.plan.phases = plan(&["one", "two", "three"]));
    assert_eq!(
        play.rig.progress.in_words().unwrap(),
        "complete, 3 of 3 phases"
    );
    play.next_daemon(Vec::new());
    assert_eq!(
        play.rig.progress.in_words().unwrap(),
        "complete, 3 of 3 phases"
    );
    play.reload(|config| config.plan.phases = plan(&["one", "two", "three", "four"]));
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 4 of 4 (four)");
}

#[test]
fn phases_that_are_put_before_what_was_done_do_not_move_a_complete_plan() {
    let plan = |ids: &[&str]| {
        ids.iter()
            .map(|id| phase(id, Condition::Operator))
            .collect::<Vec<_>>()
    };
    let mut config = rig([worker("w")]);
    config.plan.phases = plan(&["a", "b"]);
    for (ids, words) in [
        (&["new", "a", "b"][..], "complete, 2 of 3 phases (not new)"),
        (&["a", "new", "b"], "complete, 2 of 3 phases (not new)"),
        (&["b", "a", "new"], "complete, 2 of 3 phases (not new)"),
        (&["b", "a"], "complete, 2 of 2 phases"),
        (&["a", "b", "new"], "phase 3 of 3 (new)"),
    ] {
        let goes_on = words.starts_with("phase");
        for restarted in [false, true] {
            let (mut play, starts) = Play::running(config.clone());
            play.tell(Event::PhaseFile(PhaseRef::Index(2)));
            play.ends(&starts[0], Exit::Code(0));
            play.config.plan.phases = plan(ids);
            let other = play.config.clone();
            let says = play.rig.may_reload(now(0), &other).unwrap();
            assert_eq!(says.is_some(), words.contains("not new"), "{ids:?}");
            assert!(says.is_none_or(|says| says.contains("`supervisorctl phase set new`")));
            let done = if restarted {
                play.next_daemon(Vec::new())
            } else {
                play.reload(|_| {})
            };
            assert_eq!(play.rig.progress.in_words().unwrap(), words, "{ids:?}");
            assert_eq!(!started(&done).is_empty(), goes_on, "{ids:?}");
            // The next one knows as much.
            play.next_daemon(Vec::new());
            assert_eq!(play.rig.progress.in_words().unwrap(), words, "{ids:?}");
        }
    }
}
