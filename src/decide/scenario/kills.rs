//! A daemon is killed, and the next one goes on as if it had not been.

use super::{super::Notice, *};

fn one(change: impl FnOnce(&mut Worker)) -> Config {
    let mut a = worker("a");
    change(&mut a);
    rig([a])
}

#[test]
fn a_stop_that_was_begun_is_no_end_of_its_own() {
    let (mut play, starts) = Play::running(one(|a| a.restart = Restart::OnFailure));
    assert_eq!(signalled(&play.command(Command::Pause)).len(), 1);
    play.next_daemon(vec![ended(&starts[0], Exit::Code(0), 0)]);
    let done = play.command(Command::Resume(None));
    assert_eq!(started(&done).len(), 1, "a pause keeps the work resumable");
}

#[test]
fn a_stop_that_was_begun_is_finished() {
    let (mut play, starts) = Play::running(one(|_| {}));
    play.command(Command::Restart(vec!["a".parse().unwrap()]));
    let done = play.next_daemon(vec![play.alive(&starts[0])]);
    assert_eq!(signalled(&done), [(starts[0].clone(), Signal::TERM)]);
    let done = play.ends(&starts[0], Exit::Signal(Signal::TERM));
    assert_eq!(started(&done).len(), 1);
    assert_eq!(play.rig.workers["a"].restarts.total, 0, "it did not fail");
}

#[test]
fn a_failure_between_its_end_and_its_trees_end_is_counted() {
    let (mut play, starts) = Play::running(one(|_| {}));
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(1), None));
    play.next_daemon(vec![ended(&starts[0], Exit::Code(1), 0)]);
    assert_eq!(play.state("a"), StateName::BackingOff);
    assert_eq!(play.rig.workers["a"].restarts.streak, 1);
}

#[test]
fn an_end_stands_once_in_the_history() {
    for survivors in [0, 1] {
        let (mut play, starts) = Play::running(one(|_| {}));
        play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(1), None));
        // And once more, by a daemon that is killed before all of it is gone.
        play.next_daemon(vec![ended(&starts[0], Exit::Code(1), survivors)]);
        play.next_daemon(vec![ended(&starts[0], Exit::Code(1), 0)]);
        let history = play.store.as_ref().unwrap().history();
        let told = history.notices(1000, None).unwrap();
        let ends: Vec<_> = told.iter().filter(|n| n.event == "worker-ended").collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
    }
}

#[test]
fn an_end_that_was_followed_by_the_next_start_stands_once_in_the_history() {
    let (mut play, starts) = Play::running(one(|_| {}));
    play.command(Command::Restart(vec!["a".parse().unwrap()]));
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(0), None));
    // The end and the next start are recorded together; neither is acted upon.
    play.cut(Event::Host(HostEvent::Gone(starts[0].clone())));
    let done = play.next_daemon(vec![ended(&starts[0], Exit::Code(0), 0)]);
    assert!(done.contains(&Effect::Conclude(starts[0].clone())));
    assert_eq!(started(&done).len(), 1);
    let history = play.store.as_ref().unwrap().history();
    let told = history.notices(1000, None).unwrap();
    let of_first =
        |n: &&Notice| n.event == "worker-ended" && n.attempt.as_ref() == Some(&starts[0].attempt);
    assert_eq!(told.iter().filter(of_first).count(), 1, "{told:?}");
}

#[test]
fn a_failure_is_counted_once() {
    let (mut play, starts) = Play::running(one(|_| {}));
    play.ends(&starts[0], Exit::Code(1));
    play.next_daemon(vec![ended(&starts[0], Exit::Code(1), 0)]);
    assert_eq!(play.state("a"), StateName::BackingOff);
    assert_eq!(play.rig.workers["a"].restarts.streak, 1);
}

#[test]
fn the_delay_before_a_restart_goes_on() {
    let (mut play, starts) = Play::running(one(|a| a.backoff.first = Duration::from_secs(30)));
    play.ends(&starts[0], Exit::Code(1));
    play.pass(10_000);
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(started(&play.pass(19_999)), []);
    assert_eq!(started(&play.pass(1)).len(), 1);
}

#[test]
fn the_delay_after_a_verdict_goes_on() {
    let (mut play, starts) = Play::running(one(|a| {
        a.ready = Some(ready());
        a.backoff.first = Duration::from_secs(30);
    }));
    assert_eq!(
        signalled(&play.pass(10_000)),
        [(starts[0].clone(), Signal::TERM)]
    );
    play.ends(&starts[0], Exit::Code(0));
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(play.state("a"), StateName::BackingOff);
}

#[test]
fn a_verdict_counts_although_the_daemon_died_of_it() {
    let (mut play, starts) = Play::running(one(|a| {
        a.restart = Restart::OnFailure;
        a.ready = Some(ready());
    }));
    play.pass(10_000);
    play.next_daemon(vec![ended(&starts[0], Exit::Code(0), 0)]);
    assert_eq!(
        play.state("a"),
        StateName::BackingOff,
        "exit 0 after a verdict is no success"
    );
    assert_eq!(play.rig.workers["a"].restarts.streak, 1);
}

#[test]
fn a_pause_is_no_way_round_the_delay() {
    let (mut play, starts) = Play::running(one(|a| a.backoff.first = Duration::from_secs(30)));
    play.ends(&starts[0], Exit::Code(1));
    play.command(Command::Pause);
    assert_eq!(started(&play.command(Command::Resume(None))), []);
    assert_eq!(started(&play.pass(30_000)).len(), 1);
}

#[test]
fn what_never_ran_is_neither_finished_nor_failed() {
    let mut play = Play::unasked(one(|a| a.restart = Restart::Never));
    play.cut(Event::Surveyed(Ok(Vec::new())));
    assert_eq!(started(&play.next_daemon(Vec::new())).len(), 1);
    assert_eq!(play.rig.workers["a"].restarts.total, 0);
}

#[test]
fn what_was_only_prepared_is_neither_finished_nor_failed() {
    let mut play = Play::unasked(one(|a| a.restart = Restart::Never));
    let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
    let done = play.next_daemon(vec![found(&starts[0], model::Condition::NeverStarted)]);
    assert_eq!(started(&done).len(), 1);
    assert!(done.contains(&Effect::Conclude(starts[0].clone())));
    assert_eq!(play.rig.workers["a"].restarts.total, 0);
}

#[test]
fn what_may_have_run_is_neither_finished_nor_run_a_second_time() {
    let mut play = Play::unasked(one(|a| a.restart = Restart::Never));
    let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
    let done = play.next_daemon(vec![ended(&starts[0], Exit::start_unseen(), 0)]);
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::Held);
    let told = done.iter().any(|effect| match effect {
        Effect::Notify(notice) => {
            notice.text.contains("not known") && notice.text.contains("start a")
        }
        _ => false,
    });
    assert!(told, "{done:?}");
    // Nor later, before somebody says so; the work of a boot that is over is taken up again.
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(play.state("a"), StateName::Held);
    assert_eq!(started(&play.reboot(Vec::new())).len(), 1);
    let (mut play, starts) = Play::running(one(|a| a.restart = Restart::Never));
    play.next_daemon(vec![ended(&starts[0], Exit::start_unseen(), 0)]);
    assert_eq!(play.state("a"), StateName::Stopped, "it was seen to run");
}

#[test]
fn what_was_released_is_not_finished_although_its_definition_is_the_old_one_again() {
    let mut play = Play::unasked(one(|a| a.restart = Restart::Never));
    let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
    play.next_daemon(vec![ended(&starts[0], Exit::start_unseen(), 0)]);
    play.command(Command::Pause);
    for version in [Some("2"), None] {
        play.reload(|config| {
            let mut again = one(|a| a.restart = Restart::Never);
            let a = again.workers.get_mut("a").unwrap();
            let version = version.map(|version| ("VERSION".into(), version.into()));
            a.environment.extend(version);
            *config = again;
        });
    }
    play.next_daemon(Vec::new());
    let done = play.command(Command::Resume(None));
    assert_eq!(started(&done).len(), 1, "{done:?}");
}

#[test]
fn what_may_have_failed_counts_as_a_failure() {
    for restart in [Restart::Always, Restart::OnFailure] {
        let mut play = Play::unasked(one(|a| a.restart = restart));
        let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
        let done = play.next_daemon(vec![ended(&starts[0], Exit::start_unseen(), 0)]);
        assert_eq!(started(&done), []);
        assert_eq!(play.state("a"), StateName::BackingOff);
        assert_eq!(play.rig.workers["a"].restarts.streak, 1);
        assert_eq!(started(&play.pass(1_000)).len(), 1);
    }
}

#[test]
fn what_finished_meanwhile_is_run_again_when_its_definition_changed() {
    let (mut play, starts) = Play::running(one(|a| a.restart = Restart::OnFailure));
    play.config = one(|a| {
        a.restart = Restart::OnFailure;
        a.environment.insert("VERSION".into(), "2".into());
    });
    let done = play.next_daemon(vec![ended(&starts[0], Exit::Code(0), 0)]);
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn a_hold_stays_although_the_last_attempt_never_started() {
    let mut play = Play::unasked(one(|a| a.budget.restarts = 0));
    let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
    play.says(HostEvent::StartFailed(
        starts[0].clone(),
        "no such program".into(),
    ));
    assert_eq!(play.state("a"), StateName::Held);
    let done = play.next_daemon(vec![found(&starts[0], model::Condition::NeverStarted)]);
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::Held);
}

#[test]
fn a_finished_worker_stays_finished_although_something_of_it_lives() {
    let (mut play, starts) = Play::running(one(|a| a.restart = Restart::Never));
    play.ends(&starts[0], Exit::Code(0));
    let done = play.next_daemon(vec![ended(&starts[0], Exit::Code(0), 1)]);
    assert_eq!(signalled(&done), [(starts[0].clone(), Signal::TERM)]);
    play.says(HostEvent::Gone(starts[0].clone()));
    let done = play.tell(Event::Found(ended(&starts[0], Exit::Code(0), 0)));
    assert!(done.contains(&Effect::Conclude(starts[0].clone())));
    assert_eq!(play.state("a"), StateName::Stopped);
}

/// What is told of the supervisor's own beginning.
fn beginning(done: &[Effect]) -> &str {
    let told = done.iter().find_map(|effect| match effect {
        Effect::Tell(notice) if notice.event == "beginning" => Some(notice.text.as_str()),
        _ => None,
    });
    let begins = format!(
        "the supervisor begins, version {}; ",
        env!("CARGO_PKG_VERSION")
    );
    told.unwrap().strip_prefix(&begins).unwrap()
}

#[test]
fn a_supervisor_says_how_the_one_before_it_ended() {
    let (mut play, starts) = Play::running(one(|_| {}));
    let history = play.store.as_ref().unwrap().history();
    let first = history.notices(1000, None).unwrap();
    let first = first.into_iter().map(Effect::Tell).collect::<Vec<_>>();
    assert_eq!(beginning(&first), "no other was here before");
    let done = play.next_daemon(vec![play.alive(&starts[0])]);
    assert_eq!(
        beginning(&done),
        "the one before died without a goodbye (last sign of life 2026-11-18 11:06:40 UTC)"
    );
    play.tell(Event::Leave(Leave::WorkersGoOn));
    let done = play.next_daemon(vec![play.alive(&starts[0])]);
    assert_eq!(
        beginning(&done),
        "the one before ended in order (2026-11-18 11:06:40 UTC)"
    );
    // What it told is a sign of life as well.
    play.pass(20_000);
    play.command(Command::Pause);
    let done = play.next_daemon(vec![]);
    assert_eq!(
        beginning(&done),
        "the one before died without a goodbye (last sign of life 2026-11-18 11:07:00 UTC)"
    );
}

#[test]
fn an_attempt_is_concluded_once_its_end_is_recorded() {
    let (mut play, starts) = Play::running(one(|_| {}));
    play.refuses = true;
    let done = play.ends(&starts[0], Exit::Code(42));
    let concluded = Effect::Conclude(starts[0].clone());
    assert!(
        !done.contains(&concluded),
        "its exit record is all there is"
    );
    play.refuses = false;
    assert!(play.pass(5_000).contains(&concluded));
}

fn two_phases(restart: Restart) -> Config {
    let mut config = one(|a| a.restart = restart);
    config.plan.phases = vec![
        phase("one", Condition::Operator),
        phase("two", Condition::Operator),
    ];
    config
}

#[test]
fn what_finished_in_one_phase_runs_in_the_next_although_the_daemon_died_in_between() {
    let (mut play, starts) = Play::running(two_phases(Restart::Never));
    play.ends(&starts[0], Exit::Code(0));
    play.cut(Event::Command(RequestId(1), Command::PhaseDone));
    assert_eq!(started(&play.next_daemon(Vec::new())).len(), 1);
}

#[test]
fn what_ends_while_the_phase_changes_runs_in_the_next() {
    let (mut play, starts) = Play::running(two_phases(Restart::OnFailure));
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(0), None));
    play.command(Command::PhaseDone);
    let done = play.says(HostEvent::Gone(starts[0].clone()));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn what_a_change_of_phase_leaves_alone_stays_finished() {
    let begin = || {
        let mut config = two_phases(Restart::Never);
        for worker in config.workers.values_mut() {
            worker.on_phase = OnPhase::Keep;
        }
        Play::running(config)
    };
    // It finished before the change, and the next daemon knows that, too.
    let (mut play, starts) = begin();
    play.ends(&starts[0], Exit::Code(0));
    assert_eq!(started(&play.command(Command::PhaseDone)), []);
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(play.state("a"), StateName::Stopped);
    // It was under way at the change.
    let (mut play, starts) = begin();
    assert_eq!(signalled(&play.command(Command::PhaseDone)), []);
    assert_eq!(started(&play.ends(&starts[0], Exit::Code(0))), []);
    assert_eq!(started(&play.pass(1_000)), []);
    // A phase that is not its own came in between.
    let (mut play, starts) = begin();
    play.reload(|config| {
        for worker in config.workers.values_mut() {
            worker.phases = Some(vec!["one".parse().unwrap()]);
        }
    });
    play.ends(&starts[0], Exit::Code(0));
    assert_eq!(started(&play.command(Command::PhaseDone)), []);
    let first = Command::PhaseSet(PhaseRef::Index(0));
    assert_eq!(started(&play.command(first)).len(), 1);
}

#[test]
fn what_finished_stays_so_in_its_phase() {
    let (mut play, starts) = Play::running(two_phases(Restart::OnFailure));
    play.ends(&starts[0], Exit::Code(0));
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(play.state("a"), StateName::Stopped);
}

#[test]
fn a_hold_stays_although_the_host_cannot_say_what_became_of_the_last_attempt() {
    let (mut play, starts) = Play::running(one(|a| a.budget.restarts = 0));
    play.ends(&starts[0], Exit::Code(1));
    let no_answer = found(&starts[0], model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![no_answer]);
    assert_eq!(play.state("a"), StateName::Held);
    let done = play.tell(Event::Found(ended(&starts[0], Exit::Code(1), 0)));
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::Held);
}
