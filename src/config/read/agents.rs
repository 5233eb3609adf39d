//! `[agents.NAME]`, and what a worker's `agent` names.
//!
//! How: each value is read into a profile as it is written, and remembered with its place. What the
//! profile's own checks then say of a key, is said at that place; of a key whose value could not even be
//! read, nothing more is.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use super::{is_name, values};
use crate::{
    agent::profile::{
        Profile, ProfileError, SHIPPED,
        raw::{By, Patterns, Raw, RawInput, RawPattern, RawSession, RawTyping},
    },
    config::{
        complaint::Complaint,
        reader::{Entry, Reading, Table},
        schema::{
            self, Key, Section, agent, agent_input, agent_session, agent_shows, agent_typing, top,
        },
    },
    nearest::nearest,
};

/// Records that this is for an agent, and its worker has none; `so` reads on after that.
pub(super) fn without_agent<'r>(
    entry: &Entry<'_>,
    reading: &'r mut Reading<'_>,
    so: &str,
) -> &'r mut Complaint {
    let complaint = entry
        .expecting("a worker with an agent")
        .wrong(reading, format_args!("is without `agent`, so {so}"));
    complaint.hint("write agent = \"generic\" for a program that is none of the others");
    complaint
}

/// The agents that a worker may name.
#[derive(Default)]
pub(super) struct Agents {
    /// Those of the file; `None` of one that is wrong.
    own: BTreeMap<String, Option<Arc<Profile>>>,
}

impl Agents {
    /// What is named by a worker's `agent`.
    pub(super) fn named(
        &self,
        entry: &Entry<'_>,
        reading: &mut Reading<'_>,
    ) -> Option<Arc<Profile>> {
        let name = entry.string(reading)?;
        if let Some(own) = self.own.get(name) {
            return own.clone();
        }
        if let Some(known) = Profile::shipped(name) {
            return Some(Arc::new(known));
        }
        let own = self.own.keys().map(String::as_str);
        let own = own.filter(|own| !SHIPPED.contains(own));
        let known: Vec<&str> = SHIPPED.into_iter().chain(own).collect();
        let near = nearest(name, known.iter().copied());
        // It may be in the table whose name is misspelt.
        if near.is_some() || !reading.misspelt.contains(top::AGENTS.name) {
            let near = near.map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
            entry
                .wrong(reading, format_args!("is \"{name}\""))
                .hint(format!("{near}there are {}", known.join(", ")));
        }
        None
    }

    /// Those of the file.
    pub(super) fn own(self) -> BTreeMap<String, Arc<Profile>> {
        let own = self.own.into_iter();
        own.filter_map(|(name, profile)| Some((name, profile?)))
            .collect()
    }
}

/// All of `[agents]`.
pub(super) fn agents(table: &Table<'_>, reading: &mut Reading<'_>) -> Agents {
    let mut agents = Agents::default();
    for (name, entry) in table.named(top::AGENTS, "a table") {
        let text = *name.get_ref();
        if !is_name(text) {
            reading.complain(
                &name.span(),
                format!("agent name `{text}` is not valid"),
                "1 to 64 letters, digits, '.', '_' and '-'",
            );
        }
        let profile = profile(text, &entry, reading);
        agents.own.insert(text.to_owned(), profile.map(Arc::new));
    }
    agents
}

fn profile(name: &str, entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<Profile> {
    let table = Table::open(entry, reading)?;
    let mut parts = Parts {
        reading,
        at: table.at.clone(),
        path: entry.path.clone(),
        read: BTreeMap::new(),
        unread: BTreeSet::new(),
    };
    let before = parts.reading.complaints.len();
    let mut raw = parts.raw(&table);
    if raw.extends.is_none() {
        raw.extends = parts.base(name).map(str::to_owned);
    }
    let profile = Profile::of(name, raw);
    if let Err(errors) = &profile {
        errors.iter().for_each(|error| parts.complain(error));
    }
    let right = reading.complaints.len() == before;
    profile.ok().filter(|_| right)
}

/// What was read of one agent.
struct Parts<'r, 'e> {
    reading: &'r mut Reading<'e>,
    /// The table as a whole.
    at: Range<usize>,
    path: String,
    /// Where the values are, and what they are to be, by their keys.
    read: BTreeMap<String, (Range<usize>, &'static str)>,
    /// Keys whose values were complained of.
    unread: BTreeSet<String>,
}

impl Parts<'_, '_> {
    fn raw(&mut self, table: &Table<'_>) -> Raw {
        self.only(table, schema::AGENT);
        let shipped = SHIPPED.map(|name| (name, name));
        let lists = [
            (agent::QUESTION.name, Patterns::Question),
            (agent::MENU.name, Patterns::Menu),
            (agent::BUSY.name, Patterns::Busy),
            (agent::LIMIT.name, Patterns::Limit),
            (agent::OUTAGE.name, Patterns::Outage),
            (agent::CRASH.name, Patterns::Crash),
        ];
        let extends = self.get(table, agent::EXTENDS, |entry, reading| {
            entry.word(reading, &shipped)
        });
        let replace = self.each(
            table,
            agent::REPLACE,
            "a list of patterns",
            |item, reading| item.word(reading, &lists),
        );
        Raw {
            extends: extends.map(str::to_owned),
            replace: replace.unwrap_or_default(),
            programs: self.get(table, agent::PROGRAMS, values::strings),
            start: self.get(table, agent::START, values::strings),
            session: self.inner(table, agent::SESSION, Self::session).flatten(),
            typing: self
                .inner(table, agent::TYPING, Self::typing)
                .unwrap_or_default(),
            input: self
                .inner(table, agent::INPUT, Self::input)
                .unwrap_or_default(),
            entry: self.get(table, agent::ENTRY, values::regex),
            reach: self.get(table, agent::REACH, |entry, reading| {
                entry.whole(reading, 1, 1000)
            }),
            question: self.patterns(table, agent::QUESTION),
            menu: self.patterns(table, agent::MENU),
            busy: self.patterns(table, agent::BUSY),
            limit: self.patterns(table, agent::LIMIT),
            outage: self.patterns(table, agent::OUTAGE),
            crash: self.patterns(table, agent::CRASH),
            cost: self.get(table, agent::COST, values::regex),
            turns: self.get(table, agent::TURNS, values::regex),
            moving: self.regexes(table, agent::MOVING),
        }
    }

    /// What an agent goes on from that says nothing of it that can be read.
    fn base<'a>(&self, name: &'a str) -> Option<&'a str> {
        let extends = format!("{}.{}", self.path, agent::EXTENDS.name);
        if self.told(&extends) {
            // It would bring all that has to be there.
            return Some("generic");
        }
        Some(name).filter(|name| SHIPPED.contains(name))
    }

    /// Whether the key with this path was complained of already.
    fn told(&self, path: &str) -> bool {
        self.unread.contains(path) || self.reading.misspelt.contains(path)
    }

    fn session(&mut self, table: &Table<'_>) -> Option<RawSession> {
        self.only(table, schema::AGENT_SESSION);
        let words = [
            ("nobody", By::Nobody),
            ("chosen", By::Chosen),
            ("shown", By::Shown),
            ("kept", By::Kept),
        ];
        let by = table.need(agent_session::BY, self.reading);
        let by = by.and_then(|entry| entry.word(self.reading, &words));
        let start = self.get(table, agent_session::START, values::strings);
        let resume = self.get(table, agent_session::RESUME, values::strings);
        let shown = self.regexes(table, agent_session::SHOWN);
        Some(RawSession {
            by: by?,
            start: start.unwrap_or_default(),
            resume: resume.unwrap_or_default(),
            shown: shown.unwrap_or_default(),
        })
    }

    fn typing(&mut self, table: &Table<'_>) -> RawTyping {
        self.only(table, schema::AGENT_TYPING);
        RawTyping {
            bracketed: self.get(table, agent_typing::BRACKETED, values::boolean),
            submit: self.get(table, agent_typing::SUBMIT, text),
            escape: self.get(table, agent_typing::ESCAPE, values::boolean),
            interrupt: self.get(table, agent_typing::INTERRUPT, text),
        }
    }

    fn input(&mut self, table: &Table<'_>) -> RawInput {
        self.only(table, schema::AGENT_INPUT);
        RawInput {
            line: self.get(table, agent_input::LINE, values::regex),
            boxed: self.get(table, agent_input::BOXED, values::boolean),
            more: self.get(table, agent_input::MORE, values::regex),
            placeholder: self.regexes(table, agent_input::PLACEHOLDER),
            pasted: self.get(table, agent_input::PASTED, values::regex),
            below: self.regexes(table, agent_input::BELOW),
        }
    }

    fn patterns(&mut self, table: &Table<'_>, key: &'static Key) -> Vec<RawPattern> {
        let items = table.get(key).and_then(|entry| {
            self.note(&entry);
            entry.items("a table such as { line = '^working' }", self.reading)
        });
        let mut patterns = Vec::new();
        for item in items.unwrap_or_default() {
            self.note(&item);
            let Some(table) = Table::open(&item, self.reading) else {
                self.unread.insert(item.path);
                patterns.push(RawPattern::default());
                continue;
            };
            self.only(&table, schema::AGENT_SHOWS);
            table.need(agent_shows::LINE, self.reading);
            let line = self.get(&table, agent_shows::LINE, values::regex);
            if line.is_none() {
                let line = agent_shows::LINE.name;
                self.unread.insert(format!("{}.{line}", item.path));
            }
            patterns.push(RawPattern {
                line: line.unwrap_or_default(),
                with: self.regexes(&table, agent_shows::WITH).unwrap_or_default(),
                live: self
                    .get(&table, agent_shows::LIVE, values::boolean)
                    .unwrap_or_default(),
                below: self
                    .get(&table, agent_shows::BELOW, values::boolean)
                    .unwrap_or_default(),
                last: self.get(&table, agent_shows::LAST, values::boolean),
                key: self.get(&table, agent_shows::KEY, text),
            });
        }
        patterns
    }

    fn regexes(&mut self, table: &Table<'_>, key: &'static Key) -> Option<Vec<String>> {
        self.each(table, key, "a regular expression", values::regex)
    }

    fn only(&mut self, table: &Table<'_>, section: &Section) {
        table.only(section, self.reading, |_| None);
    }

    /// A table in the table.
    fn inner<T>(
        &mut self,
        table: &Table<'_>,
        key: &'static Key,
        read: impl FnOnce(&mut Self, &Table<'_>) -> T,
    ) -> Option<T> {
        let entry = table.get(key)?;
        self.note(&entry);
        let inner = Table::open(&entry, self.reading);
        if inner.is_none() {
            self.unread.insert(entry.path);
        }
        inner.map(|inner| read(self, &inner))
    }

    /// A value.
    fn get<T>(
        &mut self,
        table: &Table<'_>,
        key: &'static Key,
        read: impl FnOnce(&Entry<'_>, &mut Reading<'_>) -> Option<T>,
    ) -> Option<T> {
        let entry = table.get(key)?;
        self.note(&entry);
        let value = read(&entry, self.reading);
        if value.is_none() {
            self.unread.insert(entry.path);
        }
        value
    }

    /// The values of an array. What is wrong is missing among them, and is complained of.
    fn each<T>(
        &mut self,
        table: &Table<'_>,
        key: &'static Key,
        expects: &'static str,
        mut read: impl FnMut(&Entry<'_>, &mut Reading<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let entry = table.get(key)?;
        self.note(&entry);
        let items = entry.items(expects, self.reading)?;
        let mut values = Vec::new();
        for item in items {
            self.note(&item);
            match read(&item, self.reading) {
                Some(value) => values.push(value),
                // The places of those after it would be others.
                None => _ = self.unread.insert(entry.path.clone()),
            }
        }
        Some(values)
    }

    fn note(&mut self, entry: &Entry<'_>) {
        let place = (entry.at.clone(), entry.expects);
        self.read.insert(entry.path.clone(), place);
    }

    /// Says at its place what the profile says of a key, unless that was said already.
    fn complain(&mut self, error: &ProfileError) {
        let (key, what) = match error {
            ProfileError::Value { key, what, .. } => (key, what.clone()),
            ProfileError::Expression { key, source, .. } => (key, source.to_string()),
            // It was read, and what it extends is one of those that there are.
            ProfileError::Form { .. } | ProfileError::Base { .. } => return,
        };
        let path = format!("{}.{key}", self.path);
        let above = || {
            let ends = path.match_indices(['.', '[']).map(|(end, _)| &path[..end]);
            ends.chain([path.as_str()])
        };
        if above().any(|above| self.told(above)) {
            return;
        }
        let known = above().filter_map(|above| self.read.get(above)).next_back();
        let (at, expects) = known
            .cloned()
            // Of all that an agent needs, only this has no table that is there.
            .unwrap_or((self.at.clone(), agent_input::LINE.expects));
        self.reading
            .complain(&at, format!("`{path}`: {what}"), expects)
            .hint(error.help());
    }
}

fn text(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    entry.string(reading).map(str::to_owned)
}
