//! `[hosts.NAME]`, and what `on` names.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use super::{machine, values};
use crate::{
    config::{
        Host, On,
        complaint::Complaint,
        reader::{Entry, Reading, Table},
        schema::{self, host, top},
    },
    model::HostName,
    nearest::nearest,
};

/// The machines that `on` may name.
#[derive(Default)]
pub(super) struct Hosts {
    /// By their names as they are written; `None` of one that is wrong.
    own: BTreeMap<String, Option<Host>>,
}

impl Hosts {
    /// What `on` names. One that is not declared is another machine all the same.
    pub(super) fn on(&self, entry: &Entry<'_>, reading: &mut Reading<'_>) -> On {
        let Some(text) = entry.string(reading) else {
            return On::Local;
        };
        if text == HostName::LOCAL {
            return On::Local;
        }
        if text == HostName::AUTO {
            entry
                .wrong(reading, "is \"auto\", and placement by it is not there yet")
                .hint("name a host");
            return On::Local;
        }
        let Some(name) = entry.parsed(reading) else {
            return On::Local;
        };
        if !self.own.contains_key(text) {
            self.unknown(text, entry, reading);
        }
        On::Host(name)
    }

    fn unknown(&self, text: &str, entry: &Entry<'_>, reading: &mut Reading<'_>) {
        let known = || {
            [HostName::LOCAL]
                .into_iter()
                .chain(self.own.keys().map(String::as_str))
        };
        let near = nearest(text, known());
        // It may be in the table whose name is misspelt.
        if near.is_none() && reading.misspelt.contains(top::HOSTS.name) {
            return;
        }
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if self.own.is_empty() => format!("declare it: [hosts.{text}]"),
            None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        };
        entry
            .wrong(
                reading,
                format_args!("is \"{text}\", which is not declared"),
            )
            .hint(hint);
    }

    /// What is added to the environment of each worker there.
    pub(super) fn environment(&self, on: &On) -> BTreeMap<String, String> {
        let host = on.host().and_then(|name| self.own.get(name.as_str()));
        let host = host.and_then(Option::as_ref);
        host.map(|host| host.environment.clone())
            .unwrap_or_default()
    }

    /// All that are right.
    pub(super) fn own(self) -> BTreeMap<HostName, Host> {
        let own = self.own.into_values().flatten();
        own.map(|host| (host.name.clone(), host)).collect()
    }
}

/// All of `[hosts]`.
pub(super) fn hosts(table: &Table<'_>, has_proxy: bool, reading: &mut Reading<'_>) -> Hosts {
    let mut hosts = Hosts::default();
    for (name, entry) in table.named(top::HOSTS, "a table") {
        let text = *name.get_ref();
        let parsed = text.parse::<HostName>();
        if let Err(error) = &parsed {
            reading.complain(
                &name.span(),
                format!("host name `{text}`: {error}"),
                "1 to 64 letters, digits, '.', '_' and '-'",
            );
        }
        let host = host(&entry, has_proxy, reading);
        let named = parsed.ok().zip(host).map(|(name, host)| host(name));
        hosts.own.insert(text.to_owned(), named);
    }
    hosts
}

/// A host without its name. Everything of it is looked at, whatever else of it is wrong.
fn host(
    entry: &Entry<'_>,
    has_proxy: bool,
    reading: &mut Reading<'_>,
) -> Option<impl FnOnce(HostName) -> Host + use<>> {
    let table = Table::open(entry, reading)?;
    table.only(schema::HOST, reading, |_| None);
    let ssh = table.need(host::SSH, reading);
    let ssh = ssh.and_then(|entry| entry.parsed(reading));
    let mut file = |key| {
        let entry = table.get(key)?;
        machine::path(&entry, reading)
    };
    let ssh_config = file(host::SSH_CONFIG);
    let identity = file(host::IDENTITY);
    let path = match table.get(host::PATH) {
        Some(entry) => there(&entry, reading),
        None => Some(Host::PATH.to_owned()),
    };
    let environment = table
        .get(host::ENVIRONMENT)
        .and_then(|entry| values::environment(&entry, reading));
    let proxy = table.get(host::PROXY).map(|entry| {
        let proxy = values::boolean(&entry, reading).unwrap_or_default();
        if proxy && !has_proxy {
            entry
                .wrong(reading, "needs a proxy, and there is none")
                .hint("add a [proxy] table; it may be empty");
        }
        proxy
    });
    let (ssh, path) = ssh.zip(path)?;
    Some(move |name| Host {
        name,
        ssh,
        ssh_config,
        identity,
        path,
        environment: environment.unwrap_or_default(),
        proxy: proxy.unwrap_or_default(),
    })
}

/// A path on another machine: absolute, or relative to the home directory there, which is `.`. It is
/// written in one way, so that two that are the same can be told.
pub(super) fn there(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = entry.string(reading)?;
    if text.chars().any(char::is_control) {
        entry.wrong(reading, "contains a control character");
        return None;
    }
    if text.starts_with('~') {
        let hint = match text.strip_prefix("~/").unwrap_or_default() {
            "" => "a relative path begins at the home directory there, which is \".\"".to_owned(),
            below => format!("a relative path begins at the home directory there: \"{below}\""),
        };
        home_is_unknown(entry, text, reading).hint(hint);
        return None;
    }
    let path = Path::new(text);
    if path.components().any(|part| part == Component::ParentDir) {
        entry.wrong(
            reading,
            format_args!("is \"{text}\", and .. may lead elsewhere there"),
        );
        return None;
    }
    let parts: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    // It was UTF-8, and so are its parts.
    let text = parts.to_str().filter(|text| !text.is_empty());
    Some(text.unwrap_or(".").to_owned())
}

/// Complains about what begins with `~`, as only a shell there could tell what it is.
pub(super) fn home_is_unknown<'r>(
    entry: &Entry<'_>,
    text: &str,
    reading: &'r mut Reading<'_>,
) -> &'r mut Complaint {
    entry.wrong(
        reading,
        format_args!("is \"{text}\", and what ~ is on another host is not known here"),
    )
}
