//! The environment that a child of ours starts from: the daemon's, without what is about the daemon
//! itself, and with what a program expects to know of the user it runs as.
//!
//! A system service is not told whose it is unless its unit has `User=` (systemd.exec(5)), and
//! programs such as git and ssh do not work without `$HOME`. So the variables that login(1) sets are
//! added from the user database, where the daemon itself does not have them.

use std::{
    env,
    ffi::{OsStr, OsString},
    process::Command,
};

use nix::unistd::{User, geteuid};

/// What the daemon's own environment says about the daemon and must not be told to anybody else.
const PRIVATE: &[&str] = &[
    "CREDENTIALS_DIRECTORY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "NOTIFY_SOCKET",
    "SYSTEMD_EXEC_PID",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// The variables of ours that name another daemon's attempt, when we run inside of one.
const OURS: &str = "LOOPKEEPER_";

/// What is added to and taken from our own environment for a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inherited {
    added: Vec<(&'static str, OsString)>,
    removed: Vec<OsString>,
}

impl Inherited {
    /// For children of this process. Asks the user database, once; where it does not know this
    /// user, or cannot be asked, nothing is added.
    pub(crate) fn of_this_process() -> Self {
        let user = User::from_uid(geteuid()).ok().flatten();
        Self::from(env::vars_os().map(|(name, _)| name), user)
    }

    fn from(names: impl Iterator<Item = OsString>, user: Option<User>) -> Self {
        let names: Vec<OsString> = names.collect();
        let of_user = user.into_iter().flat_map(|user| {
            [
                ("HOME", user.dir.into_os_string()),
                ("USER", user.name.clone().into()),
                ("LOGNAME", user.name.into()),
                ("SHELL", user.shell.into_os_string()),
            ]
        });
        let known = |name: &str| names.iter().any(|known| known == name);
        Self {
            added: of_user
                .filter(|(name, value)| !known(name) && !value.is_empty())
                .collect(),
            removed: names.into_iter().filter(|name| is_private(name)).collect(),
        }
    }

    /// What a child has as this variable, unless it is told otherwise.
    pub(crate) fn get(&self, name: &str) -> Option<OsString> {
        let added = self.added.iter().find(|(added, _)| *added == name);
        let added = added.map(|(_, value)| value.clone());
        added.or_else(|| env::var_os(name).filter(|_| !is_private(OsStr::new(name))))
    }

    /// All that a child has.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> + '_ {
        let added = self
            .added
            .iter()
            .map(|(name, value)| ((*name).into(), value.clone()));
        let own = env::vars_os().filter(|(name, _)| !is_private(name));
        own.chain(added)
    }

    /// Makes this the environment of a command to which nothing was added yet.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.added.iter().map(|(name, value)| (name, value)));
        for name in &self.removed {
            command.env_remove(name);
        }
    }
}

fn is_private(name: &OsStr) -> bool {
    PRIVATE.iter().any(|private| name == *private)
        || name.as_encoded_bytes().starts_with(OURS.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inherited(names: &[&str]) -> Inherited {
        let user = User {
            name: "somebody".into(),
            dir: "/home/somebody".into(),
            shell: "".into(),
            ..User::from_uid(geteuid()).unwrap().unwrap()
        };
        Inherited::from(names.iter().map(OsString::from), Some(user))
    }

    #[test]
    fn what_the_daemon_does_not_know_is_added_and_the_rest_is_left_alone() {
        let all = [
            ("HOME", OsString::from("/home/somebody")),
            ("USER", "somebody".into()),
            ("LOGNAME", "somebody".into()),
        ];
        // The shell is not known to the database either.
        assert_eq!(inherited(&["PATH"]).added, all);
        assert_eq!(inherited(&["PATH", "HOME"]).added, all[1..]);
        assert_eq!(inherited(&["USER", "HOME", "LOGNAME"]).added, []);
        let unknown = Inherited::from(["PATH".into()].into_iter(), None);
        assert_eq!(unknown.added, []);
    }

    #[test]
    fn what_is_about_a_daemon_is_removed() {
        let names = ["PATH", "NOTIFY_SOCKET", "LOOPKEEPER_ATTEMPT", "LOOPKEEPER"];
        assert_eq!(
            inherited(&names).removed,
            ["NOTIFY_SOCKET", "LOOPKEEPER_ATTEMPT"]
        );
    }
}
