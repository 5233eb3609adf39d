//! Workers that outlive the daemon that started them, and the daemon that finds them.

use std::fs;

use loopkeeper::{
    launch::directory::{Directory, Start},
    model::{AttemptRef, Condition, Exit, LauncherKind, Signal},
};
use tempfile::TempDir;

use crate::{
    alone::{after_death, alone, kill},
    tree::{HIDING, pids},
    world::{World, lives, until},
};

const PROCESS: LauncherKind = LauncherKind::Process;

/// The only attempt that the dead daemon left.
fn left(directory: &TempDir) -> (AttemptRef, Directory) {
    let state = directory.path().join("state");
    let worker = "builder".parse().unwrap();
    let attempt = loopkeeper::launch::directory::attempts(&state, &worker)
        .unwrap()
        .remove(0);
    let attempt = AttemptRef { worker, attempt };
    let directory = Directory::of(&state, &attempt);
    (attempt, directory)
}

/// Whether the kernel keeps the exit of a process for those who hold a pidfd of it (6.15).
fn the_kernel_keeps_exits() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut number = release
        .split(['.', '-'])
        .map_while(|part| part.parse::<u32>().ok());
    (number.next(), number.next()) >= (Some(6), Some(15))
}

async fn adopted_until_its_end(directory: TempDir, stop: Option<Signal>, true_exit: Exit) {
    let mut world = World::of(directory);
    let (attempt, condition) = world.found().await;
    let Condition::Alive(identity) = condition else {
        panic!("{condition:?}");
    };
    assert!(lives(identity.pid));
    world.local.adopt(&attempt, &identity);
    match stop {
        Some(signal) => world.local.signal(&attempt, signal),
        None => world.open_gate().await,
    }
    let exit = world.gone_after_end(&attempt).await;
    told_by_the_kernel(&exit, &true_exit);
}

/// The exit of a process that is nobody's child whom we know: true, or lost where the kernel is too
/// old to tell.
pub(crate) fn told_by_the_kernel(told: &Exit, true_exit: &Exit) {
    if the_kernel_keeps_exits() {
        assert_eq!(told, true_exit);
    } else {
        let lost = matches!(told, Exit::Lost(why) if why.contains("6.15"));
        assert!(lost, "{told:?}");
    }
}

#[test]
fn the_exit_of_an_adopted_worker_is_known() {
    after_death(
        "adoption::the_exit_of_an_adopted_worker_is_known",
        |mut world| async move {
            let worker = world.script(PROCESS, "mkfifo gate; echo ready; read -r _ <gate; exit 43");
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
        },
        |directory| adopted_until_its_end(directory, None, Exit::Code(43)),
    );
}

#[test]
fn the_signal_that_ended_an_adopted_worker_is_known() {
    after_death(
        "adoption::the_signal_that_ended_an_adopted_worker_is_known",
        |mut world| async move {
            let worker = world.script(PROCESS, "exec sleep 1000");
            world.run(&worker).await;
        },
        |directory| {
            adopted_until_its_end(directory, Some(Signal::TERM), Exit::Signal(Signal::TERM))
        },
    );
}

#[test]
fn the_whole_tree_of_an_adopted_worker_is_killed() {
    after_death(
        "adoption::the_whole_tree_of_an_adopted_worker_is_killed",
        |mut world| async move {
            let script = format!("touch pids; {HIDING}\nexec sleep 1000");
            let worker = world.script(PROCESS, &script);
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "hidden").await;
        },
        |directory| async {
            let mut world = World::of(directory);
            let (attempt, condition) = world.found().await;
            let Condition::Alive(identity) = condition else {
                panic!("{condition:?}");
            };
            world.local.adopt(&attempt, &identity);
            world.kill(&attempt).await;
            let left: Vec<_> = pids(world.path())
                .into_iter()
                .filter(|pid| lives(*pid))
                .collect();
            assert_eq!(left, Vec::<i32>::new());
        },
    );
}

#[test]
fn an_end_that_nobody_saw_is_lost_and_stays_so() {
    after_death(
        "adoption::an_end_that_nobody_saw_is_lost_and_stays_so",
        |mut world| async move {
            let worker = world.script(PROCESS, "exec sleep 1000");
            world.run(&worker).await;
        },
        |directory| async {
            let (attempt, of) = left(&directory);
            let pid = of.start().unwrap().identity.pid;
            kill(pid);
            until("it ended", || !lives(pid)).await;
            let mut world = World::of(directory);
            let exit = Exit::Lost("nobody wrote down how it ended".into());
            let condition = Condition::Ended {
                exit: exit.clone(),
                survivors: 0,
                by: None,
            };
            assert_eq!(world.found().await, (attempt.clone(), condition.clone()));
            assert_eq!(of.ended().unwrap().exit, exit);
            assert_eq!(world.found().await, (attempt.clone(), condition));
            world.local.conclude(&attempt);
            assert_eq!(world.local.survey().await.unwrap(), []);
        },
    );
}

#[test]
fn survivors_of_an_end_that_nobody_saw_are_found_and_killed() {
    after_death(
        "adoption::survivors_of_an_end_that_nobody_saw_are_found_and_killed",
        |mut world| async move {
            let worker = world.script(
                PROCESS,
                "(setsid sleep 1000 &); (setsid sleep 1000 &); exec sleep 1000",
            );
            world.run(&worker).await;
        },
        |directory| async {
            let (attempt, of) = left(&directory);
            let marked = || crate::alone::marked("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str());
            until("all of it runs", || marked().len() == 3).await;
            let pid = of.start().unwrap().identity.pid;
            kill(pid);
            until("it ended", || !lives(pid)).await;
            let mut world = World::of(directory);
            let (_, condition) = world.found().await;
            let Condition::Ended { survivors: 2, .. } = condition else {
                panic!("{condition:?}");
            };
            // Concluded too early, it is still found.
            world.local.conclude(&attempt);
            let (again, condition) = world.found().await;
            assert_eq!(again, attempt);
            assert!(
                matches!(condition, Condition::Ended { survivors: 2, .. }),
                "{condition:?}"
            );
            world.local.signal(&attempt, Signal::KILL);
            world.gone(&attempt).await;
            assert_eq!(marked(), Vec::<i32>::new());
        },
    );
}

#[test]
fn a_worker_whose_start_was_not_recorded_is_found() {
    after_death(
        "adoption::a_worker_whose_start_was_not_recorded_is_found",
        |mut world| async move {
            let worker = world.script(
                PROCESS,
                "(setsid sleep 1000 &); echo ready; sleep 1000; exit 8",
            );
            let (attempt, identity) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            fs::write(world.path().join("pid"), identity.pid.to_string()).unwrap();
            // As if the daemon had died between the fork and the record.
            fs::remove_file(world.directory(&attempt).path().join("start.json")).unwrap();
        },
        |directory| async {
            let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
            let mut world = World::of(directory);
            let (attempt, condition) = world.found().await;
            let Condition::Alive(identity) = condition else {
                panic!("{condition:?}");
            };
            assert_eq!(identity.pid.to_string(), pid);
            world.local.adopt(&attempt, &identity);
            world.kill(&attempt).await;
        },
    );
}

/// The state directory is removed under a worker, and then the daemon is killed.
fn without_a_state_directory(name: &'static str, launcher: LauncherKind) {
    after_death(
        name,
        move |mut world| async move {
            let worker = world.script(
                launcher,
                "mkfifo gate; (setsid sleep 1000 &); echo ready; read -r _ <gate; exit 44",
            );
            let (attempt, identity) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            fs::write(world.path().join("pid"), identity.pid.to_string()).unwrap();
            fs::remove_dir_all(world.state()).unwrap();
        },
        |directory| async {
            let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
            let mut world = World::of(directory);
            let (attempt, condition) = world.found().await;
            let Condition::Alive(identity) = condition else {
                panic!("{condition:?}");
            };
            assert_eq!(identity.pid.to_string(), pid);
            world.problem("was removed while its worker runs").await;
            assert_eq!(
                world.found().await,
                (attempt.clone(), Condition::Alive(identity.clone()))
            );
            world.local.adopt(&attempt, &identity);
            world.open_gate().await;
            let exit = world.ended(&attempt).await;
            // A session's exit is recorded where it belongs.
            match world.directory(&attempt).start().unwrap().pane {
                Some(_) => assert_eq!(exit, Exit::Code(44)),
                None => told_by_the_kernel(&exit, &Exit::Code(44)),
            }
            world.local.signal(&attempt, Signal::KILL);
            world.gone(&attempt).await;
            let marked = crate::alone::marked("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str());
            assert_eq!(marked, Vec::<i32>::new());
        },
    );
}

#[test]
fn a_child_whose_directory_was_removed_lives() {
    without_a_state_directory(
        "adoption::a_child_whose_directory_was_removed_lives",
        PROCESS,
    );
}

#[test]
fn a_session_whose_directory_was_removed_lives() {
    without_a_state_directory(
        "adoption::a_session_whose_directory_was_removed_lives",
        LauncherKind::Tmux,
    );
}

#[test]
fn what_cannot_be_made_out_is_unknown_and_not_ended() {
    alone(
        "adoption::what_cannot_be_made_out_is_unknown_and_not_ended",
        || async {
            let mut world = World::new();
            let attempt = AttemptRef {
                worker: "builder".parse().unwrap(),
                attempt: "20261121T004319Z-7f3a9c01".parse().unwrap(),
            };
            // Something of the attempt that leads no session: no worker of ours does so.
            let path = world.directory(&attempt).path().to_owned();
            let part = std::process::Command::new("sleep")
                .arg("1000")
                .env("LOOPKEEPER_WORKER", attempt.worker.as_str())
                .env("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str())
                .env("LOOPKEEPER_ATTEMPT_DIR", &path)
                .spawn()
                .unwrap();
            let pid = i32::try_from(part.id()).unwrap();
            // Collected by the reaper of this process, like every child.
            drop(part);
            let (found, condition) = world.found().await;
            assert_eq!(found, attempt);
            let unknown =
                matches!(&condition, Condition::Unknown(why) if why.contains("was removed"));
            assert!(unknown, "{condition:?}");
            // Asked again when it is over, the host says so.
            kill(pid);
            until("it ended", || !lives(pid)).await;
            assert_eq!(world.local.survey().await.unwrap(), []);
        },
    );
}

#[test]
fn the_attempts_of_another_daemon_are_not_ours() {
    after_death(
        "adoption::the_attempts_of_another_daemon_are_not_ours",
        |mut world| async move {
            let worker = world.script(PROCESS, "exec sleep 1000");
            world.run(&worker).await;
        },
        |_directory| async {
            let mut world = World::new();
            assert_eq!(world.local.survey().await.unwrap(), []);
        },
    );
}

#[test]
fn output_of_an_adopted_worker_stays_bounded() {
    after_death(
        "adoption::output_of_an_adopted_worker_stays_bounded",
        |mut world| async move {
            let worker = world.script(
                PROCESS,
                "mkfifo gate; echo ready; read -r _ <gate; head -c 30000000 /dev/zero; exec sleep 1000",
            );
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
        },
        |directory| async {
            let (attempt, of) = left(&directory);
            let mut world = World::of(directory);
            let (_, condition) = world.found().await;
            let Condition::Alive(identity) = condition else {
                panic!("{condition:?}");
            };
            world.local.adopt(&attempt, &identity);
            world.open_gate().await;
            use std::os::unix::fs::MetadataExt;
            let file = || fs::metadata(of.output()).unwrap();
            until("all is written", || file().len() > 30_000_000).await;
            until("the head is cut off", || file().blocks() * 512 < 2_000_000).await;
            world.kill(&attempt).await;
        },
    );
}

#[test]
fn a_stranger_with_a_recycled_pid_is_never_signalled() {
    alone(
        "adoption::a_stranger_with_a_recycled_pid_is_never_signalled",
        || async {
            let mut world = World::new();
            // The stranger: started by nobody of ours, so it is not known to the host.
            let worker = world.script(PROCESS, "exec sleep 1000");
            let (stranger, real) = world.run(&worker).await;
            let mut other = world.script(PROCESS, "exit 0");
            other.name = "other".parse().unwrap();
            let (attempt, _) = world.run(&other).await;
            world.gone_after_end(&attempt).await;

            // A record of an attempt whose pid belongs to the stranger by now.
            let directory = world.directory(&attempt);
            let mut start: Start = directory.start().unwrap();
            start.identity.pid = real.pid;
            start.identity.started = real.started - 1;
            let text = serde_json::to_vec(&start).unwrap();
            fs::write(directory.path().join("start.json"), text).unwrap();
            fs::remove_file(directory.path().join("exit.json")).unwrap();
            let found = world.local.survey().await.unwrap();
            let of = |name: &AttemptRef| {
                found
                    .iter()
                    .find(|found| found.attempt == *name)
                    .unwrap()
                    .is
                    .clone()
            };
            assert_eq!(of(&stranger), Condition::Alive(real.clone()));
            let ended = of(&attempt);
            assert!(
                matches!(ended, Condition::Ended { survivors: 0, .. }),
                "{ended:?}"
            );

            // Also when it is adopted all the same.
            world.local.adopt(&attempt, &start.identity);
            world.kill(&attempt).await;
            assert!(lives(real.pid));
            world.local.signal(&attempt, Signal::KILL);
            world.gone(&attempt).await;
            assert!(lives(real.pid));
            assert_eq!(world.kill(&stranger).await, Exit::Signal(Signal::KILL));
        },
    );
}
