//! `screen`, of real tmux sessions.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use assert_cmd::cargo::cargo_bin;
use loopkeeper::{
    control::protocol::{Refusal, RefusalKind},
    model::LauncherKind,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use predicates::str::contains;
use serde_json::Value;

use crate::{
    attach::{Terminal, answering},
    scripted::{Home, Scripted, until},
};

const NOBODY: u32 = 65534;

/// The tmux server of a worker, and whose it is. It ends with this, whatever became of its socket.
struct Server {
    socket: PathBuf,
    user: Option<u32>,
    pid: Pid,
}

impl Server {
    /// One whose pane has drawn what printf(1) makes of this.
    fn draws(socket: PathBuf, user: Option<u32>, text: &str) -> Self {
        let pid = Pid::this();
        let mut server = Self { socket, user, pid };
        let draw = format!("printf '{text}'; exec sleep 600");
        let made = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "60",
            "-y",
            "7",
            "-s",
            "builder",
        ];
        let made = server.tmux(&[&made[..], &[draw.as_str()]].concat());
        assert!(made.status.success(), "{made:?}");
        let pid = server.asks("display-message -p #{pid}");
        server.pid = Pid::from_raw(pid.trim().parse().unwrap());
        until("it has drawn", || {
            !server.asks("capture-pane -p").trim().is_empty()
        });
        server
    }

    fn tmux(&self, words: &[&str]) -> Output {
        let mut command = match self.user {
            None => Command::new("tmux"),
            Some(user) => {
                let mut command = Command::new("setpriv");
                let id = user.to_string();
                command.args(["--clear-groups", "--reuid", &id, "--regid", &id, "tmux"]);
                command
            }
        };
        // Without it tmux takes the user's of passwd(5), which for nobody runs nothing.
        let command = command
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .env("SHELL", "/bin/sh");
        let done = command
            .arg("-S")
            .arg(&self.socket)
            .args(words)
            .current_dir("/");
        done.output().unwrap()
    }

    fn asks(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        String::from_utf8(self.tmux(&words).stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.pid != Pid::this() {
            kill(self.pid, Signal::SIGTERM).ok();
        }
    }
}

fn rig_with(text: &str) -> (Scripted, Server) {
    let home = Home::new();
    let server = Server::draws(home.path().join("worker"), None, text);
    let rig = answering(home, LauncherKind::Tmux, Some(server.socket.clone()));
    (rig, server)
}

fn prints(rig: &Scripted, words: &[&str]) -> String {
    let done = rig
        .home
        .supervisorctl()
        .args(words)
        .assert()
        .code(0)
        .stderr("");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

#[test]
fn a_screen_is_printed_as_text_and_its_colours_on_request() {
    let (rig, _server) = rig_with(r"\033[31mred\033[0m ✓\n\n  界界\033[7m\n");
    let plain = "red ✓\n\n  界界\n";
    assert_eq!(prints(&rig, &["screen", "builder"]), plain);
    assert_eq!(
        prints(&rig, &["screen", "--colours", "builder"]),
        plain,
        "into a pipe"
    );
    for words in ["--colours=always", "--colors=always"] {
        let coloured = prints(&rig, &["screen", words, "builder"]);
        assert!(
            coloured.starts_with("\x1b[31mred\x1b[39m ✓\n"),
            "{coloured:?}"
        );
        assert!(coloured.ends_with("界界\n\x1b[0m"), "{coloured:?}");
    }
    assert_eq!(
        prints(&rig, &["screen", "--colours=never", "builder"]),
        plain
    );
    let terminal = Terminal::new(&rig.home);
    terminal.types("supervisorctl screen builder; echo said $?");
    terminal.shows("said 0");
    assert!(!terminal.coloured().contains("\x1b[31mred"));
    terminal.types("supervisorctl screen --colours builder; echo again $?");
    terminal.shows("again 0");
    assert!(
        terminal.coloured().contains("\x1b[31mred"),
        "{:?}",
        terminal.coloured()
    );
}

#[test]
fn a_screen_is_there_as_json() {
    let (rig, server) = rig_with(r"\033[31mred\033[0m\n\n  \033[1mbold");
    let printed = prints(&rig, &["screen", "--json", "builder"]);
    let json: Value = serde_json::from_str(&printed).unwrap();
    let expected = serde_json::json!({
        "protocol": 1, "worker": "builder", "columns": 60, "rows": 7,
        "screen": ["red", "", "  bold", "", "", "", ""],
    });
    assert_eq!(json, expected);
    assert_eq!(server.asks("display-message -p #{window_width}"), "60\n");
    rig.home
        .supervisorctl()
        .args(["screen", "--json", "--colours", "builder"])
        .assert()
        .code(2);
}

#[test]
fn what_has_no_screen_is_refused_as_for_attach() {
    let unknown = Scripted::start(|_, answer| {
        let refusal = Refusal::new(RefusalKind::UnknownName, "there is no worker builder");
        answer.error(refusal.hint("see: supervisorctl status"));
    });
    let refused = |rig: &Scripted, code| {
        let mut command = rig.home.supervisorctl();
        command
            .args(["screen", "builder"])
            .assert()
            .code(code)
            .stdout("")
    };
    refused(&unknown, 4)
        .stderr("error: there is no worker builder\nhint: see: supervisorctl status\n");
    let process = answering(Home::new(), LauncherKind::Process, None);
    refused(&process, 1)
        .stderr(contains(
            "error: worker builder has no terminal, since its launcher is process\n",
        ))
        .stderr(contains(
            "hint: see what it writes with: supervisorctl logs -f builder",
        ));
    let gone = answering(Home::new(), LauncherKind::Tmux, Some("/nonexistent".into()));
    refused(&gone, 1).stderr(contains("/nonexistent"));
}

#[test]
fn a_server_that_hangs_is_named() {
    let (rig, server) = rig_with("here");
    let pid = server.pid;
    kill(pid, Signal::SIGSTOP).unwrap();
    let refused = rig
        .home
        .supervisorctl()
        .args(["screen", "builder"])
        .assert();
    kill(pid, Signal::SIGCONT).unwrap();
    refused
        .code(1)
        .stdout("")
        .stderr(contains(
            "error: tmux server of worker builder does not answer\n",
        ))
        .stderr(contains(format!("goes on after: kill -CONT {pid})")));
    assert_eq!(prints(&rig, &["screen", "builder"]), "here\n");
}

/// A directory of another user's, with a server in it; where we are root.
fn of_another(home: &Home) -> Option<Server> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    fs::set_permissions(home.path(), Permissions::from_mode(0o711)).unwrap();
    let directory = home.path().join("of another");
    fs::create_dir(&directory).unwrap();
    chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
    let server = Server::draws(directory.join("tmux"), Some(NOBODY), "theirs");
    // Who can make a socket can make it look like root's.
    chown(&server.socket, Some(0), Some(0)).unwrap();
    fs::set_permissions(&server.socket, Permissions::from_mode(0o777)).unwrap();
    Some(server)
}

/// A tmux that writes down who runs it, with what environment, before it is the real one.
fn witness(directory: &Path, told: &Path) {
    let tmux = directory.join("tmux");
    let path = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\n(id -u; env) >'{}'\nPATH='{path}' exec tmux \"$@\"\n",
        told.display()
    );
    fs::write(&tmux, script).unwrap();
    fs::set_permissions(&tmux, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn root_asks_the_server_of_another_user_as_that_user() {
    let home = Home::new();
    let Some(server) = of_another(&home) else {
        return;
    };
    let told = home.path().join("of another/told");
    let bin = home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    witness(&bin, &told);
    let rig = answering(home, LauncherKind::Tmux, Some(server.socket.clone()));
    rig.home
        .supervisorctl()
        .env(
            "PATH",
            format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()),
        )
        .env("CANARY", "of root's alone")
        .args(["screen", "builder"])
        .assert()
        .stderr("")
        .stdout("theirs\n")
        .code(0);
    let told = fs::read_to_string(told).unwrap();
    assert_eq!(told.lines().next(), Some("65534"), "{told}");
    assert!(told.contains("PATH=") && !told.contains("CANARY"), "{told}");
}

#[test]
fn what_a_server_has_its_client_run_is_not_run_by_root() {
    let home = Home::new();
    let Some(server) = of_another(&home) else {
        return;
    };
    let ran = home.path().join("of another/ran");
    let rig = answering(home, LauncherKind::Tmux, Some(server.socket.clone()));
    assert!(cargo_bin("supervisorctl").exists());
    let terminal = Terminal::new(&rig.home);
    terminal.types("supervisorctl attach builder; echo back with $?");
    terminal.shows("theirs");
    until("a client is attached", || {
        server.asks("list-clients").lines().count() == 1
    });
    let command = format!("id -u >'{}'", ran.display());
    let detached = server.tmux(&["detach-client", "-s", "builder", "-E", &command]);
    assert!(detached.status.success(), "{detached:?}");
    terminal.shows("back with 0");
    assert_eq!(fs::read_to_string(ran).unwrap(), "65534\n");
}

/// The files that the processes of this user have open, by their links in proc(5), and their terminals as
/// stat(5) numbers them.
fn held_by(user: u32) -> (Vec<PathBuf>, Vec<u64>) {
    let (mut files, mut terminals) = (Vec::new(), Vec::new());
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let of_user = entry.metadata().is_ok_and(|found| found.uid() == user);
        let stat = fs::read_to_string(entry.path().join("stat"));
        let (true, Ok(stat)) = (of_user, stat) else {
            continue;
        };
        let after_name = stat.rsplit_once(") ").unwrap().1;
        terminals.push(after_name.split(' ').nth(4).unwrap().parse().unwrap());
        let open = fs::read_dir(entry.path().join("fd"));
        let open = open.into_iter().flatten().flatten();
        files.extend(open.filter_map(|link| fs::read_link(link.path()).ok()));
    }
    (files, terminals)
}

#[test]
fn a_server_of_another_user_never_has_roots_terminal() {
    let home = Home::new();
    let Some(server) = of_another(&home) else {
        return;
    };
    let rig = answering(home, LauncherKind::Tmux, Some(server.socket.clone()));
    assert!(cargo_bin("supervisorctl").exists());
    let terminal = Terminal::new(&rig.home);
    let roots = PathBuf::from(terminal.asks("#{pane_tty}"));
    let number = fs::metadata(&roots).unwrap().rdev();
    terminal.types("supervisorctl attach builder; echo back with $?");
    terminal.shows("theirs");
    until("a client is attached", || {
        server.asks("list-clients").lines().count() == 1
    });
    let (files, terminals) = held_by(NOBODY);
    assert!(!files.contains(&roots) && !terminals.contains(&number));
    assert!(
        terminals.iter().any(|terminal| *terminal != 0),
        "{terminals:?}"
    );

    terminal.types("typed into theirs");
    until("keys come to it", || {
        server.asks("capture-pane -p").contains("typed into theirs")
    });
    terminal.resizes(71, 17);
    let size = terminal.asks("#{pane_width}x#{pane_height}");
    assert!(size.starts_with("71x"), "{size}");
    until("it has the size of root's", || {
        let clients = server.asks("list-clients -F #{client_width}x#{client_height}");
        clients.trim_end() == size
    });
    terminal.presses("C-b");
    terminal.presses("d");
    terminal.shows("back with 0");
    terminal.types("stty -a | tr ' ' '\\n' | grep -c -e ^echo$ -e ^icanon$");
    terminal.shows("\n2\n");
}
