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
fn a_stray_is_watched_while_it_is_ended_and_its_end_is_told_as_it_was() {
    let (mut play, starts) = Play::running(rig([worker("old")]));
    play.config = rig([]);
    let done = play.next_daemon(vec![play.alive(&starts[0])]);
    let place = |effect: &Effect| done.iter().position(|one| one == effect);
    let adopted = place(&Effect::Adopt(starts[0].clone(), play.identity()));
    let asked = place(&Effect::Signal(starts[0].clone(), Signal::TERM));
    assert!(adopted.is_some() && adopted < asked, "{done:?}");
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
    let news = "old ended: exit code 7 (an attempt of a worker that is no longer declared)";
    assert!(told.contains(&news.to_owned()), "{told:?}");
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
