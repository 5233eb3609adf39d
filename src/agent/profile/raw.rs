//! A profile as it is written: every key may be left out, and unknown ones are mistakes.

use serde::Deserialize;

use super::{ProfileError, TEXTS};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Raw {
    pub(crate) extends: Option<String>,
    #[serde(default)]
    pub(crate) replace: Vec<Patterns>,
    pub(crate) programs: Option<Vec<String>>,
    pub(crate) start: Option<Vec<String>>,
    pub(crate) session: Option<RawSession>,
    #[serde(default)]
    pub(crate) typing: RawTyping,
    #[serde(default)]
    pub(crate) input: RawInput,
    pub(crate) entry: Option<String>,
    pub(crate) reach: Option<usize>,
    #[serde(default)]
    pub(crate) question: Vec<RawPattern>,
    #[serde(default)]
    pub(crate) menu: Vec<RawPattern>,
    #[serde(default)]
    pub(crate) busy: Vec<RawPattern>,
    #[serde(default)]
    pub(crate) limit: Vec<RawPattern>,
    #[serde(default)]
    pub(crate) outage: Vec<RawPattern>,
    #[serde(default)]
    pub(crate) crash: Vec<RawPattern>,
    pub(crate) cost: Option<String>,
    pub(crate) turns: Option<String>,
    pub(crate) moving: Option<Vec<String>>,
}

/// The lists of patterns, which can be replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Patterns {
    Question,
    Menu,
    Busy,
    Limit,
    Outage,
    Crash,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawSession {
    pub(crate) by: By,
    #[serde(default)]
    pub(crate) start: Vec<String>,
    #[serde(default)]
    pub(crate) resume: Vec<String>,
    #[serde(default)]
    pub(crate) shown: Vec<String>,
}

/// Who makes the id of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    Nobody,
    Chosen,
    Shown,
    Kept,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawTyping {
    pub(crate) bracketed: Option<bool>,
    pub(crate) submit: Option<String>,
    pub(crate) escape: Option<bool>,
    pub(crate) interrupt: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawInput {
    pub(crate) line: Option<String>,
    pub(crate) boxed: Option<bool>,
    pub(crate) more: Option<String>,
    pub(crate) placeholder: Option<Vec<String>>,
    pub(crate) pasted: Option<String>,
    pub(crate) below: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawPattern {
    pub(crate) line: String,
    #[serde(default)]
    pub(crate) with: Vec<String>,
    #[serde(default)]
    pub(crate) live: bool,
    #[serde(default)]
    pub(crate) below: bool,
    pub(crate) last: Option<bool>,
    pub(crate) key: Option<String>,
}

/// The text of a profile that is in the program.
pub(super) fn shipped(name: &str) -> Option<&'static str> {
    let (_, text) = TEXTS.iter().find(|(known, _)| *known == name)?;
    Some(text)
}

/// What this text says.
pub(super) fn read(name: &str, text: &str) -> Result<Raw, ProfileError> {
    toml::from_str(text).map_err(|source| ProfileError::Form {
        profile: name.to_owned(),
        source,
    })
}

impl Raw {
    /// Gone on from what it extends, which may have the same name.
    pub(super) fn whole(self, name: &str) -> Result<Self, ProfileError> {
        let Some(base) = &self.extends else {
            return Ok(self);
        };
        let Some(text) = shipped(base) else {
            return Err(ProfileError::Base {
                profile: name.to_owned(),
                base: base.clone(),
            });
        };
        let base = read(base, text)?.whole(base)?;
        Ok(self.over(base))
    }

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
                interrupt: self.typing.interrupt.or(base.typing.interrupt),
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
