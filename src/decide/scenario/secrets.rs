//! Secrets that change while a worker has them.

use std::path::PathBuf;

use super::*;
use crate::config::OnSecretChange;

fn with_secret(on_change: OnSecretChange) -> Worker {
    let mut worker = worker("a");
    let path = PathBuf::from("/run/secrets/key");
    worker.secrets.files.insert("key".into(), path);
    worker.secrets.on_change = on_change;
    worker
}

/// The attempts whose secrets are to be looked at.
fn compared(effects: &[Effect]) -> Vec<AttemptRef> {
    let of = |effect: &Effect| match effect {
        Effect::CompareSecrets(of, files) if files.contains_key("key") => Some(of.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn a_changed_secret_is_a_new_attempt_that_does_not_count() {
    let (mut play, starts) = Play::running(rig([
        with_secret(OnSecretChange::Restart),
        worker("without"),
    ]));
    let of = &starts[0];
    let asked = compared(&play.tell(Event::NeedsMayDiffer));
    assert_eq!(asked, std::slice::from_ref(of));
    let done = play.tell(Event::SecretsDiffer(of.clone()));
    assert_eq!(signalled(&done), [(of.clone(), Signal::TERM)]);
    // While it is on its way out it is not asked again.
    assert_eq!(compared(&play.tell(Event::NeedsMayDiffer)), []);
    let done = play.tell(Event::SecretsDiffer(of.clone()));
    assert_eq!(signalled(&done), []);
    let next = started(&play.ends(of, Exit::Signal(Signal::TERM)));
    let [next] = next.as_slice() else {
        panic!("{next:?}")
    };
    assert_eq!(play.rig.workers["a"].restarts.streak, 0);
    // It may have changed once more while that was being started.
    let done = play.runs(next);
    assert_eq!(compared(&done), std::slice::from_ref(next));
    // News of the one before.
    let done = play.tell(Event::SecretsDiffer(of.clone()));
    assert_eq!(signalled(&done), []);
}

#[test]
fn a_secret_that_arrives_ends_the_wait_for_it_and_for_nothing_else() {
    let (mut play, starts) = Play::running(rig([with_secret(OnSecretChange::Restart)]));
    let next = started(&play.ends(&starts[0], Exit::Code(1)));
    assert_eq!(next, [], "its delay");
    assert_eq!(started(&play.tell(Event::NeedsMayDiffer)), []);
    let next = started(&play.pass(60_000));
    play.says(HostEvent::Shortage(next[0].clone(), "no such file".into()));
    assert_eq!(play.state("a"), StateName::BackingOff);
    assert_eq!(started(&play.tell(Event::NeedsMayDiffer)).len(), 1);
}

#[test]
fn who_wants_a_signal_gets_it_alone_and_goes_on() {
    let hup = OnSecretChange::Signal(Signal::HUP);
    let (mut play, starts) = Play::running(rig([with_secret(hup)]));
    let of = starts[0].clone();
    let done = play.tell(Event::SecretsDiffer(of.clone()));
    let reload = Effect::Reload(of, play.identity(), Signal::HUP);
    assert!(done.contains(&reload), "{done:?}");
    assert_eq!(signalled(&done), []);
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn who_does_not_care_is_left_alone() {
    let ignores = with_secret(OnSecretChange::Ignore);
    let (mut play, starts) = Play::running(rig([ignores]));
    assert_eq!(compared(&play.tell(Event::NeedsMayDiffer)), []);
    let done = play.tell(Event::SecretsDiffer(starts[0].clone()));
    assert_eq!(signalled(&done), []);
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn what_changed_while_there_was_no_daemon_is_looked_at_by_the_next() {
    let (mut play, starts) = Play::running(rig([with_secret(OnSecretChange::Restart)]));
    let of = starts[0].clone();
    let alive = play.alive(&of);
    let done = play.next_daemon(vec![alive]);
    assert_eq!(compared(&done), [of]);
}

#[test]
fn a_daemon_that_leaves_begins_nothing() {
    let (mut play, starts) = Play::running(rig([with_secret(OnSecretChange::Restart)]));
    play.tell(Event::Leave(Leave::WorkersGoOn));
    let done = play.tell(Event::SecretsDiffer(starts[0].clone()));
    assert_eq!(signalled(&done), []);
}
