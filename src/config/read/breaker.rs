//! `breaker`: how many rounds of an agent may come to nothing.

use super::{
    agents::without_agent,
    values::{self, SHORTEST},
};
use crate::config::{
    Breaker,
    reader::{Entry, Reading, Table},
    schema::{self, breaker},
};

/// A `breaker` table; `is_agent`: there is somebody whose rounds are seen.
pub(super) fn breaker(
    entry: &Entry<'_>,
    is_agent: bool,
    reading: &mut Reading<'_>,
) -> Option<Breaker> {
    let table = Table::open(entry, reading)?;
    table.only(schema::BREAKER, reading, |_| None);
    if !is_agent {
        without_agent(entry, reading, "nobody sees its rounds");
    }
    let usual = Breaker::default();
    let rounds = table.get(breaker::ROUNDS);
    let rounds = rounds.and_then(|entry| entry.whole(reading, 1, 1_000_000));
    let again = table.get(breaker::AGAIN);
    let again = again.and_then(|entry| values::duration(&entry, reading, SHORTEST));
    Some(Breaker {
        rounds: rounds.unwrap_or(usual.rounds),
        again: again.unwrap_or(usual.again),
    })
}
