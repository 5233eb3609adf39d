//! What is said of directories alone.

use std::fs;

use jiff::Timestamp;
use loopkeeper::{
    host::process::Process,
    launch::directory::{Directory, Pane, Start, attempts},
    model::{Condition, Exit, Intervention, LauncherKind, Signal},
};

use crate::alone::alone;
use crate::world::World;

const PROCESS: LauncherKind = LauncherKind::Process;

/// Makes its start that of an earlier boot, with the pid and start time of somebody who lives.
fn of_another_boot(directory: &Directory) {
    let mut start: Start = directory.start().unwrap();
    start.identity.boot = "00000000-0000-0000-0000-000000000000".parse().unwrap();
    let own = Process::of(1).unwrap();
    (start.identity.pid, start.identity.started) = (own.pid, own.started);
    let text = serde_json::to_vec(&start).unwrap();
    fs::write(directory.path().join("start.json"), text).unwrap();
}

fn recorded_at() -> Timestamp {
    "2026-11-21T16:25:20Z".parse().unwrap()
}

/// As systemd's own hand leaves it: what was asked of the unit, and at [`recorded_at`] how it ended.
fn as_the_manager_wrote(directory: &Directory, asked: &str) {
    let mut start: Start = directory.start().unwrap();
    start.invocation = Some("aa".to_owned());
    let text = serde_json::to_vec(&start).unwrap();
    let path = directory.path();
    fs::write(path.join("start.json"), text).unwrap();
    fs::write(path.join("unit-asked"), asked).unwrap();
    fs::write(path.join("unit-exit"), "exit-code exited 7 aa\n").unwrap();
    let record = fs::File::options()
        .append(true)
        .open(path.join("unit-exit"));
    record.unwrap().set_modified(recorded_at().into()).unwrap();
}

/// How it ended, and what ended it.
async fn end(world: &mut World) -> (Exit, Option<Intervention>) {
    match world.found().await.1 {
        Condition::Ended {
            exit,
            survivors: 0,
            by,
        } => (exit, by),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_attempt_of_another_boot_went_down_with_the_machine() {
    alone(
        "survey::an_attempt_of_another_boot_went_down_with_the_machine",
        || async {
            let mut world = World::new();
            let worker = world.script(PROCESS, "exit 4");
            let (attempt, _) = world.run(&worker).await;
            world.gone_after_end(&attempt).await;
            let directory = world.directory(&attempt);
            of_another_boot(&directory);

            let stands = (Exit::Code(4), None);
            assert_eq!(end(&mut world).await, stands, "what was recorded before");
            fs::remove_file(directory.path().join("exit.json")).unwrap();
            for (asked, by) in [
                ("", None),
                ("stop running aa\n", Some(Intervention::Stopped)),
                (
                    "stop running aa /mnt\n",
                    Some(Intervention::Unmounted("/mnt".into())),
                ),
                // With the machine, every file system is unmounted.
                (
                    "stop stopping aa /mnt\n",
                    Some(Intervention::MachineWentDown(recorded_at())),
                ),
                (
                    "stop stopping aa\n",
                    Some(Intervention::MachineWentDown(recorded_at())),
                ),
            ] {
                as_the_manager_wrote(&directory, asked);
                assert_eq!(end(&mut world).await, (Exit::Code(7), by), "{asked}");
            }
            fs::remove_file(directory.path().join("unit-exit")).unwrap();
            let lost = (Exit::machine_went_down(), Some(Intervention::ManagerEnded));
            assert_eq!(end(&mut world).await, lost);
            assert_eq!(end(&mut world).await, lost, "also once that is recorded");
        },
    );
}

/// A worker whose processes get SIGTERM, in this order, and whose machine then boots again.
async fn told_to_end(who: impl Fn(&Pane, i32) -> Vec<i32>, exit: Signal) {
    let mut world = World::new();
    let worker = world.script(LauncherKind::Tmux, "exec sleep 1000");
    let (attempt, identity) = world.run(&worker).await;
    let directory = world.directory(&attempt);
    let pane = directory.start().unwrap().pane.unwrap();
    for pid in who(&pane, identity.pid) {
        let pid = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).unwrap();
    }
    assert_eq!(world.gone_after_end(&attempt).await, Exit::Signal(exit));
    of_another_boot(&directory);
    let at = directory.ended().unwrap().at;
    let with_machine = (Exit::Signal(exit), Some(Intervention::MachineWentDown(at)));
    assert_eq!(end(&mut world).await, with_machine);
}

#[test]
fn who_was_told_to_end_after_what_is_around_it_went_down_with_the_machine() {
    alone(
        "survey::who_was_told_to_end_after_what_is_around_it_went_down_with_the_machine",
        || told_to_end(|pane, worker| vec![pane.wrapper.pid, worker], Signal::TERM),
    );
}

#[test]
fn who_lost_its_terminal_first_went_down_with_the_machine() {
    alone(
        "survey::who_lost_its_terminal_first_went_down_with_the_machine",
        || told_to_end(|pane, _| vec![pane.server.pid], Signal::HUP),
    );
}

#[test]
fn a_directory_in_which_nothing_ran_is_told_from_one_that_was_cut_short() {
    alone(
        "survey::a_directory_in_which_nothing_ran_is_told_from_one_that_was_cut_short",
        || async {
            let mut world = World::new();
            let worker = world.worker(PROCESS, "/does/not/exist", &[]);
            let attempt = world.start(&worker);
            world.shortage(&attempt).await;
            fs::create_dir_all(world.directory(&attempt).path()).unwrap();
            assert_eq!(
                world.found().await,
                (attempt.clone(), Condition::NeverStarted)
            );
            // The output is given away before the fork: whoever holds it may be about to run.
            let output = fs::File::create(world.directory(&attempt).output()).unwrap();
            rustix::fs::flock(&output, rustix::fs::FlockOperation::LockExclusive).unwrap();
            let condition = world.found().await.1;
            assert!(matches!(condition, Condition::Unknown(_)), "{condition:?}");
            drop(output);
            assert_eq!(world.found().await.1, Condition::NeverStarted);
        },
    );
}

#[test]
fn whether_it_ran_is_admitted_not_to_be_known_where_its_start_was_not_recorded() {
    alone(
        "survey::whether_it_ran_is_admitted_not_to_be_known_where_its_start_was_not_recorded",
        || async {
            let mut world = World::new();
            let worker = world.script(PROCESS, "exit 4");
            let (attempt, _) = world.run(&worker).await;
            world.gone_after_end(&attempt).await;
            let directory = world.directory(&attempt);
            let path = directory.path().to_owned();
            // As if the daemon had been killed, and the worker with it, before it wrote that.
            let forget = |names: &[&str]| {
                for name in names {
                    fs::remove_file(path.join(name)).unwrap();
                }
            };
            forget(&["start.json", "exit.json"]);
            let lost = |exit| Condition::Ended {
                exit,
                survivors: 0,
                by: None,
            };
            let condition = world.found().await.1;
            assert_eq!(condition, lost(Exit::start_unseen()));
            assert_eq!(directory.ended().unwrap().exit, Exit::start_unseen());
            // Of an earlier boot the machine took it along, if it ran.
            forget(&["exit.json"]);
            let mut spec = directory.spec().unwrap();
            spec.boot = Some("00000000-0000-0000-0000-000000000000".parse().unwrap());
            let of_then = serde_json::to_vec(&spec).unwrap();
            fs::write(path.join("spec.json"), of_then).unwrap();
            let condition = world.found().await.1;
            assert_eq!(condition, lost(Exit::machine_went_down()));
            // A spec that is damaged was there, and one that is not was never followed.
            forget(&["exit.json"]);
            fs::write(path.join("spec.json"), "{").unwrap();
            assert_eq!(world.found().await.1, lost(Exit::start_unseen()));
            forget(&["exit.json", "spec.json"]);
            assert_eq!(world.found().await.1, Condition::NeverStarted);
        },
    );
}

#[test]
fn damaged_records_are_no_death() {
    alone("survey::damaged_records_are_no_death", || async {
        let mut world = World::new();
        let worker = world.script(PROCESS, "exec sleep 1000");
        let (attempt, identity) = world.run(&worker).await;
        let path = world.directory(&attempt).path().to_owned();
        for damage in [&b""[..], b"{", b"\xff\x00\xfe", b"{\"identity\":null}"] {
            fs::write(path.join("start.json"), damage).unwrap();
            fs::write(path.join("exit.json"), damage).unwrap();
            fs::write(path.join("spec.json"), damage).unwrap();
            assert_eq!(world.found().await.1, Condition::Alive(identity.clone()));
        }
        world.kill(&attempt).await;
    });
}

#[test]
fn only_so_many_concluded_attempts_are_kept() {
    alone(
        "survey::only_so_many_concluded_attempts_are_kept",
        || async {
            let mut world = World::new();
            let worker = world.script(PROCESS, "true");
            let mut all = Vec::new();
            for _ in 0..6 {
                let (attempt, _) = world.run(&worker).await;
                world.gone_after_end(&attempt).await;
                world.local.conclude(&attempt);
                all.push(attempt.attempt);
            }
            let left = attempts(&world.state(), &worker.name).unwrap();
            assert_eq!(left, all[3..]);
        },
    );
}
