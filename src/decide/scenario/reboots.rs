//! What is told of a boot that is over, and what follows for its workers.

use super::{
    super::{Fact, Level, Notice},
    *,
};

fn one(change: impl FnOnce(&mut Worker)) -> Config {
    let mut a = worker("a");
    change(&mut a);
    rig([a])
}

/// What is told of the reboot.
fn told(done: &[Effect]) -> &str {
    let told = done.iter().find_map(|effect| match effect {
        Effect::Tell(notice) if notice.event == "reboot" => Some(notice.text.as_str()),
        _ => None,
    });
    told.unwrap()
}

#[test]
fn an_end_that_nobody_recorded_is_not_taken_for_one_of_this_boot() {
    // A power cut took the record of the attempt; its directory is there.
    let mut play = Play::unasked(one(|a| a.restart = Restart::Never));
    let of = AttemptRef {
        worker: "a".parse().unwrap(),
        attempt: "20261121T004319Z-7f3a9c01".parse().unwrap(),
    };
    let lost = ended(&of, Exit::Lost("the machine went down".into()), 0);
    assert_eq!(started(&play.reboot(vec![lost])).len(), 1);
}

#[test]
fn what_went_down_with_the_machine_did_not_end_by_itself() {
    let by_the_machine = |done: &[Effect]| {
        let facts = done.iter().filter_map(|effect| match effect {
            Effect::Record(facts) => Some(facts),
            _ => None,
        });
        facts.flatten().any(|fact| match fact {
            Fact::Ended { stopped, .. } => stopped.as_deref() == Some("the machine went down"),
            _ => false,
        })
    };
    // Its directory is there, or a power cut took that.
    for has_directory in [true, false] {
        let (mut play, starts) = Play::running(one(|_| {}));
        let lost = ended(&starts[0], Exit::machine_went_down(), 0);
        let done = play.reboot(has_directory.then_some(lost).into_iter().collect());
        assert!(by_the_machine(&done), "{done:?}");
        assert_eq!(play.rig.workers["a"].restarts.total, 0);
    }
}

#[test]
fn how_it_ended_as_the_machine_went_down_is_told_with_its_time() {
    let (mut play, starts) = Play::running(one(|a| a.restart = Restart::Never));
    let of = &starts[0];
    let done = play.reboot(vec![ended_with_machine(of, Exit::Code(7))]);
    let facts: Vec<_> = done
        .iter()
        .filter_map(|effect| match effect {
            Effect::Record(facts) => Some(facts),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(facts.contains(&&Fact::Ended {
        attempt: of.clone(),
        at: went_down_at(),
        exit: Exit::Code(7),
        stopped: Some("the machine went down".into()),
    }));
    let told = done.iter().find_map(|effect| match effect {
        Effect::Tell(notice) if notice.event == "worker-ended" => Some(notice),
        _ => None,
    });
    let Notice { level, text, .. } = told.unwrap();
    assert_eq!(
        (*level, text.as_str()),
        (
            Level::Info,
            "a had ended meanwhile: exit code 7, as the machine went down (2026-11-18 11:05:20 UTC)"
        )
    );
    assert_eq!(started(&done).len(), 1);
    assert_eq!(play.rig.workers["a"].restarts.total, 0);
    assert!(play.rig.workers["a"].run, "nobody stopped it");
}

#[test]
fn a_boot_does_not_begin_before_the_one_before_has_ended() {
    let (mut play, starts) = Play::running(one(|_| {}));
    play.pass(20_000);
    play.tell(Event::Leave(Leave::WorkersGoOn));
    play.t += 60_000;
    // The clock of the machine says that it booted in 1970.
    let done = play.reboot(vec![ended(&starts[0], Exit::machine_went_down(), 0)]);
    let boot = &play.rig.last_boot;
    assert_eq!(boot.booted, now(play.t).wall);
    assert_eq!(
        told(&done),
        "reboot 1: the boot before ended cleanly, down for at most 1 min; a ran"
    );
}

#[test]
fn who_had_ended_before_the_machine_went_down_is_not_told_to_have_run() {
    let (mut play, starts) = Play::running(rig([worker("a"), worker("b")]));
    play.over.insert(starts[0].clone());
    let done = play.reboot(vec![
        ended(&starts[0], Exit::Code(7), 0),
        ended_with_machine(&starts[1], Exit::Code(0)),
    ]);
    assert!(told(&done).contains("; b ran"), "{}", told(&done));
    let of_a = done.iter().find_map(|effect| match effect {
        Effect::Tell(notice) if notice.attempt.as_ref() == Some(&starts[0].attempt) => {
            Some(notice.text.as_str())
        }
        _ => None,
    });
    assert_eq!(of_a, Some("a had ended meanwhile: exit code 7"));
    assert_eq!(started(&done).len(), 2);
    assert_eq!(play.rig.workers["a"].restarts.total, 0);
}
