use std::{
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use super::*;

/// A repository with one commit on `main`, and a place for worktrees beside it.
struct Rig {
    home: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let rig = Self { home };
        fs::create_dir(rig.path("seed")).unwrap();
        rig.git("seed", &["init", "--quiet", "-b", "main"]);
        rig.write("seed/file", "text\n");
        rig.git("seed", &["add", "--all"]);
        rig.git("seed", &["commit", "--quiet", "-m", "begin"]);
        rig.git(".", &["clone", "--quiet", "--bare", "seed", "repo.git"]);
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// As it was made, whatever is masked here (umask(2)).
    fn keep_to_myself(&self, name: &str) {
        let only_mine = fs::Permissions::from_mode(0o700);
        fs::set_permissions(self.path(name), only_mine).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, at: &str, words: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home.path())
            .envs([
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("EMAIL", "somebody@localhost"),
            ])
            .args(["-c", "user.name=Somebody"])
            .args(words)
            .current_dir(self.path(at));
        command
    }

    fn git(&self, at: &str, words: &[&str]) -> String {
        let done = self.command(at, words).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "git {words:?}: {said}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn wanted(&self, form: Form, branch: Option<&str>) -> Wanted {
        Wanted {
            path: self.path("work"),
            origin: Origin {
                repo: self.path("repo.git").display().to_string(),
                branch: branch.map(str::to_owned),
                form,
            },
            was_on: None,
            environment: BTreeMap::from([("GIT_CONFIG_NOSYSTEM".into(), "1".into())]),
        }
    }

    fn clone(&self) -> Wanted {
        self.wanted(Form::Clone, None)
    }

    /// A git that is at work in the checkout until it is dropped.
    fn at_work(&self) -> AtWork {
        let mut command = self.command("work", &["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        AtWork(command.spawn().unwrap())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path(".")).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

struct AtWork(Child);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn made() -> Prepared {
    Prepared {
        made: true,
        ..seen()
    }
}

/// Of one that is on the same file system as all of these, and of which there is nothing else to be said.
fn seen() -> Prepared {
    let on = Mount::of(&std::env::temp_dir()).unwrap();
    Prepared {
        on: on.map(|mount| mount.at),
        ..Prepared::default()
    }
}

#[test]
fn a_clone_is_made_where_there_is_nothing_or_an_empty_directory_and_nothing_is_left_beside_it() {
    for there in [false, true] {
        let rig = Rig::new();
        if there {
            fs::create_dir(rig.path("work")).unwrap();
        }
        assert_eq!(prepare(&rig.clone()), Ok(made()));
        assert_eq!(rig.read("work/file"), "text\n");
        assert_eq!(rig.git("work", &["branch", "--show-current"]), "main");
        assert_eq!(rig.names(), ["repo.git", "seed", "work"]);
        assert_eq!(prepare(&rig.clone()), Ok(seen()), "nothing is to be done");
    }
}

#[test]
fn directories_above_are_made_and_a_link_to_an_empty_one_stays_a_link() {
    let rig = Rig::new();
    let mut wanted = rig.clone();
    wanted.path = rig.path("a/b/work");
    assert_eq!(prepare(&wanted), Ok(made()));
    assert_eq!(rig.read("a/b/work/file"), "text\n");
    fs::create_dir(rig.path("real")).unwrap();
    std::os::unix::fs::symlink("real", rig.path("work")).unwrap();
    assert_eq!(prepare(&rig.clone()), Ok(made()));
    assert!(rig.path("work").is_symlink());
    assert_eq!(rig.read("real/file"), "text\n");
    std::os::unix::fs::symlink("nowhere", rig.path("lost")).unwrap();
    wanted.path = rig.path("lost");
    assert!(prepare(&wanted).unwrap_err().ends_with("leads nowhere"));
}

#[test]
fn the_branch_that_is_wanted_is_checked_out_and_one_that_is_not_there_is_said_by_git() {
    let rig = Rig::new();
    rig.git("repo.git", &["branch", "other"]);
    assert_eq!(prepare(&rig.wanted(Form::Clone, Some("other"))), Ok(made()));
    assert_eq!(rig.git("work", &["branch", "--show-current"]), "other");
    let mut wanted = rig.wanted(Form::Clone, Some("none"));
    wanted.path = rig.path("more");
    let why = prepare(&wanted).unwrap_err();
    assert!(why.contains("Remote branch none not found"), "{why}");
    assert_eq!(rig.names(), ["repo.git", "seed", "work"], "nothing is left");
}

#[test]
fn what_a_try_that_was_killed_left_is_gone_and_two_do_not_work_at_once() {
    let rig = Rig::new();
    fs::create_dir_all(rig.path(".work.loopkeeper/work/.git")).unwrap();
    rig.keep_to_myself(".work.loopkeeper");
    rig.write(".work.loopkeeper/work/half", "");
    let other = Beside::take(&rig.path("work")).unwrap();
    let why = prepare(&rig.clone()).unwrap_err();
    assert!(why.starts_with("another process makes it"), "{why}");
    assert!(!rig.path("work").exists());
    drop(other);
    assert_eq!(prepare(&rig.clone()), Ok(made()));
    assert_eq!(rig.names(), ["repo.git", "seed", "work"]);
    assert!(!rig.path("work/half").exists());
}

#[test]
fn what_somebody_else_made_beforehand_is_not_worked_in() {
    let rig = Rig::new();
    let beside = rig.path(".work.loopkeeper");
    fs::create_dir(&beside).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o777)).unwrap();
    let why = prepare(&rig.clone()).unwrap_err();
    let begins = format!("{} is there already, and ", beside.display());
    let said = why.strip_prefix(&begins).unwrap_or_default();
    assert!(said.starts_with("others may write to it: "), "{why}");
    if geteuid().is_root() {
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::chown(&beside, Some(65534), None).unwrap();
        let why = prepare(&rig.clone()).unwrap_err();
        let said = why.strip_prefix(&begins).unwrap_or_default();
        assert!(said.starts_with("it is user 65534's: "), "{why}");
    }
    assert!(beside.exists(), "what is not ours is not removed");
    assert!(!rig.path("work").exists());
}

#[test]
fn what_is_no_checkout_and_has_content_is_not_touched() {
    let rig = Rig::new();
    fs::create_dir(rig.path("work")).unwrap();
    rig.write("work/notes", "mine");
    let why = prepare(&rig.clone()).unwrap_err();
    assert!(
        why.ends_with("is not empty, and no checkout of git; nothing of it was touched"),
        "{why}"
    );
    assert_eq!(rig.read("work/notes"), "mine");
    // Nor is a repository above it taken for the one that is meant.
    rig.git(".", &["init", "--quiet"]);
    fs::create_dir(rig.path("work/.git")).unwrap();
    let why = prepare(&rig.clone()).unwrap_err();
    assert!(why.contains("not a git repository"), "{why}");
    fs::remove_dir_all(rig.path("work")).unwrap();
    rig.write("work", "a file");
    assert!(prepare(&rig.clone()).is_err());
    assert_eq!(rig.read("work"), "a file");
}

#[test]
fn locks_are_removed_unless_git_is_at_work_there() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    let locks = [
        "index.lock",
        "HEAD.lock",
        "refs/heads/main.lock",
        "packed-refs.lock",
    ];
    for lock in locks {
        rig.write(&format!("work/.git/{lock}"), "");
    }
    let at_work = rig.at_work();
    let done = prepare(&rig.clone()).unwrap();
    assert_eq!(done.repaired, [""; 0]);
    assert_eq!(done.left, ["git is at work in it, or was killed at it"]);
    assert!(rig.path("work/.git/index.lock").exists());
    drop(at_work);
    let done = prepare(&rig.clone()).unwrap();
    let names = "index.lock, HEAD.lock, packed-refs.lock, refs/heads/main.lock";
    let text = format!("locks that git had left behind were removed: {names}");
    assert_eq!((done.repaired, done.left), (vec![text], vec![]));
    rig.git(
        "work",
        &["commit", "--quiet", "--allow-empty", "-m", "works"],
    );
}

#[test]
fn work_that_is_there_is_left_as_it_is() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    rig.git("work", &["checkout", "--quiet", "-b", "own"]);
    rig.write("work/file", "mine\n");
    rig.git("work", &["commit", "--quiet", "--all", "-m", "mine"]);
    rig.git("work", &["checkout", "--quiet", "main"]);
    rig.write("work/file", "theirs\n");
    rig.git("work", &["commit", "--quiet", "--all", "-m", "theirs"]);
    assert!(
        !rig.command("work", &["merge", "--quiet", "own"])
            .status()
            .unwrap()
            .success()
    );
    rig.write("work/new", "untracked");
    rig.write("work/.git/index.lock", "");
    let status = || rig.git("work", &["--no-optional-locks", "status", "--porcelain"]);
    let before = (status(), rig.read("work/file"));
    let done = prepare(&rig.clone()).unwrap();
    assert_eq!(done.left, ["a merge is under way"]);
    assert_eq!((status(), rig.read("work/file")), before);
    assert_eq!(rig.read("work/new"), "untracked");
}

#[test]
fn another_branch_and_another_origin_are_said_and_left() {
    let rig = Rig::new();
    let wanted = rig.wanted(Form::Clone, Some("main"));
    prepare(&wanted).unwrap();
    rig.git("work", &["checkout", "--quiet", "-b", "own"]);
    let url = "https://me:secret@example.org/x";
    rig.git("work", &["remote", "set-url", "origin", url]);
    let done = prepare(&wanted).unwrap();
    assert_eq!(done.left, ["branch own is checked out, and not main"]);
    let [mistake] = &done.mistakes[..] else {
        panic!("{done:?}");
    };
    let begins = "its origin is https://…@example.org/x, and not /";
    assert!(mistake.starts_with(begins), "{mistake}");
    assert!(!mistake.contains("secret"), "{mistake}");
    assert_eq!(rig.git("work", &["remote", "get-url", "origin"]), url);
    rig.git("work", &["checkout", "--quiet", "--detach"]);
    assert_eq!(prepare(&wanted).unwrap().left, ["no branch is checked out"]);
    rig.git("work", &["remote", "remove", "origin"]);
    let done = prepare(&wanted).unwrap();
    assert!(
        done.mistakes[0].starts_with("it has no origin; "),
        "{done:?}"
    );
}

#[test]
fn one_that_git_cannot_use_is_there_all_the_same_and_is_left() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    // As a power cut leaves it.
    rig.write("work/.git/HEAD", "");
    let why = prepare(&rig.clone()).unwrap_err();
    assert!(
        why.starts_with("it is there, and git cannot use it (fatal: not a git repository"),
        "{why}"
    );
    assert!(why.contains("nothing of it was touched: put it right, or move it away"));
    assert_eq!(rig.read("work/file"), "text\n");
}

#[test]
fn a_branch_that_follows_nobody_follows_its_origin_again() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    rig.git("work", &["branch", "--unset-upstream"]);
    let done = prepare(&rig.clone()).unwrap();
    assert_eq!(done.repaired, ["branch main follows origin/main"]);
    let upstream = rig.git("work", &["rev-parse", "--abbrev-ref", "main@{upstream}"]);
    assert_eq!(upstream, "origin/main");
    rig.git("work", &["checkout", "--quiet", "-b", "own"]);
    assert_eq!(prepare(&rig.clone()), Ok(seen()), "no other has it");
}

#[test]
fn a_lock_of_another_users_git_stays() {
    if !geteuid().is_root() {
        return;
    }
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    rig.write("work/.git/index.lock", "");
    std::os::unix::fs::chown(rig.path("work/.git/index.lock"), Some(65534), None).unwrap();
    let done = prepare(&rig.clone()).unwrap();
    assert_eq!(done.repaired, [""; 0]);
    assert!(rig.path("work/.git/index.lock").exists());
}

#[test]
fn where_somebody_works_nothing_is_done() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    rig.write("work/.git/index.lock", "");
    let lease = crate::launch::lease::Lease::take_if_free(&rig.path("work"));
    assert_eq!(prepare(&rig.clone()), Ok(seen()));
    assert!(rig.path("work/.git/index.lock").exists());
    drop(lease.unwrap().unwrap());
    assert_eq!(prepare(&rig.clone()).unwrap().repaired.len(), 1);
}

#[test]
fn one_more_worktree_has_the_branch_that_is_wanted_and_makes_it_where_it_is_not_there() {
    let rig = Rig::new();
    let new = rig.wanted(Form::Linked, Some("of/builder"));
    assert_eq!(prepare(&new), Ok(made()));
    assert_eq!(rig.git("work", &["branch", "--show-current"]), "of/builder");
    assert_eq!(rig.names(), ["repo.git", "seed", "work"]);
    assert_eq!(prepare(&new), Ok(seen()));
    // A commit in it is in the repository at once.
    rig.git(
        "work",
        &["commit", "--quiet", "--allow-empty", "-m", "more"],
    );
    let head = rig.git("work", &["rev-parse", "HEAD"]);
    assert_eq!(rig.git("repo.git", &["rev-parse", "of/builder"]), head);
    // Once it was removed by hand, another one is made on the same branch.
    fs::remove_dir_all(rig.path("work")).unwrap();
    fs::create_dir(rig.path("work")).unwrap();
    assert_eq!(prepare(&new), Ok(made()));
    assert_eq!(rig.git("work", &["rev-parse", "HEAD"]), head);
    let taken = Wanted {
        path: rig.path("more"),
        ..new
    };
    let why = prepare(&taken).unwrap_err();
    assert!(
        why.contains("of/builder") && why.contains("already"),
        "{why}"
    );
}

#[test]
fn what_a_killed_try_told_the_repository_of_is_taken_back() {
    let rig = Rig::new();
    let wanted = rig.wanted(Form::Linked, Some("main"));
    fs::create_dir(rig.path(".work.loopkeeper")).unwrap();
    rig.keep_to_myself(".work.loopkeeper");
    let half = rig.path(".work.loopkeeper/work");
    let half = half.to_str().unwrap();
    rig.git("repo.git", &["worktree", "add", "--quiet", half, "main"]);
    rig.git("repo.git", &["worktree", "lock", half]);
    assert_eq!(prepare(&wanted), Ok(made()));
    let list = rig.git("repo.git", &["worktree", "list"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(!rig.path(".work.loopkeeper").exists());
}

#[test]
fn a_worktree_and_its_repository_find_each_other_again() {
    let rig = Rig::new();
    let wanted = rig.wanted(Form::Linked, Some("main"));
    prepare(&wanted).unwrap();
    rig.write("work/new", "untracked");
    fs::rename(rig.path("repo.git"), rig.path("moved.git")).unwrap();
    let mut wanted = wanted;
    wanted.origin.repo = rig.path("moved.git").display().to_string();
    let done = prepare(&wanted).unwrap();
    assert_eq!(
        done.repaired,
        [format!("its link to {}", wanted.origin.repo)]
    );
    assert_eq!(rig.git("work", &["status", "--porcelain"]), "?? new");
    // What git has forgotten cannot be mended, and is not touched.
    fs::remove_dir_all(rig.path("moved.git/worktrees")).unwrap();
    let why = prepare(&wanted).unwrap_err();
    assert!(
        why.contains("git worktree repair does not mend it"),
        "{why}"
    );
    assert_eq!(rig.read("work/new"), "untracked");
}

#[test]
fn a_worktree_that_was_moved_is_found_by_its_repository_again() {
    let rig = Rig::new();
    let mut wanted = rig.wanted(Form::Linked, Some("main"));
    prepare(&wanted).unwrap();
    fs::rename(rig.path("work"), rig.path("moved")).unwrap();
    wanted.path = rig.path("moved");
    let done = prepare(&wanted).unwrap();
    let text = format!("the way to it from {}", wanted.origin.repo);
    assert_eq!(done.repaired, [text]);
    rig.git("repo.git", &["worktree", "prune", "--expire=now"]);
    assert_eq!(prepare(&wanted), Ok(seen()));
    // A copy would take the place of what it was copied from.
    let copied = Command::new("cp")
        .arg("-r")
        .args([rig.path("moved"), rig.path("copy")])
        .status();
    assert!(copied.unwrap().success());
    wanted.path = rig.path("copy");
    let done = prepare(&wanted).unwrap();
    assert!(
        done.mistakes[0].starts_with("it is a copy of /"),
        "{done:?}"
    );
    wanted.path = rig.path("moved");
    assert_eq!(prepare(&wanted), Ok(seen()));
}

#[test]
fn commits_of_a_worktree_that_is_gone_are_not_lost_with_it() {
    let rig = Rig::new();
    let wanted = rig.wanted(Form::Linked, Some("main"));
    prepare(&wanted).unwrap();
    rig.git("work", &["checkout", "--quiet", "--detach"]);
    rig.git(
        "work",
        &["commit", "--quiet", "--allow-empty", "-m", "on no branch"],
    );
    let head = rig.git("work", &["rev-parse", "HEAD"]);
    fs::rename(rig.path("work"), rig.path("away")).unwrap();
    let why = prepare(&wanted).unwrap_err();
    assert!(why.contains("commits that may be on no branch"), "{why}");
    fs::rename(rig.path("away"), rig.path("work")).unwrap();
    assert_eq!(rig.git("work", &["rev-parse", "HEAD"]), head);
}

#[test]
fn a_worktree_of_another_repository_is_said() {
    let rig = Rig::new();
    rig.git(".", &["clone", "--quiet", "--bare", "seed", "other.git"]);
    let mut wanted = rig.wanted(Form::Linked, Some("main"));
    prepare(&wanted).unwrap();
    wanted.origin.repo = rig.path("other.git").display().to_string();
    let done = prepare(&wanted).unwrap();
    assert!(
        done.mistakes[0].contains("repo.git, and not of "),
        "{done:?}"
    );
}

#[test]
fn a_repository_in_the_environment_is_not_taken_for_the_one_that_is_meant() {
    let rig = Rig::new();
    let mut wanted = rig.clone();
    let elsewhere = rig.path("seed/.git").display().to_string();
    wanted.environment.insert("GIT_DIR".into(), elsewhere);
    assert_eq!(prepare(&wanted), Ok(made()));
    assert_eq!(prepare(&wanted), Ok(seen()));
}

#[test]
fn root_makes_nothing_below_what_is_somebody_elses() {
    if !geteuid().is_root() {
        return;
    }
    let rig = Rig::new();
    fs::create_dir(rig.path("theirs")).unwrap();
    std::os::unix::fs::chown(rig.path("theirs"), Some(65534), None).unwrap();
    let mut wanted = rig.clone();
    wanted.path = rig.path("theirs/work");
    let why = prepare(&wanted).unwrap_err();
    assert!(
        why.contains("is user 65534's, and the worker is root's"),
        "{why}"
    );
    assert!(!rig.path("theirs/work").exists());
}

#[test]
fn what_only_a_worktree_that_is_gone_had_is_not_lost_with_it() {
    let rig = Rig::new();
    let wanted = rig.wanted(Form::Linked, Some("main"));
    prepare(&wanted).unwrap();
    // As if it were on a file system that is not mounted now: its mount point is there, and empty.
    let meanwhile = |rig: &Rig| {
        fs::rename(rig.path("work"), rig.path("away")).unwrap();
        fs::create_dir(rig.path("work")).unwrap();
        let why = prepare(&wanted).unwrap_err();
        fs::remove_dir(rig.path("work")).unwrap();
        fs::rename(rig.path("away"), rig.path("work")).unwrap();
        why
    };
    rig.write("work/file", "staged\n");
    rig.git("work", &["add", "--all"]);
    let why = meanwhile(&rig);
    assert!(
        why.contains("changes that were staged and not committed"),
        "{why}"
    );
    assert!(why.contains("a file system that is not mounted"), "{why}");
    assert_eq!(rig.git("work", &["status", "--porcelain"]), "M  file");
    rig.git("work", &["commit", "--quiet", "-m", "mine"]);
    let head = rig.git("work", &["rev-parse", "HEAD"]);
    rig.git("work", &["reset", "--quiet", "--hard", "HEAD^"]);
    let why = meanwhile(&rig);
    assert!(why.contains("commits that are on no branch"), "{why}");
    assert_eq!(rig.git("work", &["rev-parse", "HEAD@{1}"]), head);
    rig.git("work", &["branch", "kept", &head]);
    fs::rename(rig.path("work"), rig.path("away")).unwrap();
    assert_eq!(prepare(&wanted), Ok(made()));
}

#[test]
fn a_git_at_work_is_found_by_where_it_is_and_not_by_the_name_of_that() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    fs::create_dir(rig.path("work/below")).unwrap();
    let at = rig.path("work/below");
    let is_it = |place: &Path| repair::is_below(at.clone(), &[repair::identity(place).unwrap()]);
    assert!(is_it(&rig.path("work")).unwrap());
    assert!(!is_it(&rig.path("seed")).unwrap());
    assert!(repair::is_below(rig.path("none"), &[]).is_err());
    if !geteuid().is_root() {
        return;
    }
    // In a mount namespace of its own it has another name.
    fs::create_dir(rig.path("mounted")).unwrap();
    rig.write("work/.git/index.lock", "");
    let script = "mount --bind work mounted && cd mounted && exec git cat-file --batch";
    let mut elsewhere = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .current_dir(rig.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It answers, so it is there.
    let asked = elsewhere.stdin.as_mut().unwrap();
    asked.write_all(b"none\n").unwrap();
    let mut said = [0; 4];
    elsewhere
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    let _elsewhere = AtWork(elsewhere);
    assert_eq!(prepare(&rig.clone()).unwrap().repaired, [""; 0]);
    assert!(rig.path("work/.git/index.lock").exists());
}

#[test]
fn one_origin_can_be_written_in_two_ways() {
    let rig = Rig::new();
    prepare(&rig.clone()).unwrap();
    std::os::unix::fs::symlink("repo.git", rig.path("link")).unwrap();
    let link = rig.path("link").display().to_string();
    for is in [&link, &format!("file://{link}"), &"../link".to_owned()] {
        rig.git("work", &["remote", "set-url", "origin", is]);
        assert_eq!(prepare(&rig.clone()), Ok(seen()), "{is}");
    }
}

#[test]
fn nothing_is_made_where_the_file_system_is_not_mounted_that_had_it() {
    let rig = Rig::new();
    fs::create_dir(rig.path("mnt")).unwrap();
    for form in [Form::Clone, Form::Linked] {
        let mut wanted = rig.wanted(form, Some("main"));
        for place in ["mnt", "mnt/work"] {
            wanted.path = rig.path(place);
            for was_on in ["mnt", "gone"] {
                wanted.was_on = Some(rig.path(was_on));
                let why = prepare(&wanted).unwrap_err();
                assert!(why.contains("none is mounted there now"), "{why}");
            }
        }
        assert_eq!(fs::read_dir(rig.path("mnt")).unwrap().count(), 0);
    }
    // What is mounted there may be another one than it was, and have nothing.
    let mut wanted = rig.clone();
    wanted.was_on = seen().on;
    assert_eq!(prepare(&wanted), Ok(made()));
    // Somebody made one by hand, for the other will not come back.
    wanted.was_on = Some(rig.path("mnt"));
    assert_eq!(prepare(&wanted), Ok(seen()));
}
