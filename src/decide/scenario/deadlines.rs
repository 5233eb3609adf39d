//! A rig that has nothing to do sleeps.

use super::*;

/// Waking at every deadline for an hour; `pass` fails when one of them lies in the past.
fn sleeps(mut play: Play) {
    play.pass(3_600_000);
}

#[test]
fn a_paused_plan_is_not_looked_at() {
    let mut config = rig([]);
    config.plan.phases = vec![phase("one", until_file())];
    let mut play = Play::begin(config);
    play.tell(Event::PhaseChecked("one".parse().unwrap(), Ok(false)));
    play.command(Command::Pause);
    sleeps(play);
}

#[test]
fn a_plan_is_not_looked_at_while_workers_are_stopped_for_leaving() {
    let mut config = rig([worker("a")]);
    config.plan.phases = vec![phase("one", until_file())];
    let mut play = Play::begin(config);
    let of = started(&play.command(Command::Restart(vec!["a".parse().unwrap()]))).pop();
    assert_eq!(of, None, "it is being started already");
    play.tell(Event::PhaseChecked("one".parse().unwrap(), Ok(false)));
    play.tell(Event::Leave(Leave::StopWorkers));
    sleeps(play);
}

#[test]
fn a_reload_may_take_the_looks_away() {
    let mut slow = worker("slow");
    slow.ready = Some(ready());
    let mut sick = worker("sick");
    sick.alive = Some(alive());
    let (mut play, _) = Play::running(rig([slow, sick]));
    let done = play.reload(|config| {
        for worker in config.workers.values_mut() {
            (worker.ready, worker.alive) = (None, None);
        }
    });
    assert_eq!(signalled(&done), []);
    let done = play.pass(3_600_000);
    assert_eq!(
        signalled(&done),
        [],
        "nobody is judged by a look that is no longer wanted"
    );
    assert_eq!(play.state("slow"), StateName::Running);
    assert_eq!(play.state("sick"), StateName::Running);
}

#[test]
fn a_reload_may_bring_looks() {
    let (mut play, _) = Play::running(rig([worker("a")]));
    play.reload(|config| config.workers.get_mut("a").unwrap().alive = Some(alive()));
    let done = play.pass(10_000);
    let looked = |effect: &Effect| matches!(effect, Effect::Probe(..));
    assert!(done.iter().any(looked), "{done:?}");
}
