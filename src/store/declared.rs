//! Which workers the last daemon kept, for whoever looks when none runs and none can start.
//!
//! Promise: it is a note, beside what counts. Where it cannot be left or read there is none, and nothing
//! else is different.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{ReadOnly, Store, access::Survives, read, write};
use crate::model::{Kind, WorkerName};

/// Under this name the table `meta` has it, as JSON.
const DECLARED: &str = "declared";
/// And under this one what the rig is called.
const RIG: &str = "rig";

/// Workers and what they are.
pub type Declared = BTreeMap<WorkerName, Kind>;

impl Store {
    /// Leaves a note of the rig that this daemon keeps and its workers: [`ReadOnly::rig`],
    /// [`ReadOnly::declared`].
    pub fn note_declared(&mut self, rig: &str, declared: &Declared) {
        let noted = serde_json::to_string(declared).map_err(|error| error.to_string());
        let noted = noted.and_then(|text| {
            self.commit(Survives::Crash, |conn| {
                write::set_meta(conn, RIG, Some(rig))?;
                write::set_meta(conn, DECLARED, Some(&text))
            })
            .map_err(|error| error.to_string())
        });
        if let Err(why) = noted {
            tracing::debug!("which workers are declared was not noted: {why}");
        }
    }
}

impl ReadOnly {
    /// The workers that the last daemon kept, if it could say so.
    pub fn declared(&self) -> Option<Declared> {
        of(&self.conn)
    }

    /// What the last daemon called the rig that it kept, if it could say so.
    pub fn rig(&self) -> Option<String> {
        read::meta_text(&self.conn, RIG).ok()?
    }
}

fn of(conn: &Connection) -> Option<Declared> {
    let text = read::meta_text(conn, DECLARED).ok()??;
    serde_json::from_str(&text).ok()
}
