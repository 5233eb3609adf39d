//! One life a worker, and one a worktree.

use super::{super::Fact, *};

fn other(of: &AttemptRef) -> AttemptRef {
    AttemptRef {
        worker: of.worker.clone(),
        attempt: "20200101T000000Z-00000001".parse().unwrap(),
    }
}

#[test]
fn a_double_that_cannot_be_seen_is_asked_for_until_it_is_gone() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let double = other(&starts[0]);
    let unknown = found(&double, model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![play.alive(&starts[0]), unknown]);
    let asked = Effect::Inquire(double.clone());
    assert!(play.pass(10_000).contains(&asked));
    play.ends(&starts[0], Exit::Code(1));
    assert_eq!(started(&play.pass(5_000)), [], "it may live");
    let done = play.tell(Event::Found(ended(&double, Exit::Code(0), 0)));
    assert_eq!(started(&done).len(), 1);
    assert!(done.contains(&Effect::Conclude(double)));
}

#[test]
fn a_double_that_turns_out_to_be_all_that_lives_is_taken_over() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let double = other(&starts[0]);
    let unknown = found(&double, model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![play.alive(&starts[0]), unknown]);
    play.ends(&starts[0], Exit::Code(1));
    let done = play.tell(Event::Found(play.alive(&double)));
    assert_eq!(signalled(&done), []);
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn a_double_that_turns_out_to_live_while_the_present_one_ends_is_taken_over_then() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let double = other(&starts[0]);
    let unknown = found(&double, model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![play.alive(&starts[0]), unknown]);
    play.says(HostEvent::Ended(starts[0].clone(), Exit::Code(1), None));
    let done = play.tell(Event::Found(play.alive(&double)));
    assert_eq!(signalled(&done), []);
    play.says(HostEvent::Gone(starts[0].clone()));
    assert!(play.pass(10_000).contains(&Effect::Inquire(double.clone())));
    let done = play.tell(Event::Found(play.alive(&double)));
    assert_eq!((signalled(&done), started(&done)), (vec![], vec![]));
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn a_double_has_its_grace_and_its_end_is_asked_for() {
    let mut a = worker("a");
    a.stop.grace = Duration::from_secs(40);
    let (mut play, starts) = Play::running(rig([a]));
    let double = other(&starts[0]);
    play.next_daemon(vec![play.alive(&starts[0]), play.alive(&double)]);
    assert_eq!(signalled(&play.pass(39_999)), []);
    assert_eq!(signalled(&play.pass(1)), [(double.clone(), Signal::KILL)]);
    // Nobody said that it is gone; the host is asked.
    assert!(play.pass(5_000).contains(&Effect::Inquire(double)));
}

#[test]
fn a_worker_that_was_removed_meanwhile_is_stopped_as_it_was_declared_and_no_alarm() {
    let (mut play, starts) = Play::running(rig([worker("old")]));
    play.config = rig([]);
    let stop = Some(Stop {
        signal: Signal::HUP,
        grace: Duration::from_secs(90),
    });
    let alive = play.alive(&starts[0]);
    let done = play.next_daemon(vec![Found { stop, ..alive }]);
    let place = |effect: &Effect| done.iter().position(|one| one == effect);
    let adopted = place(&Effect::Adopt(starts[0].clone(), play.identity()));
    let asked = place(&Effect::Signal(starts[0].clone(), Signal::HUP));
    assert!(adopted.is_some() && adopted < asked, "{done:?}");
    let alarm = |effect: &&Effect| matches!(effect, Effect::Notify(_));
    assert_eq!(done.iter().find(alarm), None);
    assert_eq!(signalled(&play.pass(89_999)), []);
    assert_eq!(
        signalled(&play.pass(1)),
        [(starts[0].clone(), Signal::KILL)]
    );
    play.ends(&starts[0], Exit::Code(7));
    let lost = Exit::Lost("nobody was there".into());
    let done = play.tell(Event::Found(ended(&starts[0], lost, 0)));
    let facts = done.iter().flat_map(|effect| match effect {
        Effect::Record(facts) => facts.as_slice(),
        _ => &[],
    });
    let told: Vec<_> = facts
        .filter_map(|fact| match fact {
            Fact::Ended { exit, .. } => Some(exit.to_string()),
            Fact::Notice(notice) => Some(notice.text.clone()),
            _ => None,
        })
        .collect();
    assert!(told.contains(&"exit code 7".to_owned()), "{told:?}");
    let news = "old ended: exit code 7 after a stop (removed from the configuration)";
    assert!(told.contains(&news.to_owned()), "{told:?}");
}

#[test]
fn a_worker_that_was_removed_has_half_a_minute_where_nobody_knows_how_it_is_stopped() {
    let (mut play, starts) = Play::running(rig([worker("old")]));
    play.config = rig([]);
    let done = play.next_daemon(vec![play.alive(&starts[0])]);
    assert_eq!(signalled(&done), [(starts[0].clone(), Signal::TERM)]);
    assert_eq!(signalled(&play.pass(29_999)), []);
    assert_eq!(
        signalled(&play.pass(1)),
        [(starts[0].clone(), Signal::KILL)]
    );
}

#[test]
fn nobody_works_where_a_removed_worker_still_does() {
    let mut old = worker("old");
    old.worktree = Some("/tree".into());
    let mut new = worker("new");
    new.worktree = Some("/tree".into());
    let (mut play, starts) = Play::running(rig([old]));
    play.config = rig([new]);
    let done = play.next_daemon(vec![play.alive(&starts[0])]);
    assert_eq!(started(&done), []);
    assert_eq!(signalled(&done), [(starts[0].clone(), Signal::TERM)]);
    play.says(HostEvent::Gone(starts[0].clone()));
    let done = play.tell(Event::Found(ended(&starts[0], Exit::Code(0), 0)));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn worktrees_that_change_hands_between_daemons_are_waited_for() {
    let tree = |name: &str, tree: &str| {
        let mut worker = worker(name);
        worker.worktree = Some(tree.into());
        worker
    };
    let (mut play, starts) = Play::running(rig([tree("a", "/1"), tree("b", "/2")]));
    play.config = rig([tree("a", "/2"), tree("b", "/1")]);
    let done = play.next_daemon(starts.iter().map(|of| play.alive(of)).collect());
    assert_eq!(signalled(&done).len(), 2);
    let done = play.ends(&starts[0], Exit::Code(0));
    assert_eq!(started(&done), [], "b still works in /2");
    let done = play.ends(&starts[1], Exit::Code(0));
    assert_eq!(started(&done).len(), 2);
}

#[test]
fn who_takes_the_workers_along_waits_for_strays_and_for_the_host() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let double = other(&starts[0]);
    play.next_daemon(vec![play.alive(&starts[0]), play.alive(&double)]);
    play.tell(Event::Leave(Leave::StopWorkers));
    let done = play.ends(&starts[0], Exit::Code(0));
    assert!(!done.contains(&Effect::Exit), "the double lives");
    let done = play.tell(Event::Found(ended(&double, Exit::Code(0), 0)));
    assert!(done.contains(&Effect::Exit));

    let mut play = Play::unasked(rig([worker("a")]));
    let done = play.tell(Event::Leave(Leave::StopWorkers));
    assert!(!done.contains(&Effect::Exit), "nobody knows what lives");
    assert!(
        play.tell(Event::Surveyed(Ok(Vec::new())))
            .contains(&Effect::Exit)
    );
}

#[test]
fn what_lives_is_kept_although_the_recorded_one_could_not_be_seen() {
    // The disk was full when the second one was started, so only the first one is recorded.
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let unknown = |of: &AttemptRef| found(of, model::Condition::Unknown("no answer".into()));
    let second = other(&starts[0]);
    let done = play.next_daemon(vec![unknown(&starts[0]), play.alive(&second)]);
    assert_eq!(signalled(&done), [], "it is all that is known to live");
    play.tell(Event::Found(ended(&starts[0], Exit::Code(1), 0)));
    assert_eq!(play.state("a"), StateName::Running);

    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.next_daemon(vec![unknown(&starts[0]), unknown(&second)]);
    let done = play.tell(Event::Found(play.alive(&second)));
    assert_eq!(signalled(&done), [], "the recorded one may be dead");
    play.tell(Event::Found(ended(&starts[0], Exit::Code(1), 0)));
    let done = play.tell(Event::Found(play.alive(&second)));
    assert_eq!(signalled(&done), []);
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn a_failure_counts_although_an_older_attempt_cannot_be_seen() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let older = other(&starts[0]);
    let unknown = found(&older, model::Condition::Unknown("no answer".into()));
    play.next_daemon(vec![ended(&starts[0], Exit::Code(1), 0), unknown]);
    assert_eq!(play.rig.workers["a"].restarts.streak, 1);
    assert_eq!(started(&play.pass(5_000)), [], "the older one may live");
    let done = play.tell(Event::Found(ended(&older, Exit::Code(1), 0)));
    assert_eq!(started(&done).len(), 1);
}

fn rows(play: &Play) -> Vec<(String, StateName, Option<String>, Option<i32>)> {
    let view = play.rig.view(now(play.t), |_, _| None);
    let row =
        |row: super::super::Row<'_>| (row.name.to_string(), row.state, row.reason.clone(), row.pid);
    view.workers.into_iter().map(row).collect()
}

#[test]
fn a_removed_worker_is_shown_until_it_is_gone_whichever_daemon_ends_it() {
    let stopping = |play: &Play| {
        let why = Some("removed from the configuration".to_owned());
        let gone = ("gone".to_owned(), StateName::Stopping, why, Some(4711));
        let rows = rows(play);
        assert_eq!(rows[0], gone);
        assert_eq!((rows.len(), rows[1].0.as_str()), (2, "stays"));
    };
    let (mut play, starts) = Play::running(rig([worker("gone"), worker("stays")]));
    play.reload(|config| {
        config.workers.remove("gone");
    });
    stopping(&play);
    let found = starts.iter().map(|of| play.alive(of)).collect();
    play.next_daemon(found);
    stopping(&play);
    let done = play.command(Command::Stop(vec!["gone".parse().unwrap()]));
    let refusal = done.iter().find_map(|effect| match effect {
        Effect::Answer(_, Err(refusal)) => Some(refusal.message.clone()),
        _ => None,
    });
    let being_ended = "worker gone is no longer declared, and is being ended";
    assert_eq!(refusal.as_deref(), Some(being_ended));
    play.ends(&starts[0], Exit::Code(0));
    play.tell(Event::Found(ended(&starts[0], Exit::Code(0), 0)));
    assert_eq!(rows(&play).len(), 1);
}

#[test]
fn a_removed_worker_of_which_its_host_says_nothing_is_shown_as_lost() {
    let (mut play, starts) = Play::running(rig([worker("gone")]));
    play.config = rig([]);
    let unknown = model::Condition::Unknown("no answer".into());
    play.next_daemon(vec![found(&starts[0], unknown)]);
    let why = Some("its host has not said whether it lives".to_owned());
    let lost = ("gone".to_owned(), StateName::Lost, why, None);
    assert_eq!(rows(&play), [lost]);
}

#[test]
fn who_is_declared_again_while_it_is_ended_was_stopped_for_one_reason() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let declared = std::mem::replace(&mut play.config, rig([]));
    play.next_daemon(vec![play.alive(&starts[0])]);
    play.reload(|config| *config = declared);
    play.ends(&starts[0], Exit::Signal(Signal::TERM));
    let done = play.tell(Event::Found(ended(
        &starts[0],
        Exit::Signal(Signal::TERM),
        0,
    )));
    let told = done.iter().find_map(|effect| match effect {
        Effect::Tell(notice) if notice.event == "worker-ended" => Some(notice.text.as_str()),
        _ => None,
    });
    let text = format!(
        "a ended: {} after a stop (removed from the configuration)",
        Exit::Signal(Signal::TERM)
    );
    assert_eq!(told, Some(text.as_str()));
    assert_eq!(started(&done).len(), 1);
}
