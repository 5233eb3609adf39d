//! The last sign of work outlives the daemon that saw it, as long as the same attempt shows the same.

use super::{
    agents::{EVERY, MINUTE, SLOW, begun, busy, look_by, looks, verdict, with_child},
    *,
};
use crate::{
    agent::signs::{Signs, Trace},
    decide::{Fact, KnownSign},
    model::VerdictIs,
};

/// One that has shown work, and then nothing for so long.
fn quiet_for(millis: u64) -> (Play, AttemptRef) {
    let (mut play, of) = begun(&busy("Read 1 file"));
    looks(&mut play, &of, EVERY, &quiet());
    looks(&mut play, &of, millis, &quiet());
    (play, of)
}

fn quiet() -> Signs {
    busy("Read 2 files")
}

/// The daemon is killed; the first look of the next one sees this.
fn next_sees(play: &mut Play, of: &AttemptRef, sees: &Signs) {
    play.next_daemon(vec![play.alive(of)]);
    play.tell(Event::Wake);
    play.tell(Event::Watched(of.clone(), Ok(Box::new(sees.clone()))));
}

/// What is recorded of the last attempt.
fn recorded(play: &Play) -> Option<KnownSign> {
    let mut seen = Store::read_only(play.path(), &[]).unwrap();
    seen.restored.workers.remove("a")?.last?.sign
}

fn records(effects: &[Effect]) -> usize {
    let facts = effects.iter().filter_map(|effect| match effect {
        Effect::Record(facts) => Some(facts),
        _ => None,
    });
    let signs = |fact: &&Fact| matches!(fact, Fact::LastSign { .. });
    facts.flatten().filter(signs).count()
}

#[test]
fn the_next_daemon_counts_on_and_two_looks_of_its_own_come_to_a_stall() {
    let (mut play, of) = quiet_for(2 * SLOW - MINUTE);
    next_sees(&mut play, &of, &quiet());
    let (is, evidence) = verdict(&play);
    let said = "no sign of work for 19 min: its screen changed 19 min ago";
    assert_eq!((is, evidence.as_str()), (VerdictIs::Working, said));
    let stalls = |done: &[Effect]| {
        let stalled = |effect: &&Effect| matches!(effect, Effect::Tell(told) if told.event == "worker-stalled");
        done.iter().filter(stalled).count()
    };
    let done = looks(&mut play, &of, MINUTE, &quiet());
    assert_eq!((verdict(&play).0, stalls(&done)), (VerdictIs::Stalled, 0));
    let done = looks(&mut play, &of, EVERY, &quiet());
    assert_eq!(stalls(&done), 1);
    // As often as it begins.
    for _ in 0..3 {
        next_sees(&mut play, &of, &quiet());
        assert_eq!(verdict(&play).0, VerdictIs::Stalled);
    }
}

#[test]
fn a_host_that_answers_again_takes_nothing_away() {
    let (mut play, of) = quiet_for(2 * SLOW);
    play.tell(Event::Found(found(
        &of,
        model::Condition::Unknown("no answer".into()),
    )));
    assert_eq!(play.state("a"), StateName::Lost);
    play.tell(Event::Found(play.alive(&of)));
    play.tell(Event::Wake);
    play.tell(Event::Watched(of, Ok(Box::new(quiet()))));
    assert_eq!(verdict(&play).0, VerdictIs::Stalled);
}

#[test]
fn who_shows_something_else_is_watched_anew() {
    let before = Signs {
        committed: Trace::At(Timestamp::from_second(1).unwrap()),
        heartbeat: Trace::Absent,
        ..quiet()
    };
    let at = |second| Trace::At(Timestamp::from_second(second).unwrap());
    for (sees, anew) in [
        (before.clone(), false),
        // Nobody could look at it.
        (quiet(), false),
        (
            Signs {
                picture: busy("Read 3 files").picture,
                ..before.clone()
            },
            true,
        ),
        (
            Signs {
                size: (200, 50),
                ..before.clone()
            },
            true,
        ),
        (
            Signs {
                committed: at(2),
                ..before.clone()
            },
            true,
        ),
        (
            Signs {
                heartbeat: at(1),
                ..before.clone()
            },
            true,
        ),
    ] {
        let (mut play, of) = begun(&before);
        looks(&mut play, &of, 2 * SLOW, &before);
        let known = recorded(&play).unwrap();
        next_sees(&mut play, &of, &sees);
        let is = if anew {
            VerdictIs::Unknown
        } else {
            VerdictIs::Stalled
        };
        assert_eq!(verdict(&play).0, is, "{sees:?}");
        // What that look could not see is not forgotten.
        let still = (!anew).then_some(known);
        assert_eq!(recorded(&play), still, "{sees:?}");
    }
}

#[test]
fn a_new_attempt_and_one_of_another_boot_begin_anew() {
    let (mut play, of) = quiet_for(2 * SLOW);
    let done = play.ends(&of, Exit::Code(1));
    let next = started(&[done, play.pass(8_000)].concat()).pop().unwrap();
    play.runs(&next);
    play.tell(Event::Watched(next.clone(), Ok(Box::new(quiet()))));
    assert_eq!(verdict(&play).0, VerdictIs::Unknown);
    next_sees(&mut play, &next, &quiet());
    assert_eq!(verdict(&play).0, VerdictIs::Unknown);

    // Its machine is another one, and was not rebooted with this one.
    let (mut play, of) = quiet_for(2 * SLOW);
    play.boot = boot('b');
    next_sees(&mut play, &of, &quiet());
    assert_eq!(verdict(&play).0, VerdictIs::Unknown);
}

#[test]
fn what_computes_still_at_the_next_look_is_a_sign_of_work() {
    let (mut play, of) = begun(&with_child(0));
    looks(&mut play, &of, 2 * SLOW, &with_child(0));
    next_sees(&mut play, &of, &with_child(100));
    assert_eq!(verdict(&play).0, VerdictIs::Stalled, "nobody knows when");
    let done = look_by(&mut play, &of, 5 * MINUTE, |t| {
        Ok(Box::new(with_child(t / 1_000)))
    });
    assert_eq!(verdict(&play).0, VerdictIs::Working);
    let stalled =
        |effect: &Effect| matches!(effect, Effect::Tell(told) if told.event == "worker-stalled");
    assert!(!done.iter().any(stalled), "{done:?}");
    assert_eq!(recorded(&play), None);
}

#[test]
fn it_is_recorded_once_when_it_is_a_while_ago() {
    let (mut play, of) = quiet_for(4 * MINUTE);
    assert_eq!(recorded(&play), None);
    let done = looks(&mut play, &of, 5 * SLOW, &quiet());
    assert_eq!(records(&done), 1);
    assert_eq!(recorded(&play).unwrap().at, Mono(EVERY));
    // A look that sees nothing, and one into a terminal of another size.
    let done = look_by(&mut play, &of, EVERY, |_| Err("no answer".into()));
    assert_eq!(records(&done), 0);
    let wide = Signs {
        size: (200, 50),
        ..quiet()
    };
    let done = looks(&mut play, &of, SLOW, &wide);
    assert_eq!(records(&done), 1);
    let known = recorded(&play).unwrap();
    assert_eq!((known.at, known.size), (Mono(EVERY), (200, 50)));
    // It works, and then waits for a word.
    let done = looks(&mut play, &of, 2 * SLOW, &agents::idle());
    assert_eq!((records(&done), recorded(&play)), (1, None));
}

#[test]
fn of_what_a_full_disk_refused_the_last_is_recorded() {
    let (mut play, of) = begun(&quiet());
    play.refuses = true;
    for files in 0..5 {
        let sees = busy(&format!("Read {files} files more"));
        looks(&mut play, &of, SLOW, &sees);
    }
    play.refuses = false;
    let done = play.pass(EVERY);
    assert!(records(&done) <= 2, "{}", records(&done));
    let at = recorded(&play).unwrap().at;
    assert!(at >= Mono(4 * SLOW), "{at:?}");
}
