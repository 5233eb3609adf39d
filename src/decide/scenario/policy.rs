//! What follows when an attempt ends, for every restart policy.

use super::*;
use crate::decide::life::{Life, Stopped};

/// `counted`: it weighs on the restart budget.
const TABLE: &str = "\
how it ends                    | always             | on-failure         | never
exit code 0                    | in 1 s, counted    | finished           | finished
exit code 1                    | in 1 s, counted    | in 1 s, counted    | finished
SIGSEGV                        | in 1 s, counted    | in 1 s, counted    | finished
its exit is lost               | in 1 s, counted    | in 1 s, counted    | finished
it cannot be started           | in 1 s, counted    | in 1 s, counted    | finished
there is no room to start it   | in 1 s             | in 1 s             | in 1 s
exit code 0, no daemon there   | in 1 s, counted    | finished           | finished
exit code 1, no daemon there   | in 1 s, counted    | in 1 s, counted    | finished
exit code 0 after a long life  | in 1 s             | finished           | finished
exit code 1 after a long life  | in 1 s             | in 1 s             | finished
not ready in time              | in 1 s, counted    | in 1 s, counted    | in 1 s, counted
not well any more              | in 1 s, counted    | in 1 s, counted    | in 1 s, counted
not well after a long life     | in 1 s             | in 1 s             | in 1 s
stopped by the operator        | stopped            | stopped            | stopped
stopped, the stop cut off      | at once            | at once            | at once
restarted by the operator      | at once            | at once            | at once
the machine went down          | at once            | at once            | at once
exit code 1 as it went down    | at once            | at once            | at once
";

type End = fn(&mut Play, &AttemptRef) -> Vec<Effect>;

const ENDS: &[(&str, End)] = &[
    ("exit code 0", |play, of| play.ends(of, Exit::Code(0))),
    ("exit code 1", |play, of| play.ends(of, Exit::Code(1))),
    ("SIGSEGV", |play, of| {
        play.ends(of, Exit::Signal(Signal::from_number(11).unwrap()))
    }),
    ("its exit is lost", |play, of| {
        play.ends(of, Exit::Lost("no exit record".into()))
    }),
    ("it cannot be started", |play, of| {
        let of = start_again(play, of);
        play.says(HostEvent::StartFailed(of, "no such program".into()))
    }),
    ("there is no room to start it", |play, of| {
        let of = start_again(play, of);
        play.says(HostEvent::Shortage(of, "no space left on device".into()))
    }),
    ("exit code 0, no daemon there", |play, of| {
        play.next_daemon(vec![ended(of, Exit::Code(0), 0)])
    }),
    ("exit code 1, no daemon there", |play, of| {
        play.next_daemon(vec![ended(of, Exit::Code(1), 0)])
    }),
    ("exit code 0 after a long life", |play, of| {
        play.pass(LONG);
        play.ends(of, Exit::Code(0))
    }),
    ("exit code 1 after a long life", |play, of| {
        play.pass(LONG);
        play.ends(of, Exit::Code(1))
    }),
    ("not ready in time", |play, of| {
        play.reload(|config| change(config, |a| a.ready = Some(ready())));
        let of = start_again(play, of);
        play.runs(&of);
        play.pass(10_000);
        play.ends(&of, Exit::Signal(Signal::TERM))
    }),
    ("not well any more", |play, of| {
        falls_ill(play, of);
        play.ends(of, Exit::Code(0))
    }),
    ("not well after a long life", |play, of| {
        play.pass(LONG);
        falls_ill(play, of);
        play.ends(of, Exit::Code(0))
    }),
    ("stopped by the operator", |play, of| {
        play.command(Command::Stop(vec![of.worker.clone()]));
        play.ends(of, Exit::Signal(Signal::TERM))
    }),
    ("stopped, the stop cut off", |play, of| {
        play.tell(Event::Leave(Leave::StopWorkers));
        play.next_daemon(vec![ended(of, Exit::Code(0), 0)])
    }),
    ("restarted by the operator", |play, of| {
        play.command(Command::Restart(vec![of.worker.clone()]));
        play.ends(of, Exit::Code(0))
    }),
    ("the machine went down", |play, of| {
        let lost = Exit::Lost("the machine went down".into());
        play.reboot(vec![ended(of, lost, 0)])
    }),
    ("exit code 1 as it went down", |play, of| {
        play.reboot(vec![ended_with_machine(of, Exit::Code(1))])
    }),
];

/// Longer than the healthy time.
const LONG: u64 = 61_000;

/// There is one worker.
fn change(config: &mut Config, how: fn(&mut Worker)) {
    config.workers.values_mut().for_each(how);
}

/// The same worker, in an attempt of which the host has not said anything yet.
fn start_again(play: &mut Play, of: &AttemptRef) -> AttemptRef {
    play.command(Command::Restart(vec![of.worker.clone()]));
    started(&play.ends(of, Exit::Code(0))).remove(0)
}

/// Two looks in a row fail.
fn falls_ill(play: &mut Play, of: &AttemptRef) {
    play.reload(|config| change(config, |a| a.alive = Some(alive())));
    for _ in 0..2 {
        play.pass(5_000);
        play.tell(Event::Probed(of.clone(), Looked::Failed("refused".into())));
    }
}

/// What follows from an end, in the words of the table.
fn follows(policy: Restart, budget: u32, end: End) -> &'static str {
    let mut rules = worker("a");
    rules.restart = policy;
    rules.budget.restarts = budget;
    let (mut play, starts) = Play::running(rig([rules]));
    let done = end(&mut play, &starts[0]);
    let counted = play.rig.workers["a"].restarts.window.len();
    if started(&done).len() == 1 {
        assert_eq!(counted, 0);
        return "at once";
    }
    assert_eq!(started(&done), []);
    match (&play.rig.workers["a"].life, counted) {
        (Life::BackingOff { .. }, _) => {
            assert_eq!(started(&play.pass(999)), [], "before its delay is over");
            assert_eq!(started(&play.pass(1)).len(), 1);
            ["in 1 s", "in 1 s, counted"][counted]
        }
        (life, counted) => {
            let word = match (life, counted) {
                (Life::Stopped(Stopped::Finished), 0) => "finished",
                (Life::Stopped(Stopped::Operator), 0) => "stopped",
                (Life::Held(_), 1) => "held",
                _ => panic!("{life:?}, counted {counted}"),
            };
            assert_eq!(started(&play.pass(3_600_000)), [], "{word} for good");
            word
        }
    }
}

fn table(budget: u32) -> String {
    let columns = [Restart::Always, Restart::OnFailure, Restart::Never];
    let mut text = String::from(TABLE.lines().next().unwrap());
    for (how, end) in ENDS {
        let [always, on_failure, never] = columns.map(|policy| follows(policy, budget, *end));
        text += &format!("\n{how:<30} | {always:<18} | {on_failure:<18} | {never}");
    }
    text + "\n"
}

#[test]
fn what_follows_an_end_is_as_the_table_says() {
    assert_eq!(table(1), TABLE);
}

#[test]
fn a_hold_says_how_many_restarts_there_may_be() {
    for (restarts, words) in [(0, "0 restarts"), (1, "1 restart"), (2, "2 restarts")] {
        let mut rules = worker("a");
        rules.budget.restarts = restarts;
        let (mut play, starts) = Play::running(rig([rules]));
        let mut attempt = starts[0].clone();
        for _ in 0..restarts {
            play.ends(&attempt, Exit::Code(1));
            attempt = started(&play.pass(60_000))[0].clone();
            play.runs(&attempt);
        }
        play.ends(&attempt, Exit::Code(1));
        let life = &play.rig.workers["a"].life;
        let said = format!("more than {words} in ");
        assert!(
            matches!(life, Life::Held(why) if why.starts_with(&said)),
            "{life:?}"
        );
    }
}

#[test]
fn without_a_budget_what_is_counted_is_held_and_nothing_else_changes() {
    let held = TABLE.replace("in 1 s, counted    |", "held               |");
    assert_eq!(table(0), held.replace("in 1 s, counted\n", "held\n"));
}
