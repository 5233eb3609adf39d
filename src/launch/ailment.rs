//! What of an attempt may not work while it lives. When nothing of it lives any more, that is over.

use crate::model::WorkerName;

/// Something that may not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ailment {
    Directory,
    Output,
    Process,
    Processes,
    Signals,
    Socket,
    Spec,
    Users,
}

impl Ailment {
    pub(super) const ALL: [Self; 8] = [
        Self::Directory,
        Self::Output,
        Self::Process,
        Self::Processes,
        Self::Signals,
        Self::Socket,
        Self::Spec,
        Self::Users,
    ];

    /// What the problem is about, in the words by which the daemon knows it again.
    pub(crate) fn about(self, worker: &WorkerName) -> String {
        match self {
            Self::Directory => format!("directory of {worker}"),
            Self::Output => format!("output of {worker}"),
            Self::Process => format!("process of {worker}"),
            Self::Processes => format!("processes of {worker}"),
            Self::Signals => format!("signals to {worker}"),
            Self::Socket => format!("tmux socket of {worker}"),
            Self::Spec => format!("spec of {worker}"),
            Self::Users => format!("users of {worker}"),
        }
    }
}
