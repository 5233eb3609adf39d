//! The ordered phases the loops work through.

use std::{fmt, path::PathBuf, time::Duration};

use super::Command;
use crate::model::PhaseId;

/// The ordered plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// In the order in which they are worked on.
    pub phases: Vec<Phase>,
    /// What happens at boot.
    pub resume: Resume,
    /// How long the end of a phase waits for whom it stops to come to a safe point; zero: not at all.
    pub quiesce: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            phases: Vec::new(),
            resume: Resume::default(),
            quiesce: Duration::from_secs(10 * 60),
        }
    }
}

/// What the rig does with the plan after a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Resume {
    /// Goes on at the resume point.
    #[default]
    OnBoot,
    /// Comes up paused, until `supervisorctl resume`.
    Manual,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phase {
    /// Unique in the plan.
    pub id: PhaseId,
    /// The file the loops are pointed to, absolute.
    pub brief: Option<PathBuf>,
    /// When it is over.
    pub until: Condition,
}

/// When a phase is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Only when the operator says `phase done`.
    Operator,
    /// The file exists, or, with a line, has that line (surrounding white space ignored).
    File {
        /// Absolute.
        path: PathBuf,
        /// The whole line that it must have.
        line: Option<String>,
    },
    /// The command exits with 0; tried at this interval.
    Command {
        /// What is run.
        command: Command,
        /// From the end of one try to the next.
        every: Duration,
    },
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("the operator says `phase done`"),
            Self::File { path, line: None } => write!(f, "{} exists", path.display()),
            Self::File {
                path,
                line: Some(line),
            } => {
                write!(f, "{} has the line {line:?}", path.display())
            }
            Self::Command { command, .. } => write!(f, "`{command}` exits with 0"),
        }
    }
}
