//! Whatever is asked for, by whomever: turns and rounds.

use jiff::Timestamp;

use super::gate::{Ask, AskId, Asked, Asker, Claim, Gate, GateState, Step, Verified};
use crate::{config::Handoff, model::WorkerName};

fn worker(name: &str) -> WorkerName {
    name.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

/// Some step, asked for by somebody.
fn some(rng: &mut fastrand::Rng) -> (Asker, Ask) {
    let by = match rng.u8(..4) {
        0 => Asker::Person,
        1 => Asker::Worker(worker("stranger")),
        2 => Asker::Worker(worker("builder")),
        _ => Asker::Worker(worker("adversary")),
    };
    let step = match rng.u8(..8) {
        0..3 => Step::Claim(Claim {
            again: rng.u8(..4) == 0,
            ..Claim::default()
        }),
        3..5 => Step::Pass,
        5..7 => Step::Back,
        _ => Step::Drop,
    };
    let gate = "1d".parse().unwrap();
    let note = rng.bool().then(|| "a note".to_owned());
    let ask = Ask {
        gate,
        step,
        verified: Verified::default(),
        note,
    };
    (by, ask)
}

#[test]
fn it_is_one_sides_turn_at_most_and_no_round_is_above_what_is_allowed() {
    let mut reached = [0; 4];
    for seed in 0..2000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rules = Handoff {
            to: worker("adversary"),
            rounds: rng.u32(1..4),
        };
        let mut gate: Option<Gate> = None;
        for second in 0..60 {
            let (by, ask) = some(&mut rng);
            let id: AskId = format!("{second}");
            let claims = by == Asker::Worker(worker("builder"));
            let asked = Asked {
                by: &by,
                id: &id,
                ask: &ask,
                rules: claims.then_some(&rules),
                in_vain: false,
                // A clock that is set back now and then.
                at: at(second - rng.i64(0..3)),
            };
            let before = gate.clone();
            let Ok(next) = asked.done_to(before.as_ref()) else {
                continue;
            };
            if let Some(next) = &next {
                holds(&by, &ask, before.as_ref(), next, &rules);
                assert!(next.has_done(&by, &id) && !next.told);
                reached[next.state as usize] += 1;
            } else {
                assert_eq!((&by, &ask.step), (&Asker::Person, &Step::Drop));
            }
            gate = next;
        }
    }
    assert!(reached.iter().all(|count| *count > 100), "{reached:?}");
}

fn holds(by: &Asker, ask: &Ask, before: Option<&Gate>, next: &Gate, rules: &Handoff) {
    let is = |name: &str| *by == Asker::Worker(worker(name));
    assert!(next.round <= next.rounds && next.rounds == rules.rounds);
    // Nobody of these does anything but at his turn.
    match &ask.step {
        Step::Claim(_) => {
            assert!(is("builder"));
            assert!(
                before.is_none_or(|gate| matches!(gate.state, GateState::Back | GateState::Passed))
            );
            assert_eq!(next.turn(), Some(&worker("adversary")));
        }
        Step::Pass | Step::Back => {
            let turn = before.and_then(Gate::turn);
            assert!(*by == Asker::Person || is("adversary") && turn == by.worker());
            assert_ne!(next.turn(), Some(&worker("adversary")));
        }
        Step::Drop => panic!("{next:?}"),
    }
    if let Some(before) = before {
        assert_ne!(before.state, next.state, "{ask:?}");
        assert!(before.since < next.since && before.item() != next.item());
    }
    // Only a person, or a claim of what has passed, begins to count anew.
    let fewer = before.is_some_and(|before| next.round < before.round);
    let passed = before.is_some_and(|before| before.state == GateState::Passed);
    assert!(!fewer || *by == Asker::Person || passed);
    // What is said of it has the gate in it, and can be typed.
    for text in [
        next.text(true),
        next.text(false),
        next.notice().2,
        next.answer(),
    ] {
        assert!(text.contains("ate 1d"), "{text}");
        crate::agent::typed::check(&text).unwrap();
    }
    assert!(!next.text(true).contains('\n'));
}

#[test]
fn of_what_happened_the_latest_is_kept() {
    let rules = Handoff {
        to: worker("adversary"),
        rounds: 1000,
    };
    let builder = Asker::Worker(worker("builder"));
    let mut gate = None;
    for second in 0..200 {
        let (step, rules) = match second % 2 {
            0 => (Step::Claim(Claim::default()), Some(&rules)),
            _ => (Step::Back, None),
        };
        let by = match rules {
            Some(_) => builder.clone(),
            None => Asker::Worker(worker("adversary")),
        };
        let ask = Ask {
            gate: "1d".parse().unwrap(),
            step,
            verified: Verified::default(),
            note: None,
        };
        let asked = Asked {
            by: &by,
            id: &second.to_string(),
            ask: &ask,
            rules,
            in_vain: false,
            at: at(second),
        };
        gate = asked.done_to(gate.as_ref()).unwrap();
    }
    let gate = gate.unwrap();
    assert_eq!((gate.round, gate.happened.len()), (100, 100));
    assert_eq!(gate.happened[0].ask, "100");
}
