//! `handoff`: who verifies the gates that a worker claims.

use toml::Spanned;

use super::agents::without_agent;
use crate::{
    config::{
        Handoff,
        reader::{Entry, Reading, Table},
        schema::{self, handoff},
    },
    model::WorkerName,
};

/// So many rounds, where nothing is said of it.
const ROUNDS: u32 = 5;
/// The most that can be said.
const MOST_ROUNDS: u32 = 1000;

/// A `handoff` table, and the place of the name in it; `is_agent`: who claims can be told what came of it.
pub(super) fn handoff(
    entry: &Entry<'_>,
    is_agent: bool,
    reading: &mut Reading<'_>,
) -> Option<(Spanned<WorkerName>, Handoff)> {
    let table = Table::open(entry, reading)?;
    table.only(schema::HANDOFF, reading, |_| None);
    if !is_agent {
        without_agent(entry, reading, "nobody can tell it what came of a gate");
    }
    let to = table.need(handoff::TO, reading).and_then(|entry| {
        let to: WorkerName = entry.parsed(reading)?;
        Some(Spanned::new(entry.at, to))
    });
    let rounds = table.get(handoff::ROUNDS);
    let rounds = rounds.and_then(|entry| entry.whole(reading, 1, MOST_ROUNDS));
    let to = to?;
    let handoff = Handoff {
        to: to.get_ref().clone(),
        rounds: rounds.unwrap_or(ROUNDS),
    };
    Some((to, handoff))
}
