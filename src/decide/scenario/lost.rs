//! News that never came, and a host that does not answer.

use super::*;

fn unknown(of: &AttemptRef) -> Event {
    Event::Found(found(of, model::Condition::Unknown("no answer".into())))
}

#[test]
fn an_end_that_nobody_told_is_noticed() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    assert!(
        play.pass(60_000)
            .contains(&Effect::Inquire(starts[0].clone()))
    );
    play.tell(Event::Found(ended(&starts[0], Exit::Code(1), 0)));
    assert_eq!(play.state("a"), StateName::BackingOff);
}

#[test]
fn a_host_that_does_not_answer_is_asked_until_it_does() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.says(HostEvent::Gone(starts[0].clone()));
    let done = play.tell(unknown(&starts[0]));
    assert_eq!(signalled(&done), []);
    assert_eq!(play.state("a"), StateName::Lost);
    assert!(
        play.pass(10_000)
            .contains(&Effect::Inquire(starts[0].clone()))
    );
    play.tell(Event::Found(ended(&starts[0], Exit::Code(1), 0)));
    assert_eq!(play.state("a"), StateName::BackingOff);
}

#[test]
fn what_was_ready_is_ready_when_its_host_answers_again() {
    let mut a = worker("a");
    a.ready = Some(ready());
    let (mut play, starts) = Play::running(rig([a]));
    play.pass(0);
    play.tell(Event::Wake);
    play.tell(Event::Probed(starts[0].clone(), Looked::Well));
    assert_eq!(play.state("a"), StateName::Running);
    play.tell(unknown(&starts[0]));
    let done = play.tell(Event::Found(play.alive(&starts[0])));
    assert_eq!(play.state("a"), StateName::Running);
    assert!(
        !done
            .iter()
            .any(|effect| matches!(effect, Effect::Adopt(..))),
        "it is watched already"
    );
}

#[test]
fn what_is_found_running_has_run_since_it_was_started() {
    let mut probed = worker("probed");
    probed.ready = Some(ready());
    let (mut play, starts) = Play::running(rig([worker("plain"), probed]));
    play.tell(Event::Wake);
    play.tell(Event::Probed(starts[1].clone(), Looked::Well));
    let began = starts[0].attempt.decided().unwrap();
    play.t += 3_600_000;
    play.next_daemon(vec![play.alive(&starts[0]), play.alive(&starts[1])]);
    play.tell(Event::Wake);
    play.tell(Event::Probed(starts[1].clone(), Looked::Well));
    for name in ["plain", "probed"] {
        assert_eq!(play.state(name), StateName::Running);
        assert_eq!(play.rig.workers[name].since, began, "{name}");
    }
    play.t += 3_600_000;
    play.tell(unknown(&starts[0]));
    assert_eq!(play.rig.workers["plain"].since, now(play.t).wall);
    play.tell(Event::Found(play.alive(&starts[0])));
    assert_eq!(play.rig.workers["plain"].since, began);
}

#[test]
fn what_stands_still_has_done_so_since_its_last_end() {
    let mut once = worker("once");
    once.restart = Restart::Never;
    let mut frail = worker("frail");
    frail.budget.restarts = 0;
    let (mut play, starts) = Play::running(rig([frail, once, worker("stopped")]));
    play.pass(5_000);
    play.command(Command::Stop(vec!["stopped".parse().unwrap()]));
    play.ends(&starts[0], Exit::Code(1));
    play.ends(&starts[1], Exit::Code(0));
    play.ends(&starts[2], Exit::Signal(Signal::TERM));
    let then = now(play.t).wall;
    play.t += 6 * 3_600_000;
    play.next_daemon(Vec::new());
    for (name, state) in [
        ("frail", StateName::Held),
        ("once", StateName::Stopped),
        ("stopped", StateName::Stopped),
    ] {
        assert_eq!(play.state(name), state, "{name}");
        assert_eq!(play.rig.workers[name].since, then, "{name}");
    }
    // From now on it is this daemon that knows.
    let again = started(&play.command(Command::Start(vec!["stopped".parse().unwrap()])));
    play.runs(&again[0]);
    play.command(Command::Stop(vec!["stopped".parse().unwrap()]));
    play.ends(&again[0], Exit::Signal(Signal::TERM));
    assert_eq!(play.state("stopped"), StateName::Stopped);
    assert_eq!(play.rig.workers["stopped"].since, now(play.t).wall);
}

#[test]
fn who_is_not_started_after_a_reboot_stands_still_since_the_machine_went_down() {
    let mut paused = rig([worker("a")]);
    paused.plan.resume = config::Resume::Manual;
    let (mut play, starts) = Play::running(paused);
    play.t += 3_600_000;
    play.reboot(vec![ended_with_machine(&starts[0], Exit::Code(7))]);
    assert_eq!(play.state("a"), StateName::Stopped);
    assert_eq!(play.rig.workers["a"].since, went_down_at());
}

#[test]
fn what_was_not_ready_still_has_to_become_so() {
    let mut a = worker("a");
    a.ready = Some(ready());
    let (mut play, starts) = Play::running(rig([a]));
    play.tell(unknown(&starts[0]));
    play.tell(Event::Found(play.alive(&starts[0])));
    assert_eq!(play.state("a"), StateName::Starting);
    assert_eq!(
        signalled(&play.pass(10_000)),
        [(starts[0].clone(), Signal::TERM)]
    );
}

#[test]
fn a_move_that_another_one_replaced_is_never_recorded() {
    let mut config = rig([]);
    config.plan.phases = ["one", "two", "three"]
        .map(|id| phase(id, Condition::Operator))
        .into();
    let mut play = Play::begin(config);
    play.refuses = true;
    play.tell(Event::PhaseFile(PhaseRef::Index(1)));
    play.command(Command::PhaseSet(PhaseRef::Index(2)));
    // The operator's move is refused and given up; the edit of the file must not come true alone.
    play.pass(5_000);
    play.refuses = false;
    play.pass(60_000);
    let shown = play.rig.progress.in_words();
    play.next_daemon(Vec::new());
    assert_eq!(play.rig.progress.in_words(), shown);
}

#[test]
fn a_lost_resume_point_stops_nobody_and_starts_nobody() {
    let [runs, ends] = ["a", "b"].map(worker);
    let mut config = rig([runs, ends]);
    config.plan.phases = ["one", "two"]
        .map(|id| phase(id, Condition::Operator))
        .into();
    let (mut play, starts) = Play::running(config);
    play.command(Command::PhaseDone);
    let starts: Vec<_> = match &started(&play.pass(60_000))[..] {
        [] => starts,
        later => later.to_vec(),
    };
    play.close();
    for file in ["loopkeeper.db", "loopkeeper.db-wal", "phase-idx"] {
        drop(std::fs::remove_file(play.path().join(file)));
    }
    std::fs::create_dir_all(play.path().join("attempts/a")).unwrap();
    let living: Vec<_> = starts.iter().map(|of| play.alive(of)).collect();
    let done = play.next_daemon(living);
    assert_eq!((signalled(&done), started(&done)), (vec![], vec![]));
    assert_eq!(play.state("a"), StateName::Running);
    let of_b = starts.iter().find(|of| of.worker.as_str() == "b").unwrap();
    play.ends(of_b, Exit::Code(1));
    assert_eq!(started(&play.pass(3_600_000)), []);
    assert_eq!(play.state("b"), StateName::Stopped);
    assert_eq!(play.state("a"), StateName::Running);
    // Whoever asks for a pause gets one.
    let done = play.command(Command::Pause);
    assert_eq!(signalled(&done).len(), 1);
    // It is the same pause to the next daemon, and when there is a point again.
    play.next_daemon(Vec::new());
    assert_eq!(play.rig.paused.as_deref(), Some("by the operator"));
    assert_eq!(play.rig.progress.at, crate::decide::plan::At::Astray(None));
    // A plan that was away for a while does not begin anew.
    let plan = std::mem::take(&mut play.config.plan);
    play.reload(|_| ());
    play.reload(|config| config.plan = plan);
    assert_eq!(play.rig.progress.at, crate::decide::plan::At::Astray(None));
    play.tell(Event::PhaseFile(PhaseRef::Index(1)));
    assert_eq!(play.rig.progress.at, crate::decide::plan::At::Phase(1));
    play.next_daemon(Vec::new());
    assert_eq!(play.rig.paused.as_deref(), Some("by the operator"));
}

#[test]
fn who_says_goodbye_has_left_nothing_untold() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    play.refuses = true;
    play.tell(Event::Leave(Leave::StopWorkers));
    // There is room again, and the time to ask the store once more has not come.
    play.refuses = false;
    let done = play.ends(&starts[0], Exit::Code(0));
    assert!(done.contains(&Effect::Exit));
    let done = play.next_daemon(vec![ended(&starts[0], Exit::Code(0), 0)]);
    assert_eq!(
        started(&done).len(),
        1,
        "it was interrupted, and is not finished"
    );
}

#[test]
fn an_end_of_an_earlier_boot_does_not_count_however_late_it_is_known() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    let no_answer = found(&starts[0], model::Condition::Unknown("no answer".into()));
    assert_eq!(started(&play.reboot(vec![no_answer])), []);
    let lost = ended(&starts[0], Exit::Lost("the machine went down".into()), 0);
    assert_eq!(started(&play.tell(Event::Found(lost))).len(), 1);
}

#[test]
fn a_stop_that_was_begun_is_known_however_late_the_host_answers() {
    let mut careful = worker("a");
    careful.restart = Restart::OnFailure;
    let (mut play, starts) = Play::running(rig([careful]));
    play.command(Command::Restart(vec!["a".parse().unwrap()]));
    let no_answer = found(&starts[0], model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![no_answer]);
    let done = play.tell(Event::Found(ended(&starts[0], Exit::Code(0), 0)));
    assert_eq!(started(&done).len(), 1);
}

/// A worker on another host.
fn afar(name: &str) -> Worker {
    let mut afar = worker(name);
    afar.on = config::On::Host("gpu".parse().unwrap());
    afar
}

fn inquired(done: &[Effect]) -> Vec<&AttemptRef> {
    let asked = done.iter().filter_map(|effect| match effect {
        Effect::Inquire(of) => Some(of),
        _ => None,
    });
    asked.collect()
}

#[test]
fn what_is_on_other_hosts_is_asked_when_their_reach_differs() {
    let (mut play, starts) = Play::running(rig([afar("far"), worker("here")]));
    let asked = play.tell(Event::ReachMayDiffer);
    assert_eq!(inquired(&asked), [&starts[0]]);
    play.tell(unknown(&starts[0]));
    play.tell(unknown(&starts[1]));
    assert_eq!(play.state("far"), StateName::Lost);
    let asked = play.tell(Event::ReachMayDiffer);
    assert_eq!(inquired(&asked), [&starts[0], &starts[1]]);
    play.tell(Event::Found(play.alive(&starts[0])));
    assert_eq!(play.state("far"), StateName::Running);
}

#[test]
fn who_leaves_does_not_wait_for_a_host_out_of_reach() {
    let (mut play, starts) = Play::running(rig([afar("far"), afar("gone"), worker("here")]));
    play.tell(unknown(&starts[1]));
    let done = play.tell(Event::Leave(Leave::StopWorkers));
    assert_eq!(signalled(&done).len(), 2, "what can be reached is stopped");
    assert!(!done.contains(&Effect::Exit));
    // The link is lost before it has ended.
    play.tell(unknown(&starts[0]));
    assert_eq!(play.state("far"), StateName::Lost);
    let done = play.ends(&starts[2], Exit::Signal(Signal::TERM));
    assert!(done.contains(&Effect::Exit));
    // The next one goes on with the stop.
    let found = vec![play.alive(&starts[0]), play.alive(&starts[1])];
    let done = play.next_daemon(found);
    let to: Vec<_> = signalled(&done).into_iter().map(|(of, _)| of).collect();
    assert!(
        to.contains(&starts[0]) && !to.contains(&starts[1]),
        "{to:?}"
    );
}

#[test]
fn a_host_out_of_reach_keeps_nobody_here_from_a_worktree() {
    let mut here = worker("here");
    here.worktree = Some("/srv/tree".into());
    let beside = worker("beside");
    let (mut play, starts) = Play::running(rig([afar("far"), here, beside]));
    play.ends(&starts[2], Exit::Code(1));
    let lost = |of: &AttemptRef, on: Option<&str>| Found {
        on: on.map(|on| on.parse().unwrap()),
        ..found(of, model::Condition::Unknown("no answer".into()))
    };
    // What is declared there is another one meanwhile, so nobody knows in which worktree it works.
    let mut other = afar("far");
    other.environment.insert("A".into(), "b".into());
    let mut here = worker("here");
    here.worktree = Some("/srv/tree".into());
    play.config = rig([other, here, worker("beside")]);
    let alive = play.alive(&starts[0]);
    play.next_daemon(vec![lost(&starts[1], Some("gpu")), alive.clone()]);
    play.pass(60_000);
    assert_eq!(play.state("far"), StateName::Lost);
    assert_ne!(play.state("here"), StateName::Waiting);
    // Here it might be in that one.
    play.next_daemon(vec![lost(&starts[1], None), alive]);
    play.pass(60_000);
    assert_eq!(play.state("here"), StateName::Waiting);
}
