//! A profile as it is written: every key may be left out, and unknown ones are mistakes.

use serde::Deserialize;

use super::{ProfileError, TEXTS};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Raw {
    extends: Option<String>,
    #[serde(default)]
    replace: Vec<Patterns>,
    pub(super) programs: Option<Vec<String>>,
    pub(super) start: Option<Vec<String>>,
    pub(super) session: Option<RawSession>,
    #[serde(default)]
    pub(super) typing: RawTyping,
    #[serde(default)]
    pub(super) input: RawInput,
    pub(super) entry: Option<String>,
    pub(super) reach: Option<usize>,
    #[serde(default)]
    pub(super) question: Vec<RawPattern>,
    #[serde(default)]
    pub(super) menu: Vec<RawPattern>,
    #[serde(default)]
    pub(super) busy: Vec<RawPattern>,
    #[serde(default)]
    pub(super) limit: Vec<RawPattern>,
    #[serde(default)]
    pub(super) outage: Vec<RawPattern>,
    #[serde(default)]
    pub(super) crash: Vec<RawPattern>,
    pub(super) cost: Option<String>,
    pub(super) turns: Option<String>,
    pub(super) moving: Option<Vec<String>>,
}

/// The lists of patterns, which can be replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Patterns {
    Question,
    Menu,
    Busy,
    Limit,
    Outage,
    Crash,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSession {
    pub(super) by: By,
    #[serde(default)]
    pub(super) start: Vec<String>,
    #[serde(default)]
    pub(super) resume: Vec<String>,
    #[serde(default)]
    pub(super) shown: Vec<String>,
}

/// Who makes the id of a session.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
    Nobody,
    Chosen,
    Shown,
    Kept,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawTyping {
    pub(super) bracketed: Option<bool>,
    pub(super) submit: Option<String>,
    pub(super) escape: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawInput {
    pub(super) line: Option<String>,
    pub(super) boxed: Option<bool>,
    pub(super) more: Option<String>,
    pub(super) placeholder: Option<Vec<String>>,
    pub(super) pasted: Option<String>,
    pub(super) below: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPattern {
    pub(super) line: String,
    #[serde(default)]
    pub(super) with: Vec<String>,
    #[serde(default)]
    pub(super) live: bool,
    #[serde(default)]
    pub(super) below: bool,
    pub(super) last: Option<bool>,
}

/// The text of a profile that is in the program.
pub(super) fn shipped(name: &str) -> Option<&'static str> {
    let (_, text) = TEXTS.iter().find(|(known, _)| *known == name)?;
    Some(text)
}

/// The file of this text, gone on from what it extends; which may have the same name.
pub(super) fn read(name: &str, text: &str) -> Result<Raw, ProfileError> {
    let raw: Raw = toml::from_str(text).map_err(|source| ProfileError::Form {
        profile: name.to_owned(),
        source,
    })?;
    let Some(base) = &raw.extends else {
        return Ok(raw);
    };
    let Some(text) = shipped(base) else {
        return Err(ProfileError::Base {
            profile: name.to_owned(),
            base: base.clone(),
        });
    };
    let base = read(base, text)?;
    Ok(raw.over(base))
}

impl Raw {
    /// This file's keys, and those of `base` where it has none.
    fn over(self, base: Self) -> Self {
        let replace = self.replace;
        let both = |which: Patterns, mut own: Vec<RawPattern>, base: Vec<RawPattern>| {
            if !replace.contains(&which) {
                own.extend(base);
            }
            own
        };
        Self {
            extends: None,
            programs: self.programs.or(base.programs),
            start: self.start.or(base.start),
            session: self.session.or(base.session),
            typing: RawTyping {
                bracketed: self.typing.bracketed.or(base.typing.bracketed),
                submit: self.typing.submit.or(base.typing.submit),
                escape: self.typing.escape.or(base.typing.escape),
            },
            input: RawInput {
                line: self.input.line.or(base.input.line),
                boxed: self.input.boxed.or(base.input.boxed),
                more: self.input.more.or(base.input.more),
                placeholder: self.input.placeholder.or(base.input.placeholder),
                pasted: self.input.pasted.or(base.input.pasted),
                below: self.input.below.or(base.input.below),
            },
            entry: self.entry.or(base.entry),
            reach: self.reach.or(base.reach),
            question: both(Patterns::Question, self.question, base.question),
            menu: both(Patterns::Menu, self.menu, base.menu),
            busy: both(Patterns::Busy, self.busy, base.busy),
            limit: both(Patterns::Limit, self.limit, base.limit),
            outage: both(Patterns::Outage, self.outage, base.outage),
            crash: both(Patterns::Crash, self.crash, base.crash),
            cost: self.cost.or(base.cost),
            turns: self.turns.or(base.turns),
            moving: self.moving.or(base.moving),
            replace: Vec::new(),
        }
    }
}
