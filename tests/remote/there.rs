//! The other host: an sshd with a key, a directory and sockets of its own, and a rig that has workers there.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use crate::rig::{PATIENCE, Rig, program};

pub(crate) struct There {
    pub(crate) rig: Rig,
    sshd: Option<Sshd>,
    port: u16,
}

struct Sshd {
    child: Child,
    log: mpsc::Receiver<String>,
}

impl There {
    /// A rig with a host named `gpu` and this configuration, up.
    pub(crate) fn up(config: &str) -> Self {
        let mut there = Self::new(config);
        there.rig.start();
        there
    }

    /// The same, whose daemon was not started.
    pub(crate) fn new(config: &str) -> Self {
        let rig = Rig::new("");
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut there = Self {
            port: port.local_addr().unwrap().port(),
            rig,
            sshd: None,
        };
        drop(port);
        for name in ["there", "there/tmp", "there/bin", "there/home"] {
            fs::create_dir(there.path(name)).unwrap();
        }
        for key in ["host", "user"] {
            make_key(&there.path(key));
        }
        let host = there.rig.read("host.pub");
        let known = format!("[127.0.0.1]:{} {host}", there.port);
        there.rig.write("known", &known);
        let text = format!("UserKnownHostsFile {}\n", there.path("known").display());
        there.rig.write("ssh_config", &text);
        there.configure(config);
        there.listen();
        there
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.rig.path(name)
    }

    pub(crate) fn configure(&self, config: &str) {
        self.rig.configure(&self.configuration("", config));
    }

    /// The configuration, with more lines of the host.
    pub(crate) fn configuration(&self, host: &str, config: &str) -> String {
        let user = nix::unistd::User::from_uid(nix::unistd::getuid());
        let user = user.unwrap().unwrap().name;
        format!(
            "[rig]\nname = \"far\"\n[hosts.gpu]\nssh = \"{user}@127.0.0.1:{}\"\nidentity = \"{}\"\n\
             ssh_config = \"{}\"\npath = \"{}\"\n{host}\n{config}",
            self.port,
            self.path("user").display(),
            self.path("ssh_config").display(),
            self.path("there").display(),
        )
    }

    /// sshd begins to listen.
    pub(crate) fn listen(&mut self) {
        self.listen_with(&[]);
    }

    /// The same, on a host that has other files in these places.
    pub(crate) fn listen_with(&mut self, files: &[(&str, &str)]) {
        // Where Debian's service has it; sshd does not start as root without it.
        if nix::unistd::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let text = format!(
            "ListenAddress 127.0.0.1:{}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPidFile none\nSetEnv TMUX_TMPDIR={} HOME={}\n",
            self.port,
            self.path("host").display(),
            self.path("user.pub").display(),
            self.path("there/tmp").display(),
            // What the tester's own shell does first is not tested, and may take long.
            self.path("there/home").display(),
        );
        self.rig.write("sshd_config", &text);
        let sshd = program("sshd");
        let mut command = Command::new("unshare");
        let mounts = "while [ \"$1\" != -- ]; do mount --bind \"$1\" \"$2\" || exit; shift 2; done; shift; exec \"$@\"";
        command.args(["--mount", "--", "sh", "-c", mounts, "sh"]);
        for (file, place) in files {
            command.arg(self.path(file)).arg(place);
        }
        command.arg("--").arg(&sshd);
        if files.is_empty() {
            command = Command::new(sshd);
        }
        let mut child = command
            .args(["-D", "-e", "-f"])
            .arg(self.path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, log) = mpsc::channel();
        let says = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in says.lines().map_while(Result::ok) {
                // Nobody may want to hear more.
                drop(tell.send(line));
            }
        });
        let sshd = Sshd { child, log };
        sshd.until("Server listening");
        self.sshd = Some(sshd);
    }

    /// The link is cut: sshd does not listen any more, and its connections end.
    pub(crate) fn cut(&mut self) {
        let Sshd { mut child, .. } = self.sshd.take().unwrap();
        let connections = descendants(i32::try_from(child.id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        for pid in connections {
            if name(pid).starts_with("sshd") {
                kill(pid);
            }
        }
    }

    /// Everything of this rig there ends at once, as with the machine.
    pub(crate) fn power_off(&mut self) {
        let marker = format!("TMUX_TMPDIR={}", self.path("there/tmp").display());
        self.cut();
        for pid in with_environment(&marker) {
            kill(pid);
        }
    }

    /// The attempts of this worker there, oldest first.
    pub(crate) fn attempts(&self, worker: &str) -> Vec<String> {
        let all = fs::read_dir(self.path(&format!("there/rigs/far/{worker}"))).unwrap();
        let all = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut all: Vec<String> = all.collect();
        all.sort();
        all
    }

    /// The directory of the newest.
    pub(crate) fn attempt(&self, worker: &str) -> PathBuf {
        let newest = self.attempts(worker).pop().unwrap();
        self.path(&format!("there/rigs/far/{worker}/{newest}"))
    }

    /// What its newest attempt wrote, as it is known here.
    pub(crate) fn log_of(&self, worker: &str) -> String {
        let all = fs::read_dir(self.path(&format!("state/attempts/{worker}"))).unwrap();
        let newest = all.map(|entry| entry.unwrap().path()).max().unwrap();
        fs::read_to_string(newest.join("output.log")).unwrap_or_default()
    }
}

impl Sshd {
    fn until(&self, words: &str) {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            if line.expect("sshd does not say it").starts_with(words) {
                return;
            }
        }
    }
}

impl Drop for There {
    /// Nothing of what runs there may outlive its test.
    fn drop(&mut self) {
        // Who cannot reach its workers would wait for them.
        if self.rig.daemon.is_some() {
            self.rig.kill_daemon();
        }
        if self.sshd.is_some() {
            self.cut();
        }
        let marker = format!("TMUX_TMPDIR={}", self.path("there/tmp").display());
        with_environment(&marker).into_iter().for_each(kill);
    }
}

pub(crate) fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    // It may have ended.
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}

/// Processes that have this in their environment.
pub(crate) fn with_environment(variable: &str) -> Vec<i32> {
    let has = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut all = environment.split(|byte| *byte == 0);
        all.any(|one| one == variable.as_bytes())
    };
    processes().filter(has).collect()
}

fn processes() -> impl Iterator<Item = i32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn name(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

fn descendants(of: i32) -> Vec<i32> {
    let parent = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let parents: Vec<(i32, i32)> = processes()
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let below = parents.iter().filter(|(_, above)| *above == found[at]);
        let below: Vec<i32> = below.map(|(pid, _)| *pid).collect();
        found.extend(below);
        at += 1;
    }
    found.split_off(1)
}

fn make_key(path: &std::path::Path) {
    let made = Command::new(program("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}
