//! A worktree has one attempt, whichever daemon started it.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use loopkeeper::{
    config::Worker,
    launch::House,
    model::{AttemptRef, Condition, Exit, LauncherKind},
};

use crate::{
    alone::{after_death, alone},
    world::{Place, World, lives, until},
};

const PROCESS: LauncherKind = LauncherKind::Process;
const TMUX: LauncherKind = LauncherKind::Tmux;

/// A worker with a worktree of its own, below the world's directory.
fn in_worktree(world: &World, launcher: LauncherKind, script: &str) -> Worker {
    let worktree = world.path().join("worktree");
    fs::create_dir_all(&worktree).unwrap();
    Worker {
        workdir: worktree.clone(),
        worktree: Some(worktree),
        ..world.script(launcher, script)
    }
}

/// As a daemon with another state directory has it: only the worktree is the same one.
fn elsewhere(worker: &Worker, launcher: LauncherKind) -> Worker {
    Worker {
        name: "other".parse().unwrap(),
        launcher,
        ..worker.clone()
    }
}

/// Whether somebody has the lock of a directory (proc_locks(5)); to try it would be to hold it.
fn is_held(worktree: &Path) -> bool {
    let inode = format!(":{} ", fs::metadata(worktree).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let mut locks = locks.lines();
    locks.any(|lock| lock.contains(" FLOCK ") && lock.contains(&inode))
}

/// Once nothing of the one is left, the other gets the worktree.
async fn is_free_after(world: &mut World, attempt: &AttemptRef, other: &Worker) {
    world.kill(attempt).await;
    let (attempt, _) = world.run(other).await;
    world.kill(&attempt).await;
}

async fn one_at_a_time(first: LauncherKind, second: LauncherKind) {
    let mut world = World::new();
    let worker = in_worktree(&world, first, "exec sleep 1000");
    let (attempt, identity) = world.run(&worker).await;
    let name = format!("/proc/{}/comm", identity.pid);
    until("it sleeps", || {
        fs::read_to_string(&name).unwrap() == "sleep\n"
    })
    .await;
    let other = elsewhere(&worker, second);
    // Another name of the same directory.
    let link = world.path().join("link");
    std::os::unix::fs::symlink(world.path().join("worktree"), &link).unwrap();
    let other = Worker {
        worktree: Some(link.clone()),
        ..other
    };
    let refused = world.start(&other);
    let why = world.start_failed(&refused).await;
    let holder = match world.directory(&attempt).start().unwrap().pane {
        Some(pane) => format!("pid {} (lk-pane)", pane.wrapper.pid),
        None => format!("pid {} (sleep)", identity.pid),
    };
    let wanted = format!(
        "worktree {} is held by {holder} of attempt {}",
        link.display(),
        world.directory(&attempt).path().display()
    );
    assert_eq!(why, wanted);
    assert!(lives(identity.pid));
    is_free_after(&mut world, &attempt, &other).await;
}

#[test]
fn a_worktree_that_a_child_works_in_is_taken() {
    alone("lease::a_worktree_that_a_child_works_in_is_taken", || {
        one_at_a_time(PROCESS, PROCESS)
    });
}

#[test]
fn a_worktree_that_a_session_works_in_is_taken() {
    alone("lease::a_worktree_that_a_session_works_in_is_taken", || {
        one_at_a_time(TMUX, TMUX)
    });
}

#[test]
fn a_worktree_is_taken_across_launchers() {
    alone("lease::a_worktree_is_taken_across_launchers", || async {
        one_at_a_time(TMUX, PROCESS).await;
    });
}

#[test]
fn a_workdir_may_be_shared() {
    alone("lease::a_workdir_may_be_shared", || async {
        let mut world = World::new();
        let worker = world.script(PROCESS, "exec sleep 1000");
        let (one, _) = world.run(&worker).await;
        let (two, _) = world.run(&elsewhere(&worker, PROCESS)).await;
        for attempt in [one, two] {
            world.kill(&attempt).await;
        }
    });
}

/// Closes what it inherited, as sudo does.
const CLOSING: &str = "for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ $fd -gt 9 ] && eval \"exec $fd>&-\"; done; echo closed; exec sleep 1000";

#[test]
fn a_worker_that_closes_what_it_inherited_does_not_lose_its_worktree() {
    alone(
        "lease::a_worker_that_closes_what_it_inherited_does_not_lose_its_worktree",
        || async {
            for launcher in [PROCESS, TMUX] {
                let mut world = World::new();
                let worker = in_worktree(&world, launcher, CLOSING);
                let worker = Worker {
                    program: world.worker(launcher, "bash", &["-c", CLOSING]).program,
                    ..worker
                };
                let (attempt, identity) = world.run(&worker).await;
                world.says(&attempt, "closed").await;
                let open = fs::read_dir(format!("/proc/{}/fd", identity.pid)).unwrap();
                let worktree = fs::canonicalize(world.path().join("worktree")).unwrap();
                let inherited = open
                    .flatten()
                    .filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == worktree));
                assert_eq!(inherited.count(), 0, "it kept it, so this shows nothing");
                let refused = world.start(&elsewhere(&worker, launcher));
                let why = world.start_failed(&refused).await;
                assert!(why.contains("is held by pid"), "{why}");
                world.kill(&attempt).await;
            }
        },
    );
}

/// Held over the daemon's death, also where the worker let go of it: by the next daemon.
fn held_after_death(name: &'static str, launcher: LauncherKind, script: &'static str) {
    after_death(
        name,
        move |mut world| async move {
            let worker = in_worktree(&world, launcher, script);
            let worker = Worker {
                program: world.worker(launcher, "bash", &["-c", script]).program,
                ..worker
            };
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "closed").await;
        },
        move |directory| async move {
            let mut world = World::of(directory);
            let worker = in_worktree(&world, launcher, "exec sleep 1000");
            let other = elsewhere(&worker, launcher);
            let (attempt, condition) = world.found().await;
            let Condition::Alive(identity) = condition else {
                panic!("{condition:?}");
            };
            world.local.adopt(&attempt, &identity);
            let worktree = world.path().join("worktree");
            until("somebody holds the worktree", || is_held(&worktree)).await;
            let refused = world.start(&other);
            let why = world.start_failed(&refused).await;
            assert!(why.contains("is held by pid"), "{why}");
            is_free_after(&mut world, &attempt, &other).await;
        },
    );
}

#[test]
fn the_lease_of_a_child_outlives_the_daemon() {
    held_after_death(
        "lease::the_lease_of_a_child_outlives_the_daemon",
        PROCESS,
        "echo closed; exec sleep 1000",
    );
}

#[test]
fn the_lease_of_a_session_outlives_the_daemon() {
    held_after_death(
        "lease::the_lease_of_a_session_outlives_the_daemon",
        TMUX,
        "echo closed; exec sleep 1000",
    );
}

#[test]
fn a_lease_that_nobody_has_any_more_is_taken_by_the_daemon_that_adopts() {
    held_after_death(
        "lease::a_lease_that_nobody_has_any_more_is_taken_by_the_daemon_that_adopts",
        PROCESS,
        CLOSING,
    );
}

#[test]
fn a_daemon_with_another_state_directory_is_kept_out() {
    after_death(
        "lease::a_daemon_with_another_state_directory_is_kept_out",
        |mut world| async move {
            let worker = in_worktree(&world, PROCESS, "exec sleep 1000");
            world.run(&worker).await;
        },
        |directory| async move {
            let mut world = World::new();
            let worktree = directory.path().join("worktree");
            let worker = Worker {
                workdir: worktree.clone(),
                worktree: Some(worktree),
                ..world.script(PROCESS, "exit 3")
            };
            let refused = world.start(&worker);
            let why = world.start_failed(&refused).await;
            let of = directory.path().join("state/attempts/builder");
            assert!(why.contains("is held by pid"), "{why}");
            assert!(why.contains(&of.display().to_string()), "{why}");
            // Nothing is left to be cleaned up when the holder is gone.
            let pid: i32 = why
                .split("held by pid ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next())
                .unwrap()
                .parse()
                .unwrap();
            crate::alone::kill(pid);
            until("it ended", || !lives(pid)).await;
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(3));
        },
    );
}

#[test]
fn a_worktree_that_is_not_there_is_waited_for() {
    alone(
        "lease::a_worktree_that_is_not_there_is_waited_for",
        || async {
            for launcher in [PROCESS, TMUX] {
                let directory = tempfile::tempdir().unwrap();
                let mut world = World::in_directory(Place::Own(directory), House::None);
                let worker = Worker {
                    worktree: Some("/does/not/exist".into()),
                    ..world.script(launcher, "exit 0")
                };
                let attempt = world.start(&worker);
                let why = world.shortage(&attempt).await;
                let wanted = "worktree /does/not/exist does not exist; mount what it is on";
                assert!(why.starts_with(wanted), "{why}");
            }
        },
    );
}
