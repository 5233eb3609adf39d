//! `systemd = { … }`: what the service manager is told of a worker's service.

use std::ops::Range;

use toml::de::DeValue;

use crate::{
    config::reader::{Entry, Reading, Table},
    nearest::nearest,
    systemd::property::{PROPERTIES, Property, Setting, Settings, Written},
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
        match read(property, &value) {
            Ok(setting) => drop(settings.insert(property.name, setting)),
            Err(index) => {
                let (path, at, wrong) = wrong(&value, index);
                let message = format!("`{path}` {}", is(wrong));
                let complaint = reading.complain(&at, message, property.expected().to_string());
                let near = wrong.as_str().map(|word| word.trim_start_matches('~'));
                let known = property.words().iter().copied();
                let near = near
                    .and_then(|word| nearest(word, known))
                    .map(str::to_owned);
                if let Some(near) = near.or_else(|| property.meant(written(wrong)?)) {
                    complaint.hint(format!("did you mean \"{near}\"?"));
                }
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

/// The property, or which item of an array is the first that it cannot have; `None` when it is all of it.
fn read(property: &Property, value: &Entry<'_>) -> Result<Setting, Option<usize>> {
    let value = value.value();
    let Some(array) = value.as_array().filter(|_| property.is_list()) else {
        let setting = written(value).and_then(|written| property.read(written).ok());
        return setting.ok_or(None);
    };
    let mut texts = Vec::new();
    for (index, item) in array.iter().enumerate() {
        let text = item.get_ref().as_str().ok_or(Some(index))?;
        texts.push(text.to_owned());
        if property.read(Written::List(&texts)).is_err() {
            return Err(Some(index));
        }
    }
    property.read(Written::List(&texts)).map_err(|_| None)
}

fn written<'a>(value: &'a DeValue<'_>) -> Option<Written<'a>> {
    match value {
        DeValue::Boolean(value) => Some(Written::Boolean(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Written::Integer),
        DeValue::String(text) => Some(Written::Text(text)),
        DeValue::Array(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// What is wrong, the value or one item of it: how it is called, where it is, and itself.
fn wrong<'f>(value: &Entry<'f>, index: Option<usize>) -> (String, Range<usize>, &'f DeValue<'f>) {
    let item = index.and_then(|index| value.value().as_array()?.get(index));
    match (index, item) {
        (Some(index), Some(item)) => (
            format!("{}[{index}]", value.path),
            item.span(),
            item.get_ref(),
        ),
        _ => (value.path.clone(), value.at.clone(), value.value()),
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
        DeValue::Array(array) if array.is_empty() => "is empty".to_owned(),
        DeValue::Array(_) => "is an array".to_owned(),
        DeValue::Table(_) => "is a table".to_owned(),
    }
}
