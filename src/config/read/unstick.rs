//! `unstick`: what is done when an agent does nothing any more.

use std::time::Duration;

use super::{agents::without_agent, limit::text_of, values};
use crate::config::{
    AtLast, Unstick,
    reader::{Entry, Reading, Table},
    schema::{self, unstick},
};

/// However wrong what is seen may be, nobody is typed to more often than this.
const SHORTEST_AGAIN: Duration = Duration::from_secs(1);

/// An `unstick` table; `is_agent`: there is somebody who may stall.
pub(super) fn unstick(
    entry: &Entry<'_>,
    is_agent: bool,
    reading: &mut Reading<'_>,
) -> Option<Unstick> {
    let table = Table::open(entry, reading)?;
    table.only(schema::UNSTICK, reading, |_| None);
    if !is_agent {
        without_agent(entry, reading, "nobody sees that it stalls");
    }
    let usual = Unstick::default();
    let nudge = table.get(unstick::NUDGE);
    let nudge = nudge.and_then(|entry| values::boolean(&entry, reading));
    let text = table.get(unstick::TEXT);
    let text = text.and_then(|entry| text_of(&entry, reading));
    let again = table.get(unstick::AGAIN);
    let again = again.and_then(|entry| values::duration(&entry, reading, SHORTEST_AGAIN));
    let tries = table.get(unstick::TRIES);
    let tries = tries.and_then(|entry| entry.whole(reading, 1, 100));
    let idle = table.get(unstick::IDLE);
    let idle = idle.and_then(|entry| values::duration(&entry, reading, SHORTEST_AGAIN));
    let then = table.get(unstick::THEN);
    let then = then.and_then(|entry| {
        let words = [("tell", AtLast::Tell), ("restart", AtLast::Restart)];
        entry.word(reading, &words)
    });
    Some(Unstick {
        nudge: nudge.unwrap_or(usual.nudge),
        text: text.unwrap_or(usual.text),
        again: again.unwrap_or(usual.again),
        tries: tries.unwrap_or(usual.tries),
        idle,
        then: then.unwrap_or(usual.then),
    })
}
