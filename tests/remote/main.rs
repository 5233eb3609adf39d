//! Workers on another host: the real `loopkeeperd` and `supervisorctl`, a real ssh and sshd, real tmux
//! servers. The other host is this machine, come to by ssh, with directories of its own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    dead_code,
    reason = "these are tests, their helpers included, of which not all is needed here"
)]

mod agent;
mod attach;
mod exits;
mod fences;
mod host;
mod link;
#[path = "../store/mount.rs"]
mod mount;
#[path = "../agents/program.rs"]
mod program;
#[path = "../daemon/rig.rs"]
mod rig;
mod stage;
mod starts;
mod there;
