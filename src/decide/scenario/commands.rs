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
            Effect::Answer(_, Ok(said)) => Some(said.to_string()),
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
fn how_a_removed_worker_ends_is_not_held_against_the_next_of_its_name() {
    let mut once = agents::agent("a");
    once.budget.restarts = 0;
    once.breaker = Some(config::Breaker {
        rounds: 1,
        again: Duration::from_secs(1800),
    });
    let (mut play, starts) = Play::running(rig([once]));
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(1), None));
    let workers = std::mem::take(&mut play.config.workers);
    play.reload(|_| ());
    let done = play.says(HostEvent::Gone(starts[0].clone()));
    let told = |effect: &Effect| match effect {
        Effect::Tell(notice) => Some(notice.event.clone()),
        _ => None,
    };
    let told: Vec<_> = done.iter().filter_map(told).collect();
    assert_eq!(told, ["worker-ended"]);
    play.config.workers = workers;
    assert_eq!(started(&play.next_daemon(Vec::new())).len(), 1);
    assert!(play.rig.workers["a"].restarts.window.is_empty());
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

fn refusals(effects: &[Effect]) -> Vec<(String, Option<String>)> {
    let of = |effect: &Effect| match effect {
        Effect::Answer(_, Err(refusal)) => Some((refusal.message.clone(), refusal.hint.clone())),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn the_way_out_of_a_pause_names_the_phase_where_nobody_knows_it() {
    let mut config = rig([worker("a")]);
    config.plan.phases = ["one", "two"]
        .map(|id| phase(id, Condition::Operator))
        .into();
    let mut play = Play::begin(config);
    play.config.plan.phases.remove(0);
    play.next_daemon(Vec::new());
    let paused = play
        .command(Command::Pause)
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Answer(_, Ok(said)) => Some(said.to_string()),
            _ => None,
        });
    let paused = paused.unwrap();
    assert!(
        paused.ends_with("`supervisorctl resume --phase ID` goes on"),
        "{paused}"
    );
    let (_, hint) = refusals(&play.command(Command::Start(a()))).remove(0);
    let ends = "`supervisorctl resume --phase ID` ends the pause";
    assert_eq!(hint.as_deref(), Some(ends));
}

#[test]
fn who_needs_a_worker_that_is_down_is_not_started_and_stays_as_it_was() {
    let mut needy = worker("a");
    needy.requires = vec!["b".parse().unwrap()];
    let mut play = Play::unasked(rig([needy, worker("b")]));
    let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
    let next = started(&play.runs(&starts[0]));
    play.runs(&next[0]);
    let both = ["a", "b"].map(|name| name.parse().unwrap()).to_vec();
    play.command(Command::Stop(both.clone()));
    for of in [&starts[0], &next[0]] {
        play.ends(of, Exit::Code(0));
    }
    for command in [Command::Start(a()), Command::Restart(a())] {
        let done = play.command(command);
        let message = "worker a needs b, which is stopped; nothing changed".to_owned();
        let hint = Some("`supervisorctl start b a`".to_owned());
        assert_eq!(refusals(&done), [(message, hint)]);
    }
    let began = started(&play.command(Command::Start(vec!["b".parse().unwrap()])));
    let done = play.runs(&began[0]);
    assert_eq!(started(&done), [], "a is still stopped by the operator");
    play.command(Command::Stop(both.clone()));
    play.ends(&began[0], Exit::Code(0));
    let began = started(&play.command(Command::Start(both)));
    let done = play.runs(&began[0]);
    assert_eq!(started(&done).len(), 1, "both were asked for");
}

#[test]
fn another_definition_releases_a_hold() {
    let mut held = worker("a");
    held.budget.restarts = 0;
    let (mut play, starts) = Play::running(rig([held]));
    play.ends(&starts[0], Exit::Code(1));
    let slower = |config: &mut Config| {
        let a = config.workers.get_mut("a").unwrap();
        a.stop.grace *= 2;
    };
    play.reload(slower);
    assert_eq!(play.state("a"), StateName::Held, "it is the same program");
    let mended = |config: &mut Config| {
        let a = config.workers.get_mut("a").unwrap();
        let count = a.environment.len();
        a.environment.insert(format!("NEW{count}"), "1".into());
    };
    let next = started(&play.reload(mended));
    assert_eq!(next.len(), 1);
    play.runs(&next[0]);
    play.ends(&next[0], Exit::Code(1));
    assert_eq!(play.state("a"), StateName::Held);

    // The same while no daemon runs.
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    mended(&mut play.config);
    let next = started(&play.next_daemon(Vec::new()));
    assert_eq!(next.len(), 1);
    // The hold does not come back with the next daemon.
    assert_eq!(started(&play.next_daemon(Vec::new())).len(), 1);
}
