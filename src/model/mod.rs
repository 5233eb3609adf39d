//! The words that every other module speaks: names, boots, attempts and what hosts say of them, exits,
//! states, moments.
//!
//! Promise: a value of a type in here is valid. Names were checked when they were made, an exit is
//! a code, a signal or an admitted loss, a state carries what belongs to it. Nothing here reads a
//! clock, a file or the network.

mod attempt;
mod exit;
mod host_facts;
mod item;
mod moment;
mod name;
mod report;
mod signal;
mod state;
mod stop;

pub use attempt::{AttemptId, AttemptRef, BootId, Identity};
pub use exit::{Exit, Status};
pub use host_facts::{HostDirectory, HostDirectoryIs, HostFacts};
pub use item::ItemName;
pub use moment::{Mono, Now};
pub use name::{CutoverId, GateName, HostName, NameError, PhaseId, WorkerName};
pub use report::{Condition, Found, HostEvent, Intervention};
pub use signal::Signal;
pub use state::{Kind, LauncherKind, StateName, Verdict, VerdictIs};
pub use stop::Stop;
