//! What is told of who was unstuck, could not be, or is stuck.

use std::{fmt, time::Duration};

use super::{
    super::{
        Level, Refusal, Rig, Trouble,
        attempt::in_words,
        life::Cause,
        nudge::Nudging,
        verdict::ago,
        watch::{short, whole},
    },
    A_PERSON,
};
use crate::{
    config::AtLast,
    model::{AttemptRef, Now, VerdictIs, WorkerName},
};

/// Who has pressed a key within this time is still there.
const THERE: Duration = Duration::from_secs(30);

impl fmt::Display for Trouble {
    /// Reads on after the name of a worker.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall => "is stalled",
            Self::Outage => "has no answer from its provider",
            Self::Idle => "waits at its input line",
        })
    }
}

impl Rig {
    /// Nothing was typed, or it was not submitted.
    pub(in crate::decide) fn not_unstuck(
        &mut self,
        now: Now,
        nudge: &Nudging,
        what: Trouble,
        why: &Refusal,
    ) {
        let name = nudge.worker().clone();
        let hint = why.hint.as_ref();
        let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
        let why = format!("{}{hint}", why.message);
        let of = nudge.attempt().clone();
        let unstick = self.workers.get(&name).and_then(|one| one.unstick.as_ref());
        if unstick.is_some_and(|one| one.known.waits) {
            return self.hindered(now, &of, what, &why);
        }
        self.tried_to_unstick(now, &name, false);
        let text = format!("{name} {what}, and was not nudged: {why}");
        self.tell(now, "worker-nudge-failed", Level::Warning, Some(&of), text);
    }

    /// Nothing could be typed: that is no try, and it is tried on. A person hears of it once, as soon as it
    /// was so for as long as tries would have taken.
    fn hindered(&mut self, now: Now, of: &AttemptRef, what: Trouble, why: &str) {
        let (name, leaves) = (&of.worker, self.leaving.is_some());
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let tries = match what {
            Trouble::Stall | Trouble::Idle => worker.rules.unstick.tries,
            Trouble::Outage => A_PERSON,
        };
        let Some(unstick) = &mut worker.unstick else {
            return;
        };
        unstick.was_no_try(now);
        if leaves || unstick.known.attempt != of.attempt {
            return self.record_trouble(name);
        }
        unstick.hindered = unstick.hindered.saturating_add(1);
        let is_so = match what {
            Trouble::Stall | Trouble::Outage => {
                format!(
                    "{what} for {}",
                    in_words(whole(now.mono.since(unstick.since)))
                )
            }
            // It may have had turns meanwhile.
            Trouble::Idle => what.to_string(),
        };
        let known = &mut unstick.known;
        let was_told = known.told;
        known.told |= known.tries.saturating_add(unstick.hindered) >= tries;
        let is_told = known.told;
        self.record_trouble(name);
        match (was_told, is_told) {
            (true, _) => {}
            (false, true) => {
                let text = format!(
                    "{name} is stuck: it {is_so}, and cannot be nudged: {why}; it is nudged as soon as \
                     nothing hinders that"
                );
                self.tell(now, "worker-stuck", Level::Error, Some(of), text);
            }
            (false, false) => {
                let text = format!("{name} {what}, and was not nudged: {why}");
                self.tell(now, "worker-nudge-failed", Level::Warning, Some(of), text);
            }
        }
    }

    /// It goes on; whether a text has helped.
    pub(super) fn tell_unstuck(&mut self, now: Now, of: &AttemptRef, is: VerdictIs) {
        let worker = self.workers.get(&of.worker);
        let Some(unstick) = worker.and_then(|worker| worker.unstick.as_ref()) else {
            return;
        };
        let known = &unstick.known;
        let helped = match unstick.tried.filter(|_| known.tries > 0) {
            Some(tried) => {
                let ago = ago(now.mono.since(tried));
                match known.taken {
                    true => format!("it was nudged {}, {ago}", times(known.tries)),
                    false => format!("{} failed, {ago}", last_of(known.tries)),
                }
            }
            None => "by itself".into(),
        };
        let was = match known.what {
            Trouble::Stall => "stalled",
            Trouble::Outage => "without an answer from its provider",
            Trouble::Idle => "at its input line",
        };
        let long = in_words(whole(now.mono.since(unstick.since)));
        let text = format!(
            "{} is {is} again: {helped}; it was {was} for {long}",
            of.worker
        );
        self.tell(now, "worker-unstuck", Level::Info, Some(of), text);
    }

    /// It waits, and not for what it was to be told.
    pub(super) fn tell_left(&mut self, now: Now, of: &AttemptRef) {
        let name = &of.worker;
        let text = format!(
            "{name} is stuck: what it did was to be ended for a text that it did not get, and it waits at its \
             input line; `supervisorctl attach {name}` to type to it"
        );
        self.tell(now, "worker-stuck", Level::Error, Some(of), text);
    }

    /// Nothing has helped: a person is told, and where that is wanted it is started anew.
    pub(super) fn give_up(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let Some(of) = worker.life.attempt().map(|attempt| attempt.of.clone()) else {
            return;
        };
        let then = worker.rules.unstick.then;
        let watching = worker.watching();
        let is_there = watching.is_some_and(|watching| watching.is_attended(THERE));
        let Some(unstick) = &mut worker.unstick else {
            return;
        };
        unstick.known.told = true;
        let restarts = unstick.known.what == Trouble::Stall && then == AtLast::Restart;
        self.record_trouble(name);
        match restarts {
            true if is_there => {
                let help = format!(
                    "; somebody is attached and presses keys there, so it is not stopped; \
                     `supervisorctl restart {name}` to start it anew"
                );
                self.tell_stuck(now, &of, &help);
            }
            true => {
                self.tell_stuck(now, &of, "; it is stopped, and started again");
                let why = "it was stalled, and nothing helped";
                self.begin_stop(now, name, Cause::Failed(why.into()));
            }
            false => {
                let help = format!(
                    "; `supervisorctl attach {name}` to look at it, `supervisorctl restart {name}` \
                     to start it anew"
                );
                self.tell_stuck(now, &of, &help);
            }
        }
    }

    /// A person has to hear of it; `then`: what follows.
    pub(super) fn tell_stuck(&mut self, now: Now, of: &AttemptRef, then: &str) {
        let worker = self.workers.get(&of.worker);
        let Some((worker, unstick)) =
            worker.and_then(|worker| Some((worker, worker.unstick.as_ref()?)))
        else {
            return;
        };
        let (name, known) = (&of.worker, &unstick.known);
        let over = worker.watching().and_then(|watching| watching.last_words());
        let long = in_words(whole(now.mono.since(unstick.since)));
        let why = match (known.what, over) {
            (Trouble::Stall, Some(words)) => format!("its program is over: {}", short(words)),
            (Trouble::Stall, None) => {
                let nudged = match known.taken {
                    true => format!("nudged {} without a sign of work", times(known.tries)),
                    false => format!("{} failed", last_of(known.tries)),
                };
                format!("it is stalled for {long}, and {nudged}")
            }
            (Trouble::Outage, _) => format!(
                "it has no answer from its provider for {long}, nudged {} so far",
                times(known.tries.saturating_sub(1))
            ),
            (Trouble::Idle, _) => format!(
                "it waits at its input line, and nothing came of it to nudge it {} in a row",
                times(known.tries)
            ),
        };
        let text = format!("{name} is stuck: {why}{then}");
        self.tell(now, "worker-stuck", Level::Error, Some(of), text);
    }
}

fn last_of(tries: u32) -> String {
    match tries {
        1 => "the only try to nudge it".into(),
        tries => format!("the last of {tries} tries to nudge it"),
    }
}

fn times(count: u32) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}
