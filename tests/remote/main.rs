//! Workers on another host: the real `loopkeeperd` and `supervisorctl`, a real ssh and sshd, real tmux
//! servers. The other host is this machine, come to by ssh, with directories of its own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests: one that cannot go on has failed, one that cannot run says so"
)]

mod exits;
mod fences;
mod link;
#[path = "../store/mount.rs"]
#[expect(dead_code, reason = "no disk is filled here")]
mod mount;
#[path = "../daemon/rig.rs"]
#[expect(dead_code, reason = "much of it is for other rigs")]
mod rig;
mod starts;
mod there;
