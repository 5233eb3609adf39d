//! What a host says of attempts: unasked, and when it is asked.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{AttemptRef, Exit, HostName, Identity, Signal, Stop};

/// What a host tells of an attempt, unasked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostEvent {
    /// The worker's own process runs.
    Started(AttemptRef, Identity),
    /// It could not be started; nothing of it lives. The text is for the operator.
    StartFailed(AttemptRef, String),
    /// It could not be started because the machine, or the daemon, is out of something: room on a
    /// disk, open files, processes, memory. No fault of the worker's; nothing of it lives.
    Shortage(AttemptRef, String),
    /// The worker's own process ended, and its exit record is written. And who asked its service
    /// manager for that, if somebody did.
    Ended(AttemptRef, Exit, Option<Intervention>),
    /// It ended like this after the operator had sent this signal with `systemctl kill`. Comes once its
    /// end is recorded, if that is found out at all, and changes nothing.
    KilledByHand(AttemptRef, Signal, Exit),
    /// Nothing of the attempt's tree lives any more. Comes after `Ended`, once.
    Gone(AttemptRef),
}

/// What was done by hand to the unit around an attempt, past the supervisor, and ended it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Intervention {
    /// `systemctl stop`.
    Stopped,
    /// `systemctl restart`: another attempt is wanted.
    Restarted,
    /// The file system that is mounted here was to be unmounted.
    Unmounted(PathBuf),
    /// The service manager itself was ending.
    ManagerEnded,
    /// The service manager went into rescue or emergency mode, in which nothing of ours runs.
    Maintenance,
    /// The machine went down in order, in an earlier boot than the present one; when it had ended.
    MachineWentDown(Timestamp),
}

/// What a host answers of one attempt when it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Found {
    /// Which.
    pub attempt: AttemptRef,
    /// On which other host, where it is not on this one.
    pub on: Option<HostName>,
    /// How it was to be stopped when it was started, where its host still knows.
    pub stop: Option<Stop>,
    /// In what condition.
    pub is: Condition,
}

/// The condition in which an attempt was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The worker's own process lives.
    Alive(Identity),
    /// It ended. Something of its tree may be left: `survivors` processes.
    Ended {
        /// How, from its exit record; [`Exit::Lost`] when nobody saw it.
        exit: Exit,
        /// Processes of its tree that still live.
        survivors: usize,
        /// Who asked its service manager for the end, if somebody did.
        by: Option<Intervention>,
    },
    /// It is certain that nothing was ever started of it by this rig.
    NeverStarted,
    /// The host did not answer; the text says why. Not a death.
    Unknown(String),
}
