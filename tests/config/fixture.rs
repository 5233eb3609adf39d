//! A machine to check configurations on: a whole root directory.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use loopkeeper::config::{self, Complaints, Config, Credentials, Environment};
use tempfile::TempDir;

/// Where the files of the tests lie on that machine.
pub(crate) const FILE: &str = "/etc/loopkeeper/loopkeeper.toml";

/// A rig with every key.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

pub(crate) struct Machine {
    root: TempDir,
    pub(crate) env: Environment,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        let machine = Self {
            env: Environment {
                root: root.path().to_owned(),
                path: vec![PathBuf::from("/usr/bin"), PathBuf::from("/bin")],
                home: Some(PathBuf::from("/home/op")),
                executable: PathBuf::from("/opt/loopkeeper/loopkeeperd"),
                credentials: Credentials::In(PathBuf::from("/run/credentials")),
                host_name: "pi.local".to_owned(),
            },
            root,
        };
        for program in [
            "/bin/sh",
            "/usr/bin/tmux",
            "/usr/bin/make",
            "/usr/bin/curl",
            "/usr/bin/notify-me",
            "/usr/bin/dashboard",
            "/usr/bin/tailscale",
            "/usr/bin/tailscaled",
            "/srv/builder/loop.sh",
            "/srv/builder/.worktrees/own/loop.sh",
            "/srv/adversary/review.sh",
            "/etc/loopkeeper/loop.sh",
            "/home/op/bin/tool",
        ] {
            machine.write(program, "#!/bin/sh\n", 0o755);
        }
        machine.write("/etc/loopkeeper/brief.txt", "Begin.\n", 0o644);
        machine.write("/run/credentials/proxy-users", "ann:secret\n", 0o600);
        for file in [
            "/run/credentials/tailscale-key",
            "/srv/builder/notes.txt",
            "/srv/builder/.worktrees/own/.git",
        ] {
            machine.write(file, "", 0o644);
        }
        fs::create_dir_all(machine.on_disk("/srv/builder/sub")).unwrap();
        symlink("builder", machine.on_disk("/srv/link")).unwrap();
        machine
    }

    pub(crate) fn on_disk(&self, path: &str) -> PathBuf {
        self.root.path().join(path.strip_prefix('/').unwrap())
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) {
        let path = self.on_disk(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Config, Complaints> {
        config::parse(text, Path::new(FILE), &self.env)
    }

    /// A configuration that has to be right.
    pub(crate) fn valid(&self, text: &str) -> Config {
        self.parse(text)
            .unwrap_or_else(|complaints| panic!("{text}\n{complaints:?}"))
    }

    /// What is wrong with it, one line for each mistake.
    pub(crate) fn wrong(&self, text: &str) -> Vec<String> {
        let complaints = self
            .parse(text)
            .err()
            .unwrap_or_else(|| panic!("nothing is wrong with:\n{text}"));
        let line = |one: &config::Complaint| {
            let hint = one.hint.as_deref().unwrap_or("");
            format!("{}: {} [{}] {hint}", one.line, one.message, one.expected)
        };
        complaints.iter().map(line).collect()
    }
}
