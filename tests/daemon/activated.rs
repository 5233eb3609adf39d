//! The service manager listens on the control socket, and hands it from one daemon to the next.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::rig::{Rig, text};

const RIG: &str = "[workers.well]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n";

/// What systemd does for `loopkeeper.socket`.
fn listen(path: &Path) -> UnixListener {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    listener
}

/// What systemd does when it starts the service: the socket is the first descriptor after the
/// standard three, and the pid is that of the daemon.
fn handed(rig: &Rig, listener: &UnixListener) -> Command {
    let mut shell = rig.loopkeeperd();
    let daemon = shell.get_program().to_owned();
    let environment: Vec<_> = shell
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
        .collect();
    shell = Command::new("sh");
    shell
        .args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$0\""])
        .arg(daemon)
        .env_clear()
        .envs(environment)
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "loopkeeper.socket")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(
            listener.try_clone().unwrap(),
        )));
    shell
}

fn start(rig: &mut Rig, listener: &UnixListener) {
    let command = handed(rig, listener);
    rig.start_as(command);
    rig.daemon.as_mut().unwrap().wait_for("READY=1");
}

/// Owner, group, mode.
fn access(path: &Path) -> (u32, u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid(), meta.mode())
}

#[test]
fn the_socket_is_used_as_our_own_and_left_for_the_next_daemon() {
    let own = Rig::up(RIG);
    let mut rig = Rig::new(RIG);
    let socket = rig.path("run/control.sock");
    let listener = listen(&socket);
    let inode = fs::metadata(&socket).unwrap().ino();
    for _ in 0..2 {
        start(&mut rig, &listener);
        rig.until_state("well", "running");
        assert_eq!(access(&socket), access(&own.path("run/control.sock")));
        assert_eq!(rig.end_daemon("TERM"), Some(0));
        assert_eq!(fs::metadata(&socket).unwrap().ino(), inode);
    }
}

#[test]
fn a_worker_learns_nothing_of_the_socket() {
    let mut rig = Rig::new(RIG);
    let listener = listen(&rig.path("run/control.sock"));
    start(&mut rig, &listener);
    let pid = rig.until_state("well", "running")["pid"].clone();
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!text(&environment).contains("LISTEN_"));
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let leads_to = fs::read_link(descriptor.unwrap().path()).unwrap();
        assert!(!leads_to.starts_with("socket:"), "{leads_to:?}");
    }
}

#[test]
fn who_asks_while_there_is_no_daemon_is_told_and_answered_by_the_next() {
    let mut rig = Rig::new(RIG);
    let socket = rig.path("run/control.sock");
    let listener = listen(&socket);
    start(&mut rig, &listener);
    rig.kill_daemon();
    let mut asks = rig
        .supervisorctl()
        .args(["status", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut says = BufReader::new(asks.stderr.take().unwrap());
    says.read_line(&mut told).unwrap();
    let waits = format!("waiting for the daemon on {}\n", socket.display());
    assert_eq!(told, waits);
    start(&mut rig, &listener);
    let answered = asks.wait_with_output().unwrap();
    assert!(answered.status.success());
    let status: serde_json::Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!(status["daemon"], true);
}

#[test]
fn nobody_who_asks_meets_the_gap_between_two_daemons() {
    let mut rig = Rig::new(RIG);
    let listener = listen(&rig.path("run/control.sock"));
    start(&mut rig, &listener);
    rig.until_state("well", "running");
    let over = AtomicBool::new(false);
    let mut status = rig.supervisorctl();
    status.arg("status");
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) || asked < 20 {
                let output = status.output().unwrap();
                assert!(output.status.success(), "{}", text(&output.stderr));
                asked += 1;
            }
        });
        for round in 0..10 {
            if round % 2 == 0 {
                assert_eq!(rig.end_daemon("TERM"), Some(0));
            } else {
                rig.kill_daemon();
            }
            start(&mut rig, &listener);
        }
        over.store(true, Ordering::Relaxed);
        asks.join().unwrap();
    });
}

#[test]
fn a_daemon_that_does_not_come_is_not_running() {
    let rig = Rig::new(RIG);
    fs::create_dir(rig.path("state")).unwrap();
    let socket = rig.path("run/control.sock");
    let _listener = listen(&socket);
    let why = rig.refused(3, &["status"]);
    let says = format!(
        "error: daemon is not running: systemd listens on {}, and did not get it to answer within \
         10 s\nhint: see why with: systemctl status loopkeeper.service\n",
        socket.display()
    );
    assert!(why.ends_with(&says), "{why}");
}

#[test]
fn a_socket_that_is_not_the_rigs_is_left_alone() {
    let mut other = Rig::new(RIG);
    let theirs = other.path("run/control.sock");
    let listener = listen(&theirs);
    start(&mut other, &listener);
    let mut rig = Rig::new(RIG);
    start(&mut rig, &listener);
    rig.until_state("well", "running");
    let says = format!(
        "the socket that the service manager handed on is {}, of another rig, and is left alone; \
         {} is made",
        theirs.display(),
        rig.path("run/control.sock").display()
    );
    let log = rig.until_logged(&says);
    assert_eq!(log.matches(&says).count(), 1, "{log}");
    assert_ne!(rig.pid("well"), other.pid("well"));
    rig.end_daemon("TERM");
    assert!(!rig.path("run/control.sock").exists());
    other.until_state("well", "running");
}

#[test]
fn a_socket_that_somebody_removed_is_made_by_us_until_the_manager_makes_it_again() {
    let mut rig = Rig::new(RIG);
    let socket = rig.path("run/control.sock");
    let listener = listen(&socket);
    start(&mut rig, &listener);
    rig.until_state("well", "running");
    fs::remove_file(&socket).unwrap();
    rig.eventually("a socket again", |rig| {
        rig.ctl(&["status"]).status.success().then_some(())
    });
    // Which leaves a dead socket where the manager's was.
    rig.kill_daemon();
    start(&mut rig, &listener);
    rig.until_state("well", "running");
    rig.until_logged("was removed from where the service manager had put it");
    rig.end_daemon("TERM");
    assert!(!socket.exists());
}

#[test]
fn who_asks_a_daemon_that_cannot_start_for_its_configuration_hears_it_soon() {
    let mut rig = Rig::up(RIG);
    rig.until_state("well", "running");
    rig.kill_daemon();
    rig.configure(&format!("{RIG}kin = 'loop'\n"));
    let socket = rig.path("run/control.sock");
    fs::remove_file(&socket).unwrap();
    let _listener = listen(&socket);
    let output = rig.ctl(&["status"]);
    assert_eq!(output.status.code(), Some(3));
    let file = rig.path("loopkeeper.toml").display().to_string();
    let said = format!(
        "error: daemon is not running: systemd listens on {}, and did not get it to answer within \
         1 s\nhint: it cannot start before its configuration is mended; see it with: \
         supervisorctl check {file}\n",
        socket.display()
    );
    assert_eq!(text(&output.stderr), said);
    let shown = text(&output.stdout);
    let why = format!("DEGRADED: no daemon can start: {file}:4:1: key `kin` is unknown in");
    assert!(shown.contains(&why), "{shown}");
    let row = shown.lines().find(|line| line.starts_with("well "));
    let row = row.unwrap_or_else(|| panic!("{shown}"));
    assert!(row.contains("unknown") && row.contains("running"), "{row}");
}
