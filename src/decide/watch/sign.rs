//! The signs of work, and the last one as it is recorded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    agent::{
        screen::Fingerprint,
        sighting::Seen,
        signs::{Child, Signs, Trace},
    },
    model::Mono,
};

/// Of the time between two looks, one part in so many is computed by those that compute, together. What
/// waits for others, as a server of tools does, wakes up for less.
const COMPUTES: u32 = 20;

/// A sign of work.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// It is watched only since then.
    Begun,
    /// Its screen was another one.
    Screen,
    /// There was a commit in its worktree.
    Commit,
    /// It touched its heartbeat file.
    Heartbeat,
    /// A process of this name computes.
    Computes(String),
}

/// The last sign of work of an attempt, and what has been to be seen of it since then.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownSign {
    /// When, in the boot of its attempt.
    pub at: Mono,
    /// Which.
    pub sign: Sign,
    /// Its screen.
    pub picture: Fingerprint,
    /// The columns and rows of its terminal.
    pub size: (u16, u16),
    /// When the history of its worktree was last written.
    pub committed: Trace,
    /// When its heartbeat file was last touched.
    pub heartbeat: Trace,
}

impl KnownSign {
    pub(super) fn new(at: Mono, sign: Sign, signs: &Signs) -> Self {
        Self {
            at,
            sign,
            picture: signs.picture,
            size: signs.size,
            committed: signs.committed,
            heartbeat: signs.heartbeat,
        }
    }

    /// Nothing was done since then, by this look. In a terminal of another size nobody can say that.
    pub(super) fn is_still_the_last(&self, signs: &Signs) -> bool {
        (self.picture, self.size) == (signs.picture, signs.size)
            && !signs.committed.is_newer_than(self.committed)
            && !signs.heartbeat.is_newer_than(self.heartbeat)
    }
}

/// What is a sign of work between these looks; the strongest, if there are several. What ran before the
/// first of them and was not seen then may have computed whenever it did. `ours`: a text of ours may have
/// changed the screen.
pub(super) fn sign(before: &Signs, after: &Signs, between: Duration, ours: bool) -> Option<Sign> {
    // Who begins to work does something, whatever else is drawn meanwhile.
    let stood = matches!(
        before.sighting.seen,
        Seen::Waiting | Seen::Asking { .. } | Seen::Limited { .. } | Seen::Outage { .. }
    );
    if stood && after.sighting.seen == Seen::Busy {
        return Some(Sign::Screen);
    }
    // In a terminal of another size everything is drawn elsewhere.
    if before.picture != after.picture && before.size == after.size && !ours {
        return Some(Sign::Screen);
    }
    if after.committed.is_newer_than(before.committed) {
        return Some(Sign::Commit);
    }
    if after.heartbeat.is_newer_than(before.heartbeat) {
        return Some(Sign::Heartbeat);
    }
    let computed = |child: &Child| {
        let same = |known: &&Child| (known.pid, known.start) == (child.pid, child.start);
        match before.children.iter().find(same) {
            Some(known) => child.cpu.saturating_sub(known.cpu),
            None if child.start > before.taken => child.cpu,
            None => Duration::ZERO,
        }
    };
    let all: Duration = after.children.iter().map(computed).sum();
    let most = after.children.iter().max_by_key(|child| computed(child))?;
    let computes = all >= between / COMPUTES && !all.is_zero();
    computes.then(|| Sign::Computes(most.name.clone()))
}
