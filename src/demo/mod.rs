//! `supervisorctl demo`: a whole rig in a temporary directory, and what it is good for shown on it.
//!
//! Promise: everything that is told has happened, and is told when it happens. The daemon, the
//! proxy, the loops, their repositories, the crash and the death of the daemon are real; only what
//! the loops do instead of thinking is made up (`builder.sh`, `adversary.sh`). It ends with an error
//! that names what is missing, unless all of it was seen. Whatever ends it, nothing of it is left
//! running, and nothing of it is left on disk unless that was asked for.
//!
//! How: `stage` lays the rig out; `daemon` runs the real daemon on it, from this program's own
//! executable; `line` holds a connection through its proxy; `watch` sees the repositories. What they
//! see comes as `Input` to `play`, which hands it to the `story`. The story, which is pure, says what
//! is told and what is to be done next, such as a `kill -9`, and `deeds` does it; `summary` is what
//! was seen in the end.
//! `ours` finds the processes of the rig, and `voice` writes the lines.

mod daemon;
mod deeds;
mod line;
mod ours;
mod play;
mod signals;
mod stage;
mod stop;
mod story;
mod summary;
mod voice;
mod watch;

use std::{fmt, io, path::PathBuf, time::Duration};

use crate::{control::client::ClientError, host::HostError};
pub use play::run;
pub use voice::Voice;

/// What the command line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Ends by then, and before if everything was seen; `None` stays until a signal.
    pub within: Option<Duration>,
    /// Leave the directory.
    pub keep: bool,
}

/// Why the demo did not show everything.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A program that the loops use.
    #[error("{0}: not found in $PATH")]
    Missing(&'static str),
    /// A file or directory of the demo.
    #[error("{}: cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The temporary directory has too long a name for sockets (unix(7)).
    #[error("{}: too long for the sockets in it", .0.display())]
    TooLong(PathBuf),
    /// A git command did not do what it should.
    #[error("git {arguments}: {said}")]
    Git {
        /// What it was asked.
        arguments: String,
        /// What it said, or how it ended.
        said: String,
    },
    /// Something of this process or the machine, by what it was for.
    #[error("{0} cannot be set up")]
    Process(&'static str, #[source] io::Error),
    /// Files cannot be watched.
    #[error("repositories cannot be watched")]
    Watch(#[from] notify::Error),
    /// The daemon did not start, or ended when nobody asked it to.
    #[error("loopkeeperd {how}: {said}")]
    Daemon {
        /// How it ended.
        how: String,
        /// The last line of its log.
        said: String,
    },
    /// The daemon does not answer as it should.
    #[error("loopkeeperd does not answer")]
    Client(#[from] ClientError),
    /// The machine's processes cannot be seen.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Parts of the story did not happen.
    #[error("demo {ended} before everything was shown: {}", missing.join("; "))]
    Incomplete {
        /// Why it did not go on.
        ended: Ended,
        /// What was not seen.
        missing: Vec<String>,
    },
    /// Processes that should have ended with the daemon; they were killed.
    #[error("the stop left processes behind, which were killed: {}", .0.join(", "))]
    Left(Vec<String>),
    /// Nobody listens any more.
    #[error("standard output cannot be written")]
    Voice(#[source] io::Error),
}

impl DemoError {
    fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            path: path.into(),
            source,
        }
    }

    /// What helps.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing("git") => {
                "the demo's loops work in git repositories; install git".to_owned()
            }
            Self::Missing(program) => {
                format!("the demo's loops are shell scripts that use {program}; install it")
            }
            Self::TooLong(_) => "set TMPDIR to a shorter path, such as /tmp".to_owned(),
            Self::Incomplete {
                ended: Ended::OutOfTime,
                ..
            } => "give it more --seconds; with --keep everything can be looked at afterwards"
                .to_owned(),
            Self::Daemon { .. }
            | Self::Left(_)
            | Self::Incomplete {
                ended: Ended::Wrong,
                ..
            } => "with --keep the directory stays, with loopkeeperd.log in it".to_owned(),
            Self::Incomplete {
                ended: Ended::Interrupted,
                ..
            } => return None,
            Self::File { .. }
            | Self::Git { .. }
            | Self::Process(..)
            | Self::Watch(_)
            | Self::Client(_)
            | Self::Host(_)
            | Self::Voice(_) => return None,
        })
    }
}

/// Why a story was not told to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By a signal.
    Interrupted,
    /// The time that was given is over.
    OutOfTime,
    /// Something happened that must not.
    Wrong,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupted => "was interrupted",
            Self::OutOfTime => "ran out of time",
            Self::Wrong => "went wrong",
        })
    }
}

/// What comes in, from the threads that watch.
#[derive(Debug)]
enum Input {
    /// SIGINT, SIGTERM or SIGHUP.
    Signal,
    /// The daemon of this life answers.
    Up { life: u32 },
    /// The daemon of this life ended.
    Ended { life: u32, how: String },
    /// The daemon says that something happened.
    Notice(Box<crate::decide::Notice>),
    /// The connection through the proxy carried its first bytes.
    LineOpen,
    /// It broke.
    LineCut(String),
    /// Somebody pushed.
    Pushed,
    /// The Builder writes.
    BuilderWrites,
}
