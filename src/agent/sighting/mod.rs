//! One look: what the screen alone says of the program on it.
//!
//! # Promise
//!
//! [`sight`] is a function of the profile, the screen, the moment and the machine's zone. It names the
//! line that says so. Where several things are on the screen, the one that holds now is meant: what is
//! lower is later, and what the program shows of itself holds over what stands in its transcript.
//!
//! # How
//!
//! First the input line is looked for (`input`), as everything else is judged by its place: what is
//! below it or, where there is none, at the bottom, is the program's own; above it only the last
//! [`reach`](crate::agent::profile::Profile::reach) lines count. Then, in this order:
//!
//! 1. an end of the program, below everything else that it shows;
//! 2. a question, with no input line below it; one about the usage limit is a limit;
//! 3. an outage that the program reports while it tries again;
//! 4. work;
//! 5. a limit, then an outage, of which nothing newer is in the transcript;
//! 6. an input line.

mod dialog;
mod input;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    profile::{Pattern, Profile},
    reset,
    screen::{Found, Screen},
};

pub use input::Input;

/// What a screen says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The input line is there, and nothing is done.
    Waiting,
    /// It works.
    Busy,
    /// It goes on only when it is answered.
    Asking {
        /// What it asks.
        question: String,
    },
    /// Its usage limit is reached.
    Limited {
        /// What it says of it.
        words: String,
        /// When it ends, where that can be read.
        until: Option<Timestamp>,
        /// What it asks about it; to be answered before anything is typed.
        menu: Option<Menu>,
    },
    /// Its provider does not answer.
    Outage {
        /// What it says of it.
        words: String,
    },
    /// The program is over, and what it said at its end is the last thing on the screen.
    Crashed {
        /// What it said.
        words: String,
    },
    /// Nothing that the profile knows.
    Unknown,
}

/// What it asks about its usage limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Menu {
    /// What.
    pub question: String,
    /// The key that closes it and chooses nothing, where the profile knows one.
    pub key: Option<String>,
}

/// What a screen says, and which line says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// What it says.
    pub seen: Seen,
    /// The line that says so; none for what is unknown.
    pub evidence: Option<Found>,
    /// The input line, also while something else holds.
    pub input: Option<Input>,
}

impl Sighting {
    /// What it asks about its usage limit, if it does.
    pub fn menu(&self) -> Option<&Menu> {
        match &self.seen {
            Seen::Limited { menu, .. } => menu.as_ref(),
            Seen::Asking { .. }
            | Seen::Waiting
            | Seen::Busy
            | Seen::Outage { .. }
            | Seen::Crashed { .. }
            | Seen::Unknown => None,
        }
    }
}

/// Looks at `screen`. Times of day that name no zone are in `zone`.
pub fn sight(profile: &Profile, screen: &Screen, now: Timestamp, zone: &TimeZone) -> Sighting {
    let input = input::find(profile, screen);
    let look = Look::new(profile, screen, input.as_ref());
    let (seen, evidence) = look.see(now, zone);
    Sighting {
        seen,
        evidence,
        input,
    }
}

/// The parts of a screen.
struct Look<'a> {
    profile: &'a Profile,
    screen: &'a Screen,
    input: Option<&'a Input>,
    /// The first line that counts.
    top: usize,
    /// The line behind the last one above the input line.
    above: usize,
    /// The first line below the input line; without one, as `top`.
    below: usize,
    /// The line behind the last one.
    end: usize,
}

impl<'a> Look<'a> {
    fn new(profile: &'a Profile, screen: &'a Screen, input: Option<&'a Input>) -> Self {
        let end = screen.lines().len();
        let above = input.map_or(end, |input| input.top);
        let top = screen.reach(above, profile.reach);
        Self {
            profile,
            screen,
            input,
            top,
            above,
            below: input.map_or(top, |input| input.end),
            end,
        }
    }

    fn see(&self, now: Timestamp, zone: &TimeZone) -> (Seen, Option<Found>) {
        let busy = self.lowest(&self.profile.busy, false, self.above);
        let dialog = dialog::find(self);
        let shown = [
            busy.as_ref().map(|found| found.line),
            dialog.as_ref().map(|d| d.end),
        ];
        if let Some(crash) = self.crash(shown.into_iter().flatten().max()) {
            let words = crash.text.trim().to_owned();
            return (Seen::Crashed { words }, Some(crash));
        }
        if let Some(dialog) = dialog {
            let question = dialog.question;
            let seen = match dialog.menu {
                Some(menu) => {
                    // What is chosen from may look like an entry.
                    let limit = self.limit(dialog.top);
                    let says = limit.as_ref().unwrap_or(&dialog.evidence);
                    Seen::Limited {
                        words: self.words(says),
                        until: limit.and_then(|limit| self.until(&limit, now, zone)),
                        menu: Some(Menu {
                            question,
                            key: menu.key.clone(),
                        }),
                    }
                }
                None => Seen::Asking { question },
            };
            return (seen, Some(dialog.evidence));
        }
        let working = busy
            .as_ref()
            .map_or(self.above, |busy| busy.line.min(self.above));
        if let Some(found) = self.lowest(&self.profile.outage, true, working) {
            return outage(found);
        }
        if busy.is_some() {
            return (Seen::Busy, busy);
        }
        if let Some(found) = self.limit(self.above) {
            let seen = Seen::Limited {
                words: self.words(&found),
                until: self.until(&found, now, zone),
                menu: None,
            };
            return (seen, Some(found));
        }
        if let Some(found) = self.lowest(&self.profile.outage, false, self.above) {
            return outage(found);
        }
        match self.input {
            Some(input) => (Seen::Waiting, Some(self.screen.line(input.line))),
            None => (Seen::Unknown, None),
        }
    }

    /// All that is said there, whichever lines the pane's width makes of it.
    fn words(&self, found: &Found) -> String {
        let passage = self.screen.passage(found.line, self.end);
        passage.spaced.trim().to_owned()
    }

    /// The lowest place that one of these patterns matches. `live`: only those that hold though the
    /// program is busy. `until`: up to where a newer entry would make it old.
    fn lowest(&self, patterns: &[Pattern], live: bool, until: usize) -> Option<Found> {
        let patterns = patterns.iter().filter(|pattern| pattern.live || !live);
        let found = patterns.filter_map(|pattern| {
            let below = (self.below.max(self.above), self.end);
            let above = (self.top, self.above);
            let parts = if pattern.below {
                &[below][..]
            } else {
                &[below, above][..]
            };
            parts.iter().find_map(|&(from, to)| {
                let found = self.screen.find(from..to, &pattern.line)?;
                let with = |with| self.screen.find(from..to, with).is_some();
                let old = pattern.last && self.is_old(found.line, until);
                (!old && pattern.with.iter().all(with)).then_some(found)
            })
        });
        found.max_by_key(|found| found.line)
    }

    /// The transcript goes on after this line.
    fn is_old(&self, line: usize, until: usize) -> bool {
        let newer = self.screen.lines().get(line + 1..until).unwrap_or_default();
        let entry = self.profile.entry.as_ref();
        entry.is_some_and(|entry| newer.iter().any(|line| entry.is_match(&line.text)))
    }

    /// Words about an end of the program, below what it shows otherwise.
    fn crash(&self, shown: Option<usize>) -> Option<Found> {
        let from = self.below.max(shown.map_or(0, |line| line + 1));
        let found = self.profile.crash.iter().filter_map(|pattern| {
            let found = self.screen.find(from..self.end, &pattern.line)?;
            let with = |with| self.screen.find(from..self.end, with).is_some();
            let old = pattern.last && self.is_old(found.line, self.end);
            (!old && pattern.with.iter().all(with)).then_some(found)
        });
        found.max_by_key(|found| found.line)
    }

    /// `until`: up to where a newer entry would make it old.
    fn limit(&self, until: usize) -> Option<Found> {
        self.lowest(&self.profile.limit, false, until)
    }

    /// When this limit ends: by its own words or, if they do not say it, by the lines that follow.
    fn until(&self, limit: &Found, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let passage = self.screen.passage(limit.line, self.end);
        let lines = self.screen.lines().iter().skip(limit.line);
        let following = lines.take_while(|line| !line.rule).take(FOLLOWING);
        let following: Vec<&str> = following.map(|line| line.text.trim()).collect();
        [passage.spaced, passage.glued, following.join(" ")]
            .iter()
            .find_map(|words| reset::parse(words, now, zone))
    }
}

/// How many lines from the one that names a limit may say when it ends.
const FOLLOWING: usize = 6;

fn outage(found: Found) -> (Seen, Option<Found>) {
    let words = found.text.trim().to_owned();
    (Seen::Outage { words }, Some(found))
}
