//! Short-lived commands.

use std::{ffi::OsString, fs, time::Duration};

use loopkeeper::{
    launch::command::{CommandError, Outcome, Request},
    model::{Exit, Signal},
};
use nix::{sys::stat::Mode, unistd::mkfifo};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::net::UnixStream;

use crate::alone::{alone, marked};
use crate::world::{World, lives, until};

fn script(world: &World, text: &str) -> Request {
    Request {
        program: "/bin/sh".into(),
        arguments: ["-c", text].map(OsString::from).into(),
        workdir: world.path().to_owned(),
        environment: Vec::new(),
        as_user: None,
        input: Vec::new(),
        limit: crate::world::SOON,
        keep: 1000,
        cgroup: None,
    }
}

#[test]
fn a_command_tells_its_exit_and_what_it_said() {
    alone(
        "command::a_command_tells_its_exit_and_what_it_said",
        || async {
            let world = World::new();
            let runner = world.local.runner();
            let mut request = script(&world, "cat; echo \"$NOTICE\" >&2; exit 9");
            request.input = vec![b'x'; 500];
            request.environment = vec![("NOTICE".into(), "noticed".into())];
            let outcome = runner.run(request).await.unwrap();
            assert_eq!(
                outcome,
                Outcome {
                    exit: Exit::Code(9),
                    output: vec![b'x'; 500],
                    errors: b"noticed\n".into(),
                }
            );
            let outcome = runner.run(script(&world, "kill -USR1 $$")).await.unwrap();
            let user1 = Signal::from_number(10).unwrap();
            assert_eq!(outcome.exit, Exit::Signal(user1));
        },
    );
}

/// Opens the gate at which a command waits, and returns when that has ended; it is not collected yet.
fn ends(world: &World, name: &str) {
    fs::write(world.path().join(name), "go\n").unwrap();
    let pid = fs::read_to_string(world.path().join(format!("{name}.pid"))).unwrap();
    let pid = WaitId::Pid(Pid::from_raw(pid.trim().parse().unwrap()).unwrap());
    waitid(pid, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
}

#[test]
fn what_it_says_last_is_heard_although_its_end_is_known_first() {
    alone(
        "command::what_it_says_last_is_heard_although_its_end_is_known_first",
        || async {
            let world = World::new();
            let start = |name: &str| {
                mkfifo(&world.path().join(name), Mode::S_IRWXU).unwrap();
                let runner = world.local.runner();
                let waits = format!("echo $$ >{name}.pid; read -r _ <{name}; echo {name}");
                let request = script(&world, &waits);
                tokio::spawn(async move { runner.run(request).await.unwrap() })
            };
            let commands = [start("early"), start("late")];
            let pid = |name: &str| fs::read_to_string(world.path().join(name)).unwrap_or_default();
            until("both run", || {
                ["early.pid", "late.pid"]
                    .iter()
                    .all(|name| pid(name).ends_with('\n'))
            })
            .await;
            // In one turn of the runtime it hears of a child that ended and, before it collects that
            // one, we are told. What ends now is collected as well, and nobody has seen its pipe.
            let (told, tells) = UnixStream::pair().unwrap();
            ends(&world, "early");
            tells.try_write(b"now").unwrap();
            told.readable().await.unwrap();
            ends(&world, "late");
            for (command, said) in commands.into_iter().zip(["early\n", "late\n"]) {
                assert_eq!(command.await.unwrap().output, said.as_bytes());
            }
        },
    );
}

#[test]
fn only_the_head_of_what_it_says_is_kept() {
    alone("command::only_the_head_of_what_it_says_is_kept", || async {
        let world = World::new();
        let flood = script(
            &world,
            "head -c 50000000 /dev/zero; head -c 999 /dev/zero >&2",
        );
        let outcome = world.local.runner().run(flood).await.unwrap();
        assert_eq!((outcome.output.len(), outcome.errors.len()), (1000, 999));
    });
}

#[test]
fn what_it_leaves_behind_does_not_keep_it_from_ending() {
    alone(
        "command::what_it_leaves_behind_does_not_keep_it_from_ending",
        || async {
            let world = World::new();
            let background = script(&world, "echo said; sleep 1000 & exit 0");
            let outcome = world.local.runner().run(background).await.unwrap();
            assert_eq!(
                (outcome.exit, outcome.output),
                (Exit::Code(0), b"said\n".into())
            );
        },
    );
}

#[test]
fn at_its_limit_a_command_is_killed_with_all_it_started() {
    alone(
        "command::at_its_limit_a_command_is_killed_with_all_it_started",
        || async {
            let world = World::new();
            let mut request = script(
                &world,
                "trap '' TERM; (setsid sh -c 'echo $$ >>pids; exec sleep 1000' &); echo $$ >>pids; sleep 1000",
            );
            request.limit = Duration::from_millis(300);
            match world.local.runner().run(request).await {
                Err(CommandError::TimedOut { limit, .. }) => {
                    assert_eq!(limit, Duration::from_millis(300))
                }
                other => panic!("{other:?}"),
            }
            let pids = crate::tree::pids(world.path());
            until("all of it is dead", || !pids.iter().any(|pid| lives(*pid))).await;
        },
    );
}

#[test]
fn a_command_that_nobody_waits_for_is_killed() {
    alone(
        "command::a_command_that_nobody_waits_for_is_killed",
        || async {
            let world = World::new();
            let runner = world.local.runner();
            let request = script(&world, "exec sleep 1234");
            let waiting = tokio::spawn(async move { runner.run(request).await });
            let mark = format!("{}.0", std::process::id());
            let running = || !marked("LOOPKEEPER_COMMAND", &mark).is_empty();
            until("it runs", running).await;
            waiting.abort();
            until("it is dead", || !running()).await;
        },
    );
}

#[test]
fn a_command_that_cannot_be_started_says_why() {
    alone(
        "command::a_command_that_cannot_be_started_says_why",
        || async {
            let world = World::new();
            let mut request = script(&world, "true");
            request.program = "/does/not/exist".into();
            let error = world.local.runner().run(request).await.unwrap_err();
            assert_eq!(error.to_string(), "/does/not/exist: cannot be started");
            assert!(matches!(error, CommandError::Start { .. }));
        },
    );
}

#[test]
fn many_commands_at_once_get_their_own_exits() {
    alone(
        "command::many_commands_at_once_get_their_own_exits",
        || async {
            let world = World::new();
            let mut all = tokio::task::JoinSet::new();
            for code in 0..100u8 {
                let runner = world.local.runner();
                let request = script(&world, &format!("echo {code}; exit {code}"));
                all.spawn(async move { (code, runner.run(request).await.unwrap()) });
            }
            for (code, outcome) in all.join_all().await {
                assert_eq!(outcome.exit, Exit::Code(code));
                assert_eq!(outcome.output, format!("{code}\n").into_bytes());
            }
        },
    );
}
