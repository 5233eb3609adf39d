//! One more worktree of a repository on this machine (git-worktree(1)).
//!
//! The branch is the repository's: one that it has is checked out, one that it has of a remote alone is made
//! from there, and another one begins where the repository is.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{about, beside::Beside, git::Git, git::text};
use crate::config::Origin;

/// Commits that git is asked of at once.
const AT_ONCE: usize = 1000;

/// Makes one and moves it to its place, where there is nothing or an empty directory.
pub(super) fn add(
    beside: &Beside,
    path: &Path,
    origin: &Origin,
    git: &Git<'_>,
) -> Result<(), String> {
    let repo = Path::new(&origin.repo);
    let new = beside.place();
    // One paragraph for each, of which the first line has the path.
    let known = git.run(repo, &["worktree", "list", "--porcelain"])?;
    let known_at = |path: &str| {
        let first = format!("worktree {path}");
        let mut all = known.split("\n\n");
        all.find(|one| one.lines().next() == Some(&first))
    };
    // What a try that was killed had told the repository of.
    if known_at(text(&new)?).is_some() {
        git.run(
            repo,
            &[
                "worktree",
                "remove",
                "--force",
                "--force",
                "--",
                text(&new)?,
            ],
        )?;
    }
    let gone = known_at(text(path)?);
    if let Some(what) = gone
        .map(|gone| only_there(gone, path, repo, git))
        .transpose()?
        .flatten()
    {
        return Err(format!(
            "{0} is gone, and {1} still knows of it, with {what}; if it is on a file system that is not mounted, \
             mount that; if it is not needed: git -C {1} worktree remove --force {0}",
            path.display(),
            repo.display()
        ));
    }
    // git moves it into a directory that is there. It may be where something is to be mounted, so it goes
    // only now.
    if path.symlink_metadata().is_ok() {
        fs::remove_dir(path).map_err(|error| about(path, &error))?;
    }
    if gone.is_some() {
        // Nobody has said that it will come back (git worktree lock), or git refuses.
        git.run(repo, &["worktree", "remove", "--force", "--", text(path)?])?;
    }
    let mut words = vec!["worktree", "add"];
    match &origin.branch {
        Some(branch) if is_there(branch, repo, git)? => {
            words.extend(["--", text(&new)?, branch.as_str()])
        }
        Some(branch) => words.extend(["-b", branch.as_str(), "--", text(&new)?]),
        None => words.extend(["--", text(&new)?]),
    }
    git.run(repo, &words)?;
    beside.sync()?;
    let moved = git.run(repo, &["worktree", "move", "--", text(&new)?, text(path)?]);
    moved.map(drop)
}

/// What would be lost with what the repository knows of a worktree that is gone.
fn only_there(
    gone: &str,
    path: &Path,
    repo: &Path,
    git: &Git<'_>,
) -> Result<Option<&'static str>, String> {
    if gone.lines().any(|line| line == "detached") {
        return Ok(Some("commits that may be on no branch"));
    }
    let Some(own) = directory_of(path, repo, git)? else {
        return Ok(Some("what nobody can tell"));
    };
    let of_it = format!("--git-dir={}", text(&own)?);
    let staged = [&of_it, "diff-index", "--cached", "--quiet", "HEAD", "--"];
    // Before the first commit there is no HEAD to be compared with.
    if own.join("index").exists() && git.run(repo, &staged).is_err() {
        return Ok(Some("changes that were staged and not committed"));
    }
    let log = match fs::read_to_string(own.join("logs/HEAD")) {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(about(&own, &error)),
    };
    // The commit that it came to is the second word of a line.
    let commits = log.lines().filter_map(|line| line.split(' ').nth(1));
    let commits: Vec<_> = commits.collect::<BTreeSet<_>>().into_iter().collect();
    for some in commits.chunks(AT_ONCE) {
        let mut words = vec![
            of_it.as_str(),
            "rev-list",
            "--max-count=1",
            "--ignore-missing",
        ];
        words.extend(some);
        words.extend(["--not", "--branches", "--tags", "--remotes", "--"]);
        if !git.run(repo, &words)?.is_empty() {
            return Ok(Some("commits that are on no branch"));
        }
    }
    Ok(None)
}

/// Where the repository keeps what is of this worktree alone.
fn directory_of(path: &Path, repo: &Path, git: &Git<'_>) -> Result<Option<PathBuf>, String> {
    let common = repo.join(git.run(repo, &["rev-parse", "--git-common-dir"])?);
    let (above, name) = (path.parent(), path.file_name());
    // Of the worktree itself nothing need be there.
    let is_of_it = |own: &PathBuf| {
        let link = fs::read_to_string(own.join("gitdir")).unwrap_or_default();
        let link = own.join(link.trim_end_matches('\n'));
        let place = link.parent();
        let its_above = place.and_then(|place| place.parent()?.canonicalize().ok());
        its_above.as_deref() == above && place.and_then(Path::file_name) == name
    };
    let all = fs::read_dir(common.join("worktrees")).into_iter().flatten();
    Ok(all.flatten().map(|entry| entry.path()).find(is_of_it))
}

/// Whether the repository has this branch, or one of its remotes.
fn is_there(branch: &str, repo: &Path, git: &Git<'_>) -> Result<bool, String> {
    let own = format!("refs/heads/{branch}");
    let of_remotes = format!("refs/remotes/*/{branch}");
    let found = git.run(repo, &["for-each-ref", "--count=1", &own, &of_remotes])?;
    Ok(!found.is_empty())
}
