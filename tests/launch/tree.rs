//! Nothing of an attempt survives a stop, however it hides.

use std::{fs, path::Path};

use loopkeeper::{
    launch::House,
    model::{AttemptRef, Exit, LauncherKind, Signal},
};

use crate::{
    alone::{alone, alone_with_mounts, marked},
    world::{Place, World, lives, until},
};

/// Processes that hide from their parent, each in its own way; each writes its pid to `pids`.
pub(crate) const HIDING: &str = r#"
    cp "$(command -v bash)" renamed; mkfifo never
    # forks twice, so that its parent is gone, and leads a session of its own
    (setsid sh -c 'echo $$ >>pids; exec sleep 1000' &)
    # has another name, no output of ours
    (setsid sh -c 'echo $$ >>pids; exec ./renamed -c "read -r <>never"' >/dev/null 2>&1 &)
    # has forgotten whose it is, and is known by where it writes
    (env -i PATH="$PATH" setsid sh -c 'echo $$ >>pids; exec sleep 1000' &)
    # has forgotten whose it is, and holds nothing of ours
    (env -i PATH="$PATH" setsid sh -c 'echo $$ >>pids; exec sleep 1000' </dev/null >/dev/null 2>&1 &)
    # a process group of its own
    (set -m; sh -c 'echo $$ >>pids; exec sleep 1000' & )
    # has a child that is not the one that was left behind
    (setsid sh -c 'echo $$ >>pids; env -i PATH="$PATH" sh -c "echo \$\$ >>pids; exec sleep 1000" >/dev/null 2>&1; :' &)
    while [ "$(wc -l <pids)" -lt 7 ]; do sleep 0.01; done
    echo hidden
"#;

pub(crate) fn pids(directory: &Path) -> Vec<i32> {
    let text = fs::read_to_string(directory.join("pids")).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// A worker with hidden processes is killed; all of them are gone when `Gone` is told.
pub(crate) async fn hidden_processes_do_not_survive(world: &mut World, launcher: LauncherKind) {
    let worker = world.script(launcher, &format!("touch pids; {HIDING}\nexec sleep 1000"));
    let (attempt, _) = world.run(&worker).await;
    world.says(&attempt, "hidden").await;
    let hidden = pids(world.path());
    assert!(
        hidden.len() == 7 && hidden.iter().all(|pid| lives(*pid)),
        "{hidden:?}"
    );
    assert_eq!(world.kill(&attempt).await, Exit::Signal(Signal::KILL));
    let left: Vec<_> = hidden.into_iter().filter(|pid| lives(*pid)).collect();
    assert_eq!(left, Vec::<i32>::new());
}

#[test]
fn hidden_processes_do_not_survive_a_kill() {
    alone("tree::hidden_processes_do_not_survive_a_kill", || async {
        hidden_processes_do_not_survive(&mut World::new(), LauncherKind::Process).await;
    });
}

#[test]
fn what_is_left_after_the_end_is_known_and_can_be_killed() {
    alone(
        "tree::what_is_left_after_the_end_is_known_and_can_be_killed",
        || async {
            let mut world = World::new();
            let worker = world.script(
                LauncherKind::Process,
                &format!("touch pids; {HIDING}\nexit 3"),
            );
            let other = world.script(LauncherKind::Process, "exec sleep 1000");
            let (bystander, its) = world.run(&other).await;
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.ended(&attempt).await, Exit::Code(3));
            let hidden = pids(world.path());
            world.local.signal(&attempt, Signal::TERM);
            world.gone(&attempt).await;
            let left: Vec<_> = hidden.into_iter().filter(|pid| lives(*pid)).collect();
            assert_eq!(left, Vec::<i32>::new());
            assert!(lives(its.pid), "another attempt was hit");
            world.kill(&bystander).await;
        },
    );
}

#[test]
fn gone_waits_for_the_last_process() {
    alone("tree::gone_waits_for_the_last_process", || async {
        let mut world = World::new();
        // The one left behind ends when it is told to by the test.
        let worker = world.script(
            LauncherKind::Process,
            "mkfifo gate; (setsid sh -c 'echo $$ >pids; read -r _ <gate' &) ; while [ ! -s pids ]; do sleep 0.01; done",
        );
        let (attempt, _) = world.run(&worker).await;
        assert_eq!(world.ended(&attempt).await, Exit::Code(0));
        let left = pids(world.path())[0];
        tokio::task::yield_now().await;
        assert!(lives(left) && world.said(&attempt).is_empty());
        world.open_gate().await;
        world.gone(&attempt).await;
        assert!(!lives(left));
    });
}

#[test]
fn a_worker_that_forks_without_end_is_killed() {
    alone(
        "tree::a_worker_that_forks_without_end_is_killed",
        || async {
            let mut world = World::new();
            let worker = world.script(
            LauncherKind::Process,
            "echo forking; while :; do (setsid sh -c 'sleep 0.3; setsid sleep 1000 &' &); sleep 0.01; done",
        );
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "forking").await;
            assert_eq!(world.kill(&attempt).await, Exit::Signal(Signal::KILL));
            assert_eq!(
                marked("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str()),
                Vec::<i32>::new()
            );
        },
    );
}

#[test]
fn a_process_that_hops_from_pid_to_pid_is_caught() {
    alone(
        "tree::a_process_that_hops_from_pid_to_pid_is_caught",
        || async {
            let mut world = World::new();
            let hop = world.path().join("hop");
            fs::write(&hop, "#!/bin/sh\nsetsid \"$0\" &\n").unwrap();
            fs::set_permissions(&hop, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            let worker = world.script(LauncherKind::Process, "./hop; exec sleep 1000");
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.kill(&attempt).await, Exit::Signal(Signal::KILL));
            assert_eq!(
                marked("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str()),
                Vec::<i32>::new()
            );
        },
    );
}

#[test]
fn two_attempts_of_one_name_and_id_under_two_daemons_are_two() {
    alone(
        "tree::two_attempts_of_one_name_and_id_under_two_daemons_are_two",
        || async {
            let mut world = World::new();
            // Another daemon's worker: same name, same id, another directory.
            let id = "20261121T004319Z-7f3a9c01".parse().unwrap();
            let attempt = AttemptRef {
                worker: "builder".parse().unwrap(),
                attempt: id,
            };
            let stranger = std::process::Command::new("setsid")
                .args(["--fork", "sh", "-c", "echo $$ >stranger; exec sleep 1000"])
                .current_dir(world.path())
                .env("LOOPKEEPER_WORKER", attempt.worker.as_str())
                .env("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str())
                .env(
                    "LOOPKEEPER_ATTEMPT_DIR",
                    "/elsewhere/attempts/builder/20261121T004319Z-7f3a9c01",
                )
                .spawn()
                .unwrap();
            // Collected by the reaper of this process, like every child.
            drop(stranger);
            let file = world.path().join("stranger");
            let pid = || fs::read_to_string(&file).ok()?.trim().parse::<i32>().ok();
            until("the stranger runs", || pid().is_some()).await;
            let worker = world.script(LauncherKind::Process, "exec sleep 1000");
            world
                .local
                .start(attempt.clone(), &worker, std::collections::BTreeMap::new());
            world.started(&attempt).await;
            world.kill(&attempt).await;
            assert!(lives(pid().unwrap()), "a stranger was killed");
        },
    );
}

#[test]
fn a_cgroup_of_its_own_holds_what_nothing_else_would_find() {
    if !nix::unistd::geteuid().is_root() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "cgroups need root"
        );
        eprintln!("skipped: making a cgroup needs root");
        return;
    }
    alone_with_mounts(
        "tree::a_cgroup_of_its_own_holds_what_nothing_else_would_find",
        || async {
            let place = tempfile::tempdir().unwrap();
            let cgroups = place.path().join("cgroups");
            fs::create_dir(&cgroups).unwrap();
            let none: Option<&str> = None;
            nix::mount::mount(
                Some("none"),
                &cgroups,
                Some("cgroup2"),
                nix::mount::MsFlags::empty(),
                none,
            )
            .unwrap();
            let delegated = cgroups.join(format!("loopkeeper-test-{}", std::process::id()));
            fs::create_dir(&delegated).unwrap();
            let house = House::Delegated(delegated.clone());
            let mut world = World::in_directory(Place::Own(place), house);
            // Knows nothing of us, writes nowhere of ours, and its parent is gone.
            let worker = world.script(
                LauncherKind::Process,
                "(env -i PATH=\"$PATH\" setsid sh -c 'echo $$ >pids; exec sleep 1000' >/dev/null 2>&1 &)
                 while [ ! -s pids ]; do sleep 0.01; done; exit 3",
            );
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.ended(&attempt).await, Exit::Code(3));
            let hidden = pids(world.path())[0];
            assert!(lives(hidden) && world.said(&attempt).is_empty());
            world.local.signal(&attempt, Signal::KILL);
            world.gone(&attempt).await;
            assert!(!lives(hidden));
            // Fails unless the attempt's own cgroup in it was removed.
            fs::remove_dir(&delegated).unwrap();
        },
    );
}

#[test]
fn a_process_that_never_stops_to_exec_is_caught() {
    alone(
        "tree::a_process_that_never_stops_to_exec_is_caught",
        || async {
            let mut world = World::new();
            let again = world.path().join("again");
            fs::write(
                &again,
                "#!/bin/sh\n[ -s pids ] || echo $$ >pids\nexec \"$0\"\n",
            )
            .unwrap();
            fs::set_permissions(&again, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
            // Left behind, in a session of its own, with no output of ours: only its environment
            // tells whose it is, and in the midst of execve(2) it shows none.
            let worker = world.script(
                LauncherKind::Process,
                "(setsid ./again >/dev/null 2>&1 &); while [ ! -s pids ]; do sleep 0.01; done; echo ready; exec sleep 1000",
            );
            for _ in 0..20 {
                let (attempt, _) = world.run(&worker).await;
                world.says(&attempt, "ready").await;
                let hidden = pids(world.path())[0];
                world.kill(&attempt).await;
                assert!(!lives(hidden));
                fs::remove_file(world.path().join("pids")).unwrap();
            }
        },
    );
}
