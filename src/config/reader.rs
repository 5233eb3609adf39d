//! A small typed reader over TOML's tree with places.
//!
//! Promise: it never stops at a mistake. Reading a value gives the value, or `None` after the
//! complaint was recorded; the caller goes on with something that nobody will see, because a file
//! with a complaint yields no configuration.

use std::{collections::BTreeSet, fmt::Display, ops::Range, path::Path, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    complaint::Complaint,
    environment::Environment,
    load::Sight,
    meant,
    schema::{Key, Section},
};
use crate::nearest::nearest;

/// What is gathered while a file is read.
pub(super) struct Reading<'e> {
    /// The machine.
    pub(super) env: &'e Environment,
    pub(super) sight: Sight,
    /// The file's directory, absolute.
    pub(super) base: &'e Path,
    /// In the order in which they were found.
    pub(super) complaints: Vec<Complaint>,
    /// The paths of keys that were probably meant by unknown ones: that they are not there is no
    /// mistake of its own.
    pub(super) misspelt: BTreeSet<String>,
}

impl Reading<'_> {
    /// Records a mistake at these bytes of the file.
    pub(super) fn complain(
        &mut self,
        at: &Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> &mut Complaint {
        let new = self.complaints.len();
        self.complaints
            .push(Complaint::new(Some(at.clone()), message, expected));
        &mut self.complaints[new]
    }
}

/// A value with its place and the key it belongs to.
#[derive(Clone)]
pub(super) struct Entry<'f> {
    /// For people, such as `workers.builder.command[0]`.
    pub(super) path: String,
    /// The key it belongs to.
    pub(super) key: &'static Key,
    /// What would be right: the key's word for it or, of an item, a word of its own.
    pub(super) expects: &'static str,
    /// The bytes of the value.
    pub(super) at: Range<usize>,
    value: &'f DeValue<'f>,
}

impl<'f> Entry<'f> {
    /// Records that the value is wrong: `why` reads on after the key.
    pub(super) fn wrong<'r>(
        &self,
        reading: &'r mut Reading<'_>,
        why: impl Display,
    ) -> &'r mut Complaint {
        let message = format!("`{}` {why}", self.path);
        reading.complain(&self.at, message, self.expects)
    }

    /// Records that the value is of another type than expected.
    pub(super) fn wrong_type<'r>(&self, reading: &'r mut Reading<'_>) -> &'r mut Complaint {
        let is = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.wrong(reading, format_args!("is {is}"))
    }

    /// The same, of which something else is expected.
    pub(super) fn expecting(&self, expects: &'static str) -> Self {
        Self {
            expects,
            ..self.clone()
        }
    }

    /// The value as it stands: for keys whose type another table says.
    pub(super) fn value(&self) -> &'f DeValue<'f> {
        self.value
    }

    /// The integer as it is written: for a hint.
    pub(super) fn integer(&self) -> Option<String> {
        self.value.as_integer().map(ToString::to_string)
    }

    /// The bytes of a part of a string; `None` where its text is not written as it is.
    pub(super) fn within(&self, part: Range<usize>) -> Option<Range<usize>> {
        let text = self.value.as_str()?;
        // Quotes alone: an escape is longer than what it stands for.
        (self.at.len() == text.len() + 2)
            .then(|| self.at.start + 1 + part.start..self.at.start + 1 + part.end)
    }

    /// Whether it is a string: for keys that take several types.
    pub(super) fn is_string(&self) -> bool {
        self.value.is_str()
    }

    /// Whether it is a table: for keys that take several types.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether it is an array without items.
    pub(super) fn is_empty_array(&self) -> bool {
        self.value.as_array().is_some_and(|array| array.is_empty())
    }

    /// Whether it is a table without entries.
    pub(super) fn is_empty_table(&self) -> bool {
        self.value.as_table().is_some_and(|table| table.is_empty())
    }

    /// A string that is not empty and that can be handed to the system.
    pub(super) fn string(&self, reading: &mut Reading<'_>) -> Option<&'f str> {
        let text = self.any_string(reading)?;
        if text.is_empty() {
            self.wrong(reading, "is empty");
            return None;
        }
        Some(text)
    }

    /// A string that can be handed to the system; it may be empty.
    pub(super) fn any_string(&self, reading: &mut Reading<'_>) -> Option<&'f str> {
        let Some(text) = self.value.as_str() else {
            let number = match self.value {
                DeValue::Integer(number) => Some(number.to_string()),
                DeValue::Float(number) => Some(number.to_string()),
                _ => None,
            };
            let complaint = self.wrong_type(reading);
            if let Some(number) = number {
                complaint.hint(format!("strings are written in quotes: \"{number}\""));
            }
            return None;
        };
        if text.contains('\0') {
            self.wrong(reading, "contains a NUL character");
            return None;
        }
        Some(text)
    }

    /// A string that `T` can be made of.
    pub(super) fn parsed<T>(&self, reading: &mut Reading<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.string(reading)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let message = format!("`{}`: {error}", self.path);
                reading.complain(&self.at, message, self.expects);
                None
            }
        }
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(
        &self,
        reading: &mut Reading<'_>,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.string(reading)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let near = nearest(text, words.iter().map(|(word, _)| *word));
        let complaint = self.wrong(reading, format_args!("is \"{text}\""));
        if let Some(near) = near {
            complaint.hint(format!("did you mean \"{near}\"?"));
        }
        None
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole<T>(&self, reading: &mut Reading<'_>, least: T, most: T) -> Option<T>
    where
        T: TryFrom<i128> + PartialOrd,
    {
        let DeValue::Integer(integer) = self.value else {
            self.wrong_type(reading);
            return None;
        };
        let value = i128::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|value| T::try_from(value).ok())
            .filter(|value| (&least..=&most).contains(&value));
        if value.is_none() {
            self.wrong(reading, format_args!("is {integer}"));
        }
        value
    }

    /// The items of an array, each of which is to be what `expects` says.
    pub(super) fn items(
        &self,
        expects: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<Vec<Self>> {
        let DeValue::Array(array) = self.value else {
            self.wrong_type(reading);
            return None;
        };
        let item = |(index, item): (usize, &'f Spanned<DeValue<'f>>)| Self {
            path: format!("{}[{index}]", self.path),
            key: self.key,
            expects,
            at: item.span(),
            value: item.get_ref(),
        };
        Some(array.iter().enumerate().map(item).collect())
    }
}

/// A table with its place.
pub(super) struct Table<'f> {
    /// For people, such as `workers.builder`; empty for the whole file.
    pub(super) path: String,
    /// The bytes of its header or, if it has none, of itself.
    pub(super) at: Range<usize>,
    entries: &'f DeTable<'f>,
}

impl<'f> Table<'f> {
    /// The whole file.
    pub(super) fn top(file: &'f Spanned<DeTable<'f>>) -> Self {
        Self {
            path: String::new(),
            at: 0..0,
            entries: file.get_ref(),
        }
    }

    /// The entry as a table of any keys.
    pub(super) fn open(entry: &Entry<'f>, reading: &mut Reading<'_>) -> Option<Self> {
        let DeValue::Table(entries) = entry.value else {
            entry.wrong_type(reading);
            return None;
        };
        Some(Self {
            path: entry.path.clone(),
            at: entry.at.clone(),
            entries,
        })
    }

    /// Complains about each key that the section does not have; `elsewhere` may know one.
    pub(super) fn only(
        &self,
        section: &Section,
        reading: &mut Reading<'_>,
        elsewhere: impl Fn(&str) -> Option<String>,
    ) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if section.keys().any(|known| known.name == name) {
                continue;
            }
            let known = || section.keys().map(|known| known.name);
            let places = meant::places(section, &self.path, name);
            let hint = if let Some(hint) = elsewhere(name) {
                hint
            } else if !places.is_empty() {
                let paths = places.iter().map(|place| format!("{place}.{name}"));
                reading.misspelt.extend(paths);
                let places: Vec<_> = places.iter().map(|place| format!("`{place}`")).collect();
                format!("it belongs in {}", places.join(" or "))
            } else if let Some(words) = meant::not_yet(name) {
                words.to_owned()
            } else if let Some(near) = meant::key(name, &known().collect::<Vec<_>>()) {
                reading.misspelt.insert(self.path_of(near));
                format!("did you mean `{near}`?")
            } else {
                format!("the keys are {}", known().collect::<Vec<_>>().join(", "))
            };
            let place = match self.path.as_str() {
                "" => "at the top of the file".to_owned(),
                path => format!("in `{path}`"),
            };
            reading
                .complain(
                    &key.span(),
                    format!("key `{name}` is unknown {place}"),
                    "a key of this table",
                )
                .hint(hint);
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static Key) -> Option<Entry<'f>> {
        self.entries.get(key.name).map(|value| Entry {
            path: self.path_of(key.name),
            key,
            expects: key.expects,
            at: value.span(),
            value: value.get_ref(),
        })
    }

    /// The value of a key that has to be there; [`Table::only`] was called before.
    pub(super) fn need(&self, key: &'static Key, reading: &mut Reading<'_>) -> Option<Entry<'f>> {
        let found = self.get(key);
        if found.is_none() && !reading.misspelt.contains(&self.path_of(key.name)) {
            reading.complain(
                &self.at,
                format!("key `{}` is missing in `{}`", key.name, self.path),
                format!("`{}`, {}", key.name, key.expects),
            );
        }
        found
    }

    /// Whether a key is not there because its name is misspelt, which was told; [`Table::only`] was called
    /// before.
    pub(super) fn misses(&self, key: &'static Key, reading: &Reading<'_>) -> bool {
        reading.misspelt.contains(&self.path_of(key.name))
    }

    /// Every entry of a table whose keys are names of the operator's choice.
    pub(super) fn named(
        &self,
        key: &'static Key,
        expects: &'static str,
    ) -> impl Iterator<Item = (Spanned<&'f str>, Entry<'f>)> {
        self.entries.iter().map(move |(name, value)| {
            let text: &str = name.get_ref();
            let entry = Entry {
                path: self.path_of(text),
                key,
                expects,
                at: value.span(),
                value: value.get_ref(),
            };
            (Spanned::new(name.span(), text), entry)
        })
    }

    fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}
