//! What git is asked.
//!
//! Promise: git is run as whom the checkout belongs to, who could have put a command into its
//! configuration; with nothing of our environment but the search path and a home; and no longer than
//! [`WITHIN`] for each question.

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::unistd::geteuid;
use tokio::process::Command;

use super::{Checkout, Pushed, under_way};
use crate::launch::{as_user::AsUser, whose};

/// For git to answer one question.
const WITHIN: Duration = Duration::from_secs(20);
/// Commits on no remote are counted so far.
pub(super) const MOST_COMMITS: usize = 1000;

/// Why nothing is known of a checkout.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It is not there, or nobody can tell whose it is.
    #[error("{}", path.display())]
    Place {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is another user's, and who is not root cannot ask as that one.
    #[error("{} belongs to another user, as whom only root can ask git", path.display())]
    Another {
        /// Which.
        path: PathBuf,
    },
    /// git is not there.
    #[error("git cannot be run")]
    Git(#[source] io::Error),
    /// It did not answer in time.
    #[error("git does not answer within {WITHIN:?}")]
    Silent,
    /// It says no, in its words.
    #[error("{0}")]
    Refused(String),
}

/// Looks at the checkout at this path.
///
/// # Errors
/// See [`LookError`].
pub async fn look(path: &Path) -> Result<Checkout, LookError> {
    let owner = whose::to_be_asked_as(path).map_err(|source| LookError::Place {
        path: path.to_owned(),
        source,
    })?;
    let us = geteuid();
    let found = path.metadata().map_err(|source| LookError::Place {
        path: path.to_owned(),
        source,
    })?;
    if !us.is_root() && found.uid() != us.as_raw() {
        let path = path.to_owned();
        return Err(LookError::Another { path });
    }
    let git = Git {
        path,
        as_user: owner.map(AsUser::number),
    };
    let directory = git.asked(&["rev-parse", "--absolute-git-dir"]).await?;
    let directory = directory.strip_suffix('\n').unwrap_or(&directory);
    let status = [
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=normal",
    ];
    let mut checkout = read_status(&git.asked(&status).await?);
    let most = format!("--max-count={MOST_COMMITS}");
    let mut unpushed = vec!["log", "--format=%S", &most, "--branches"];
    // Before the first commit git knows no HEAD.
    unpushed.extend(checkout.head.as_ref().map(|_| "HEAD"));
    unpushed.extend(["--not", "--remotes"]);
    let remotes = git.asked(&["remote"]).await?;
    checkout.pushed = match remotes.is_empty() {
        true => Pushed::Nowhere,
        false => read_unpushed(&git.asked(&unpushed).await?),
    };
    checkout.under_way = under_way(Path::new(directory));
    Ok(checkout)
}

/// git in one checkout.
struct Git<'a> {
    path: &'a Path,
    as_user: Option<AsUser>,
}

impl Git<'_> {
    async fn asked(&self, words: &[&str]) -> Result<String, LookError> {
        let mut command = match &self.as_user {
            None => {
                let mut command = Command::new("git");
                command.env_clear();
                command.envs(env::var_os("HOME").map(|home| ("HOME", home)));
                command
            }
            Some(user) => {
                let mut command = Command::new("/proc/self/exe");
                command.env_clear();
                command.arg("as").args(user.arguments()).args(["--", "git"]);
                command
            }
        };
        command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
        let command = command
            .envs([("LC_ALL", "C"), ("GIT_OPTIONAL_LOCKS", "0")])
            // A monitor of files would be left running.
            .args(["-c", "core.fsmonitor=false", "-C"])
            .arg::<&OsStr>(self.path.as_ref())
            .args(words)
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let done = tokio::time::timeout(WITHIN, command.output()).await;
        let done = done.map_err(|_| LookError::Silent)?;
        let done = done.map_err(LookError::Git)?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            let said = said.trim();
            return Err(LookError::Refused(match said.is_empty() {
                true => format!("git {}: {}", words.join(" "), done.status),
                false => said.to_owned(),
            }));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

/// `git status --porcelain=v2 --branch -z` (git-status(1), "Porcelain Format Version 2").
fn read_status(text: &str) -> Checkout {
    let mut checkout = Checkout::default();
    let mut entries = text.split_terminator('\0');
    while let Some(entry) = entries.next() {
        let (kind, rest) = entry.split_once(' ').unwrap_or((entry, ""));
        // How many words there are before the path.
        let before = match kind {
            "#" => {
                read_header(rest, &mut checkout);
                continue;
            }
            "1" => 7,
            "2" => {
                // The path that it had follows.
                entries.next();
                8
            }
            "u" => 9,
            _ => 0,
        };
        let path = rest.splitn(before + 1, ' ').nth(before);
        checkout.changed.push(path.unwrap_or(rest).to_owned());
    }
    checkout
}

fn read_header(header: &str, checkout: &mut Checkout) {
    match header.split_once(' ') {
        Some(("branch.oid", "(initial)")) | Some(("branch.head", "(detached)")) => {}
        Some(("branch.oid", commit)) => checkout.head = Some(commit.to_owned()),
        Some(("branch.head", branch)) => checkout.branch = Some(branch.to_owned()),
        _ => {}
    }
}

/// A line for each commit, with the branch that leads to it.
fn read_unpushed(text: &str) -> Pushed {
    let mut branches: Vec<String> = Vec::new();
    for branch in text.lines() {
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        if !branches.iter().any(|known| known == branch) {
            branches.push(branch.to_owned());
        }
    }
    match text.lines().count() {
        0 => Pushed::All,
        commits => Pushed::Not { commits, branches },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_entry_gives_its_path() {
        let of = "N... 100644 100644 100644 6f3a 6f3a";
        let text = [
            "# branch.oid 50fb1b96",
            "# branch.head feature/a b",
            "# branch.upstream origin/main",
            &format!("1 .M {of} with a blank"),
            &format!("2 R. {of} R100 to here"),
            "from there",
            "u UU N... 100644 100644 100644 100644 6f3a 6f3a 6f3a torn apart",
            "? new file",
        ];
        let checkout = read_status(&(text.join("\0") + "\0"));
        assert_eq!(checkout.head.as_deref(), Some("50fb1b96"));
        assert_eq!(checkout.branch.as_deref(), Some("feature/a b"));
        let changed = ["with a blank", "to here", "torn apart", "new file"];
        assert_eq!(checkout.changed, changed);
        let before = read_status("# branch.oid (initial)\0# branch.head main\0");
        assert_eq!((before.head, before.changed.len()), (None, 0));
        let detached = read_status("# branch.oid 5\0# branch.head (detached)\0");
        assert_eq!(detached.branch, None);
    }

    #[test]
    fn commits_are_counted_and_their_branches_named_once() {
        assert_eq!(read_unpushed(""), Pushed::All);
        let branches = vec!["main".to_owned(), "b/c".to_owned(), "HEAD".to_owned()];
        let some = Pushed::Not {
            commits: 4,
            branches,
        };
        assert_eq!(read_unpushed("main\nrefs/heads/b/c\nmain\nHEAD\n"), some);
    }
}
