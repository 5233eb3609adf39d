//! One rig in a temporary directory. Waits on what the daemon says (its notify socket, its event
//! stream, its status), never for a time.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::mount::Mount;

/// Far longer than anything takes; only a failure comes near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    directory: tempfile::TempDir,
    pub daemon: Option<Daemon>,
    /// The state directory's own file system, if it has one.
    pub disk: Option<Mount>,
}

/// A running daemon and its notify socket.
pub(crate) struct Daemon {
    child: Child,
    manager: UnixDatagram,
    /// Lines the daemon sent, oldest first.
    pub said: Vec<String>,
}

impl Rig {
    /// A rig with this configuration, not started.
    pub(crate) fn new(config: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("lk")
            .tempdir_in("/tmp")
            .unwrap();
        let rig = Self {
            directory,
            daemon: None,
            disk: None,
        };
        rig.configure(config);
        rig
    }

    /// A rig with this configuration, up, whose state directory can be filled.
    pub(crate) fn up_on_a_small_disk(config: &str) -> Self {
        let mut rig = Self::new(config);
        rig.disk = Some(Mount::small(&rig.path("state"), "2M"));
        rig.start();
        rig
    }

    /// A rig with this configuration, up.
    pub(crate) fn up(config: &str) -> Self {
        let mut rig = Self::new(config);
        rig.start();
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn configure(&self, config: &str) {
        self.write("loopkeeper.toml", config);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .env("STATE_DIRECTORY", self.path("state"))
            .env("CONFIGURATION_DIRECTORY", self.directory.path())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// The daemon's command, for tests that start it in their own way.
    pub(crate) fn loopkeeperd(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_loopkeeperd"))
    }

    /// Starts a daemon that is not root, whoever we are, and waits until it says that the rig is up.
    pub(crate) fn start_without_privileges(&mut self) {
        let mut command = self.loopkeeperd();
        if let Some(user) = somebody() {
            std::os::unix::fs::chown(self.directory.path(), Some(user), Some(user)).unwrap();
            command.uid(user).gid(user);
        }
        self.start_as(command);
        self.daemon.as_mut().unwrap().wait_for("READY=1");
    }

    /// Gives a limit, as prlimit(1) has it, to the running daemon, which is not root.
    pub(crate) fn limit_daemon(&self, limit: &str) {
        let mut command = self.command("prlimit");
        let pid = self.daemon.as_ref().unwrap().pid();
        command.args([limit, "--pid", &pid.to_string()]);
        if let Some(user) = somebody() {
            command.uid(user).gid(user);
        }
        assert!(command.status().unwrap().success());
    }

    /// The same with a limit as prlimit(1) has it.
    pub(crate) fn loopkeeperd_limited(&self, limit: &str) -> Command {
        let mut command = self.command("prlimit");
        command.args([limit, "--", env!("CARGO_BIN_EXE_loopkeeperd")]);
        command
    }

    /// Starts a daemon and waits until it says that the rig is up.
    pub(crate) fn start(&mut self) {
        self.start_with(|_| ());
        self.daemon.as_mut().unwrap().wait_for("READY=1");
    }

    pub(crate) fn start_with(&mut self, change: impl FnOnce(&mut Command)) {
        let mut command = self.loopkeeperd();
        change(&mut command);
        self.start_as(command);
    }

    /// Starts a daemon from another executable, and waits until it says that the rig is up.
    pub(crate) fn start_from(&mut self, executable: &Path) {
        self.start_as(self.command(executable.to_str().unwrap()));
        self.daemon.as_mut().unwrap().wait_for("READY=1");
    }

    /// Starts a daemon that sees another boot: that of which this file has the id.
    pub(crate) fn start_in_boot(&mut self, id: &str) {
        let mut command = self.command("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        let mounted = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && exec \"$2\"";
        command.args(["--", "sh", "-c", mounted, "sh"]);
        command
            .arg(self.path(id))
            .arg(env!("CARGO_BIN_EXE_loopkeeperd"));
        self.start_as(command);
        self.daemon.as_mut().unwrap().wait_for("READY=1");
    }

    /// Starts a daemon with a limit as prlimit(1) has it, and waits until it says that the rig is up.
    pub(crate) fn start_limited(&mut self, limit: &str) {
        self.start_as(self.loopkeeperd_limited(limit));
        self.daemon.as_mut().unwrap().wait_for("READY=1");
    }

    pub(crate) fn start_as(&mut self, command: Command) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("daemon.log"))
            .unwrap();
        self.start_to(command, log.into());
    }

    /// The same with this standard error.
    pub(crate) fn start_to(&mut self, mut command: Command, stderr: Stdio) {
        let socket = self.path("notify");
        drop(fs::remove_file(&socket));
        let manager = UnixDatagram::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
        command.env("NOTIFY_SOCKET", &socket).stderr(stderr);
        let child = command.spawn().unwrap();
        self.daemon = Some(Daemon {
            child,
            manager,
            said: Vec::new(),
        });
    }

    /// SIGKILL, as a crash.
    pub(crate) fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
    }

    /// Asks the daemon to end, and waits for it; its exit code.
    pub(crate) fn end_daemon(&mut self, signal: &str) -> Option<i32> {
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(signal);
        daemon.child.wait().unwrap().code()
    }

    /// The command of `supervisorctl`, for tests that run it in their own way.
    pub(crate) fn supervisorctl(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_supervisorctl"))
    }

    pub(crate) fn ctl(&self, arguments: &[&str]) -> Output {
        self.supervisorctl().args(arguments).output().unwrap()
    }

    /// A verb that must succeed; its standard output.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.ctl(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{}",
            text(&output.stderr),
            self.log()
        );
        text(&output.stdout)
    }

    /// A verb that must fail with this exit code; its standard error.
    pub(crate) fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.ctl(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stderr)
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.done(&["status", "--json"])).unwrap()
    }

    pub(crate) fn worker(&self, name: &str) -> Value {
        let status = self.status();
        let rows = status["workers"].as_array().unwrap();
        rows.iter()
            .find(|row| row["name"] == name)
            .cloned()
            .unwrap_or(Value::Null)
    }

    pub(crate) fn pid(&self, name: &str) -> i64 {
        self.worker(name)["pid"]
            .as_i64()
            .unwrap_or_else(|| panic!("{name} has no pid"))
    }

    /// Asks until it is so; a bounded wait, for things that no event announces to a client.
    pub(crate) fn eventually<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "never: {what}\n{}", self.log());
            std::thread::yield_now();
        }
    }

    /// The daemon logs a moment after it did something.
    pub(crate) fn until_logged(&self, part: &str) -> String {
        self.eventually(part, |rig| Some(rig.log()).filter(|log| log.contains(part)))
    }

    pub(crate) fn until_state(&self, worker: &str, state: &str) -> Value {
        self.eventually(&format!("{worker} {state}"), |rig| {
            let row = rig.worker(worker);
            (row["state"] == state).then_some(row)
        })
    }

    /// Processes of this rig's attempts, by the marker in their environment.
    pub(crate) fn alive(&self) -> Vec<i32> {
        let attempts = self.path("state/attempts/worker");
        let below = attempts.parent().unwrap().display().to_string();
        let marker = format!("LOOPKEEPER_ATTEMPT_DIR={below}/");
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|one| one.starts_with(marker.as_bytes()))
        })
        .collect()
    }

    pub(crate) fn log(&self) -> String {
        let log = self.read("daemon.log");
        let from = log.len().saturating_sub(6000);
        format!("--- daemon ---\n{}", log.get(from..).unwrap_or(&log))
    }
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Of one that ends by itself.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Waits until the daemon told the service manager this.
    pub(crate) fn wait_for(&mut self, wanted: &str) {
        let mut buffer = [0; 4096];
        self.manager.set_read_timeout(Some(PATIENCE)).unwrap();
        while !self.said.iter().any(|line| line.starts_with(wanted)) {
            let length = self
                .manager
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("no {wanted}: {error}; said {:?}", self.said));
            self.said
                .extend(text(&buffer[..length]).lines().map(str::to_owned));
        }
    }
}

impl Drop for Rig {
    /// Nothing of a rig may outlive its test, whatever became of the daemon.
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.signal("INT");
            drop(daemon.child.wait());
        }
        for pid in self.alive() {
            drop(
                Command::new("kill")
                    .args(["-s", "KILL", &pid.to_string()])
                    .status(),
            );
        }
        self.disk = None;
    }
}

/// Where we are root: a user that nobody else is, so that its processes are those of one rig.
fn somebody() -> Option<u32> {
    let root = rustix::process::geteuid().is_root();
    root.then(|| 100_000 + std::process::id())
}

/// Where a program is in `$PATH`: not every machine has it in /bin.
pub(crate) fn program(name: &str) -> PathBuf {
    let environment = loopkeeper::config::Environment::of_this_process().unwrap();
    let found = environment.program(name);
    found.unwrap_or_else(|| panic!("{name} is not in $PATH"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
