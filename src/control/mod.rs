//! The control socket: how people and programs talk to a running daemon.
//!
//! Promise: every request gets exactly one answer, or a stream that says why it ended. A client
//! that is slow, broken or hostile is refused, bounded or dropped, and nobody else notices.
//!
//! How: one JSON object per line on a unix stream socket. The server speaks first and says its
//! [`protocol::Greeting`]; the client then sends one [`protocol::Request`] after the other, each
//! with an `id` that comes back with the answer:
//!
//! ```text
//! < {"loopkeeper":"0.1.0","protocol":1,"access":"steer"}
//! > {"id":1,"do":"pause"}
//! < {"id":1,"ok":{"done":["the rig is paused"]}}
//! > {"id":2,"do":"start","workers":["nobody"]}
//! < {"id":2,"error":{"kind":"unknown-name","message":"worker nobody does not exist","hint":"…"}}
//! > {"id":3,"do":"events","last":0,"follow":true}
//! < {"id":3,"event":{…}}
//! ```
//!
//! [`server`] is the daemon's side and gives it [`server::Call`]s; [`client`] is the other side,
//! blocking and without a runtime. `socket` makes, guards and removes the path; who may steer is
//! [`decide::access`](crate::decide::access)'s to say, and `group`'s what somebody types who wants
//! to.

mod answer;
pub mod client;
mod connection;
#[cfg(test)]
mod fuzz;
pub(crate) mod group;
pub mod protocol;
mod seat;
pub mod server;
mod shown;
mod socket;

pub use shown::astray;
pub use socket::{BindError, lock_of, state_kept};
