//! A checked profile out of a written one.

use regex::{Regex, RegexSet};

use super::{
    InputLine, Pattern, Profile, ProfileError, Session, Typing,
    raw::{By, Raw, RawInput, RawPattern, RawSession, RawTyping},
    session::PLACE,
};

/// How many lines above the input line are looked at, where the profile says nothing.
const REACH: usize = 16;

/// All of it is looked at before the first mistake counts.
pub(super) fn profile(name: &str, raw: Raw) -> Result<Profile, Vec<ProfileError>> {
    let mut of = Of {
        profile: name,
        mistakes: Vec::new(),
    };
    let typing = of.typing(&raw.typing);
    let input = of.input(&raw.input);
    let session = match &raw.session {
        Some(session) => of.session(session),
        None => Some(Session::None),
    };
    let entry = of.maybe("entry", raw.entry.as_deref());
    let question = of.patterns("question", &raw.question, false);
    let menu = of.patterns("menu", &raw.menu, false);
    let busy = of.patterns("busy", &raw.busy, false);
    let limit = of.patterns("limit", &raw.limit, true);
    let outage = of.patterns("outage", &raw.outage, true);
    let crash = of.patterns("crash", &raw.crash, true);
    let cost = of.named_capture("cost", raw.cost.as_deref());
    let turns = of.named_capture("turns", raw.turns.as_deref());
    let moving = of.set("moving", raw.moving.as_deref());
    let (Some(typing), Some(input), Some(session), true) =
        (typing, input, session, of.mistakes.is_empty())
    else {
        return Err(of.mistakes);
    };
    Ok(Profile {
        name: name.to_owned(),
        programs: raw.programs.clone().unwrap_or_default(),
        start: raw.start.clone().unwrap_or_default(),
        session,
        typing,
        input,
        entry,
        reach: raw.reach.unwrap_or(REACH),
        question,
        menu,
        busy,
        limit,
        outage,
        crash,
        cost,
        turns,
        moving,
        written: raw,
    })
}

/// Checks of one profile. What has a mistake is `None`, or missing.
struct Of<'a> {
    profile: &'a str,
    mistakes: Vec<ProfileError>,
}

impl Of<'_> {
    fn wrong(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(ProfileError::Value {
            profile: self.profile.to_owned(),
            key: key.to_owned(),
            what: what.into(),
            help: help.into(),
        });
    }

    fn broken(&mut self, key: &str, source: regex::Error) {
        self.mistakes.push(ProfileError::Expression {
            profile: self.profile.to_owned(),
            key: key.to_owned(),
            source,
        });
    }

    fn regex(&mut self, key: &str, expression: &str) -> Option<Regex> {
        let regex = match Regex::new(expression) {
            Ok(regex) => regex,
            Err(source) => {
                self.broken(key, source);
                return None;
            }
        };
        // It would be true of every screen.
        if regex.is_match("") {
            let what = format!("'{expression}' matches where nothing is written");
            self.wrong(key, what, "begin it with ^ and what the line begins with");
            return None;
        }
        Some(regex)
    }

    fn maybe(&mut self, key: &str, expression: Option<&str>) -> Option<Regex> {
        self.regex(key, expression?)
    }

    fn capturing(&mut self, key: &str, expression: &str, name: &str) -> Option<Regex> {
        let regex = self.regex(key, expression)?;
        if regex.capture_names().flatten().any(|known| known == name) {
            return Some(regex);
        }
        let help = format!("put (?P<{name}>…) around what is to be taken from the line");
        self.wrong(key, format!("has no capture {name}"), help);
        None
    }

    /// An optional expression, whose capture is called as its key.
    fn named_capture(&mut self, key: &str, expression: Option<&str>) -> Option<Regex> {
        self.capturing(key, expression?, key)
    }

    fn set(&mut self, key: &str, values: Option<&[String]>) -> RegexSet {
        let values = values.unwrap_or_default();
        for (place, value) in values.iter().enumerate() {
            self.regex(&format!("{key}[{place}]"), value);
        }
        RegexSet::new(values).unwrap_or_else(|source| {
            // Each by itself may be small enough, and all together too large.
            if self.mistakes.is_empty() {
                self.broken(key, source);
            }
            RegexSet::empty()
        })
    }

    fn patterns(&mut self, list: &str, raw: &[RawPattern], last: bool) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for (place, raw) in raw.iter().enumerate() {
            let key = format!("{list}[{place}]");
            let with = raw.with.iter().enumerate();
            let with = with.filter_map(|(n, with)| self.regex(&format!("{key}.with[{n}]"), with));
            let with = with.collect();
            let closes = match &raw.key {
                Some(name) if list == "menu" => self.key(&format!("{key}.key"), name),
                Some(_) => {
                    let help = "remove it: only what is asked about the limit, a menu, is closed";
                    self.wrong(&format!("{key}.key"), "has no use", help);
                    None
                }
                None => None,
            };
            patterns.extend(
                self.regex(&format!("{key}.line"), &raw.line)
                    .map(|line| Pattern {
                        line,
                        with,
                        live: raw.live,
                        below: raw.below,
                        last: raw.last.unwrap_or(last),
                        key: closes,
                    }),
            );
        }
        patterns
    }

    fn input(&mut self, raw: &RawInput) -> Option<InputLine> {
        let line = match &raw.line {
            Some(line) => self.capturing("input.line", line, "typed"),
            None => {
                self.wrong(
                    "input.line",
                    "missing",
                    "it is a regular expression with (?P<typed>.*); extends = \"generic\" brings a \
                     usual one",
                );
                None
            }
        };
        let more = self.maybe("input.more", raw.more.as_deref());
        let placeholder = self.set("input.placeholder", raw.placeholder.as_deref());
        let pasted = self.maybe("input.pasted", raw.pasted.as_deref());
        let below = self.set("input.below", raw.below.as_deref());
        Some(InputLine {
            line: line?,
            boxed: raw.boxed.unwrap_or(false),
            more,
            placeholder,
            pasted,
            below,
        })
    }

    fn typing(&mut self, raw: &RawTyping) -> Option<Typing> {
        let interrupt = raw.interrupt.as_deref();
        let interrupt = interrupt.and_then(|name| self.key("typing.interrupt", name));
        Some(Typing {
            bracketed: raw.bracketed.unwrap_or(true),
            submit: self.key("typing.submit", raw.submit.as_deref().unwrap_or("Enter"))?,
            escape: raw.escape.unwrap_or(false),
            interrupt,
        })
    }

    /// A key that is pressed goes to tmux as a name.
    fn key(&mut self, key: &str, pressed: &str) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = pressed.starts_with(|c: char| c.is_ascii_alphabetic());
        if name && pressed.chars().all(plain) {
            return Some(pressed.to_owned());
        }
        self.wrong(
            key,
            format!("{pressed:?} is no key"),
            "give it as tmux calls it: Enter, C-m, Escape, Tab",
        );
        None
    }

    fn session(&mut self, raw: &RawSession) -> Option<Session> {
        let RawSession {
            by,
            start,
            resume,
            shown,
        } = raw;
        let before = self.mistakes.len();
        let session = match by {
            By::Nobody => {
                self.without("session.start", start, "nobody");
                self.without("session.resume", resume, "nobody");
                self.without("session.shown", shown, "nobody");
                Session::None
            }
            By::Chosen => {
                self.without("session.shown", shown, "chosen");
                self.placed("session.start", start);
                self.placed("session.resume", resume);
                Session::Chosen {
                    start: start.clone(),
                    resume: resume.clone(),
                }
            }
            By::Shown => {
                self.without("session.start", start, "shown");
                self.placed("session.resume", resume);
                if shown.is_empty() {
                    let help = "it lists regular expressions with (?P<session>…)";
                    self.wrong("session.shown", "missing", help);
                }
                let shown = shown.iter().enumerate();
                let shown = shown.filter_map(|(place, shown)| {
                    self.capturing(&format!("session.shown[{place}]"), shown, "session")
                });
                Session::Shown {
                    shown: shown.collect(),
                    resume: resume.clone(),
                }
            }
            By::Kept => {
                self.without("session.start", start, "kept");
                self.without("session.shown", shown, "kept");
                if resume.is_empty() || resume.iter().any(|argument| argument.contains(PLACE)) {
                    let what = format!("needs arguments, and none with {PLACE}");
                    let help = "the program itself finds a session that is kept";
                    self.wrong("session.resume", what, help);
                }
                Session::Kept {
                    resume: resume.clone(),
                }
            }
        };
        (self.mistakes.len() == before).then_some(session)
    }

    fn without(&mut self, key: &str, value: &[String], by: &str) {
        if !value.is_empty() {
            self.wrong(
                key,
                format!("has no use with by = \"{by}\""),
                "remove it, or say who makes the id: by = \"chosen\", \"shown\" or \"kept\"",
            );
        }
    }

    fn placed(&mut self, key: &str, template: &[String]) {
        if !template.iter().any(|argument| argument.contains(PLACE)) {
            let help = format!("put {PLACE} where the program takes the id of the session");
            self.wrong(key, format!("has no {PLACE}"), help);
        }
    }
}
