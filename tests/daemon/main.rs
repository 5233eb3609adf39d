//! The daemon as its operator has it: the real `loopkeeperd` and `supervisorctl`, real processes and
//! tmux servers, in a directory of its own. What needs a booted systemd is in `tests/lab`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests: one that cannot go on has failed, one that cannot run says so"
)]

mod activated;
mod agent;
mod canary;
mod checkouts;
mod conversations;
mod copied;
mod cutover;
mod disk;
mod elsewhere;
mod ending;
mod events;
#[cfg(feature = "fault-points")]
mod fated;
mod faults;
mod foreign;
mod handoffs;
mod hang;
mod inbox;
mod lacks;
mod limits;
mod looks;
mod matrix;
#[path = "../store/mount.rs"]
mod mount;
mod notification;
mod nudges;
mod plan;
#[path = "../agents/program.rs"]
mod program;
mod reload;
mod rig;
mod say;
mod secrets;
mod service;
mod silent;
mod spend;
mod takeover;
mod unkept;
mod unstick;
mod upgrade;
mod worktree;
