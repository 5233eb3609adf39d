//! Whose turn it is to have a channel, and what may be left of those whose turn is over.
//!
//! A script that was given up is not killed, and for as long as it goes on it counts as a channel to sshd.
//! So when sshd refuses another one, and scripts were given up since it let this connection in, a new
//! connection is what helps.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::CHANNELS;

/// The turns of one host.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    free: Arc<Semaphore>,
    given_up: Arc<AtomicUsize>,
}

/// One turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _free: OwnedSemaphorePermit,
    given_up: Arc<AtomicUsize>,
    over: bool,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(CHANNELS)),
            given_up: Arc::default(),
        }
    }

    /// Waits for a turn.
    pub(super) async fn next(&self) -> Result<Turn, AcquireError> {
        Ok(Turn {
            _free: self.free.clone().acquire_owned().await?,
            given_up: self.given_up.clone(),
            over: false,
        })
    }

    /// Whether scripts were given up, which may go on.
    pub(super) fn were_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) > 0
    }

    /// There is another connection, to which nothing of this counts.
    pub(super) fn begin_anew(&self) {
        self.given_up.store(0, Ordering::Relaxed);
    }
}

impl Turn {
    /// What had it has ended, or never was.
    pub(super) fn is_over(&mut self) {
        self.over = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.over {
            self.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}
