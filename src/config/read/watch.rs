//! `watch`: how an agent is looked at.

use std::time::Duration;

use super::{agents::without_agent, machine, values};
use crate::config::{
    On, Watch,
    reader::{Entry, Reading, Table},
    schema::{self, watch},
};

/// A `watch` table of a worker there; `is_agent`: there is somebody to look at.
pub(super) fn watch(
    entry: &Entry<'_>,
    on: &On,
    is_agent: bool,
    reading: &mut Reading<'_>,
) -> Option<Watch> {
    let table = Table::open(entry, reading)?;
    table.only(schema::WATCH, reading, |_| None);
    if !is_agent {
        without_agent(entry, reading, "nobody looks");
    }
    let usual = Watch::default();
    let every = table
        .get(watch::EVERY)
        .and_then(|entry| values::duration(&entry, reading, values::SHORTEST_EVERY));
    let mut threshold = |key, usual| {
        let entry = table.get(key)?;
        Some(values::duration(&entry, reading, values::SHORTEST).unwrap_or(usual))
    };
    let slow = threshold(watch::SLOW, usual.slow);
    let stuck = threshold(watch::STUCK, usual.stuck);
    let (slow, stuck) = thresholds(slow, stuck, &usual);
    if slow >= stuck {
        let (slow, stuck) = (values::written(slow), values::written(stuck));
        let why = format!("makes slow ({slow}) not shorter than stuck ({stuck})");
        entry.wrong(reading, why);
    }
    let every = every.unwrap_or(usual.every);
    if every >= slow {
        let (every, slow) = (values::written(every), values::written(slow));
        let why = format!("makes every ({every}) not shorter than slow ({slow})");
        entry
            .wrong(reading, why)
            .hint("several looks have to fit into slow");
    }
    let heartbeat = table.get(watch::HEARTBEAT);
    let heartbeat = heartbeat.and_then(|entry| machine::path_on(on, &entry, reading));
    Some(Watch {
        every,
        slow,
        stuck,
        heartbeat,
    })
}

/// Who says one of them moves the other along.
fn thresholds(
    slow: Option<Duration>,
    stuck: Option<Duration>,
    usual: &Watch,
) -> (Duration, Duration) {
    match (slow, stuck) {
        (Some(slow), Some(stuck)) => (slow, stuck),
        (Some(slow), None) => (slow, slow * 2),
        (None, Some(stuck)) => (stuck / 2, stuck),
        (None, None) => (usual.slow, usual.stuck),
    }
}
