//! What a worker on another host cannot have yet.
//!
//! Promise: nothing that is written in such a worker's own table is passed over in silence. What all
//! workers have by `[defaults]` is what it does not have if it cannot have it.

use crate::{
    config::{
        On,
        reader::{Entry, Reading, Table},
        schema::{Key, probe, ready, rules, worker, worktree},
    },
    model::LauncherKind,
};

/// A key that it cannot have, and why not.
struct Refused {
    key: &'static Key,
    /// If not empty, the key itself may be there, and these in its table not.
    within: &'static [&'static Key],
    why: &'static str,
}

const REFUSED: &[Refused] = &[
    Refused {
        key: worker::WORKTREE,
        within: &[worktree::REPO],
        why: "a checkout is not made there yet",
    },
    Refused {
        key: worker::READY,
        within: &[probe::SOCKS, probe::TCP, probe::COMMAND, ready::FILE],
        why: "only its output is looked at there yet",
    },
    Refused {
        key: worker::ALIVE,
        within: &[],
        why: "nothing but whether it lives is looked at there yet",
    },
    Refused {
        key: worker::SECRETS,
        within: &[],
        why: "secrets are not brought there yet",
    },
    Refused {
        key: rules::SYSTEMD,
        within: &[],
        why: "it is no service there yet",
    },
];

/// Complains about what the worker says and cannot have where it is.
pub(super) fn refused(table: &Table<'_>, on: &On, reading: &mut Reading<'_>) {
    let On::Host(host) = on else {
        return;
    };
    for refused in REFUSED {
        let Some(entry) = table.get(refused.key) else {
            continue;
        };
        let of_host = |entry: &Entry<'_>, reading: &mut Reading<'_>| {
            let words = format!("cannot be on host {host}: {}", refused.why);
            let entry = entry.expecting("a worker with on = \"local\"");
            entry.wrong(reading, words);
        };
        match refused.within {
            [] if entry.is_empty_table() => {}
            [] => of_host(&entry, reading),
            // Of another type, it is refused for that.
            within if entry.is_table() => {
                if let Some(inner) = Table::open(&entry, reading) {
                    let inner = within.iter().filter_map(|key| inner.get(key));
                    inner.for_each(|entry| of_host(&entry, reading));
                }
            }
            _ => {}
        }
    }
    if let Some(entry) = table.get(rules::LAUNCHER) {
        let others = [LauncherKind::Process, LauncherKind::Systemd];
        if let Some(text) = entry.value().as_str()
            && others.iter().any(|other| other.as_str() == text)
        {
            let entry = entry.expecting("\"auto\" or \"tmux\"");
            entry
                .wrong(
                    reading,
                    format_args!("is \"{text}\", and a worker on host {host} is in tmux"),
                )
                .hint("there is no other way to start one there yet");
        }
    }
}
