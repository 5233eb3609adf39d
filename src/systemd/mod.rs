//! What we say to systemd.

pub mod unit;
