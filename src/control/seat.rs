//! How many clients get in, and that the operator is one of them.
//!
//! Promise: neither clients that only read, however many, nor a process that can open nothing more
//! keep out somebody who may steer, and a client that cannot be let in is told why.
//!
//! How: readers have only some of the seats, and a few descriptors are held back for clients.

use std::{
    fs::File,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::decide::access::Access;

/// Clients at one time.
pub const MOST_CLIENTS: usize = 128;
/// Of these, clients that may only read, so that the operator always gets in.
pub const MOST_READERS: usize = 64;
/// Descriptors kept for clients.
const SPARE: usize = 8;

/// Descriptors that are kept for clients, so that the operator gets in when nothing else can be
/// opened. The last one is for telling a client that there are none left.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<File>>);

impl Spare {
    fn held(&self) -> MutexGuard<'_, Vec<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refill(&self) {
        let mut held = self.held();
        while held.len() < SPARE
            && let Ok(file) = File::open("/dev/null")
        {
            held.push(file);
        }
    }

    /// Makes room for one client.
    pub(super) fn give_up_one(&self) -> bool {
        self.held().pop().is_some()
    }

    /// There is one for the next client, after this one.
    pub(super) fn is_left(&self) -> bool {
        self.refill();
        !self.held().is_empty()
    }
}

/// Clients that are connected.
#[derive(Debug, Default)]
pub(super) struct Inside {
    all: AtomicUsize,
    readers: AtomicUsize,
}

/// One client's place among them.
pub(super) struct Seat {
    inside: Arc<Inside>,
    access: Access,
}

impl Seat {
    pub(super) fn take(inside: &Arc<Inside>, access: Access) -> Option<Self> {
        let full = inside.all.load(Ordering::Relaxed) >= MOST_CLIENTS
            || access == Access::Read && inside.readers.load(Ordering::Relaxed) >= MOST_READERS;
        if full {
            return None;
        }
        inside.all.fetch_add(1, Ordering::Relaxed);
        if access == Access::Read {
            inside.readers.fetch_add(1, Ordering::Relaxed);
        }
        Some(Self {
            inside: Arc::clone(inside),
            access,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.inside.all.fetch_sub(1, Ordering::Relaxed);
        if self.access == Access::Read {
            self.inside.readers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_cannot_keep_the_operator_out() {
        let inside = Arc::new(Inside::default());
        let mut seats: Vec<_> = (0..MOST_READERS)
            .map(|_| Seat::take(&inside, Access::Read).unwrap())
            .collect();
        assert!(Seat::take(&inside, Access::Read).is_none());
        let mut operators = Vec::new();
        while let Some(seat) = Seat::take(&inside, Access::Steer) {
            operators.push(seat);
        }
        assert_eq!(operators.len(), MOST_CLIENTS - MOST_READERS);
        seats.pop();
        assert!(
            Seat::take(&inside, Access::Read).is_some(),
            "a seat that was left stays taken"
        );
    }
}
