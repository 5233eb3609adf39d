//! Where gates stand, for a worker that may not read their files.
//!
//! Promise: it is shown what the files say of those gates alone that it claims or verifies, and nobody else is
//! shown that. Whoever asks leaves nothing there, also when nobody answers.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
};

use jiff::Timestamp;

use super::{ANSWER, AT_ONCE, Asks, AsksError, LONGEST, id_of};
use crate::{
    causes::in_one_line,
    decide::{AskId, Gate},
    model::{GateName, WorkerName},
    store::gates,
};

/// What the name of such a request ends in; its text is the name of a gate, or nothing.
pub(super) const SHOW: &str = ".show";
/// Of more gates than this the latest are shown.
const MOST: usize = 500;
/// The most bytes of what is shown.
const LONGEST_SHOWN: u64 = 8 << 20;

impl Asks {
    /// Asks where gates stand, or this one, with all that happened to it; the request's id.
    ///
    /// # Errors
    /// Nothing of it is there.
    pub fn ask_to_show(&self, one: Option<&GateName>, now: Timestamp) -> Result<AskId, AsksError> {
        let one = one.map_or("", GateName::as_str);
        self.request(SHOW, one.as_bytes(), now)
    }

    /// Nobody waits for it any more.
    pub fn do_not_show(&self, id: &AskId) {
        for ending in [SHOW, ANSWER] {
            self.remove(OsStr::new(&format!("{id}{ending}")));
        }
    }

    /// Takes what was shown, once it was.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn take_shown(&self, id: &AskId) -> Result<Option<Vec<Gate>>, AsksError> {
        self.take(id, LONGEST_SHOWN)
    }

    /// Shows this worker what it asks for.
    ///
    /// # Errors
    /// Nobody can look, or leave an answer.
    pub fn show(&self, state: &Path, to: &WorkerName) -> Result<(), AsksError> {
        let names = self.place.names().map_err(self.failed("", "read"))?;
        let names = names.iter().filter_map(|name| id_of(name, SHOW));
        let ids: Vec<AskId> = names.take(AT_ONCE).map(str::to_owned).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let all = gates::all(state).map_err(|error| {
            let why = io::Error::other(in_one_line(&error));
            AsksError::new(state.join(gates::NAME), "read", why)
        })?;
        let of_it = |gate: &Gate| gate.from == *to || gate.to == *to;
        let gates: Vec<Gate> = all
            .into_values()
            .flatten()
            .filter(|gate| of_it(gate))
            .collect();
        for id in ids {
            let name = OsString::from(format!("{id}{SHOW}"));
            let Some(bytes) = self.read(&name, LONGEST)? else {
                continue;
            };
            let shown = bytes.map_or_else(|_| Vec::new(), |one| meant(&gates, &one));
            self.leave(&id, &shown)?;
            self.remove(&name);
        }
        self.prune();
        Ok(())
    }
}

/// The one of this name; of all of them, what is said without what happened before.
fn meant(gates: &[Gate], one: &[u8]) -> Vec<Gate> {
    if !one.is_empty() {
        let is_it = |gate: &&Gate| gate.gate.as_str().as_bytes() == one;
        return gates.iter().filter(is_it).cloned().collect();
    }
    let mut gates: Vec<Gate> = gates
        .iter()
        .map(|gate| Gate {
            happened: Vec::new(),
            ..gate.clone()
        })
        .collect();
    gates.sort_by_key(|gate| std::cmp::Reverse(gate.since));
    gates.truncate(MOST);
    gates
}
