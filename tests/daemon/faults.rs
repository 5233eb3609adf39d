//! Faults that a rig must stand: hostile workers, hostile clients, a machine that refuses.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    process::Command,
};

use jiff::Timestamp;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::rig::Rig;

#[test]
fn nothing_of_a_hostile_worker_survives_a_stop() {
    let rig = Rig::up(
        r#"
[workers.hostile]
command = """
trap '' TERM HUP INT
setsid sh -c 'trap "" TERM; exec sleep 1000' &
(setsid sh -c '(trap "" TERM; exec sleep 1001) &' &)
while :; do sleep 1002 & wait $!; done
"""
launcher = "process"
stop = { signal = "SIGTERM", grace = "200ms" }
"#,
    );
    rig.eventually("all of it runs", |rig| {
        (rig.alive().len() >= 4).then_some(())
    });
    rig.done(&["stop", "hostile"]);
    assert_eq!(rig.alive(), Vec::<i32>::new());
}

#[test]
fn a_worker_that_ends_at_once_is_held_not_hot_and_the_operator_is_told() {
    let mut rig = Rig::new(
        r#"
[rig]
notify = "cat >>notices"
[workers.hot]
command = "exit 3"
launcher = "process"
backoff = { first = "1ms", most = "4ms" }
budget = { restarts = 5, window = "1h" }
"#,
    );
    rig.start();
    let held = rig.until_state("hot", "held");
    assert_eq!(held["last_exit"], serde_json::json!({"code": 3}));
    assert_eq!(held["restarts"], 5);
    let notice = rig.eventually("the operator is told", |rig| {
        let notices = rig.read("notices");
        notices.ends_with('\n').then_some(notices)
    });
    assert!(
        notice.contains("hot is held") && notice.contains("supervisorctl start hot"),
        "{notice}"
    );
    assert_eq!(rig.done(&["history"]).matches("starting hot").count(), 6);
}

#[test]
fn a_program_that_cannot_be_run_is_told_and_the_rest_of_the_rig_runs() {
    let mut rig = Rig::new(
        r#"
[workers.gone]
command = ["./gone"]
launcher = "process"
backoff = { first = "1ms", most = "1ms" }
budget = { restarts = 2, window = "1h" }
[workers.well]
command = "exec sleep 1000"
launcher = "process"
"#,
    );
    rig.write("gone", "#!/does/not/exist\n");
    assert!(
        Command::new("chmod")
            .args(["+x"])
            .arg(rig.path("gone"))
            .status()
            .unwrap()
            .success()
    );
    rig.start();
    let held = rig.until_state("gone", "held");
    let reason = held["reason"].as_str().unwrap();
    assert!(
        reason.contains("the last: could not be started: /")
            && reason.contains("gone: its interpreter /does/not/exist: No such file"),
        "{reason}"
    );
    let degraded = &rig.status()["degraded"];
    assert_eq!(
        *degraded,
        serde_json::json!([]),
        "of attempts without a directory"
    );
    let told = rig.done(&["history", "gone"]);
    assert!(
        told.contains("warning: gone could not be started: /"),
        "{told}"
    );
    assert_eq!(rig.worker("well")["state"], "running");
}

#[test]
fn more_workers_than_descriptors_are_kept_and_none_is_doubled() {
    const WORKERS: usize = 40;
    let config: String = (0..WORKERS)
        .map(|n| {
            format!("[workers.w{n}]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\nbackoff = {{ first = \"1ms\" }}\n")
        })
        .collect();
    let mut rig = Rig::up(&config);
    rig.eventually("all run", |rig| {
        (rig.alive().len() == WORKERS).then_some(())
    });
    let mut before = rig.alive();
    rig.kill_daemon();
    rig.start_limited("--nofile=64:64");
    let mut after = rig.alive();
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, before);
    let shown = rig.eventually("it is told", |rig| {
        let shown = rig.done(&["status"]);
        shown.contains("too few descriptors").then_some(shown)
    });
    assert!(shown.contains("(os error 24)"), "{shown}");
    // Each can be steered, and is one: the first adopted and the last.
    for worker in ["w0", "w9"] {
        let pid = rig.pid(worker);
        rig.done(&["restart", worker]);
        assert_ne!(rig.pid(worker), pid);
    }
    assert_eq!(rig.alive().len(), WORKERS);
    let once = "WARN too few descriptors";
    let log = rig.until_logged(once);
    assert_eq!(log.matches(once).count(), 1, "{log}");
}

#[test]
fn a_daemon_that_could_start_nothing_does_not_say_that_it_is_up() {
    let rig = Rig::new("[workers.well]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    let mut limited = rig.loopkeeperd_limited("--nofile=63:63");
    let ended = limited.output().unwrap();
    let said = crate::rig::text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("loopkeeperd: 63 files may be open at once, and a daemon needs 64\n")
            && said.contains("hint: raise LimitNOFILE="),
        "{said}"
    );
}

#[test]
fn ten_thousand_hostile_messages_do_not_disturb_the_rig() {
    let rig = Rig::up("[workers.well]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    let pid = rig.pid("well");
    let mut rng = fastrand::Rng::with_seed(1);
    let pieces = [
        "{",
        "}",
        "\"id\":1,",
        "\"do\":\"stop\",",
        "\"workers\":[\"well\"",
        "[",
        "null",
        "\u{0}",
    ];
    for _ in 0..100 {
        let Ok(mut client) = UnixStream::connect(rig.path("run/control.sock")) else {
            continue;
        };
        for _ in 0..100 {
            let mut line: String = (0..rng.usize(1..6))
                .map(|_| pieces[rng.usize(..pieces.len())])
                .collect();
            line.push('\n');
            // The server may hang up on nonsense; the next client goes on.
            if client.write_all(line.as_bytes()).is_err() {
                break;
            }
        }
    }
    assert_eq!(rig.pid("well"), pid);
}

#[test]
fn a_control_socket_that_is_removed_comes_back() {
    let rig = Rig::up("[workers.well]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    let pid = rig.pid("well");
    let socket = rig.path("run/control.sock");
    for whole_directory in [false, true, false] {
        let removed = match whole_directory {
            true => std::fs::remove_dir_all(rig.path("run")),
            false => std::fs::remove_file(&socket),
        };
        // With the socket there again before the directory was empty, the daemon was the quicker one.
        let not_empty =
            |error: &std::io::Error| error.kind() == std::io::ErrorKind::DirectoryNotEmpty;
        if let Some(error) = removed.err().filter(|error| !not_empty(error)) {
            panic!("{error}");
        }
        rig.eventually("it is there again", |rig| {
            rig.ctl(&["status"]).status.success().then_some(())
        });
        assert_eq!(rig.pid("well"), pid);
    }
    // While a daemon has the state directory, nobody is told that none runs.
    let elsewhere = rig.path("elsewhere").display().to_string();
    for verb in [&["status"][..], &["stop", "well"], &["history"]] {
        let mut arguments = vec!["--socket", elsewhere.as_str()];
        arguments.extend(verb);
        let why = rig.refused(1, &arguments);
        assert!(why.contains("daemon runs (pid "), "{verb:?}: {why}");
    }
}

#[test]
fn rigs_that_share_a_runtime_directory_may_have_workers_of_one_name() {
    const RIG: &str = "[workers.session]\ncommand = \"exec sleep 1000\"\nlauncher = \"tmux\"\n";
    let first = Rig::up(RIG);
    first.until_state("session", "running");
    let mut second = Rig::new(RIG);
    std::fs::create_dir(second.path("run")).unwrap();
    let (runtime, socket) = (first.path("run"), second.path("run/control.sock"));
    second.start_with(|command| {
        command.env("RUNTIME_DIRECTORY", runtime);
        command.arg("--socket").arg(socket);
    });
    second.daemon.as_mut().unwrap().wait_for("READY=1");
    let row = second.until_state("session", "running");
    assert_eq!(row["restarts"], 0);
    assert_ne!(first.pid("session"), second.pid("session"));
    second.done(&["stop", "session"]);
    assert_eq!(first.worker("session")["state"], "running");
}

#[test]
fn a_tmux_socket_that_is_removed_comes_back_for_who_attaches() {
    let rig =
        Rig::up("[workers.session]\ncommand = \"echo here; exec cat\"\nlauncher = \"tmux\"\n");
    let pid = rig.pid("session");
    let mut run = std::fs::read_dir(rig.path("run")).unwrap().flatten();
    let sockets = run.find(|entry| entry.file_name().as_encoded_bytes().starts_with(b"tmux-"));
    let sockets = sockets.unwrap().path();
    let socket = sockets.join("session");
    let answers = || {
        let asked = Command::new("tmux")
            .arg("-S")
            .arg(&socket)
            .arg("list-panes")
            .output();
        asked.unwrap().status.success()
    };
    // Without a terminal, attach gets as far as the session.
    let attach = |code| rig.refused(code, &["attach", "session"]);
    for whole_directory in [false, true] {
        match whole_directory {
            false => std::fs::remove_file(&socket).unwrap(),
            true => std::fs::remove_dir_all(&sockets).unwrap(),
        }
        assert!(attach(2).contains("not a terminal") && answers());
    }
    std::fs::remove_dir_all(&sockets).unwrap();
    std::fs::write(&sockets, "in the way").unwrap();
    let why = attach(1);
    assert!(
        why.contains("session runs, but nobody can attach to it: ") && why.contains("run/tmux"),
        "{why}"
    );
    rig.eventually("its output is still recorded", |rig| {
        rig.done(&["logs", "session"])
            .contains("here")
            .then_some(())
    });
    std::fs::remove_file(&sockets).unwrap();
    assert!(attach(2).contains("not a terminal") && answers());
    assert_eq!(rig.pid("session"), pid);
}

#[test]
fn who_attaches_needs_no_daemon() {
    let mut rig = Rig::up(
        "[workers]\nsession = { command = \"echo drawn; exec cat\", launcher = \"tmux\" }\n\
         plain = { command = \"exec sleep 1000\", launcher = \"process\" }\n",
    );
    rig.pid("session");
    rig.kill_daemon();
    let said = rig.refused(2, &["attach", "session"]);
    assert!(said.contains("daemon is not running"), "{said}");
    assert!(said.contains("standard input is not a terminal"), "{said}");
    rig.eventually("its screen is shown", |rig| {
        let shown = rig.done(&["screen", "session"]);
        shown.contains("drawn").then_some(())
    });
    // In a shell nothing says where a daemon of systemd has its sockets but `--socket`.
    let mut screen = rig.supervisorctl();
    screen.env_remove("RUNTIME_DIRECTORY").arg("--socket");
    screen.arg(rig.path("run/control.sock"));
    let shown = screen.args(["screen", "session"]).output().unwrap();
    assert!(
        crate::rig::text(&shown.stdout).contains("drawn"),
        "{shown:?}"
    );
    for verb in ["attach", "screen"] {
        let said = rig.refused(3, &[verb, "plain"]);
        assert!(!said.contains("terminal"), "{said}");
    }
}

#[test]
fn the_operator_gets_in_when_the_daemon_can_open_nothing_more() {
    let rig = Rig::up("[workers.well]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    let pid = rig.daemon.as_ref().unwrap().pid();
    let open =
        |number: &u64| std::path::Path::new(&format!("/proc/{pid}/fd/{number}")).is_symlink();
    let full = (0..).find(|number| !open(number));
    let full = Limited::to(pid, full);

    let greeting = || {
        let client = UnixStream::connect(rig.path("run/control.sock")).unwrap();
        client.set_read_timeout(Some(crate::rig::PATIENCE)).unwrap();
        let mut line = String::new();
        BufReader::new(&client).read_line(&mut line).unwrap();
        (client, line)
    };
    let mut inside = Vec::new();
    let refusal = loop {
        let (client, line) = greeting();
        if line.contains("error") {
            break line;
        }
        inside.push(client);
        assert!(inside.len() < 100, "the limit is none");
    };
    assert!(refusal.contains("no open file left"), "{refusal}");
    assert!(inside.len() >= 7, "{}", inside.len());
    assert!(rig.refused(1, &["status"]).contains("LimitNOFILE"));
    inside.pop();
    rig.eventually("one place is free again", |rig| {
        rig.ctl(&["status"]).status.success().then_some(())
    });
    let log = rig.until_logged("cannot accept a client: ");
    let told = log.matches("cannot accept a client: ").count();
    assert!(told == 1 && log.contains("os error 24"), "{log}");
    drop(full);
}

/// A limit on open files that is lifted again, for without descriptors no worker can be stopped.
struct Limited(Option<Pid>, Rlimit);

impl Limited {
    fn to(pid: u32, most: Option<u64>) -> Self {
        let process = Pid::from_raw(i32::try_from(pid).unwrap());
        let limit = Rlimit {
            current: most,
            // It inherited ours.
            maximum: getrlimit(Resource::Nofile).maximum,
        };
        Self(process, prlimit(process, Resource::Nofile, limit).unwrap())
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let lifted = prlimit(self.0, Resource::Nofile, self.1);
        assert!(lifted.is_ok() || std::thread::panicking());
    }
}

#[test]
fn a_daemon_that_cannot_fork_keeps_what_runs_and_blames_no_worker() {
    let worker = |name: &str, launcher: &str| {
        format!(
            "[workers.{name}]\ncommand = \"exec sleep 1000\"\nlauncher = \"{launcher}\"\n\
             backoff = {{ first = \"1ms\", most = \"4ms\" }}\n\
             budget = {{ restarts = 1, window = \"1h\" }}\n"
        )
    };
    let ends = [("child", "process"), ("session", "tmux")];
    let mut rig = Rig::new(&format!(
        "{}{}{}",
        worker("well", "process"),
        worker(ends[0].0, ends[0].1),
        worker(ends[1].0, ends[1].1)
    ));
    rig.start_without_privileges();
    let well = rig.pid("well");
    // It has more processes already than it may have now (getrlimit(2)).
    rig.limit_daemon("--nproc=1:");
    for (name, _) in ends {
        let pid = Pid::from_raw(i32::try_from(rig.pid(name)).unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }
    for (name, _) in ends {
        let (mut tries, mut last) = (0, Timestamp::UNIX_EPOCH);
        rig.eventually("it was tried again and again", |rig| {
            let row = rig.worker(name);
            let next: Timestamp = row["next_start"].as_str()?.parse().unwrap();
            // No put-off is shorter than a second; what is shown of one moment differs by far less.
            if next.duration_since(last).as_millis() > 500 {
                (tries, last) = (tries + 1, next);
            }
            (tries > 3).then_some(())
        });
        let told = rig.done(&["history", name]);
        let starts = told.matches(&format!("starting {name}")).count();
        assert_eq!(starts, 2, "what it waits for is told once: {told}");
        let row = rig.until_state(name, "backing-off");
        let reason = row["reason"].as_str().unwrap();
        assert!(reason.contains("(os error 11)"), "{reason}");
        assert_eq!(
            row["restarts"], 1,
            "its own end, and no failed start: {row}"
        );
    }
    assert_eq!(rig.pid("well"), well);
    let ours = getrlimit(Resource::Nproc).current;
    let ours = ours.map_or("unlimited".to_owned(), |most| most.to_string());
    rig.limit_daemon(&format!("--nproc={ours}:"));
    for (name, _) in ends {
        assert_eq!(rig.until_state(name, "running")["restarts"], 1);
    }
}

#[test]
fn a_history_is_had_of_workers_that_exist_or_existed() {
    let rig = Rig::up("[workers.old]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    rig.configure("[workers.new]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    rig.done(&["reload"]);
    rig.until_state("new", "running");
    assert!(rig.done(&["history", "old"]).contains("old running"));
    rig.done(&["history", "watchdog"]);
    let why = rig.refused(4, &["history", "nosuch"]);
    assert!(why.contains("worker nosuch does not exist"), "{why}");
}
