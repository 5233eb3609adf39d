//! Values of a configuration in the one form that an option takes.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use jiff::SignedDuration;
use toml::{Table, Value};

use super::expression::Expression;
use crate::{config::Origin, model::Signal};

/// Where the file lay: relative paths began there.
pub(super) struct Place {
    pub(super) base: PathBuf,
    pub(super) home: Option<PathBuf>,
    /// That is another directory than on NixOS.
    pub(super) moves: bool,
}

impl Place {
    /// The file's directory.
    pub(super) fn here(&self) -> Expression {
        Expression::Text(self.base.display().to_string())
    }

    /// A path, whole.
    pub(super) fn absolute(&self, value: &Value) -> Option<PathBuf> {
        let text = value.as_str()?;
        let joined = match (text.strip_prefix("~/"), &self.home) {
            (Some(below), Some(home)) => home.join(below),
            _ => self.base.join(text),
        };
        std::path::absolute(joined).ok()
    }

    pub(super) fn path(&self, value: &Value) -> Expression {
        match self.absolute(value) {
            Some(path) => Expression::Text(path.display().to_string()),
            None => value.into(),
        }
    }

    /// A worktree with its repository, of which both may be paths.
    pub(super) fn worktree(&self, table: &Table) -> Expression {
        let entries = table.iter().map(|(key, value)| {
            let is_url = value.as_str().is_some_and(Origin::is_url);
            let value = match key.as_str() {
                "path" => self.path(value),
                "repo" if !is_url => self.path(value),
                _ => value.into(),
            };
            (key.clone(), value)
        });
        Expression::Set(entries.collect())
    }

    /// A command that ran in the file's directory, and still does.
    pub(super) fn command(&self, value: &Value) -> Expression {
        if !self.moves {
            return value.into();
        }
        let mut words = vec![
            Expression::from("env"),
            Expression::Text(format!("--chdir={}", self.base.display())),
        ];
        match value {
            Value::Array(items) => {
                let program = items.first().and_then(Value::as_str).unwrap_or_default();
                // A program with a / is looked for from where the daemon says, not from there.
                let found = program.contains('/') && !Path::new(program).is_absolute();
                let first = items.iter().take(1).map(|item| match found {
                    true => self.path(item),
                    false => item.into(),
                });
                words.extend(first);
                words.extend(items.iter().skip(1).map(Expression::from));
            }
            script => words.extend(["/bin/sh".into(), "-c".into(), script.into()]),
        }
        Expression::List(words)
    }

    /// A command that is looked for and run where its options say; in whose home, is known only here.
    fn program(&self, value: &Value) -> Expression {
        let words = value.as_array().map(|items| {
            let words = items.iter().enumerate().map(|(index, item)| {
                let at_home = item.as_str().is_some_and(|word| word.starts_with("~/"));
                match index == 0 && at_home {
                    true => self.path(item),
                    false => item.into(),
                }
            });
            words.collect()
        });
        words.map_or_else(|| value.into(), Expression::List)
    }

    /// A table inside of a worker, such as `backoff`.
    pub(super) fn table(&self, value: &Value) -> Expression {
        let entries = value.as_table().into_iter().flatten();
        Expression::Set(
            entries
                .map(|(key, value)| match value {
                    Value::Table(_) => (key.clone(), self.table(value)),
                    value => (key.clone(), self.inner(key, value)),
                })
                .collect(),
        )
    }

    /// What is called `key`: a duration, a size and a signal can be written in several ways.
    pub(super) fn inner(&self, key: &str, value: &Value) -> Expression {
        let text = value.as_str().unwrap_or_default();
        let written = match key {
            "file" | "heartbeat" => return self.path(value),
            "command" => return self.program(value),
            "first" | "most" | "healthy" | "window" | "grace" | "every" | "slow" | "stuck"
            | "timeout" | "time" | "margin" | "again" | "idle" | "handshake" | "connect"
            | "drain" | "quiesce" => text.parse().ok().map(duration),
            "keep_output" => text.parse().ok().and_then(size),
            "signal" | "on_secret_change" => text.parse().ok().map(|one: Signal| one.to_string()),
            _ => None,
        };
        written.map_or_else(|| value.into(), Expression::Text)
    }
}

/// "1h 30m".
fn duration(value: SignedDuration) -> String {
    let all = u64::try_from(value.as_millis()).unwrap_or(0);
    let parts = [
        (all / 3_600_000, "h"),
        (all / 60_000 % 60, "m"),
        (all / 1000 % 60, "s"),
        (all % 1000, "ms"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    match words.as_slice() {
        [] => "0s".to_owned(),
        words => words.join(" "),
    }
}

/// "16MiB"; of what is no whole number of KiB, the next below.
fn size(value: ByteSize) -> Option<String> {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB")];
    let whole = units
        .iter()
        .find(|(unit, _)| value.as_u64().is_multiple_of(*unit));
    Some(match whole {
        Some((unit, name)) => format!("{}{name}", value.as_u64() / unit),
        None => format!("{}KiB", value.as_u64() / 1024),
    })
}
