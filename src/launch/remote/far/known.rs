//! What is known of a host, and how that is learned.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::Far;
use crate::{
    launch::{
        Reach,
        remote::{Seen, answer::Line},
    },
    model::{AttemptRef, BootId},
};

#[derive(Debug)]
pub(super) struct Known {
    /// Why nothing is known, if nothing is.
    pub(super) unreachable: Option<String>,
    /// Since when that is so, or since when something is known.
    pub(super) since: Timestamp,
    /// How long an empty script took last.
    pub(super) latency: Option<Duration>,
    pub(super) boot: Option<BootId>,
    /// Which machine it is, as it says itself.
    pub(super) machine: Option<String>,
    pub(super) attempts: BTreeMap<AttemptRef, Entry>,
    /// History here, so that nothing of them is to stay there.
    pub(super) finished: BTreeSet<AttemptRef>,
    /// Being begun by us at this moment, so nobody is to be asked of them.
    pub(super) beginning: BTreeSet<AttemptRef>,
    /// There, and nobody here has a record of them.
    pub(super) unknown: Vec<AttemptRef>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seen: watch::Sender<Seen>,
    pub(super) more: Arc<Notify>,
    /// The process there waits for its end.
    pub(super) awaited: bool,
    /// And for more of its log.
    pub(super) followed: bool,
}

impl Known {
    pub(super) fn never_ran(&self, of: &AttemptRef) -> bool {
        let entry = self.attempts.get(of);
        entry.is_some_and(|entry| matches!(*entry.seen.borrow(), Seen::Failed(_) | Seen::Busy(_)))
    }
}

impl Entry {
    pub(super) fn new(seen: Seen) -> Self {
        let (seen, _) = watch::channel(seen);
        let more = Arc::default();
        Self {
            seen,
            more,
            awaited: false,
            followed: false,
        }
    }

    /// Something of it is to end yet.
    pub(super) fn ends(&self) -> bool {
        match &*self.seen.borrow() {
            Seen::Alive(_) => true,
            Seen::Ended { left, .. } => *left > 0,
            Seen::Starting | Seen::Failed(_) | Seen::Busy(_) | Seen::Unreachable(_) => false,
        }
    }
}

impl Far {
    pub(super) fn learn(&self, line: Line) {
        let mut known = self.known();
        match line {
            Line::Attempt(of, seen) => {
                let entry = known.attempts.entry(of.clone());
                let entry = entry.or_insert_with(|| Entry::new(seen.clone()));
                entry.seen.send_if_modified(|before| before.learn(seen));
                if entry.ends() && !entry.awaited {
                    entry.awaited = true;
                    self.wish(format!("end {} {}", of.worker, of.attempt));
                }
            }
            Line::Gone(of) => {
                if let Some(entry) = known.attempts.get(&of) {
                    entry.seen.send_if_modified(|seen| match seen {
                        Seen::Ended { left, .. } if *left > 0 => {
                            *left = 0;
                            true
                        }
                        _ => false,
                    });
                }
            }
            Line::More(of) => {
                if let Some(entry) = known.attempts.get_mut(&of) {
                    entry.followed = false;
                    entry.more.notify_one();
                }
            }
            Line::Boot(boot, machine) => {
                let same = known.machine.replace(machine.clone()) == Some(machine);
                let before = known.boot.replace(boot.clone());
                if let Some(before) = before.filter(|before| same && *before != boot) {
                    self.reach(Reach::Rebooted { before, boot });
                }
            }
            Line::End => {}
        }
    }
}
