//! What we say to systemd.

/// A directory that is there if systemd booted this machine (sd_booted(3)).
pub const BOOTED: &str = "/run/systemd/system";

pub mod catalog;
pub mod change;
pub mod handed;
mod interface;
pub(crate) mod journal;
pub mod manager;
pub mod mount;
pub mod notify;
pub mod property;
pub(crate) mod service;
pub mod socket_unit;
pub mod start;
pub mod unit;
pub mod units;
