//! What is told of workers that could not be woken, or are at a limit still.

use super::super::{
    Level, Refusal, Rig,
    nudge::Nudging,
    watch::{short, to_the_minute},
};
use crate::model::{AttemptRef, Now};

/// So many tries in a row that change nothing, and a person has to look. Further ones say nothing new.
const A_PERSON: u32 = 3;

const NOT_WOKEN: &str = "worker-wake-failed";

impl Rig {
    /// Nothing was typed, or it was not submitted.
    pub(in crate::decide) fn not_woken(&mut self, now: Now, nudge: &Nudging, why: &Refusal) {
        let name = nudge.worker().clone();
        let attempt = nudge.attempt().clone();
        // Who was in the way for so long may be gone in a moment.
        let since = nudge.began().filter(|_| nudge.is_late(now.mono));
        let at = since.map_or(now.wall, |since| {
            let ago = now.mono.since(since);
            now.wall.checked_sub(ago).unwrap_or(now.wall)
        });
        self.tried(at, &name, false);
        let hint = why
            .hint
            .as_ref()
            .map_or(String::new(), |hint| format!("; {hint}"));
        let text = format!("{name} was not woken: {}{hint}", why.message);
        self.tell_not_woken(now, &attempt, text);
    }

    /// It was woken, and its limit is there still, or another one.
    pub(super) fn tell_still_limited(&mut self, now: Now, of: &AttemptRef) {
        let worker = self.workers.get(&of.worker);
        let Some(limit) = worker.and_then(|worker| worker.limit.as_ref()) else {
            return;
        };
        let words = short(&limit.known.words);
        let text = format!("{} was woken, and is at a limit still: {words}", of.worker);
        self.tell_not_woken(now, of, text);
    }

    fn tell_not_woken(&mut self, now: Now, of: &AttemptRef, text: String) {
        let worker = self.workers.get(&of.worker);
        let limit = worker.and_then(|worker| {
            let known = &worker.limit.as_ref()?.known;
            Some((known.failed, known.due(&worker.rules.limit)))
        });
        let (level, then) = match limit {
            Some((failed, due)) => {
                let level = match failed {
                    A_PERSON => Level::Error,
                    _ => Level::Warning,
                };
                let then = match due > now.wall {
                    true => format!("is woken at {}", to_the_minute(due)),
                    false => "is tried again at once".into(),
                };
                (level, then)
            }
            None => (Level::Info, "its limit is over all the same".into()),
        };
        self.tell(now, NOT_WOKEN, level, Some(of), format!("{text}; {then}"));
    }
}
