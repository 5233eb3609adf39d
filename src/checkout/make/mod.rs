//! A worktree is made, or what git left behind in one is put right, before somebody works in it.
//!
//! # Promise
//!
//! No work is lost. Nothing is reset, cleaned or checked out over what is there; nothing that has content is
//! removed but a lock of git's that nobody holds, and what an earlier try left in a place of its own. A
//! worktree appears whole or not at all, whenever this is killed or the machine loses its power. It is done as the worker's user, and root
//! does nothing in what belongs to somebody else, who could have put a command there.
//!
//! # How
//!
//! Whoever is to do it is a process of its own (`loopkeeperd git-make`), which becomes the user first, and
//! is told what is wanted on its standard input. One that is not there is made in a directory beside it
//! (`beside`) and moved to its place; one that is there is looked through (`repair`). One that is gone, and was
//! on a file system that is not mounted now, is waited for.

mod beside;
mod git;
mod linked;
mod repair;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use self::{beside::Beside, git::Git};
use super::mounted_at;
use crate::{
    causes::in_words,
    config::{Form, Origin, Worker},
    decide::{Prepared, away},
    host::mounts::Mount,
    launch::whose,
};

/// A worktree as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Where, absolute.
    pub path: PathBuf,
    /// From where.
    pub origin: Origin,
    /// Where that was mounted on which it was last seen.
    pub was_on: Option<PathBuf>,
    /// Of the worker: git finds its way to other machines by it.
    pub environment: BTreeMap<String, String>,
}

impl Wanted {
    /// That of a worker, if it is made.
    pub fn of(worker: &Worker, was_on: Option<PathBuf>) -> Option<Self> {
        let (path, origin) = worker.worktree.clone().zip(worker.origin.clone())?;
        Some(Self {
            path,
            origin,
            was_on,
            environment: worker.environment.clone(),
        })
    }
}

/// What is where a worktree is to be.
enum Found {
    Nothing,
    Empty,
    Checkout,
}

/// Reads on standard input what is wanted, does it, and says on standard output what that was.
pub fn main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is gone, nobody is there to be told.
            drop(writeln!(io::stderr(), "{}", in_words(&error)));
            ExitCode::FAILURE
        }
    }
}

fn answer() -> io::Result<()> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    let wanted: Wanted = serde_json::from_slice(&text)?;
    let done = serde_json::to_vec(&prepare(&wanted))?;
    io::stdout().write_all(&done)
}

/// Makes the worktree, or puts right what is there.
///
/// # Errors
/// Why it cannot be worked in, in words.
pub fn prepare(wanted: &Wanted) -> Result<Prepared, String> {
    let found = found(&wanted.path)?;
    is_ours(&wanted.path)?;
    if matches!(found, Found::Nothing | Found::Empty) {
        is_not_away(wanted)?;
    }
    let path = match found {
        Found::Nothing => place(&wanted.path)?,
        // A link to it stays a link.
        Found::Empty | Found::Checkout => real(&wanted.path)?,
    };
    let git = Git::new(&path, &wanted.environment);
    let done = match found {
        Found::Checkout => repair::repair(&path, &wanted.origin, &git)?,
        Found::Nothing | Found::Empty => {
            make(&path, &wanted.origin, &git)?;
            Prepared {
                made: true,
                ..Prepared::default()
            }
        }
    };
    Ok(Prepared {
        on: Mount::of(&path).ok().flatten().map(|mount| mount.at),
        ..done
    })
}

/// Nothing is made beneath the place of a file system that has the worktree, and is not mounted.
fn is_not_away(wanted: &Wanted) -> Result<(), String> {
    let Some(was_on) = &wanted.was_on else {
        return Ok(());
    };
    let there = mounted_at(was_on).map_err(|error| about(was_on, &error))?;
    away(&wanted.path, &wanted.origin, was_on, there.as_ref()).map_or(Ok(()), Err)
}

fn found(path: &Path) -> Result<Found, String> {
    let mut entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            return Err(format!("{} is a link that leads nowhere", path.display()));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(about(path, &error)),
    };
    if path.join(".git").symlink_metadata().is_ok() {
        return Ok(Found::Checkout);
    }
    match entries.next() {
        None => Ok(Found::Empty),
        Some(_) => Err(format!(
            "{} is not empty, and no checkout of git; nothing of it was touched",
            path.display()
        )),
    }
}

/// Where it is to be, by the name that git has for that.
fn place(path: &Path) -> Result<PathBuf, String> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(format!("{} has no name", path.display()));
    };
    fs::create_dir_all(above).map_err(|error| about(above, &error))?;
    Ok(real(above)?.join(name))
}

fn real(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| about(path, &error))
}

fn make(path: &Path, origin: &Origin, git: &Git<'_>) -> Result<(), String> {
    let beside = Beside::take(path)?;
    match origin.form {
        Form::Clone => {
            let new = beside.place();
            let mut words = vec!["clone", "--quiet", "--origin", "origin"];
            if let Some(branch) = &origin.branch {
                words.extend(["--branch", branch.as_str()]);
            }
            words.extend(["--", origin.repo.as_str(), git::text(&new)?]);
            git.run(beside.path(), &words)?;
            beside.sync()?;
            fs::rename(&new, path).map_err(|error| about(path, &error))
        }
        Form::Linked => linked::add(&beside, path, origin, git),
    }
}

/// Root does nothing in what another one could lead elsewhere.
fn is_ours(path: &Path) -> Result<(), String> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let there = path
        .ancestors()
        .find(|above| above.symlink_metadata().is_ok());
    let owner = whose::to_be_asked_as(there.unwrap_or(path));
    match owner.map_err(|error| about(path, &error))? {
        None => Ok(()),
        Some(owner) => Err(format!(
            "{} is user {owner}'s, and the worker is root's: say whose it is, systemd = {{ User = … }}",
            path.display()
        )),
    }
}

fn about(path: &Path, error: &io::Error) -> String {
    format!("{}: {}", path.display(), in_words(error))
}

#[cfg(test)]
mod tests;
