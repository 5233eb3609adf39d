//! The launchers, with real processes, a real tmux and the kernel that is here.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed"
)]

mod adoption;
mod alone;
mod command;
mod environment;
mod latency;
mod lease;
mod limits;
mod output;
mod process;
mod secrets;
mod session;
mod signs;
mod survey;
mod tmux;
mod traces;
mod tree;
mod typing;
mod world;
