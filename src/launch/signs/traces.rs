//! What a worker leaves in files, by their times.
//!
//! Promise: a file system that does not answer holds nobody up, and a worker that is an enemy leads nobody
//! anywhere. All that lies there is the worker's: a link, a pipe, a device. So only times are asked for,
//! which opens nothing. The one file that is read, a `.git` that says where the directory is, is no link,
//! is opened without waiting, has to be a plain file, and is read no further than a path is long. What
//! can be found that way is the time of some file, which is as good a sign as the worker could have made
//! by itself.
//!
//! How: each commit, checkout, merge and rebase adds a line to `logs/HEAD` in the git directory of the
//! worktree it was made in (gitrepository-layout(5)). Where no such log is kept, `HEAD` has the time of
//! the last change of branch.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::super::context::Context;
use crate::{agent::signs::Trace, model::WorkerName};

/// No path is longer (limits.h), and there is a word before it.
const LONGEST: u64 = 4096 + 16;

/// When the history of this worktree was last written.
pub(super) async fn committed(
    context: &Context,
    worker: &WorkerName,
    worktree: Option<&Path>,
) -> Trace {
    let Some(worktree) = worktree.map(Path::to_owned) else {
        return Trace::Unseen;
    };
    let subject = format!("the worktree of {worker}");
    let look = context.looks.glance(&subject, move |at| {
        at.comes_to(&worktree);
        history(&worktree)
    });
    look.await.unwrap_or_default()
}

/// When this file was last touched.
pub(super) async fn touched(context: &Context, worker: &WorkerName, file: Option<&Path>) -> Trace {
    let Some(file) = file.map(Path::to_owned) else {
        return Trace::Unseen;
    };
    let subject = format!("the heartbeat of {worker}");
    let look = context.looks.glance(&subject, move |at| {
        at.comes_to(&file);
        changed(&file)
    });
    look.await.unwrap_or_default()
}

fn history(worktree: &Path) -> Trace {
    let Some(git) = git_directory(worktree) else {
        return Trace::Unseen;
    };
    match changed(&git.join("logs/HEAD")) {
        Trace::Absent => changed(&git.join("HEAD")),
        seen @ (Trace::At(_) | Trace::Unseen) => seen,
    }
}

/// Where git keeps what is of this worktree alone.
fn git_directory(worktree: &Path) -> Option<PathBuf> {
    let git = worktree.join(".git");
    if fs::metadata(&git).ok()?.is_dir() {
        return Some(git);
    }
    let mut open = File::options();
    let open = open.read(true).custom_flags(O_NONBLOCK | O_NOFOLLOW);
    let file = open.open(&git).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let path = text.strip_prefix("gitdir: ")?.trim_end_matches('\n');
    Some(worktree.join(path))
}

/// Nothing is opened for it.
fn changed(file: &Path) -> Trace {
    match fs::metadata(file).and_then(|file| file.modified()) {
        Ok(time) => Timestamp::try_from(time).map_or(Trace::Unseen, Trace::At),
        Err(error) if error.kind() == ErrorKind::NotFound => Trace::Absent,
        Err(_) => Trace::Unseen,
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, time::SystemTime};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    /// Makes a file of this age in seconds.
    fn aged(path: &Path, age: u64) -> Timestamp {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::create(path).unwrap();
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 - age);
        file.set_modified(time).unwrap();
        Timestamp::try_from(time).unwrap()
    }

    #[test]
    fn a_history_is_found_where_git_keeps_it() {
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("tree");
        let head = aged(&tree.join(".git/HEAD"), 60);
        assert_eq!(history(&tree), Trace::At(head), "without a log");
        let log = aged(&tree.join(".git/logs/HEAD"), 30);
        assert_eq!(history(&tree), Trace::At(log));

        let linked = home.path().join("linked");
        let log = aged(&tree.join(".git/worktrees/linked/logs/HEAD"), 10);
        fs::create_dir(&linked).unwrap();
        for way in [
            "../tree/.git/worktrees/linked".into(),
            tree.join(".git/worktrees/linked"),
        ] {
            fs::write(linked.join(".git"), format!("gitdir: {}\n", way.display())).unwrap();
            assert_eq!(history(&linked), Trace::At(log), "{}", way.display());
        }
        assert_eq!(history(home.path()), Trace::Unseen);
    }

    #[test]
    fn what_an_enemy_puts_there_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let git = home.path().join(".git");
        // Whoever opens it to read waits for somebody who writes.
        mkfifo(&git, Mode::S_IRWXU).unwrap();
        assert_eq!(history(home.path()), Trace::Unseen);
        fs::remove_file(&git).unwrap();
        let log = aged(&home.path().join("elsewhere/logs/HEAD"), 10);
        let pointer = home.path().join("pointer");
        fs::write(&pointer, "gitdir: elsewhere\n").unwrap();
        symlink(&pointer, &git).unwrap();
        assert_eq!(
            history(home.path()),
            Trace::Unseen,
            "a link to a file was read"
        );
        fs::remove_file(&git).unwrap();
        symlink("/dev/zero", &git).unwrap();
        assert_eq!(history(home.path()), Trace::Unseen);
        fs::remove_file(&git).unwrap();
        fs::rename(&pointer, &git).unwrap();
        assert_eq!(
            history(home.path()),
            Trace::At(log),
            "and this would have been found"
        );
    }
}
