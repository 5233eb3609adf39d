//! Attempts that live and should not: a second one of a worker, one of a worker that nobody declares
//! any more, what is left of one whose end is recorded.
//!
//! Promise: while a stray lives, or the host cannot say whether it does, nothing of its worker and
//! nothing with a worktree is started. It is ended as any other attempt, and its end is recorded.

use super::{
    Effect, Fact, Level, RestoredWorker, Rig, Stopping,
    worker::{ASK_AGAIN, KILL_AGAIN, Life},
};
use crate::{
    config::Stop,
    host::{AttemptRef, Condition, Found},
    model::{Exit, Mono, Now, Signal},
};

/// How a tree is stopped whose own rules are not known any more.
const UNDECLARED: Stop = Stop {
    signal: Signal::TERM,
    grace: std::time::Duration::from_secs(30),
};

/// One of them.
#[derive(Debug)]
pub(super) struct Stray {
    /// The host has said that it lives, and it was asked to end.
    lives: bool,
    /// When it is killed, or the host is asked again.
    pub(super) next: Mono,
    stop: Stop,
    /// Its end is recorded already; only leftovers live.
    recorded: bool,
    /// Who stopped it, if somebody did.
    stopped: Option<String>,
}

impl Rig {
    /// Deals with an attempt that does not count for its worker.
    pub(super) fn set_aside(&mut self, now: Now, one: Found, known: &mut RestoredWorker) {
        let Found { attempt: of, is } = one;
        let recorded = known
            .record_of(&of)
            .is_some_and(|last| last.ended.is_some());
        let lives = match is {
            Condition::Ended { survivors: 0, exit } if !recorded => {
                return self.close(now, &of, exit, true, known);
            }
            Condition::NeverStarted if !recorded => {
                let exit = Exit::Lost("never started".into());
                return self.close(now, &of, exit, false, known);
            }
            Condition::Ended { survivors: 0, .. } | Condition::NeverStarted => {
                return self.out.push(Effect::Conclude(of));
            }
            Condition::Alive(_) | Condition::Ended { .. } => true,
            Condition::Unknown(_) => false,
        };
        let worker = self.workers.get(&of.worker);
        let stray = Stray {
            lives: false,
            next: now.mono + ASK_AGAIN,
            stop: worker.map_or(UNDECLARED, |worker| worker.rules.stop),
            recorded,
            stopped: known
                .record_of(&of)
                .and_then(|last| Some(last.stopping.as_ref()?.why.clone())),
        };
        self.strays.insert(of.clone(), stray);
        if lives {
            self.stray_lives(now, &of);
        }
    }

    /// The host was asked about a stray and answers.
    pub(super) fn stray_found(&mut self, now: Now, found: Found) {
        let of = found.attempt;
        let exit = match found.is {
            Condition::Alive(identity) if self.may_take_its_place(&of) => {
                self.strays.remove(&of);
                let attempt = self.attempt_of(&of, None);
                return self.take_over(now, attempt, identity, None);
            }
            Condition::Alive(_) if self.may_be_the_only_one(&of) => return,
            Condition::Alive(_) | Condition::Ended { survivors: 1.., .. } => {
                return self.stray_lives(now, &of);
            }
            Condition::Unknown(_) => return,
            Condition::Ended { exit, .. } => exit,
            Condition::NeverStarted => Exit::Lost("never started".into()),
        };
        let Some(stray) = self.strays.remove(&of) else {
            return;
        };
        if stray.recorded {
            return self.out.push(Effect::Conclude(of));
        }
        let why = self.why_stray(&of).to_owned();
        self.tell(
            now,
            "worker-ended",
            Level::Info,
            Some(&of),
            format!("{why}: {exit}"),
        );
        self.ledger.add(Fact::Ended {
            attempt: of,
            at: now.wall,
            exit,
            stopped: stray.stopped,
        });
    }

    /// It was not known to live when its worker's attempt was chosen, and nothing else of it lives.
    fn may_take_its_place(&self, of: &AttemptRef) -> bool {
        let untouched = self.strays.get(of).is_some_and(|stray| !stray.lives);
        let worker = self.workers.get(&of.worker);
        let alone = self
            .strays
            .keys()
            .filter(|other| other.worker == of.worker)
            .count()
            == 1;
        untouched && alone && worker.is_some_and(|worker| worker.life.attempt().is_none())
    }

    /// The attempt that was chosen before it may turn out to be dead.
    fn may_be_the_only_one(&self, of: &AttemptRef) -> bool {
        let untouched = self.strays.get(of).is_some_and(|stray| !stray.lives);
        let worker = self.workers.get(&of.worker);
        untouched && worker.is_some_and(|worker| matches!(worker.life, Life::Lost { .. }))
    }

    /// It is asked to end, once.
    fn stray_lives(&mut self, now: Now, of: &AttemptRef) {
        let why = self.why_stray(of);
        let Some(stray) = self.strays.get_mut(of).filter(|stray| !stray.lives) else {
            return;
        };
        stray.lives = true;
        stray.stopped = Some(why.to_owned());
        stray.next = now.mono + stray.stop.grace;
        let stopping = Stopping {
            why: why.to_owned(),
            failed: false,
        };
        self.ledger.add(Fact::Stopping {
            attempt: of.clone(),
            stopping,
        });
        self.out.push(Effect::Signal(of.clone(), stray.stop.signal));
        let text = format!("{}: {why}; it is being ended", of.worker);
        self.tell(now, "worker-stray", Level::Error, Some(of), text);
    }

    fn why_stray(&self, of: &AttemptRef) -> &'static str {
        if self.workers.contains_key(&of.worker) {
            "an attempt that is not the present one still lived"
        } else {
            "an attempt of a worker that is no longer declared"
        }
    }

    pub(super) fn expire_strays(&mut self, now: Now) {
        for (of, stray) in self.strays.iter_mut().filter(|(_, s)| now.mono >= s.next) {
            if stray.lives {
                stray.next = now.mono + KILL_AGAIN;
                self.out.push(Effect::Signal(of.clone(), Signal::KILL));
            } else {
                stray.next = now.mono + ASK_AGAIN;
            }
            self.out.push(Effect::Inquire(of.clone()));
        }
    }
}
