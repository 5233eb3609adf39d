//! Rounds that come to nothing: held for a while, tried again, and closed by one that does not.

use super::{
    agents::agent,
    spend::{
        Shows::{Commits, Idle},
        Stage,
    },
    *,
};
use crate::decide::{KnownBreaker, Level};

const MINUTE: u64 = 60_000;

fn breaks(rounds: u32) -> Config {
    rig([Worker {
        breaker: Some(config::Breaker {
            rounds,
            again: Duration::from_secs(1800),
        }),
        ..agent("a")
    }])
}

fn told<'a>(stage: &'a Stage, event: &str) -> Vec<(Level, &'a str)> {
    let of = stage.told.iter().filter(|(_, told, _)| told == event);
    of.map(|(level, _, text)| (*level, text.as_str())).collect()
}

fn known(stage: &Stage) -> Option<KnownBreaker> {
    let mut seen = Store::read_only(stage.play.path(), &[]).unwrap();
    seen.restored.workers.remove("a")?.breaker
}

/// One that has come to nothing three times.
fn opened() -> Stage {
    let mut stage = Stage::of(breaks(3));
    // Of the first one nobody knows what was before.
    for _ in 0..4 {
        assert_eq!(stage.state(), StateName::Running);
        stage.turn_to(Commits(7));
    }
    assert_eq!(stage.state(), StateName::Held);
    stage
}

#[test]
fn it_opens_after_so_many_rounds_and_one_that_bears_fruit_closes_it() {
    let mut stage = opened();
    let said = told(&stage, "worker-breaker");
    let at = known(&stage).unwrap().until.unwrap();
    let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let text = format!(
        "a stands still for 30 min: 3 rounds in a row came to nothing; one is tried at {at}; \
         `supervisorctl start a` tries one now"
    );
    assert_eq!(said, [(Level::Error, text.as_str())]);
    stage.pass(25 * MINUTE);
    assert_eq!(stage.state(), StateName::Held);
    stage.pass(5 * MINUTE);
    assert_eq!(stage.state(), StateName::Running);
    stage.turn_to(Commits(8));
    assert_eq!(told(&stage, "worker-breaker-closed").len(), 1);
    assert_eq!(known(&stage).unwrap().until, None);
    for _ in 0..2 {
        stage.turn_to(Commits(8));
    }
    assert_eq!(stage.state(), StateName::Running);
    stage.turn_to(Commits(8));
    assert_eq!(stage.state(), StateName::Held);
}

#[test]
fn each_try_that_comes_to_nothing_is_followed_by_a_longer_wait() {
    let mut stage = opened();
    let mut waited = Vec::new();
    for _ in 0..6 {
        let mut minutes = 0;
        while stage.state() == StateName::Held {
            stage.pass(MINUTE);
            minutes += 1;
        }
        waited.push(minutes / 10);
        stage.turn_to(Commits(7));
    }
    assert_eq!(waited, [2, 5, 11, 23, 35, 35]);
    let levels: Vec<_> = told(&stage, "worker-breaker")
        .iter()
        .map(|told| told.0)
        .collect();
    assert_eq!(
        (levels[0], levels[1], levels.len()),
        (Level::Error, Level::Warning, 7)
    );
}

#[test]
fn it_stays_open_over_daemons_and_boots_and_a_start_tries_one_now() {
    let mut stage = opened();
    // As long as none runs, that is known of the next one.
    stage.play.unasked_daemon();
    let (name, now) = ("a".parse().unwrap(), stage.play.now());
    let will = stage.play.rig.will_hold(&name, now).unwrap();
    assert!(
        will.starts_with("3 rounds in a row came to nothing; "),
        "{will}"
    );
    stage.play.t += 30 * MINUTE;
    let late = stage.play.now();
    assert_eq!(stage.play.rig.will_hold(&name, late), None);
    stage.play.t -= 30 * MINUTE;
    stage.next_daemon();
    stage.pass(MINUTE);
    assert_eq!(stage.state(), StateName::Held);
    let done = stage.play.reboot(Vec::new());
    stage.takes(done);
    stage.pass(MINUTE);
    assert_eq!(stage.state(), StateName::Held);
    let start = Command::Start(vec!["a".parse().unwrap()]);
    let done = stage.play.command(start);
    stage.takes(done);
    stage.pass(1000);
    assert_eq!(stage.state(), StateName::Running);
    stage.turn_to(Commits(7));
    assert_eq!(stage.state(), StateName::Held);
    assert_eq!(known(&stage).unwrap().waits, Some(3_600_000));
}

#[test]
fn where_no_commit_is_seen_the_screen_counts_and_attempts_that_end() {
    let mut stage = Stage::of(breaks(2));
    for _ in 0..3 {
        assert_eq!(stage.state(), StateName::Running);
        stage.turn_to(Idle);
    }
    assert_eq!(stage.state(), StateName::Held);

    let mut stage = Stage::of(breaks(2));
    for _ in 0..2 {
        assert_eq!(stage.state(), StateName::Running);
        let of = stage.play.rig.workers["a"]
            .life
            .attempt()
            .unwrap()
            .of
            .clone();
        let done = stage.play.ends(&of, Exit::Code(1));
        stage.takes(done);
        stage.pass(MINUTE);
    }
    assert_eq!(stage.state(), StateName::Held);
}

#[test]
fn an_end_counts_as_a_round_where_a_daemon_saw_it() {
    for (seen, wanted) in [(true, StateName::Held), (false, StateName::Running)] {
        let mut stage = Stage::of(breaks(2));
        for _ in 0..3 {
            let attempt = stage.play.rig.workers["a"].life.attempt();
            let Some(of) = attempt.map(|attempt| attempt.of.clone()) else {
                break;
            };
            let done = match seen {
                true => stage.play.ends(&of, Exit::Code(1)),
                false => {
                    let ended = model::Condition::Ended {
                        exit: Exit::Code(1),
                        survivors: 0,
                        by: None,
                    };
                    stage.play.next_daemon(vec![found(&of, ended)])
                }
            };
            stage.takes(done);
            stage.pass(MINUTE);
        }
        assert_eq!(stage.state(), wanted, "seen: {seen}");
    }
}

#[test]
fn of_what_has_none_any_more_nothing_is_kept() {
    let mut stage = opened();
    let done = stage.play.reload(|config| {
        for worker in config.workers.values_mut() {
            worker.breaker = None;
        }
    });
    stage.takes(done);
    stage.pass(1000);
    assert_eq!((stage.state(), known(&stage)), (StateName::Running, None));
}

#[test]
fn one_that_opened_under_a_wrong_clock_is_tried_in_time_once_that_is_set() {
    let mut stage = opened();
    // It was ten years ahead.
    stage.play.set = -10 * 365 * 24 * 60 * 60 * 1000;
    stage.pass(29 * MINUTE);
    assert_eq!(stage.state(), StateName::Held);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.state(), StateName::Running);
}

#[test]
fn a_single_round_is_not_said_to_be_several_in_a_row() {
    let mut stage = Stage::of(breaks(1));
    for _ in 0..2 {
        stage.turn_to(Commits(7));
    }
    let said = told(&stage, "worker-breaker");
    let text = "a stands still for 30 min: a round came to nothing; one is tried at ";
    assert!(said[0].1.starts_with(text), "{said:?}");
}
