//! What is secret, or may be: the files, each under a name of its own, and variables that everybody
//! could read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{Entries, entry, expression::Expression};

/// The files of secrets, by the names that they got.
#[derive(Default)]
pub(super) struct Secrets(BTreeMap<String, PathBuf>);

impl Secrets {
    /// The secret in this file: `wanted`, unless another one is called so.
    pub(super) fn named(&mut self, wanted: &str, of: &str, path: PathBuf) -> String {
        let mut name = wanted.to_owned();
        while self.0.get(&name).is_some_and(|other| *other != path) {
            name = format!("{of}-{name}");
        }
        self.0.insert(name.clone(), path);
        name
    }

    /// As the option has them.
    pub(super) fn options(&self) -> Entries {
        let secrets = self.0.iter().map(|(name, path)| {
            let path = Expression::Text(path.display().to_string());
            let set = vec![entry("source", "file".into()), entry("path", path)];
            entry(name, Expression::Set(set))
        });
        secrets.collect()
    }
}

/// Variables that are in the open, each with whose it is: of a file that is not for everybody all,
/// else those that are called like secrets.
pub(super) fn in_the_open(tables: &Table, private: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |of: &str, table: &Value| {
        let variables = table.get("environment").and_then(Value::as_table);
        for (variable, value) in variables.into_iter().flatten() {
            let is_path = value
                .as_str()
                .is_some_and(|text| Path::new(text).is_absolute());
            if private || (sounds_secret(variable) && !is_path) {
                found.push(format!("{variable} of {of}"));
            }
        }
    };
    for (name, table) in tables {
        match (name.as_str(), table) {
            ("workers", Value::Table(workers)) => {
                for (name, worker) in workers {
                    look(name, worker);
                }
            }
            ("defaults", table) => look("[defaults]", table),
            ("proxy", table) => look("the proxy", table),
            _ => {}
        }
    }
    found
}

fn sounds_secret(variable: &str) -> bool {
    let variable = variable.to_ascii_uppercase();
    let parts = ["TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "CREDENTIAL"];
    let ends = ["KEY", "PASS", "PASSWD", "PWD"];
    let is_part = |word: &str| variable.split('_').any(|part| part == word);
    // Where a shell is.
    variable != "PWD"
        && (parts.iter().any(|word| variable.contains(word))
            || ends.iter().any(|word| is_part(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_known_for_a_secret_by_its_name() {
        let tables: Table = r#"
[defaults.environment]
GH_TOKEN = "x"
[proxy.environment]
DbPassword = "x"
[workers.a.environment]
KEYBOARD = "de"
MONKEY = "x"
PWD = "x"
SSH_KEY = "x"
TOKEN_FILE = "/run/token"
"#
        .parse()
        .unwrap();
        let named = [
            "GH_TOKEN of [defaults]",
            "DbPassword of the proxy",
            "SSH_KEY of a",
        ];
        assert_eq!(in_the_open(&tables, false), named);
        assert_eq!(in_the_open(&tables, true).len(), 7);
    }
}
