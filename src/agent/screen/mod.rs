//! The text of a terminal, cleaned of everything that is only looks.
//!
//! # Promise
//!
//! [`Screen::read`] takes what tmux's capture-pane gives, with or without escape codes, and however
//! wide the pane is. Colours, trailing blanks and the borders of boxes are gone; a phrase is found at
//! any width ([`Screen::find`]); and two pictures of which one is only a repaint of the other have the
//! same [`fingerprint`](Screen::fingerprint).
//!
//! # How
//!
//! `strip` takes the escape codes away, and keeps in mind which text was faint: programs print in
//! faint what they propose to type, and nobody has typed it. A line keeps its indentation, which tells
//! what a program says at the margin from what it quotes further in.
//!
//! A line that a narrow pane wrapped is not put together again for good, as nobody can tell it from
//! two lines. Instead a pattern is tried on each line and then on the [`Passage`] that begins there:
//! the line with those below that may go on with it.

mod fingerprint;
mod passage;
mod strip;
#[cfg(test)]
mod tests;

use std::ops::Range;

use regex::Regex;

pub use fingerprint::Fingerprint;
pub use passage::Passage;

/// One line of a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is on it, with its indentation, without borders and trailing blanks.
    pub text: String,
    /// The same without what is faint.
    pub solid: String,
    /// It is drawn, not written: the upper or lower border of a box, or a rule, labelled or not.
    pub rule: bool,
    /// It reaches the right edge, so the next one may go on in the middle of a word.
    full: bool,
}

/// The text of a terminal; see the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    lines: Vec<Line>,
}

/// Where a pattern was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Found {
    /// The line it begins on, counted from the top, from 0.
    pub line: usize,
    /// The text that matched: of the line, or of the passage that begins there.
    pub text: String,
    /// The last line of that text.
    pub last: usize,
}

impl Screen {
    /// Cleans what capture-pane gave. `columns` is the pane's width; without it, the longest line's.
    pub fn read(captured: &str, columns: Option<u16>) -> Self {
        let stripped = strip::lines(captured);
        let widths: Vec<usize> = stripped
            .iter()
            .map(|line| textwrap::core::display_width(line.text.trim_end()))
            .collect();
        let longest = widths.iter().copied().max().unwrap_or(0);
        let columns = columns.map_or(longest, usize::from).max(1);
        let mut lines: Vec<Line> = stripped
            .into_iter()
            .zip(widths)
            .map(|(line, width)| line.clean(width >= columns))
            .collect();
        while lines.last().is_some_and(Line::is_blank) {
            lines.pop();
        }
        Self { lines }
    }

    /// All lines, from the top, without the blank ones at the end.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lowest place in these lines that begins with what `pattern` matches.
    pub fn find(&self, within: Range<usize>, pattern: &Regex) -> Option<Found> {
        let end = within.end.min(self.lines.len());
        (within.start..end).rev().find_map(|line| {
            if self.lines[line].is_blank() {
                return None;
            }
            let text = &self.lines[line].text;
            if pattern.is_match(text) {
                return Some(self.line(line));
            }
            let passage = self.passage(line, end);
            let last = passage.last;
            let text = passage.matched(pattern)?;
            Some(Found { line, text, last })
        })
    }

    /// This line as a place where something was found.
    pub(super) fn line(&self, line: usize) -> Found {
        Found {
            line,
            text: self.lines[line].text.clone(),
            last: line,
        }
    }

    /// The first line of the last `count` lines above `end` that are not blank.
    pub fn reach(&self, end: usize, count: usize) -> usize {
        let end = end.min(self.lines.len());
        let written = (0..end).rev().filter(|line| !self.lines[*line].is_blank());
        written.take(count).last().unwrap_or(end)
    }
}

impl Line {
    /// There is nothing on it, not even a rule.
    pub fn is_blank(&self) -> bool {
        self.text.is_empty() && !self.rule
    }

    /// The next line may be the rest of this one, as the terminal wrapped it.
    pub fn is_full(&self) -> bool {
        self.full
    }
}
