//! `loopkeeper.service` as the service manager has it.
//!
//! Promise: the manager is asked, so what a drop-in changes counts; and of a unit that it does not know
//! nothing is said.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The unit of the daemon.
pub(super) const UNIT: &str = "loopkeeper.service";
/// The one that keeps its control socket.
pub(super) const SOCKET: &str = "loopkeeper.socket";

/// What is asked for; each is a line of the answer.
const ASKED: &str =
    "--property=FragmentPath,ExecStart,MainPID,NeedDaemonReload,ActiveState,SubState";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) user: bool,
    /// The file, without drop-ins.
    pub(super) fragment: PathBuf,
    /// `loopkeeperd`.
    pub(super) program: PathBuf,
    /// What it is given, as one line.
    pub(super) arguments: String,
    /// Of the daemon; 0 when none runs.
    pub(super) pid: i32,
    /// The files are others by now than those that the manager has read.
    pub(super) stale: bool,
    /// It ended, other than in order, or did not begin.
    pub(super) failed: Option<Failed>,
}

/// How the last start of it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// The manager has given it up.
    ForGood,
    /// The manager starts it again in a moment.
    ForNow,
}

impl Installed {
    /// That of PID 1, or of the `user` who asks.
    pub(super) fn ask(user: bool) -> Option<Self> {
        Self::read(&shown(ASKED, UNIT, user)?, user)
    }

    /// The file of the socket's unit, where the same manager has one, and whether it is another by now.
    pub(super) fn socket(&self) -> Option<(PathBuf, bool)> {
        let asked = "--property=FragmentPath,NeedDaemonReload";
        let shown = shown(asked, SOCKET, self.user)?;
        let stale = value(&shown, "NeedDaemonReload").is_some_and(|is| is == "yes");
        Some((value(&shown, "FragmentPath")?.into(), stale))
    }

    fn read(shown: &str, user: bool) -> Option<Self> {
        let value = |name: &str| value(shown, name);
        // { path=PROGRAM ; argv[]=PROGRAM ARGUMENTS ; ignore_errors=no ; ... }
        let command = value("ExecStart")?;
        let (program, rest) = command.strip_prefix("{ path=")?.split_once(" ; argv[]=")?;
        let (line, _) = rest.split_once(" ; ignore_errors=")?;
        Some(Self {
            user,
            fragment: value("FragmentPath")?.into(),
            program: program.into(),
            arguments: line.strip_prefix(program).unwrap_or_default().to_owned(),
            pid: value("MainPID")
                .and_then(|pid| pid.parse().ok())
                .unwrap_or(0),
            stale: value("NeedDaemonReload").is_some_and(|is| is == "yes"),
            failed: match (
                value("ActiveState").as_deref(),
                value("SubState").as_deref(),
            ) {
                (Some("failed"), _) => Some(Failed::ForGood),
                (_, Some("auto-restart")) => Some(Failed::ForNow),
                _ => None,
            },
        })
    }

    /// `systemctl`, for the manager that has it.
    pub(super) fn systemctl(&self) -> &'static str {
        match self.user {
            true => "systemctl --user",
            false => "systemctl",
        }
    }

    /// What helps where to start it would fail: without its program (203/EXEC in systemd.exec(5)), or
    /// as it did the last time.
    pub(super) fn why_not(&self) -> Option<String> {
        let systemctl = self.systemctl();
        if let Some(lacks) = missing(&self.program) {
            return Some(format!(
                "{UNIT} starts {}, which {lacks}: install it there again, then: {systemctl} restart \
                 loopkeeper",
                self.program.display(),
            ));
        }
        let again = match self.failed? {
            Failed::ForGood => "",
            Failed::ForNow => ", and systemd starts it again",
        };
        Some(format!(
            "{UNIT} failed{again}; see why with: {systemctl} status loopkeeper"
        ))
    }
}

/// What the manager shows of a unit.
fn shown(asked: &str, unit: &str, user: bool) -> Option<String> {
    let mut systemctl = Command::new("systemctl");
    if user {
        systemctl.arg("--user");
    }
    let answer = systemctl
        .args(["show", asked, unit])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&answer.stdout).into_owned())
}

fn value(shown: &str, name: &str) -> Option<String> {
    let value = |line: &'_ str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    let mut values = shown.lines().filter_map(value);
    values.find(|text| !text.is_empty())
}

fn missing(program: &Path) -> Option<&'static str> {
    match program.metadata() {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => None,
        Ok(_) => Some("cannot be executed"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("does not exist"),
        // We may not look, and PID 1 may.
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shown(program: &Path) -> String {
        let program = program.display();
        format!(
            "MainPID=41\nExecStart={{ path={program} ; argv[]={program} --config /etc/my rig.toml ; \
             ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }}\n\
             FragmentPath=/etc/systemd/system/loopkeeper.service\nNeedDaemonReload=no\n"
        )
    }

    #[test]
    fn what_the_manager_shows_is_read() {
        let read = Installed::read(&shown(Path::new("/usr/bin/loopkeeperd")), false).unwrap();
        let expected = Installed {
            user: false,
            fragment: "/etc/systemd/system/loopkeeper.service".into(),
            program: "/usr/bin/loopkeeperd".into(),
            arguments: " --config /etc/my rig.toml".to_owned(),
            pid: 41,
            stale: false,
            failed: None,
        };
        assert_eq!(read, expected);
        let unknown = "MainPID=0\nFragmentPath=\nNeedDaemonReload=no\n";
        assert_eq!(Installed::read(unknown, false), None);
    }

    #[test]
    fn why_to_start_it_would_fail_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("loopkeeperd");
        let told = |user| Installed::read(&shown(&program), user).unwrap().why_not();
        let name = program.display();
        assert_eq!(
            told(true).unwrap(),
            format!(
                "loopkeeper.service starts {name}, which does not exist: install it there again, then: \
                 systemctl --user restart loopkeeper"
            )
        );
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(told(false).unwrap().contains("cannot be executed"));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(told(false), None);
        for (state, again) in [
            ("ActiveState=failed\nSubState=failed\n", ""),
            (
                "ActiveState=activating\nSubState=auto-restart\n",
                ", and systemd starts it again",
            ),
        ] {
            let unit = Installed::read(&(shown(&program) + state), false).unwrap();
            assert_eq!(
                unit.why_not().unwrap(),
                format!(
                    "loopkeeper.service failed{again}; see why with: systemctl status loopkeeper"
                )
            );
        }
    }
}
