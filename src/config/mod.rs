//! The rig as its operator declared it: one TOML file in, one checked [`Config`] out.
//!
//! Promise: everything that can never be right was reported by [`load`], all at once, with the place in
//! the file. What this machine does not have at this moment is no mistake: [`doubts`] tells of it, and
//! who needs it waits for it ([`Worker::lacks`]). Neither waits for a file system that does not answer.
//!
//! How: TOML's parser keeps the place of every value. `reader` is the typed view of its tree, which
//! records a [`Complaint`] and goes on; `read/` has a file for each table, `check` looks across the
//! tables, and both look at the machine through an [`Environment`]. The keys are in one table,
//! `schema`, from which unknown keys are told and the [`reference()`] for people is made. [`diff()`]
//! tells what a reload has to touch.

mod check;
mod complaint;
mod destination;
mod diff;
mod doubt;
mod environment;
mod host;
mod lack;
mod load;
mod meant;
mod notify;
mod origin;
mod plan;
mod proxy;
mod read;
mod reader;
mod reference;
mod say;
mod schema;
mod service;
mod template;
mod users;
mod worker;

pub use complaint::{Complaint, Complaints};
pub use destination::{Destination, DestinationError, Hosts};
pub use diff::{Changed, Diff, PlanDiff, diff};
pub use doubt::{OfWorker, doubts, doubts_but, doubts_elsewhere};
pub(crate) use doubt::{doubts_of, in_sentences, plan_doubts};
pub use environment::{Credentials, Environment};
pub use host::{Host, On, SshDestination, SshDestinationError};
pub use lack::Lack;
pub(crate) use lack::THERE;
pub(crate) use load::{WITHIN, load_by};
pub use load::{load, load_elsewhere};
pub use notify::{ERROR, Input, Notify};
pub use origin::{Form, Origin};
pub use plan::{Condition, Phase, Plan, Resume};
pub use proxy::{Auth, Builtin, Tailscale};
pub use reference::{HEAD, Table, commented, properties, reference, value};
pub use say::{Occasion, Say};
pub use schema::{Key, SECTIONS, Section};
pub use template::{Template, Value};
pub(crate) use users::Users;
pub use users::UsersError;
pub use worker::{
    Alive, AtLast, Backoff, Breaker, Budget, Command, Daily, Handoff, Keeps, Limit, OnPhase,
    OnSecretChange, Probe, Program, Ready, Restart, Secrets, Unstick, Watch, Worker, Worktree,
};

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{self, Path},
    sync::Arc,
};

use toml::de::DeTable;

use self::{load::Sight, reader::Reading};
use crate::{
    agent::profile::Profile,
    model::{HostName, Kind, WorkerName},
};

/// A whole, checked rig.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// What this rig is called in messages and session names; the host's name by default.
    pub rig: String,
    /// Run for things an operator should hear of, such as a reboot or a worker that is held.
    pub notify: Option<Notify>,
    /// The ordered phases; may be empty.
    pub plan: Plan,
    /// All rows that have a process: the declared workers and, under its own name, the proxy.
    pub workers: BTreeMap<WorkerName, Worker>,
    /// The machines of `[hosts.NAME]`, also those on which no worker is.
    pub hosts: BTreeMap<HostName, Host>,
    /// The agents of `[agents.NAME]`, also those that no worker runs.
    pub agents: BTreeMap<String, Arc<Profile>>,
}

impl Config {
    /// Where the rig's proxy listens, if there is one and it says so.
    pub fn proxy_address(&self) -> Option<String> {
        let proxy = self
            .workers
            .values()
            .find(|worker| worker.kind == Kind::Proxy)?;
        match (&proxy.program, &proxy.ready) {
            (Program::BuiltinProxy(builtin), _) => Some(builtin.listen.to_string()),
            (Program::Tailscale(tailscale), _) => Some(tailscale.listen.to_string()),
            (
                Program::Command(_),
                Some(Ready {
                    probe: Probe::Socks(at),
                    ..
                }),
            ) => Some(at.clone()),
            (Program::Command(_), _) => None,
        }
    }

    /// What each worker is.
    pub fn kinds(&self) -> BTreeMap<WorkerName, Kind> {
        let workers = self.workers.iter();
        workers
            .map(|(name, worker)| (name.clone(), worker.kind))
            .collect()
    }
}

/// Checks the text of `file`, whose directory is where relative paths begin.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(text: &str, file: &Path, env: &Environment) -> Result<Config, Complaints> {
    parse_by(text, file, env, Sight::Full)
}

fn parse_by(
    text: &str,
    file: &Path,
    env: &Environment,
    sight: Sight,
) -> Result<Config, Complaints> {
    let whole = path::absolute(file).unwrap_or_else(|_| Path::new("/").join(file));
    let mut reading = Reading {
        env,
        sight,
        base: whole.parent().unwrap_or(Path::new("/")),
        complaints: Vec::new(),
        misspelt: BTreeSet::new(),
    };
    let (tree, errors) = DeTable::parse_recoverable(text);
    let broken = syntax(text, &errors, &mut reading);
    if broken {
        return Err(Complaints::new(file, text, reading.complaints)
            .footer("keys and values are checked once the syntax is right"));
    }
    let draft = read::file(&tree, &mut reading);
    let within = reading.complaints.len();
    let config = check::across(draft, &mut reading);
    for complaint in &mut reading.complaints[within..] {
        complaint.across = true;
    }
    if reading.complaints.is_empty() {
        Ok(config)
    } else {
        Err(Complaints::new(file, text, reading.complaints))
    }
}

/// Records the parser's errors; true when the tree cannot be relied on, as it can in spite of a
/// key that is there twice.
fn syntax(text: &str, errors: &[toml::de::Error], reading: &mut Reading<'_>) -> bool {
    let mut places: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    places.sort_by_key(|(at, _)| at.start);
    let mut broken = None;
    for (at, message) in places {
        if message == "duplicate key" {
            let key = text.get(at.clone()).unwrap_or("");
            reading.complain(&at, format!("key `{key}` is there twice"), "it once");
            continue;
        }
        // Further errors of a line are mostly what follows from its first.
        let line = text[..text.floor_char_boundary(at.start)]
            .matches('\n')
            .count();
        if broken.replace(line) != Some(line) {
            let (what, expected) = message
                .split_once(", expected ")
                .unwrap_or((message, "TOML"));
            reading.complain(&at, format!("syntax: {what}"), expected);
        }
    }
    broken.is_some()
}
