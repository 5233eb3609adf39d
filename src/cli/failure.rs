//! How a verb fails: a sentence with its causes, a hint, an exit code.

use std::{
    error::Error,
    io::{self, Write as _},
    path::Path,
};

use super::{
    installed::{Installed, UNIT},
    words::{printable, printable_lines},
};
use crate::{
    causes::in_one_line,
    control::{client::ClientError, protocol::RefusalKind},
    paths::SYSTEM_SOCKET,
    systemd,
};

/// Where the system's manager finds units (systemd.unit(5)).
const UNITS: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The exit codes of the contract beside 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Failed = 1,
    Usage = 2,
    NotRunning = 3,
    Unknown = 4,
}

#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    /// `None` when everything that is to be said was already printed, or nobody listens any more.
    message: Option<String>,
    hint: Option<String>,
    /// What is on the screen of the worker that it is about.
    screen: Option<String>,
}

impl Failure {
    /// An error with its chain of causes.
    pub(super) fn new(exit: Exit, error: &dyn Error) -> Self {
        Self::say(exit, in_one_line(error))
    }

    pub(super) fn say(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: Some(message.into()),
            hint: None,
            screen: None,
        }
    }

    /// An exit code whose reason is on the screen already.
    pub(super) fn told(exit: Exit) -> Self {
        Self {
            exit,
            message: None,
            hint: None,
            screen: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub(super) fn into_hint(self) -> Option<String> {
        self.hint
    }

    /// Prints a text that is an error already.
    pub(super) fn show(text: &str) {
        // Without a standard error there is nobody to tell.
        drop(io::stderr().write_all(text.as_bytes()));
    }

    /// Tells the operator, and gives the exit code.
    pub(super) fn report(self) -> u8 {
        self.print();
        self.exit as u8
    }

    pub(super) fn print(&self) {
        let mut text = String::new();
        if let Some(message) = &self.message {
            text.push_str(&format!("error: {}\n", printable_lines(message.trim_end())));
        }
        if let Some(screen) = &self.screen {
            text.push_str("on its screen:\n");
            // What a worker draws is not to pass for words of ours.
            let lines = screen.lines();
            text.extend(lines.map(|line| format!("  | {}\n", printable(line))));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", printable(hint)));
        }
        Self::show(&text);
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::NotRunning { .. } => Exit::NotRunning,
            ClientError::Refused(refusal) => match refusal.kind {
                RefusalKind::Usage => Exit::Usage,
                RefusalKind::UnknownName => Exit::Unknown,
                RefusalKind::Failed | RefusalKind::NotAllowed => Exit::Failed,
            },
            ClientError::NoSocket { .. }
            | ClientError::Another { .. }
            | ClientError::NoAccess { .. }
            | ClientError::Protocol { .. }
            | ClientError::Stranger { .. }
            | ClientError::Silent { .. }
            | ClientError::Broken { .. } => Exit::Failed,
        };
        let screen = match &error {
            ClientError::Refused(refusal) => refusal.screen.clone(),
            _ => None,
        };
        Self {
            screen,
            hint: error.hint(),
            ..Self::new(exit, &error)
        }
    }
}

/// Which daemon a person may have meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// The machine's, a unit of systemd.
    Unit,
    /// The machine's, which has no unit yet.
    NoUnit,
    /// The user's, a unit of the user's manager.
    UserUnit,
    /// Perhaps the machine's, which listens elsewhere.
    Elsewhere,
    /// One of their own.
    Own,
}

impl Meant {
    /// By the socket at which nobody listens, whether it was `given`, the units below `root` and in the
    /// user's `configuration`, and whether something of the user's own rig is `kept`.
    pub(super) fn by(
        root: &Path,
        socket: &Path,
        given: bool,
        configuration: Option<&Path>,
        kept: bool,
    ) -> Self {
        let system = Path::new(SYSTEM_SOCKET);
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        let is_there = |directory: &str| below(directory).join(UNIT).exists();
        if socket == system && below(systemd::BOOTED).is_dir() {
            match UNITS.iter().any(|directory| is_there(directory)) {
                true => Self::Unit,
                false => Self::NoUnit,
            }
        } else if !given
            && configuration.is_some_and(|home| home.join("systemd/user").join(UNIT).exists())
        {
            Self::UserUnit
        } else if socket != system && !given && !kept && below(SYSTEM_SOCKET).exists() {
            Self::Elsewhere
        } else {
            Self::Own
        }
    }

    /// Its unit, as the manager has it.
    pub(super) fn installed(self) -> Option<Installed> {
        match self {
            Self::Unit => Installed::ask(false),
            Self::UserUnit => Installed::ask(true),
            Self::NoUnit | Self::Elsewhere | Self::Own => None,
        }
    }

    /// How to run it; the command of one's own has these `arguments`.
    pub(super) fn how_to_run(self, arguments: &str) -> String {
        match self {
            Self::Unit => "start it with: systemctl start loopkeeper".to_owned(),
            Self::UserUnit => "start it with: systemctl --user start loopkeeper".to_owned(),
            Self::NoUnit => format!(
                "install and start {UNIT} with: supervisorctl generate unit > \
                 /etc/systemd/system/{UNIT} && systemctl enable --now loopkeeper"
            ),
            Self::Elsewhere => {
                format!(
                    "the system's daemon is asked with: supervisorctl --socket {SYSTEM_SOCKET} status"
                )
            }
            Self::Own => format!("start it with: loopkeeperd{arguments}"),
        }
    }
}

/// A reader that has seen enough (`| head`) is no error worth a word.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::told(Exit::Failed);
        }
        Self::say(
            Exit::Failed,
            format!("standard output cannot be written: {error}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_a_socket_means_the_daemon_there() {
        let own = Path::new("/x/control.sock");
        assert_eq!(
            Meant::by(Path::new("/"), own, true, None, false),
            Meant::Own
        );
        assert_eq!(
            Meant::Own.how_to_run(" --config /c"),
            "start it with: loopkeeperd --config /c"
        );
    }

    #[test]
    fn a_unit_is_started_where_there_is_one() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        let system = Path::new(SYSTEM_SOCKET);
        let own = Path::new("/run/user/1000/loopkeeper/control.sock");
        let configuration = root.join("config");
        let by = |socket, given| Meant::by(root, socket, given, Some(&configuration), false);
        let make = |path: &str| std::fs::create_dir_all(root.join(path)).unwrap();
        assert_eq!(by(system, false), Meant::Own, "without systemd");
        make("run/systemd/system");
        assert_eq!(by(system, false), Meant::NoUnit);
        make("etc/systemd/system/loopkeeper.service");
        assert_eq!(by(system, false), Meant::Unit);
        assert_eq!(by(own, false), Meant::Own);
        make("config/systemd/user/loopkeeper.service");
        assert_eq!(by(own, false), Meant::UserUnit);
        assert_eq!(by(own, true), Meant::Own);
        make("run/loopkeeper/control.sock");
        assert_eq!(by(own, false), Meant::UserUnit, "it has one");
        let unitless = |kept| Meant::by(root, own, false, None, kept);
        assert_eq!(unitless(false), Meant::Elsewhere);
        assert_eq!(unitless(true), Meant::Own);
        let hint = Meant::NoUnit.how_to_run("");
        assert!(
            hint.starts_with(
                "install and start loopkeeper.service with: supervisorctl generate unit > "
            ),
            "{hint}"
        );
        let hint = Meant::Elsewhere.how_to_run("");
        assert!(
            hint.ends_with(": supervisorctl --socket /run/loopkeeper/control.sock status"),
            "{hint}"
        );
    }
}
