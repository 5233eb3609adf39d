//! By what a state is known again.
//!
//! Promise: what two states have the same of has the same consequences. Names that are given by chance
//! are replaced by the rank of what they name, and moments by how far off they are, so that it does not
//! matter when or in which order something came to be, as long as it is the same now.

use std::hash::{DefaultHasher, Hash, Hasher};

use loopkeeper::model::{AttemptId, AttemptRef};

use crate::world::{Item, World};

use super::scene::{BEGINS, SECOND_BOOT, Scene};

/// A process id is at least this; an exit code is less.
const LEAST_PID: i32 = 100;
/// The wall clock shows at least so many seconds; no duration has so many.
const LEAST_WALL: i64 = 1_000_000_000;

/// The rig, the world around it, and what the checks remember of the way to here.
pub(super) fn fingerprint(scene: &Scene) -> u64 {
    let world = &scene.world;
    let names = Names::of(world);
    let mut state = names.hasher();
    scene.allowed.hash(&mut state);
    if let Some(daemon) = &world.daemon {
        (&daemon.rig, &daemon.told).hash(&mut state);
    }
    world.checks.hash(&mut state);
    (&world.machine, world.boot).hash(&mut state);
    for body in &world.bodies {
        if body.lives() || !body.concluded {
            body.hash(&mut state);
        } else {
            // When it was does not matter any more.
            let same_boot = body.boot == world.boot;
            (&body.of, &body.record, same_boot, body.guessed).hash(&mut state);
            body.was_interrupted().hash(&mut state);
        }
    }
    world.store.hash_state(&mut state);
    (world.silent_until > world.t, &world.over).hash(&mut state);
    // Whatever is due may be next.
    let mut due: Vec<u64> = world
        .queue
        .values()
        .map(|item| {
            let mut state = names.hasher();
            match item {
                Item::Tell(_, event) => event.hash(&mut state),
                Item::Body(..)
                | Item::DaemonUp
                | Item::Chance
                | Item::DiskHeals
                | Item::Impatience(_)
                | Item::Inboxes(..)
                | Item::Settle(..) => item.hash(&mut state),
            }
            state.finish()
        })
        .collect();
    due.sort_unstable();
    due.hash(&mut state);
    state.finish()
}

/// What is called how, in one state.
struct Names {
    /// Every attempt there ever was, in its order.
    attempts: Vec<AttemptId>,
    now: u64,
    booted: u64,
}

impl Names {
    fn of(world: &World) -> Self {
        let known = world.store.now.attempts.keys();
        let mut attempts: Vec<&AttemptRef> = world.index.keys().chain(known).collect();
        attempts.sort_unstable();
        attempts.dedup();
        Self {
            attempts: attempts.iter().map(|of| of.attempt.clone()).collect(),
            now: world.t,
            booted: world.booted,
        }
    }

    fn hasher(&self) -> Renaming<'_> {
        Renaming {
            names: self,
            state: DefaultHasher::new(),
        }
    }
}

/// Hashes what is meant, not how it is called.
struct Renaming<'a> {
    names: &'a Names,
    state: DefaultHasher,
}

impl Hasher for Renaming<'_> {
    fn finish(&self) -> u64 {
        self.state.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() == "20261121T004319Z-7f3a9c01".len() && bytes[8] == b'T' {
            let named = |id: &AttemptId| id.as_str().as_bytes() == bytes;
            self.names
                .attempts
                .iter()
                .position(named)
                .hash(&mut self.state);
        } else {
            self.state.write(bytes);
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.state.write_u8(n);
    }

    /// Moments of real time and of either boot's clock.
    fn write_u64(&mut self, n: u64) {
        let Names { now, booted, .. } = self.names;
        let clock = [(BEGINS / 10 * 7, *now), (SECOND_BOOT / 2, now - booted)];
        match clock
            .iter()
            .find(|(least, _)| n >= *least && n < BEGINS * 2)
        {
            Some((least, now)) => {
                self.state.write_u64(*least);
                self.state.write_u64(n.wrapping_sub(*now));
            }
            None => self.state.write_u64(n),
        }
    }

    /// What the wall clock shows decides nothing.
    fn write_i64(&mut self, n: i64) {
        if n < LEAST_WALL {
            self.state.write_i64(n);
        }
    }

    fn write_i32(&mut self, n: i32) {
        if n < LEAST_PID {
            self.state.write_i32(n);
        }
    }
}
