//! A line together with those below that may go on with it.
//!
//! Programs wrap between words and indent what they wrap; terminals wrap at the edge, in the middle
//! of a word. So a passage has two readings: with a blank at each joint, and without one where a line
//! is full to the edge.

use regex::Regex;

use super::{Line, Screen};

/// No phrase of a program is longer than this, at 40 columns.
const LONGEST: usize = 12;

/// The two readings of a line and what may go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// A blank at each joint.
    pub spaced: String,
    /// No blank where a line reaches the edge.
    pub glued: String,
    /// The last line of it.
    pub last: usize,
}

impl Passage {
    /// The reading that `pattern` matches.
    pub(super) fn matched(self, pattern: &Regex) -> Option<String> {
        let readings = [self.spaced, self.glued];
        readings.into_iter().find(|text| pattern.is_match(text))
    }
}

impl Screen {
    /// The passage that begins on `line`, which nothing from `end` on belongs to.
    pub fn passage(&self, line: usize, end: usize) -> Passage {
        let mut passage = Passage {
            spaced: self.lines[line].text.clone(),
            glued: self.lines[line].text.clone(),
            last: line,
        };
        let end = end.min(self.lines.len()).min(line + LONGEST);
        for below in line + 1..end {
            let next = &self.lines[below];
            if next.rule || next.is_blank() || begins(next) {
                break;
            }
            let text = next.text.trim_start();
            passage.spaced.push(' ');
            passage.spaced.push_str(text);
            if !self.lines[below - 1].full {
                passage.glued.push(' ');
            }
            passage.glued.push_str(text);
            passage.last = below;
        }
        passage
    }
}

/// The line begins something of its own, by its first sign: an entry, an item, a choice, a prompt.
fn begins(line: &Line) -> bool {
    let text = line.text.trim_start();
    let mut characters = text.chars();
    match characters.next() {
        Some('⏺' | '●' | '•' | '◦' | '❯' | '›' | '⎿' | '└' | '├' | '■' | '✔' | '✗' | '✘' | '⚠') => {
            true
        }
        Some('☐' | '☒' | '☑' | '◻' | '◼' | '⏵' | '✻' | '✽' | '✶' | '✳' | '✢') => {
            true
        }
        Some('>' | '-' | '*' | '$') => characters.next() == Some(' '),
        Some(first) if first.is_ascii_digit() => {
            let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
            rest.starts_with(". ") || rest.starts_with(") ")
        }
        _ => false,
    }
}
