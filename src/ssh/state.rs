//! How a connection is, and waiting for what needs it.

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// How long the end of a connection may be known by its channels before it is told of.
pub(super) const MOMENT: Duration = Duration::from_secs(5);

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is none. Told anew after each try, so whoever waits for the next try waits for a change.
    Down {
        /// Why, on one line.
        why: String,
        /// Since when.
        since: Timestamp,
    },
    /// There is one.
    Up {
        /// Which, counted from 1.
        life: u64,
    },
}

/// What waiting was cut short by.
pub(super) enum Cut {
    /// The connection is lost; why.
    Lost(String),
    /// There is no time left.
    Late,
}

/// `work`, for as long as this connection lives and there is time.
pub(super) async fn within<T>(
    state: watch::Receiver<State>,
    life: u64,
    until: Instant,
    work: impl Future<Output = T>,
) -> Result<T, Cut> {
    tokio::select! {
        biased;
        done = timeout_at(until, work) => done.map_err(|_| Cut::Late),
        why = lost(state, life) => Err(Cut::Lost(why)),
    }
}

/// Waits until this connection is lost; says why.
pub(super) async fn lost(mut state: watch::Receiver<State>, life: u64) -> String {
    let over = |state: &State| *state != State::Up { life };
    match state.wait_for(over).await.as_deref() {
        Ok(State::Down { why, .. }) => why.clone(),
        Ok(State::Up { .. }) => "it was made anew meanwhile".into(),
        Err(_) => "the host is not kept connected any more".into(),
    }
}
