//! `quiesce`, of real checkouts of git.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use loopkeeper::{
    control::protocol::{Reply, Request, StatusView, WorkerView},
    model::StateName,
};
use predicates::str::contains;
use serde_json::{Value, json};

use crate::scripted::{Home, Scripted, status, worker};

const NOBODY: u32 = 65534;

/// A repository with one commit, which its remote has.
struct Repository(PathBuf);

impl Repository {
    fn new(home: &Home, name: &str) -> Self {
        let remote = home.path().join(format!("{name}.git"));
        let it = Self(home.path().join(name));
        git(
            home.path(),
            &["init", "-q", "--bare", remote.to_str().unwrap()],
        );
        git(home.path(), &["init", "-q", "-b", "main", name]);
        it.git(&["config", "user.name", "a loop"]);
        it.git(&["config", "user.email", "loop@example.org"]);
        it.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
        it.commits("first");
        it.git(&["push", "-q", "-u", "origin", "main"]);
        it
    }

    fn git(&self, words: &[&str]) {
        git(&self.0, words);
    }

    fn writes(&self, file: &str) {
        fs::write(self.0.join(file), file).unwrap();
    }

    fn commits(&self, file: &str) {
        self.writes(file);
        self.git(&["add", file]);
        self.git(&["commit", "-q", "-m", file]);
    }

    fn row(&self, name: &str) -> WorkerView {
        WorkerView {
            worktree: Some(self.0.clone()),
            ..worker(name)
        }
    }
}

fn git(at: &Path, words: &[&str]) {
    let done = Command::new("git").args(words).current_dir(at).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{words:?}: {done:?}");
}

/// A daemon with these loops, which end as soon as it is paused. `pausing` happens before.
fn rig(
    home: Home,
    loops: Vec<WorkerView>,
    pausing: impl Fn() + Send + 'static,
) -> (Scripted, Arc<AtomicBool>) {
    let paused = Arc::new(AtomicBool::new(false));
    let is_paused = Arc::clone(&paused);
    let rig = Scripted::start_in(home, move |request, answer| match request {
        Request::Status {} => {
            let mut workers = loops.clone();
            for worker in &mut workers {
                if is_paused.load(Ordering::SeqCst) {
                    worker.state = StateName::Stopped;
                }
            }
            let status = StatusView {
                workers,
                ..status()
            };
            answer.ok(Reply::Status(Box::new(status)));
        }
        Request::Pause {} => {
            pausing();
            is_paused.store(true, Ordering::SeqCst);
            answer.ok(Reply::from(loopkeeper::decide::Said::from(
                "paused".to_owned(),
            )));
        }
        other => panic!("{other:?}"),
    });
    (rig, paused)
}

fn quiesce(rig: &Scripted, words: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = rig.home.supervisorctl();
    command.arg("quiesce").args(words).assert()
}

#[test]
fn a_rig_is_paused_once_all_is_committed_and_pushed() {
    let home = Home::new();
    let (builder, adversary) = (
        Repository::new(&home, "builder"),
        Repository::new(&home, "adversary"),
    );
    builder.writes("new");
    let loops = vec![builder.row("builder"), adversary.row("adversary")];
    let (rig, paused) = rig(home, loops, || {});
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("supervisorctl"));
    let command = command
        .args(["quiesce"])
        .env("LOOPKEEPER_SOCKET", rig.home.socket())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut waits = command.spawn().unwrap();
    let mut said = BufReader::new(waits.stderr.take().unwrap()).lines();
    let mut says = |line: &str| assert_eq!(said.next().unwrap().unwrap(), line);
    says("waiting for a safe point:");
    says("builder: 1 file is not committed: new");
    builder.commits("new");
    says("waiting for a safe point:");
    says("builder: 1 commit is not pushed: main");
    assert!(!paused.load(Ordering::SeqCst));
    builder.git(&["push", "-q"]);
    let done = waits.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(paused.load(Ordering::SeqCst));
    let text = String::from_utf8(done.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].starts_with("builder: is at a safe point: ") && lines[0].ends_with(" on main")
    );
    assert_eq!(
        lines[2],
        "paused at a safe point; supervisorctl resume goes on"
    );
}

#[test]
fn what_is_not_safe_is_named_and_nothing_is_paused() {
    let home = Home::new();
    let clean = Repository::new(&home, "clean");
    let merging = Repository::new(&home, "merging");
    merging.git(&["checkout", "-q", "-b", "other"]);
    merging.commits("theirs");
    merging.git(&["push", "-q", "origin", "other"]);
    merging.git(&["checkout", "-q", "main"]);
    merging.git(&["merge", "-q", "--no-ff", "--no-commit", "other"]);
    let ahead = Repository::new(&home, "ahead");
    ahead.git(&["checkout", "-q", "-b", "forgotten"]);
    ahead.commits("one");
    ahead.commits("two");
    ahead.git(&["checkout", "-q", "main"]);
    let alone = Repository::new(&home, "alone");
    alone.git(&["remote", "remove", "origin"]);
    let gone = WorkerView {
        worktree: Some(home.path().join("gone")),
        ..worker("gone")
    };
    let loops = vec![
        clean.row("clean"),
        merging.row("merging"),
        ahead.row("ahead"),
        alone.row("alone"),
        gone,
        worker("free"),
        WorkerView {
            host: "attic".into(),
            ..merging.row("there")
        },
    ];
    let (rig, paused) = rig(home, loops, || {});
    quiesce(&rig, &["--dry-run"])
        .code(1)
        .stderr("")
        .stdout(contains("clean: is at a safe point: "))
        .stdout(contains(
            "merging: a merge is under way; 1 file is not committed: theirs\n",
        ))
        .stdout(contains("ahead: 2 commits are not pushed: forgotten\n"))
        .stdout(contains("alone: nothing is pushed: it has no remote\n"))
        .stdout(contains("gone: is at a safe point: there is nothing in "))
        .stdout(contains("free: has no worktree, so nobody can tell\n"))
        .stdout(contains(
            "there: is on host attic, where nobody looks yet, so nobody can tell\n",
        ));
    quiesce(&rig, &["--dry-run", "--unpushed"])
        .code(1)
        .stdout(contains("ahead: is at a safe point: "))
        .stdout(contains("alone: is at a safe point: "))
        .stdout(contains("merging: a merge is under way"));
    quiesce(&rig, &["--within", "0s"])
        .code(1)
        .stdout("")
        .stderr(contains(
            "error: no safe point was come to in time, because of merging, ahead, alone; \
             nothing was paused\n\
             hint: what is left over in a worktree is yours to finish, commit or delete; push what is on \
             this machine alone, or --unpushed does not wait for that; supervisorctl pause waits for nothing\n",
        ));
    quiesce(&rig, &["--within", "0s", "--unpushed"])
        .code(1)
        .stderr(contains(
            "because of merging; nothing was paused\nhint: what is left over in a worktree is yours to \
             finish, commit or delete; supervisorctl pause waits for nothing\n",
        ));
    assert!(!paused.load(Ordering::SeqCst));
}

#[test]
fn a_worktree_that_was_never_made_has_nothing_half_done() {
    let home = Home::new();
    fs::create_dir(home.path().join("empty")).unwrap();
    let at = |name: &str| WorkerView {
        worktree: Some(home.path().join(name)),
        ..worker(name)
    };
    let loops = vec![at("empty"), at("gone")];
    let (rig, paused) = rig(home, loops, || {});
    let there = |name: &str| {
        let path = rig.home.path().join(name);
        let path = path.display();
        format!("{name}: is at a safe point: there is nothing in {path}\n")
    };
    quiesce(&rig, &[])
        .code(0)
        .stdout(contains(there("empty")))
        .stdout(contains(there("gone")));
    assert!(paused.load(Ordering::SeqCst));
}

#[test]
fn a_worktree_whose_file_system_is_not_mounted_is_away_and_not_safe() {
    let quiesced = |state, words: &[&str]| {
        let home = Home::new();
        fs::create_dir(home.path().join("mnt")).unwrap();
        let mnt = home.path().join("mnt");
        let row = WorkerView {
            worktree: Some(mnt.join("tree")),
            // A directory of another file system by now.
            worktree_on: Some(mnt.clone()),
            state,
            ..worker("builder")
        };
        let (rig, paused) = rig(home, vec![row], || {});
        let (mnt, tree) = (mnt.display().to_string(), mnt.join("tree"));
        let because = format!(
            "builder: there is nothing in {}: it was on the file system mounted at {mnt}, and none is mounted \
             there now",
            tree.display()
        );
        let done = quiesce(&rig, words).code(1);
        assert!(!paused.load(Ordering::SeqCst));
        (done, because)
    };
    let (done, because) = quiesced(StateName::Running, &["--dry-run"]);
    done.stdout(format!("{because}\n"));
    let (done, because) = quiesced(StateName::Stopped, &[]);
    done.stdout("")
        .stderr(contains(format!("error: {because}; nothing was paused")))
        .stderr(contains("mount that and try again"));
}

#[test]
fn a_directory_that_is_no_checkout_is_waited_for_only_while_somebody_works_there() {
    let plain = |state| {
        let home = Home::new();
        fs::create_dir(home.path().join("plain")).unwrap();
        fs::write(home.path().join("plain/notes"), "").unwrap();
        let row = WorkerView {
            worktree: Some(home.path().join("plain")),
            state,
            ..worker("plain")
        };
        rig(home, vec![row], || {})
    };
    let because = "plain: its worktree is no checkout of git, so it has no safe point (fatal: not a git \
                   repository";
    let (rig, paused) = plain(StateName::Running);
    quiesce(&rig, &["--within", "0s"])
        .code(1)
        .stderr(contains(because))
        .stderr(contains(
            "because of plain; nothing was paused\nhint: supervisorctl pause waits for nothing\n",
        ));
    assert!(!paused.load(Ordering::SeqCst));
    let (rig, paused) = plain(StateName::Stopped);
    quiesce(&rig, &[])
        .code(1)
        .stdout("")
        .stderr(contains(format!("error: {because}")))
        .stderr(contains("git init"));
    assert!(!paused.load(Ordering::SeqCst));
}

#[test]
fn a_damaged_checkout_is_waited_for_only_while_somebody_works_there() {
    let damaged = |state| {
        let home = Home::new();
        let builder = Repository::new(&home, "builder");
        fs::write(builder.0.join(".git/HEAD"), "").unwrap();
        let row = WorkerView {
            state,
            ..builder.row("builder")
        };
        rig(home, vec![row], || {})
    };
    let because = |rig: &Home| {
        let of_git = rig.path().canonicalize().unwrap().join("builder/.git");
        format!(
            "builder: nobody can look at it: git does not take {} for a repository: fatal: not a git \
             repository",
            of_git.display()
        )
    };
    let (rig, paused) = damaged(StateName::Running);
    quiesce(&rig, &["--within", "0s"])
        .code(1)
        .stderr(contains(because(&rig.home)))
        .stderr(contains("because of builder; nothing was paused"));
    assert!(!paused.load(Ordering::SeqCst));
    let (rig, paused) = damaged(StateName::Stopped);
    quiesce(&rig, &[])
        .code(1)
        .stdout("")
        .stderr(contains(format!("error: {}", because(&rig.home))))
        .stderr(contains("put its repository right"));
    assert!(!paused.load(Ordering::SeqCst));
}

#[test]
fn it_is_there_as_json() {
    let home = Home::new();
    let builder = Repository::new(&home, "builder");
    builder.writes("new");
    let worktree = builder.0.clone();
    let (rig, _) = rig(home, vec![builder.row("builder")], || {});
    let printed = quiesce(&rig, &["--dry-run", "--json"]).code(1);
    let mut json: Value = serde_json::from_slice(&printed.get_output().stdout).unwrap();
    let head = json["workers"][0]["head"].take();
    assert_eq!(head.as_str().map(str::len), Some(40));
    let expected = json!({
        "protocol": 1, "paused": false, "safe": false,
        "workers": [{
            "name": "builder", "host": "local", "worktree": worktree, "head": null, "branch": "main", "safe": false,
            "because": ["1 file is not committed: new"],
        }],
    });
    assert_eq!(json, expected);
    builder.git(&["clean", "-q", "-f"]);
    let printed = quiesce(&rig, &["--json"]).code(0);
    let json: Value = serde_json::from_slice(&printed.get_output().stdout).unwrap();
    assert_eq!(
        (&json["paused"], &json["safe"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn who_went_on_before_the_pause_is_told() {
    let home = Home::new();
    let builder = Repository::new(&home, "builder");
    let row = builder.row("builder");
    let (rig, paused) = rig(home, vec![row], move || builder.writes("late"));
    quiesce(&rig, &[])
        .code(1)
        .stdout(contains("builder: 1 file is not committed: late\n"))
        .stderr(contains(
            "error: rig is paused, but somebody went on in a worktree before that\n",
        ));
    assert!(paused.load(Ordering::SeqCst));
}

#[test]
fn what_a_checkout_has_git_run_is_not_run_by_root() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let home = Home::new();
    fs::set_permissions(home.path(), Permissions::from_mode(0o711)).unwrap();
    let builder = Repository::new(&home, "builder");
    let told = builder.0.join(".git/told");
    fs::write(builder.0.join(".gitattributes"), "* filter=spy\n").unwrap();
    builder.git(&["add", "."]);
    builder.git(&["commit", "-q", "-m", "attributes"]);
    builder.git(&["push", "-q"]);
    let spy = format!("id -u >'{}'; cat", told.display());
    builder.git(&["config", "filter.spy.clean", &spy]);
    // Its size says that it may be another, its content that it is not.
    fs::write(builder.0.join("first"), "FIRST").unwrap();
    let mut chown_all = Command::new("chown");
    let owner = NOBODY.to_string();
    let all = chown_all
        .arg("-R")
        .arg(format!("{owner}:{owner}"))
        .arg(&builder.0);
    assert!(all.status().unwrap().success());
    let (rig, _) = rig(home, vec![builder.row("builder")], || {});
    quiesce(&rig, &["--dry-run"])
        .code(1)
        .stdout("builder: 1 file is not committed: first\n");
    assert_eq!(fs::read_to_string(told).unwrap(), "65534\n");
}

#[test]
fn without_a_daemon_nothing_can_be_paused() {
    let home = Home::new();
    let mut command = home.supervisorctl();
    command.arg("quiesce").assert().code(3).stdout("");
}
