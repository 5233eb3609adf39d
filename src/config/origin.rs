//! From where a worktree is made.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The repository of a worktree that is made and repaired, and not only worked in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// What git clones: a URL, or an absolute path.
    pub repo: String,
    /// What is checked out when it is made; `None`: what the repository itself has checked out.
    pub branch: Option<String>,
    /// What it is to its repository.
    pub form: Form,
}

/// What a worktree is to its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Form {
    /// A clone of it: only what is pushed and fetched goes from one to the other.
    #[default]
    Clone,
    /// One more worktree of it (git-worktree(1)): commits and branches are in the repository at once.
    Linked,
}

impl Origin {
    /// Whether git takes this for a URL or a place on another machine (`user@host:path`), and not for a path.
    pub fn is_url(repo: &str) -> bool {
        let before = repo.split('/').next().unwrap_or_default();
        repo.contains("://") || before.contains(':')
    }
}

impl Form {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Linked => "worktree",
        }
    }
}

impl fmt::Display for Origin {
    /// Such as "a clone of ssh://git@host/x.git, branch main".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} of {}", self.form.as_str(), self.repo)?;
        match &self.branch {
            Some(branch) => write!(f, ", branch {branch}"),
            None => Ok(()),
        }
    }
}
