//! How many clients there are at one time, and which of them has to go.
//!
//! Promise: however many are connected, and however many say nothing, somebody who comes and says
//! who he is and where he wants to go is heard, and answered. So one who only asks whether the
//! proxy is up, as the daemon does, learns that it is.
//!
//! How: a client holds one of two kinds of places. It comes in on a *hearing*; of these there are
//! a fixed number, and when they are all taken the oldest loses its own. With its request it
//! takes a *slot*, one of `max_connections`, for as long as its connection lasts; when there is
//! none it is refused, still within its hearing.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use tokio_util::sync::CancellationToken;

/// Clients that may be heard at one time: that log in, say where they want to go, or are being
/// told no.
pub(super) const HEARINGS: usize = 128;

/// The places of one proxy.
#[derive(Debug)]
pub(super) struct Admission {
    most: usize,
    taken: Cell<usize>,
    heard: RefCell<BTreeMap<u64, CancellationToken>>,
    next: Cell<u64>,
}

impl Admission {
    /// With slots for `most` connections.
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self {
            most,
            taken: Cell::new(0),
            heard: RefCell::default(),
            next: Cell::new(0),
        })
    }

    /// A new client's hearing, and whether somebody else lost his for it.
    pub(super) fn hear(self: &Rc<Self>) -> (Hearing, bool) {
        let evicted = self.heard.borrow().len() >= HEARINGS && self.evict();
        let number = self.next.replace(self.next.get() + 1);
        let over = CancellationToken::new();
        self.heard.borrow_mut().insert(number, over.clone());
        let hearing = Hearing {
            admission: Rc::clone(self),
            number,
            over,
        };
        (hearing, evicted)
    }

    /// Ends the oldest hearing, if there is one.
    pub(super) fn evict(&self) -> bool {
        let oldest = self.heard.borrow_mut().pop_first();
        oldest.inspect(|(_, over)| over.cancel()).is_some()
    }

    /// Slots that are taken.
    pub(super) fn connections(&self) -> usize {
        self.taken.get()
    }
}

/// One client's time to be heard, over when it is dropped.
#[derive(Debug)]
pub(super) struct Hearing {
    admission: Rc<Admission>,
    number: u64,
    over: CancellationToken,
}

impl Hearing {
    /// Returns when the place is needed for somebody else. Cancel safe.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// A slot; `None` when all are taken.
    pub(super) fn slot(&self) -> Option<Slot> {
        let admission = Rc::clone(&self.admission);
        let taken = admission.taken.get();
        if taken >= admission.most {
            return None;
        }
        admission.taken.set(taken + 1);
        Some(Slot(admission))
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.admission.most
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.admission.heard.borrow_mut().remove(&self.number);
    }
}

/// One of `max_connections`, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Rc<Admission>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.set(self.0.taken.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_hearing_is_the_one_that_ends() {
        let admission = Admission::new(1);
        let mut hearings: Vec<_> = (0..HEARINGS).map(|_| admission.hear()).collect();
        assert!(hearings.iter().all(|(_, evicted)| !evicted));
        assert!(admission.hear().1, "one more than there are places");
        hearings[0].0.over().await;
        let second = tokio::time::timeout(std::time::Duration::ZERO, hearings[1].0.over());
        assert!(second.await.is_err(), "more ended than had to");
        hearings.pop();
        assert!(!admission.hear().1, "a place that was left stays taken");
    }

    #[test]
    fn a_slot_is_free_again_when_it_is_left() {
        let admission = Admission::new(1);
        let (hearing, _) = admission.hear();
        let slot = hearing.slot().unwrap();
        assert!(hearing.slot().is_none());
        assert_eq!(admission.connections(), 1);
        drop(slot);
        assert!(hearing.slot().is_some());
    }
}
