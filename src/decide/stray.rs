//! Attempts that live and should not: a second one of a worker, one of a worker that nobody declares
//! any more, what is left of one whose end is recorded.
//!
//! Promise: while a stray lives, or the host cannot say whether it does, nothing of its worker and
//! nothing with a worktree is started. It is watched and ended as any other attempt, and its end is
//! recorded. A worker that was removed while no daemon ran is stopped as it was declared, and as one
//! that is removed by a reload: that is nothing a person has to look at.

use jiff::Timestamp;

use super::{
    Effect, Fact, Level, RestoredWorker, Rig, Stopping,
    end::end_of,
    hand::went_down,
    life::{Attempt, Life, Stopped},
    worker::{ASK_AGAIN, KILL_AGAIN},
};
use crate::model::{
    AttemptRef, Condition, Exit, Found, Identity, Mono, Now, Signal, Stop, WorkerName,
};

/// How a tree is stopped whose own rules nobody knows.
const UNKNOWN: Stop = Stop {
    signal: Signal::TERM,
    grace: std::time::Duration::from_secs(30),
};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Stray {
    /// The host has said that it lives, and it was asked to end.
    pub(super) lives: bool,
    /// When this last changed.
    pub(super) since: Timestamp,
    /// When it is killed, or the host is asked again.
    pub(super) next: Mono,
    stop: Stop,
    /// Its end is recorded already; only leftovers live.
    recorded: bool,
    /// How it ended, once its host has said so.
    pub(super) exit: Option<Exit>,
    /// What is known of it, should it be taken over.
    pub(super) attempt: Attempt,
}

impl Rig {
    /// Deals with an attempt that does not count for its worker.
    pub(super) fn set_aside(&mut self, now: Now, one: Found, known: &mut RestoredWorker) {
        let Found {
            attempt: of,
            on,
            stop,
            is,
        } = one;
        let recorded = known.has_end_of(&of);
        let (lives, identity) = match is {
            Condition::Ended {
                survivors: 0,
                exit,
                by,
            } if !recorded => {
                return self.close(now, &of, (exit, by), true, known);
            }
            Condition::NeverStarted if !recorded => {
                return self.close(now, &of, (Exit::never_began(), None), false, known);
            }
            Condition::Ended { survivors: 0, .. } | Condition::NeverStarted => {
                return self.out.push(Effect::Conclude(of));
            }
            Condition::Alive(identity) => (true, Some(identity)),
            Condition::Ended { .. } => (true, None),
            Condition::Unknown(_) => (false, None),
        };
        let worker = self.workers.get(&of.worker);
        let stray = Stray {
            lives: false,
            since: now.wall,
            next: now.mono + ASK_AGAIN,
            stop: worker.map_or(stop.unwrap_or(UNKNOWN), |worker| worker.rules.stop),
            recorded,
            exit: None,
            attempt: self.attempt_of(&of, known, on),
        };
        self.strays.insert(of.clone(), stray);
        if lives {
            self.stray_lives(now, &of, identity);
        }
    }

    /// One of this worker that lives, or may.
    pub(super) fn stray_of(&self, worker: &WorkerName) -> Option<&AttemptRef> {
        self.strays.keys().find(|of| of.worker == *worker)
    }

    /// The host was asked about a stray and answers.
    pub(super) fn stray_found(&mut self, now: Now, found: Found) {
        let of = found.attempt;
        let (exit, by) = match found.is {
            Condition::Alive(identity) => return self.stray_seen(now, &of, identity),
            Condition::Ended { survivors: 1.., .. } => return self.stray_lives(now, &of, None),
            Condition::Unknown(_) => return,
            Condition::Ended { exit, by, .. } => (exit, by),
            Condition::NeverStarted => (Exit::never_began(), None),
        };
        let went_down = went_down(now, by.as_ref());
        let Some(stray) = self.strays.remove(&of) else {
            return;
        };
        if stray.recorded {
            return self.out.push(Effect::Conclude(of));
        }
        let exit = stray.exit.unwrap_or(exit);
        let ended = end_of(&of, "ended", &exit);
        let text = match &stray.attempt.stopping {
            // It may have been declared again since.
            Some(stopping) => format!("{ended} after a stop ({})", stopping.why),
            None => format!("{ended} ({})", self.why_stray(&of)),
        };
        self.tell(now, "worker-ended", Level::Info, Some(&of), text);
        self.ledger.add(Fact::Ended {
            attempt: of,
            at: went_down.unwrap_or(now.wall),
            exit,
            stopped: stray
                .attempt
                .stopping
                .map(|stopping| stopping.why)
                .or_else(|| went_down.map(|_| Exit::by_machine())),
        });
    }

    /// A stray that was not known to live turns out to do so.
    fn stray_seen(&mut self, now: Now, of: &AttemptRef, identity: Identity) {
        let Some(stray) = self.strays.get(of) else {
            return;
        };
        let untouched = !stray.lives;
        let life = self.workers.get(&of.worker).map(|worker| &worker.life);
        match life {
            // It is all that is known to live of its worker.
            Some(life) if untouched && life.attempt().is_none() => {
                let attempt = stray.attempt.clone();
                self.strays.remove(of);
                self.take_over(now, attempt, identity, None);
            }
            // The attempt that was chosen before it may turn out to be dead, or is about to be over.
            Some(Life::Lost { .. } | Life::Stopping { end: Some(_), .. }) if untouched => {}
            _ => self.stray_lives(now, of, Some(identity)),
        }
    }

    /// It is asked to end, once. `identity`: its own process lives, so that its end can be seen.
    fn stray_lives(&mut self, now: Now, of: &AttemptRef, identity: Option<Identity>) {
        let why = self.why_stray(of);
        let Some(stray) = self.strays.get_mut(of).filter(|stray| !stray.lives) else {
            return;
        };
        stray.lives = true;
        stray.since = now.wall;
        stray.attempt.identity = identity.clone().or(stray.attempt.identity.take());
        stray.next = now.mono + stray.stop.grace;
        let stopping = Stopping {
            why: why.to_owned(),
            failed: false,
        };
        stray.attempt.stopping = Some(stopping.clone());
        self.ledger.add(Fact::Stopping {
            attempt: of.clone(),
            stopping,
        });
        let adopt = identity.map(|identity| Effect::Adopt(of.clone(), identity));
        self.out.extend(adopt);
        self.out.push(Effect::Signal(of.clone(), stray.stop.signal));
        let name = &of.worker;
        if self.workers.contains_key(name) {
            let text = format!("{name}: {why}; it is being ended");
            self.tell(now, "worker-stray", Level::Error, Some(of), text);
        } else {
            let text = format!("stopping {name}: {why}");
            self.tell(now, "worker-stopping", Level::Info, Some(of), text);
        }
    }

    fn why_stray(&self, of: &AttemptRef) -> &'static str {
        if self.workers.contains_key(&of.worker) {
            "an attempt that is not the present one still lived"
        } else {
            Stopped::Removed.as_str()
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
