//! `loopkeeper.service` for hosts without Nix.
//!
//! Promise: the unit can be installed as it is printed, and `systemd-analyze security` gives the
//! system's an exposure of at most 4.0. It says itself what each choice is for, and which hardening it
//! leaves out and why, because who reads a unit file has nothing else at hand.

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
        let mut command = word(&self.daemon)?;
        for (name, path) in [
            ("--config", &self.config),
            ("--state-dir", &self.state),
            ("--socket", &self.socket),
        ] {
            if let Some(path) = path {
                command.push_str(&format!(" {name} {}", word(path)?));
            }
        }
        let mut reload = word(&self.daemon.with_file_name("supervisorctl"))?;
        if let Some(socket) = &self.socket {
            reload.push_str(&format!(" --socket {}", word(socket)?));
        }
        let mounts = self.mounts()?;
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
{after}{mounts}# It is never given up: a rig that cannot start now may do so in a minute, and says why meanwhile.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
# The socket unit of this unit's name. Where that is installed, it is there before the daemon, which then
# listens at it and makes no own one.
Sockets=%N.socket
# It fails, and so does systemctl reload, where the daemon refuses the file: then nothing has changed. A
# signal, and Type=notify-reload with it, has no way to say so.
ExecReload={reload} reload
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

    /// That the file systems of unusual places are there first. Those of the usual ones follow from
    /// `StateDirectory=` and its like (systemd.exec(5)).
    fn mounts(&self) -> Result<String, BadPath> {
        let places = [&self.config, &self.state].into_iter().flatten();
        let places = places.map(|place| quoted(place, &['%']));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        if places.is_empty() {
            return Ok(String::new());
        }
        let places = places.join(" ");
        Ok(format!(
            "\
# Before their file system is mounted another rig would begin there, which knows nothing of this one.
RequiresMountsFor={places}
"
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
# Workers that are another user pass through it, to what is theirs; what is in it, they do not see.
StateDirectoryMode=0711
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
# Hardening. It holds for the daemon and for the commands that it runs itself: probes, the ends of
# phases, notifications. Workers are services of their own, which PID 1 starts: nothing in here confines
# them. (With User=, or without D-Bus, they would be in here: for a rig without root take the unit for a
# user, supervisorctl generate unit --user.)
CapabilityBoundingSet=CAP_KILL CAP_SYS_PTRACE CAP_SYS_RESOURCE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER CAP_LEASE CAP_SETUID CAP_SETGID
NoNewPrivileges=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectSystem=full
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# What is left open, and what for:
#   User=                          workers of any user are started, looked at and stopped
#   CAP_KILL                       signals to workers of other users
#   CAP_SYS_PTRACE                 whose a process is stands in its environment (/proc/PID/environ)
#   CAP_SYS_RESOURCE               the mark of a worker's processes is a limit of theirs (prlimit(2))
#   CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
#                                  work trees and files of other users, also for the ends of phases
#   CAP_CHOWN, CAP_FOWNER          an attempt's files are its user's; the control socket its group's
#   CAP_LEASE                      whether another user still writes a file of his inbox (fcntl(2))
#   CAP_SETUID, CAP_SETGID         runuser in a command
#   @privileged, @resources        the calls of these capabilities
#   ProtectControlGroups=, Delegate=
#                                  what is left of a worker is ended by its control group
#   ProtectProc=, ProcSubset=      every process is looked at; boot, pressure and limits of the kernel
#   ProtectKernelTunables=         would hide the boot_id that a container has, below /proc/sys
#   ProtectHome=, PrivateTmp=, ProtectSystem=strict, UMask=
#                                  commands work where the loops do, with files that these can read
#   PrivateNetwork=, IPAddressDeny=, AF_INET, AF_INET6, AF_NETLINK
#                                  probes over TCP and SOCKS, to wherever you say
#   AF_UNIX                        D-Bus, the journal, tmux, the control socket
#   PrivateUsers=, RootDirectory=  the machine's own users and files are meant
#   MemoryDenyWriteExecute=        commands with just-in-time compilers
#   DeviceAllow=char-rtc           comes with ProtectClock=
# A command that needs more (containers, setuid programs, devices) is let by: systemctl edit loopkeeper
";

const USER_IDENTITY: &str = "\
# To keep the rig running without a login: loginctl enable-linger
# Hardening is left out: without root, systemd can give it only together with namespaces of the user's
# own and without setuid programs, and the commands that the daemon runs need both as you have them.
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
fn word(path: &Path) -> Result<String, BadPath> {
    quoted(path, &['%', '$'])
}

/// As one word of a line in which some characters are `doubled` (systemd.syntax(7), "Quoting").
fn quoted(path: &Path, doubled: &[char]) -> Result<String, BadPath> {
    let text = plain(path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    if text.chars().all(plain) {
        return Ok(text);
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if doubled.contains(&c) => quoted.extend([c, c]),
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
            text(Manager::System, None).contains("\nExecReload=/usr/bin/supervisorctl reload\n")
        );
        assert!(
            text(Manager::User, Some("/home/u/my rig.toml"))
                .contains("\nExecStart=/usr/bin/loopkeeperd --config \"/home/u/my rig.toml\"\n")
        );
    }

    #[test]
    fn a_unit_has_the_socket_of_its_own_name() {
        for manager in [Manager::System, Manager::User] {
            assert!(text(manager, None).contains("\nSockets=%N.socket\n"));
        }
    }

    #[test]
    fn the_file_systems_of_unusual_places_are_there_first() {
        assert!(!text(Manager::System, None).contains("RequiresMountsFor"));
        let unit = Unit {
            manager: Manager::System,
            daemon: "/usr/bin/loopkeeperd".into(),
            config: Some("/mnt/a b/$x%.toml".into()),
            state: Some("/data/lk".into()),
            socket: None,
        };
        let line = "\nRequiresMountsFor=\"/mnt/a b/$x%%.toml\" /data/lk\n";
        let text = unit.text().unwrap();
        assert!(text.contains(line), "{text}");
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
            assert_eq!(word(Path::new(path)).unwrap(), written);
        }
        for bad in ["relative", "/a\nb"] {
            assert!(word(Path::new(bad)).is_err(), "{bad:?}");
        }
    }
}
