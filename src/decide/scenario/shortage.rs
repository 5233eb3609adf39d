//! A start for which there was not enough of something is tried again, and not held against a worker.

use super::*;

const FULL: &str = "no space left on device";

fn one(change: impl FnOnce(&mut Worker)) -> Config {
    let mut a = worker("a");
    change(&mut a);
    rig([a])
}

fn short(play: &mut Play, of: &AttemptRef) -> Vec<Effect> {
    play.says(HostEvent::Shortage(of.clone(), FULL.into()))
}

/// Has every start fail for so long; the last attempt, and how many there were.
fn fails_for(play: &mut Play, mut of: AttemptRef, millis: u64) -> (AttemptRef, usize) {
    let (until, mut tries) = (play.t + millis, 1);
    loop {
        let done = short(play, &of);
        assert!(done.contains(&Effect::Conclude(of.clone())));
        assert_eq!(play.state("a"), StateName::BackingOff);
        while play.state("a") == StateName::BackingOff {
            let next = started(&play.pass(1_000));
            of = next.first().cloned().unwrap_or(of);
        }
        tries += 1;
        if play.t >= until {
            return (of, tries);
        }
    }
}

fn first(play: &mut Play) -> AttemptRef {
    started(&play.tell(Event::Surveyed(Ok(Vec::new()))))[0].clone()
}

#[test]
fn a_shortage_costs_no_budget_and_is_waited_out_with_longer_and_longer_delays() {
    for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
        let mut play = Play::unasked(one(|a| {
            a.restart = restart;
            a.budget.restarts = 0;
        }));
        let of = first(&mut play);
        let day = 24 * 3600 * 1000;
        let (of, tries) = fails_for(&mut play, of, day);
        let most = day / u64::try_from(play.config.workers["a"].backoff.most.as_millis()).unwrap();
        let most = usize::try_from(most).unwrap();
        assert!((most / 2..most * 2).contains(&tries), "{tries} in a day");
        assert_eq!(play.rig.workers["a"].restarts.total, 0);
        assert_eq!(play.rig.workers["a"].restarts.window, []);
        play.runs(&of);
        assert_eq!(play.state("a"), StateName::Running);
    }
}

#[test]
fn a_shortage_that_nobody_told_of_is_no_end() {
    for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
        let mut play = Play::unasked(one(|a| {
            a.restart = restart;
            a.budget.restarts = 0;
        }));
        let of = first(&mut play);
        assert!(play.pass(30_000).contains(&Effect::Inquire(of.clone())));
        play.tell(Event::Found(found(&of, model::Condition::NeverStarted)));
        assert_eq!(play.state("a"), StateName::BackingOff);
        assert_eq!(started(&play.pass(1_000)).len(), 1);
        assert_eq!(play.rig.workers["a"].restarts.total, 0);
    }
}

#[test]
fn a_worker_without_a_delay_is_put_off_all_the_same() {
    let mut play = Play::unasked(one(|a| a.backoff.first = Duration::ZERO));
    let of = first(&mut play);
    assert_eq!(started(&short(&mut play, &of)), []);
    assert_eq!(started(&play.pass(999)), []);
    assert_eq!(started(&play.pass(1)).len(), 1);
}

#[test]
fn the_next_daemon_counts_no_shortage_and_keeps_the_delay() {
    let mut play = Play::unasked(one(|a| a.budget.restarts = 0));
    let of = first(&mut play);
    short(&mut play, &of);
    let until = play.rig.workers["a"].restarts.until;
    let done = play.next_daemon(vec![found(&of, model::Condition::NeverStarted)]);
    assert_eq!(started(&done), []);
    assert_eq!(play.state("a"), StateName::BackingOff);
    assert_eq!(play.rig.workers["a"].restarts.until, until);
}

#[test]
fn the_next_daemon_shows_the_same_of_an_attempt_that_never_began() {
    let mut play = Play::unasked(one(|_| {}));
    let of = first(&mut play);
    short(&mut play, &of);
    let shown = play.rig.workers["a"].last_exit.clone();
    assert_eq!(shown, Some(Exit::not_started(FULL)));
    play.next_daemon(Vec::new());
    assert_eq!(play.rig.workers["a"].last_exit, shown);
}

/// What is told of starts, and of starts that were put off.
fn told(done: &[Effect]) -> Vec<(&str, &str)> {
    let notices = done.iter().filter_map(|effect| match effect {
        Effect::Tell(notice) => Some((notice.event.as_str(), notice.text.as_str())),
        _ => None,
    });
    notices.collect()
}

#[test]
fn a_wait_is_told_when_it_begins_and_when_its_reason_changes() {
    const FULL_TOLD: (&str, &str) = (
        "worker-put-off",
        "a cannot be started now: no space left on device",
    );
    let mut play = Play::unasked(one(|_| {}));
    let mut of = first(&mut play);
    assert_eq!(told(&short(&mut play, &of)), [FULL_TOLD]);
    let again = |play: &mut Play, of: &mut AttemptRef| {
        let done = play.tell(Event::NeedsMayDiffer);
        *of = started(&done)[0].clone();
        assert_eq!(told(&done), []);
    };
    for _ in 0..3 {
        again(&mut play, &mut of);
        assert_eq!(told(&short(&mut play, &of)), []);
    }
    play.next_daemon(Vec::new());
    again(&mut play, &mut of);
    assert_eq!(told(&short(&mut play, &of)), [], "the next daemon");
    again(&mut play, &mut of);
    let other = HostEvent::Shortage(of.clone(), "not mounted".into());
    let other_told = ("worker-put-off", "a cannot be started now: not mounted");
    assert_eq!(told(&play.says(other)), [other_told]);
    let done = play.reboot(Vec::new());
    of = started(&done)[0].clone();
    let other = HostEvent::Shortage(of.clone(), "not mounted".into());
    assert_eq!(told(&play.says(other)), [other_told], "another boot");
    again(&mut play, &mut of);
    play.runs(&of);
    play.ends(&of, Exit::Code(1));
    let done = play.pass(60_000);
    assert_eq!(told(&done), [("worker-starting", "starting a")]);
    of = started(&done)[0].clone();
    assert_eq!(told(&short(&mut play, &of)), [FULL_TOLD], "another wait");
}

#[test]
fn the_last_true_exit_is_shown_while_a_worker_cannot_be_started() {
    let mut play = Play::unasked(one(|_| {}));
    let of = first(&mut play);
    play.runs(&of);
    play.ends(&of, Exit::Code(3));
    let last = |play: &Play| play.rig.workers["a"].last_exit.clone();
    for _ in 0..3 {
        let next = started(&play.pass(300_000))[0].clone();
        short(&mut play, &next);
        assert_eq!(last(&play), Some(Exit::Code(3)));
        assert_eq!(play.state("a"), StateName::BackingOff);
    }
    play.next_daemon(Vec::new());
    assert_eq!(last(&play), Some(Exit::Code(3)), "the next daemon");
    assert_eq!(play.state("a"), StateName::BackingOff);
    let waits = play.rig.waits_for_something(&of.worker);
    assert!(waits, "the next daemon knows that it is for something");
}

#[test]
fn a_worker_that_is_stopped_while_it_cannot_start_is_stopped() {
    let mut play = Play::unasked(one(|_| {}));
    let of = first(&mut play);
    play.command(Command::Stop(vec!["a".parse().unwrap()]));
    short(&mut play, &of);
    assert_eq!(play.state("a"), StateName::Stopped);
    assert_eq!(started(&play.pass(3_600_000)), []);
}

#[test]
fn what_may_be_there_now_is_looked_for_at_once() {
    let mut play = Play::unasked(rig([worker("a"), worker("b")]));
    let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
    short(&mut play, &starts[0]);
    let next = started(&play.ends(&starts[1], Exit::Code(1)));
    assert_eq!(next, [], "its delay");
    let next = started(&play.tell(Event::NeedsMayDiffer));
    let names: Vec<_> = next.iter().map(|of| of.worker.as_str()).collect();
    assert_eq!(names, ["a"], "nothing that b lacked");
}

/// A program is what was written: where it is found, if anywhere, is no matter of the rules.
#[test]
fn who_runs_is_left_alone_while_its_program_is_written_so() {
    let program = |path: &str| {
        one(|a| {
            a.program = Program::Command(config::Command {
                program: path.into(),
                arguments: vec!["-v".into()],
            });
        })
    };
    for (then, now, goes_on) in [
        ("tool", "tool", true),
        ("tool", "other", false),
        ("tool", "/usr/bin/tool", false),
        ("/usr/bin/tool", "tool", false),
        ("/usr/bin/tool", "/opt/bin/tool", false),
    ] {
        let (mut play, starts) = Play::running(program(then));
        play.config = program(now);
        let alive = play.alive(&starts[0]);
        let done = play.next_daemon(vec![alive]);
        assert_eq!(signalled(&done).is_empty(), goes_on, "{then}, {now}");
        let (mut play, _) = Play::running(program(then));
        let done = play.reload(|config| *config = program(now));
        assert_eq!(
            signalled(&done).is_empty(),
            goes_on,
            "{then}, {now}: reload"
        );
    }
}

#[test]
fn a_restart_that_would_only_end_who_lives_is_refused() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let name = starts[0].worker.clone();
    let env = config::Environment::of_this_process().unwrap();
    let mut moved = worker("a");
    moved.workdir = "/does/not/exist".into();
    let lacking = || {
        moved
            .lacks(&env)
            .into_iter()
            .take(1)
            .map(|lack| (&name, lack))
    };
    let refused = play.rig.refused_restart(lacking()).unwrap();
    let text = "worker a could not start again: workdir /does/not/exist does not exist; nothing was \
                restarted";
    assert_eq!(refused.message, text);
    assert_eq!(play.rig.refused_restart(std::iter::empty()), None);
    play.command(Command::Stop(vec![name.clone()]));
    play.ends(&starts[0], Exit::Signal(Signal::TERM));
    assert_eq!(
        play.rig.refused_restart(lacking()),
        None,
        "it does not live"
    );
}
