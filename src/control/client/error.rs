//! Why a daemon did not do what it was asked, and what helps.

use std::{io, path::PathBuf, time::Duration};

use crate::control::{
    protocol::{PROTOCOL, Refusal},
    server::LOOK_AGAIN,
};

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("daemon is not running: nobody listens on {socket}")]
    NotRunning {
        /// Where it should.
        socket: PathBuf,
    },
    /// Nobody listens, and yet a daemon has the state directory.
    #[error("daemon runs (pid {pid}), but nobody listens on {socket}")]
    NoSocket {
        /// Where it should.
        socket: PathBuf,
        /// The daemon.
        pid: i32,
    },
    /// The file modes keep us out.
    #[error("control socket {socket} is not for this user")]
    NoAccess {
        /// The socket.
        socket: PathBuf,
    },
    /// It speaks another language.
    #[error(
        "daemon {version} on {socket} speaks protocol {theirs}, supervisorctl {} speaks {PROTOCOL}",
        env!("CARGO_PKG_VERSION")
    )]
    Protocol {
        /// The socket.
        socket: PathBuf,
        /// The daemon's version.
        version: String,
        /// Its protocol.
        theirs: u32,
    },
    /// What it says makes no sense.
    #[error("{socket} does not answer like a loopkeeper daemon: {what}")]
    Stranger {
        /// The socket.
        socket: PathBuf,
        /// What was wrong.
        what: String,
    },
    /// It says nothing.
    #[error("daemon on {socket} did not answer within {} s", .after.as_secs())]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke.
    #[error("connection to {socket} broke")]
    Broken {
        /// The socket.
        socket: PathBuf,
        /// How.
        source: io::Error,
    },
    /// It says no.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

impl ClientError {
    /// What helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotRunning { .. } => None,
            Self::NoSocket { pid, .. } => Some(format!(
                "a socket that was removed is made once more within {} s; another --socket shows \
                 in: tr '\\0' ' ' </proc/{pid}/cmdline",
                LOOK_AGAIN.as_secs()
            )),
            Self::NoAccess { .. } => {
                Some("become a member of the group loopkeeper, or use sudo".to_owned())
            }
            Self::Protocol { .. } => {
                Some("use the supervisorctl that came with that daemon, or restart it".to_owned())
            }
            Self::Stranger { socket, .. } => Some(format!(
                "see who listens there with: ss -xlp src {}",
                socket.display()
            )),
            Self::Silent { .. } | Self::Broken { .. } => {
                Some("see what it does with: supervisorctl doctor".to_owned())
            }
            Self::Refused(refusal) => refusal.hint.clone(),
        }
    }
}
