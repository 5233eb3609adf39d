//! Texts that say where a gate stood, and are not typed yet.
//!
//! Promise: once a gate stands elsewhere, nobody is told where it stood before; only what is being typed
//! already is.

use super::gate::{Gate, is_text_of};
use crate::{
    decide::{Effect, Rig},
    model::ItemName,
};

impl Rig {
    /// Takes what still waits of a gate out of the inboxes of both sides, but this.
    pub(super) fn revoke(&mut self, gate: &Gate, but: Option<ItemName>) {
        for worker in [&gate.from, &gate.to] {
            let mut stay: Vec<ItemName> = but.iter().cloned().collect();
            stay.extend(self.items_in_hand(worker).cloned());
            let is_meant = |item: &ItemName| is_text_of(item, &gate.gate) && !stay.contains(item);
            self.forget_items(worker, is_meant);
            self.out.push(Effect::RevokeHandoff {
                gate: gate.gate.clone(),
                worker: worker.clone(),
                but: stay,
            });
        }
    }
}
