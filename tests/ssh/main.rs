//! Kept SSH connections, with a real ssh and a real sshd.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alone;
mod channel;
#[path = "../proxy/fixture.rs"]
#[expect(dead_code, reason = "only the proxy itself is needed")]
mod fixture;
mod lost;
mod owner;
mod refused;
mod runs;
mod through;
mod world;
