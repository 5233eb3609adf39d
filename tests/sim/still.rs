//! A while in which nothing happens by chance, so that nothing but its own deadlines wakes the rig:
//! one that it forgets is kept by nobody.
//!
//! What is to be dealt with meanwhile is there when a new daemon begins: an attempt too many that does
//! not heed its stop signal, or a host that cannot say what lives.

use crate::world::{Item, World};

/// How long it lasts, ms: longer than every grace and every time after which something is asked again.
pub(crate) const STILL: u64 = 90_000;

impl World {
    /// It begins.
    pub(crate) fn still(&mut self) {
        self.note(|| "STILL".into());
        self.queue
            .retain(|_, item| !matches!(item, Item::Chance | Item::Impatience(_)));
        self.kill_daemon();
        if self.rng.bool() {
            self.silent_until = self.t + STILL;
            self.coverage.count("stillness: host does not answer");
        } else if let Some(double) = self.add_double() {
            let temper = &mut self.bodies[double].temper;
            temper.obeys = None;
            temper.own_end = None;
            self.coverage
                .count("stillness: an attempt too many heeds no signal");
        }
    }
}
