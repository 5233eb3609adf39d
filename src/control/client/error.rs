//! Why a daemon did not do what it was asked, and what helps.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::control::{
    group::how_to_join,
    protocol::{ENDED, PROTOCOL, Refusal},
    server::LOOK_AGAIN,
};

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or nobody but the service manager.
    #[error("daemon is not running: {}", not_running(socket, *waited))]
    NotRunning {
        /// Where it should.
        socket: PathBuf,
        /// The manager listens, and so long the daemon did not come that it starts.
        waited: Option<Duration>,
    },
    /// Nobody listens, and yet a daemon has the state directory.
    #[error("daemon runs (pid {pid}), but nobody listens on {socket}")]
    NoSocket {
        /// Where it should.
        socket: PathBuf,
        /// The daemon.
        pid: i32,
    },
    /// A daemon answers, and it is not that of the rig which was named.
    #[error("daemon on {socket} keeps another rig: its {what} is {theirs}, not {named}")]
    Another {
        /// Where it answers.
        socket: PathBuf,
        /// By what the rig was named.
        what: &'static str,
        /// What that is of the daemon.
        theirs: PathBuf,
        /// What it was to be.
        named: PathBuf,
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

fn not_running(socket: &Path, waited: Option<Duration>) -> String {
    let socket = socket.display();
    match waited {
        None => format!("nobody listens on {socket}"),
        Some(waited) => format!(
            "systemd listens on {socket}, and did not get it to answer within {} s",
            waited.as_secs()
        ),
    }
}

impl ClientError {
    /// The daemon ended while it was asked.
    pub(super) fn daemon_ended(&self) -> bool {
        match self {
            Self::Broken { .. } => true,
            Self::Refused(refusal) => refusal.message == ENDED,
            _ => false,
        }
    }

    /// What helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotRunning { .. } => None,
            Self::NoSocket { pid, .. } => Some(format!(
                "a socket that was removed is made once more within {} s; another --socket shows \
                 in: tr '\\0' ' ' </proc/{pid}/cmdline",
                LOOK_AGAIN.as_secs()
            )),
            Self::Another { what, .. } => Some(format!(
                "give the --socket of the daemon that is meant as well; this one is asked without \
                 the {what}"
            )),
            Self::NoAccess { .. } => Some(how_to_join()),
            Self::Protocol { .. } => {
                Some("use the supervisorctl that came with that daemon, or restart it".to_owned())
            }
            Self::Stranger { socket, .. } => Some(format!(
                "see who listens there with: ss -xlp src {}",
                socket.display()
            )),
            Self::Silent { .. } => Some("see what it does with: supervisorctl doctor".to_owned()),
            Self::Broken { .. } => Some(
                "what was asked for may be done all the same: look with supervisorctl status before \
                 you ask for it again"
                    .to_owned(),
            ),
            Self::Refused(refusal) => refusal.hint.clone(),
        }
    }
}
