//! Why something was not done on a host.

use std::time::Duration;

use crate::model::Exit;

/// A script did not run to its end on a host, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection.
    #[error("host {host}: not connected: {why}")]
    Down {
        /// Which.
        host: String,
        /// Why.
        why: String,
    },
    /// All channels were in use for all of the time that there was.
    #[error(
        "host {host}: none of its {} channels became free within {limit:?}",
        super::CHANNELS
    )]
    Busy {
        /// Which.
        host: String,
        /// How long was waited.
        limit: Duration,
    },
    /// No channel could be had over the connection.
    #[error("host {host}: no channel over its connection: {why}")]
    NoChannel {
        /// Which.
        host: String,
        /// Why.
        why: String,
    },
    /// No argument of any program can have a zero byte.
    #[error("host {host}: argument {number} has a zero byte")]
    ZeroByte {
        /// For which.
        host: String,
        /// Which argument, counted from 1.
        number: usize,
    },
    /// The login shell ended without having run it.
    #[error("host {host}: its login shell runs nothing ({exit}); it says {said:?}")]
    NoShell {
        /// Which.
        host: String,
        /// How it ended.
        exit: Exit,
        /// What came in place of the script's output.
        said: String,
    },
    /// The connection was lost meanwhile, or the channel.
    #[error("host {host}: lost: {why}")]
    Lost {
        /// Which.
        host: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("host {host}: no end within {limit:?}")]
    TimedOut {
        /// Which.
        host: String,
        /// What it was given.
        limit: Duration,
    },
    /// What was at the other end of a channel has ended.
    #[error("host {host}: the script ended: {exit}{}", also(said))]
    Ended {
        /// Which.
        host: String,
        /// How.
        exit: Exit,
        /// What it wrote to standard error last.
        said: String,
    },
}

fn also(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!("; it says {said:?}"),
    }
}

impl LinkError {
    /// Whether it is certain that nothing of the script was done. Of the others nobody knows.
    pub const fn never_began(&self) -> bool {
        match self {
            Self::Down { .. }
            | Self::Busy { .. }
            | Self::NoChannel { .. }
            | Self::ZeroByte { .. }
            | Self::NoShell { .. } => true,
            Self::Lost { .. } | Self::TimedOut { .. } | Self::Ended { .. } => false,
        }
    }
}
