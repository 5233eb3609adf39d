//! A checked profile out of a written one.

use regex::{Regex, RegexSet};

use super::{
    InputLine, Pattern, Profile, ProfileError, Session, Typing,
    raw::{By, Raw, RawPattern, RawSession},
    session::PLACE,
};

/// How many lines above the input line are looked at, where the profile says nothing.
const REACH: usize = 16;

pub(super) fn profile(name: &str, raw: Raw) -> Result<Profile, ProfileError> {
    let of = Of { profile: name };
    let line = of.need(
        "input.line",
        raw.input.line,
        "a regular expression with (?P<typed>.*)",
    )?;
    let line = of.capturing("input.line", &line, "typed")?;
    let session = match raw.session {
        Some(session) => of.session(session)?,
        None => Session::None,
    };
    Ok(Profile {
        name: name.to_owned(),
        programs: raw.programs.unwrap_or_default(),
        start: raw.start.unwrap_or_default(),
        session,
        typing: Typing {
            bracketed: raw.typing.bracketed.unwrap_or(true),
            submit: of.key(raw.typing.submit)?,
            escape: raw.typing.escape.unwrap_or(false),
        },
        input: InputLine {
            line,
            boxed: raw.input.boxed.unwrap_or(false),
            more: raw
                .input
                .more
                .map(|more| of.regex("input.more", &more))
                .transpose()?,
            placeholder: of.set("input.placeholder", raw.input.placeholder)?,
            pasted: raw
                .input
                .pasted
                .map(|pasted| of.regex("input.pasted", &pasted))
                .transpose()?,
            below: of.set("input.below", raw.input.below)?,
        },
        entry: raw
            .entry
            .map(|entry| of.regex("entry", &entry))
            .transpose()?,
        reach: raw.reach.unwrap_or(REACH),
        question: of.patterns("question", raw.question, false)?,
        menu: of.patterns("menu", raw.menu, false)?,
        busy: of.patterns("busy", raw.busy, false)?,
        limit: of.patterns("limit", raw.limit, true)?,
        outage: of.patterns("outage", raw.outage, true)?,
        crash: of.patterns("crash", raw.crash, true)?,
        cost: of.optional("cost", raw.cost)?,
        turns: of.optional("turns", raw.turns)?,
        moving: of.set("moving", raw.moving)?,
    })
}

/// Checks of one profile.
struct Of<'a> {
    profile: &'a str,
}

impl Of<'_> {
    fn wrong(&self, key: &str, what: impl Into<String>, help: impl Into<String>) -> ProfileError {
        ProfileError::Value {
            profile: self.profile.to_owned(),
            key: key.to_owned(),
            what: what.into(),
            help: help.into(),
        }
    }

    fn need<T>(&self, key: &str, value: Option<T>, what: &str) -> Result<T, ProfileError> {
        value.ok_or_else(|| {
            let help = format!("it is {what}; extends = \"generic\" brings a usual one");
            self.wrong(key, "missing", help)
        })
    }

    fn regex(&self, key: &str, expression: &str) -> Result<Regex, ProfileError> {
        let regex = Regex::new(expression).map_err(|source| ProfileError::Expression {
            profile: self.profile.to_owned(),
            key: key.to_owned(),
            source,
        })?;
        // It would be true of every screen.
        if regex.is_match("") {
            let what = format!("'{expression}' matches where nothing is written");
            return Err(self.wrong(key, what, "begin it with ^ and what the line begins with"));
        }
        Ok(regex)
    }

    fn capturing(&self, key: &str, expression: &str, name: &str) -> Result<Regex, ProfileError> {
        let regex = self.regex(key, expression)?;
        if regex.capture_names().flatten().any(|known| known == name) {
            return Ok(regex);
        }
        let help = format!("put (?P<{name}>…) around what is to be taken from the line");
        Err(self.wrong(key, format!("has no capture {name}"), help))
    }

    /// An optional expression, whose capture is called as its key.
    fn optional(&self, key: &str, value: Option<String>) -> Result<Option<Regex>, ProfileError> {
        value
            .map(|value| self.capturing(key, &value, key))
            .transpose()
    }

    fn set(&self, key: &str, values: Option<Vec<String>>) -> Result<RegexSet, ProfileError> {
        let values = values.unwrap_or_default();
        for (place, value) in values.iter().enumerate() {
            self.regex(&format!("{key}[{place}]"), value)?;
        }
        RegexSet::new(&values).map_err(|source| ProfileError::Expression {
            profile: self.profile.to_owned(),
            key: key.to_owned(),
            source,
        })
    }

    fn patterns(
        &self,
        key: &str,
        raw: Vec<RawPattern>,
        last: bool,
    ) -> Result<Vec<Pattern>, ProfileError> {
        let pattern = |(place, raw): (usize, RawPattern)| {
            let key = format!("{key}[{place}]");
            let with = raw.with.iter().enumerate();
            let with = with.map(|(n, with)| self.regex(&format!("{key}.with[{n}]"), with));
            Ok(Pattern {
                line: self.regex(&format!("{key}.line"), &raw.line)?,
                with: with.collect::<Result<_, _>>()?,
                live: raw.live,
                below: raw.below,
                last: raw.last.unwrap_or(last),
            })
        };
        raw.into_iter().enumerate().map(pattern).collect()
    }

    /// The key that submits goes to tmux as a name.
    fn key(&self, submit: Option<String>) -> Result<String, ProfileError> {
        let submit = submit.unwrap_or_else(|| "Enter".to_owned());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = submit.starts_with(|c: char| c.is_ascii_alphabetic());
        if name && submit.chars().all(plain) {
            return Ok(submit);
        }
        let what = format!("{submit:?} is no key");
        Err(self.wrong(
            "typing.submit",
            what,
            "give it as tmux calls it: Enter, C-m, M-Enter, Tab",
        ))
    }

    fn session(&self, raw: RawSession) -> Result<Session, ProfileError> {
        let RawSession {
            by,
            start,
            resume,
            shown,
        } = raw;
        match by {
            By::Nobody => {
                self.without("session.start", start.is_empty(), "nobody")?;
                self.without("session.resume", resume.is_empty(), "nobody")?;
                self.without("session.shown", shown.is_empty(), "nobody")?;
                Ok(Session::None)
            }
            By::Chosen => {
                self.without("session.shown", shown.is_empty(), "chosen")?;
                self.placed("session.start", &start)?;
                self.placed("session.resume", &resume)?;
                Ok(Session::Chosen { start, resume })
            }
            By::Shown => {
                self.without("session.start", start.is_empty(), "shown")?;
                self.placed("session.resume", &resume)?;
                if shown.is_empty() {
                    let help = "it lists regular expressions with (?P<session>…)";
                    return Err(self.wrong("session.shown", "missing", help));
                }
                let shown = shown.iter().enumerate();
                let shown = shown.map(|(place, shown)| {
                    self.capturing(&format!("session.shown[{place}]"), shown, "session")
                });
                let shown = shown.collect::<Result<_, _>>()?;
                Ok(Session::Shown { shown, resume })
            }
            By::Kept => {
                self.without("session.start", start.is_empty(), "kept")?;
                self.without("session.shown", shown.is_empty(), "kept")?;
                if resume.is_empty() || resume.iter().any(|argument| argument.contains(PLACE)) {
                    let what = format!("needs arguments, and none with {PLACE}");
                    let help = "the program itself finds a session that is kept";
                    return Err(self.wrong("session.resume", what, help));
                }
                Ok(Session::Kept { resume })
            }
        }
    }

    fn without(&self, key: &str, empty: bool, by: &str) -> Result<(), ProfileError> {
        if empty {
            return Ok(());
        }
        let what = format!("has no use with by = \"{by}\"");
        Err(self.wrong(
            key,
            what,
            "remove it, or say who makes the id: by = \"chosen\", \"shown\" or \"kept\"",
        ))
    }

    fn placed(&self, key: &str, template: &[String]) -> Result<(), ProfileError> {
        if template.iter().any(|argument| argument.contains(PLACE)) {
            return Ok(());
        }
        let help = format!("put {PLACE} where the program takes the id of the session");
        Err(self.wrong(key, format!("has no {PLACE}"), help))
    }
}
