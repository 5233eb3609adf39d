//! `loopkeeper.service` for hosts without Nix.
//!
//! Promise: the unit can be installed as it is printed. It says itself what each choice is for, and
//! which hardening it leaves out and why, because who reads a unit file has nothing else at hand.

use std::path::{Path, PathBuf};

/// For whom the unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// PID 1: the daemon runs as root, or as whom a drop-in names.
    System,
    /// `systemd --user`.
    User,
}

/// What differs from one unit to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// For whom.
    pub manager: Manager,
    /// `loopkeeperd`, absolute.
    pub daemon: PathBuf,
    /// The configuration, absolute, if it is not at its usual place.
    pub config: Option<PathBuf>,
    /// The state directory, absolute, if it is not the usual one.
    pub state: Option<PathBuf>,
    /// The control socket, absolute, if it is not at its usual place.
    pub socket: Option<PathBuf>,
}

/// A path that a unit file cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} cannot stand in a unit file: {why}")]
pub struct BadPath {
    path: PathBuf,
    why: &'static str,
}

impl Unit {
    /// The text of the unit.
    pub fn text(&self) -> Result<String, BadPath> {
        let mut command = quoted(&self.daemon)?;
        for (name, path) in [
            ("--config", &self.config),
            ("--state-dir", &self.state),
            ("--socket", &self.socket),
        ] {
            if let Some(path) = path {
                command.push_str(&format!(" {name} {}", quoted(path)?));
            }
        }
        let (after, directories, identity, wanted_by) = match self.manager {
            Manager::System => (
                SYSTEM_AFTER,
                match &self.state {
                    None => [SYSTEM_STATE, SYSTEM_DIRECTORIES].concat(),
                    // The daemon makes that one itself, for its user alone.
                    Some(_) => SYSTEM_DIRECTORIES.to_owned(),
                },
                SYSTEM_IDENTITY,
                "multi-user.target",
            ),
            Manager::User => (
                "",
                USER_DIRECTORIES.to_owned(),
                USER_IDENTITY,
                "default.target",
            ),
        };
        Ok(format!(
            "\
# Printed by supervisorctl generate unit, version {version}.
[Unit]
Description=Loopkeeper, keeps loops running
Documentation=man:loopkeeperd(8) man:loopkeeper.toml(5) man:supervisorctl(1)
{after}# It is never given up: a rig that cannot start now may do so in a minute, and says why meanwhile.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
# It is up when the rig is up, and says in its status what it waits for until then.
TimeoutStartSec=infinity
# It answers after each turn of its loop, not from a timer of its own.
WatchdogSec=30
# Workers get the time that their own stop settings say; the daemon asks for more when it needs it.
TimeoutStopSec=90

# Each worker is a service of its own, loopkeeper-WORKER.service in loopkeeper.slice, beside this unit:
# a restart or an upgrade of the daemon does not touch it, and the next daemon takes it over. In this
# unit are the daemon and its short-lived helpers: the daemon is asked to end, what is left then is
# killed.
KillMode=mixed
# Where there is no bus to ask for services, workers get a control group of their own below ours.
Delegate=yes
TasksMax=infinity
# A loop that eats the memory is killed alone; the daemon sees its exit and restarts it.
OOMPolicy=continue

{directories}
{identity}
[Install]
WantedBy={wanted_by}
",
            version = env!("CARGO_PKG_VERSION"),
        ))
    }
}

const SYSTEM_AFTER: &str = "\
# The network is wanted but not waited for: the proxy retries, and loops wait for the proxy.
Wants=network-online.target
After=network.target
";

const SYSTEM_STATE: &str = "\
StateDirectory=loopkeeper
StateDirectoryMode=0700
";

const SYSTEM_DIRECTORIES: &str = "\
ConfigurationDirectory=loopkeeper
RuntimeDirectory=loopkeeper
RuntimeDirectoryMode=0755
# The sockets of tmux workers are in there; the workers outlive a restart of this unit.
RuntimeDirectoryPreserve=yes
";

const USER_DIRECTORIES: &str = "\
# The state and the configuration are in the XDG directories, which the daemon makes itself: where
# StateDirectory= of a user unit is depends on systemd's version.
RuntimeDirectory=loopkeeper
RuntimeDirectoryMode=0700
# The sockets of tmux workers are in there; the workers outlive a restart of this unit.
RuntimeDirectoryPreserve=yes
";

const SYSTEM_IDENTITY: &str = "\
# Hardening. Workers are started by the daemon, so what confines the daemon confines them. Shut is
# what no loop has business with: the clock, kernel modules, the kernel log, raw devices, swap, the
# host's name, real-time priority, other programs' keys.
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
RestrictRealtime=yes
KeyringMode=private
CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_SYS_PACCT CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_LINUX_IMMUTABLE CAP_LEASE
SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @swap
SystemCallErrorNumber=EPERM
# Left open on purpose, because a loop is a person's stand-in that builds, installs, and uses sudo,
# containers and ssh:
#   ProtectSystem= ProtectHome= PrivateTmp= PrivateDevices= ProtectProc= ReadWritePaths=
#     would give the loops another file system than the one their operator sees;
#   NoNewPrivileges= RestrictSUIDSGID= and a smaller CapabilityBoundingSet=
#     would break sudo, ping, and every build that makes setuid files;
#   RestrictNamespaces= RestrictAddressFamilies= SystemCallArchitectures= and an allow list of calls
#     would break containers, Nix builds, browsers, debuggers and 32-bit programs;
#   MemoryDenyWriteExecute= LockPersonality=
#     would break just-in-time compilers and debuggers;
#   ProtectKernelTunables= ProtectControlGroups=
#     would break containers and loops that look after the machine.
# To confine daemon and workers further, add what your loops can live with: systemctl edit loopkeeper
# To run all of it without root, take the unit for a user: supervisorctl generate unit --user
";

const USER_IDENTITY: &str = "\
# To keep the rig running without a login: loginctl enable-linger
# Hardening by namespaces and system call filters is left out: workers would inherit it, and it
# would give them another machine than the one their operator sees.
";

/// A path as it stands in a line of its own.
pub(super) fn plain(path: &Path) -> Result<String, BadPath> {
    let bad = |why| BadPath {
        path: path.to_owned(),
        why,
    };
    let text = path.to_str().ok_or_else(|| bad("it is not UTF-8"))?;
    if !path.is_absolute() {
        return Err(bad("it is not absolute"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("it has control characters"));
    }
    Ok(text.to_owned())
}

/// systemd.service(5), "Command lines": `%` and `$` are doubled, the rest is C-style quoting.
fn quoted(path: &Path) -> Result<String, BadPath> {
    let text = plain(path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    if text.chars().all(plain) {
        return Ok(text);
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' | '$' => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(manager: Manager, config: Option<&str>) -> String {
        let unit = Unit {
            manager,
            daemon: "/usr/bin/loopkeeperd".into(),
            config: config.map(Into::into),
            state: None,
            socket: None,
        };
        unit.text().unwrap()
    }

    #[test]
    fn a_setting_is_given_once() {
        for manager in [Manager::System, Manager::User] {
            let text = text(manager, None);
            let mut seen = std::collections::BTreeSet::new();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                if let Some((key, _)) = line.split_once('=') {
                    assert!(seen.insert(key.to_owned()), "{key} is there twice");
                }
            }
            assert!(seen.contains("ExecStart"));
        }
    }

    #[test]
    fn only_an_unusual_configuration_is_named() {
        assert!(text(Manager::System, None).contains("\nExecStart=/usr/bin/loopkeeperd\n"));
        assert!(
            text(Manager::User, Some("/home/u/my rig.toml"))
                .contains("\nExecStart=/usr/bin/loopkeeperd --config \"/home/u/my rig.toml\"\n")
        );
    }

    #[test]
    fn a_path_is_written_so_that_systemd_reads_the_same_path() {
        for (path, written) in [
            ("/a/b-c.d", "/a/b-c.d"),
            ("/a b", r#""/a b""#),
            ("/100%", r#""/100%%""#),
            ("/$HOME", r#""/$$HOME""#),
            (r#"/a"b\c"#, r#""/a\"b\\c""#),
            ("/ä", r#""/ä""#),
        ] {
            assert_eq!(quoted(Path::new(path)).unwrap(), written);
        }
        for bad in ["relative", "/a\nb"] {
            assert!(quoted(Path::new(bad)).is_err(), "{bad:?}");
        }
    }
}
