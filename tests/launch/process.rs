//! Workers that are children.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use loopkeeper::{
    config::{Program, Tailscale},
    model::{Exit, HostEvent, LauncherKind, Signal},
};

use crate::alone::alone;
use crate::world::{World, lives, until};

const PROCESS: LauncherKind = LauncherKind::Process;

#[test]
fn a_worker_that_is_stopped_can_handle_the_signal_that_ends_it() {
    alone(
        "process::a_worker_that_is_stopped_can_handle_the_signal_that_ends_it",
        || async {
            let mut world = World::new();
            let worker = world.script(
                PROCESS,
                "trap 'echo bye; exit 5' TERM; echo ready; kill -STOP $$; while :; do sleep 0.1; done",
            );
            let (attempt, identity) = world.run(&worker).await;
            let stat = || fs::read_to_string(format!("/proc/{}/stat", identity.pid)).unwrap();
            until("it is stopped", || stat().contains(") T ")).await;
            world.local.signal(&attempt, Signal::TERM);
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(5));
            world.says(&attempt, "bye").await;
        },
    );
}

#[test]
fn every_exit_code_is_told_as_it_was() {
    alone("process::every_exit_code_is_told_as_it_was", || async {
        let mut world = World::new();
        let codes: Vec<_> = (0..=255u8).collect();
        // A worker's starts are looked at one after the other, and none of them waits for long.
        for codes in codes.chunks(32) {
            let start = |code: &u8| {
                let worker = world.script(PROCESS, &format!("exit {code}"));
                (world.start(&worker), *code)
            };
            let attempts: Vec<_> = codes.iter().map(start).collect();
            for (attempt, code) in attempts {
                world.started(&attempt).await;
                assert_eq!(world.ended(&attempt).await, Exit::Code(code));
                world.gone(&attempt).await;
            }
        }
    });
}

#[test]
fn every_signal_that_ends_it_is_told_by_name() {
    alone(
        "process::every_signal_that_ends_it_is_told_by_name",
        || async {
            let mut world = World::new();
            let harmless = [
                "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG",
                "SIGWINCH",
            ];
            let deadly = (1..=64)
                .filter(|number| *number != 32 && *number != 33)
                .filter_map(Signal::from_number)
                .filter(|signal| !harmless.contains(&signal.to_string().as_str()));
            let worker = world.worker(PROCESS, "sleep", &["1000"]);
            let mut count = 0;
            for signal in deadly {
                let (attempt, identity) = world.run(&worker).await;
                // Not by a shell of itself: some have SIGQUIT ignored.
                let kill = Command::new("kill")
                    .args([format!("-{}", signal.number()), identity.pid.to_string()])
                    .status();
                assert!(kill.unwrap().success());
                assert_eq!(world.ended(&attempt).await, Exit::Signal(signal));
                world.gone(&attempt).await;
                count += 1;
            }
            assert!(count > 50, "{count}");
        },
    );
}

#[test]
fn it_gets_its_own_session_environment_and_files_and_nothing_of_ours() {
    alone(
        "process::it_gets_its_own_session_environment_and_files_and_nothing_of_ours",
        || async {
            let mut world = World::new();
            let open = fs::File::open("/dev/null").unwrap();
            // Descriptors that somebody made inheritable by mistake do not leak either.
            rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
            let mut worker = world.script(
                PROCESS,
                "ls -l /proc/self/fd; echo; env; echo; ps -o sid= -p $$; cat; echo $$ $PWD",
            );
            worker.environment.insert("OWN".into(), "a b\n$c".into());
            let (attempt, identity) = world.run(&worker).await;
            assert_eq!(world.ended(&attempt).await, Exit::Code(0));
            world.gone(&attempt).await;
            let directory = world.directory(&attempt);
            let output = fs::read_to_string(directory.output()).unwrap();
            let (files, rest) = output.split_once("\n\n").unwrap();
            let files: Vec<&str> = files
                .lines()
                .filter_map(|line| line.split(" -> ").nth(1))
                .collect();
            let log = directory.output().to_string_lossy().into_owned();
            // The fourth is the directory that `ls` itself reads.
            assert_eq!(files[..3], ["/dev/null", &log, &log], "{files:?}");
            assert_eq!(files.len(), 4, "{files:?}");
            for told in [
                format!("LOOPKEEPER_WORKER={}", attempt.worker),
                format!("LOOPKEEPER_ATTEMPT={}", attempt.attempt),
                format!("LOOPKEEPER_ATTEMPT_DIR={}", directory.path().display()),
                "OWN=a b\n$c".to_owned(),
            ] {
                assert!(rest.contains(&told), "{told} in {rest}");
            }
            for hidden in [
                "NOTIFY_SOCKET",
                "WATCHDOG_USEC",
                "LISTEN_FDS",
                "INVOCATION_ID",
                "LOOPKEEPER_OUTER",
            ] {
                assert!(
                    std::env::var_os(hidden).is_some(),
                    "{hidden} is to be hidden"
                );
                assert!(!rest.contains(hidden), "{hidden} in {rest}");
            }
            let last: Vec<&str> = rest.lines().rev().take(2).collect();
            assert_eq!(
                last[1].trim(),
                identity.pid.to_string(),
                "leads its session"
            );
            assert_eq!(
                last[0],
                format!("{} {}", identity.pid, world.path().display())
            );
            let mode = fs::metadata(directory.output())
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        },
    );
}

#[test]
fn arguments_arrive_as_they_were_declared() {
    alone(
        "process::arguments_arrive_as_they_were_declared",
        || async {
            crate::tmux::arguments_arrive(PROCESS).await;
        },
    );
}

#[test]
fn what_cannot_be_started_says_why_and_leaves_nothing() {
    alone(
        "process::what_cannot_be_started_says_why_and_leaves_nothing",
        || async {
            let mut world = World::new();
            let not_executable = world.path().join("text");
            fs::write(&not_executable, "no program").unwrap();
            let script = world.path().join("script");
            fs::write(&script, "#!/does/not/exist\n").unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            // What is not there may come to be there.
            for (program, why, until) in [
                ("/does/not/exist", "does not exist", "it is there"),
                ("/bin", "is a directory", "it is there"),
                (
                    not_executable.to_str().unwrap(),
                    "is not executable",
                    "it can be run",
                ),
            ] {
                let worker = world.worker(PROCESS, program, &[]);
                let attempt = world.start(&worker);
                let text = world.shortage(&attempt).await;
                let expected = format!("program {program} {why}");
                assert!(text.starts_with(&expected), "{text}");
                assert!(
                    text.ends_with(&format!("; it is looked for again until {until}")),
                    "{text}"
                );
                assert_eq!(world.said(&attempt), Vec::<HostEvent>::new());
            }
            let mut worker = world.script(PROCESS, "true");
            worker.workdir = "/does/not/exist".into();
            let attempt = world.start(&worker);
            let text = world.shortage(&attempt).await;
            let expected = "workdir /does/not/exist does not exist; mount what it is on";
            assert!(text.starts_with(expected), "{text}");

            let worker = world.worker(PROCESS, script.to_str().unwrap(), &[]);
            let attempt = world.start(&worker);
            let text = world.start_failed(&attempt).await;
            let why = format!(
                "{}: its interpreter /does/not/exist: No such file",
                script.display()
            );
            assert!(text.starts_with(&why), "{text}");
            assert_eq!(world.said(&attempt), Vec::<HostEvent>::new());
        },
    );
}

#[test]
fn the_signal_that_asks_reaches_the_whole_tree() {
    alone(
        "process::the_signal_that_asks_reaches_the_whole_tree",
        || async {
            let mut world = World::new();
            let worker = world.script(
                PROCESS,
                "sh -c 'trap \"echo child; exit\" TERM; echo ready; while :; do sleep 0.1; done' &
             trap 'echo parent; wait; exit 7' TERM; wait",
            );
            let (attempt, identity) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            world.local.signal(&attempt, Signal::TERM);
            assert_eq!(world.ended(&attempt).await, Exit::Code(7));
            world.gone(&attempt).await;
            assert!(!lives(identity.pid));
            world.says(&attempt, "parent").await;
            world.says(&attempt, "child").await;
        },
    );
}

#[test]
fn a_signal_that_comes_before_the_start_is_not_lost() {
    alone(
        "process::a_signal_that_comes_before_the_start_is_not_lost",
        || async {
            let mut world = World::new();
            let worker = world.script(PROCESS, "exec sleep 1000");
            let attempt = world.start(&worker);
            world.local.signal(&attempt, Signal::TERM);
            world.started(&attempt).await;
            assert_eq!(world.ended(&attempt).await, Exit::Signal(Signal::TERM));
            world.gone(&attempt).await;
        },
    );
}

#[test]
fn a_worker_that_ignores_the_asking_signal_is_killed_by_sigkill() {
    alone(
        "process::a_worker_that_ignores_the_asking_signal_is_killed_by_sigkill",
        || async {
            let mut world = World::new();
            let worker = world.script(
                PROCESS,
                "trap 'echo refused' TERM; echo ready; while :; do sleep 1; done",
            );
            let (attempt, identity) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            world.local.signal(&attempt, Signal::TERM);
            world.says(&attempt, "refused").await;
            assert!(lives(identity.pid));
            world.local.signal(&attempt, Signal::KILL);
            assert_eq!(world.ended(&attempt).await, Exit::Signal(Signal::KILL));
            world.gone(&attempt).await;
        },
    );
}

#[test]
fn how_old_its_output_is_can_be_asked() {
    alone("process::how_old_its_output_is_can_be_asked", || async {
        let mut world = World::new();
        let before = std::time::SystemTime::now() - std::time::Duration::from_secs(2);
        let worker = world.script(PROCESS, "printf 12345");
        let (attempt, _) = world.run(&worker).await;
        world.gone_after_end(&attempt).await;
        let wrote = world.local.wrote(vec![attempt.clone()]).await;
        assert!(wrote[&attempt] > before);
    });
}

#[test]
fn a_proxy_by_tailscale_runs_tailscaled_with_its_settings() {
    alone(
        "process::a_proxy_by_tailscale_runs_tailscaled_with_its_settings",
        || async {
            let mut world = World::new();
            // A fake, since no tailnet can be here: it says how it was called.
            let fake = world.path().join("tailscaled");
            fs::write(&fake, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
            fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
            let client = world.path().join("tailscale");
            fs::copy(&fake, &client).unwrap();
            let mut worker = world.script(PROCESS, "");
            worker.program = Program::Tailscale(Tailscale {
                listen: "127.0.0.1:1055".parse().unwrap(),
                state: "/var/lib/tail".into(),
                auth_key: None,
                hostname: None,
                tailscaled: fake,
                tailscale: client,
                arguments: vec!["--verbose=1".into()],
            });
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
            let said = fs::read_to_string(world.directory(&attempt).output()).unwrap();
            let wanted = [
                "--tun=userspace-networking",
                "--socks5-server=127.0.0.1:1055",
                "--statedir=/var/lib/tail",
                "--socket=/var/lib/tail/tailscaled.sock",
                "--verbose=1",
            ];
            assert_eq!(said.lines().collect::<Vec<_>>(), wanted);
        },
    );
}

#[test]
fn who_needs_a_service_manager_is_not_run_without_one() {
    alone(
        "process::who_needs_a_service_manager_is_not_run_without_one",
        || async {
            let mut world = World::new();
            let worker = world.script(LauncherKind::Systemd, "exec sleep 1000");
            let attempt = world.start(&worker);
            let why = world.start_failed(&attempt).await;
            assert!(
                why.contains("systemd does not run this supervisor"),
                "{why}"
            );
        },
    );
}
