//! The rules, pure.

pub mod access;
mod fact;

pub use fact::{
    Boot, Fact, LastAttempt, Level, Notice, Reboot, Restarts, Restored, RestoredWorker,
    ResumePoint, SetBy,
};
