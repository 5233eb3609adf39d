//! `status --watch`, in a pipe and on a real terminal (a pane of tmux).

use std::{
    fs::{self, File},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::channel,
    },
};

use assert_cmd::cargo::cargo_bin;
use loopkeeper::{
    control::{
        protocol::{Reply, Request},
        server::Answer,
    },
    decide::{Level, Notice},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    attach::Terminal,
    scripted::{Home, PATIENCE, Scripted, status, until},
};

fn something() -> Notice {
    Notice {
        at: jiff::Timestamp::UNIX_EPOCH,
        event: "e".into(),
        level: Level::Info,
        worker: None,
        attempt: None,
        phase: None,
        text: "something".into(),
    }
}

/// A daemon whose reboot count can be set, and the streams it was asked for.
fn counting(home: Home) -> (Scripted, Arc<AtomicU64>, std::sync::mpsc::Receiver<Answer>) {
    let count = Arc::new(AtomicU64::new(1));
    let shown = Arc::clone(&count);
    let (hand_over, streams) = channel();
    let rig = Scripted::start_in(home, move |request, answer| match request {
        Request::Events {
            last: 0,
            follow: true,
        } => drop(hand_over.send(answer)),
        Request::Status {} => {
            let mut status = status();
            status.reboots.count = shown.load(Ordering::SeqCst);
            status.reboots.last = None;
            answer.ok(Reply::Status(Box::new(status)));
        }
        other => panic!("{other:?}"),
    });
    (rig, count, streams)
}

#[test]
fn a_pipe_gets_a_block_for_each_change() {
    let home = Home::new();
    home.declare("[rig]\nname = \"kept\"\n[workers.builder]\ncommand = [\"/bin/sh\"]\n");
    let (mut rig, count, streams) = counting(home);
    let into = rig.home.path().join("watched");
    let mut child = Command::new(cargo_bin("supervisorctl"))
        .env_clear()
        .env("LOOPKEEPER_SOCKET", rig.home.socket())
        .env("STATE_DIRECTORY", rig.home.state())
        .env("LOOPKEEPER_CONFIG", rig.home.config())
        .env("HOME", rig.home.path())
        .env("PATH", std::env::var_os("PATH").unwrap())
        .args(["status", "--watch", "--json"])
        .stdout(File::create(&into).unwrap())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = || {
        fs::read_to_string(&into)
            .unwrap()
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let stream = streams.recv_timeout(PATIENCE).unwrap();
    until("the first block", || lines().len() == 1);
    count.store(2, Ordering::SeqCst);
    stream.event(&something()).unwrap();
    until("the second block", || lines().len() == 2);
    assert!(lines()[1].contains(r#""count":2"#), "{:?}", lines());
    drop(stream);
    rig.end();
    // Who is let go of before the daemon ends may ask it once more.
    until("the end of the daemon", || {
        lines()
            .last()
            .is_some_and(|line| line.contains(r#""daemon":false"#))
    });
    let seen = lines();
    let down: serde_json::Value = serde_json::from_str(&seen[seen.len() - 1]).unwrap();
    assert_eq!(down["daemon"], false);
    assert_eq!(down["rig"], "kept");
    assert_eq!(down["workers"][0]["state"], "stopped");
    let home = std::mem::replace(&mut rig.home, Home::new());
    let (_rig, _, _streams) = counting(home);
    until("its return", || lines().len() == seen.len() + 1);
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_terminal_is_redrawn_and_restored() {
    let (rig, count, streams) = counting(Home::new());
    let terminal = Terminal::new(&rig.home);
    terminal.types("echo before; stty -a > stty.before");
    terminal.shows("before");
    terminal.types("supervisorctl status --watch; echo code $?; stty -a > stty.after");
    let stream = streams.recv_timeout(PATIENCE).unwrap();
    terminal.shows("1 reboot");
    assert!(
        !terminal.screen().contains("before"),
        "{}",
        terminal.screen()
    );
    count.store(2, Ordering::SeqCst);
    stream.event(&something()).unwrap();
    terminal.shows("2 reboots");
    assert!(
        terminal.screen().contains("builder"),
        "{}",
        terminal.screen()
    );
    assert_eq!(terminal.asks("#{alternate_on}#{cursor_flag}"), "10");
    terminal.presses("C-c");
    terminal.shows("code 0");
    assert!(
        terminal.screen().contains("before"),
        "{}",
        terminal.screen()
    );
    assert!(
        !terminal.screen().contains("2 reboots"),
        "{}",
        terminal.screen()
    );
    assert_eq!(terminal.asks("#{alternate_on}#{cursor_flag}"), "01");
    until("stty", || rig.home.path().join("stty.after").exists());
    let settings = |name: &str| fs::read_to_string(rig.home.path().join(name)).unwrap();
    until("stty has written", || {
        settings("stty.after") == settings("stty.before")
    });
}

#[test]
fn a_terminal_has_colours_unless_it_is_told_otherwise() {
    let rig = Scripted::start(|_, answer| {
        let mut status = status();
        status.paused = true;
        answer.ok(Reply::Status(Box::new(status)));
    });
    let terminal = Terminal::new(&rig.home);
    terminal.types("supervisorctl status; echo with");
    terminal.shows("\nwith");
    let with = terminal.coloured();
    assert!(with.contains("\x1b[38;5;2mrunning"), "{with:?}");
    assert!(with.contains("\x1b[1m\x1b[33mPAUSED"), "{with:?}");
    for plain in ["NO_COLOR=1", "TERM=dumb"] {
        terminal.types(&format!(
            "clear; {plain} supervisorctl status; echo by {plain}"
        ));
        terminal.shows(&format!("\nby {plain}"));
        let without = terminal.coloured();
        assert!(
            without.contains("PAUSED") && !without.contains('\x1b'),
            "{without:?}"
        );
    }
}
