//! The systemd launcher: a worker is a transient service of its own, below `loopkeeper.slice`.
//!
//! Promise: PID 1 carries it, and nothing that happens to the daemon reaches it. Its unit has the
//! worker's name, so the manager itself refuses a second one while anything of the first lives. How
//! it ended is written down by the manager's own hand (`record`), also when no daemon is there and no
//! program of ours is left on the disk.
//!
//! How: [`exec`](super::exec) is what the unit runs; it takes the worktree's lease, records the start
//! and becomes the worker. Before our own unit it is ordered, and units are stopped in the inverse
//! order (systemd.unit(5)): when the machine goes down, nobody of us is left to take that for the end
//! of a worker.

mod begin;
mod carrier;
mod confine;
mod defaults;
#[cfg(test)]
mod fuzz;
mod journal;
mod killed;
mod life;
mod mounted;
mod record;
mod refused;
mod script;
mod step;

use std::path::{Path, PathBuf};

pub(super) use carrier::Carrier;
pub(super) use confine::{User, who};
pub(super) use killed::look_for_hand;
pub(super) use life::{
    Ending, began_in, carries, ends, exit, gone, has_record, intervention, last_word, recorder_of,
    thaw,
};
pub(crate) use life::{before_reboot, recorded, was_over_before_reboot};
pub(super) use mounted::{mounted, unmounted};
use script::RECORD;
pub(super) use script::keep_scripts;

use crate::{
    config::Builtin,
    model::WorkerName,
    systemd::{manager::Whose, units::Units},
};

/// What an operator types after `systemctl status` and `journalctl -u`.
pub(super) fn name(worker: &WorkerName) -> String {
    format!("loopkeeper-{worker}.service")
}

/// How an operator speaks to this manager.
pub(super) fn systemctl(whose: &Whose) -> &'static str {
    match whose {
        Whose::System => "systemctl",
        Whose::User(_) => "systemctl --user",
    }
}

/// Where the manager puts the credentials of a worker's unit (systemd.exec(5), `LoadCredential=`), as
/// the manager sees it: a service that is confined, as we may be, sees its own and no others.
pub(super) fn credentials(units: &Units, worker: &WorkerName) -> PathBuf {
    let runtime = match units.whose() {
        Whose::System => Path::new("/proc/1/root/run"),
        Whose::User(runtime) => runtime,
    };
    runtime.join("credentials").join(name(worker))
}

/// The builtin proxy's settings, as they are inside of its service.
pub(super) fn proxy_inside(proxy: &Builtin, worker: &WorkerName, units: &Units) -> Builtin {
    defaults::inside(proxy, &name(worker), units.whose())
}
