//! Restarts as Erlang's supervisors define them (OTP Design Principles, "Supervisor Behaviour"; the
//! manual of `supervisor`), over random histories.
//!
//! `always`, `on-failure` and `never` are `permanent`, `transient` and `temporary`. What a process can
//! say of its end is less than an Erlang process can:
//!
//! | reason | here | permanent | transient | temporary |
//! |---|---|---|---|---|
//! | `normal` | exit code 0, of its own | again | stays down | stays down |
//! | `shutdown` | its supervisor told it to end, and it did, however | stays down | stays down | stays down |
//! | abnormal | any other code, a signal, out of memory, an exit that is lost | again | again | stays down |
//! | `kill` | told to end, it did not within its grace | stays down | stays down | stays down |
//!
//! Who is told to end by his supervisor is not restarted, whatever his type and his exit (there
//! `terminate_child`, here `stop`): that a stop needed SIGKILL is the end of the same stop, and no
//! failure. Told to end and to be run again (`restart`), it is run again, whatever its type, and that
//! is no restart that counts.
//!
//! Four differences are on purpose:
//! - The intensity is counted for each worker, as if each had a supervisor of its own, and one that
//!   exceeds it is held until the operator starts it; there the supervisor ends, with all its children.
//! - An end after the healthy time does not count; there all within the period do.
//! - What the operator asks for forgives what was; there he has to wait until the period is over.
//! - A restart comes after a delay; there it comes at once.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::decide::life::{Life, Stopped};

/// The delay before every restart, ms.
const DELAY: u64 = 1_000;
/// Longer than anything that could still follow, ms.
const FOR_GOOD: u64 = 90_000;
/// Longer than the healthy time, ms.
const LONG: u64 = 61_000;
const GRACE: u64 = 10_000;

/// How a child ends.
#[derive(Debug, Clone)]
enum Reason {
    Normal,
    Abnormal(Exit),
    /// Told to by its supervisor; with this exit.
    Shutdown(Exit),
    /// Told to by its supervisor, it does not.
    Hang,
    /// Told to by its supervisor, to be run again.
    RunAgain(Exit),
}

/// What its supervisor does then.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// Restarts it.
    Restart,
    /// Runs it again, because somebody wanted that.
    Again,
    /// Leaves it alone: it is done.
    Done,
    /// Leaves it alone: it was told to end.
    Terminated,
    /// Gives up.
    TooIntense,
}

/// A supervisor of one child, by the book.
struct Book {
    restart: Restart,
    intensity: usize,
    period: u64,
    restarts: Vec<u64>,
}

impl Book {
    fn child_ends(&mut self, at: u64, reason: &Reason, healthy: bool) -> Then {
        let restart = match (reason, self.restart) {
            (Reason::Shutdown(_) | Reason::Hang, _) => return Then::Terminated,
            (Reason::RunAgain(_), _) => {
                self.restarts.clear();
                return Then::Again;
            }
            (_, Restart::Always) => true,
            (Reason::Abnormal(_), Restart::OnFailure) => true,
            (Reason::Normal, Restart::OnFailure) | (_, Restart::Never) => false,
        };
        if !restart {
            return Then::Done;
        }
        if !healthy {
            self.restarts.push(at);
        }
        self.restarts.retain(|then| at - then < self.period);
        match self.restarts.len() > self.intensity {
            true => Then::TooIntense,
            false => Then::Restart,
        }
    }
}

fn any_exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        (0..=255u8).prop_map(Exit::Code),
        (1..=64).prop_map(|number| Exit::Signal(Signal::from_number(number).unwrap())),
        Just(Exit::OutOfMemory(model::Status::Signal(Signal::KILL))),
        Just(Exit::Lost("no exit record".into())),
    ]
}

fn any_reason() -> impl Strategy<Value = Reason> {
    let failure = any_exit().prop_filter("a success", |exit| !exit.is_success());
    prop_oneof![
        2 => Just(Reason::Normal),
        3 => failure.prop_map(Reason::Abnormal),
        1 => any_exit().prop_map(Reason::Shutdown),
        1 => Just(Reason::Hang),
        1 => any_exit().prop_map(Reason::RunAgain),
    ]
}

/// How long each life was, and how it ended.
fn any_history() -> impl Strategy<Value = Vec<(u64, Reason)>> {
    let life = prop_oneof![4 => 1..20_000u64, 1 => Just(LONG)];
    vec((life, any_reason()), 1..10)
}

/// The child ends; what was done then, the stop before it included.
fn ends(play: &mut Play, of: &AttemptRef, reason: &Reason) -> Vec<Effect> {
    let told = |play: &mut Play, command: fn(Vec<_>) -> Command| {
        let done = play.command(command(vec![of.worker.clone()]));
        assert_eq!(signalled(&done), [(of.clone(), Signal::TERM)]);
    };
    match reason {
        Reason::Normal => play.ends(of, Exit::Code(0)),
        Reason::Abnormal(exit) => play.ends(of, exit.clone()),
        Reason::Shutdown(exit) => {
            told(play, Command::Stop);
            play.ends(of, exit.clone())
        }
        Reason::RunAgain(exit) => {
            told(play, Command::Restart);
            play.ends(of, exit.clone())
        }
        Reason::Hang => {
            told(play, Command::Stop);
            let within = play.pass(GRACE - 1);
            assert_eq!(signalled(&within), [], "within its grace");
            let killed = play.pass(1);
            assert_eq!(signalled(&killed), [(of.clone(), Signal::KILL)]);
            play.ends(of, Exit::Signal(Signal::KILL))
        }
    }
}

/// What the rig does, in the words of the book; and the next attempt, where there is one.
fn follows(play: &mut Play, done: &[Effect]) -> (Then, Option<AttemptRef>) {
    if let Some(of) = started(done).pop() {
        return (Then::Again, Some(of));
    }
    let then = match &play.rig.workers["a"].life {
        Life::BackingOff { .. } => Then::Restart,
        Life::Stopped(Stopped::Finished) => Then::Done,
        Life::Stopped(Stopped::Operator) => Then::Terminated,
        Life::Held(_) => Then::TooIntense,
        life => panic!("{life:?}"),
    };
    if then == Then::Restart {
        assert_eq!(started(&play.pass(DELAY - 1)), [], "before its delay");
        let next = started(&play.pass(1));
        assert_eq!(next.len(), 1);
        return (then, next.into_iter().next());
    }
    assert_eq!(started(&play.pass(FOR_GOOD)), [], "{then:?} for good");
    (then, None)
}

fn plays_by_the_book(restart: Restart, intensity: u32, period: u64, history: &[(u64, Reason)]) {
    let mut rules = worker("a");
    rules.restart = restart;
    rules.backoff.most = Duration::from_millis(DELAY);
    rules.budget = Budget {
        restarts: intensity,
        window: Duration::from_millis(period),
    };
    let mut book = Book {
        restart,
        intensity: usize::try_from(intensity).unwrap(),
        period,
        restarts: Vec::new(),
    };
    let (mut play, mut starts) = Play::running(rig([rules]));
    let mut of = starts.remove(0);
    for (life, reason) in history {
        play.pass(*life);
        let done = ends(&mut play, &of, reason);
        let by_the_book = book.child_ends(play.t, reason, *life >= LONG);
        let (then, next) = follows(&mut play, &done);
        assert_eq!(then, by_the_book, "after {reason:?}");
        of = next.unwrap_or_else(|| {
            // The operator has another try, and forgives what was.
            book.restarts.clear();
            let done = play.command(Command::Start(vec!["a".parse().unwrap()]));
            started(&done).pop().unwrap()
        });
        play.runs(&of);
    }
}

#[test]
fn every_type_meets_every_reason() {
    for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
        for reason in [
            Reason::Normal,
            Reason::Abnormal(Exit::Code(1)),
            Reason::Shutdown(Exit::Signal(Signal::TERM)),
            Reason::Hang,
            Reason::RunAgain(Exit::Code(0)),
        ] {
            let twice = [(500, reason.clone()), (500, reason)];
            plays_by_the_book(restart, 1, 60_000, &twice);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_worker_is_restarted_as_its_book_says(
        restart in prop_oneof![Just(Restart::Always), Just(Restart::OnFailure), Just(Restart::Never)],
        intensity in 0..4u32,
        period in 2_000..120_000u64,
        history in any_history(),
    ) {
        plays_by_the_book(restart, intensity, period, &history);
    }
}
