//! What a person asks for comes true, whenever it is asked.

use super::*;

fn a() -> Vec<model::WorkerName> {
    vec!["a".parse().unwrap()]
}

fn answers(effects: &[Effect]) -> Vec<bool> {
    let of = |effect: &Effect| match effect {
        Effect::Answer(_, answer) => Some(answer.is_ok()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn a_stop_is_not_done_before_the_host_has_said_what_lives() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.unasked_daemon();
    let done = play.command(Command::Stop(a()));
    assert!(answers(&done).is_empty());
    let alive = play.alive(&starts[0]);
    let done = play.tell(Event::Surveyed(Ok(vec![alive])));
    assert_eq!(signalled(&done).len(), 1);
    assert!(answers(&done).is_empty());
    assert_eq!(answers(&play.ends(&starts[0], Exit::Code(0))), [true]);
}

#[test]
fn a_restart_is_one_although_the_host_has_not_said_what_lives() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.unasked_daemon();
    play.command(Command::Restart(a()));
    let alive = play.alive(&starts[0]);
    let done = play.tell(Event::Surveyed(Ok(vec![alive])));
    assert_eq!(signalled(&done).len(), 1);
    let next = started(&play.ends(&starts[0], Exit::Code(0)));
    assert_eq!(answers(&play.runs(&next[0])), [true]);
}

#[test]
fn the_answer_tells_a_restart_from_a_start() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let text = |effects: &[Effect]| {
        let of = |effect: &Effect| match effect {
            Effect::Answer(_, answer) => answer.clone().ok(),
            _ => None,
        };
        effects.iter().find_map(of).unwrap()
    };
    let started_already = text(&play.command(Command::Start(a())));
    assert!(
        started_already.starts_with("a running, pid "),
        "{started_already}"
    );
    play.command(Command::Restart(a()));
    let next = started(&play.ends(&starts[0], Exit::Code(0)));
    let restarted = text(&play.runs(&next[0]));
    assert!(restarted.starts_with("a restarted, pid "), "{restarted}");
}

#[test]
fn each_of_several_workers_is_answered_for() {
    let (mut play, starts) = Play::running(rig([worker("a"), worker("b")]));
    let names = ["a", "b"].map(|name| name.parse().unwrap());
    play.command(Command::Restart(names.to_vec()));
    let next_b = started(&play.ends(&starts[1], Exit::Code(0)));
    let lacks = HostEvent::Shortage(next_b[0].clone(), "program b is not there".into());
    assert!(answers(&play.says(lacks)).is_empty(), "a is still ending");
    let next_a = started(&play.ends(&starts[0], Exit::Code(0)));
    let done = play.runs(&next_a[0]);
    let refusal = done.iter().find_map(|effect| match effect {
        Effect::Answer(_, Err(refusal)) => Some(refusal.clone()),
        _ => None,
    });
    let refusal = refusal.unwrap();
    let said = "b waits: program b is not there; a restarted, pid ";
    assert!(refusal.message.starts_with(said), "{}", refusal.message);
    assert_eq!(refusal.hint, None, "it wrote nothing");
}

#[test]
fn a_start_does_not_weaken_a_restart() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.unasked_daemon();
    play.command(Command::Restart(a()));
    play.command(Command::Start(a()));
    let alive = play.alive(&starts[0]);
    let done = play.tell(Event::Surveyed(Ok(vec![alive])));
    assert_eq!(signalled(&done).len(), 1);
    assert!(answers(&done).is_empty());
}

#[test]
fn who_waits_for_a_worker_that_is_stopped_instead_is_refused() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.command(Command::Restart(a()));
    assert_eq!(answers(&play.command(Command::Stop(a()))), [false]);
    let done = play.ends(&starts[0], Exit::Code(0));
    assert_eq!(answers(&done), [true]);
}

#[test]
fn who_waits_for_a_worker_that_is_removed_instead_is_refused() {
    let (mut play, _) = Play::running(rig([worker("a"), worker("b")]));
    play.command(Command::Restart(a()));
    let without = Command::Reload(Box::new(rig([worker("b")])));
    assert_eq!(answers(&play.command(without)), [true, false]);
}

#[test]
fn a_start_before_the_host_has_answered_touches_nothing_that_lives() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.unasked_daemon();
    play.command(Command::Start(a()));
    let alive = play.alive(&starts[0]);
    let done = play.tell(Event::Surveyed(Ok(vec![alive])));
    assert_eq!(signalled(&done), []);
    assert_eq!(answers(&done), [true]);
    play.ends(&starts[0], Exit::Code(1));
    assert_eq!(
        play.state("a"),
        StateName::BackingOff,
        "a later failure counts"
    );
}

#[test]
fn a_start_before_the_host_has_answered_releases_a_hold() {
    let mut held = worker("a");
    held.budget.restarts = 0;
    let (mut play, starts) = Play::running(rig([held]));
    play.ends(&starts[0], Exit::Code(1));
    assert_eq!(play.state("a"), StateName::Held);
    play.unasked_daemon();
    play.command(Command::Start(a()));
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn a_restart_while_it_ends_by_itself_is_one() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(0), None));
    play.command(Command::Restart(a()));
    let done = play.says(HostEvent::Gone(starts[0].clone()));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn who_stops_a_held_worker_has_released_it() {
    let mut held = worker("a");
    held.budget.restarts = 0;
    let (mut play, starts) = Play::running(rig([held]));
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(1), None));
    play.command(Command::Stop(a()));
    play.says(HostEvent::Gone(starts[0].clone()));
    assert_eq!(play.state("a"), StateName::Stopped);
    let next = started(&play.command(Command::Start(a())));
    play.runs(&next[0]);
    // The hold must not come back with the next daemon.
    play.next_daemon(vec![ended(&next[0], Exit::Code(0), 0)]);
    assert_eq!(play.rig.workers["a"].restarts.window.len(), 1);
    play.next_daemon(Vec::new());
    assert_ne!(started(&play.command(Command::Start(a()))), []);
}

#[test]
fn a_worker_that_is_removed_comes_back_as_a_new_one() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.command(Command::Stop(a()));
    play.ends(&starts[0], Exit::Code(0));
    let gone = play.config.workers.clone();
    play.reload(|config| config.workers.clear());
    let done = play.reload(|config| config.workers = gone.clone());
    assert_eq!(started(&done).len(), 1);
    let alive = play.alive(&started(&done)[0]);
    assert_eq!(
        signalled(&play.next_daemon(vec![alive])),
        [],
        "the store knows it too"
    );

    // The same while no daemon runs.
    play.command(Command::Stop(a()));
    play.config.workers.clear();
    play.next_daemon(Vec::new());
    play.config.workers = gone;
    assert_eq!(started(&play.next_daemon(Vec::new())).len(), 1);
}

#[test]
fn a_finished_worker_with_another_definition_runs() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    play.ends(&starts[0], Exit::Code(0));
    let change = |config: &mut Config| {
        let a = config.workers.get_mut("a").unwrap();
        a.environment.insert("NEW".into(), "1".into());
    };
    assert_eq!(started(&play.reload(change)).len(), 1);
}

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
            Effect::Answer(_, Ok(said)) => Some(said.as_str()),
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
    let over = || Event::PhaseChecked("one".parse().unwrap(), Ok(true));
    assert_eq!(told(&play.tell(over())), 0, "it ended in its own time");
    play.command(Command::PhaseSet(PhaseRef::Index(0)));
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 1 of 2 (one)");
    assert_eq!(told(&play.tell(over())), 1);
    assert_eq!(play.rig.progress.in_words().unwrap(), "phase 2 of 2 (two)");
    play.command(Command::PhaseSet(PhaseRef::Index(0)));
    play.tell(Event::PhaseChecked("one".parse().unwrap(), Ok(false)));
    assert_eq!(
        told(&play.tell(over())),
        0,
        "it was not over when it was set"
    );
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

#[test]
fn a_restart_is_not_done_by_an_attempt_that_was_there_before() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let second = AttemptRef {
        attempt: "20200101T000000Z-00000001".parse().unwrap(),
        ..starts[0].clone()
    };
    play.next_daemon(vec![
        found(&second, model::Condition::Unknown("no answer".into())),
        ended(&starts[0], Exit::Code(1), 0),
    ]);
    assert!(answers(&play.command(Command::Restart(a()))).is_empty());
    let done = play.tell(Event::Found(play.alive(&second)));
    assert_eq!(signalled(&done), [(second, Signal::TERM)]);
    assert!(answers(&done).is_empty());
}

#[test]
fn a_stop_is_not_done_while_an_older_attempt_may_live() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let older = AttemptRef {
        attempt: "20200101T000000Z-00000001".parse().unwrap(),
        ..starts[0].clone()
    };
    let unknown = found(&older, model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![ended(&starts[0], Exit::Code(1), 0), unknown]);
    assert!(answers(&play.command(Command::Stop(a()))).is_empty());
    let done = play.tell(Event::Found(ended(&older, Exit::Code(0), 0)));
    assert_eq!(answers(&done), [true]);
}

#[test]
fn the_end_of_a_pause_that_is_not_recorded_is_not_done_by_asking_for_it_again() {
    let mut play = Play::begin(rig([worker("a")]));
    play.command(Command::Pause);
    play.refuses = true;
    assert_eq!(answers(&play.command(Command::Resume(None))), [false]);
    assert_eq!(answers(&play.command(Command::Resume(None))), [false]);
    play.refuses = false;
    assert_eq!(answers(&play.command(Command::Resume(None))), [true]);
}
