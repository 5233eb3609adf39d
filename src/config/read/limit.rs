//! `limit`: what is done about the usage limit of an agent.

use std::time::Duration;

use super::{agents::without_agent, is_name, values};
use crate::{
    agent::typed::check,
    config::{
        Limit,
        reader::{Entry, Reading, Table},
        schema::{self, limit},
    },
};

/// However wrong what is read on the screen may be, nobody is woken more often than this.
const SHORTEST_AGAIN: Duration = Duration::from_secs(1);

/// A `limit` table; `is_agent`: there is somebody to be woken.
pub(super) fn limit(entry: &Entry<'_>, is_agent: bool, reading: &mut Reading<'_>) -> Option<Limit> {
    let table = Table::open(entry, reading)?;
    table.only(schema::LIMIT, reading, |_| None);
    if !is_agent {
        without_agent(entry, reading, "nobody sees a limit");
    }
    let usual = Limit::default();
    let wake = table.get(limit::WAKE);
    let wake = wake.and_then(|entry| values::boolean(&entry, reading));
    let text = table.get(limit::TEXT);
    let text = text.and_then(|entry| text_of(&entry, reading));
    let margin = table.get(limit::MARGIN);
    let margin = margin.and_then(|entry| values::duration(&entry, reading, Duration::ZERO));
    let again = table.get(limit::AGAIN);
    let again = again.and_then(|entry| values::duration(&entry, reading, SHORTEST_AGAIN));
    let account = table.get(limit::ACCOUNT);
    let account = account.and_then(|entry| account_of(&entry, reading));
    Some(Limit {
        wake: wake.unwrap_or(usual.wake),
        text: text.unwrap_or(usual.text),
        margin: margin.unwrap_or(usual.margin),
        again: again.unwrap_or(usual.again),
        account,
    })
}

/// A text that can be typed.
pub(super) fn text_of(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = entry.any_string(reading)?;
    if let Err(unfit) = check(text) {
        entry.wrong(reading, format_args!("cannot be typed: {unfit}"));
        return None;
    }
    Some(text.to_owned())
}

fn account_of(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let name = entry.string(reading)?;
    if !is_name(name) {
        entry.wrong(reading, format_args!("is \"{name}\""));
        return None;
    }
    Some(name.to_owned())
}
