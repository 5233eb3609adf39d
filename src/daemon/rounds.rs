//! When somebody beside the loop looks into directories again.
//!
//! Promise: orders come in the order in which they were given. Soon after something happened there it is looked
//! again, what happens together being looked at once; and at the latest by a slow poll.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};

/// How often it is looked where nobody has heard of anything.
const POLL: Duration = Duration::from_secs(30);

/// Orders, and looks in between.
pub(super) struct Rounds<O> {
    orders: mpsc::UnboundedReceiver<O>,
    changed: Arc<Notify>,
    /// What happens within this time is looked at together.
    together: Duration,
    next: Instant,
}

/// What is due.
pub(super) enum Due<O> {
    Order(O),
    Look,
}

impl<O> Rounds<O> {
    pub(super) fn new(
        orders: mpsc::UnboundedReceiver<O>,
        changed: Arc<Notify>,
        together: Duration,
    ) -> Self {
        Self {
            orders,
            changed,
            together,
            next: Instant::now() + POLL,
        }
    }

    /// What is due next; `None`: nobody gives orders any more.
    pub(super) async fn due(&mut self) -> Option<Due<O>> {
        loop {
            tokio::select! {
                order = self.orders.recv() => return order.map(Due::Order),
                () = self.changed.notified() => self.look_soon(),
                () = sleep_until(self.next) => return Some(Due::Look),
            }
        }
    }

    pub(super) fn look_now(&mut self) {
        self.next = Instant::now();
    }

    pub(super) fn look_soon(&mut self) {
        self.next = self.next.min(Instant::now() + self.together);
    }

    /// It was looked; `again`: when something there is to be looked at, if that is known.
    pub(super) fn looked(&mut self, again: Option<Duration>) {
        self.next = Instant::now() + again.map_or(POLL, |again| again.min(POLL));
    }
}
