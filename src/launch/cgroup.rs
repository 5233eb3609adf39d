//! The cgroup of an attempt: the only grouping a process cannot leave by itself (cgroups(7)).
//!
//! How attempts are housed is decided once, when the host is opened:
//! - run by systemd: each attempt in a transient service of its own, see [`unit`](super::unit);
//! - in a cgroup that was delegated to us: a child cgroup for each attempt;
//! - elsewhere: none, and an attempt's tree is found by session, descent and marker.

use std::{
    env, fs, io, mem,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{
    News,
    command::Runner,
    directory::Output,
    output::{self, journal},
    unit,
};
use crate::{
    model::AttemptRef,
    systemd::{self, manager::Whose, units::Units},
};

/// How attempts are housed on this machine.
#[derive(Debug, Clone)]
pub enum House {
    /// Each in a transient service.
    Unit {
        /// The way to the manager.
        units: Units,
        /// Our own unit, if we are in one.
        own: Option<String>,
    },
    /// Each in a child of this delegated cgroup.
    Delegated(PathBuf),
    /// Without a cgroup of their own.
    None,
}

impl House {
    /// What this process can offer to attempts.
    pub fn here() -> Self {
        Self::by_systemd()
            .or_else(Self::delegated)
            .unwrap_or(Self::None)
    }

    fn by_systemd() -> Option<Self> {
        let (whose, own) = manager()?;
        // Where there is a bus it will answer, if not now.
        whose.socket().exists().then(|| Self::Unit {
            units: Units::of(whose),
            own,
        })
    }

    /// What is missing for what the manager that runs us could give; for the operator.
    pub(crate) fn lack(&self) -> Option<String> {
        if matches!(self, Self::Unit { .. }) {
            return None;
        }
        let (whose, _) = manager()?;
        let hint = match whose {
            Whose::System => "apt install dbus",
            Whose::User(_) => "apt install dbus-user-session, then log in again",
        };
        Some(format!(
            "service manager: no bus at {}, so workers are in our own unit and end with it; {hint}",
            whose.socket().display()
        ))
    }

    fn delegated() -> Option<Self> {
        let own = path_of("self")?;
        let marked = ["trusted.delegate", "user.delegate"].iter().any(|name| {
            let mut value = [0; 1];
            rustix::fs::getxattr(&own, *name, &mut value).is_ok_and(|_| value == *b"1")
        });
        let writable = rustix::fs::access(&own, rustix::fs::Access::WRITE_OK).is_ok();
        (marked && writable).then_some(Self::Delegated(own))
    }

    /// Where their output goes, once that is known: into the journal, if it can be read back. The journal
    /// is asked beside the loop.
    pub(crate) fn output(
        &self,
        runner: &Runner,
        news: &mpsc::UnboundedSender<News>,
    ) -> watch::Receiver<Option<Output>> {
        let Self::Unit { units, .. } = self else {
            return watch::channel(Some(Output::File)).1;
        };
        let (of_user, place) = match units.whose() {
            Whose::System => (false, Output::Journal),
            Whose::User(_) => (true, Output::UserJournal),
        };
        let runner = runner.clone();
        let mut asked = false;
        let ask = move || {
            let runner = runner.clone();
            let again = mem::replace(&mut asked, true);
            async move {
                match again {
                    true => journal::answers_now(&runner, of_user).await,
                    false => journal::answers(&runner, of_user).await,
                }
            }
        };
        output::place(place, ask, news.clone())
    }

    /// What the operator types where somebody has frozen an attempt's service, or what it is in.
    pub(crate) fn thaws(&self, cgroup: &Cgroup) -> Option<String> {
        let Self::Unit { units, .. } = self else {
            return None;
        };
        let frozen = cgroup.frozen_by()?;
        Some(format!("{} thaw {frozen}", unit::systemctl(units.whose())))
    }

    /// Makes the attempt's child cgroup; its open `cgroup.procs` is for the child to join.
    pub(crate) fn make(&self, attempt: &AttemptRef) -> io::Result<Option<(Cgroup, OwnedFd)>> {
        let Self::Delegated(parent) = self else {
            return Ok(None);
        };
        let path = parent.join(child(attempt));
        fs::create_dir(&path)?;
        let cgroup = Cgroup::at(path)?;
        let procs = fs::OpenOptions::new()
            .write(true)
            .open(cgroup.path.join("cgroup.procs"))?;
        Ok(Some((cgroup, procs.into())))
    }
}

/// The service manager that runs us, and our own unit.
fn manager() -> Option<(Whose, Option<String>)> {
    // The invocation id is inherited; the pid beside it (systemd 248) says whose it is.
    env::var_os("INVOCATION_ID")?;
    if let Ok(pid) = env::var("SYSTEMD_EXEC_PID")
        && pid != std::process::id().to_string()
    {
        return None;
    }
    if !Path::new(systemd::BOOTED).is_dir() {
        return None;
    }
    let uid = nix::unistd::geteuid().as_raw();
    let cgroup = path_of("self")?;
    let manager = format!("user@{uid}.service");
    let of_user = cgroup.ancestors().find(|above| above.ends_with(&manager));
    let inside = |above: &&Path| Some(*above) != of_user;
    let mut names = cgroup
        .ancestors()
        .take_while(inside)
        .filter_map(|above| above.file_name()?.to_str());
    let own = names.find(|name| name.ends_with(".service"));
    let own = own.map(str::to_owned);
    let whose = match of_user {
        Some(_) => Whose::User(env::var_os("XDG_RUNTIME_DIR")?.into()),
        None if uid == 0 => Whose::System,
        None => return None,
    };
    Some((whose, own))
}

/// How the operator restarts us, if a service manager runs us.
pub(crate) fn how_to_restart() -> Option<String> {
    let (whose, own) = manager()?;
    let own = own?;
    let name = own.strip_suffix(".service").unwrap_or(&own);
    Some(format!("{} restart {name}", unit::systemctl(&whose)))
}

fn is_name_of(name: &str, attempt: &AttemptRef) -> bool {
    name == unit::name(&attempt.worker) || name == child(attempt)
}

fn child(attempt: &AttemptRef) -> String {
    format!("{}.{}", attempt.worker, attempt.attempt)
}

/// A cgroup that belongs to one attempt alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Its directory.
    pub path: PathBuf,
    /// Its inode, which tells it from a later one of the same name.
    pub inode: u64,
}

impl Cgroup {
    fn at(path: PathBuf) -> io::Result<Self> {
        let inode = fs::metadata(&path)?.ino();
        Ok(Self { path, inode })
    }

    /// The cgroup that this process of the attempt is in, if it is the attempt's own.
    pub(crate) fn of(pid: i32, attempt: &AttemptRef) -> Option<Self> {
        let path = path_of(&pid.to_string())?;
        let name = path.file_name()?.to_str()?;
        // Some builds of tmux put each pane into a scope of its own.
        let own = is_name_of(name, attempt) || name.starts_with("tmux-spawn-");
        if own { Self::at(path).ok() } else { None }
    }

    /// Whether it is the attempt's own by its place.
    pub(crate) fn is_of(&self, attempt: &AttemptRef) -> bool {
        let mut components = self.path.components();
        let name = self.path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| is_name_of(name, attempt))
            && !components.any(|part| part == Component::ParentDir)
    }

    fn exists(&self) -> bool {
        Self::at(self.path.clone()).is_ok_and(|now| now == *self)
    }

    /// The pids in it and in those below it; none when it does not exist any more.
    pub(crate) fn pids(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        if self.exists() {
            collect(&self.path, &mut pids);
        }
        pids
    }

    /// How many of its processes the kernel has killed for lack of memory (`memory.events`, cgroup v2);
    /// 0 where memory is not accounted for.
    pub(crate) fn out_of_memory_kills(&self) -> u64 {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        let mut lines = events.lines();
        let kills = lines.find_map(|line| line.strip_prefix("oom_kill "));
        kills.and_then(|kills| kills.parse().ok()).unwrap_or(0)
    }

    /// Kills all of it at once, where the kernel can (5.14).
    pub(crate) fn kill(&self) {
        if self.exists() {
            // On an older kernel its members are killed one by one, which follows in any case.
            drop(fs::write(self.path.join("cgroup.kill"), "1"));
        }
    }

    /// The last part of its path; that of a unit is the unit's.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Which was frozen by somebody, of this one and those that it is in (`cgroup.freeze`, cgroup v2), the
    /// outermost: systemd freezes and thaws with a slice what is in it. `None` where its processes run.
    pub(crate) fn frozen_by(&self) -> Option<String> {
        let says = |path: &Path, file: &str, line: &str| {
            let text = fs::read_to_string(path.join(file)).unwrap_or_default();
            text.lines().any(|found| found == line)
        };
        if !self.exists() || !says(&self.path, "cgroup.events", "frozen 1") {
            return None;
        }
        let above = self.path.ancestors();
        let frozen = above
            .filter(|path| says(path, "cgroup.freeze", "1"))
            .last()?;
        Some(frozen.file_name()?.to_string_lossy().into_owned())
    }

    /// Removes it once it is empty; a unit's is left to systemd.
    pub(crate) fn remove(&self) {
        let by_systemd = self
            .path
            .extension()
            .is_some_and(|kind| kind == "service" || kind == "scope");
        if !by_systemd && self.exists() {
            remove(&self.path);
        }
    }
}

fn collect(cgroup: &Path, pids: &mut Vec<i32>) {
    let procs = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    pids.extend(procs.lines().filter_map(|line| line.parse::<i32>().ok()));
    for below in below(cgroup) {
        collect(&below, pids);
    }
}

fn remove(cgroup: &Path) {
    for below in below(cgroup) {
        remove(&below);
    }
    drop(fs::remove_dir(cgroup));
}

fn below(cgroup: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cgroup).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// The directory of the cgroup (version 2) that a process is in.
fn path_of(pid: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let mut field = line.split(' ').skip(1);
        let at = field.next()?;
        (field.next() == Some("cgroup2")).then_some(at)
    })?;
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = Path::new(mount).join(path);
    path.is_dir().then_some(path)
}
