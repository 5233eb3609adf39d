//! What makes two rigs the same: that from now on they do the same.
//!
//! For whoever walks through all that a rig can come to and wants to know where he has been before
//! (`tests/sim/explore`).

use std::hash::{Hash, Hasher};

use super::Rig;

impl Hash for Rig {
    /// All of it but its source of chance, which only names attempts and makes delays uneven.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            config,
            machine,
            worktrees,
            started,
            rng: _,
            workers,
            progress,
            ending,
            paused,
            ledger,
            reboots,
            last_boot,
            waiters,
            sender,
            nudges,
            left,
            inboxes,
            handoffs,
            strays,
            remembered,
            survey_at,
            sign_of_life,
            up,
            leaving,
            gone,
            out,
        } = self;
        (config, machine, started, workers, progress, ending, paused).hash(state);
        (
            ledger, reboots, last_boot, waiters, sender, nudges, left, inboxes, handoffs, strays,
            remembered,
        )
            .hash(state);
        worktrees.hash(state);
        (survey_at, sign_of_life, up, leaving, gone).hash(state);
        debug_assert!(out.is_empty(), "between two turns");
    }
}
