//! From TOML's tree to typed values: one file for each table.

mod afar;
mod agents;
mod breaker;
mod handoff;
mod host;
mod limit;
mod machine;
mod notify;
mod plan;
mod probe;
mod proxy;
mod rules;
mod say;
mod secrets;
mod systemd;
mod unstick;
mod values;
mod watch;
mod worker;
mod worktree;

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use toml::{Spanned, de::DeTable};

use self::{agents::Agents, host::Hosts, rules::Rules};
use super::{
    Host, Notify, On, Origin, Plan, Worker,
    reader::{Entry, Reading, Table},
    schema::{self, rig, top},
};
use crate::{
    agent::profile::Profile,
    model::{HostName, PhaseId, WorkerName},
};

/// A file whose tables were read one by one. What has a complaint is missing from it.
pub(super) struct Draft {
    pub(super) rig: String,
    pub(super) notify: Option<Notify>,
    pub(super) proxy: Option<Worker>,
    /// The file has `[proxy]`, right or wrong.
    pub(super) has_proxy: bool,
    pub(super) plan: Plan,
    /// All ids of the plan, also of phases that are wrong, with their places.
    pub(super) phase_ids: BTreeMap<PhaseId, Range<usize>>,
    /// In the order of the file.
    pub(super) workers: Vec<Declared>,
    pub(super) hosts: BTreeMap<HostName, Host>,
    pub(super) agents: BTreeMap<String, Arc<Profile>>,
}

/// A worker with the places that checks across the file need.
pub(super) struct Declared {
    pub(super) name: WorkerName,
    pub(super) on: On,
    pub(super) worktree: Option<Spanned<PathBuf>>,
    /// From where the worktree is made, if it is.
    pub(super) origin: Option<Origin>,
    pub(super) requires: Vec<Spanned<WorkerName>>,
    pub(super) phases: Vec<Spanned<PhaseId>>,
    /// Who verifies the gates that it claims.
    pub(super) handoff: Option<Spanned<WorkerName>>,
    /// An agent of it is declared, right or wrong.
    pub(super) is_agent: bool,
    /// `None` when too much of it is wrong.
    pub(super) worker: Option<Worker>,
}

/// Reads the whole file.
pub(super) fn file(tree: &Spanned<DeTable<'_>>, reading: &mut Reading<'_>) -> Draft {
    let table = Table::top(tree);
    table.only(schema::TOP, reading, |_| None);
    let (rig, notify) = rig(table.get(top::RIG), reading);
    let proxy = table.get(top::PROXY);
    let has_proxy = proxy.is_some();
    let proxy = proxy.and_then(|entry| proxy::proxy(&entry, reading));
    let mut phase_ids = BTreeMap::new();
    let plan = table
        .get(top::PLAN)
        .and_then(|entry| plan::plan(&entry, &mut phase_ids, reading));
    let hosts = table
        .get(top::HOSTS)
        .and_then(|entry| Table::open(&entry, reading));
    // A proxy whose table is misspelt is one.
    let any_proxy = has_proxy || reading.misspelt.contains(top::PROXY.name);
    let hosts = hosts.map_or_else(Hosts::default, |table| {
        host::hosts(&table, any_proxy, reading)
    });
    let mut defaults = Rules::default();
    if let Some(table) = table
        .get(top::DEFAULTS)
        .and_then(|entry| Table::open(&entry, reading))
    {
        table.only(schema::DEFAULTS, reading, |name| {
            schema::WORKER
                .keys()
                .any(|key| key.name == name)
                .then(|| format!("`{name}` is written in each worker"))
        });
        defaults = defaults
            .placed_by(&table, &hosts, reading)
            .changed_by(&table, reading);
    }
    let agents = table
        .get(top::AGENTS)
        .and_then(|entry| Table::open(&entry, reading));
    let agents = agents.map_or_else(Agents::default, |table| agents::agents(&table, reading));
    // One whose name is misspelt may have them.
    let has_plan =
        !phase_ids.is_empty() || reading.misspelt.iter().any(|path| path.starts_with("plan"));
    let common = Common {
        defaults,
        hosts,
        agents,
        has_plan,
    };
    let workers = table
        .get(top::WORKERS)
        .and_then(|entry| Table::open(&entry, reading))
        .map(|table| workers(&table, &common, reading));
    // An empty file is rather one that is being written than a wish to stop everything.
    let nothing = table
        .get(top::WORKERS)
        .is_none_or(|entry| entry.is_empty_table());
    let misspelt = [top::WORKERS, top::PROXY]
        .iter()
        .any(|key| reading.misspelt.contains(key.name));
    if nothing && !has_proxy && !misspelt {
        reading
            .complain(
                &table.at,
                "nothing to keep running is declared",
                "a worker, as in [workers.builder], or a [proxy]",
            )
            .hint("a rig that is to do nothing is paused: supervisorctl pause");
    }
    Draft {
        rig,
        notify,
        proxy,
        has_proxy,
        plan: plan.unwrap_or_default(),
        phase_ids,
        workers: workers.unwrap_or_default(),
        hosts: common.hosts.own(),
        agents: common.agents.own(),
    }
}

fn rig(entry: Option<Entry<'_>>, reading: &mut Reading<'_>) -> (String, Option<Notify>) {
    let table = entry.and_then(|entry| Table::open(&entry, reading));
    if let Some(table) = &table {
        table.only(schema::RIG, reading, |_| None);
    }
    let name = match table.as_ref().and_then(|table| table.get(rig::NAME)) {
        Some(entry) => {
            let name = entry.string(reading).unwrap_or("unnamed");
            if !is_name(name) {
                entry.wrong(reading, format_args!("is \"{name}\""));
            }
            name.to_owned()
        }
        None => {
            let name = reading.env.host_name.clone();
            if !is_name(&name) {
                reading
                    .complain(
                        &table.as_ref().map_or(0..0, |table| table.at.clone()),
                        format!("host name \"{name}\" cannot name the rig"),
                        rig::NAME.expects,
                    )
                    .hint("write a name of your own as `name` in [rig]");
            }
            name
        }
    };
    let notify = table
        .and_then(|table| table.get(rig::NOTIFY))
        .and_then(|entry| notify::notify(&entry, reading));
    (name, notify)
}

/// It appears in messages, and that of a rig in names of files and sessions.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// What the rest of the file says that workers refer to.
struct Common {
    defaults: Rules,
    hosts: Hosts,
    agents: Agents,
    /// There are phases.
    has_plan: bool,
}

fn workers(table: &Table<'_>, common: &Common, reading: &mut Reading<'_>) -> Vec<Declared> {
    let mut entries: Vec<_> = table.named(top::WORKERS, "a table").collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut workers = Vec::new();
    for (name, entry) in entries {
        let text = *name.get_ref();
        if text == WorkerName::PROXY || text == WorkerName::WATCHDOG {
            let complaint = reading.complain(
                &name.span(),
                format!("worker name `{text}` is reserved"),
                "another name",
            );
            if text == WorkerName::PROXY {
                complaint.hint("the proxy is declared by [proxy]");
            }
        }
        let parsed = text.parse::<WorkerName>();
        if let Err(error) = &parsed {
            reading.complain(
                &name.span(),
                format!("worker name `{text}`: {error}"),
                "1 to 48 letters, digits, '.', '_' and '-'",
            );
        }
        // Under a wrong name it is looked at all the same, and then dropped.
        let known = parsed.clone().unwrap_or_else(|_| WorkerName::watchdog());
        let declared = worker::worker(known, &entry, common, reading);
        if parsed.is_ok() {
            workers.extend(declared);
        }
    }
    workers
}
