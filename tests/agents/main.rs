//! What the profiles that are in the program see on screens as their agents draw them: one file a
//! screen in `screens/<profile>/`, with what is to be seen on it in its head. `scripted` plays such
//! agents in a real terminal: `played` looks at them, `submitted` and `answered` type at them, and `ran`
//! knows them as processes.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

mod answered;
mod corpus;
mod played;
mod program;
mod ran;
mod seen;
mod stage;
mod submitted;
