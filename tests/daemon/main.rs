//! The daemon as its operator has it: the real `loopkeeperd` and `supervisorctl`, real processes and
//! tmux servers, in a directory of its own. What needs a booted systemd is in `tests/lab`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod plan;
mod reload;
mod rig;
mod service;
mod takeover;
mod worktree;
