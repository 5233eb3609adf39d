//! What holds of a notice.
//!
//! Promise: who asks `journalctl -x` about one finds its event explained, with nothing left blank.

use loopkeeper::{decide::Notice, systemd::catalog};

use super::{Checked, ensure};

/// The message catalog has its event, and it has every field whose value stands in the entry.
pub(crate) fn explained(notice: &Notice) -> Checked {
    let event = &notice.event;
    let entry = catalog::entry(event);
    ensure!(
        entry.is_some(),
        "explained",
        "{event} is not in the catalog"
    );
    for field in entry.into_iter().flat_map(catalog::Entry::fields) {
        let is_there = match field {
            "LOOPKEEPER_WORKER" => notice.worker.is_some(),
            "LOOPKEEPER_ATTEMPT" => notice.attempt.is_some(),
            "LOOPKEEPER_PHASE" => notice.phase.is_some(),
            _ => false,
        };
        ensure!(is_there, "explained", "{event} has no {field}: {notice:?}");
    }
    Ok(())
}
