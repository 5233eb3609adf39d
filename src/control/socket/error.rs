//! Why there is no control socket, and what helps.

use std::{io, path::PathBuf};

/// `sun_path` without its end mark, unix(7).
pub(super) const LONGEST_PATH: usize = 107;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another daemon answers there.
    #[error("control socket {path} belongs to a running daemon{}", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    InUse {
        /// The socket.
        path: PathBuf,
        /// The other daemon, where it is known.
        pid: Option<i32>,
    },
    /// Something that is not a socket is there.
    #[error("control socket {path} cannot be made: a {what} is in its place")]
    NotASocket {
        /// The place.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// A socket of another user is there.
    #[error("control socket {path} cannot be made: a socket of user {owner} is in its place")]
    Foreign {
        /// The place.
        path: PathBuf,
        /// The user's id.
        owner: u32,
    },
    /// A socket's path has at most 107 bytes.
    #[error("control socket {path} cannot be made: its path has more than {LONGEST_PATH} bytes")]
    TooLong {
        /// The place.
        path: PathBuf,
    },
    /// Something was refused by the system.
    #[error("control socket {path} cannot be made: {what}")]
    Io {
        /// The place.
        path: PathBuf,
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    /// What helps.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { path, .. } => {
                format!(
                    "see it with: supervisorctl --socket {} status",
                    path.display()
                )
            }
            Self::NotASocket { path, .. } | Self::Foreign { path, .. } => format!(
                "look at it with: ls -ld {}; move it away or give another --socket",
                path.display()
            ),
            Self::TooLong { .. } => "give a shorter --socket".to_owned(),
            Self::Io { path, .. } => format!(
                "look at the directory with: ls -ld {}",
                path.parent().unwrap_or(path).display()
            ),
        }
    }
}
