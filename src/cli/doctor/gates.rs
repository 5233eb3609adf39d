//! Which gates a person is waited for.

use super::{Finding, Is};
use crate::{control::protocol::StatusView, decide::GateState};

pub(super) fn judge(status: &StatusView) -> Option<Finding> {
    let gates = status.handoffs.iter();
    let asking = gates.filter(|gate| gate.state == GateState::Asks);
    let names: Vec<_> = asking.map(|gate| gate.gate.as_str()).collect();
    (!names.is_empty()).then(|| {
        let found = format!("a person is waited for: {}", names.join(", "));
        Finding::new("gates", Is::Warn, found).hint("see why with: supervisorctl handoff list GATE")
    })
}
