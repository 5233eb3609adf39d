//! What no host can tell, as data: what is recorded, and what comes back when the daemon starts.
//!
//! Promise: the facts, applied in order, give the [`Restored`] of the next daemon.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{BegunNudge, Debt, Gate, KnownSign, NudgeId, Owed};
use crate::model::{
    AttemptId, AttemptRef, BootId, Exit, GateName, Identity, Mono, PhaseId, WorkerName,
};

/// Something to be recorded. A slice of them is recorded in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// A boot seen for the first time; a second one of the same boot_id changes nothing.
    /// Survives a power cut, as do all facts up to [`Fact::Operator`].
    Boot(Boot),
    /// A daemon took over; from now on a missing goodbye means an unclean end.
    Hello {
        /// In this boot.
        boot: BootId,
        /// When.
        at: Timestamp,
    },
    /// The daemon ended in order.
    Goodbye {
        /// In this boot.
        boot: BootId,
        /// When.
        at: Timestamp,
    },
    /// The resume point. With it, what was said of the end of a phase before it is done with.
    Phase(ResumePoint),
    /// The whole rig is paused, with the reason, or not.
    Paused(Option<String>),
    /// An operator said that the current phase is over, and it is wound up; `None`: it goes on.
    Ending(Option<KnownEnding>),
    /// A text is about to be typed; who finds it without its end does not know whether it was.
    NudgeBegun(BegunNudge),
    /// How that text went is known and told, or nothing of it was typed.
    NudgeOver {
        /// Which.
        nudge: NudgeId,
    },
    /// The conversation of an agent, or that it has none.
    Conversation {
        /// Of which worker.
        worker: WorkerName,
        /// `None`: the next start begins a new one.
        conversation: Option<KnownConversation>,
    },
    /// What is known of a worker's usage limit; `None`: it is at none.
    Limit {
        /// Whose.
        worker: WorkerName,
        /// What.
        limit: Option<KnownLimit>,
    },
    /// What keeps a worker from its work, and what was done about it; `None`: nothing.
    Trouble {
        /// Whose.
        worker: WorkerName,
        /// What.
        trouble: Option<KnownTrouble>,
    },
    /// On which file system a worktree was seen, by where that is mounted; `None`: nobody knows any more.
    Worktree {
        /// Its place.
        path: PathBuf,
        /// Where its file system is mounted.
        on: Option<PathBuf>,
    },
    /// The operator's decision about one worker.
    Operator {
        /// Which.
        worker: WorkerName,
        /// `false`: stopped until the operator starts it.
        run: bool,
    },
    /// A worker is held, with the reason, or released. Survives a crash of the daemon, as do all
    /// facts from here on; a power cut may take the last seconds.
    Held {
        /// Which.
        worker: WorkerName,
        /// `None`: released.
        reason: Option<String>,
    },
    /// The restart budget of one worker.
    Restarts {
        /// Which.
        worker: WorkerName,
        /// What is counted.
        restarts: Restarts,
    },
    /// What a worker has spent of a day.
    Spent {
        /// Which.
        worker: WorkerName,
        /// What; `None`: nobody counts it.
        spent: Option<KnownSpent>,
    },
    /// What is known of the rounds of a worker; `None`: nothing.
    Breaker {
        /// Which.
        worker: WorkerName,
        /// What.
        breaker: Option<KnownBreaker>,
    },
    /// An attempt is about to be started.
    Decided {
        /// Which.
        attempt: AttemptRef,
        /// When.
        at: Timestamp,
        /// The boot it belongs to.
        boot: BootId,
        /// The phase it is told; `None` without a plan.
        phase: Option<PhaseId>,
        /// The fingerprint of the definition it is started from.
        definition: u64,
        /// What its agent is to be told; of the phase it is told here.
        owed: Option<Owed>,
    },
    /// The attempt's own process runs.
    Started {
        /// Which.
        attempt: AttemptRef,
        /// As what.
        identity: Identity,
    },
    /// What the agent of the attempt was not told yet is another thing, or nothing any more.
    Owes {
        /// Which.
        attempt: AttemptRef,
        /// What, and what it knows.
        debt: Debt,
    },
    /// When an agent gave its last sign of work, once that is a while ago; `None`: it has just given one, or
    /// has none to give.
    LastSign {
        /// Of which attempt.
        attempt: AttemptRef,
        /// Which.
        sign: Option<KnownSign>,
    },
    /// The attempt is about to be signalled: its end will not be its own. A daemon that finds it
    /// alive goes on with the stop.
    Stopping {
        /// Which.
        attempt: AttemptRef,
        /// Why.
        stopping: Stopping,
    },
    /// The attempt is over: nothing of it lives. Recorded together with what follows from it for
    /// the budget, so that no daemon counts it twice, or not at all. A second end of the same
    /// attempt changes nothing.
    Ended {
        /// Which.
        attempt: AttemptRef,
        /// When its own process was seen to have ended.
        at: Timestamp,
        /// How.
        exit: Exit,
        /// Who stopped it, in words; `None` when it ended by itself.
        stopped: Option<String>,
    },
    /// The daemon lives; the last one bounds how long an unclean reboot took.
    Alive {
        /// When.
        at: Timestamp,
    },
    /// Something an operator may want to read later.
    Notice(Notice),
}

impl Fact {
    /// Whether it has to survive a power cut, not only a crash of the daemon.
    pub fn survives_power_cut(&self) -> bool {
        match self {
            Self::Boot(_)
            | Self::Hello { .. }
            | Self::Goodbye { .. }
            | Self::Phase(_)
            | Self::Paused(_)
            | Self::Ending(_)
            | Self::NudgeBegun(_)
            | Self::NudgeOver { .. }
            | Self::Conversation { .. }
            | Self::Limit { .. }
            | Self::Trouble { .. }
            | Self::Worktree { .. }
            | Self::Operator { .. } => true,
            Self::Held { .. }
            | Self::Restarts { .. }
            | Self::Spent { .. }
            | Self::Breaker { .. }
            | Self::Decided { .. }
            | Self::Started { .. }
            | Self::Owes { .. }
            | Self::LastSign { .. }
            | Self::Stopping { .. }
            | Self::Ended { .. }
            | Self::Alive { .. }
            | Self::Notice(_) => false,
        }
    }
}

/// A phase that an operator said is over, as it is known while it is wound up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownEnding {
    /// Which.
    pub phase: PhaseId,
    /// Since when it is wound up.
    pub since: Timestamp,
    /// In which boot that began.
    pub boot: BootId,
    /// When, by the clock of that boot.
    pub mono: Mono,
}

/// A usage limit, as it is known until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownLimit {
    /// What its screen says of it.
    pub words: String,
    /// When it ends by these words, as they were understood when they were new; `None` where nobody
    /// knows.
    pub until: Option<Timestamp>,
    /// Since when it is known.
    pub since: Timestamp,
    /// When it was last tried to wake the worker.
    pub tried: Option<Timestamp>,
    /// The text was taken then, or may have been.
    pub taken: bool,
    /// Tries in a row that changed nothing.
    pub failed: u32,
}

/// What keeps an attempt from its work, as it is known until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownTrouble {
    /// Which attempt: with that it is over.
    pub attempt: AttemptId,
    /// What.
    pub what: Trouble,
    /// Since when it is known.
    pub since: Timestamp,
    /// When it was last tried to help.
    pub tried: Option<Timestamp>,
    /// The text was taken then, or may have been.
    pub taken: bool,
    /// Tries in a row that changed nothing, with the last one.
    pub tries: u32,
    /// The text of the last one waits, as for somebody who types there: nothing of it is typed yet.
    #[serde(default)]
    pub waits: bool,
    /// The newest commit in its worktree when it was last tried, where one was seen.
    pub committed: Option<Timestamp>,
    /// A person was told to look.
    pub told: bool,
    /// When it was seen to be over. It is known for a while still, should it come again.
    pub over: Option<Timestamp>,
}

/// What may keep an agent from its work, and can be helped by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// It gives no sign of work.
    Stall,
    /// Its provider does not answer.
    Outage,
    /// It waits at its input line, for longer than it is to.
    Idle,
}

/// The budget of one worker, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Restarts {
    /// The boot the moments belong to; in another boot they are void.
    pub boot: Option<BootId>,
    /// The restarts within the window, oldest first.
    pub window: Vec<Mono>,
    /// The next start comes no earlier than this.
    pub until: Option<Mono>,
    /// Restarts in a row without a healthy time between them.
    pub streak: u32,
    /// All restarts in this boot.
    pub total: u64,
}

/// What a worker has spent of a day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownSpent {
    /// Of which day, in the machine's zone.
    pub day: Date,
    /// All of it.
    pub spent: Amounts,
    /// How much of it was forgiven, when the operator started it again.
    pub forgiven: Amounts,
    /// How many turns its screen showed last, of one conversation.
    pub shown_turns: Option<u64>,
    /// How many cents its screen showed last.
    pub shown_cost: Option<u64>,
    /// That it has spent all it may is told.
    pub told: bool,
    /// Until when this was counted.
    pub at: Timestamp,
}

/// What is known of the rounds of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct KnownBreaker {
    /// So many in a row came to nothing.
    pub fruitless: u32,
    /// The newest commit after the last of them, where one was seen.
    pub committed: Option<Timestamp>,
    /// Since it opened: when a round is tried again.
    pub until: Option<Timestamp>,
    /// How many milliseconds were waited for that.
    pub waits: Option<u64>,
    /// A round is tried.
    pub probing: bool,
}

/// What is counted against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// Turns of its agent.
    pub turns: u64,
    /// Milliseconds in which it ran.
    pub time: u64,
    /// Cents.
    pub cost: u64,
}

/// The conversation of an agent, by which it is gone on with after its program ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownConversation {
    /// The name of the profile of who has it.
    pub agent: String,
    /// `None` where the program keeps it for itself, or has not shown it yet.
    pub id: Option<String>,
    /// In which phase it was begun.
    pub phase: Option<PhaseId>,
    /// Something was said in it.
    pub begun: bool,
}

/// A stop that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stopping {
    /// Who or what wanted it, in words.
    pub why: String,
    /// It counts as a failure: not ready in time, or no longer well.
    pub failed: bool,
}

/// Where the plan stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResumePoint {
    /// 0 for the first phase; the number of phases when the plan is complete.
    pub index: usize,
    /// `None` when the plan is complete.
    pub id: Option<PhaseId>,
    /// How many phases the plan had.
    pub count: usize,
    /// When it was set.
    pub at: Timestamp,
    /// By whom.
    pub by: SetBy,
    /// All phases of a plan that is complete, in their order; nobody knows them where an earlier
    /// version recorded the point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<PhaseId>,
}

impl ResumePoint {
    /// The point at this index of the plan.
    pub fn new(plan: &[PhaseId], index: usize, at: Timestamp, by: SetBy) -> Self {
        let id = plan.get(index).cloned();
        let done = match &id {
            Some(_) => Vec::new(),
            None => plan.to_vec(),
        };
        Self {
            index,
            id,
            count: plan.len(),
            at,
            by,
            done,
        }
    }

    /// Whether it is the same place in the same plan, whoever set it.
    pub(super) fn says_as_much_as(&self, other: &Self) -> bool {
        (self.index, &self.id, self.count) == (other.index, &other.id, other.count)
    }
}

/// Who set the resume point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetBy {
    /// The phase's own end condition, or the beginning.
    Plan,
    /// `supervisorctl`.
    Operator,
    /// An edit of `phase-idx`.
    File,
}

/// One boot of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Boot {
    /// Which.
    pub boot: BootId,
    /// When the kernel came up; when we first saw it, where the kernel's word is before the end of the
    /// boot before.
    pub booted: Timestamp,
    /// When we first saw it.
    pub seen: Timestamp,
    /// What came before it; `None` for the first boot that was ever seen, which is no reboot.
    pub reboot: Option<Reboot>,
}

/// The way from the boot before to this one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reboot {
    /// The boot that ended.
    pub from: BootId,
    /// The daemon had said goodbye.
    pub clean: bool,
    /// When the boot before was last known to live: the goodbye, or the last sign of life.
    pub last_alive: Option<Timestamp>,
    /// What ran then.
    pub running: Vec<WorkerName>,
    /// Where the plan stood, in words; `None` without a plan.
    pub resume_point: Option<String>,
}

/// Something an operator may want to know of: a line in the history, the journal and `events`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// What kind of thing happened: the word in `LOOPKEEPER_EVENT=`.
    pub event: String,
    /// How loud it is.
    pub level: Level,
    /// Of which worker.
    pub worker: Option<WorkerName>,
    /// Of which attempt.
    pub attempt: Option<AttemptId>,
    /// In which phase.
    pub phase: Option<PhaseId>,
    /// The line itself.
    pub text: String,
}

/// How loud a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Normal course of things.
    Info,
    /// Something ended or failed and is being dealt with.
    Warning,
    /// A person has to look.
    Error,
}

/// How the reason of a pause begins that nobody asked for: the plan was begun, and neither the
/// database nor `phase-idx` tells where it stands.
pub const POINT_LOST: &str = "the resume point was lost";

/// What the store gives back when the daemon starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Restored {
    /// The boot that was recorded last.
    pub boot: Option<Boot>,
    /// Reboots recorded.
    pub reboots: u64,
    /// A goodbye that no later hello made void.
    pub goodbye: Option<Timestamp>,
    /// The last sign of life of any daemon.
    pub last_alive: Option<Timestamp>,
    /// The resume point; `None` if there never was one.
    pub resume_point: Option<ResumePoint>,
    /// Why the rig is paused, if it is.
    pub paused: Option<String>,
    /// The phase that an operator said is over, while it is wound up.
    pub ending: Option<KnownEnding>,
    /// Texts that were begun to be typed, oldest first, and nobody knows how they went.
    pub nudges: Vec<BegunNudge>,
    /// Where each gate stands, or why its file cannot be read.
    pub handoffs: BTreeMap<GateName, Result<Gate, String>>,
    /// Where that is mounted on which each worktree was last seen.
    pub worktrees: BTreeMap<PathBuf, PathBuf>,
    /// What is known of each worker.
    pub workers: BTreeMap<WorkerName, RestoredWorker>,
}

/// What the store knows of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RestoredWorker {
    /// The operator stopped it.
    pub stopped: bool,
    /// Why it is held, if it is.
    pub held: Option<String>,
    /// Its budget.
    pub restarts: Restarts,
    /// The conversation that its next start goes on with.
    pub conversation: Option<KnownConversation>,
    /// The usage limit it was at when that was last seen.
    pub limit: Option<KnownLimit>,
    /// What kept it from its work when that was last seen.
    pub trouble: Option<KnownTrouble>,
    /// What it has spent of the last day on which that was counted.
    pub spent: Option<KnownSpent>,
    /// What is known of its rounds.
    pub breaker: Option<KnownBreaker>,
    /// Its last attempt.
    pub last: Option<KnownAttempt>,
    /// Its other attempts whose end is not recorded.
    pub open: BTreeMap<AttemptId, KnownAttempt>,
    /// The latest of its attempts whose end is recorded: one may have been followed by the next
    /// before it was concluded.
    pub ended: BTreeSet<AttemptId>,
    /// The stops that were begun of attempts whose end is not recorded.
    pub stops: BTreeMap<AttemptId, Stopping>,
    /// How the last attempt did that ran and ended; where none ever ran, the last that ended.
    pub last_exit: Option<Exit>,
    /// When the last attempt ended.
    pub last_end: Option<Timestamp>,
}

/// What is recorded of an attempt that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KnownAttempt {
    /// Which.
    pub attempt: AttemptRef,
    /// When it was decided.
    pub at: Timestamp,
    /// The boot it belongs to.
    pub boot: BootId,
    /// The phase it was told.
    pub phase: Option<PhaseId>,
    /// The definition it was started from.
    pub definition: u64,
    /// As which process it was started, if that was recorded.
    pub identity: Option<Identity>,
    /// What its agent was not told yet.
    pub debt: Debt,
    /// The last sign of work that its agent gave, if that was recorded.
    pub sign: Option<KnownSign>,
    /// How it ended and who stopped it, if its end was recorded.
    pub ended: Option<(Exit, Option<String>)>,
    /// A stop of it was begun that counts as a failure.
    pub failed: bool,
}
