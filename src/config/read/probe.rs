//! `ready` and `alive`: how a worker is looked at.

use std::{path::Path, time::Duration};

use super::{machine, values};
use crate::config::{
    Alive, Probe, Ready,
    reader::{Entry, Reading, Table},
    schema::{self, Key, alive, probe, ready},
};

/// How often a starting worker is looked at when the file does not say.
pub(super) const READY_EVERY: Duration = Duration::from_millis(500);
/// How long it may take to be ready when the file does not say.
pub(super) const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a ready worker is looked at when the file does not say.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How many bad looks in a row when the file does not say.
pub(super) const ALIVE_FAILURES: u32 = 3;

/// A `ready` table.
pub(super) fn ready(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Ready> {
    let table = Table::open(entry, reading)?;
    table.only(schema::READY, reading, |_| None);
    let keys = [
        probe::SOCKS,
        probe::TCP,
        probe::COMMAND,
        ready::FILE,
        ready::OUTPUT,
    ];
    let probe = the_probe(entry, &table, &keys, reading, workdir);
    let every = table
        .get(ready::EVERY)
        .and_then(|entry| values::duration(&entry, reading, values::SHORTEST_EVERY));
    let timeout = table
        .get(ready::TIMEOUT)
        .and_then(|entry| values::duration(&entry, reading, values::SHORTEST));
    Some(Ready {
        probe: probe?,
        every: every.unwrap_or(READY_EVERY),
        timeout: timeout.unwrap_or(READY_TIMEOUT),
    })
}

/// An `alive` table.
pub(super) fn alive(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Alive> {
    let table = Table::open(entry, reading)?;
    table.only(schema::ALIVE, reading, |name| {
        [ready::FILE, ready::OUTPUT, ready::TIMEOUT]
            .iter()
            .any(|key| key.name == name)
            .then(|| format!("`{name}` belongs to `ready`"))
    });
    let keys = [probe::SOCKS, probe::TCP, probe::COMMAND];
    let probe = the_probe(entry, &table, &keys, reading, workdir);
    let every = table
        .get(alive::EVERY)
        .and_then(|entry| values::duration(&entry, reading, values::SHORTEST_EVERY));
    let failures = table
        .get(alive::FAILURES)
        .and_then(|entry| entry.whole(reading, 2, 1000));
    Some(Alive {
        probe: probe?,
        every: every.unwrap_or(ALIVE_EVERY),
        failures: failures.unwrap_or(ALIVE_FAILURES),
    })
}

/// The one probe among `keys`; each of them that is there is checked, too many or not.
fn the_probe(
    entry: &Entry<'_>,
    table: &Table<'_>,
    keys: &[&'static Key],
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Probe> {
    let there: Vec<_> = keys.iter().filter_map(|key| table.get(key)).collect();
    let mut probes: Vec<_> = there
        .iter()
        .map(|entry| one_probe(entry, reading, workdir))
        .collect();
    if there.len() != 1 {
        let names: Vec<_> = there.iter().map(|entry| entry.key.name).collect();
        entry.wrong(
            reading,
            match names.as_slice() {
                [] => "has nothing to look at".to_owned(),
                names => format!("has {} at once", names.join(" and ")),
            },
        );
        return None;
    }
    probes.pop().flatten()
}

fn one_probe(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Probe> {
    let name = entry.key.name;
    if name == probe::SOCKS.name {
        values::host_port(entry, reading).map(Probe::Socks)
    } else if name == probe::TCP.name {
        values::host_port(entry, reading).map(Probe::Tcp)
    } else if name == probe::COMMAND.name {
        machine::command(entry, reading, workdir).map(Probe::Command)
    } else if name == ready::FILE.name {
        machine::path(entry, reading).map(Probe::File)
    } else {
        values::regex(entry, reading).map(Probe::Output)
    }
}
