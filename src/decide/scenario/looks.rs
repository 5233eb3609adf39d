//! A look that could not be taken says nothing: not that a worker is well, nor that it is not.

use super::*;

fn unable() -> Looked {
    Looked::Unable("/look: cannot be started".into())
}

/// Its next look, and what that says.
fn looks(play: &mut Play, of: &AttemptRef, says: Looked) -> Vec<Effect> {
    let mut done = play.pass(5_000);
    done.extend(play.tell(Event::Probed(of.clone(), says)));
    done
}

fn troubles(play: &Play) -> Vec<String> {
    play.rig.view(now(play.t), |_, _| None).degraded
}

fn told(effects: &[Effect]) -> usize {
    let unseen = |effect: &&Effect| matches!(effect, Effect::Tell(notice) if notice.event == "worker-unseen");
    effects.iter().filter(unseen).count()
}

#[test]
fn who_is_not_there_yet_is_not_said_to_be_looked_at() {
    let mut with_probe = worker("b");
    with_probe.ready = Some(ready());
    let mut play = Play::begin(rig([worker("a"), with_probe]));
    let reasons = |play: &Play| {
        let rows = play.rig.view(now(play.t), |_, _| None).workers;
        let reasons = rows.into_iter().map(|row| row.reason);
        reasons.map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    assert_eq!(
        reasons(&play),
        ["nothing of it runs yet", "nothing of it runs yet"]
    );
    for name in ["a", "b"] {
        let attempt = play.rig.workers[name].life.attempt();
        let of = attempt.unwrap().of.clone();
        play.runs(&of);
    }
    assert_eq!(reasons(&play), ["", "not ready: no look at it yet"]);
}

#[test]
fn who_cannot_be_looked_at_is_left_alone_and_shown() {
    let mut a = worker("a");
    a.alive = Some(alive());
    let (mut play, starts) = Play::running(rig([a]));
    let of = &starts[0];
    assert_eq!(told(&looks(&mut play, of, unable())), 1);
    for _ in 0..20 {
        let done = looks(&mut play, of, unable());
        assert_eq!((signalled(&done), told(&done)), (vec![], 0));
    }
    assert_eq!(play.state("a"), StateName::Running);
    let why =
        "a cannot be looked at, and nobody knows whether it is well: /look: cannot be started";
    assert_eq!(troubles(&play), [why]);
    // It breaks the row of those that failed, too.
    for says in [Looked::Failed("refused".into()), unable()] {
        assert_eq!(signalled(&looks(&mut play, of, says)), []);
    }
    assert_eq!(
        signalled(&looks(&mut play, of, Looked::Failed("refused".into()))),
        []
    );
    assert_eq!(troubles(&play), Vec::<String>::new());
    let done = looks(&mut play, of, Looked::Failed("refused".into()));
    assert_eq!(signalled(&done), [(of.clone(), Signal::TERM)]);
}

#[test]
fn who_cannot_be_looked_at_is_not_ready_and_has_its_time_once_it_can() {
    let mut a = worker("a");
    a.ready = Some(ready());
    let (mut play, starts) = Play::running(rig([a]));
    let of = &starts[0];
    play.tell(Event::Wake);
    play.tell(Event::Probed(of.clone(), unable()));
    for _ in 0..20 {
        assert_eq!(signalled(&looks(&mut play, of, unable())), []);
    }
    assert_eq!(play.state("a"), StateName::Starting);
    let why =
        "a cannot be looked at, and nobody knows whether it is ready: /look: cannot be started";
    assert_eq!(troubles(&play), [why]);
    assert!(play.rig.everything_was_tried(), "nobody waits for it");
    assert_eq!(
        signalled(&looks(&mut play, of, Looked::Failed("no".into()))),
        []
    );
    assert_eq!(signalled(&play.pass(10_000)), [(of.clone(), Signal::TERM)]);
}

#[test]
fn why_a_worker_is_not_ready_is_told_once_before_it_ends() {
    let mut slow = worker("slow");
    slow.ready = Some(ready());
    let mut play = Play::begin(rig([slow]));
    let of = play.rig.workers["slow"].life.attempt().unwrap().of.clone();
    play.runs(&of);
    let mut told = Vec::new();
    while play.state("slow") == StateName::Starting {
        let why = Looked::Failed("connection refused".into());
        for effect in play
            .pass(1_000)
            .into_iter()
            .chain(play.tell(Event::Probed(of.clone(), why)))
        {
            if let Effect::Tell(notice) = effect {
                told.push(notice.text);
            }
        }
    }
    let why = |text: &&String| text.contains("connection refused");
    assert_eq!(told.iter().filter(why).count(), 1, "{told:?}");
    assert!(told.iter().any(|text| text == "stopping slow"), "{told:?}");
}
