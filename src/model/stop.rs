use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Signal;

/// How a worker is stopped: the signal to its whole tree, and after the grace SIGKILL to what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stop {
    /// The signal that asks.
    pub signal: Signal,
    /// How long it may take.
    pub grace: Duration,
}
