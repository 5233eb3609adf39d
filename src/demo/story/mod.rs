//! The story: what is to be seen, what is done so that it is, and what is still missing.
//!
//! Promise: pure. [`Story::hear`] takes what happened and gives the lines to tell and the deeds to
//! do; time passes only in the [`Moment`]s it is handed.
//!
//! How: one phase after the other. In the first, after the first rejection, the Builder is killed
//! while it writes. In the second, after the first rejection, the daemon is killed, and started
//! again only when somebody pushed and bytes went through the proxy without it. In the third both
//! loops are told that phase, and all was seen.

mod happens;
mod missing;

use std::{collections::BTreeSet, time::Duration};

use super::voice::Who;
use crate::decide::Notice;

/// The plan, as in `loopkeeper.toml`.
const PHASES: &[&str] = &["below-100", "below-300", "onwards"];
/// Those who are told the phase.
const LOOPS: &[&str] = &["builder", "adversary"];

/// When something happened, and how much had come back through the proxy by then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Duration,
    pub(super) echoed: u64,
}

/// A commit that somebody pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) author: String,
    pub(super) subject: String,
}

/// A worker that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) worker: String,
    pub(super) pid: i32,
    pub(super) attempt: String,
    /// The phase in its environment.
    pub(super) phase: Option<String>,
}

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    DaemonUp {
        pid: i32,
    },
    /// By our hand; these ran before.
    DaemonKilled {
        pid: i32,
        before: Vec<Seen>,
    },
    /// By nobody's that we know of.
    DaemonEnded {
        how: String,
    },
    Notice(Notice),
    LineOpen,
    LineCut(String),
    Pushed(Commit),
    BuilderWrites,
    /// By our hand.
    BuilderKilled {
        pid: i32,
        unfinished: bool,
    },
    /// It did not run when it was to be killed.
    BuilderMissed,
    /// The answer to [`Deed::Look`].
    Seen(Vec<Seen>),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    OpenLine,
    KillBuilder,
    KillDaemon,
    StartDaemon,
    Look,
}

/// What follows from what happened.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) lines: Vec<(Who, String)>,
    pub(super) deeds: Vec<Deed>,
}

/// How far the Builder's crash has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Crash {
    Ahead,
    /// At the next chance.
    Armed,
    Ordered,
    Dead {
        at: Duration,
        unfinished: bool,
    },
    Back {
        after: Duration,
        unfinished: bool,
    },
    Healed {
        after: Duration,
    },
}

/// How far the daemon's death has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Death {
    Ahead,
    Ordered,
    Dead {
        before: Vec<Seen>,
        without: Without,
    },
    Again {
        before: Vec<Seen>,
        without: Without,
        taken_over: BTreeSet<String>,
    },
    Survived {
        workers: usize,
        without: Without,
    },
}

/// What went on while there was no daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Without {
    since: Moment,
    pub(super) commits: usize,
    pub(super) bytes: u64,
    pub(super) lasted: Duration,
}

/// What the loops did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) commits: usize,
    pub(super) approved: usize,
    pub(super) rejected: usize,
}

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) work: Work,
    line: bool,
    crash: Crash,
    /// Deaths of the Builder by our hand that it came back from.
    pub(super) healed: usize,
    death: Death,
    /// The current phase.
    phase: usize,
    /// Loops that are still to run in it.
    awaited: BTreeSet<&'static str>,
    /// Phases in which both loops ran and had been told so.
    told: BTreeSet<usize>,
    /// How much had come back through the proxy when the next daemon had taken over.
    echoed_then: Option<u64>,
    /// And since then, more.
    line_goes_on: bool,
    /// What can no longer be made good.
    wrong: Option<String>,
    /// Daemons repeat what their predecessors said.
    heard: Vec<Notice>,
    /// All was shown; what comes now is told for those who stay.
    over: bool,
    step: Step,
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            work: Work::default(),
            line: false,
            crash: Crash::Ahead,
            healed: 0,
            death: Death::Ahead,
            phase: 0,
            awaited: LOOPS.iter().copied().collect(),
            told: BTreeSet::new(),
            echoed_then: None,
            line_goes_on: false,
            wrong: None,
            heard: Vec::new(),
            over: false,
            step: Step::default(),
        }
    }

    /// Takes what happened.
    pub(super) fn hear(&mut self, now: Moment, happening: Happening) -> Step {
        self.line_goes_on |= self.echoed_then.is_some_and(|then| now.echoed > then);
        match happening {
            Happening::DaemonUp { pid } => self.daemon_up(now, pid),
            Happening::DaemonKilled { pid, before } => self.daemon_killed(now, pid, before),
            Happening::DaemonEnded { how } => self.daemon_ended(&how),
            Happening::Notice(notice) if self.heard.contains(&notice) => {}
            Happening::Notice(notice) => {
                self.heard.push(notice.clone());
                self.notice(now, &notice);
            }
            Happening::LineOpen => {
                self.line = true;
                self.tell(
                    Who::Proxy,
                    "carries a connection, which stays open from here on",
                );
            }
            Happening::LineCut(how) => {
                self.tell(Who::Proxy, format!("cut the connection: {how}"));
                self.wrong
                    .get_or_insert(format!("the connection through the proxy was cut: {how}"));
            }
            Happening::Pushed(commit) => self.pushed(now, &commit),
            Happening::BuilderWrites if self.crash == Crash::Armed && self.is_supervised() => {
                self.crash = Crash::Ordered;
                self.step.deeds.push(Deed::KillBuilder);
            }
            Happening::BuilderWrites => {}
            Happening::BuilderKilled { pid, unfinished } => {
                self.builder_killed(now, pid, unfinished);
            }
            Happening::BuilderMissed => self.crash = Crash::Armed,
            Happening::Seen(seen) => self.seen(now, &seen),
        }
        std::mem::take(&mut self.step)
    }

    /// Whether there is no use in waiting any longer.
    pub(super) fn is_told(&self) -> bool {
        self.wrong.is_some() || self.missing().is_empty()
    }

    /// From now on it is for those who stay and look around.
    pub(super) fn stay(&mut self) {
        self.over = true;
    }

    /// How long the Builder was away, at its last crash.
    pub(super) fn healed_after(&self) -> Option<Duration> {
        match self.crash {
            Crash::Healed { after } => Some(after),
            Crash::Ahead
            | Crash::Armed
            | Crash::Ordered
            | Crash::Dead { .. }
            | Crash::Back { .. } => None,
        }
    }

    /// Workers that outlived the daemon, and what they did meanwhile.
    pub(super) fn survived(&self) -> Option<(usize, Without)> {
        match self.death {
            Death::Survived { workers, without } => Some((workers, without)),
            Death::Ahead | Death::Ordered | Death::Dead { .. } | Death::Again { .. } => None,
        }
    }

    /// Phases that ended, and all of them.
    pub(super) fn phases(&self) -> (usize, usize) {
        (self.phase, PHASES.len())
    }

    fn is_supervised(&self) -> bool {
        matches!(self.death, Death::Ahead | Death::Survived { .. })
    }

    fn tell(&mut self, who: Who, text: impl Into<String>) {
        self.step.lines.push((who, text.into()));
    }
}

/// `0.6 s`.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
