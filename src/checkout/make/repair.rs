//! A checkout that is there is looked through: what a killed git left behind is put right, and what is not
//! as declared is said.
//!
//! A lock is taken for left behind where nothing of a worker lives in the checkout, and no git is at work
//! there: by the directory that it is in, which in a container has another name. What several worktrees have
//! in common is left alone: others may be at work on it.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::{libc::ESRCH, unistd::geteuid};

use super::{about, git::Git, git::text};
use crate::{
    checkout::under_way,
    config::{Form, Origin},
    decide::Prepared,
    launch::lease::Lease,
};

/// Locks of git's in what belongs to one worktree.
const LOCKS: [&str; 2] = ["index.lock", "HEAD.lock"];
/// And in what all of a repository have in common, beside those of its refs.
const COMMON_LOCKS: [&str; 3] = ["packed-refs.lock", "config.lock", "shallow.lock"];

pub(super) fn repair(path: &Path, origin: &Origin, git: &Git<'_>) -> Result<Prepared, String> {
    let mut done = Prepared::default();
    let lease = Lease::take_if_free(path).map_err(|error| about(path, &error))?;
    // Who works in it is told by the start.
    let Some(_lease) = lease else {
        return Ok(done);
    };
    let own = match directory(path, "--absolute-git-dir", git) {
        Ok(own) => own,
        Err(why) => {
            let own = mend_link(path, origin, &why, git)?;
            done.repaired.push(format!("its link to {}", origin.repo));
            own
        }
    };
    let common = directory(path, "--git-common-dir", git)?;
    remove_locks(path, &own, &common, &mut done)?;
    done.left.extend(under_way(&own).map(str::to_owned));
    let branch = git.ask(path, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
    match (&branch, &origin.branch) {
        (None, _) => done.left.push("no branch is checked out".into()),
        (Some(is), Some(wanted)) if is != wanted => {
            let text = format!("branch {is} is checked out, and not {wanted}");
            done.left.push(text);
        }
        (Some(_), _) => {}
    }
    match origin.form {
        Form::Clone => {
            judge_origin(path, origin, git, &mut done);
            if let Some(branch) = branch {
                mend_upstream(path, &branch, git, &mut done);
            }
        }
        Form::Linked => {
            mend_way_back(path, &own, origin, git, &mut done);
            judge_repository(path, origin, &common, git, &mut done);
        }
    }
    Ok(done)
}

/// A directory of git's that belongs to the checkout.
fn directory(path: &Path, which: &str, git: &Git<'_>) -> Result<PathBuf, String> {
    let said = git.run(path, &["rev-parse", which])?;
    let directory = path.join(said);
    directory
        .canonicalize()
        .map_err(|error| about(&directory, &error))
}

/// The two do not find each other any more: one of them was moved.
fn mend_link(path: &Path, origin: &Origin, why: &str, git: &Git<'_>) -> Result<PathBuf, String> {
    let is_link = path
        .join(".git")
        .symlink_metadata()
        .is_ok_and(|found| found.is_file());
    if origin.form != Form::Linked || !is_link {
        return Err(format!(
            "it is there, and git cannot use it ({why}); nothing of it was touched: put it right, or move it away \
             with what is in it, and another one is made"
        ));
    }
    let repo = Path::new(&origin.repo);
    let mended = git.run(repo, &["worktree", "repair", "--", text(path)?]);
    let found = mended.and_then(|_| directory(path, "--absolute-git-dir", git));
    found.map_err(|_| {
        format!(
            "{why}; git worktree repair does not mend it: once it is moved away, with what is in it, \
             another one is made"
        )
    })
}

/// It finds its repository, which takes it for gone where it does not find it in turn: it was moved, or a
/// git that moved it was killed.
fn mend_way_back(path: &Path, own: &Path, origin: &Origin, git: &Git<'_>, done: &mut Prepared) {
    let Ok(known) = fs::read_to_string(own.join("gitdir")) else {
        return;
    };
    // Relative where git was told so (worktree.useRelativePaths).
    let known = own.join(known.trim_end_matches('\n'));
    match known.canonicalize() {
        Ok(found) if found == path.join(".git") => return,
        Ok(found) => {
            let other = found.parent().unwrap_or(&found).display();
            done.mistakes.push(format!(
                "it is a copy of {other}, and both have one index: make another one for it, with git worktree \
                 add"
            ));
            return;
        }
        Err(_) => {}
    }
    match git.run(path, &["worktree", "repair"]) {
        Ok(_) => done
            .repaired
            .push(format!("the way to it from {}", origin.repo)),
        Err(why) => done
            .left
            .push(format!("{} does not find it: {why}", origin.repo)),
    }
}

fn remove_locks(path: &Path, own: &Path, common: &Path, done: &mut Prepared) -> Result<(), String> {
    let mut locks: Vec<PathBuf> = LOCKS.iter().map(|name| own.join(name)).collect();
    let mut others = fs::read_dir(common.join("worktrees")).into_iter().flatten();
    if own == common && others.next().is_none() {
        locks.extend(COMMON_LOCKS.iter().map(|name| common.join(name)));
        locks_below(&common.join("refs"), &mut locks);
    }
    // Of another user's git, it cannot be seen where that is at work.
    let is_ours = |lock: &PathBuf| {
        let found = lock.symlink_metadata();
        found.is_ok_and(|found| found.uid() == geteuid().as_raw())
    };
    locks.retain(is_ours);
    if locks.is_empty() || git_is_at_work(&[path, own]) {
        return Ok(());
    }
    let mut names = Vec::new();
    for lock in locks {
        fs::remove_file(&lock).map_err(|error| about(&lock, &error))?;
        let name = lock.strip_prefix(own).unwrap_or(&lock);
        names.push(name.display().to_string());
    }
    let names = names.join(", ");
    done.repaired.push(format!(
        "locks that git had left behind were removed: {names}"
    ));
    Ok(())
}

fn locks_below(directory: &Path, locks: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        // Without following links.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory {
            locks_below(&path, locks);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            locks.push(path);
        }
    }
}

/// Whether somebody runs git in one of these directories, or below: git goes to the top of the checkout that
/// it works on. Where one of our user does not let itself be asked, it may be there.
fn git_is_at_work(places: &[&Path]) -> bool {
    let places: Vec<_> = places
        .iter()
        .filter_map(|place| identity(place).ok())
        .collect();
    let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_git = |process: &PathBuf| {
        let name = fs::read_to_string(process.join("comm"));
        name.is_ok_and(|name| name.starts_with("git"))
    };
    let mut gits = listed.map(|entry| entry.path()).filter(is_git);
    gits.any(|process| match is_below(process.join("cwd"), &places) {
        Ok(is_there) => is_there,
        Err(error) if has_ended(&error) => false,
        // Another user's git has not made a lock of ours.
        Err(_) => user_of(&process) == Some(geteuid().as_raw()),
    })
}

/// Whether this directory is one of these, or below. Which it is says the file system, as its name is another
/// one where it is mounted elsewhere.
pub(super) fn is_below(mut directory: PathBuf, places: &[(u64, u64)]) -> io::Result<bool> {
    let mut is = identity(&directory)?;
    loop {
        if places.contains(&is) {
            return Ok(true);
        }
        directory.push("..");
        let above = identity(&directory)?;
        // The root is its own.
        if above == is {
            return Ok(false);
        }
        is = above;
    }
}

pub(super) fn identity(directory: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(directory)?;
    Ok((found.dev(), found.ino()))
}

/// It ended while it was asked, or has, and nobody has collected it.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// As whom a process acts, also one that nobody may look into; `None` when it is gone.
fn user_of(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn judge_origin(path: &Path, origin: &Origin, git: &Git<'_>, done: &mut Prepared) {
    let wanted = &origin.repo;
    let shown = path.display();
    match git.ask(path, &["config", "--get", "remote.origin.url"]) {
        Some(is) if bare(&is) == bare(wanted) || is_same_place(path, &is, wanted) => {}
        Some(is) => done.mistakes.push(format!(
            "its origin is {}, and not {wanted}; if that is meant: git -C {shown} remote set-url origin \
             {wanted}",
            without_password(&is)
        )),
        None => done.mistakes.push(format!(
            "it has no origin; if {wanted} is meant: git -C {shown} remote add origin {wanted}"
        )),
    }
}

fn judge_repository(
    path: &Path,
    origin: &Origin,
    common: &Path,
    git: &Git<'_>,
    done: &mut Prepared,
) {
    match directory(Path::new(&origin.repo), "--git-common-dir", git) {
        Ok(wanted) if wanted == common => {}
        Ok(_) => done.mistakes.push(format!(
            "{} is a worktree of {}, and not of {}",
            path.display(),
            common.display(),
            origin.repo
        )),
        Err(why) => done.mistakes.push(format!("{}: {why}", origin.repo)),
    }
}

/// A branch that follows nobody, though its origin is known to have one of this name.
fn mend_upstream(path: &Path, branch: &str, git: &Git<'_>, done: &mut Prepared) {
    let follows = git.ask(
        path,
        &["config", "--get", &format!("branch.{branch}.merge")],
    );
    let there = format!("refs/remotes/origin/{branch}");
    let is_there = git.run(path, &["show-ref", "--verify", "--quiet", &there]);
    if follows.is_some() || is_there.is_err() {
        return;
    }
    let upstream = format!("--set-upstream-to=origin/{branch}");
    match git.run(path, &["branch", "--quiet", &upstream, branch]) {
        Ok(_) => done
            .repaired
            .push(format!("branch {branch} follows origin/{branch}")),
        Err(why) => done
            .left
            .push(format!("branch {branch} follows nobody: {why}")),
    }
}

/// Two paths to one repository that is here.
fn is_same_place(checkout: &Path, is: &str, wanted: &str) -> bool {
    let place = |repo: &str| {
        let path = repo.strip_prefix("file://").unwrap_or(repo);
        identity(&checkout.join(path)).ok()
    };
    place(is).is_some_and(|is| place(wanted) == Some(is))
}

/// The same repository can be written with an ending and without.
fn bare(repo: &str) -> &str {
    let repo = repo.trim_end_matches('/');
    repo.strip_suffix(".git")
        .unwrap_or(repo)
        .trim_end_matches('/')
}

fn without_password(repo: &str) -> String {
    let parts = repo.split_once("://");
    let place = parts.and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)));
    match place {
        Some((scheme, (user, rest))) if user.contains(':') && !user.contains('/') => {
            format!("{scheme}://…@{rest}")
        }
        _ => repo.to_owned(),
    }
}
