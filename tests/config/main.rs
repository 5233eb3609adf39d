//! `loopkeeper.toml`: what is accepted, what is refused, and in which words.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose machine cannot be made has failed"
)]

mod accepted;
mod agents;
mod file;
mod fixture;
mod garbage;
mod hosts;
mod keys;
mod lacks;
mod meant;
mod mistakes;
mod reload;
mod say;
mod service;
