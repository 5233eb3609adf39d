//! An sshd, and the keys and files with which it is come to.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use loopkeeper::{
    host::Executable,
    launch::{House, Local, Settings, command::Runner},
    ssh::{Link, State, Target},
};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};

use crate::{
    alone::kill,
    fixture::{LOCALHOST, needs},
};

/// Generous: it only passes when something is broken.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A machine that connects, and the sshd of one that is connected to.
pub(crate) struct World {
    here: Here,
    there: TempDir,
    pub(crate) port: u16,
    extra: String,
    sshd: Option<Sshd>,
}

/// The machine that connects.
pub(crate) struct Here {
    directory: PathBuf,
    pub(crate) runner: Runner,
}

struct Sshd {
    pid: i32,
    log: watch::Receiver<Vec<String>>,
}

impl Here {
    pub(crate) fn at(directory: PathBuf) -> Self {
        let settings = Settings {
            state: directory.join("state"),
            runtime: directory.join("run"),
            house: House::None,
            executable: Executable::at(env!("CARGO_BIN_EXE_loopkeeperd").into()).unwrap(),
        };
        let (local, _) = Local::open(settings).unwrap();
        Self {
            directory,
            runner: local.runner(),
        }
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.directory.join("run")
    }

    pub(crate) fn link(&self, target: Target) -> Link {
        Link::open(target, &self.runtime(), &self.runner).unwrap()
    }

    /// An sshd on this machine, as whoever runs the test.
    pub(crate) fn target(&self, port: u16) -> Target {
        let user = nix::unistd::User::from_uid(nix::unistd::getuid());
        Target {
            name: "there".into(),
            user: Some(user.unwrap().unwrap().name),
            host: "127.0.0.1".into(),
            port: Some(port),
            ssh_config: Some(self.directory.join("ssh config")),
            identity: Some(self.directory.join("user")),
            proxy: None,
        }
    }
}

impl World {
    /// With an sshd that is as sshd is.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more lines in its configuration.
    pub(crate) fn with(extra: &str) -> Self {
        let there = tempfile::tempdir().unwrap();
        // Here there are more than plain letters in every path.
        let directory = there.path().join("it's a ~ place & all");
        fs::create_dir(&directory).unwrap();
        make_key(&there.path().join("host"));
        make_key(&directory.join("user"));
        let port = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let mut world = Self {
            here: Here::at(directory),
            there,
            port: port.local_addr().unwrap().port(),
            extra: extra.to_owned(),
            sshd: None,
        };
        drop(port);
        world.know("host");
        world.start();
        world
    }

    pub(crate) fn here(&self) -> &Here {
        &self.here
    }

    pub(crate) fn path(&self) -> &Path {
        &self.here.directory
    }

    pub(crate) fn target(&self) -> Target {
        self.here.target(self.port)
    }

    pub(crate) fn link(&self) -> Link {
        self.here.link(self.target())
    }

    /// What is known of the host's key is this key. Nothing, where there is no such key.
    pub(crate) fn know(&self, key: &str) {
        let key = self.there.path().join(format!("{key}.pub"));
        let key = fs::read_to_string(key).unwrap_or_default();
        let known = self.path().join("known hosts");
        let lines = ["127.0.0.1", "localhost"].map(|host| format!("[{host}]:{} {key}", self.port));
        let lines = if key.is_empty() {
            String::new()
        } else {
            lines.concat()
        };
        fs::write(&known, lines).unwrap();
        // What we insist on is not overridden by what people write.
        let text = format!(
            "Host *\nUserKnownHostsFile \"{}\"\nStrictHostKeyChecking no\nUser nobody\n\
             ControlMaster auto\nControlPath {}/other\nServerAliveInterval 0\nRequestTTY force\n",
            known.display(),
            self.there.path().display()
        );
        fs::write(self.path().join("ssh config"), text).unwrap();
    }

    /// Of its names only this one is known.
    pub(crate) fn know_only(&self, name: &str) {
        let known = self.path().join("known hosts");
        let lines = fs::read_to_string(&known).unwrap();
        let name = format!("[{name}]");
        let lines = lines.lines().filter(|line| line.starts_with(&name));
        fs::write(known, lines.collect::<String>() + "\n").unwrap();
    }

    /// Another key, which is nobody's.
    pub(crate) fn other_key(&self) -> PathBuf {
        let path = self.there.path().join("other");
        make_key(&path);
        path
    }

    /// sshd begins to listen.
    pub(crate) fn start(&mut self) {
        // Where Debian's service has it; sshd does not start as root without it.
        if nix::unistd::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let there = self.there.path();
        let authorized = there.join("authorized");
        fs::copy(self.path().join("user.pub"), &authorized).unwrap();
        let text = format!(
            "ListenAddress 127.0.0.1:{}\nHostKey {}\nAuthorizedKeysFile {}\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nSetEnv HOME={}\n{}\n",
            self.port,
            there.join("host").display(),
            authorized.display(),
            // What the tester's own shell does first is not tested, and may take long.
            there.display(),
            self.extra,
        );
        let config = there.join("sshd_config");
        fs::write(&config, text).unwrap();
        #[expect(clippy::zombie_processes, reason = "the reaper collects it")]
        let mut sshd = Command::new(needs("sshd", "openssh-server"))
            .args(["-D", "-e", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, log) = watch::channel(Vec::new());
        let (listens, wait) = mpsc::channel();
        let says = BufReader::new(sshd.stderr.take().unwrap());
        thread::spawn(move || {
            for line in says.lines().map_while(Result::ok) {
                if line.starts_with("Server listening") {
                    listens.send(()).unwrap();
                }
                tell.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        let listens = wait.recv_timeout(SOON);
        assert!(listens.is_ok(), "sshd does not listen: {:?}", log.borrow());
        let pid = i32::try_from(sshd.id()).unwrap();
        self.sshd = Some(Sshd { pid, log });
    }

    /// It does not listen any more. Connections stay.
    pub(crate) fn stop(&mut self) -> Vec<i32> {
        let connections = self.connections();
        let sshd = self.sshd.take().unwrap();
        send(sshd.pid, Signal::SIGKILL);
        connections
    }

    /// The processes of sshd for connections.
    pub(crate) fn connections(&self) -> Vec<i32> {
        descendants(self.sshd.as_ref().unwrap().pid)
            .into_iter()
            .filter(|pid| name(*pid).starts_with("sshd"))
            .collect()
    }

    /// How many connections sshd has let in.
    pub(crate) fn let_in(&self) -> usize {
        let log = self.sshd.as_ref().unwrap().log.borrow();
        let accepted = log.iter().filter(|line| line.starts_with("Accepted "));
        accepted.count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.sshd.is_some() {
            let connections = self.stop();
            connections.into_iter().for_each(kill);
        }
    }
}

/// Waits until there is a connection; says which.
pub(crate) async fn up(link: &Link) -> u64 {
    let mut state = link.state();
    let up = state.wait_for(|state| matches!(state, State::Up { .. }));
    let up = timeout(SOON, up).await.map(|up| up.unwrap().clone());
    match up {
        Ok(State::Up { life }) => life,
        _ => panic!("{:?}", *link.state().borrow()),
    }
}

/// Waits until a try has failed, or this connection is lost; says why.
pub(crate) async fn down(link: &Link) -> String {
    let mut state = link.state();
    let first = "the first try is on its way";
    let down = |state: &State| matches!(state, State::Down { why, .. } if why != first);
    let down = timeout(SOON, state.wait_for(down)).await;
    match &*down.expect("it is not told").unwrap() {
        State::Down { why, .. } => why.clone(),
        State::Up { .. } => unreachable!(),
    }
}

/// A way for scripts to tell something.
pub(crate) struct Fifo(PathBuf);

impl Fifo {
    pub(crate) fn make(world: &World, name: &str) -> Self {
        let path = world.path().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Waits until it was told.
    pub(crate) async fn told(&self) -> String {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || fs::read_to_string(path).unwrap());
        timeout(SOON, read).await.expect("nothing is told").unwrap()
    }
}

pub(crate) fn send(pid: i32, signal: Signal) {
    signal::kill(Pid::from_raw(pid), signal).unwrap();
}

pub(crate) fn name(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().to_owned()
}

/// All that a process has started, and they.
pub(crate) fn descendants(of: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(i32, i32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let children = parents.iter().filter(|(_, parent)| *parent == found[at]);
        let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
        at += 1;
    }
    found.split_off(1)
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}

fn make_key(path: &Path) {
    needs("ssh-keygen", "openssh-client");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .output();
    let made = made.unwrap();
    assert!(made.status.success(), "{made:?}");
}
