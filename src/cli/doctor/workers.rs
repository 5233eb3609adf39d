//! Who of the rig does not run and should.

use super::{Finding, Is};
use crate::{control::protocol::StatusView, model::StateName};

pub(super) fn judge(status: &StatusView) -> Finding {
    let of = |state| {
        let rows = status.workers.iter().filter(move |row| row.state == state);
        let names: Vec<_> = rows.map(|row| row.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{state}: {}", names.join(", ")))
    };
    let down: Vec<_> = [StateName::Held, StateName::BackingOff]
        .into_iter()
        .filter_map(of)
        .collect();
    if down.is_empty() {
        return Finding::new("workers", Is::Ok, "nobody is held or waits for a next try");
    }
    Finding::new("workers", Is::Warn, down.join("; ")).hint("see why with: supervisorctl status")
}
