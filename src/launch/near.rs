//! The processes around a terminal, of whichever host they are.

use std::time::Duration;

/// One of them; who leads the terminal is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Near {
    pub(super) pid: i32,
    pub(super) parent: i32,
    /// It is in the foreground of the terminal, and that is its standard input, as far as can be told.
    pub(super) reads: bool,
    /// What it may be called: first by the kernel.
    pub(super) names: Vec<String>,
    /// The time that it has computed.
    pub(super) cpu: Duration,
}
