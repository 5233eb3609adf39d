//! Launchers: how an attempt is started, recognised and watched on this machine.
//!
//! Promise: an attempt's life depends on nothing of ours. No pipe, terminal or parenthood of the
//! daemon is needed for it to go on, and the next daemon finds it, knows it from every other, and
//! learns how it ended.
//!
//! How: each attempt has a [`directory`], where its output goes and which keeps what is needed to
//! recognise it. `attempt` is one attempt's life from start to the last process of its `tree`,
//! whatever launched it; `process` and `tmux` differ only in how it comes to be and in who writes
//! the exit record. `cgroup` gives it a house of its own where the machine has one, [`output`] keeps
//! what it writes bounded, `lease` keeps every other attempt out of its worktree. [`pane`] and
//! [`exec`] are what runs beside a worker: small roles of `loopkeeperd`, of which only the first
//! lives as long as the worker does.

pub(crate) mod attempt;
pub(crate) mod cgroup;
pub(crate) mod context;
pub mod directory;
pub(crate) mod end;
pub(crate) mod environment;
pub mod exec;
mod lease;
mod not_started;
pub mod output;
pub mod pane;
pub(crate) mod process;
pub mod tmux;
pub(crate) mod tree;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub use cgroup::House;

/// The worker's name, in every process of it.
pub const WORKER: &str = "LOOPKEEPER_WORKER";
/// The attempt's id, in every process of it.
pub const ATTEMPT: &str = "LOOPKEEPER_ATTEMPT";
/// The attempt's directory, in every process of it: how they are found again, and told from those
/// of another daemon.
pub const ATTEMPT_DIR: &str = "LOOPKEEPER_ATTEMPT_DIR";

/// Looks a program up in `$PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|place| is_executable(place))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
