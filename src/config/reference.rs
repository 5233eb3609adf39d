//! The reference of the file, for people: each key once, at the table where it is first met.

use super::schema::{Key, SECTIONS, Section, rules};
use crate::systemd::property::PROPERTIES;

/// A table as it is explained.
#[derive(Debug)]
pub struct Table {
    /// The table.
    pub section: &'static Section,
    /// Its keys that are not explained yet and are no tables of their own.
    pub keys: Vec<&'static Key>,
    /// Its keys that are explained elsewhere, by the table where they are.
    pub elsewhere: Vec<(&'static str, Vec<&'static str>)>,
    /// What holds without it, where it is itself a key of the table above.
    pub default: Option<&'static str>,
}

impl Table {
    /// As its header is written.
    pub fn header(&self) -> String {
        match self.section.name {
            list @ ("plan.phases" | "agents.NAME.busy") => format!("[[{list}]]"),
            name => format!("[{name}]"),
        }
    }

    /// What it is for, in full sentences.
    pub fn about(&self) -> String {
        let mut about = self.section.about.to_owned();
        if let Some(default) = self.default {
            about.push_str(&format!(" Without it: {default}."));
        }
        for (table, keys) in &self.elsewhere {
            about.push_str(&format!(" Also: {}, as in [{table}].", keys.join(", ")));
        }
        about
    }
}

/// All tables, in the order of the file.
pub fn reference() -> Vec<Table> {
    let is_table = |section: &Section, key: &Key| {
        let path = format!("{}.{}", section.name, key.name);
        SECTIONS.iter().any(|one| one.name == path)
    };
    let mut tables: Vec<Table> = Vec::new();
    for section in SECTIONS.iter().filter(|section| !section.name.is_empty()) {
        let mut table = Table {
            section,
            keys: Vec::new(),
            elsewhere: Vec::new(),
            default: default_of(section.name),
        };
        for key in section.keys().filter(|key| !is_table(section, key)) {
            let known = tables.iter().find(|table| table.keys.contains(&key));
            match (known.map(|table| table.section.name), &mut table.elsewhere) {
                (None, _) => table.keys.push(key),
                (Some(place), _) if place == section.name => {}
                (Some(place), list) => match list.iter_mut().find(|(name, _)| *name == place) {
                    Some((_, keys)) => keys.push(key.name),
                    None => list.push((place, vec![key.name])),
                },
            }
        }
        tables.push(table);
    }
    tables
}

/// What holds without the table of that name; nothing where its own keys say it.
fn default_of(name: &str) -> Option<&'static str> {
    let (above, name) = name.rsplit_once('.')?;
    let mut above = SECTIONS.iter().filter(|section| section.name == above);
    let key = above.find_map(|section| section.keys().find(|key| key.name == name))?;
    Some(key.default).filter(|default| !matches!(*default, "as below" | "[]"))
}

/// What holds for the whole file.
pub const HEAD: &str = "\
The configuration of a rig. Each key is here with its default or, where it has none, with a value as \
an example; what is left out, or stays a comment, has its default. Relative paths begin at the \
directory of this file, ~/ is the home directory. Durations are written \"30s\", \"5m\" or \"1h 30m\", \
sizes \"64KiB\" or \"16MiB\". `supervisorctl check FILE` says every mistake.";

/// A configuration of nothing but comments: `# words`, and `#key = value`, which is TOML as soon as
/// its `#` is taken away.
pub fn commented() -> String {
    let mut text = comment(HEAD);
    let mut header = String::new();
    for table in reference() {
        text.push('\n');
        text.push_str(&comment(&table.about()));
        // The kinds of the proxy are one table.
        if table.header() != header {
            header = table.header();
            text.push_str(&format!("#{header}\n"));
        }
        for key in &table.keys {
            text.push('\n');
            text.push_str(&comment(key.about));
            for (names, value) in properties(key) {
                text.push_str(&item(&format!("{}: {value}", names.join(", "))));
            }
            text.push_str(&comment(&value(key)));
            text.push_str(&format!("#{} = {}\n", key.name, key.example));
        }
    }
    text
}

/// What a table of properties may have, for the key that is one: the names of those that are set alike,
/// and to what.
pub fn properties(key: &Key) -> Vec<(Vec<&'static str>, String)> {
    let mut kinds: Vec<(Vec<&str>, String)> = Vec::new();
    for property in PROPERTIES.iter().filter(|_| key == rules::SYSTEMD) {
        let expected = property.expected().to_string();
        match kinds.iter_mut().find(|(_, kind)| *kind == expected) {
            Some((names, _)) => names.push(property.name),
            None => kinds.push((vec![property.name], expected)),
        }
    }
    kinds
}

/// What the key's value is, and what it is by default.
pub fn value(key: &Key) -> String {
    match key.default {
        "required" => format!("Required: {}.", key.expects),
        default => format!("Value: {}. Default: {default}.", key.expects),
    }
}

fn comment(words: &str) -> String {
    filled(words, "# ", "# ")
}

/// Of a list.
fn item(words: &str) -> String {
    filled(words, "#  - ", "#    ")
}

fn filled(words: &str, first: &str, rest: &str) -> String {
    let options = textwrap::Options::new(100)
        .initial_indent(first)
        .subsequent_indent(rest);
    textwrap::fill(words, options) + "\n"
}
