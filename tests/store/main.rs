//! The store against real disks: restored facts, edits by hand, damage, crashes, power cuts, full
//! and read-only file systems.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests, their helpers included"
)]

mod crash;
mod damage;
mod directory;
mod disk;
mod edits;
mod golden;
mod lock;
mod mount;
mod newer;
mod power;
mod read_only;
mod reboots;
mod restored;
mod rig;
