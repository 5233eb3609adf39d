//! Launchers: how an attempt is started, recognised and watched, on this machine and on other hosts.
//!
//! Promise: an attempt is *alive*, *ended* or, when the machine cannot say, neither of them. What
//! lives is learned from the machine (processes, sessions, cgroups); files in an attempt's directory
//! only say how to recognise it and how it ended. An attempt's life depends on nothing of ours: no
//! pipe, terminal or parenthood of the daemon is needed for it to go on, and the next daemon finds
//! it, knows it from every other, and learns how it ended.
//!
//! How: [`Local`] has a task for each attempt, and `survey` asks what there is of them. Each has a
//! [`directory`], where its output goes and which keeps what is needed to recognise it. `attempt` is
//! how one begins or is found, `life` what follows, to the last process of its `tree`, whatever
//! launched it; `unit`, `process` and `tmux` differ only in how it comes to be and in who writes down
//! how it ended. `cgroup` says which house it gets: a service of its own where systemd runs us, in which
//! it is a plain process or a tmux server; elsewhere a cgroup of its own, or none. `secrets` are what
//! it is handed, [`output`] keeps what it writes bounded, `lease` keeps every other attempt out of its worktree. [`pane`],
//! [`recorder`] and [`exec`] are what runs beside a worker: small roles of `loopkeeperd`, of which only
//! the first two live as long as the worker does. [`command`] is what looks at one, by [`as_user`] with
//! the worker's own user; `signs` are what one look at its terminal finds, [`typing`] enters text into it,
//! and `whose` says as whom its tmux is asked. `remote` is all of an attempt on another host.
//!
//! # A stop
//!
//! [`decide`](crate::decide) says which signal is sent when; what it reaches is said here.
//!
//! 1. *The stop signal* (`stop.signal`) goes to everything that the worker has started and that
//!    lives, not to the session around it in tmux: server, recorder and pane (`tree::Part::Work`).
//!    Who is stopped (SIGSTOP) is let go on to take it.
//! 2. *The worker's own process ends.* That is the end of the attempt: `exit.json` is written, by the
//!    pane in tmux and by the daemon elsewhere, from what systemd wrote down where it is a service; and
//!    the daemon is told (`Ended`).
//! 3. *Who is left behind* has the rest of the grace (`stop.grace`, from the stop signal on). In tmux
//!    the pane stays, and with it terminal and session: nobody gets SIGHUP, all that is written is
//!    recorded, people can attach and look. The lease of the worktree and the cgroup stay as well.
//! 4. *When the grace is over*, what still lives gets SIGKILL, again and again until nothing is left
//!    that did not get it, however fast it forks.
//! 5. *With the last of them* the pane ends, and with its only pane the tmux server. One that does
//!    not do so by itself within two seconds of a SIGKILL gets it as well.
//! 6. *Nothing of the attempt lives*: cgroup and lease are let go, the daemon is told (`Gone`), and
//!    only then the worker's next attempt may begin.
//!
//! A worker that ends by itself enters this at 2: what it left behind is given a moment, then the
//! stop signal, then the grace. A daemon that dies in the midst of it changes nothing until the next
//! one goes on where it was; `Ended` is then read from `exit.json`. Only who ends the tmux server
//! takes the terminal away from all: the kernel tells the pane, which tells the worker (SIGHUP).

mod ailment;
pub mod as_user;
mod attempt;
mod cgroup;
pub mod command;
mod context;
pub mod directory;
mod end;
pub(crate) mod environment;
pub mod exec;
pub(crate) mod lease;
mod life;
mod local;
mod near;
mod needs;
mod not_started;
mod original;
pub mod output;
pub mod pane;
mod process;
pub mod recorder;
pub(crate) mod remote;
mod secrets;
mod server;
mod signs;
mod socket;
mod survey;
pub(crate) mod tmux;
mod tree;
pub mod typing;
mod unit;
pub(crate) mod whose;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub(crate) use ailment::Ailment;
pub use cgroup::House;
pub(crate) use cgroup::how_to_restart;
pub use local::{Local, News, Reach, Settings};
pub(crate) use not_started::is_shortage;
pub(crate) use remote::{CHECKS_WITHIN as HOST_LOOKS_WITHIN, Far, Session, Standing};
pub use secrets::Contents;
pub(crate) use signs::words_for_screen;
pub use socket::{socket, without_daemon};
pub(crate) use unit::{before_reboot, recorded as recorded_by_manager, was_over_before_reboot};

/// The worker's name, in every process of it.
pub const WORKER: &str = "LOOPKEEPER_WORKER";
/// The attempt's id, in every process of it.
pub const ATTEMPT: &str = "LOOPKEEPER_ATTEMPT";
/// The attempt's directory, in every process of it: how they are found again, and told from those
/// of another daemon.
pub const ATTEMPT_DIR: &str = "LOOPKEEPER_ATTEMPT_DIR";

/// The worker's checkout, in every process of an agent that has one.
pub(crate) const WORKTREE: &str = "LOOPKEEPER_WORKTREE";

/// Looks a program up in `$PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|place| is_executable(place))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
