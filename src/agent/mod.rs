//! What the screen of an agent's terminal says: the program's state, and the line that says so.
//!
//! # Promise
//!
//! Everything in here is pure: a screen, the moment and the machine's zone are given, the same ones
//! give the same answer, and nothing is read from a file, a clock or the environment. Nothing is made
//! up: what cannot be read is [`Seen::Unknown`](sighting::Seen::Unknown) or `None`. What an agent
//! quotes in its transcript is not taken for what its program says.
//!
//! # How
//!
//! ```text
//!  capture-pane ─► screen ──┐
//!  profiles/*.toml ─► profile ─► sighting: waiting, busy, asking, limited, outage, crashed, unknown
//!                           │       │
//!                 now, zone ┘       └─ reset: when the limit ends
//! ```
//!
//! A [`profile`] knows one kind of agent, as data. The [`screen`] is cleaned of everything that is
//! only looks. A [`sighting`] is what the screen alone says, and [`signs`] are that with what else one
//! look finds. Whether a worker stalls is not decided here, as one look cannot know it. Whether a text may
//! be typed, and whether it was taken, is said by [`typed`] of the looks before and after.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::wildcard_enum_match_arm,
    reason = "a look at a screen has no clock, no file and no unordered map, and a new state forces a decision"
)]

pub mod profile;
pub mod reset;
pub mod screen;
pub mod sighting;
pub mod signs;
pub mod typed;
