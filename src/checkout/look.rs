//! What git is asked.
//!
//! Promise: git is run as the worker's user or, where none is said, as whom the checkout belongs to, who
//! could have put a command into its configuration; with nothing of our environment but the search path and
//! a home; and no longer than [`WITHIN`] for each question.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use nix::unistd::geteuid;
use tokio::{process::Command, runtime};

use super::{Checkout, DETACHED, Pushed, mounted_at, under_way};
use crate::{
    causes::{in_one_line, in_words},
    decide::is_away,
    launch::{as_user::AsUser, whose},
};

/// For git to answer one question.
const WITHIN: Duration = Duration::from_secs(20);
/// What git says of a directory that is none of its own.
const NO_CHECKOUT: &str = "fatal: not a git repository";
/// In the git directory of a worktree that is one of several (gitrepository-layout(5)).
const COMMON: &str = "commondir";
/// Commits on no remote are counted so far.
pub(super) const MOST_COMMITS: usize = 1000;

/// Why nothing is known of a checkout.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It is not there, or an empty directory, as before it is made.
    #[error("there is nothing in {}", path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
    },
    /// The same, and it was on a file system that is not mounted.
    #[error("there is nothing in {}: {why}", path.display())]
    Away {
        /// Which.
        path: PathBuf,
        /// On which.
        why: String,
    },
    /// Nobody can tell what it is, or whose.
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
    /// It is no checkout of git: nothing there, or above, is named as its directory is.
    #[error("{0}")]
    NoCheckout(String),
    /// Something is named so, and is no repository: as after a loss of power, or when half of it was deleted.
    #[error("git does not take {} for a repository: {why}", named.display())]
    Damaged {
        /// What.
        named: PathBuf,
        /// In git's words.
        why: String,
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

/// Looks at the checkout at this path, as this user; without one, as whoever could have put a command there.
///
/// # Errors
/// See [`LookError`].
pub async fn look(path: &Path, as_user: Option<AsUser>) -> Result<Checkout, LookError> {
    let place = |source| LookError::Place {
        path: path.to_owned(),
        source,
    };
    if is_nothing(path) {
        let path = path.to_owned();
        return Err(LookError::Nothing { path });
    }
    let as_user = match as_user {
        Some(user) => Some(user),
        None => whose::to_be_asked_as(path)
            .map_err(place)?
            .map(AsUser::number),
    };
    let us = geteuid();
    let found = path.metadata().map_err(place)?;
    if !us.is_root() && found.uid() != us.as_raw() {
        let path = path.to_owned();
        return Err(LookError::Another { path });
    }
    let git = Git {
        path,
        as_user,
        named: named_as_gits(path),
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
    let is_one_of_several = Path::new(directory).join(COMMON).symlink_metadata().is_ok();
    checkout.pushed = match git.asked(&["remote"]).await?.is_empty() {
        true => Pushed::Nowhere,
        false if !notes_remotes(&git.asked(&["config", "--list", "-z"]).await?) => Pushed::Unknown,
        false => git.unpushed(&checkout, is_one_of_several).await?,
    };
    let stashes = git.asked(&["stash", "list", "--format=%gs"]).await?;
    let of = is_one_of_several.then_some(checkout.branch.as_deref());
    checkout.stashes = count_stashes(&stashes, of);
    checkout.under_way = under_way(Path::new(directory));
    Ok(checkout)
}

/// The same of one that was last seen on the file system that is mounted at `was_on`, where that is known. One
/// of which nothing is there while that is not mounted is away, and was not simply never made.
///
/// # Errors
/// See [`LookError`].
pub async fn look_for(
    path: &Path,
    was_on: Option<&Path>,
    as_user: Option<AsUser>,
) -> Result<Checkout, LookError> {
    let seen = look(path, as_user).await;
    let (Err(LookError::Nothing { .. }), Some(was_on)) = (&seen, was_on) else {
        return seen;
    };
    let there = mounted_at(was_on).map_err(|source| LookError::Place {
        path: was_on.to_owned(),
        source,
    })?;
    match is_away(was_on, there.as_ref()) {
        None => seen,
        Some(why) => Err(LookError::Away {
            path: path.to_owned(),
            why,
        }),
    }
}

/// Looks at the checkout at this path, for somebody else: says on standard output what is half-done in it,
/// or why nobody can tell. Where there is no checkout, there is nothing half-done; of a damaged one nobody can tell.
pub fn main(path: &Path, was_on: Option<&Path>, as_user: Option<AsUser>) -> ExitCode {
    let said = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| {
            let seen = match runtime.block_on(look_for(path, was_on, as_user)) {
                Ok(checkout) => Ok(checkout.half_done()),
                Err(LookError::Nothing { .. } | LookError::NoCheckout(_)) => Ok(Vec::new()),
                Err(error) => Err(in_one_line(&error)),
            };
            io::stdout().write_all(&serde_json::to_vec(&seen)?)
        });
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is gone, nobody is there to be told.
            drop(writeln!(io::stderr(), "{}", in_words(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Whether there is nothing, as before a worktree is made.
fn is_nothing(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        // A link that leads nowhere is something.
        Err(_) => path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound),
    }
}

/// What has the name of git's own directory: here, or above on the same file system, as far as git looks for it.
fn named_as_gits(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let on = path.metadata().ok()?.dev();
    path.ancestors()
        .take_while(|place| place.metadata().is_ok_and(|found| found.dev() == on))
        .map(|place| place.join(".git"))
        .find(|named| named.symlink_metadata().is_ok())
}

/// git in one checkout.
struct Git<'a> {
    path: &'a Path,
    as_user: Option<AsUser>,
    named: Option<PathBuf>,
}

impl Git<'_> {
    /// Commits that no remote is known to have.
    async fn unpushed(&self, of: &Checkout, of_head_alone: bool) -> Result<Pushed, LookError> {
        let most = format!("--max-count={MOST_COMMITS}");
        let mut words = vec!["log", "--format=%S", &most];
        // Before the first commit git knows no HEAD.
        match (of.head.is_some(), of_head_alone) {
            (false, true) => return Ok(Pushed::All),
            (true, true) => words.push("HEAD"),
            (false, false) => words.push("--branches"),
            (true, false) => words.extend(["--branches", "HEAD"]),
        }
        words.extend(["--not", "--remotes"]);
        let head = of.branch.as_deref().unwrap_or(DETACHED);
        Ok(read_unpushed(&self.asked(&words).await?, head))
    }

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
        // Where that is damaged, git would go on to look above, and answer for another checkout.
        let place = self.named.as_deref().and_then(Path::parent);
        let above = place.and_then(Path::parent);
        command.envs(above.map(|above| ("GIT_CEILING_DIRECTORIES", above)));
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
            return Err(match said {
                "" => LookError::Refused(format!("git {}: {}", words.join(" "), done.status)),
                said if said.starts_with(NO_CHECKOUT) => self.unknown(said),
                said => LookError::Refused(said.to_owned()),
            });
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// git knows of no repository there.
    fn unknown(&self, said: &str) -> LookError {
        let why = said.to_owned();
        match self.named.clone() {
            Some(named) => LookError::Damaged { named, why },
            None => LookError::NoCheckout(why),
        }
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

/// `git config --list -z`: whether what is fetched of a remote is noted.
fn notes_remotes(text: &str) -> bool {
    let mut values = text
        .split_terminator('\0')
        .filter_map(|one| one.split_once('\n'));
    values.any(|(name, value)| {
        name.starts_with("remote.") && name.ends_with(".fetch") && value.contains(":refs/remotes/")
    })
}

/// A line for each commit, with the branch that leads to it; what is checked out is called `head`.
fn read_unpushed(text: &str, head: &str) -> Pushed {
    let mut branches: Vec<String> = Vec::new();
    for branch in text.lines() {
        let branch = match branch {
            "HEAD" => head,
            branch => branch.strip_prefix("refs/heads/").unwrap_or(branch),
        };
        if !branches.iter().any(|known| known == branch) {
            branches.push(branch.to_owned());
        }
    }
    match text.lines().count() {
        0 => Pushed::All,
        commits => Pushed::Not { commits, branches },
    }
}

/// A line for each stash, as `git stash` words it; all worktrees of a repository have them in common. Of one
/// of several its own branch is said, or that it has none.
fn count_stashes(text: &str, of: Option<Option<&str>>) -> usize {
    let Some(branch) = of else {
        return text.lines().count();
    };
    let on = format!("n {}: ", branch.unwrap_or("(no branch)"));
    let is_own = |line: &&str| {
        let rest = line.strip_prefix("WIP o").or(line.strip_prefix('O'));
        rest.is_some_and(|rest| rest.starts_with(&on))
    };
    text.lines().filter(is_own).count()
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
        assert_eq!(read_unpushed("", "main"), Pushed::All);
        let read = |head| read_unpushed("main\nrefs/heads/b/c\nmain\nHEAD\n", head);
        for (head, branches) in [
            ("main", &["main", "b/c"][..]),
            (DETACHED, &["main", "b/c", DETACHED]),
        ] {
            let branches = branches.iter().map(|name| (*name).to_owned()).collect();
            let some = Pushed::Not {
                commits: 4,
                branches,
            };
            assert_eq!(read(head), some);
        }
    }

    /// A repository with a commit that is pushed to another, which is its remote.
    fn pushed() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        git(&home, &["init", "--quiet", "-b", "main", "seed"]);
        git(
            &home,
            &[
                "-C",
                "seed",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "begin",
            ],
        );
        git(&home, &["clone", "--quiet", "--bare", "seed", "far.git"]);
        home
    }

    fn git(home: &tempfile::TempDir, words: &[&str]) {
        let mut command = std::process::Command::new("git");
        let identity = ["-c", "user.name=Loop", "-c", "user.email=loop@localhost"];
        command.args(identity).args(words).current_dir(home.path());
        assert!(command.status().unwrap().success(), "git {words:?}");
    }

    async fn pushed_of(home: &tempfile::TempDir, name: &str) -> Pushed {
        look(&home.path().join(name), None).await.unwrap().pushed
    }

    fn not(branches: &[&str]) -> Pushed {
        let branches = branches.iter().map(|name| (*name).to_owned()).collect();
        Pushed::Not {
            commits: 1,
            branches,
        }
    }

    #[tokio::test]
    async fn what_is_damaged_is_not_taken_for_no_checkout() {
        let home = tempfile::tempdir().unwrap();
        git(&home, &["init", "--quiet", "outer"]);
        // With another one around it, which git would answer for, and alone.
        for place in ["alone", "outer/inner"] {
            let path = home.path().join(place);
            for damage in ["HEAD is empty", "HEAD is gone", "all is gone"] {
                git(&home, &["init", "--quiet", place]);
                fs::create_dir_all(path.join("below")).unwrap();
                match damage {
                    "HEAD is empty" => fs::write(path.join(".git/HEAD"), "").unwrap(),
                    "HEAD is gone" => fs::remove_file(path.join(".git/HEAD")).unwrap(),
                    _ => {
                        fs::remove_dir_all(path.join(".git")).unwrap();
                        fs::create_dir(path.join(".git")).unwrap();
                    }
                }
                fs::write(path.join("below/new"), "half of it").unwrap();
                for at in [path.clone(), path.join("below")] {
                    let why = look(&at, None).await.unwrap_err().to_string();
                    let own = path.canonicalize().unwrap().join(".git");
                    let wanted = format!(
                        "git does not take {} for a repository: fatal: not a git repository",
                        own.display()
                    );
                    assert!(why.starts_with(&wanted), "{place}, {damage}: {why}");
                }
                fs::remove_dir_all(&path).unwrap();
            }
        }
        let plain = home.path().join("plain");
        fs::create_dir(&plain).unwrap();
        fs::write(plain.join("new"), "").unwrap();
        let seen = look(&plain, None).await;
        assert!(matches!(seen, Err(LookError::NoCheckout(_))), "{seen:?}");
    }

    #[tokio::test]
    async fn one_of_several_worktrees_answers_for_its_own_branch_alone() {
        let home = pushed();
        git(&home, &["clone", "--quiet", "far.git", "repo"]);
        git(
            &home,
            &[
                "-C", "repo", "worktree", "add", "--quiet", "-b", "own", "../work",
            ],
        );
        git(
            &home,
            &[
                "-C",
                "repo",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "theirs",
            ],
        );
        assert_eq!(pushed_of(&home, "work").await, Pushed::All);
        assert_eq!(pushed_of(&home, "repo").await, not(&["main"]));
        git(
            &home,
            &[
                "-C",
                "work",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "own",
            ],
        );
        assert_eq!(pushed_of(&home, "work").await, not(&["own"]));
        git(&home, &["-C", "work", "checkout", "--quiet", "--detach"]);
        assert_eq!(pushed_of(&home, "work").await, not(&[DETACHED]));
    }

    #[tokio::test]
    async fn what_was_put_aside_counts_where_it_was() {
        let home = pushed();
        git(&home, &["clone", "--quiet", "far.git", "repo"]);
        let add = ["worktree", "add", "--quiet", "-b", "own", "../work"];
        git(&home, &[&["-C", "repo"], &add[..]].concat());
        let puts_aside = |place: &str, words: &[&str]| {
            fs::write(home.path().join(place).join("new"), "half of it").unwrap();
            let stash = ["-C", place, "stash", "push", "--quiet", "-u"];
            git(&home, &[&stash[..], words].concat());
        };
        puts_aside("repo", &[]);
        let stashes = async |place: &str| {
            let seen = look(&home.path().join(place), None).await.unwrap();
            assert_eq!(seen.half_done(), [""; 0]);
            seen.stashes
        };
        assert_eq!((stashes("repo").await, stashes("work").await), (1, 0));
        puts_aside("work", &[]);
        puts_aside("work", &["-m", "said: so"]);
        git(&home, &["-C", "work", "checkout", "--quiet", "--detach"]);
        assert_eq!((stashes("repo").await, stashes("work").await), (3, 0));
        puts_aside("work", &[]);
        assert_eq!(stashes("work").await, 1);
        git(&home, &["-C", "work", "checkout", "--quiet", "own"]);
        assert_eq!(stashes("work").await, 2);
    }

    #[tokio::test]
    async fn where_nothing_of_a_remote_is_noted_nobody_can_tell_what_is_pushed() {
        let home = pushed();
        git(
            &home,
            &["clone", "--quiet", "--bare", "far.git", "repo.git"],
        );
        git(
            &home,
            &[
                "-C", "repo.git", "worktree", "add", "--quiet", "-b", "own", "../work",
            ],
        );
        let seen = look(&home.path().join("work"), None).await.unwrap();
        assert_eq!(seen.pushed, Pushed::Unknown);
        assert_eq!(seen.half_done(), [""; 0]);
        let why = seen.unsafe_because(false).concat();
        assert!(why.starts_with("nobody can tell what is pushed: "), "{why}");
        // As it says.
        let noted = "+refs/heads/*:refs/remotes/origin/*";
        git(
            &home,
            &["-C", "work", "config", "remote.origin.fetch", noted],
        );
        git(&home, &["-C", "work", "fetch", "--quiet"]);
        assert_eq!(pushed_of(&home, "work").await, Pushed::All);
    }
}
