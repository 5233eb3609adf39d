//! The cgroup of an attempt: the only grouping a process cannot leave by itself (cgroups(7)).
//!
//! How attempts are housed is decided once, when the host is opened:
//! - run by systemd: each attempt in a transient scope of its own below `loopkeeper.slice`, so that
//!   a restart of our own unit does not touch it. The scope's name is the worker's, so systemd
//!   itself refuses a second one while anything of the first lives. The scope's cgroup is systemd's
//!   alone: removed by anybody else, its end goes unnoticed there and the name is never free again.
//!   It is ordered before our own unit, and units are stopped in the inverse order (systemd.unit(5)):
//!   when the machine goes down, nobody of us is left to take that for the end of a worker;
//! - in a cgroup that was delegated to us: a child cgroup for each attempt;
//! - elsewhere: none, and an attempt's tree is found by session, descent and marker.

use std::{
    env, fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    model::{AttemptRef, WorkerName},
    systemd,
};

const SLICE: &str = "loopkeeper.slice";
/// What systemd is given to notice that a scope is empty.
const SCOPE_ENDS_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at an empty scope.
const SCOPE_LOOK: Duration = Duration::from_millis(2);

/// How attempts are housed on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum House {
    /// Each in a transient scope, made by `systemd-run`.
    Scope {
        /// `systemd-run`, absolute.
        systemd_run: PathBuf,
        /// Of the user's manager, not the system's.
        user: bool,
        /// The cgroup of the slice that the scopes are in.
        slice: PathBuf,
        /// Our own unit, if we are in one.
        unit: Option<String>,
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
        let systemd_run = super::find("systemd-run")?;
        let uid = nix::unistd::geteuid().as_raw();
        let own = path_of("self")?;
        let manager = format!("user@{uid}.service");
        let of_user = own.ancestors().find(|above| above.ends_with(&manager));
        let inside = |above: &&Path| Some(*above) != of_user;
        let mut names = own
            .ancestors()
            .take_while(inside)
            .filter_map(|above| above.file_name()?.to_str());
        let unit = names.find(|name| name.ends_with(".service"));
        let unit = unit.map(str::to_owned);
        let root = match of_user {
            Some(of_user) => of_user.to_owned(),
            // The manager itself sits in `init.scope`, beside the slices.
            None if uid == 0 => path_of("1")?.parent()?.to_owned(),
            None => return None,
        };
        Some(Self::Scope {
            systemd_run,
            user: of_user.is_some(),
            slice: root.join(SLICE),
            unit,
        })
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

    /// The arguments that come before a program so that it runs in its scope, `systemd-run` first.
    pub(crate) fn prefix(&self, worker: &WorkerName) -> Vec<String> {
        let Self::Scope {
            systemd_run,
            user,
            unit,
            ..
        } = self
        else {
            return Vec::new();
        };
        let mut prefix = vec![systemd_run.to_string_lossy().into_owned()];
        if *user {
            prefix.push("--user".to_owned());
        }
        prefix.extend([
            "--scope".to_owned(),
            "--quiet".to_owned(),
            "--collect".to_owned(),
            format!("--slice={SLICE}"),
            format!("--unit={}", scope(worker)),
            format!("--description=Loopkeeper worker {worker}"),
            // Applies when the machine goes down: by then nobody of us asks the worker to end.
            "--property=TimeoutStopSec=30s".to_owned(),
        ]);
        if let Some(unit) = unit {
            prefix.push(format!("--property=Before={unit}"));
        }
        prefix.push("--".to_owned());
        prefix
    }

    /// Waits until the worker's scope is gone, once nothing lives in it: as long as systemd has not
    /// noticed, it refuses the next one. That takes it a few milliseconds, and the kernel tells
    /// nobody reliably when a directory of cgroups goes, so it is looked for.
    ///
    /// # Errors
    /// It is still there after [`SCOPE_ENDS_WITHIN`].
    pub(crate) async fn vacated(&self, worker: &WorkerName) -> io::Result<()> {
        let Self::Scope { slice, .. } = self else {
            return Ok(());
        };
        let Ok(scope) = Cgroup::at(slice.join(scope(worker))) else {
            return Ok(());
        };
        let gone = async {
            while scope.exists() && scope.pids().is_empty() {
                tokio::time::sleep(SCOPE_LOOK).await;
            }
        };
        tokio::time::timeout(SCOPE_ENDS_WITHIN, gone)
            .await
            .map_err(|_elapsed| {
                io::Error::other("nothing of it lives, and systemd has not removed it")
            })
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

fn scope(worker: &WorkerName) -> String {
    format!("loopkeeper-{worker}.scope")
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
        let own = name == scope(&attempt.worker)
            || name == child(attempt)
            || name.starts_with("tmux-spawn-");
        if own { Self::at(path).ok() } else { None }
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

    /// Kills all of it at once, where the kernel can (5.14).
    pub(crate) fn kill(&self) {
        if self.exists() {
            // On an older kernel its members are killed one by one, which follows in any case.
            drop(fs::write(self.path.join("cgroup.kill"), "1"));
        }
    }

    /// Removes it once it is empty; a scope is left to systemd.
    pub(crate) fn remove(&self) {
        let by_systemd = self.path.extension().is_some_and(|kind| kind == "scope");
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
