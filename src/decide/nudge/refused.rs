//! Why a text is not typed: what waiting changes, and what helps.

use std::time::Duration;

use super::super::{
    Refusal,
    command::failed,
    life::{Life, Stopped},
    worker::Worker,
};
use crate::{agent::typed::Refusal as R, model::WorkerName};

/// From a text that was refused for somebody who is there, and not for work, to the next try.
pub(super) const TRY_EVERY: Duration = Duration::from_secs(5);

/// After which time a text that was refused for this is tried again; `None` where waiting changes
/// nothing.
pub(super) fn passes(why: &R) -> Option<Duration> {
    match why {
        // The next look is soon enough.
        R::Busy | R::Moved => Some(Duration::from_millis(1)),
        R::Mode | R::Unsent { .. } | R::NoInput { .. } | R::Attached { .. } => Some(TRY_EVERY),
        R::Dead
        | R::Foreground { .. }
        | R::Asking { .. }
        | R::Limited { .. }
        | R::Crashed { .. }
        | R::Unbracketed
        | R::LongLine { .. } => None,
    }
}

/// The same of a text that waits as long as its attempt runs, and for which nobody waits.
pub(super) fn passes_at_last(why: &R) -> Option<Duration> {
    let never = matches!(why, R::Unbracketed | R::LongLine { .. });
    passes(why).or((!never).then_some(TRY_EVERY))
}

/// What helps who was refused for this.
pub(super) fn hint(why: &R, worker: &WorkerName) -> String {
    let attach = format!("`supervisorctl attach {worker}`");
    match why {
        R::Asking { .. } | R::Limited { menu: Some(_) } => format!("{attach} to answer it"),
        R::Limited { menu: None } => {
            format!(
                "`supervisorctl status` shows until when, and when it is woken; {attach} to type all the same"
            )
        }
        R::Dead | R::Crashed { .. } => format!("`supervisorctl restart {worker}`"),
        R::Foreground { .. } => format!("{attach} to see what runs there, and to end it"),
        R::Busy => format!(
            "`supervisorctl nudge {worker} --when now` does not wait for it; --within waits longer"
        ),
        R::Moved => "`supervisorctl status` shows what it does".into(),
        R::NoInput { .. } => {
            format!("{attach} to see what it shows instead, and where its cursor is")
        }
        R::Mode => format!("{attach} to leave it, then nudge it again"),
        R::Unsent { .. } => format!("{}, then nudge it again", way_out(worker)),
        R::Attached { .. } => "nudge it again when nobody types there".into(),
        R::Unbracketed => "give it one line".into(),
        R::LongLine { .. } => "put it into a file, and give the name of that".into(),
    }
}

/// What helps where text stands on an input line.
fn way_out(worker: &WorkerName) -> String {
    format!("`supervisorctl attach {worker}`, where Enter sends it and C-u clears it")
}

/// What has to be known of a text that may have been typed.
pub(in crate::decide) fn if_left(worker: &WorkerName) -> String {
    let out = way_out(worker);
    format!("if it stands on its input line, not sent, nothing else is typed there: {out}")
}

/// The daemon is to end.
pub(super) fn leaving() -> Refusal {
    failed(
        "nothing was typed: the daemon is ending",
        Some("nudge it again when `supervisorctl status` answers"),
    )
}

/// Whoever asked for it has hung up.
pub(super) fn unheard() -> Refusal {
    failed("nothing was typed: nobody waits for it any more", None)
}

/// Why nothing is typed where nobody reads.
pub(super) fn not_running(worker: &Worker) -> Refusal {
    let (name, life) = (worker.name(), &worker.life);
    let (why, hint) = match life {
        Life::Held(why) => (
            format!("held: {why}"),
            format!("`supervisorctl start {name}`"),
        ),
        Life::Stopped(Stopped::Paused) => (
            format!("stopped: {}", Stopped::Paused.as_str()),
            "`supervisorctl status` shows what ends the pause".to_owned(),
        ),
        Life::Stopped(Stopped::Spent) => (
            format!("held: {}", worker.spent_in_words()),
            format!("`supervisorctl start {name}` gives it as much again"),
        ),
        Life::Stopped(Stopped::Breaker) => (
            format!("held: {}", worker.breaker_in_words()),
            format!("`supervisorctl start {name}` tries one now"),
        ),
        Life::Stopped(
            why @ (Stopped::PlanComplete | Stopped::Phase | Stopped::PhaseOver | Stopped::Astray),
        ) => (
            format!("stopped: {}", why.as_str()),
            "`supervisorctl phase` shows where the plan stands, and how it goes on".to_owned(),
        ),
        Life::Stopped(
            why @ (Stopped::Operator
            | Stopped::Systemctl
            | Stopped::Finished
            | Stopped::Leaving
            | Stopped::Removed),
        ) => (
            format!("stopped: {}", why.as_str()),
            format!("`supervisorctl start {name}`"),
        ),
        Life::Waiting(_)
        | Life::BackingOff { .. }
        | Life::Starting { .. }
        | Life::Running { .. }
        | Life::Stopping { .. }
        | Life::Lost { .. } => (
            life.state().to_string(),
            "`supervisorctl status` shows when it runs".to_owned(),
        ),
    };
    failed(
        &format!("worker {name} is not running: it is {why}"),
        Some(&hint),
    )
}
