//! Workers in a session of a private tmux server.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use loopkeeper::{
    launch::output::{
        plain,
        recording::{Playback, Told},
    },
    model::{AttemptRef, Exit, LauncherKind, Signal},
};

use crate::{
    alone::alone,
    world::{World, lives, until},
};

const TMUX: LauncherKind = LauncherKind::Tmux;

pub(crate) fn ask(world: &World, attempt: &AttemptRef, question: &[&str]) -> (bool, String) {
    let socket = world.socket(&attempt.worker);
    let output = world_command(&socket).args(question).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success(), text)
}

fn world_command(socket: &Path) -> Command {
    let mut command = Command::new("tmux");
    command.env_remove("TMUX").arg("-S").arg(socket);
    command
}

/// Arguments with everything that a shell or tmux would like to understand.
pub(crate) async fn arguments_arrive(launcher: LauncherKind) {
    let hostile = [
        "",
        " ",
        "a b",
        "'",
        "\"",
        "\\",
        "\\;",
        ";",
        "a;",
        "$HOME",
        "$(id)",
        "`id`",
        "#{pid}",
        "%H",
        "line\nbreak",
        "tab\t",
        "*",
        "~",
        "!",
        "&",
        "|",
        "-x",
        "--",
        "ünï ✓",
        "\u{1b}[31m",
        "{",
        "}",
    ];
    let mut world = World::new();
    let mut arguments = vec!["-c", r#"printf '%s\0' "$@" >arguments"#, "sh"];
    arguments.extend(hostile);
    let long = "x".repeat(100_000);
    arguments.push(&long);
    let worker = world.worker(launcher, "/bin/sh", &arguments);
    let (attempt, _) = world.run(&worker).await;
    assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
    let arrived = fs::read_to_string(world.path().join("arguments")).unwrap();
    let arrived: Vec<&str> = arrived.split('\0').collect();
    assert_eq!(arrived[..hostile.len()], hostile);
    assert_eq!(arrived[hostile.len()..], [&long, ""]);
}

#[test]
fn arguments_arrive_as_they_were_declared() {
    alone("tmux::arguments_arrive_as_they_were_declared", || async {
        arguments_arrive(TMUX).await;
    });
}

#[test]
fn its_exit_is_told_as_it_was_and_the_session_vanishes() {
    alone(
        "tmux::its_exit_is_told_as_it_was_and_the_session_vanishes",
        || async {
            let mut world = World::new();
            for (script, exit) in [
                ("exit 0", Exit::Code(0)),
                ("exit 42", Exit::Code(42)),
                ("exit 255", Exit::Code(255)),
                ("kill -TERM $$", Exit::Signal(Signal::TERM)),
                ("kill -HUP $$", Exit::Signal(Signal::HUP)),
                ("kill -KILL $$", Exit::Signal(Signal::KILL)),
                (
                    "kill -40 $$",
                    Exit::Signal(Signal::from_number(40).unwrap()),
                ),
            ] {
                // The same worker each time: its server and its socket are made anew.
                let worker = world.script(TMUX, script);
                let (attempt, _) = world.run(&worker).await;
                assert_eq!(world.gone_after_end(&attempt).await, exit, "{script}");
                let (answers, _) = ask(&world, &attempt, &["list-sessions"]);
                assert!(!answers, "{script}: a server is left");
            }
        },
    );
}

#[test]
fn it_has_a_terminal_and_all_its_output_is_recorded() {
    alone(
        "tmux::it_has_a_terminal_and_all_its_output_is_recorded",
        || async {
            let mut world = World::new();
            let mut worker = world.script(
            TMUX,
            "echo first; tput -T \"$TERM\" cols; stty size; echo \"tmux=$TMUX\"; echo $OWN; pwd; seq 5000; printf '\\033[31mred\\033[0m\\n'; echo last",
        );
            worker.environment.insert("OWN".into(), "its own".into());
            worker.name = "a.b-c_d".parse().unwrap();
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
            let lines = plain(world.recorded(&attempt).as_bytes());
            let here = world.path().to_string_lossy().into_owned();
            let head = [
                "first", "200", "50 200", "tmux=", "its own", &here, "1", "2",
            ];
            assert_eq!(lines[..8], head, "{lines:?}");
            assert_eq!(lines[lines.len() - 3..], ["5000", "red", "last"]);
            assert_eq!(lines.len(), 6 + 5000 + 2);
        },
    );
}

#[test]
fn each_size_of_its_terminal_is_recorded() {
    alone("tmux::each_size_of_its_terminal_is_recorded", || async {
        let mut world = World::new();
        let script = "while stty size && read -r line; do test \"$line\"; done";
        let worker = world.script(TMUX, script);
        let (attempt, _) = world.run(&worker).await;
        world.says(&attempt, "50 200").await;
        for (columns, rows) in [(90, 20), (213, 71)] {
            let size = [columns, rows].map(|number: u16| number.to_string());
            let resize = ["resize-window", "-x", &size[0], "-y", &size[1]];
            assert!(ask(&world, &attempt, &resize).0);
            // tmux takes its time where it has just resized.
            until("it says its size", || {
                ask(&world, &attempt, &["send-keys", "x", "Enter"]);
                world
                    .recorded(&attempt)
                    .contains(&format!("{rows} {columns}"))
            })
            .await;
        }
        let mut playback = Playback::of(&world.directory(&attempt).recording());
        let (mut size, mut said) = (None, Vec::new());
        while let Some(moment) = playback.read().unwrap() {
            match moment.told {
                Told::Size(now) => size = Some(format!("{} {}", now.rows, now.columns)),
                Told::Output(text) => {
                    let told = size.as_ref().filter(|size| text.contains(*size));
                    said.extend(told.cloned());
                }
            }
        }
        said.dedup();
        assert_eq!(said, ["50 200", "20 90", "71 213"]);
        world.kill(&attempt).await;
    });
}

#[test]
fn a_server_is_private_and_its_one_session_can_be_attached_to() {
    alone(
        "tmux::a_server_is_private_and_its_one_session_can_be_attached_to",
        || async {
            let mut world = World::new();
            let mut worker =
                world.script(TMUX, "read -r line; echo \"got $line\"; exec sleep 1000");
            worker.name = "x.y".parse().unwrap();
            let (attempt, _) = world.run(&worker).await;
            let socket = world.socket(&attempt.worker);
            let private = fs::metadata(socket.parent().unwrap())
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(private & 0o777, 0o700);
            assert_eq!(
                ask(
                    &world,
                    &attempt,
                    &["list-sessions", "-F", "#{session_name}"]
                ),
                (true, "x_y".into())
            );
            assert_eq!(
                ask(&world, &attempt, &["show-options", "-gv", "status"]),
                (true, "off".into())
            );
            // What people see of it in `systemctl status` fits on a line.
            let (_, server) = ask(&world, &attempt, &["display-message", "-p", "#{pid}"]);
            let words = fs::read(format!("/proc/{server}/cmdline")).unwrap();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            assert!(words.contains("tmux.conf") && words.len() < 600, "{words}");

            // A client on a terminal of its own, of another size.
            let attach = format!("tmux -S {} attach", socket.display());
            let typed = format!("stty rows 24 cols 80; exec {attach}");
            let mut client = Command::new("script")
                .args(["-qec", &typed, "/dev/null"])
                .env_remove("TMUX")
                .env("TERM", "xterm")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            until("attached", || {
                ask(&world, &attempt, &["list-clients", "-F", "#{client_width}"])
                    == (true, "80".into())
            })
            .await;
            ask(&world, &attempt, &["send-keys", "-l", "words"]);
            ask(&world, &attempt, &["send-keys", "Enter"]);
            world.says(&attempt, "got words").await;
            // Keys that come at once would be taken for pasted text.
            ask(
                &world,
                &attempt,
                &["set-option", "-g", "assume-paste-time", "0"],
            );
            // Ctrl-b c would open a second window, which would keep the session.
            use std::io::Write;
            client
                .stdin
                .as_mut()
                .unwrap()
                .write_all(b"\x02c\x02d")
                .unwrap();
            until("detached", || {
                ask(&world, &attempt, &["list-clients"]) == (true, String::new())
            })
            .await;
            assert_eq!(
                ask(&world, &attempt, &["list-windows", "-F", "#{window_index}"]),
                (true, "0".into())
            );
            // Collected by the reaper of this process, like every child.
            drop(client);
            world.local.signal(&attempt, Signal::TERM);
            assert_eq!(
                world.gone_after_end(&attempt).await,
                Exit::Signal(Signal::TERM)
            );
        },
    );
}

#[test]
fn keys_that_end_programs_reach_the_worker_and_not_its_keeper() {
    alone(
        "tmux::keys_that_end_programs_reach_the_worker_and_not_its_keeper",
        || async {
            let mut world = World::new();
            let worker = world.script(
                TMUX,
                "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done",
            );
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            ask(&world, &attempt, &["send-keys", "C-c"]);
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(5));
        },
    );
}

#[test]
fn no_key_stops_a_workers_output() {
    alone("tmux::no_key_stops_a_workers_output", || async {
        let mut world = World::new();
        let worker = world.script(TMUX, "echo ready; read -r words; echo got $words");
        let (attempt, _) = world.run(&worker).await;
        world.says(&attempt, "ready").await;
        ask(&world, &attempt, &["send-keys", "C-s"]);
        ask(&world, &attempt, &["send-keys", "Enter"]);
        world.says(&attempt, "got").await;
        assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
    });
}

#[test]
fn hidden_processes_do_not_survive_a_kill() {
    alone("tmux::hidden_processes_do_not_survive_a_kill", || async {
        crate::tree::hidden_processes_do_not_survive(&mut World::new(), TMUX).await;
    });
}

#[test]
fn what_cannot_be_started_says_why_and_leaves_no_server() {
    alone(
        "tmux::what_cannot_be_started_says_why_and_leaves_no_server",
        || async {
            let mut world = World::new();
            let script = world.path().join("script");
            fs::write(&script, "#!/does/not/exist\n").unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            let worker = world.worker(TMUX, script.to_str().unwrap(), &[]);
            let attempt = world.start(&worker);
            let why = world.start_failed(&attempt).await;
            assert!(
                why.contains("No such file") && why.contains(script.to_str().unwrap()),
                "{why}"
            );
            let (answers, _) = ask(&world, &attempt, &["list-sessions"]);
            assert!(!answers, "a server is left");
        },
    );
}

#[test]
fn a_second_attempt_beside_a_living_one_is_refused() {
    alone(
        "tmux::a_second_attempt_beside_a_living_one_is_refused",
        || async {
            let mut world = World::new();
            let worker = world.script(TMUX, "exec sleep 1000");
            let (first, identity) = world.run(&worker).await;
            let second = world.start(&worker);
            let why = world.start_failed(&second).await;
            assert!(why.contains("duplicate session"), "{why}");
            assert!(lives(identity.pid), "the first one suffered");
            world.kill(&first).await;
        },
    );
}

#[test]
fn it_needs_neither_a_home_nor_a_directory_for_temporary_files() {
    alone(
        "tmux::it_needs_neither_a_home_nor_a_directory_for_temporary_files",
        || async {
            let mut world = World::new();
            let mut worker = world.script(TMUX, "echo \"home=$HOME\"");
            for variable in ["HOME", "TMPDIR", "TMUX_TMPDIR", "SHELL"] {
                worker
                    .environment
                    .insert(variable.into(), "/nonexistent".into());
            }
            let (attempt, _) = world.run(&worker).await;
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
            world.says(&attempt, "home=/nonexistent").await;
        },
    );
}
