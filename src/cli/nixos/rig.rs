//! The tables of a rig, key by key, as options.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Entries, ON_NIXOS, entry,
    expression::Expression,
    owner::{self, Owner},
    secrets::Secrets,
    value::Place,
};
use crate::{cli::check, config::On};

/// What is gathered on the way through the tables.
pub(super) struct Rig {
    place: Place,
    /// Who runs what says nothing of it; root, if nobody.
    owner: Option<Owner>,
    defaults_name_a_user: bool,
    /// Where workers are that do not say it.
    usually_on: On,
    secrets: Secrets,
    settings: Entries,
    warnings: Vec<String>,
}

impl Rig {
    pub(super) fn new(base: &Path, home: Option<PathBuf>, owner: Option<Owner>) -> Self {
        Self {
            place: Place {
                base: base.to_owned(),
                home,
                moves: base != Path::new(ON_NIXOS),
            },
            owner,
            defaults_name_a_user: false,
            usually_on: On::Local,
            secrets: Secrets::default(),
            settings: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// All options, and what a person should know of them.
    pub(super) fn options(mut self, tables: &Table) -> (Expression, Vec<String>) {
        self.defaults_name_a_user = owner::defaults_name_a_user(tables);
        let defaults = tables.get("defaults").and_then(Value::as_table);
        self.usually_on = defaults.map_or(On::Local, |table| on(table).unwrap_or_default());
        let mut options: Entries = vec![entry("enable", Expression::Boolean(true))];
        for (name, value) in tables {
            let Some(table) = value.as_table() else {
                continue;
            };
            match name.as_str() {
                "rig" => self.rig(table, &mut options),
                "proxy" => options.push(entry("proxy", self.proxy(table))),
                "plan" => options.push(entry("plan", self.plan(table))),
                "hosts" => options.push(entry("hosts", self.hosts(table))),
                "agents" => options.push(entry("agents", value.into())),
                "workers" => {
                    let workers = table.iter().filter_map(|(name, value)| {
                        Some((name.clone(), self.worker(name, value.as_table()?)))
                    });
                    let workers = workers.collect();
                    options.push(entry("workers", Expression::Set(workers)));
                }
                other => self.settings.push((other.to_owned(), value.into())),
            }
        }
        for (name, set) in [
            ("secrets", self.secrets.options()),
            ("settings", self.settings),
        ] {
            if !set.is_empty() {
                options.push(entry(name, Expression::Set(set)));
            }
        }
        (Expression::Set(options), self.warnings)
    }

    fn rig(&mut self, table: &Table, options: &mut Entries) {
        let mut rest = Vec::new();
        for (key, value) in table {
            match key.as_str() {
                "notify" => options.push(entry("notify", self.notify(value))),
                key => rest.push(entry(key, value.into())),
            }
        }
        if !rest.is_empty() {
            self.settings.push(entry("rig", Expression::Set(rest)));
        }
    }

    fn notify(&self, value: &Value) -> Expression {
        let Value::Table(table) = value else {
            return self.place.command(value);
        };
        let entries = table.iter().map(|(key, value)| {
            let value = match key.as_str() {
                "command" => self.place.command(value),
                _ => value.into(),
            };
            entry(key, value)
        });
        Expression::Set(entries.collect())
    }

    fn plan(&self, table: &Table) -> Expression {
        let phase = |phase: &Table| {
            if let (1, Some(id)) = (phase.len(), phase.get("id")) {
                return id.into();
            }
            let entries = phase.iter().map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("brief", value) => self.place.path(value),
                    ("until", Value::Table(until)) => {
                        let until = until.iter().map(|(key, value)| {
                            let value = match key.as_str() {
                                "command" => self.place.command(value),
                                _ => self.place.inner(key, value),
                            };
                            entry(key, value)
                        });
                        Expression::Set(until.collect())
                    }
                    (_, value) => value.into(),
                };
                entry(key, value)
            });
            Expression::Set(entries.collect())
        };
        let entries = table.iter().map(|(key, value)| match value.as_array() {
            Some(phases) => {
                let phases = phases.iter().filter_map(Value::as_table).map(phase);
                entry(key, Expression::List(phases.collect()))
            }
            None => entry(key, self.place.inner(key, value)),
        });
        Expression::Set(entries.collect())
    }

    fn proxy(&mut self, table: &Table) -> Expression {
        let mut proxy = vec![entry("enable", Expression::Boolean(true))];
        let mut tailscale = Vec::new();
        let mut rest = Vec::new();
        for (key, value) in table {
            match key.as_str() {
                "listen" => {
                    let address = value.as_str().and_then(|text| text.parse().ok());
                    if let Some(address) = address {
                        let address: SocketAddr = address;
                        // The option has no room for the interface of an address.
                        if matches!(address, SocketAddr::V6(six) if six.scope_id() != 0) {
                            rest.push(entry("listen", value.into()));
                            continue;
                        }
                        let ip = Expression::Text(address.ip().to_string());
                        proxy.push(entry("listenAddress", ip));
                        proxy.push(entry("port", Expression::Integer(address.port().into())));
                    }
                }
                "auth" => proxy.push(entry("auth", self.credential(value))),
                "auth_key" => tailscale.push(entry("authKey", self.credential(value))),
                "state" => tailscale.push(entry("stateDir", self.place.path(value))),
                "hostname" => tailscale.push(entry("hostname", value.into())),
                "arguments" => tailscale.push(entry("extraDaemonFlags", value.into())),
                "systemd" => {}
                "workdir" => proxy.push(entry("workdir", self.place.path(value))),
                "ready" => rest.push(entry(key, self.place.table(value))),
                key => proxy.push(entry(&camel(key), self.place.inner(key, value))),
            }
        }
        let mut systemd = table.get("systemd").and_then(Value::as_table).cloned();
        // The other kinds need no rights of a user.
        if let (Some(owner), true) = (&self.owner, table.contains_key("command")) {
            let systemd = systemd.get_or_insert_default().entry("User");
            systemd.or_insert(owner.name.as_str().into());
        }
        if let Some(systemd) = systemd {
            proxy.push(entry("serviceOverrides", (&Value::Table(systemd)).into()));
        }
        if self.place.moves && table.contains_key("command") && !table.contains_key("workdir") {
            proxy.push(entry("workdir", self.place.here()));
        }
        if !rest.is_empty() {
            self.settings.push(entry("proxy", Expression::Set(rest)));
        }
        if table.get("kind").and_then(Value::as_str) == Some("tailscale")
            && !table.contains_key("auth_key")
        {
            tailscale.push(entry("authKey", Expression::Null));
        }
        if !tailscale.is_empty() {
            proxy.push(entry("tailscale", Expression::Set(tailscale)));
        }
        Expression::Set(proxy)
    }

    fn hosts(&self, hosts: &Table) -> Expression {
        let hosts = hosts.iter().map(|(name, value)| {
            let keys = value.as_table().into_iter().flatten();
            let keys = keys.map(|(key, value)| {
                let value = match key.as_str() {
                    "ssh_config" | "identity" => self.place.path(value),
                    _ => value.into(),
                };
                entry(&camel(key), value)
            });
            (name.clone(), Expression::Set(keys.collect()))
        });
        Expression::Set(hosts.collect())
    }

    /// One on another host. Nothing in it is of this machine, nor of a user here.
    fn afar(&self, table: &Table) -> Expression {
        // Empty, and no option.
        let said = table.iter().filter(|(key, _)| *key != "systemd");
        let worker = said.map(|(key, value)| match (key.as_str(), value) {
            ("environment" | "worktree" | "command", value) => entry(key, value.into()),
            (_, Value::Table(_)) => entry(key, self.place.table(value)),
            (key, value) => entry(&camel(key), self.place.inner(key, value)),
        });
        Expression::Set(worker.collect())
    }

    fn worker(&mut self, name: &str, table: &Table) -> Expression {
        if on(table).as_ref().unwrap_or(&self.usually_on) != &On::Local {
            return self.afar(table);
        }
        let mut worker = Vec::new();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("worktree", Value::Table(table)) => {
                    worker.push(entry(key, self.place.worktree(table)));
                }
                ("workdir" | "worktree", value) => worker.push(entry(key, self.place.path(value))),
                ("secrets", Value::Table(files)) => {
                    worker.push(entry("secrets", self.secrets_of(name, files)));
                }
                ("systemd", Value::Table(properties)) => {
                    let (user, rest): (Entries, Entries) = properties
                        .iter()
                        .map(|(name, value)| entry(name, value.into()))
                        .partition(|(name, _)| name == "User");
                    worker.extend(user.into_iter().map(|(_, user)| entry("user", user)));
                    if !rest.is_empty() {
                        worker.push(entry("serviceOverrides", Expression::Set(rest)));
                    }
                }
                ("environment", value) => worker.push(entry(key, value.into())),
                (_, Value::Table(_)) => worker.push(entry(key, self.place.table(value))),
                (key, value) => worker.push(entry(&camel(key), self.place.inner(key, value))),
            }
        }
        if let (Some(owner), false) = (&self.owner, self.defaults_name_a_user)
            && !worker.iter().any(|(name, _)| name == "user")
        {
            worker.push(entry("user", owner.name.as_str().into()));
        }
        let somewhere = ["workdir", "worktree"]
            .iter()
            .any(|key| table.contains_key(*key));
        if self.place.moves && !somewhere {
            worker.push(entry("workdir", self.place.here()));
        }
        Expression::Set(worker)
    }

    /// The names of a worker's secrets; where they are not called as its files are, by these.
    fn secrets_of(&mut self, worker: &str, files: &Table) -> Expression {
        let mut named = Vec::new();
        for (file, path) in files {
            if let Some(path) = self.place.absolute(path) {
                named.push((file.clone(), self.secrets.named(file, worker, path)));
            }
        }
        if named.iter().all(|(file, name)| file == name) {
            let names = named.into_iter().map(|(_, name)| Expression::Text(name));
            return Expression::List(names.collect());
        }
        let named = named.into_iter();
        Expression::Set(
            named
                .map(|(file, name)| (file, Expression::Text(name)))
                .collect(),
        )
    }

    /// A file by its path, or what the daemon's unit was handed under a name.
    fn credential(&mut self, value: &Value) -> Expression {
        let text = value.as_str().unwrap_or_default();
        let path = if text.contains('/') {
            self.place.absolute(value).unwrap_or_default()
        } else {
            self.warnings.push(format!(
                "secret {text} of the proxy was a credential of loopkeeper.service: say in \
                 services.loopkeeper.secrets.{text} where it comes from now"
            ));
            Path::new(check::HANDED).join(text)
        };
        let wanted = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Expression::Text(
            self.secrets
                .named(&wanted.unwrap_or_default(), "proxy", path),
        )
    }
}

/// Where a worker is by this table; the file was found good.
fn on(table: &Table) -> Option<On> {
    let text = table.get("on")?.as_str()?;
    Some(text.parse().map_or(On::Local, On::Host))
}

/// `on_phase` is `onPhase`.
fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (letter, rest) = word.split_at(word.len().min(1));
        name + &letter.to_ascii_uppercase() + rest
    })
}
