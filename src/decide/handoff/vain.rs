//! Gates whose turn it is of somebody who is not there.
//!
//! Promise: nobody waits in silence. That it waits is shown as long as it is so, and told when it comes to be
//! so, with what helps.

use std::collections::BTreeSet;

use super::gate::{Gate, GateState};
use crate::{
    decide::{Level, Rig},
    model::{GateName, Now},
};

impl Rig {
    /// Those that wait for who is not declared, or has no agent that could hear of them.
    pub(in crate::decide) fn gates_in_vain(&self) -> impl Iterator<Item = &Gate> {
        let gates = self.handoffs.gates.values();
        gates.filter(|gate| self.waits_in_vain(gate))
    }

    pub(super) fn waits_in_vain(&self, gate: &Gate) -> bool {
        let turn = gate.turn();
        turn.is_some_and(|worker| self.agent_with_inbox(worker).is_none())
    }

    /// Their names, to be compared with later ones.
    pub(in crate::decide) fn names_in_vain(&self) -> BTreeSet<GateName> {
        let gates = self.gates_in_vain();
        gates.map(|gate| gate.gate.clone()).collect()
    }

    /// Tells of those that did not wait in vain before.
    pub(in crate::decide) fn tell_gates_in_vain(&mut self, now: Now, before: &BTreeSet<GateName>) {
        let new = self.gates_in_vain();
        let new = new.filter(|gate| !before.contains(&gate.gate));
        let texts: Vec<_> = new
            .map(|gate| (gate.from.clone(), in_words(gate)))
            .collect();
        for (from, text) in texts {
            self.tell_of(now, "handoff-stuck", Level::Warning, &from, text);
        }
    }

    /// All of them, in words.
    pub(in crate::decide) fn vain_troubles(&self) -> impl Iterator<Item = String> {
        self.gates_in_vain().map(in_words)
    }
}

fn in_words(gate: &Gate) -> String {
    let Gate { gate: name, .. } = gate;
    let turn = gate.turn().map_or("nobody", |worker| worker.as_str());
    let helps = match gate.state {
        GateState::Claimed => format!(
            "declare it, or name another one in `handoff` and let {} claim it again, or: `supervisorctl handoff \
             pass {name}`, `back {name} -m WHY` or `drop {name}`",
            gate.from
        ),
        GateState::Back | GateState::Passed | GateState::Asks => {
            format!("declare it, or: `supervisorctl handoff pass {name}` or `drop {name}`")
        }
    };
    format!(
        "gate {name} waits for {turn}, which is not declared any more, or has no agent: {helps}"
    )
}
