//! `attach`, from a real terminal (a pane of tmux) into a real tmux session.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixListener,
    },
    process::{Command, Output},
    thread::sleep,
    time::{Duration, Instant},
};

use assert_cmd::cargo::cargo_bin;
use loopkeeper::{
    control::protocol::{Reply, Request, WhereView},
    model::LauncherKind,
};
use predicates::str::contains;

use crate::scripted::{Home, PATIENCE, Scripted, until};

/// A shell in a tmux server of its own.
pub(crate) struct Terminal {
    socket: std::path::PathBuf,
    home: std::path::PathBuf,
}

impl Terminal {
    pub(crate) fn new(home: &Home) -> Self {
        let terminal = Self {
            socket: home.path().join("terminal"),
            home: home.path().to_owned(),
        };
        let made = terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "30",
            "-c",
            home.path().to_str().unwrap(),
            "-e",
            &format!("LOOPKEEPER_SOCKET={}", home.socket().display()),
            "env PS1='$ ' HOME=. sh",
        ]);
        assert!(made.status.success(), "{made:?}");
        terminal.shows("$");
        terminal
    }

    fn tmux(&self, words: &[&str]) -> Output {
        // A new session's shell gets the path of the client that made it.
        let binaries = cargo_bin("supervisorctl");
        let binaries = binaries.parent().unwrap().display();
        let tmux = Command::new("tmux")
            .env_clear()
            .env("PATH", format!("{binaries}:{}", env::var("PATH").unwrap()))
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .arg("-S")
            .arg(&self.socket)
            .args(words)
            .output();
        tmux.unwrap_or_else(|error| panic!("tmux cannot be run ({error}): apt-get install tmux"))
    }

    pub(crate) fn prints(&self, words: &[&str]) -> String {
        String::from_utf8(self.tmux(words).stdout).unwrap()
    }

    pub(crate) fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.presses("Enter");
    }

    pub(crate) fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    pub(crate) fn resizes(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    pub(crate) fn screen(&self) -> String {
        self.prints(&["capture-pane", "-p"])
    }

    /// With its escape sequences.
    pub(crate) fn coloured(&self) -> String {
        self.prints(&["capture-pane", "-p", "-e"])
    }

    pub(crate) fn asks(&self, format: &str) -> String {
        self.prints(&["display-message", "-p", format])
            .trim_end()
            .to_owned()
    }

    /// An option, for the windows and the server.
    pub(crate) fn sets(&self, option: &str, value: &str) {
        assert!(self.tmux(&["set", "-g", option, value]).status.success());
    }

    pub(crate) fn shows(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen().contains(text) {
            assert!(
                Instant::now() < deadline,
                "{text:?} is not on the screen:\n{}",
                self.screen()
            );
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

pub(crate) fn answering(
    home: Home,
    launcher: LauncherKind,
    tmux: Option<std::path::PathBuf>,
) -> Scripted {
    Scripted::start_in(home, move |request, answer| {
        let Request::Where { worker } = request else {
            panic!("{request:?}")
        };
        answer.ok(Reply::Where(WhereView {
            worker,
            state: "/s".into(),
            launcher: Some(launcher),
            tmux: tmux.clone(),
            tmux_lost: None,
            on: None,
            far: None,
        }));
    })
}

#[test]
fn attach_puts_the_terminal_into_the_session_and_back() {
    let home = Home::new();
    let worker = home.path().join("worker");
    let tmux = |words: &[&str]| {
        let tmux = Command::new("tmux")
            .arg("-S")
            .arg(&worker)
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(tmux.stdout).unwrap()
    };
    tmux(&[
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "echo I am the worker; exec sleep 600",
    ]);
    let rig = answering(home, LauncherKind::Tmux, Some(worker.clone()));
    let terminal = Terminal::new(&rig.home);
    // Within tmux, where a second one usually refuses to start.
    terminal.types("supervisorctl attach builder; echo back with $?");
    terminal.shows("I am the worker");
    until("a client is attached", || {
        tmux(&["list-clients"]).lines().count() == 1
    });
    terminal.presses("C-b");
    terminal.presses("d");
    terminal.shows("back with 0");
    assert_eq!(
        tmux(&["list-sessions"]).lines().count(),
        1,
        "the worker's session is gone"
    );
    tmux(&["kill-server"]);
}

#[test]
fn who_may_not_into_the_session_is_told_the_command_that_helps() {
    let home = Home::new();
    let directory = home.path().join("of another");
    fs::create_dir(&directory).unwrap();
    let socket = directory.join("builder");
    let _session = UnixListener::bind(&socket).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&directory, Some(65534), None).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    } else {
        fs::set_permissions(&directory, Permissions::from_mode(0o000)).unwrap();
    }
    let rig = answering(home, LauncherKind::Tmux, Some(socket));
    // Root goes everywhere by capabilities of its own (capabilities(7)).
    let said = Command::new("setpriv")
        .env("LOOPKEEPER_SOCKET", rig.home.socket())
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(cargo_bin("supervisorctl"))
        .args(["attach", "builder"])
        .output()
        .unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{text}");
    let told = format!(
        "error: the session of worker builder is its user's alone, and root's\n\
         hint: sudo supervisorctl --socket {} attach builder\n",
        rig.home.socket().display()
    );
    assert_eq!(text, told);
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn without_a_terminal_attach_says_what_to_do_instead() {
    let rig = answering(Home::new(), LauncherKind::Tmux, Some("/nonexistent".into()));
    rig.home
        .supervisorctl()
        .args(["attach", "builder"])
        .assert()
        .code(2)
        .stderr(contains("error: standard input is not a terminal"))
        .stderr(contains(
            "hint: see what it writes with: supervisorctl logs -f builder",
        ));
}

#[test]
fn a_worker_without_a_session_cannot_be_attached_to() {
    let rig = answering(Home::new(), LauncherKind::Tmux, None);
    rig.home
        .supervisorctl()
        .args(["attach", "builder"])
        .assert()
        .code(1)
        .stderr(contains(
            "error: worker builder has no tmux session that lives",
        ));
}

#[test]
fn a_process_has_no_terminal() {
    let rig = answering(Home::new(), LauncherKind::Process, None);
    rig.home
        .supervisorctl()
        .args(["attach", "builder"])
        .assert()
        .code(1)
        .stderr(contains(
            "error: worker builder has no terminal, since its launcher is process\n",
        ))
        .stderr(contains("supervisorctl logs -f builder"));
}
