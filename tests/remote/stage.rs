//! A rig with a played agent on another host, which is an sshd of this machine.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, getuid},
};
use serde_json::Value;

use crate::{program::program, rig::Rig};

/// The rig, and the host `gpu`, on which worker `a` is an agent.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    sshd: Child,
}

impl Stage {
    /// The agent plays this, and its worker has these lines more.
    pub(crate) fn plays(script: &str, lines: &str) -> Self {
        let mut rig = Rig::new("");
        let there = rig.path("there");
        fs::create_dir(&there).unwrap();
        fs::write(there.join("script"), script).unwrap();
        symlink(program(), there.join("claude")).unwrap();
        let (sshd, port) = sshd(&rig);
        let path = |name: &str| rig.path(name).display().to_string();
        let user = User::from_uid(getuid()).unwrap().unwrap().name;
        rig.configure(&format!(
            "[hosts.gpu]\nssh = '{user}@127.0.0.1:{port}'\nssh_config = '{}'\nidentity = '{}'\n\
             path = '{there}/ours'\n[workers.a]\non = 'gpu'\nagent = 'claude'\nworkdir = '{there}'\n\
             command = 'SCRIPTED_AGENT_SCRIPT=script SCRIPTED_AGENT_LOG=log exec ./claude'\n{lines}\n",
            path("ssh_config"),
            path("user"),
            there = there.display(),
        ));
        rig.start();
        let stage = Self { rig, sshd };
        stage.rig.until_state("a", "running");
        stage.rig.eventually("first step", |_| {
            (!stage.events("step").is_empty()).then_some(())
        });
        stage
    }

    /// What the agent has written down.
    pub(crate) fn log(&self) -> Vec<Value> {
        let log = self.rig.read("there/log");
        let lines = log.lines();
        // The last line may be in the midst of being written.
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let log = self.log().into_iter();
        log.filter(|line| line["event"] == name).collect()
    }

    pub(crate) fn submitted(&self) -> Vec<String> {
        let log = self.log().into_iter();
        log.filter_map(|line| Some(line.get("submitted")?.as_str()?.to_owned()))
            .collect()
    }

    /// What tmux over there says to this.
    pub(crate) fn tmux(&self, words: &[&str]) -> String {
        let said = self.asked(words);
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    }

    fn asked(&self, words: &[&str]) -> Output {
        let attempts = self.rig.path("there/ours/rigs");
        let mut starts = walk(attempts).into_iter();
        let start = starts.find(|path| path.ends_with("start")).unwrap();
        let start = fs::read_to_string(start).unwrap();
        let socket = start.split(' ').nth(5).unwrap();
        let socket = format!("/tmp/loopkeeper-{}/{socket}", getuid());
        let mut tmux = Command::new("tmux");
        tmux.args(["-S", &socket]).args(words).output().unwrap()
    }

    /// The link says nothing any more, and takes nothing.
    pub(crate) fn silence(&self) {
        for pid in children(self.sshd.id()) {
            kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
        }
    }

    /// The link is lost, and does not come back.
    pub(crate) fn cut(&mut self) {
        let children = children(self.sshd.id());
        self.sshd.kill().unwrap();
        self.sshd.wait().unwrap();
        children.into_iter().for_each(end);
    }
}

impl Drop for Stage {
    /// Also what runs over there ends with its test.
    fn drop(&mut self) {
        // A daemon that ends in order waits for what it cannot reach any more.
        if self.rig.daemon.is_some() {
            self.rig.kill_daemon();
        }
        let place = format!("={}/", self.rig.path("there").display());
        let pids = pids().into_iter().filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&place)
        });
        pids.for_each(end);
        self.cut();
    }
}

fn end(pid: i32) {
    // It may have ended meanwhile.
    kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
}

fn walk(directory: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.is_dir() {
        true => walk(path),
        false => vec![path],
    });
    found.collect()
}

fn pids() -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.collect()
}

/// All that this sshd has started for its connections, which are sshd as well.
fn children(of: u32) -> Vec<i32> {
    let parent = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        fields.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let is_sshd = |pid: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.starts_with("sshd")
    };
    let children = pids().into_iter().filter(|pid| parent(pid) == Some(of));
    let children: Vec<i32> = children.filter(is_sshd).collect();
    let below = children
        .iter()
        .flat_map(|pid| self::children(u32::try_from(*pid).unwrap()));
    children.clone().into_iter().chain(below).collect()
}

fn sshd(rig: &Rig) -> (Child, u16) {
    let path = |name: &str| rig.path(name).display().to_string();
    for key in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)])
            .status();
        assert!(made.unwrap().success());
    }
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let key = rig.read("host.pub");
    rig.write("known", &format!("[127.0.0.1]:{port} {key}"));
    rig.write(
        "ssh_config",
        &format!("UserKnownHostsFile {}\n", path("known")),
    );
    fs::copy(rig.path("user.pub"), rig.path("authorized")).unwrap();
    // Where Debian's service has it; sshd does not start as root without it.
    if getuid().is_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    rig.write(
        "sshd_config",
        &format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nPidFile none\nSetEnv HOME={}\n",
            path("host"),
            path("authorized"),
            // What the tester's own shell does first is not tested, and may take long.
            path("there"),
        ),
    );
    let mut sshd = Command::new(crate::rig::program("sshd"))
        .args(["-D", "-e", "-f", &path("sshd_config")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(sshd.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    while !said
        .last()
        .is_some_and(|line: &String| line.starts_with("Server listening"))
    {
        match lines.next() {
            Some(line) => said.push(line.unwrap()),
            None => panic!("sshd does not listen: {said:?}"),
        }
    }
    // Nobody else would read what it says.
    std::thread::spawn(move || lines.for_each(drop));
    (sshd, port)
}
