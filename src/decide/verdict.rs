//! What the watchdog holds of a worker, with its evidence.

use std::time::Duration;

use super::{
    attempt::in_words,
    worker::{Life, Worker},
};
use crate::model::{Mono, Verdict, VerdictIs};

/// The verdict on one worker; `quiet` is how long its output has said nothing, if it has any.
pub(super) fn verdict(worker: &Worker, now: Mono, quiet: Option<Duration>) -> Verdict {
    let (is, evidence) = match &worker.life {
        Life::Waiting(why) => (VerdictIs::Waiting, why.clone()),
        Life::BackingOff { why, .. } => {
            (VerdictIs::Waiting, format!("for its restart after {why}"))
        }
        Life::Stopped(why) => (VerdictIs::Waiting, why.as_str().to_owned()),
        Life::Held(why) => (VerdictIs::Waiting, format!("for the operator: {why}")),
        Life::Starting { last, .. } => (VerdictIs::Waiting, format!("to be ready: {last}")),
        Life::Stopping { cause, .. } => (
            VerdictIs::Waiting,
            cause
                .stopped_by()
                .unwrap_or_else(|| "its tree is ending".into()),
        ),
        Life::Lost { why, .. } => (VerdictIs::Unknown, why.clone()),
        Life::Running { health, .. } => match (&health.last, quiet) {
            (Some((at, Err(why))), _) => {
                let ago = in_words(now.since(*at));
                (
                    VerdictIs::Unknown,
                    format!("{} failed, {ago} ago: {why}", looks(health.failures)),
                )
            }
            (Some((at, Ok(()))), _) => (
                VerdictIs::Working,
                format!("answered {} ago", in_words(now.since(*at))),
            ),
            (None, Some(quiet)) => (
                VerdictIs::Working,
                format!("output {} ago", in_words(quiet)),
            ),
            (None, None) => (VerdictIs::Working, "its process lives".into()),
        },
    };
    Verdict { is, evidence }
}

fn looks(failures: u32) -> String {
    match failures {
        1 => "one look".into(),
        n => format!("{n} looks in a row"),
    }
}
