//! One attempt as it really is in the world: a process tree with a temper of its own.

use std::{path::PathBuf, time::Duration};

use fastrand::Rng;
use jiff::Timestamp;
use loopkeeper::{
    config::Worker,
    decide::{Looked, Told},
    model::{AttemptRef, Exit, Identity, Signal, Stop},
};

use crate::terminal::Limit;

/// How a tree behaves; drawn when it is started.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Temper {
    /// It cannot be started at all.
    pub(crate) unstartable: bool,
    /// There is not enough of something to start it.
    pub(crate) short: bool,
    /// From the order to start to the first instruction, ms.
    pub(crate) latency: u64,
    /// It ends by itself after so many ms, with this exit.
    pub(crate) own_end: Option<(u64, Exit)>,
    /// Its exit record cannot be written.
    pub(crate) loses_exit: bool,
    /// Processes that stay behind when its own process ends.
    pub(crate) leftovers: u32,
    /// What stays behind ends by itself after so many ms, if ever.
    pub(crate) leftovers_end: Option<u64>,
    /// It ends on its stop signal, after so many ms and with this exit.
    pub(crate) obeys: Option<(u64, Exit)>,
    /// So do its leftovers.
    pub(crate) leftovers_obey: bool,
    /// What SIGKILL takes, ms; long for a process that hangs in the kernel.
    pub(crate) killed_within: u64,
    /// It is ready so many ms after it began, if ever.
    pub(crate) ready_after: Option<u64>,
    /// From when to when after its beginning it does not answer, ms.
    pub(crate) sick: Option<(u64, u64)>,
}

impl Temper {
    /// A healthy tree that stays.
    pub(crate) fn calm(rng: &mut Rng) -> Self {
        Self {
            unstartable: false,
            short: false,
            latency: rng.u64(1..50),
            own_end: None,
            loses_exit: false,
            leftovers: 0,
            leftovers_end: None,
            obeys: Some((rng.u64(1..100), Exit::Code(0))),
            leftovers_obey: true,
            killed_within: 5,
            ready_after: Some(rng.u64(0..1_000)),
            sick: None,
        }
    }

    /// A tree that does by itself what it cannot but do: when, and what else, somebody says.
    pub(crate) fn by_hand(stop: &Stop) -> Self {
        Self {
            unstartable: false,
            short: false,
            latency: 0,
            own_end: None,
            loses_exit: false,
            leftovers: 0,
            leftovers_end: None,
            obeys: Some((0, Exit::Signal(stop.signal))),
            leftovers_obey: true,
            killed_within: 0,
            ready_after: Some(0),
            sick: None,
        }
    }

    /// Anything that processes do; `trouble` in percent.
    pub(crate) fn wild(rng: &mut Rng, trouble: u32, stop: &Stop) -> Self {
        let mut bad = |percent: u32| rng.u32(0..10_000) < percent * trouble;
        let (unstartable, short) = (bad(8), bad(8));
        let (slow, ends, soon) = (bad(5), bad(60), bad(50));
        let (loses_exit, forks, stays) = (bad(8), bad(25), bad(50));
        let (deaf, deaf_leftovers, stuck) = (bad(20), bad(40), bad(8));
        let (never_ready, falls_ill, for_good) = (bad(15), bad(30), bad(50));
        let exit = own_exit(rng);
        let lifetime = if soon {
            rng.u64(0..2_000)
        } else {
            rng.u64(1_000..200_000)
        };
        let falls_ill_at = rng.u64(1_000..100_000);
        let obeys = match rng.u32(0..3) {
            0 => Exit::Code(0),
            1 => Exit::Code(143),
            _ => Exit::Signal(stop.signal),
        };
        Self {
            unstartable,
            short,
            latency: if slow {
                rng.u64(10_000..50_000)
            } else {
                rng.u64(0..300)
            },
            own_end: ends.then_some((lifetime, exit)),
            loses_exit,
            leftovers: if forks { rng.u32(1..4) } else { 0 },
            leftovers_end: (!stays).then(|| rng.u64(0..3_000)),
            obeys: (!deaf).then(|| (rng.u64(0..3_000), obeys)),
            leftovers_obey: !deaf_leftovers,
            killed_within: if stuck {
                rng.u64(1_000..40_000)
            } else {
                rng.u64(0..50)
            },
            ready_after: (!never_ready).then(|| rng.u64(0..10_000)),
            sick: falls_ill.then(|| {
                let until = if for_good {
                    u64::MAX
                } else {
                    falls_ill_at + rng.u64(1_000..90_000)
                };
                (falls_ill_at, until)
            }),
        }
    }
}

fn own_exit(rng: &mut Rng) -> Exit {
    match rng.u32(0..5) {
        0 | 1 => Exit::Code(0),
        2 | 3 => Exit::Code(1),
        _ => Exit::Signal(Signal::from_number(11).unwrap()),
    }
}

/// Where the tree stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Its directory is made; nothing of it has run.
    Ordered,
    /// Its own process lives.
    Alive(Identity),
    /// Its own process ended and `left` others live.
    Ended { left: u32 },
    /// It never ran and never will.
    NeverStarted,
}

/// An attempt, with what the world remembers of it.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Body {
    pub(crate) of: AttemptRef,
    pub(crate) stage: Stage,
    pub(crate) temper: Temper,
    /// The number of its boot.
    pub(crate) boot: usize,
    /// As it was told to be started.
    pub(crate) worker: Worker,
    pub(crate) told: Option<Told>,
    /// When it was ordered, and when its own process began.
    pub(crate) ordered: u64,
    pub(crate) began: Option<u64>,
    /// When its own process ended, and the record of it, which survives everything.
    pub(crate) ended: Option<u64>,
    pub(crate) record: Option<Exit>,
    /// It ended as the machine went down, then, and somebody wrote down how.
    pub(crate) with_machine: Option<Timestamp>,
    /// It had not ended when the machine went down.
    pub(crate) until_reboot: bool,
    /// The present daemon hears of it.
    pub(crate) watched: bool,
    pub(crate) concluded: bool,
    /// The usage limit that its agent is at, until a text comes when that is over.
    pub(crate) limit: Option<Limit>,
    /// Signals it got, in order.
    pub(crate) signals: Vec<Signalled>,
    /// The daemon that started it died before that could be recorded, so others guess.
    pub(crate) guessed: bool,
    /// It was a double that no daemon started.
    pub(crate) double: bool,
}

/// A signal that a tree got.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Signalled {
    pub(crate) t: u64,
    pub(crate) signal: Signal,
    /// How long it was given, by the rules of then.
    pub(crate) grace: Duration,
}

impl Body {
    /// Something of it lives, or is about to.
    pub(crate) fn lives(&self) -> bool {
        match self.stage {
            Stage::Ordered | Stage::Alive(_) => true,
            Stage::Ended { left } => left > 0,
            Stage::NeverStarted => false,
        }
    }

    /// Its own process runs.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.stage, Stage::Alive(_))
    }

    /// As which process it runs.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match &self.stage {
            Stage::Alive(identity) => Some(identity),
            Stage::Ordered | Stage::Ended { .. } | Stage::NeverStarted => None,
        }
    }

    pub(crate) fn worktree(&self) -> Option<&PathBuf> {
        self.worker.worktree.as_ref()
    }

    /// It was signalled before its own process ended.
    pub(crate) fn was_interrupted(&self) -> bool {
        let before = |signalled: &Signalled| self.ended.is_none_or(|ended| signalled.t <= ended);
        self.signals.iter().any(before)
    }

    /// Would a look at its readiness or its health say yes now?
    pub(crate) fn answers(&self, t: u64, ready: bool) -> Looked {
        let Some(began) = self.began.filter(|_| self.runs()) else {
            return Looked::Failed("connection refused".into());
        };
        let age = t - began;
        if ready && self.temper.ready_after.is_none_or(|after| age < after) {
            return Looked::Failed("not listening yet".into());
        }
        match self.temper.sick {
            Some((from, until)) if (from..until).contains(&age) => {
                Looked::Failed("does not answer".into())
            }
            _ => Looked::Well,
        }
    }
}
