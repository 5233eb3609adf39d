//! What an operator does to a worker's unit with systemctl, past the supervisor.

use super::*;
use crate::model::Intervention::{self, Maintenance, ManagerEnded, Restarted, Stopped, Unmounted};

/// It ends by the operator's hand, and nothing of it is left.
fn ends_by(play: &mut Play, of: &AttemptRef, by: Intervention) -> Vec<Effect> {
    let exit = Exit::Signal(Signal::TERM);
    let mut done = play.says(HostEvent::Ended(of.clone(), exit, Some(by)));
    done.extend(play.says(HostEvent::Gone(of.clone())));
    done
}

fn ended_by(of: &AttemptRef, by: Intervention) -> Found {
    let is = model::Condition::Ended {
        exit: Exit::Signal(Signal::TERM),
        survivors: 0,
        by: Some(by),
    };
    found(of, is)
}

/// What is told of this, in words.
fn told(done: &[Effect], event: &str) -> String {
    let text = done.iter().find_map(|effect| match effect {
        Effect::Tell(notice) if notice.event == event => Some(notice.text.clone()),
        _ => None,
    });
    text.unwrap_or_default()
}

fn reason(play: &Play) -> Option<String> {
    let view = play.rig.view(now(play.t), |_, _| None);
    view.workers[0].reason.clone()
}

#[test]
fn who_is_stopped_by_hand_stays_stopped() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    assert_eq!(started(&ends_by(&mut play, &starts[0], Stopped)), []);
    assert_eq!(play.state("a"), StateName::Stopped);
    assert_eq!(
        reason(&play).as_deref(),
        Some("stopped by the operator"),
        "as if it had been asked of us"
    );
    assert_eq!(started(&play.pass(3_600_000)), []);
    assert_eq!(started(&play.next_daemon(Vec::new())), []);
    assert_eq!(play.state("a"), StateName::Stopped);
    let done = play.command(Command::Start(vec!["a".parse().unwrap()]));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn who_is_restarted_by_hand_begins_anew_and_has_not_failed() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let again = started(&ends_by(&mut play, &starts[0], Restarted));
    assert_eq!(again.len(), 1, "at once");
    assert_eq!(play.rig.workers["a"].restarts.window, []);
}

#[test]
fn who_finished_is_run_again_when_restarted_by_hand() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    assert_eq!(started(&ends_by(&mut play, &starts[0], Restarted)).len(), 1);
}

#[test]
fn the_end_of_its_manager_is_nobodys_wish() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    assert_eq!(
        started(&ends_by(&mut play, &starts[0], ManagerEnded)).len(),
        1
    );
    assert_eq!(play.rig.workers["a"].restarts.window, []);
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let done = ends_by(&mut play, &starts[0], Maintenance);
    assert_eq!(started(&done).len(), 1);
    let told = told(&done, "worker-ended");
    assert!(
        told.contains("its service manager went into rescue or emergency mode"),
        "{told}"
    );
}

#[test]
fn who_loses_its_file_system_is_not_stopped_by_anybody_and_has_not_failed() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    let done = ends_by(&mut play, &starts[0], Unmounted("/mnt/nas".into()));
    let again = started(&done);
    assert_eq!(again.len(), 1);
    let told = told(&done, "worker-ended");
    assert!(
        told.contains("its file system /mnt/nas was unmounted"),
        "{told}"
    );
    assert!(!told.contains("operator"), "{told}");
    play.says(HostEvent::Shortage(again[0].clone(), "not mounted".into()));
    assert_eq!(play.state("a"), StateName::BackingOff);
    assert_eq!(started(&play.tell(Event::NeedsMayDiffer)).len(), 1);
    assert_eq!(play.rig.workers["a"].restarts.window, []);
}

#[test]
fn what_was_done_while_no_daemon_ran_counts_as_well() {
    for (by, starts_again) in [
        (Stopped, 0),
        (Restarted, 1),
        (Unmounted("/mnt".into()), 1),
        (ManagerEnded, 1),
        (Maintenance, 1),
    ] {
        let (mut play, starts) = Play::running(rig([worker("a")]));
        let done = play.next_daemon(vec![ended_by(&starts[0], by.clone())]);
        assert_eq!(started(&done).len(), starts_again, "{by:?}");
        assert_eq!(play.rig.workers["a"].restarts.window, [], "{by:?}");
    }
}

#[test]
fn who_lost_its_file_system_before_the_machine_went_down_begins_anew() {
    let mut once = worker("a");
    once.restart = Restart::Never;
    let (mut play, starts) = Play::running(rig([once]));
    let found = ended_by(&starts[0], Unmounted("/mnt".into()));
    assert_eq!(started(&play.reboot(vec![found])).len(), 1);
    let worker = &play.rig.workers["a"];
    assert!(worker.run, "nobody stopped it");
    assert_eq!(worker.restarts.total, 0);
}

#[test]
fn a_manager_that_ended_with_its_machine_is_not_told_of() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let is = model::Condition::Ended {
        exit: Exit::machine_went_down(),
        survivors: 0,
        by: Some(ManagerEnded),
    };
    let done = play.reboot(vec![found(&starts[0], is)]);
    assert_eq!(
        told(&done, "worker-ended"),
        "a had ended meanwhile: exit lost: the machine went down"
    );
}

#[test]
fn who_is_stopped_by_hand_before_it_began_stays_stopped_and_has_not_failed() {
    let stopped = |play: &mut Play, done: Vec<Effect>| {
        assert_eq!(play.state("a"), StateName::Stopped);
        assert_eq!(started(&done), []);
        assert_eq!(started(&play.pass(3_600_000)), []);
        assert_eq!(play.rig.workers["a"].restarts.window, []);
        told(&done, "worker-ended")
    };
    let begins = || {
        let mut play = Play::unasked(rig([worker("a")]));
        let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
        (play, starts[0].clone())
    };
    let (mut play, of) = begins();
    let mut done = play.says(HostEvent::Ended(
        of.clone(),
        Exit::never_began(),
        Some(Stopped),
    ));
    done.extend(play.says(HostEvent::Gone(of)));
    assert_eq!(
        stopped(&mut play, done),
        "a never began after a stop (stopped by the operator with systemctl)"
    );
    let (mut play, of) = begins();
    let is = model::Condition::Ended {
        exit: Exit::never_began(),
        survivors: 0,
        by: Some(Stopped),
    };
    let done = play.next_daemon(vec![found(&of, is)]);
    assert_eq!(
        stopped(&mut play, done),
        "a never began (stopped by the operator with systemctl)"
    );
}

#[test]
fn a_stop_by_hand_wins_over_a_restart_of_ours() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    play.command(Command::Restart(vec!["a".parse().unwrap()]));
    assert_eq!(play.state("a"), StateName::Stopping);
    assert_eq!(started(&ends_by(&mut play, &starts[0], Stopped)), []);
    assert_eq!(play.state("a"), StateName::Stopped);
}

#[test]
fn a_kill_by_hand_is_told_with_the_end_that_it_led_to() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    for (exit, text) in [
        (Exit::Signal(Signal::TERM), "a: SIGTERM was sent"),
        (Exit::Code(3), "a: exit code 3, after SIGTERM was sent"),
    ] {
        let killed = HostEvent::KilledByHand(starts[0].clone(), Signal::TERM, exit);
        let text = format!("{text} by the operator with systemctl kill");
        assert_eq!(told(&play.says(killed), "worker-killed"), text);
        assert_eq!(play.state("a"), StateName::Running, "it is only told");
    }
}

#[test]
fn the_news_of_an_old_attempt_stops_nobody() {
    let (mut play, starts) = Play::running(rig([worker("a")]));
    let again = started(&ends_by(&mut play, &starts[0], Restarted));
    play.runs(&again[0]);
    ends_by(&mut play, &starts[0], Stopped);
    assert_eq!(play.state("a"), StateName::Running);
}
