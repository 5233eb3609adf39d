//! What carries the rig: systemd, its bus, and for a user's own rig lingering.

use std::{
    fs, io,
    os::unix::{fs::MetadataExt as _, net::UnixStream},
    path::{Path, PathBuf},
};

use nix::unistd::{Uid, User, geteuid};

use super::{Finding, Is};
use crate::systemd::{BOOTED, manager::Whose};

/// Where logind marks who lingers, a file for each (loginctl(1), `enable-linger`; the place is
/// systemd's src/login/logind-user.c). It is there without logind answering.
const LINGER: &str = "/var/lib/systemd/linger";

/// Whose rig it is: who has its state directory, or who would make it.
pub(super) fn owner(state: &Path) -> Uid {
    fs::metadata(state).map_or_else(|_| geteuid(), |found| Uid::from_raw(found.uid()))
}

/// All of it, for a rig of this user with this daemon.
pub(super) fn findings(owner: Uid, daemon: Option<i32>) -> Vec<Finding> {
    let mut findings = vec![booted(Path::new(BOOTED))];
    if !Path::new(BOOTED).is_dir() {
        return findings;
    }
    if owner.is_root() {
        findings.push(bus(&Whose::System, &Bus::of(&Whose::System)));
    } else if !daemon.is_some_and(is_of_the_system) {
        let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| owner == geteuid());
        let runtime = own.map_or_else(|| format!("/run/user/{owner}").into(), PathBuf::from);
        let whose = Whose::User(runtime);
        let name = User::from_uid(owner).ok().flatten().map(|user| user.name);
        findings.push(lingering(
            &name.clone().unwrap_or_else(|| owner.to_string()),
            &name.map_or_else(
                || Linger::Unknown("it has no name".to_owned()),
                |name| Linger::of(Path::new(LINGER), &name),
            ),
        ));
        findings.push(bus(&whose, &Bus::of(&whose)));
    }
    findings
}

/// A unit of PID 1 with `User=` needs no manager of that user.
pub(super) fn is_of_the_system(daemon: i32) -> bool {
    fs::read_to_string(format!("/proc/{daemon}/cgroup"))
        .is_ok_and(|cgroup| cgroup.contains("/system.slice/"))
}

fn booted(sign: &Path) -> Finding {
    if sign.is_dir() {
        Finding::new("systemd", Is::Ok, "the machine was booted with systemd")
    } else {
        Finding::new(
            "systemd",
            Is::Warn,
            "the machine was not booted with systemd",
        )
        .hint("nothing starts the daemon at boot, and nothing restarts it")
    }
}

/// Whether a user's manager runs without a login.
enum Linger {
    On,
    Off,
    Unknown(String),
}

impl Linger {
    fn of(marks: &Path, user: &str) -> Self {
        match fs::symlink_metadata(marks.join(user)) {
            Ok(_) => Self::On,
            // logind makes its directory with the first who lingers.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match marks.parent() {
                Some(systemd) if systemd.is_dir() => Self::Off,
                _ => Self::Unknown(format!("{} has no directory", marks.display())),
            },
            Err(error) => Self::Unknown(format!("{}: {error}", marks.display())),
        }
    }
}

fn lingering(user: &str, linger: &Linger) -> Finding {
    let finding = |is, found| Finding::new("lingering", is, found);
    match linger {
        Linger::On => finding(
            Is::Ok,
            format!("on for {user}: the rig runs without a login"),
        ),
        Linger::Off => finding(
            Is::Warn,
            format!(
                "off for {user}: the rig ends with the last logout, and after a reboot it waits \
                 for a login"
            ),
        )
        .hint(format!(
            "loginctl enable-linger {user}; on NixOS: users.users.{user}.linger = true"
        )),
        Linger::Unknown(why) => finding(
            Is::Warn,
            format!("whether it is on for {user} cannot be told: {why}"),
        )
        .hint(format!(
            "ask with: loginctl show-user {user} --property=Linger"
        )),
    }
}

/// How the bus is, over which a service manager is asked to carry workers.
enum Bus {
    Answers,
    /// The user's manager does not run: it would have made this directory.
    NoRuntime,
    Missing,
    Silent(io::Error),
}

impl Bus {
    fn of(whose: &Whose) -> Self {
        let socket = whose.socket();
        match UnixStream::connect(&socket) {
            Ok(_) => Self::Answers,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match whose {
                Whose::User(runtime) if !runtime.is_dir() => Self::NoRuntime,
                Whose::User(_) | Whose::System => Self::Missing,
            },
            Err(error) => Self::Silent(error),
        }
    }
}

fn bus(whose: &Whose, bus: &Bus) -> Finding {
    let socket = whose.socket();
    let name = socket.display();
    let (package, of_user) = match whose {
        Whose::System => ("dbus", ""),
        Whose::User(_) => ("dbus-user-session", " --user"),
    };
    let warn = |found, hint| Finding::new("bus", Is::Warn, found).hint(hint);
    match bus {
        Bus::Answers => Finding::new("bus", Is::Ok, format!("{name} answers")),
        Bus::NoRuntime => warn(
            format!("{name} is not there, for the user's service manager does not run"),
            "log in by ssh or on a console, not by su, or have it run always: loginctl enable-linger"
                .to_owned(),
        ),
        Bus::Missing => warn(
            format!("{name} is not there: workers cannot be units of their own, and end with the daemon's"),
            format!(
                "apt-get install {package}, log in again, then: systemctl{of_user} restart loopkeeper"
            ),
        ),
        Bus::Silent(error) => warn(
            format!("{name} does not answer: {error}"),
            format!("see why with: systemctl{of_user} status dbus.socket dbus.service"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_linger_is_told_what_that_means() {
        let directory = tempfile::tempdir().unwrap();
        let marks = directory.path().join("systemd/linger");
        let judged = || lingering("pia", &Linger::of(&marks, "pia"));
        assert_eq!(judged().is, Is::Warn);
        assert!(
            judged().found.contains("cannot be told"),
            "{}",
            judged().found
        );
        fs::create_dir(directory.path().join("systemd")).unwrap();
        assert!(
            judged().found.starts_with("off for pia"),
            "{}",
            judged().found
        );
        assert_eq!(
            judged().hint.unwrap(),
            "loginctl enable-linger pia; on NixOS: users.users.pia.linger = true"
        );
        fs::create_dir(&marks).unwrap();
        fs::write(marks.join("tom"), "").unwrap();
        assert!(judged().found.starts_with("off for pia"));
        fs::write(marks.join("pia"), "").unwrap();
        assert_eq!(judged().is, Is::Ok);
    }

    #[test]
    fn a_bus_that_is_missing_is_told_from_one_that_is_silent() {
        let directory = tempfile::tempdir().unwrap();
        let runtime = directory.path().join("1000");
        let whose = Whose::User(runtime.clone());
        let judged = || bus(&whose, &Bus::of(&whose));
        assert!(
            judged().found.contains("manager does not run"),
            "{}",
            judged().found
        );
        fs::create_dir(&runtime).unwrap();
        assert!(judged().hint.unwrap().contains("dbus-user-session"));
        let socket = std::os::unix::net::UnixListener::bind(runtime.join("bus")).unwrap();
        assert_eq!(judged().is, Is::Ok);
        drop(socket);
        assert!(
            judged().found.contains("does not answer"),
            "{}",
            judged().found
        );
        let system = bus(&Whose::System, &Bus::Missing);
        assert!(system.hint.unwrap().starts_with("apt-get install dbus, "));
    }
}
