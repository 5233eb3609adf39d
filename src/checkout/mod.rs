//! A checkout of git at one moment: what of its work would be half-done, or on this machine alone, if
//! whoever works in it stopped now. How one is made and put right is in [`make`].
//!
//! Promise: a checkout is only said to be at a safe point where git itself says so; what could not be
//! looked at is not. Looking changes nothing in it and takes no lock.
//!
//! How: git is asked ([`look`]) for its status, for commits of branches that no remote is known to have,
//! and for where its directory is: what is under way leaves a file there (gitrepository-layout(5)). A push
//! tells what the remote has from then on, so nobody has to ask that: one that was set back or is gone is
//! not noticed. A worktree that is one of several of a repository (git-worktree(1)) answers for what it has
//! checked out alone: the other branches are others', and so is what was put aside on them. Of a submodule
//! git's status tells what is not committed; what of its commits is pushed is not asked.

mod look;
pub mod make;

use std::{io, path::Path};

pub use look::{LookError, look, look_for, main};

use crate::{decide::Mounted, host::mounts::Mount};

/// Files of git's that are there while something is under way, and what that is.
const UNDER_WAY: [(&str, &str); 7] = [
    ("index.lock", "git is at work in it, or was killed at it"),
    ("HEAD.lock", "git is at work in it, or was killed at it"),
    ("rebase-merge", "a rebase is under way"),
    ("rebase-apply", "a rebase or git-am is under way"),
    ("MERGE_HEAD", "a merge is under way"),
    ("CHERRY_PICK_HEAD", "a cherry-pick is under way"),
    ("REVERT_HEAD", "a revert is under way"),
];

/// What commits are of that no branch leads to (git-checkout(1), "Detached HEAD").
const DETACHED: &str = "a detached HEAD";

/// Changed files and branches that are named; the others are counted.
const NAMED: usize = 3;

/// What git says of a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkout {
    /// The commit it is at; `None` before the first.
    pub head: Option<String>,
    /// The branch; `None` where none is checked out.
    pub branch: Option<String>,
    /// What is under way, in words.
    pub under_way: Option<&'static str>,
    /// Files that differ from the commit, untracked ones among them; ignored ones are not.
    pub changed: Vec<String>,
    /// Where its commits are beside this machine.
    pub pushed: Pushed,
    /// Changes that were put aside (git-stash(1)), which are never pushed.
    pub stashes: usize,
}

/// Where the commits of all branches of a checkout are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pushed {
    /// Some remote has them all.
    #[default]
    All,
    /// So many are on no remote; they are of these branches.
    Not {
        /// How many; [`look`] counts no further than a thousand.
        commits: usize,
        /// By their names, "a detached HEAD" for what is on none.
        branches: Vec<String>,
    },
    /// There is no remote.
    Nowhere,
    /// There is one, and git keeps no note of what it has: as in a bare clone, nothing is fetched to
    /// `refs/remotes`.
    Unknown,
}

/// What is mounted where the file system of a worktree was, or above that; `None`: there is no such place. Where
/// the kernel does not tell any more, it is taken for what it was.
fn mounted_at(was_on: &Path) -> io::Result<Option<Mounted>> {
    match Mount::of(was_on) {
        Ok(Some(mount)) => Ok(Some(Mounted {
            is_asleep: mount.is_asleep(),
            at: mount.at,
        })),
        Ok(None) => Ok(Some(Mounted {
            at: was_on.to_owned(),
            is_asleep: false,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Checkout {
    /// Why it is not at a safe point, most urgent first; empty when it is. Unless `unpushed` is enough,
    /// all commits have to be on a remote as well.
    pub fn unsafe_because(&self, unpushed: bool) -> Vec<String> {
        let mut why: Vec<String> = self.under_way.map(str::to_owned).into_iter().collect();
        if !self.changed.is_empty() {
            let files = counted(self.changed.len(), "file is", "files are");
            let named = named(&self.changed);
            why.push(format!("{files} not committed: {named}"));
        }
        match &self.pushed {
            _ if unpushed => {}
            Pushed::All => {}
            Pushed::Not { commits, branches } => {
                let commits = match *commits {
                    look::MOST_COMMITS => format!("{} commits or more are", look::MOST_COMMITS),
                    commits => counted(commits, "commit is", "commits are"),
                };
                why.push(format!("{commits} not pushed: {}", named(branches)));
            }
            Pushed::Nowhere if self.head.is_some() => {
                why.push("nothing is pushed: it has no remote".to_owned());
            }
            Pushed::Unknown if self.head.is_some() => why.push(
                "nobody can tell what is pushed: nothing that is fetched from its remote is noted in refs/remotes, \
                 as in a bare clone; that begins with: git config remote.origin.fetch \
                 '+refs/heads/*:refs/remotes/origin/*', and then: git fetch"
                    .to_owned(),
            ),
            Pushed::Nowhere | Pushed::Unknown => {}
        }
        if self.stashes > 0 && !unpushed {
            let stashes = counted(self.stashes, "stash is", "stashes are");
            why.push(format!(
                "{stashes} on this machine alone: see `git stash list`"
            ));
        }
        why
    }

    /// The same at the end of a phase, where what has nowhere to be pushed to need not be, nor what nobody
    /// could tell of when it was. What was put aside may lie there for longer than a phase.
    pub fn half_done(&self) -> Vec<String> {
        let here = Self {
            stashes: 0,
            ..self.clone()
        };
        here.unsafe_because(matches!(self.pushed, Pushed::Nowhere | Pushed::Unknown))
    }

    /// Where it is, for people.
    pub fn at(&self) -> String {
        let commit = self
            .head
            .as_deref()
            .map(|head| head.get(..12).unwrap_or(head));
        match (commit, &self.branch) {
            (Some(commit), Some(branch)) => format!("{commit} on {branch}"),
            (Some(commit), None) => format!("{commit}, on no branch"),
            (None, _) => "before its first commit".to_owned(),
        }
    }
}

/// What is under way in this git directory.
fn under_way(git: &Path) -> Option<&'static str> {
    let is_there = |(file, _): &&(&str, &str)| git.join(file).symlink_metadata().is_ok();
    UNDER_WAY.iter().find(is_there).map(|(_, what)| *what)
}

fn counted(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {more}"),
    }
}

fn named(all: &[String]) -> String {
    let named = all.get(..NAMED).unwrap_or(all).join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_not_safe_is_said_with_what_it_is() {
        let head = Some("0123456789abcdef".to_owned());
        let clean = Checkout {
            head: head.clone(),
            branch: Some("main".into()),
            ..Checkout::default()
        };
        assert_eq!(clean.unsafe_because(false), names(&[]));
        assert_eq!(clean.at(), "0123456789ab on main");
        let dirty = Checkout {
            under_way: Some("a merge is under way"),
            changed: names(&["a", "b", "c", "d"]),
            pushed: Pushed::Not {
                commits: 1,
                branches: names(&["main"]),
            },
            branch: None,
            stashes: 2,
            ..clean.clone()
        };
        let (merge, files, commit, stashes) = (
            "a merge is under way",
            "4 files are not committed: a, b, c and 1 more",
            "1 commit is not pushed: main",
            "2 stashes are on this machine alone: see `git stash list`",
        );
        let all = names(&[merge, files, commit, stashes]);
        assert_eq!(dirty.unsafe_because(false), all);
        assert_eq!(dirty.unsafe_because(true), names(&[merge, files]));
        assert_eq!(dirty.half_done(), names(&[merge, files, commit]));
        assert_eq!(dirty.at(), "0123456789ab, on no branch");
        let here = Checkout {
            pushed: Pushed::Nowhere,
            ..clean.clone()
        };
        let nowhere = "nothing is pushed: it has no remote";
        assert_eq!(here.unsafe_because(false), names(&[nowhere]));
        let many = Checkout {
            pushed: Pushed::Not {
                commits: look::MOST_COMMITS,
                branches: names(&["a", "b"]),
            },
            ..clean
        };
        let thousand = "1000 commits or more are not pushed: a, b";
        assert_eq!(many.unsafe_because(false), names(&[thousand]));
        let empty = Checkout {
            pushed: Pushed::Nowhere,
            ..Checkout::default()
        };
        assert_eq!(empty.unsafe_because(false), names(&[]));
        assert_eq!(empty.at(), "before its first commit");
    }
}
