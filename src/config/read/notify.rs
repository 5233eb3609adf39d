//! `notify`: what an operator hears of, and how.

use std::collections::BTreeSet;

use super::machine;
use crate::{
    config::{
        Notify,
        notify::{ERROR, Input, UNHEARD},
        reader::{Entry, Reading, Table},
        schema::{self, notify},
    },
    systemd::catalog,
};

/// A command, or a table with one.
pub(super) fn notify(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<Notify> {
    let base = reading.base;
    if !entry.is_table() {
        return machine::command(entry, reading, Some(base)).map(Notify::by);
    }
    let table = Table::open(entry, reading)?;
    table.only(schema::NOTIFY, reading, |_| None);
    let command = table.need(notify::COMMAND, reading);
    let command = command.and_then(|entry| machine::command(&entry, reading, Some(base)));
    let on = table.get(notify::ON).map(|entry| events(&entry, reading));
    let input = table.get(notify::INPUT).and_then(|entry| {
        let words = [("text", Input::Text), ("json", Input::Json)];
        entry.word(reading, &words)
    });
    let usual = Notify::by(command?);
    Some(Notify {
        on: on.unwrap_or(usual.on),
        input: input.unwrap_or(usual.input),
        command: usual.command,
    })
}

fn events(entry: &Entry<'_>, reading: &mut Reading<'_>) -> BTreeSet<String> {
    let known = catalog::entries().iter().map(|known| known.event);
    let known = known.filter(|event| !UNHEARD.contains(event));
    let words: Vec<_> = known.chain([ERROR]).map(|word| (word, word)).collect();
    let items = entry.items("an event, such as \"worker-held\"", reading);
    let items = items.unwrap_or_default();
    let mut events = BTreeSet::new();
    for item in items {
        if let Some(event) = item.word(reading, &words) {
            events.insert(event.to_owned());
        }
    }
    events
}
