//! `host`: the other machines on which workers run.
//!
//! Promise: `list` never waits for a host. `check` and `status` wait a limited time, for all at once, and
//! one that does not answer takes nothing from what is shown of the others.

mod check;
mod judge;
mod list;
mod status;

use clap::{Args, Subcommand};

use super::{Context, failure::Failure};
use crate::model::HostName;

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Show the declared hosts, and what is known of each; no host is asked.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Ask hosts now whether they answer and have what workers need.
    ///
    /// The daemon asks, as its user and over its own connections. What does not work fails, what only might
    /// not work warns.
    Check(Which),
    /// Show what runs on hosts that is ours, and how they are.
    Status(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Hosts; without any, all that are declared.
    #[arg(value_name = "NAME")]
    hosts: Vec<HostName>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// In place of a table without rows.
const NONE: &str = "no hosts are declared\n";

pub(super) fn run(what: What, context: &Context) -> Result<(), Failure> {
    match what {
        What::List { json } => list::run(json, context),
        What::Check(which) => check::run(which, context),
        What::Status(which) => status::run(which, context),
    }
}

/// KiB, as people read them.
fn size(kib: u64) -> String {
    let (gib, mib) = (1 << 20, 1 << 10);
    // Cut off, so that nothing seems more than it is.
    match kib {
        _ if kib >= gib => format!("{}.{} GiB", kib / gib, kib % gib * 10 / gib),
        _ if kib >= mib => format!("{} MiB", kib / mib),
        _ => format!("{kib} KiB"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_never_said_to_be_more_than_they_are() {
        for (kib, text) in [
            (0, "0 KiB"),
            (1023, "1023 KiB"),
            (1024, "1 MiB"),
            ((1 << 20) - 1, "1023 MiB"),
            (1 << 20, "1.0 GiB"),
            ((2 << 20) - 1, "1.9 GiB"),
            (u64::MAX, "17592186044415.9 GiB"),
        ] {
            assert_eq!(super::size(kib), text);
        }
    }
}
