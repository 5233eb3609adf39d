//! Text for the terminal of an agent: whether it may be typed, and whether it was taken.
//!
//! # Promise
//!
//! Everything is said of [`Look`]s alone, one before and one after. What cannot be told is not guessed:
//! [`Standing::Unseen`], [`Verdict::Open`] and at the end [`Next::Undecided`], after which nothing is
//! pressed again. Nothing may be typed over what somebody else has left on the input line, into another
//! program, or in the place of an answer ([`may_type`]).
//! A text is typed once; only the key that submits may be pressed again. What an earlier try has left there is
//! submitted only where it is wholly that text ([`may_submit_left`]).
//!
//! # How
//!
//! ```text
//!  check ─► may_type ─► (paste) ─► shows ─► (Enter) ─► verdict ─► Course: look, press again, the end
//! ```
//!
//! A text is known again on a screen by its letters, digits and ASCII signs: blanks and breaks are where
//! the pane's width puts them, and terminals draw the rest as they can. A long one may show as the
//! program's own mark for it ([`pasted`](super::profile::InputLine::pasted)).
//!
//! Taken is what is no longer on the input line, and has left something: the program works, the text is
//! in its transcript, the transcript went on, it asks, or another program has the terminal. An input
//! line that only became empty is no proof, as a key may have cleared it.
//!
//! A bare prompt looks the same before Enter and after it, while what was called has printed nothing; so
//! without a box the cursor has to be on an input line, or it is none. Of a program without a prompt,
//! such as an editor, nothing can be told.

mod left;
mod permission;
mod proof;
mod standing;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use super::{
    profile::Profile,
    screen::Screen,
    sighting::{Input, Sighting},
};

pub use left::{Digest, may_submit_left};
pub use permission::{Permission, Ready, Refusal, may_press, may_submit, may_type};
pub use proof::{By, Course, Next, Verdict, verdict};
pub use standing::{Standing, shows, standing};
pub use text::{LONGEST, Unfit, check};

/// A terminal at one moment, with all that matters for typing into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What is on its screen.
    pub screen: Screen,
    /// What that says.
    pub sighting: Sighting,
    /// The line of the screen that the cursor is on, where that is known.
    pub cursor: Option<usize>,
    /// The programs that read it now.
    pub readers: Vec<Reader>,
    /// It is scrolled or chosen from: keys would go there.
    pub in_mode: bool,
    /// Nothing runs in it any more.
    pub dead: bool,
    /// Who is attached.
    pub clients: Vec<Client>,
    /// Whether the program has asked for bracketed paste, where that is known.
    pub brackets: Option<bool>,
    /// The bytes of a line that the kernel takes, while it and not the program edits lines.
    pub longest_line: Option<usize>,
}

/// A program in the foreground of a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Its pid.
    pub pid: i32,
    /// What it may be called: by the kernel, by its command, by the script that it runs.
    pub names: Vec<String>,
}

/// Somebody who is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Since when no key came from there.
    pub idle: Duration,
    /// It cannot type.
    pub readonly: bool,
}

impl Look {
    /// The input line, if it is one.
    fn input(&self, profile: &Profile) -> Option<&Input> {
        let input = self.sighting.input.as_ref()?;
        let edited = |row: usize| (input.line..input.end).contains(&row);
        (profile.input.boxed || self.cursor.is_none_or(edited)).then_some(input)
    }

    /// What stands above the input line, line by line, as far as it can be known again.
    fn transcript(&self, profile: &Profile) -> Vec<String> {
        let lines = self.screen.lines();
        let end = self.input(profile).map_or(lines.len(), |input| input.top);
        let above = lines[..end.min(lines.len())].iter();
        above
            .filter(|line| !profile.moving.is_match(&line.text))
            .map(|line| standing::key(&line.text))
            .filter(|key| !key.is_empty())
            .collect()
    }
}
