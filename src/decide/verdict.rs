//! What the watchdog holds of a worker, with its evidence.

use std::time::Duration;

use super::{
    Looked,
    attempt::in_words,
    life::{Health, Life, Stopped},
    watch::Watching,
    worker::Worker,
};
use crate::model::{Now, Verdict, VerdictIs};

/// The verdict on one worker by the looks at its agent; `None` before the first of them.
pub(super) fn by_looks(worker: &Worker, watching: &Watching, now: Now) -> Option<Verdict> {
    let mut verdict = watching.verdict(now, &worker.rules.watch)?;
    let plan = worker.limit_plan();
    if let Some(plan) = plan.filter(|_| verdict.is == VerdictIs::Limited) {
        verdict.evidence = format!("{}; {plan}", verdict.evidence);
    }
    if let Some(plan) = worker.unstick_plan(now, verdict.is) {
        verdict.evidence = format!("{}; {plan}", verdict.evidence);
    }
    Some(verdict)
}

/// The verdict on one worker; `quiet` is how long its output has said nothing, if it has any.
pub(super) fn verdict(worker: &Worker, now: Now, quiet: Option<Duration>) -> Verdict {
    if let Life::Running {
        health: Health {
            last: None | Some((_, Looked::Well)),
            ..
        },
        watching: Some(watching),
        ..
    } = &worker.life
        && let Some(verdict) = by_looks(worker, watching, now)
    {
        return verdict;
    }
    let (is, evidence) = match &worker.life {
        Life::Waiting(why) => (VerdictIs::Waiting, why.clone()),
        Life::BackingOff { why, .. } => {
            (VerdictIs::Waiting, format!("for its restart after {why}"))
        }
        Life::Stopped(Stopped::Spent) => (VerdictIs::Waiting, worker.spent_in_words()),
        Life::Stopped(Stopped::Breaker) => (VerdictIs::Waiting, worker.breaker_in_words()),
        Life::Stopped(why) => (VerdictIs::Waiting, why.as_str().to_owned()),
        Life::Held(why) => (VerdictIs::Waiting, format!("for the operator: {why}")),
        Life::Starting { last, .. } => (
            VerdictIs::Waiting,
            format!("to be ready: {}", last.why().unwrap_or_default()),
        ),
        Life::Stopping { cause, .. } => (
            VerdictIs::Waiting,
            cause
                .stopped_by()
                .unwrap_or_else(|| "its tree is ending".into()),
        ),
        Life::Lost { why, .. } => (VerdictIs::Unknown, why.clone()),
        Life::Running { health, .. } => match (&health.last, quiet) {
            (Some((at, Looked::Failed(why))), _) => {
                let ago = ago(now.mono.since(*at));
                (
                    VerdictIs::Unknown,
                    format!("{} failed, {ago}: {why}", looks(health.failures)),
                )
            }
            (Some((at, Looked::Unable(why))), _) => {
                let ago = ago(now.mono.since(*at));
                (
                    VerdictIs::Unknown,
                    format!("it could not be looked at, {ago}: {why}"),
                )
            }
            (Some((at, Looked::Well)), _) => (
                VerdictIs::Working,
                format!("answered {}", ago(now.mono.since(*at))),
            ),
            (None, Some(quiet)) => (VerdictIs::Working, format!("output {}", ago(quiet))),
            (None, None) => (VerdictIs::Working, "its process lives".into()),
        },
    };
    Verdict {
        is,
        evidence,
        since: None,
    }
}

impl Worker {
    /// That nobody can look at it, and why, if so.
    pub(super) fn unable(&self) -> Option<String> {
        let (is, why) = match &self.life {
            Life::Starting {
                last: Looked::Unable(why),
                ..
            } => ("ready", why),
            Life::Running { health, .. } => match &health.last {
                Some((_, Looked::Unable(why))) => ("well", why),
                Some((_, Looked::Well | Looked::Failed(_))) | None => return None,
            },
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Stopped(_)
            | Life::Held(_)
            | Life::Starting { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => return None,
        };
        let name = self.name();
        Some(format!(
            "{name} cannot be looked at, and nobody knows whether it is {is}: {why}"
        ))
    }
}

/// To the second in the first minute, to the minute from then on.
pub(super) fn ago(duration: Duration) -> String {
    let seconds = match duration.as_secs() {
        0 => return "just now".into(),
        seconds @ 1..60 => seconds,
        seconds => seconds - seconds % 60,
    };
    format!("{} ago", in_words(Duration::from_secs(seconds)))
}

fn looks(failures: u32) -> String {
    match failures {
        1 => "one look".into(),
        n => format!("{n} looks in a row"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_has_one_part_in_the_first_hour() {
        for (milliseconds, words) in [
            (0, "just now"),
            (999, "just now"),
            (1_999, "1 s ago"),
            (59_999, "59 s ago"),
            (119_999, "1 min ago"),
            (3_599_999, "59 min ago"),
            (7_500_000, "2 h 5 min ago"),
        ] {
            assert_eq!(ago(Duration::from_millis(milliseconds)), words);
        }
    }
}
