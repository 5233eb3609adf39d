//! `systemd = { … }`: what the service manager is told of a worker's service.

use toml::de::DeValue;

use crate::{
    config::{
        meant::nearest,
        reader::{Entry, Reading, Table},
    },
    systemd::property::{PROPERTIES, Property, Settings, Written},
};

/// Properties that are said in words of ours, for they are how a worker is supervised.
const OTHERWISE: &[(&str, &str)] = &[
    ("DynamicUser", "name a user that exists, as User"),
    ("Environment", "write `environment` in the worker"),
    ("EnvironmentFile", "write `environment` in the worker"),
    ("ExecStart", "write `command` in the worker"),
    ("KillSignal", "write `stop` in the worker"),
    ("Restart", "write `restart` in the worker"),
    ("RestartSec", "write `backoff` in the worker"),
    ("StartLimitBurst", "write `budget` in the worker"),
    ("TimeoutStopSec", "write `stop` in the worker"),
    ("WorkingDirectory", "write `workdir` in the worker"),
];

/// The properties of a table.
pub(super) fn settings(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<Settings> {
    let table = Table::open(entry, reading)?;
    let mut settings = Settings::new();
    for (name, value) in table.named(entry.key, "a value") {
        let text = *name.get_ref();
        let Some(property) = Property::named(text) else {
            let message = format!("property `{text}` cannot be set in `{}`", entry.path);
            reading
                .complain(&name.span(), message, "a property of a worker's service")
                .hint(hint(text));
            continue;
        };
        let list = list(value.value());
        let read = match written(value.value(), list.as_deref()) {
            Some(written) => property.read(written),
            None => Err(property.expected()),
        };
        match read {
            Ok(setting) => drop(settings.insert(property.name, setting)),
            Err(expected) => {
                let message = format!("`{}` {}", value.path, is(value.value()));
                reading.complain(&value.at, message, expected.to_string());
            }
        }
    }
    Some(settings)
}

fn hint(name: &str) -> String {
    if let Some((_, words)) = OTHERWISE.iter().find(|(other, _)| *other == name) {
        return (*words).to_owned();
    }
    match nearest(name, PROPERTIES.iter().map(|property| property.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "loopkeeper.toml(5) lists those that can".to_owned(),
    }
}

/// The texts of an array that has nothing else.
fn list(value: &DeValue<'_>) -> Option<Vec<String>> {
    let items = value.as_array()?.iter();
    items
        .map(|item| item.get_ref().as_str().map(str::to_owned))
        .collect()
}

fn written<'a>(value: &'a DeValue<'_>, list: Option<&'a [String]>) -> Option<Written<'a>> {
    match value {
        DeValue::Boolean(value) => Some(Written::Boolean(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Written::Integer),
        DeValue::String(text) => Some(Written::Text(text)),
        DeValue::Array(_) => list.map(Written::List),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Reads on after the key.
fn is(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("is \"{text}\""),
        DeValue::Integer(number) => format!("is {number}"),
        DeValue::Float(number) => format!("is {number}"),
        DeValue::Boolean(value) => format!("is {value}"),
        DeValue::Datetime(_) => "is a date or time".to_owned(),
        DeValue::Array(_) => "is an array with something else in it".to_owned(),
        DeValue::Table(_) => "is a table".to_owned(),
    }
}
