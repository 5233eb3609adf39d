//! What an operator hears of, and how.

use std::collections::BTreeSet;

use super::Command;

/// Stands for everything that is told as an error, whatever its event is.
pub const ERROR: &str = "error";

/// What an operator hears of who does not say.
pub(super) const USUAL: [&str; 21] = [
    ERROR,
    "reboot",
    "worker-stalled",
    "worker-unstuck",
    "worker-budget",
    "worker-breaker-closed",
    "worker-limited",
    "worker-limit-over",
    "worker-asking",
    "worker-outage",
    "worker-nudge-undecided",
    "worker-inbox-failed",
    "worker-conversation-lost",
    "worker-conversation-changed",
    "worker-not-told",
    "worker-worktree-failed",
    "handoff-stuck",
    "phase",
    "phase-goes-on",
    "phase-not-quiet",
    "plan-complete",
];

/// Events that no command is run for: there is no daemon yet that could, or none that waits for it.
pub(super) const UNHEARD: [&str; 3] = ["up", "start-refused", "leaving"];

/// The operator's notification command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notify {
    /// What is run, once for each event.
    pub command: Command,
    /// For these events, by their words in the journal; [`ERROR`] is all that are errors.
    pub on: BTreeSet<String>,
    /// What it finds on its standard input.
    pub input: Input,
}

/// What a notification command finds on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Input {
    /// The text of the event.
    #[default]
    Text,
    /// All that is known of it, as one object on one line.
    Json,
}

impl Notify {
    /// The command alone: for what is usual, with the text.
    pub fn by(command: Command) -> Self {
        Self {
            command,
            on: USUAL.map(str::to_owned).into(),
            input: Input::default(),
        }
    }
}
