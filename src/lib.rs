//! Loopkeeper keeps loops running: agent loops, CI runs and the machines they use keep going
//! through crashes, upgrades and reboots.

pub mod cli;
pub mod config;
pub mod control;
pub mod decide;
pub mod host;
pub mod model;
pub mod paths;
pub mod proxy;
pub mod store;
mod sys;
pub mod systemd;
