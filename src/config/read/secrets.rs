//! `secrets`, `environment_from` and `on_secret_change` of a worker.

use std::{collections::BTreeMap, path::PathBuf};

use toml::de::DeTable;

use super::{machine, values};
use crate::{
    config::{
        OnSecretChange, Secrets,
        reader::{Entry, Reading, Table},
        schema::{rules, worker},
    },
    nearest::nearest,
};

/// What a worker is handed, beside the variables that it is told in the open.
pub(super) fn secrets(table: &Table<'_>, reading: &mut Reading<'_>) -> Secrets {
    let files = table.get(worker::SECRETS);
    let files = files.and_then(|entry| files_of(&entry, reading));
    let files = files.unwrap_or_default();
    let mut variables = BTreeMap::new();
    if let Some(entry) = table.get(worker::ENVIRONMENT_FROM) {
        let items = entry.items("the name of one of the worker's secrets", reading);
        let own = table.get(rules::ENVIRONMENT);
        let own = own.and_then(|entry| entry.value().as_table());
        for item in items.unwrap_or_default() {
            if let Some((variable, secret)) = variable(&item, &files, own, reading)
                && let Some(other) = variables.insert(variable.clone(), secret.clone())
                && other != secret
            {
                item.wrong(
                    reading,
                    format_args!("is \"{secret}\", which is ${variable} as \"{other}\" is"),
                );
            }
        }
    }
    let on_change = table.get(worker::ON_SECRET_CHANGE);
    let on_change = on_change.and_then(|entry| on_change_of(&entry, reading));
    Secrets {
        files,
        variables,
        on_change: on_change.unwrap_or(OnSecretChange::Restart),
    }
}

fn files_of(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<BTreeMap<String, PathBuf>> {
    let table = Table::open(entry, reading)?;
    let mut files = BTreeMap::new();
    for (name, path) in table.named(entry.key, "the path of a file") {
        let text = *name.get_ref();
        if !is_name(text) {
            reading.complain(
                &name.span(),
                format!("secret name `{text}` is not valid"),
                "1 to 64 letters, digits, '.', '_' and '-', not beginning with '.'",
            );
        }
        // That it is not there yet is no mistake: who makes it may be later than we are.
        if let Some(path) = machine::path(&path, reading) {
            files.insert(text.to_owned(), path);
        }
    }
    Some(files)
}

/// It is the name of a file.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The variable that a secret is, and the secret; `own` is what else the worker itself has.
fn variable(
    item: &Entry<'_>,
    files: &BTreeMap<String, PathBuf>,
    own: Option<&DeTable<'_>>,
    reading: &mut Reading<'_>,
) -> Option<(String, String)> {
    let secret = item.string(reading)?;
    if !files.contains_key(secret) {
        let near = nearest(secret, files.keys().map(String::as_str));
        let complaint = item.wrong(
            reading,
            format_args!("is \"{secret}\", which is not among the worker's secrets"),
        );
        complaint.hint(near.map_or_else(
            || "name it in `secrets`, with its file".to_owned(),
            |near| format!("did you mean \"{near}\"?"),
        ));
        return None;
    }
    let letter = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    };
    let variable: String = secret.chars().map(letter).collect();
    let called = "call the secret what the variable is to be called";
    let (why, hint) = if !values::is_variable(&variable) {
        ("which is no name for a variable", called)
    } else if values::is_reserved(&variable) {
        ("which is reserved", called)
    } else if own.is_some_and(|own| own.contains_key(variable.as_str())) {
        (
            "which is in `environment` of the worker as well",
            "leave it out of one of the two, or call the secret otherwise",
        )
    } else {
        return Some((variable, secret.to_owned()));
    };
    item.wrong(
        reading,
        format_args!("is \"{secret}\", for the variable {variable}, {why}"),
    )
    .hint(hint);
    None
}

fn on_change_of(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<OnSecretChange> {
    match entry.string(reading)? {
        "restart" => Some(OnSecretChange::Restart),
        "ignore" => Some(OnSecretChange::Ignore),
        _ => entry.parsed(reading).map(OnSecretChange::Signal),
    }
}
