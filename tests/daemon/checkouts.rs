//! Worktrees that are made and put right before each start.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    mount::{Mount, can_mount},
    rig::Rig,
};

const NOBODY: u32 = 65534;

fn config(repo: &str, more: &str) -> String {
    format!(
        "[workers.loop]\ncommand = \"cat file; exec sleep 1000\"\nlauncher = \"process\"\n\
         worktree = {{ path = \"work\", repo = \"{repo}\" }}\n\
         backoff = {{ first = \"10ms\", most = \"10ms\" }}\n{more}\n"
    )
}

/// A repository with one commit.
fn make_repository(rig: &Rig) {
    git(rig, &["init", "--quiet", "-b", "main", "seed"]);
    rig.write("seed/file", "what is in it\n");
    git(rig, &["-C", "seed", "add", "--all"]);
    git(rig, &["-C", "seed", "commit", "--quiet", "-m", "begin"]);
    git(rig, &["clone", "--quiet", "--bare", "seed", "repo.git"]);
}

fn git(rig: &Rig, words: &[&str]) {
    let identity = ["-c", "user.name=Loop", "-c", "user.email=loop@localhost"];
    let mut command = Command::new("git");
    command
        .args(identity)
        .args(words)
        .current_dir(rig.path("."));
    assert!(command.status().unwrap().success(), "git {words:?}");
}

fn told(rig: &Rig, part: &str) {
    rig.eventually(part, |rig| {
        rig.done(&["history"]).contains(part).then_some(())
    });
}

#[test]
fn a_worktree_is_made_and_what_a_killed_git_left_behind_is_put_right() {
    let mut rig = Rig::new(&config("repo.git", ""));
    make_repository(&rig);
    rig.start();
    rig.until_state("loop", "running");
    assert_eq!(rig.read("work/file"), "what is in it\n");
    told(&rig, "of loop was made, a clone of /");
    assert_eq!(rig.done(&["history"]).matches("was made").count(), 1);
    rig.write("work/new", "mine");
    rig.write("work/.git/index.lock", "");
    let pid = rig.pid("loop");
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    rig.eventually("another attempt", |rig| {
        let row = rig.worker("loop");
        (row["state"] == "running" && row["pid"] != pid).then_some(())
    });
    told(
        &rig,
        "locks that git had left behind were removed: index.lock",
    );
    assert_eq!(rig.read("work/new"), "mine");
    assert!(!rig.path("work/.git/index.lock").exists());
}

#[test]
fn why_a_worktree_cannot_be_made_is_shown_until_it_can() {
    let rig = Rig::up(&config("repo.git", ""));
    rig.eventually("it is told", |rig| {
        let row = rig.worker("loop");
        let reason = row["reason"].as_str().unwrap_or_default();
        let says = reason.contains("cannot be made") && reason.contains("does not exist");
        (says && row["restarts"] == 0).then_some(())
    });
    assert!(!rig.path("work").exists());
    // Nobody has to make it before.
    let doubts = rig.done(&["check"]);
    assert!(!doubts.contains("/work"), "{doubts}");
    make_repository(&rig);
    rig.until_state("loop", "running");
    let told = rig.done(&["history"]);
    assert_eq!(told.matches("cannot be started now").count(), 1, "{told}");
}

#[test]
fn what_is_there_and_no_checkout_is_not_touched() {
    let mut rig = Rig::new(&config("repo.git", ""));
    make_repository(&rig);
    fs::create_dir(rig.path("work")).unwrap();
    rig.write("work/notes", "mine");
    rig.start();
    told(
        &rig,
        "is not empty, and no checkout of git; nothing of it was touched",
    );
    assert_eq!(rig.read("work/notes"), "mine");
}

#[test]
fn a_daemon_that_is_killed_leaves_no_half_clone_in_its_place() {
    // What git talks to never answers; git does not ask it first which ssh it is.
    let ssh = "environment = { GIT_SSH_VARIANT = \"simple\", \
               GIT_SSH_COMMAND = \"echo $$ >@PID@; exec sleep 1000; :\" }";
    let mut rig = Rig::new("");
    let pid = rig.path("ssh-pid").display().to_string();
    rig.configure(&config("ssh://nowhere/x", &ssh.replace("@PID@", &pid)));
    make_repository(&rig);
    rig.start();
    let ssh = rig.eventually("git asks", |rig| rig.read("ssh-pid").trim().parse().ok());
    let row = rig.until_state("loop", "waiting");
    let words = "its worktree is being made or looked through: ";
    assert!(row["reason"].as_str().unwrap().starts_with(words), "{row}");
    rig.kill_daemon();
    assert!(!rig.path("work").exists());
    rig.configure(&config("repo.git", ""));
    rig.start();
    told(&rig, "another process makes it, in ");
    kill(Pid::from_raw(ssh), Signal::SIGKILL).unwrap();
    rig.until_state("loop", "running");
    assert_eq!(rig.read("work/file"), "what is in it\n");
    assert!(!rig.path(".work.loopkeeper").exists());
}

#[test]
fn one_more_worktree_of_a_repository_is_made_on_a_branch_of_its_own() {
    let linked = config("repo.git", "").replace(
        "repo = \"repo.git\"",
        "repo = \"repo.git\", branch = \"of/loop\", as = \"worktree\"",
    );
    let mut rig = Rig::new(&linked);
    make_repository(&rig);
    rig.start();
    rig.until_state("loop", "running");
    assert!(rig.path("work/.git").is_file());
    told(&rig, "a worktree of /");
    git(
        &rig,
        &[
            "-C",
            "repo.git",
            "rev-parse",
            "--verify",
            "--quiet",
            "of/loop",
        ],
    );
}

#[test]
fn another_users_worktree_is_made_as_that_user() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let as_nobody = "systemd = { User = \"nobody\" }";
    let text = config("repo.git", as_nobody).replace("path = \"work\"", "path = \"theirs/work\"");
    let mut rig = Rig::new(&text);
    make_repository(&rig);
    fs::set_permissions(rig.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(rig.path("theirs")).unwrap();
    for name in ["theirs", "repo.git"] {
        chown(rig.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    rig.start();
    told(&rig, "of loop was made");
    assert_eq!(
        rig.path("theirs/work/file").metadata().unwrap().uid(),
        NOBODY
    );
}

#[test]
fn a_worktree_whose_file_system_is_not_mounted_is_waited_for() {
    if !can_mount("a_worktree_whose_file_system_is_not_mounted_is_waited_for") {
        return;
    }
    let text = config("repo.git", "").replace("path = \"work\"", "path = \"disk/work\"");
    let mut rig = Rig::new(&text);
    make_repository(&rig);
    let disk = Mount::small(&rig.path("disk"), "8m");
    rig.start();
    rig.until_state("loop", "running");
    rig.write("disk/work/new", "mine");
    rig.done(&["stop", "loop"]);
    // Of a file system in memory there is nothing left when it is unmounted: it stays somewhere else.
    let _kept = Mount::new(&["--bind"], &rig.path("disk"), &rig.path("kept"));
    drop(disk);
    rig.kill_daemon();
    rig.start();
    let why = rig.refused(1, &["start", "loop"]);
    let wanted = format!(
        "it was on the file system mounted at {}, and none",
        rig.path("disk").display()
    );
    assert!(why.contains(&wanted), "{why}");
    let row = rig.until_state("loop", "backing-off");
    assert!(row["reason"].as_str().unwrap().contains(&wanted), "{row}");
    assert_eq!(fs::read_dir(rig.path("disk")).unwrap().count(), 0);
    let _disk = Mount::new(&["--bind"], &rig.path("kept"), &rig.path("disk"));
    rig.until_state("loop", "running");
    assert_eq!(rig.read("disk/work/new"), "mine");
    let told = rig.done(&["history"]);
    assert_eq!(told.matches(&wanted).count(), 1, "{told}");
    rig.done(&["stop", "loop"]);
}
