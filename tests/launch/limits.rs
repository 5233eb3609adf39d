//! A machine that is out of something.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
};

use loopkeeper::{
    launch::House,
    model::{Condition, Exit, LauncherKind, Signal},
};
use nix::mount::{MsFlags, mount};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{
    adoption::told_by_the_kernel,
    alone::{after_death, alone, alone_with_mounts},
    world::{Place, World, lives},
};

const PROCESS: LauncherKind = LauncherKind::Process;

fn limit(resource: Resource, most: u64) {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(resource, limit).unwrap();
}

#[test]
fn without_descriptors_a_start_fails_and_says_so_and_the_others_live() {
    alone(
        "limits::without_descriptors_a_start_fails_and_says_so_and_the_others_live",
        || async {
            let mut world = World::new();
            let worker = world.script(PROCESS, "exec sleep 1000");
            let (first, identity) = world.run(&worker).await;
            let open = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
            // At every depth of a start: from the first file to the last pipe.
            let mut failed = 0;
            for more in 0..12 {
                let mut soft = rustix::process::getrlimit(Resource::Nofile);
                soft.current = Some(open - 1 + more);
                setrlimit(Resource::Nofile, soft).unwrap();
                let attempt = world.start(&worker);
                let event = world.event(&attempt).await;
                soft.current = soft.maximum;
                setrlimit(Resource::Nofile, soft).unwrap();
                match event {
                    loopkeeper::model::HostEvent::Shortage(_, why) => {
                        assert!(why.contains("Too many open files"), "{why}");
                        failed += 1;
                        let marked =
                            crate::alone::marked("LOOPKEEPER_ATTEMPT", attempt.attempt.as_str());
                        assert_eq!(marked, Vec::<i32>::new());
                    }
                    loopkeeper::model::HostEvent::Started(..) => {
                        world.kill(&attempt).await;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!((3..12).contains(&failed), "{failed}");
            assert!(lives(identity.pid));
            assert_eq!(world.kill(&first).await, Exit::Signal(Signal::KILL));
        },
    );
}

#[test]
fn more_adopted_workers_than_descriptors_live_and_end_as_they_should() {
    const WORKERS: usize = 30;
    after_death(
        "limits::more_adopted_workers_than_descriptors_live_and_end_as_they_should",
        |mut world| async move {
            let worker = world.script(PROCESS, "exec sleep 1000");
            for _ in 0..WORKERS {
                world.run(&worker).await;
            }
        },
        |directory| async {
            let mut world = World::of(directory);
            let mut soft = rustix::process::getrlimit(Resource::Nofile);
            soft.current = Some(fs::read_dir("/proc/self/fd").unwrap().count() as u64 + 20);
            setrlimit(Resource::Nofile, soft).unwrap();
            let found = world.local.survey().await.unwrap();
            assert_eq!(found.len(), WORKERS);
            let mut adopted = Vec::new();
            for one in found {
                let Condition::Alive(identity) = one.is else {
                    panic!("{one:?}");
                };
                world.local.adopt(&one.attempt, &identity);
                adopted.push((one.attempt, identity));
            }
            let why = world.problem("too few descriptors").await;
            assert!(why.contains("(os error 24)"), "{why}");
            // Whatever else there is to do can be done.
            let (quick, _) = world.run(&world.script(PROCESS, "exit 3")).await;
            assert_eq!(world.gone_after_end(&quick).await, Exit::Code(3));
            let alive = world.local.survey().await.unwrap();
            let alive = alive
                .iter()
                .filter(|found| matches!(found.is, Condition::Alive(_)));
            assert_eq!(alive.count(), WORKERS);
            for (attempt, _) in &adopted {
                assert_eq!(world.said(attempt), []);
                world.local.signal(attempt, Signal::TERM);
            }
            let mut unseen = 0;
            for (attempt, identity) in adopted {
                match world.gone_after_end(&attempt).await {
                    Exit::Lost(why) if why.contains("too few descriptors") => unseen += 1,
                    exit => told_by_the_kernel(&exit, &Exit::Signal(Signal::TERM)),
                }
                assert!(!lives(identity.pid));
            }
            // Of the others the one who collected them, if slow enough, left a zombie to look at.
            assert!(unseen < WORKERS, "nothing was watched");
            // One text, which is shown once, however many it is about.
            let all = world.problems("");
            assert_eq!(world.problems(&why), all);
        },
    );
}

#[test]
fn a_worker_has_the_limit_on_open_files_that_the_daemon_was_given() {
    alone(
        "limits::a_worker_has_the_limit_on_open_files_that_the_daemon_was_given",
        || async {
            let given = Rlimit {
                current: Some(500),
                maximum: Some(1000),
            };
            setrlimit(Resource::Nofile, given).unwrap();
            let mut world = World::new();
            assert_eq!(
                rustix::process::getrlimit(Resource::Nofile).current,
                Some(1000)
            );
            let worker = world.script(PROCESS, "echo \"$(ulimit -Sn) $(ulimit -Hn).\"");
            let (attempt, _) = world.run(&worker).await;
            world.gone_after_end(&attempt).await;
            world.says(&attempt, "500 1000.").await;
        },
    );
}

#[test]
fn when_no_process_can_be_made_a_start_fails_and_says_so() {
    alone(
        "limits::when_no_process_can_be_made_a_start_fails_and_says_so",
        || async {
            let mut world = World::new();
            // The limit is not for root.
            if nix::unistd::geteuid().is_root() {
                for directory in [world.path(), &world.state(), &world.runtime()] {
                    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
                }
                nix::unistd::setuid(nix::unistd::Uid::from_raw(65534)).unwrap();
            }
            limit(Resource::Nproc, 0);
            let worker = world.script(PROCESS, "true");
            let attempt = world.start(&worker);
            let why = world.shortage(&attempt).await;
            assert!(why.contains("Resource temporarily unavailable"), "{why}");
        },
    );
}

/// A world whose state directory is a file system of this type; for [`alone_with_mounts`].
fn world_on(kind: &str, options: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    fs::create_dir(&state).unwrap();
    let (source, flags) = (Some("none"), MsFlags::empty());
    mount(source, &state, Some(kind), flags, Some(options)).unwrap();
    World::in_directory(Place::Own(directory), House::None)
}

#[test]
fn a_full_disk_fails_a_start_and_spares_what_runs() {
    alone_with_mounts(
        "limits::a_full_disk_fails_a_start_and_spares_what_runs",
        || async {
            let mut world = world_on("tmpfs", "size=64k");
            let worker = world.script(
                PROCESS,
                "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done",
            );
            let (attempt, identity) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            let fill = world.state().join("fill");
            assert!(
                fs::write(&fill, vec![0; 1 << 20]).is_err(),
                "the disk is not full"
            );
            let second = world.start(&worker);
            let why = world.shortage(&second).await;
            assert!(why.contains("No space left on device"), "{why}");
            assert!(lives(identity.pid));
            // Its exit cannot be recorded; it is told all the same, with the problem.
            world.local.signal(&attempt, Signal::TERM);
            match world.event(&attempt).await {
                loopkeeper::model::HostEvent::Ended(_, exit, _) => assert_eq!(exit, Exit::Code(3)),
                other => panic!("{other:?}"),
            }
            world.gone(&attempt).await;
            let text = world.problem("exit.json").await;
            assert!(text.contains("No space left on device"), "{text}");
        },
    );
}

#[test]
fn without_holes_output_is_cut_off_and_that_is_told_once() {
    alone_with_mounts(
        "limits::without_holes_output_is_cut_off_and_that_is_told_once",
        || async {
            let mut world = world_on("ramfs", "");
            let mut worker = world.script(PROCESS, "mkfifo one two; head -c 3000000 /dev/zero; read -r _ <one; head -c 3000000 /dev/zero; read -r _ <two; echo last");
            worker.keep_output = 100_000;
            let (attempt, _) = world.run(&worker).await;
            world.problem("has no holes").await;
            let output = world.directory(&attempt).output();
            let size = || fs::metadata(&output).unwrap().len();
            for gate in ["one", "two"] {
                // A writer waits in its open until the worker has written everything and reads.
                let gate = world.path().join(gate);
                crate::world::until("it reads", || {
                    OpenOptions::new()
                        .write(true)
                        .custom_flags(nix::libc::O_NONBLOCK)
                        .open(&gate)
                        .is_ok_and(|mut gate| gate.write_all(b"go\n").is_ok())
                })
                .await;
                crate::world::until("it is cut off", || size() < 100_000).await;
            }
            world.gone_after_end(&attempt).await;
            world.says(&attempt, "last").await;
            assert_eq!(world.problems("has no holes"), 1);
        },
    );
}

#[test]
fn a_runtime_directory_that_is_too_long_for_a_socket_is_refused() {
    alone(
        "limits::a_runtime_directory_that_is_too_long_for_a_socket_is_refused",
        || async {
            let long = tempfile::tempdir().unwrap();
            let directory = long.path().join("x".repeat(100));
            fs::create_dir(&directory).unwrap();
            let mut world = World::in_directory(Place::Other(directory), House::None);
            let worker = world.script(LauncherKind::Tmux, "true");
            let attempt = world.start(&worker);
            let why = world.start_failed(&attempt).await;
            assert!(
                why.contains("unix(7) allows 107 bytes")
                    && why.contains("shorter runtime directory"),
                "{why}"
            );
        },
    );
}
