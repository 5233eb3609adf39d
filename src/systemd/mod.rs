//! What we say to systemd.

pub mod notify;
pub mod unit;
