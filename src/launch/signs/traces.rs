//! What a worker leaves in files, by their times.
//!
//! Promise: a file system that does not answer holds nobody up, and a worker that is an enemy leads nobody
//! anywhere. All that lies there is the worker's: a link, a pipe, a device. So mostly times are asked for,
//! which opens nothing. What is read, a `.git` that says where the directory is and the end of a log, is no
//! link, is opened without waiting, has to be a plain file, and is read no further than so far. What can be
//! found that way is the time of some file or line, which is as good a sign as the worker could have made by
//! itself.
//!
//! How: each commit, checkout, merge and rebase adds a line to `logs/HEAD` in the git directory of the
//! worktree it was made in (gitrepository-layout(5)). Who only resets and checks out what is there comes to
//! nothing, so the last line counts that made a commit. Its time is that of the file, as long as none
//! came after it: the other one is what the program says. Where no such log is kept, `HEAD` has the time
//! of the last change of branch.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::super::context::Context;
use crate::{agent::signs::Trace, model::WorkerName};

/// No path is longer (limits.h), and there is a word before it.
const LONGEST: u64 = 4096 + 16;

/// Of a log, the bytes at its end that are read: some hundred lines.
const TAIL: u64 = 64 * 1024;

/// When something was last added to the history of this worktree.
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
    let log = git.join("logs/HEAD");
    match changed(&log) {
        Trace::Absent => changed(&git.join("HEAD")),
        Trace::At(written) => last_commit(&log, written).unwrap_or_default(),
        Trace::Unseen => Trace::Unseen,
    }
}

/// When the last commit was made of which this log tells, that was `written` then.
fn last_commit(log: &Path, written: Timestamp) -> Option<Trace> {
    let mut file = plain(log)?;
    let length = file.metadata().ok()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // A line that was cut is none of them.
    let lines: Vec<_> = text.lines().filter_map(entry).collect();
    let commits = |(_, what): &(Timestamp, &str)| makes_commit(what);
    let seen = match (lines.iter().rposition(commits), lines.first()) {
        // It is a log of another kind.
        (None, None) => Trace::At(written),
        (Some(at), _) if at + 1 == lines.len() => Trace::At(written),
        (Some(at), _) => Trace::At(lines[at].0),
        // Nothing was added since the worktree was made.
        (None, Some((made, _))) if from == 0 => Trace::At(*made),
        (None, Some(_)) => Trace::Unseen,
    };
    Some(seen)
}

/// When a line of a log was written, and what was done: "old new name <mail> seconds zone<tab>what".
fn entry(line: &str) -> Option<(Timestamp, &str)> {
    let (who, what) = line.split_once('\t')?;
    let (_, when) = who.rsplit_once("> ")?;
    let (seconds, _) = when.split_once(' ')?;
    let at = Timestamp::from_second(seconds.parse().ok()?).ok()?;
    Some((at, what))
}

/// Whether what was done made a commit: "rebase (pick): words", and not "reset: moving to HEAD".
fn makes_commit(what: &str) -> bool {
    let (action, _) = what.split_once(':').unwrap_or((what, ""));
    let (verb, how) = action.split_once(' ').unwrap_or((action, ""));
    let moves = ["(start)", "(finish)", "(abort)", "(fast-forward)"];
    let moves = moves.iter().any(|word| how.ends_with(word)) || what.ends_with(": Fast-forward");
    let makes = ["commit", "merge", "rebase", "cherry-pick", "revert", "am"];
    makes.contains(&verb) && !moves
}

/// A file that may be read without waiting and that is where it seems to be.
fn plain(path: &Path) -> Option<File> {
    let mut open = File::options();
    let open = open.read(true).custom_flags(O_NONBLOCK | O_NOFOLLOW);
    let file = open.open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

/// Where git keeps what is of this worktree alone.
fn git_directory(worktree: &Path) -> Option<PathBuf> {
    let git = worktree.join(".git");
    if fs::metadata(&git).ok()?.is_dir() {
        return Some(git);
    }
    let mut text = String::new();
    plain(&git)?.take(LONGEST).read_to_string(&mut text).ok()?;
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
    fn what_makes_no_commit_is_none() {
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("tree");
        let log = tree.join(".git/logs/HEAD");
        let with = |lines: &[(u64, &str)], age: u64| {
            let written = aged(&log, age);
            let line = |(at, what): &(u64, &str)| {
                let (old, new) = ("a".repeat(40), "b".repeat(40));
                format!("{old} {new} A Gent <a@b> {at} +0100\t{what}\n")
            };
            fs::write(&log, lines.iter().map(line).collect::<String>()).unwrap();
            let file = File::options().append(true).open(&log).unwrap();
            file.set_modified(SystemTime::from(written)).unwrap();
            (history(&tree), written)
        };
        let at = |second| Trace::At(Timestamp::from_second(second).unwrap());
        let commit = (1_600_000_000, "commit: x\ty");
        for what in [
            "commit: y",
            "commit (amend): y",
            "merge b: y",
            "cherry-pick: y",
            "revert: y",
        ] {
            let (seen, written) = with(&[commit, (1_600_000_100, what)], 30);
            assert_eq!(seen, Trace::At(written), "{what}");
        }
        for what in [
            "reset: moving to HEAD",
            "checkout: moving from a to b",
            "pull: Fast-forward",
            "merge origin/main: Fast-forward",
            "rebase (start): checkout main",
        ] {
            let (seen, _) = with(&[commit, (1_600_000_100, what)], 30);
            assert_eq!(seen, at(1_600_000_000), "{what}");
        }
        // A rebase ends with a line that makes none; those of its picks do.
        let rebase = [
            commit,
            (1_600_000_200, "rebase (pick): y"),
            (
                1_600_000_200,
                "rebase (finish): returning to refs/heads/main",
            ),
        ];
        assert_eq!(with(&rebase, 30).0, at(1_600_000_200));
        // So much else was done since that nobody sees the last one.
        let reset = (1_600_000_100, "reset: moving to HEAD");
        let mut long = vec![commit];
        long.extend([reset; 1000]);
        assert_eq!(with(&long, 30).0, Trace::Unseen);
        let made = (1_600_000_000, "clone: from /srv/origin.git");
        assert_eq!(with(&[made, reset], 30).0, at(1_600_000_000));
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
