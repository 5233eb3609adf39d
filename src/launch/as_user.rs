//! `loopkeeperd as`: the last thing before a command that has a worker's user and groups.
//!
//! Promise: what looks at a worker can do no more than the worker itself. Where the user or a group is
//! not known, or cannot be had, nothing is run, and the exit code says that nobody has looked. Nor does
//! it have our terminal, which everybody in our session may open as /dev/tty: it leads a session of its
//! own, with its standard input as its terminal where that is one.
//!
//! How: names are looked up in here, so that only the command waits for a directory of users that
//! hangs, and no longer than its limit.

use std::{
    env,
    ffi::{CString, OsString},
    io::{self, IsTerminal as _},
    os::unix::process::CommandExt as _,
    process::Command,
};

use clap::Args;
use nix::unistd::{
    Gid, Uid, getgroups, getpid, getsid, initgroups, setgid, setgroups, setsid, setuid,
};

use super::exec::{no_script_unless_text, refused};
use crate::{config::Worker, host::account};

/// The variables that login(1) sets, of whose user the command is not.
pub(super) const OF_USER: [&str; 4] = ["HOME", "USER", "LOGNAME", "SHELL"];

/// Whom a command is to be run as, by names or numbers.
#[derive(Debug, Clone, Args)]
pub struct AsUser {
    /// The user
    // It is not for every role that somebody has to be said.
    #[arg(long, required = false)]
    user: String,
    /// The group, instead of the user's own
    #[arg(long)]
    group: Option<String>,
    /// One more group
    #[arg(long)]
    also: Vec<String>,
}

impl AsUser {
    /// Whose a worker is, if that is said.
    pub(crate) fn of(worker: &Worker) -> Option<Self> {
        let user = worker.user()?.to_owned();
        let groups = |wanted: &'static str| {
            let groups = worker.groups();
            groups
                .filter(move |(property, _)| *property == wanted)
                .map(|(_, name)| name.to_owned())
        };
        Some(Self {
            user,
            group: groups("Group").next(),
            also: groups("SupplementaryGroups").collect(),
        })
    }

    /// The user of this number, in the groups that it has.
    pub(crate) fn number(user: Uid) -> Self {
        Self {
            user: user.to_string(),
            group: None,
            also: Vec::new(),
        }
    }

    /// The same as it is typed.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let group = self.group.iter().map(|name| format!("--group={name}"));
        let also = self.also.iter().map(|name| format!("--also={name}"));
        [format!("--user={}", self.user)]
            .into_iter()
            .chain(group)
            .chain(also)
            .collect()
    }

    /// Becomes this command; returns only when that was not possible.
    pub fn become_command(&self, words: &[OsString]) -> io::Error {
        let Some((program, arguments)) = words.split_first() else {
            return io::Error::other("no command was given");
        };
        let mut command = Command::new(program);
        command.args(arguments);
        let ready = self
            .take_on(&mut command)
            .and_then(|()| no_script_unless_text(&mut command));
        match ready {
            Ok(()) => refused(program.as_ref(), &command.exec()),
            Err(error) => error,
        }
    }

    fn take_on(&self, command: &mut Command) -> io::Result<()> {
        leave_our_session()?;
        let user = account::user(&self.user)?;
        let user = user.ok_or_else(|| unknown("user", &self.user))?;
        let group = self.group.as_deref().map(group).transpose()?;
        let group = group.unwrap_or(user.gid);
        initgroups(&CString::new(user.name.as_str())?, group)?;
        let also = self.also.iter().map(|name| self::group(name));
        let also = also.collect::<io::Result<Vec<Gid>>>()?;
        setgroups(&[getgroups()?, also].concat())?;
        setgid(group)?;
        setuid(user.uid)?;
        let of_user: [OsString; 4] = [
            user.dir.into(),
            user.name.clone().into(),
            user.name.into(),
            user.shell.into(),
        ];
        let unset = |(name, _): &(&str, OsString)| env::var_os(name).is_none();
        command.envs(OF_USER.into_iter().zip(of_user).filter(unset));
        Ok(())
    }
}

fn leave_our_session() -> io::Result<()> {
    // What the daemon runs leads one already.
    if getsid(None)? != getpid() {
        setsid()?;
    }
    if io::stdin().is_terminal() {
        rustix::process::ioctl_tiocsctty(io::stdin())?;
    }
    Ok(())
}

fn group(name: &str) -> io::Result<Gid> {
    let found = account::group(name)?;
    found
        .map(|group| group.gid)
        .ok_or_else(|| unknown("group", name))
}

fn unknown(kind: &str, name: &str) -> io::Error {
    io::Error::other(format!("there is no {kind} {name} on this machine"))
}
