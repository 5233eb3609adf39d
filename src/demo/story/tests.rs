use super::*;
use crate::decide::Level;

/// A whole story, as a real rig tells it; each entry is left out once.
fn script() -> Vec<Happening> {
    vec![
        Happening::DaemonUp { pid: 1 },
        running("proxy", "p1", "below-100"),
        Happening::LineOpen,
        running("builder", "b1", "below-100"),
        running("adversary", "a1", "below-100"),
        seen(
            &[("builder", 10, "b1"), ("adversary", 20, "a1")],
            "below-100",
        ),
        pushed("Builder", "primes below 100, sieved by 2 3"),
        pushed("Adversary", "review: 25 = 5 x 5"),
        Happening::BuilderWrites,
        Happening::BuilderKilled {
            pid: 10,
            unfinished: true,
        },
        running("builder", "b2", "below-100"),
        pushed("Builder", "primes below 100, sieved by 2 3 5 7"),
        pushed("Adversary", "review: approved"),
        notice("phase", None, "", "below-300"),
        running("builder", "b3", "below-300"),
        running("adversary", "a2", "below-300"),
        seen(
            &[("builder", 12, "b3"), ("adversary", 21, "a2")],
            "below-300",
        ),
        pushed("Adversary", "review: 121 = 11 x 11"),
        Happening::DaemonKilled {
            pid: 1,
            before: rig(),
        },
        pushed("Builder", "primes below 300, sieved by 2 3 5 7 11"),
        Happening::DaemonUp { pid: 2 },
        running("builder", "b3", "below-300"),
        running("adversary", "a2", "below-300"),
        running("proxy", "p1", "below-300"),
        Happening::Seen(rig()),
        pushed("Adversary", "review: approved"),
        notice("phase", None, "", "onwards"),
        running("builder", "b4", "onwards"),
        running("adversary", "a3", "onwards"),
        seen(&[("builder", 13, "b4"), ("adversary", 22, "a3")], "onwards"),
    ]
}

fn rig() -> Vec<Seen> {
    let row = |worker: &str, pid, attempt: &str| Seen {
        worker: worker.into(),
        pid,
        attempt: id(attempt),
        phase: Some("below-300".into()),
    };
    vec![
        row("builder", 12, "b3"),
        row("adversary", 21, "a2"),
        row("proxy", 5, "p1"),
    ]
}

fn seen(workers: &[(&str, i32, &str)], phase: &str) -> Happening {
    let seen = workers.iter().map(|(worker, pid, attempt)| Seen {
        worker: (*worker).into(),
        pid: *pid,
        attempt: id(attempt),
        phase: Some(phase.into()),
    });
    Happening::Seen(seen.collect())
}

/// Attempts have ids by time; two letters are enough to tell ours apart.
fn id(attempt: &str) -> String {
    let bytes = attempt.as_bytes();
    format!("20261121T000000Z-{:04x}{:04x}", bytes[0], bytes[1])
}

fn running(worker: &str, attempt: &str, phase: &str) -> Happening {
    notice("worker-running", Some(worker), attempt, phase)
}

fn notice(event: &str, worker: Option<&str>, attempt: &str, phase: &str) -> Happening {
    use std::sync::atomic::{AtomicI64, Ordering};
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    Happening::Notice(Notice {
        at: jiff::Timestamp::from_second(CLOCK.fetch_add(1, Ordering::Relaxed)).unwrap(),
        event: event.into(),
        level: Level::Info,
        worker: worker.map(|worker| worker.parse().unwrap()),
        attempt: worker.map(|_| id(attempt).parse().unwrap()),
        phase: Some(phase.parse().unwrap()),
        text: format!("{} running, pid 7", worker.unwrap_or_default()),
    })
}

fn pushed(author: &str, subject: &str) -> Happening {
    Happening::Pushed(Commit {
        id: "abc1234".into(),
        author: author.into(),
        subject: subject.into(),
    })
}

/// Plays it, a second and a hundred bytes for each entry.
fn play(script: &[Happening]) -> (Story, Vec<Deed>, Vec<String>) {
    let mut story = Story::new();
    let (mut deeds, mut lines) = (Vec::new(), Vec::new());
    for (second, happening) in (0..).zip(script) {
        let now = Moment {
            at: Duration::from_secs(second),
            echoed: second * 100,
        };
        let step = story.hear(now, happening.clone());
        deeds.extend(step.deeds);
        lines.extend(
            step.lines
                .into_iter()
                .map(|(who, text)| format!("{who}: {text}")),
        );
    }
    (story, deeds, lines)
}

#[test]
fn a_whole_story_asks_for_each_deed_in_its_time_and_lacks_nothing() {
    let (story, deeds, lines) = play(&script());
    assert_eq!(story.missing(), Vec::<String>::new());
    assert!(story.is_told());
    assert_eq!(
        deeds,
        [
            Deed::OpenLine,
            Deed::Look,
            Deed::KillBuilder,
            Deed::Look,
            Deed::KillDaemon,
            Deed::StartDaemon,
            Deed::Look,
            Deed::Look
        ]
    );
    let work = Work {
        commits: 3,
        approved: 2,
        rejected: 2,
    };
    assert_eq!((story.work, story.healed), (work, 1));
    assert_eq!(story.healed_after(), Some(Duration::from_secs(1)));
    let (workers, without) = story.survived().unwrap();
    assert_eq!((workers, without.commits, without.bytes), (3, 1, 100));
    assert_eq!(without.lasted, Duration::from_secs(2));
    assert!(
        lines.contains(
            &"loopkeeperd: takes over builder, adversary, proxy: same pids, same attempts, \
              no connection cut"
                .to_owned()
        ),
        "{lines:#?}"
    );
}

#[test]
fn whatever_does_not_happen_is_missed_by_name() {
    let without = |index: usize| {
        let mut script = script();
        script.remove(index);
        play(&script).0.missing().join("; ")
    };
    let nth = |nth: usize, is: &dyn Fn(&Happening) -> bool| {
        let script = script();
        let found: Vec<_> = (0..script.len()).filter(|at| is(&script[*at])).collect();
        found[nth]
    };
    let by = |author: &'static str, it: &Happening| match it {
        Happening::Pushed(commit) => commit.author == author,
        _ => false,
    };
    for (index, message) in [
        (
            nth(0, &|it| matches!(it, Happening::LineOpen)),
            "no connection went through the proxy",
        ),
        (
            nth(0, &|it| matches!(it, Happening::BuilderKilled { .. })),
            "the Builder was not killed in the midst of its work",
        ),
        (
            nth(1, &|it| by("Adversary", it)),
            "the Adversary did not reject and approve",
        ),
        (
            nth(3, &|it| by("Adversary", it)),
            "the Adversary did not reject and approve",
        ),
        (
            nth(0, &|it| matches!(it, Happening::DaemonKilled { .. })),
            "the daemon was not killed",
        ),
        (
            nth(2, &|it| by("Builder", it)),
            "the next daemon did not take over what ran",
        ),
        (
            nth(0, &|it| matches!(it, Happening::Seen(_))),
            "the loops did not run in phase below-100",
        ),
        (
            nth(3, &|it| matches!(it, Happening::Seen(_))),
            "the loops did not run in phase onwards",
        ),
    ] {
        let missing = without(index);
        assert!(
            missing.contains(message),
            "{index}: {message:?} not in {missing:?}"
        );
    }
}

#[test]
fn a_builder_that_does_not_work_again_is_not_healed() {
    let killed = script()
        .iter()
        .position(|it| matches!(it, Happening::BuilderKilled { .. }))
        .unwrap();
    for (until, missed) in [
        (killed, "the killed Builder did not come back"),
        (
            killed + 1,
            "the Builder came back and did not go on with its work",
        ),
    ] {
        let (story, ..) = play(&script()[..=until]);
        let missing = story.missing();
        assert!(missing.iter().any(|it| it == missed), "{missing:?}");
    }
}

#[test]
fn bytes_that_stop_after_the_daemons_death_are_missed() {
    let mut story = Story::new();
    for (second, happening) in (0..).zip(script()) {
        let now = Moment {
            at: Duration::from_secs(second),
            echoed: second.min(24) * 100,
        };
        story.hear(now, happening);
    }
    assert_eq!(
        story.missing(),
        ["no bytes went through the proxy after the daemon's death"]
    );
}

fn missing(change: impl Fn(&mut Happening)) -> String {
    let mut script = script();
    script.iter_mut().for_each(change);
    play(&script).0.missing().join("; ")
}

#[test]
fn another_process_after_the_daemons_death_is_no_survival() {
    let other_pid = missing(|happening| {
        if let Happening::Seen(seen) = happening
            && let Some(proxy) = seen.iter_mut().find(|seen| seen.worker == "proxy")
        {
            proxy.pid += 1;
        }
    });
    assert!(
        other_pid.contains("proxy is not the process that ran before the daemon's death"),
        "{other_pid}"
    );
    let mut again = script();
    let up = again
        .iter()
        .rposition(|it| matches!(it, Happening::DaemonUp { .. }))
        .unwrap();
    again.insert(
        up,
        notice("worker-starting", Some("builder"), "b9", "below-300"),
    );
    let missing = play(&again).0.missing().join("; ");
    assert!(
        missing.contains("the next daemon started builder again"),
        "{missing}"
    );
}

#[test]
fn a_cut_connection_ends_the_story() {
    let mut script = script();
    script.insert(20, Happening::LineCut("reset".into()));
    let (story, ..) = play(&script);
    assert_eq!(
        story.missing(),
        ["the connection through the proxy was cut: reset"]
    );
    assert!(story.is_told());
}

#[test]
fn a_loop_that_was_told_another_phase_was_not_restarted_in_this_one() {
    let told_nothing = missing(|happening| {
        if let Happening::Seen(seen) = happening {
            seen.iter_mut()
                .filter(|seen| seen.phase.as_deref() == Some("onwards"))
                .for_each(|seen| seen.phase = Some("below-300".into()));
        }
    });
    assert_eq!(told_nothing, "the loops did not run in phase onwards");
}

#[test]
fn a_crash_between_two_pieces_of_work_is_healed_and_tried_again() {
    let mut script = script();
    for happening in &mut script {
        if let Happening::BuilderKilled { unfinished, .. } = happening {
            *unfinished = false;
        }
    }
    let (story, deeds, _) = play(&script);
    assert_eq!(story.healed, 1);
    assert!(!deeds.contains(&Deed::KillDaemon), "one after the other");
    let mut story = story;
    let step = story.hear(Moment::default(), Happening::BuilderWrites);
    assert_eq!(step.deeds, [Deed::KillBuilder]);
    let dead = script
        .iter()
        .position(|it| matches!(it, Happening::DaemonKilled { .. }))
        .unwrap();
    let (mut story, ..) = play(&script[..=dead]);
    let step = story.hear(Moment::default(), Happening::BuilderWrites);
    assert_eq!(step.deeds, [], "not while the daemon is dead");
    assert!(
        story
            .missing()
            .contains(&"the Builder was not killed in the midst of its work".to_owned())
    );
}

#[test]
fn a_daemon_that_ends_by_itself_is_wrong_before_the_end_and_started_again_after_it() {
    let ended = || Happening::DaemonEnded {
        how: "exit code 1".into(),
    };
    let mut story = Story::new();
    let step = story.hear(Moment::default(), ended());
    assert_eq!(step.deeds, []);
    assert!(story.is_told());
    assert_eq!(
        story.missing()[0],
        "loopkeeperd ended by itself: exit code 1"
    );
    let (mut story, ..) = play(&script());
    story.stay();
    assert_eq!(
        story.hear(Moment::default(), ended()).deeds,
        [Deed::StartDaemon]
    );
    assert!(story.missing().is_empty());
}

#[test]
fn what_an_earlier_daemon_said_is_told_once() {
    let mut story = Story::new();
    let same = running("builder", "b1", "below-100");
    let once = story.hear(Moment::default(), same.clone());
    assert_eq!(once.lines.len(), 1);
    assert!(story.hear(Moment::default(), same).lines.is_empty());
}
