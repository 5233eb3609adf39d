//! The SOCKS5 proxy as its clients see it: `loopkeeperd proxy` as a process, real clients (curl,
//! ncat, ssh) and hostile ones, real servers.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod chain;
mod clients;
mod drain;
mod fixture;
mod hostile;
mod limits;
mod login;
mod replies;
mod rules;
mod start;
mod tailscale;
