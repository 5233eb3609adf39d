//! Texts with places to be filled in, such as `{{ phase }}`, in the language of Jinja.
//!
//! # Promise
//!
//! A template that [`Template::parse`] takes names nothing that nobody knows: what it names, and what it
//! is made into, was looked at then, in every branch of it. Filled in, it is the same text each time, and
//! it comes to an end.
//!
//! # How
//!
//! minijinja with an empty environment: there are the values that are handed in, [`FILTERS`], and no
//! functions and tests. What is not there is found by the words of the source (`words`), since the engine
//! looks for filters only when it comes to them.

mod words;

use std::{collections::BTreeMap, ops::Range};

use minijinja::{Environment, Error, UndefinedBehavior, filters};

use self::words::{Word, words};
use crate::nearest::nearest;

/// What a value can be made into, by a filter after `|`.
pub(super) const FILTERS: [&str; 7] = [
    "capitalize",
    "indent",
    "length",
    "lower",
    "replace",
    "trim",
    "upper",
];

/// Steps in which a template has to come to its end.
const FUEL: u64 = 100_000;

/// A text with places to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template(Source);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    Text(String),
    /// Why the file with it was not read.
    Unread(String),
}

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no: for `{% if … %}`.
    Truth(bool),
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Reads on after the key.
    pub(super) what: String,
    /// Its bytes in the template, where that is known.
    pub(super) at: Option<Range<usize>>,
    /// What helps.
    pub(super) hint: Option<String>,
}

impl Template {
    /// The template in this text, in which these values may be named; of others `elsewhere` may know why
    /// not.
    pub(super) fn parse(
        text: &str,
        known: &[&'static str],
        elsewhere: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<Flaw>> {
        let engine = engine();
        let flaws = match engine.template_from_str(text) {
            Err(error) => vec![broken(&error)],
            Ok(template) => {
                let named = template.undeclared_variables(false);
                let is_unknown = |name: &str| named.contains(name) && !known.contains(&name);
                let hint = |name: &str| {
                    elsewhere(name).unwrap_or_else(|| meant(name, known, "the names are"))
                };
                unknown(text, is_unknown, hint)
            }
        };
        match flaws.is_empty() {
            true => Ok(Self(Source::Text(text.to_owned()))),
            false => Err(flaws),
        }
    }

    /// One that nobody has looked at.
    #[cfg(test)]
    pub(crate) fn unchecked(text: &str) -> Self {
        Self(Source::Text(text.to_owned()))
    }

    /// One whose file was not read, and why.
    pub(super) fn unread(why: String) -> Self {
        Self(Source::Unread(why))
    }

    /// What it says with these values.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn fill(&self, values: &BTreeMap<&'static str, Value>) -> Result<String, String> {
        let text = match &self.0 {
            Source::Text(text) => text,
            Source::Unread(why) => return Err(why.clone()),
        };
        let values = values.iter().map(|(name, value)| {
            let value = match value {
                Value::Text(text) => minijinja::Value::from(text.as_str()),
                Value::Number(number) => minijinja::Value::from(*number),
                Value::Truth(truth) => minijinja::Value::from(*truth),
            };
            (*name, value)
        });
        engine()
            .render_str(text, minijinja::Value::from_pairs(values))
            .map_err(|error| in_words(&error))
    }
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_debug(true);
    engine.set_fuel(Some(FUEL));
    engine.add_filter("capitalize", filters::capitalize);
    engine.add_filter("indent", filters::indent);
    engine.add_filter("length", filters::length);
    engine.add_filter("lower", filters::lower);
    engine.add_filter("replace", filters::replace);
    engine.add_filter("trim", filters::trim);
    engine.add_filter("upper", filters::upper);
    engine
}

fn broken(error: &Error) -> Flaw {
    Flaw {
        what: format!("is not a template: {}", in_words(error)),
        at: error.range(),
        hint: None,
    }
}

/// The engine's words, without the name that it gives to the text.
fn in_words(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// What is named in the text and is not there, each once.
fn unknown(
    text: &str,
    is_unknown: impl Fn(&str) -> bool,
    hint: impl Fn(&str) -> String,
) -> Vec<Flaw> {
    let mut flaws: Vec<Flaw> = Vec::new();
    for (word, at) in words(text) {
        let (what, hint) = match word {
            Word::Name(name) if is_unknown(name) => {
                let what = format!("names `{name}`, which is not known there");
                (what, hint(name))
            }
            Word::Filter(name) if !FILTERS.contains(&name) => {
                let what = format!("has the filter `{name}`, which is not there");
                (what, meant(name, &FILTERS, "the filters are"))
            }
            Word::Part(name) => {
                let what = format!("has `.{name}`, and no value has parts");
                (
                    what,
                    "a value is a text, a number, or true or false".to_owned(),
                )
            }
            Word::Test(name) => {
                let what = format!("has `is {name}`, and there are no tests");
                (what, "compare with ==, or write {% if NAME %}".to_owned())
            }
            Word::Name(_) | Word::Filter(_) => continue,
        };
        if flaws.iter().all(|flaw| flaw.what != what) {
            let (at, hint) = (Some(at), Some(hint));
            flaws.push(Flaw { what, at, hint });
        }
    }
    flaws
}

fn meant(name: &str, known: &[&'static str], all: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{all} {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(text: &str) -> Vec<String> {
        let known = ["phase", "restarts"];
        let flaws = Template::parse(text, &known, |_| None)
            .err()
            .unwrap_or_default();
        let shown = flaws.into_iter().map(|Flaw { what, at, hint }| {
            let at = at.map_or("?", |at| &text[at]);
            format!("{at}: {what}; {}", hint.unwrap_or_default())
        });
        shown.collect()
    }

    fn filled(text: &str) -> String {
        let template = Template::parse(text, &["phase", "restarts", "clean"], |_| None).unwrap();
        let values = [
            ("phase", Value::Text("2b <&>".to_owned())),
            ("restarts", Value::Number(3)),
            ("clean", Value::Truth(false)),
        ];
        template.fill(&values.into()).unwrap()
    }

    #[test]
    fn what_is_named_is_filled_in_as_it_is() {
        assert_eq!(filled("in {{ phase }}, again\n"), "in 2b <&>, again");
        let text = "{% if clean %}a{% elif restarts > 2 %}{{ phase | upper }}{% endif %}\n\nb";
        assert_eq!(filled(text), "2B <&>\n\nb");
        let each =
            "{% set n = restarts + 1 %}{% for p in [phase] %}{{ loop.index }}: {{ n }}{% endfor %}";
        assert_eq!(filled(each), "1: 4");
    }

    #[test]
    fn what_is_not_there_is_found_in_every_branch() {
        assert_eq!(
            flaws("{{ phase | trim }} {{ 'phas | x' }} {# phas #} phas"),
            [""; 0]
        );
        assert_eq!(
            flaws("{% if false %}{{ phas }}{% endif %}{{ phas }}"),
            ["phas: names `phas`, which is not known there; did you mean `phase`?"]
        );
        assert_eq!(
            flaws("{% if restarts %}{{ phase|uper }}{% endif %}"),
            ["uper: has the filter `uper`, which is not there; did you mean `upper`?"]
        );
        assert_eq!(
            flaws("{{ wholly(1) }}"),
            ["wholly: names `wholly`, which is not known there; the names are phase, restarts"]
        );
        let test = "phase is defined";
        let flawed = flaws(&format!("{{{{ {test} }}}}"));
        assert!(
            flawed[0].starts_with("defined: has `is defined`"),
            "{flawed:?}"
        );
        let flawed = flaws("{{ phase.id }}");
        assert!(
            flawed[0].starts_with("id: has `.id`, and no value has parts"),
            "{flawed:?}"
        );
        assert_eq!(flaws("{% raw %}{{ phas }}{% endraw %}"), [""; 0]);
    }

    #[test]
    fn what_is_no_template_is_shown_where_it_breaks() {
        let flawed = flaws("in {{ phase");
        assert!(flawed[0].contains("is not a template: "), "{flawed:?}");
        let flawed = flaws("{% include 'x' %}");
        assert!(flawed[0].contains("is not a template: "), "{flawed:?}");
    }

    #[test]
    fn one_without_an_end_is_ended() {
        let ten = "[1,2,3,4,5,6,7,8,9,0]";
        let text: String = ('a'..='h')
            .map(|c| format!("{{% for {c} in {ten} %}}"))
            .collect();
        let text = text + &"{% endfor %}".repeat(8);
        let template = Template::parse(&text, &[], |_| None).unwrap();
        assert!(template.fill(&BTreeMap::new()).is_err());
    }
}
