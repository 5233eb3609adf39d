//! What is known of one kind of agent, as data.
//!
//! # Promise
//!
//! A [`Profile`] is checked as a whole before it is used: every key is known, every expression
//! compiles and has the captures it needs, every template the places it needs. An error names the key
//! and says what helps. What comes from a screen is never more than an argument: an id that could be
//! taken for an option is none.
//!
//! # How
//!
//! The profiles of [`SHIPPED`] are in the program, as the TOML files of `profiles/`. An operator's
//! `[agents.NAME]` has the same keys, and may go on from one of them with `extends = "claude"`: what it
//! says of a key holds, its patterns are tried before those it extends, and `replace = ["limit"]` drops
//! the earlier ones. `raw` is what is written, `check` makes a profile of it.
//!
//! # Keys
//!
//! | key | says |
//! |---|---|
//! | `programs` | names of the foreground process that may be typed to |
//! | `start` | the command, without the arguments of the session |
//! | `[session]` | `by = "chosen"`: by us, given with `start` and `resume`; `"shown"`: on the screen, found by `shown` and given with `resume`; `"kept"`: by the program, which goes on with `resume`; `"nobody"` |
//! | `[typing]` | `bracketed`, `submit` (a key), `escape` (pressed before), `interrupt` (a key that ends what it does) |
//! | `[input]` | `line` with capture `typed`, `boxed`, `more`, `placeholder`, `pasted`, `below`: see [`InputLine`] |
//! | `entry`, `reach` | what an entry of the transcript begins with; how many lines above the input line count |
//! | `[[question]]` `[[menu]]` `[[busy]]` `[[limit]]` `[[outage]]` `[[crash]]` | `line`, `with`, `live`, `below`, `last`: see [`Pattern`]; `last` holds of limits, outages and crashes if nothing is said; a menu may have a `key` |
//! | `cost`, `turns` | expressions with a capture of the same name |
//! | `moving` | lines that move while nothing is done |

mod check;
mod error;
pub(crate) mod raw;
mod session;
#[cfg(test)]
mod tests;

use std::{
    hash::{Hash, Hasher},
    sync::OnceLock,
};

use regex::{Regex, RegexSet};

use self::raw::Raw;
use crate::agent::screen::{Fingerprint, Screen};

pub use error::ProfileError;
pub use session::Session;

/// The names of the profiles that are in the program, and their texts.
const TEXTS: [(&str, &str); 5] = [
    ("claude", include_str!("../profiles/claude.toml")),
    ("codex", include_str!("../profiles/codex.toml")),
    ("aider", include_str!("../profiles/aider.toml")),
    ("shell", include_str!("../profiles/shell.toml")),
    ("generic", include_str!("../profiles/generic.toml")),
];

/// The names of the profiles that are in the program.
pub const SHIPPED: [&str; 5] = {
    let mut names = [""; 5];
    let mut at = 0;
    while at < names.len() {
        names[at] = TEXTS[at].0;
        at += 1;
    }
    names
};

/// One kind of agent. Two of one name are the same where the same was written of them.
#[derive(Debug, Clone)]
pub struct Profile {
    /// What it is called in messages.
    pub name: String,
    /// The names that its foreground process may have. Nothing is typed into another one; without
    /// names, every program will do.
    pub programs: Vec<String>,
    /// The command that starts it, without the session's arguments; empty if only the operator knows.
    pub start: Vec<String>,
    /// How its conversation is known again.
    pub session: Session,
    /// How text is entered.
    pub typing: Typing,
    /// Where its input line is.
    pub input: InputLine,
    /// What an entry of its transcript begins with.
    pub entry: Option<Regex>,
    /// How many written lines above the input line may say what it is doing.
    pub reach: usize,
    /// It asks, and goes on only when it is answered.
    pub question: Vec<Pattern>,
    /// It asks what to do about its usage limit.
    pub menu: Vec<Pattern>,
    /// It works.
    pub busy: Vec<Pattern>,
    /// Its usage limit is reached.
    pub limit: Vec<Pattern>,
    /// Its provider does not answer.
    pub outage: Vec<Pattern>,
    /// Its program is over.
    pub crash: Vec<Pattern>,
    /// What it has cost, in dollars, as capture `cost`.
    pub cost: Option<Regex>,
    /// How many turns it has had, as capture `turns`.
    pub turns: Option<Regex>,
    /// Lines that move without anything being done.
    pub moving: RegexSet,
    written: Raw,
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.written) == (&other.name, &other.written)
    }
}

impl Eq for Profile {}

impl Hash for Profile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// How text is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// As a bracketed paste, so that line breaks in it submit nothing.
    pub bracketed: bool,
    /// The key that submits, as tmux calls it.
    pub submit: String,
    /// Escape is pressed before, to leave whatever is open.
    pub escape: bool,
    /// The key that ends what it does and nothing else, as tmux calls it; `None` where none is known.
    pub interrupt: Option<String>,
}

/// Where the input line is, and what on it nobody has typed.
#[derive(Debug, Clone)]
pub struct InputLine {
    /// Matches the line; capture `typed` is what stands on it.
    pub line: Regex,
    /// It stands between two rules, or in a box.
    pub boxed: bool,
    /// Matches further lines of what is typed, where there is no box; capture `typed` is what stands
    /// behind a prompt of their own.
    pub more: Option<Regex>,
    /// Texts that the program itself puts on an empty line.
    pub placeholder: RegexSet,
    /// What the program shows there in the place of a long text that was pasted.
    pub pasted: Option<Regex>,
    /// What may stand below it.
    pub below: RegexSet,
}

/// Words of a program about its state.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Matches from the beginning of a line; capture `question` is what is asked.
    pub line: Regex,
    /// All of these are there too, each on a line of its own.
    pub with: Vec<Regex>,
    /// It is said of what happens right now, so it holds though the program looks busy.
    pub live: bool,
    /// It stands below the input line.
    pub below: bool,
    /// No entry of the transcript comes after it.
    pub last: bool,
    /// Of a question about the usage limit: the key that closes it and chooses nothing, as tmux calls
    /// it.
    pub key: Option<String>,
}

impl Profile {
    /// A profile that is in the program; `None` if none of that name is.
    pub fn shipped(name: &str) -> Option<Self> {
        // Its expressions take some time to compile.
        static READ: [OnceLock<Option<Profile>>; SHIPPED.len()] =
            [const { OnceLock::new() }; SHIPPED.len()];
        let place = TEXTS.iter().position(|(known, _)| *known == name)?;
        let read = READ[place].get_or_init(|| Self::read(name, TEXTS[place].1).ok());
        read.clone()
    }

    /// A profile out of the text of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(name: &str, text: &str) -> Result<Self, Vec<ProfileError>> {
        let raw = raw::read(name, text).map_err(|error| vec![error])?;
        Self::of(name, raw)
    }

    /// A profile out of what is written.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn of(name: &str, raw: Raw) -> Result<Self, Vec<ProfileError>> {
        check::profile(name, raw.whole(name).map_err(|error| vec![error])?)
    }

    /// Whether text may be typed while this process is in the foreground.
    pub fn is_program(&self, process: &str) -> bool {
        self.programs.is_empty() || self.programs.iter().any(|name| name == process)
    }

    /// The screen's fingerprint, without lines that move while nothing is done.
    pub fn fingerprint(&self, screen: &Screen) -> Fingerprint {
        screen.fingerprint(&self.moving)
    }

    /// What the conversation has cost, in dollars, where the screen says it.
    pub fn cost(&self, screen: &Screen) -> Option<f64> {
        read_last(screen, self.cost.as_ref()?, "cost")
    }

    /// The same in cents.
    pub fn cents(&self, screen: &Screen) -> Option<u64> {
        let cents = (self.cost(screen)? * 100.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is out of range is no cost"
        )]
        (0.0..=1e15).contains(&cents).then_some(cents as u64)
    }

    /// How many turns the conversation has had, where the screen says it; more than a billion are none.
    pub fn turns(&self, screen: &Screen) -> Option<u64> {
        read_last(screen, self.turns.as_ref()?, "turns").filter(|turns| *turns <= 1_000_000_000)
    }
}

/// The lowest capture of this name, as a number.
fn read_last<N: std::str::FromStr>(screen: &Screen, pattern: &Regex, name: &str) -> Option<N> {
    let found = screen.find(0..screen.lines().len(), pattern)?;
    let capture = pattern
        .captures(&found.text)?
        .name(name)?
        .as_str()
        .replace(',', "");
    capture.parse().ok()
}
