//! Whether somebody killed a worker's unit with `systemctl kill`.
//!
//! Promise: the signal that ended an attempt is told, or the one after which it soon ended, in its own
//! way; of each attempt once. A journal that cannot be read says nothing.
//!
//! How: the manager tells nobody but the journal, in a message of its own that names the signal. It is
//! asked once the end is recorded, also of one that no daemon saw; about one attempt at a time, since
//! many may end at once. A journald that hangs is waited for, since nothing waits for the answer.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{RECORD, journal, life::written, record};
use crate::{
    launch::{House, News, command::Runner, context::Context, directory::Directory},
    model::{AttemptRef, Exit, HostEvent, Signal},
    systemd::manager::Whose,
};

/// How soon after a signal an end is taken to have come of it.
const SOON: Duration = Duration::from_secs(10);
/// By how much the kernel's time of a file may be behind.
const BEHIND: Duration = Duration::from_millis(100);

/// A signal that was sent by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    at: SystemTime,
    signal: Signal,
}

impl Sent {
    /// Whether it led to this end, at this time.
    fn led_to(self, exit: &Exit, at: SystemTime) -> bool {
        match exit {
            Exit::Signal(by) if *by == self.signal => true,
            Exit::Code(_) | Exit::Signal(_) | Exit::OutOfMemory(_) | Exit::Lost(_) => {
                let passed = (at + BEHIND).duration_since(self.at);
                passed.is_ok_and(|passed| passed <= SOON + BEHIND)
            }
        }
    }
}

/// Looks whether an attempt that has ended was killed by hand, and tells it then.
pub(in crate::launch) fn look_for_hand(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
) {
    let House::Unit { units, .. } = &context.settings.house else {
        return;
    };
    let invocation = directory.start().and_then(|start| start.invocation);
    let (Some(invocation), Some(ended)) = (invocation, directory.ended()) else {
        return;
    };
    if super::intervention(directory).is_some() {
        return;
    }
    // An end that no daemon saw was recorded when one looked; the unit's own record is of then.
    let at = written(directory).map_or(ended.at, |at| at.min(ended.at));
    let at = SystemTime::from(at);
    let (runner, news) = (context.runner.clone(), context.news.clone());
    let (whose, attempt) = (units.whose().clone(), attempt.clone());
    let turn = Arc::clone(&context.looks_for_hand);
    tokio::spawn(async move {
        let _turn = turn.lock().await;
        journal::caught_up(&whose).await;
        let sent = by_hand(&runner, &whose, &invocation).await;
        let led = sent.into_iter().rev().find(|sent| sent.at <= at + BEHIND);
        if let Some(Sent { signal, .. }) = led.filter(|sent| sent.led_to(&ended.exit, at)) {
            // The daemon that does not listen any more is ending.
            let event = HostEvent::KilledByHand(attempt, signal, ended.exit);
            drop(news.send(News::Event(event)));
        }
    });
}

/// The signals that were sent by hand to this life of a unit, the oldest first, as far as the journal
/// says.
async fn by_hand(runner: &Runner, whose: &Whose, invocation: &str) -> Vec<Sent> {
    let of_it = match whose {
        Whose::System => ["_PID=1".to_owned(), format!("INVOCATION_ID={invocation}")],
        Whose::User(_) => [
            "_COMM=systemd".to_owned(),
            format!("USER_INVOCATION_ID={invocation}"),
        ],
    };
    let messages = journal::messages(runner, whose, &of_it).await;
    let messages = messages.unwrap_or_default();
    messages.iter().filter_map(|line| sent(line)).collect()
}

/// That somebody killed a unit before its worker began, in words; the recorder knows which life of it
/// that was.
pub(super) async fn while_it_began(
    runner: &Runner,
    whose: &Whose,
    directory: &Directory,
) -> Option<String> {
    let text = fs::read_to_string(directory.path().join(RECORD)).ok()?;
    let invocation = record::last_invocation(&text)?;
    let Sent { signal, .. } = by_hand(runner, whose, invocation).await.pop()?;
    Some(format!(
        "{signal} was sent by the operator with systemctl kill, before the worker began"
    ))
}

/// `1795286749.808604 lab systemd[1]: loopkeeper-x.service: Sent signal SIGKILL to main process 80
/// (sleep) on client request.`
fn sent(line: &str) -> Option<Sent> {
    let (head, rest) = line.split_once(": Sent signal ")?;
    let (signal, rest) = rest.split_once(' ')?;
    if !rest.ends_with(" on client request.") {
        return None;
    }
    let seconds = head.split(' ').next()?.parse().ok()?;
    let since_1970 = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Sent {
        at: SystemTime::UNIX_EPOCH.checked_add(since_1970)?,
        signal: signal.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_managers_words_are_understood() {
        let unit = "1795286749.500000 lab systemd[1]: loopkeeper-x.service";
        for (line, signal) in [
            (
                "Sent signal SIGKILL to main process 80 (sleep) on client request.",
                Some(Signal::KILL),
            ),
            (
                "Sent signal SIGTERM to control process 8 (sh) on client request.",
                Some(Signal::TERM),
            ),
            ("Sent signal SIGTERM to main process 80 (sleep)", None),
            ("Deactivated successfully.", None),
        ] {
            let at = at(1_795_286_749_500);
            let expected = signal.map(|signal| Sent { at, signal });
            assert_eq!(sent(&format!("{unit}: {line}")), expected, "{line}");
        }
    }

    #[test]
    fn an_end_comes_of_its_signal_and_of_another_soon() {
        let sent = Sent {
            at: at(100_000),
            signal: Signal::TERM,
        };
        let hangup = Exit::Signal("SIGHUP".parse().unwrap());
        for (exit, ended, led) in [
            (Exit::Signal(Signal::TERM), 3_700_000, true),
            (Exit::Code(3), 100_500, true),
            (Exit::Code(0), 109_000, true),
            (hangup.clone(), 100_010, true),
            (Exit::Code(3), 99_950, true),
            (Exit::Code(3), 99_000, false),
            (Exit::Code(3), 111_000, false),
            (hangup, 111_000, false),
        ] {
            assert_eq!(sent.led_to(&exit, at(ended)), led, "{exit} {ended}");
        }
    }
}
