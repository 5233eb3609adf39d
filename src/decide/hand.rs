//! What ended an attempt past us: the operator's hand on its unit, its service manager, the machine.

use jiff::Timestamp;

use super::{
    Fact, Rig,
    life::{Cause, Stopped},
    worker::Asked,
};
use crate::model::{Exit, Intervention, Now, WorkerName};

impl Rig {
    /// What somebody did to its unit counts as the same done through us.
    pub(super) fn by_hand(&mut self, name: &WorkerName, by: Intervention) -> Cause {
        match by {
            Intervention::Stopped => {
                if let Some(worker) = self.workers.get_mut(name) {
                    worker.run = false;
                    worker.asked = Asked::Nothing;
                    self.ledger.add(Fact::Operator {
                        worker: name.clone(),
                        run: false,
                    });
                }
                Cause::Stop(Stopped::Systemctl)
            }
            Intervention::Restarted => {
                Cause::Restart("restarted by the operator with systemctl".into())
            }
            Intervention::Unmounted(at) => {
                Cause::Restart(format!("its file system {} was unmounted", at.display()))
            }
            Intervention::ManagerEnded => Cause::Restart("its service manager was ending".into()),
            Intervention::Maintenance => {
                Cause::Restart("its service manager went into rescue or emergency mode".into())
            }
            Intervention::MachineWentDown(_) => Cause::Restart(Exit::by_machine()),
        }
    }
}

/// When it ended, if it did so as the machine went down.
pub(super) fn went_down(now: Now, by: Option<&Intervention>) -> Option<Timestamp> {
    match by? {
        Intervention::MachineWentDown(at) => Some((*at).min(now.wall)),
        Intervention::Stopped
        | Intervention::Restarted
        | Intervention::Unmounted(_)
        | Intervention::ManagerEnded
        | Intervention::Maintenance => None,
    }
}
