//! What is due for texts: begun, tried again, given up, answered.

use std::time::Duration;

use super::{
    super::{
        Fact, Refusal, Rig, When,
        command::failed,
        life::{Life, Look},
        say::SOON_READY,
        worker::Worker,
    },
    BegunNudge, Nudging, Stage, if_left,
    refused::leaving,
    told::unrecorded,
};
use crate::agent::{sighting::Seen, typed::Digest};
use crate::model::{Mono, Now};

/// From one look at an agent for which a text waits to the next.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After which time a text for which nobody waits is tried again that no disk took.
const RECORD_AGAIN: Duration = Duration::from_secs(30);

impl Rig {
    /// What is due for texts, and what can be done for them.
    pub(in crate::decide) fn tend_nudges(&mut self, now: Now) {
        self.raise_debts(now);
        for mut nudge in std::mem::take(&mut self.nudges) {
            match &nudge.stage {
                Stage::Waiting { .. } | Stage::Typing { .. } => {}
                Stage::Recording(fact) => {
                    if let Some(why) = self.ledger.refusal(now.mono) {
                        let message = format!("nothing was typed: it cannot be recorded: {why}");
                        let fact = fact.clone();
                        self.ledger.withdraw(&fact);
                        if nudge.item().is_some() || nudge.is_own() {
                            // What is owed is so as before.
                            self.not_paid(&nudge);
                            let again = Some(now.mono + RECORD_AGAIN);
                            nudge.stage = Stage::Waiting { again };
                            self.nudges.push(nudge);
                            continue;
                        }
                        let hint = "`supervisorctl doctor` looks at the disk";
                        let refusal = failed(&message, Some(hint));
                        self.tell_not_nudged(now, &nudge, &refusal);
                        self.hears(&nudge, Err(refusal));
                        continue;
                    }
                }
                Stage::Over(fact, answer) => {
                    let refused = self.ledger.refusal(now.mono);
                    if let Some(answer) = match (self.ledger.holds(fact), refused) {
                        (false, _) => Some(answer.clone()),
                        (true, Some(why)) => Some(unrecorded(answer, why)),
                        (true, None) => None,
                    } {
                        self.hears(&nudge, answer);
                        continue;
                    }
                }
            }
            if let Stage::Typing { until, .. } = nudge.stage
                && now.mono >= until
            {
                if self.item_is_silent(now, &nudge) {
                    continue;
                }
                nudge.stage = self.silent(now, &nudge);
            }
            self.nudges.push(nudge);
        }
        let mut at = 0;
        while at < self.nudges.len() {
            let count = self.nudges.len();
            if matches!(self.nudges[at].stage, Stage::Waiting { .. }) {
                self.tend_waiting(now, at);
            }
            // Who failed without having begun is answered and gone.
            at += usize::from(self.nudges.len() == count);
        }
    }

    fn tend_waiting(&mut self, now: Now, at: usize) {
        let nudge = &self.nudges[at];
        let worker = nudge.attempt.worker.clone();
        let late = nudge.is_late(now.mono);
        if self.leaving.is_some() {
            return self.fail_nudge(now, at, leaving());
        }
        if let Some(why) = self.nudge_lost(nudge) {
            return self.fail_nudge(now, at, why);
        }
        let declared = self.workers.get(&worker);
        let last_turn = declared.is_some_and(Worker::is_at_its_last_turn);
        if last_turn && !nudge.is_asked() {
            return;
        }
        let of_inbox = nudge.item().is_some();
        let mut others = self.nudges.iter().filter(|other| {
            // People come first.
            let first = other.is_begun() || of_inbox && other.item().is_none();
            first && other.attempt.worker == worker
        });
        if others.next().is_some() || self.is_left_for(&worker) {
            if late {
                let why = format!("nothing was typed: another text is being typed into {worker}");
                let again = "nudge it again, or let it wait longer with --within";
                self.fail_nudge(now, at, failed(&why, Some(again)));
            }
            return;
        }
        let running = self.workers.get(&worker).map(|worker| &worker.life);
        let Some(Life::Running { watching, .. }) = running else {
            if late {
                let why = format!("nothing was typed: nobody knows whether {worker} runs");
                let status = "`supervisorctl status` shows why";
                self.fail_nudge(now, at, failed(&why, Some(status)));
            }
            return;
        };
        let idle_since = |again: Mono| {
            let seen = watching.as_ref().and_then(|watching| watching.seen());
            seen.is_some_and(|(at, seen)| at >= again && nudge.may_try(seen))
        };
        let waits = match nudge.stage {
            Stage::Waiting { again } if of_inbox => {
                let seen = watching.as_ref().and_then(|watching| watching.seen());
                let again = again.unwrap_or(Mono(0));
                let engaged = seen.is_some_and(|(_, seen)| !is_soon_over(seen));
                if engaged {
                    // The next look is soon enough.
                    return;
                }
                !seen.is_some_and(|(at, seen)| at >= again && *seen == Seen::Waiting)
            }
            Stage::Waiting { again: Some(again) } => !idle_since(again),
            Stage::Waiting { again: None }
            | Stage::Recording(_)
            | Stage::Typing { .. }
            | Stage::Over(..) => false,
        };
        let seen = watching.as_ref().and_then(|watching| watching.seen());
        let first = |other: &Nudging| {
            let may_try = seen.is_none_or(|(_, seen)| is_soon_over(seen) || other.may_try(seen));
            other.is_own() && other.is_for(&nudge.attempt) && may_try
        };
        let behind = !last_turn
            && nudge.when == When::Idle
            && !nudge.is_own()
            && !nudge.is_wake()
            && nudge.unsticks().is_none()
            && self.nudges.iter().any(first);
        if late || !waits && !behind {
            return self.begin_nudge(now, at);
        }
        let not_before = match nudge.stage {
            Stage::Waiting { again: Some(again) } if of_inbox => again,
            Stage::Waiting { .. }
            | Stage::Recording(_)
            | Stage::Typing { .. }
            | Stage::Over(..) => now.mono,
        };
        // Nobody waits for this one before the next look; and looks that come sooner would take the first
        // seconds of who was woken for the end of its limit.
        let limited = self
            .workers
            .get(&worker)
            .is_some_and(|worker| worker.limit.is_some());
        if nudge.is_wake() || nudge.unsticks().is_some() || limited {
            return;
        }
        if let Some(Life::Running {
            watching: Some(watching),
            ready_at,
            ..
        }) = self.workers.get_mut(&worker).map(|worker| &mut worker.life)
        {
            if nudge.is_own() && now.mono.since(*ready_at) >= SOON_READY {
                return;
            }
            let soon = (now.mono + LOOK_EVERY).max(not_before);
            if !watching.look.asked && watching.look.at > soon {
                watching.look = Look::at(soon);
            }
        }
    }

    fn begin_nudge(&mut self, now: Now, at: usize) {
        if self.nudges[at].is_own() && !self.find_words(now, at) {
            return;
        }
        let nudge = &mut self.nudges[at];
        let begun = Fact::NudgeBegun(BegunNudge {
            nudge: nudge.id,
            attempt: nudge.attempt.clone(),
            at: now.wall,
            about: nudge.about(),
            item: nudge.item().cloned(),
            digest: Digest::of(&nudge.text),
        });
        self.ledger.ask_again(now.mono);
        self.ledger.add(begun.clone());
        nudge.stage = Stage::Recording(begun);
    }

    /// Why it can never be typed, if so: the attempt that it is for is over.
    pub(super) fn nudge_lost(&self, nudge: &Nudging) -> Option<Refusal> {
        let name = &nudge.attempt.worker;
        let Some(worker) = self.workers.get(name).filter(|worker| worker.declared) else {
            let why = format!("nothing was typed: {name} was removed from the configuration");
            return Some(failed(&why, None));
        };
        let why = match &worker.life {
            _ if worker.rules.agent.as_ref() != Some(&nudge.agent) => "its agent is another one",
            _ if !worker.is_attempt(&nudge.attempt) => "it ended",
            Life::Stopping { end: None, .. } => "it is being stopped",
            Life::Stopping { .. } => "it ended",
            // One that was found again has to show that it is ready.
            Life::Running { .. } | Life::Lost { .. } | Life::Starting { .. } => return None,
            Life::Waiting(_) | Life::BackingOff { .. } | Life::Stopped(_) | Life::Held(_) => {
                "it ended"
            }
        };
        let message = format!("nothing was typed into {name}: meanwhile {why}");
        let hint = format!("`supervisorctl history {name}` says why; nudge it again when it runs");
        Some(failed(&message, Some(&hint)))
    }

    /// Who types did not say how it went.
    fn silent(&mut self, now: Now, nudge: &Nudging) -> Stage {
        self.types_to_unstick(nudge, Some(now.mono));
        let worker = &nudge.attempt.worker;
        let message =
            format!("nobody knows whether it was typed into {worker}: there was no word of it");
        let text = format!("of {}: {message}; {}", nudge.about(), if_left(worker));
        self.tell_undecided(now, nudge, text);
        let over = Fact::NudgeOver { nudge: nudge.id };
        self.ledger.add(over.clone());
        let hint = format!("`supervisorctl screen {worker}` shows what is there");
        Stage::Over(over, Err(failed(&message, Some(&hint))))
    }
}

/// Whether it waits for a word, or may do so in a moment: nobody has to answer it, and no time has to pass.
fn is_soon_over(seen: &Seen) -> bool {
    match seen {
        Seen::Waiting | Seen::Busy | Seen::Unknown => true,
        Seen::Asking { .. } | Seen::Limited { .. } | Seen::Outage { .. } | Seen::Crashed { .. } => {
            false
        }
    }
}
