//! A rig that is handed over to another machine, and taken back.

use super::*;
use crate::{
    decide::{CUT_OFF, Fact},
    model::CutoverId,
};

fn id() -> CutoverId {
    "20261122T193512Z-0000002a".parse().unwrap()
}

/// A loop that was paused, and has ended.
fn paused() -> Play {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.command(Command::Pause);
    play.ends(&starts[0], Exit::Signal(Signal::TERM));
    play
}

fn refusal(done: &[Effect]) -> String {
    let refused = done.iter().find_map(|effect| match effect {
        Effect::Answer(_, Err(refusal)) => Some(refusal.message.clone()),
        _ => None,
    });
    refused.unwrap_or_default()
}

fn is_done(done: &[Effect]) -> bool {
    let answers = |effect: &Effect| matches!(effect, Effect::Answer(_, Ok(_)));
    done.iter().any(answers)
}

#[test]
fn who_runs_or_still_ends_is_not_handed_over() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let done = play.command(Command::HandOver(id()));
    assert!(refusal(&done).contains("is not paused"), "{done:?}");
    play.command(Command::Pause);
    let done = play.command(Command::HandOver(id()));
    assert_eq!(refusal(&done), "a still runs, so nothing is handed over");
    play.ends(&starts[0], Exit::Signal(Signal::TERM));
    assert!(is_done(&play.command(Command::HandOver(id()))));
}

#[test]
fn what_is_handed_over_runs_nothing_whatever_comes() {
    let mut play = paused();
    assert!(is_done(&play.command(Command::HandOver(id()))));
    let resumed = play.command(Command::Resume(None));
    assert!(refusal(&resumed).contains("was handed over by cutover 20261122T193512Z"));
    let started_by_hand = play.command(Command::Start(vec!["a".parse().unwrap()]));
    let hint = "`supervisorctl cutover cancel`, only if it was not imported, ends the pause";
    assert!(
        started_by_hand.iter().any(|effect| matches!(
            effect,
            Effect::Answer(_, Err(refusal)) if refusal.hint.as_deref() == Some(hint)
        )),
        "{started_by_hand:?}"
    );
    let again = play.command(Command::HandOver("another".parse().unwrap()));
    assert!(
        refusal(&again).contains("was handed over"),
        "two archives, two places"
    );
    play.pass(3_600_000);
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(started(&play.reboot(Vec::new())), []);
    assert!(!is_done(&play.command(Command::Resume(None))));
}

#[test]
fn what_is_taken_back_waits_for_somebody_to_resume_it() {
    let mut play = paused();
    let done = play.command(Command::TakeBack);
    assert_eq!(refusal(&done), "the rig is not handed over");
    play.command(Command::HandOver(id()));
    let back = play.command(Command::TakeBack);
    assert!(is_done(&back));
    assert_eq!(started(&back), []);
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    let resumed = play.command(Command::Resume(None));
    assert!(is_done(&resumed));
    assert_eq!(started(&resumed).len(), 1);
}

#[test]
fn of_what_arrived_in_part_nothing_runs_until_somebody_says_so() {
    let mut play = paused();
    let part = Fact::Paused(Some(CUT_OFF.to_owned()));
    play.store.as_mut().unwrap().record(&[part]).unwrap();
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    let resumed = play.command(Command::Resume(None));
    assert!(refusal(&resumed).starts_with("an import was cut off"));
    let exported = play.command(Command::HandOver(id()));
    assert!(refusal(&exported).starts_with("an import was cut off"));
    assert!(is_done(&play.command(Command::TakeBack)));
    let resumed = play.command(Command::Resume(None));
    assert_eq!(started(&resumed).len(), 1);
}
