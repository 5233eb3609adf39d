//! Lines of a transcript, as those who draw them wrap them.
//!
//! Colours are in the text, as escape codes, and have no width.

use textwrap::{Options, WordSeparator, WordSplitter, core::display_width};

/// A line before it has a width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// The terminal wraps it, in the middle of a word.
    Printed(String),
    /// The program wraps it between words, and indents what goes on by so many blanks.
    Wrapped(String, usize),
    /// The program cuts it off at the edge.
    Cut(String),
    /// A rule from edge to edge, behind its label.
    Rule(char, String),
}

impl Line {
    pub(crate) fn blank() -> Self {
        Self::Cut(String::new())
    }

    pub(crate) fn cut(text: impl Into<String>) -> Self {
        Self::Cut(text.into())
    }

    /// One line for each of the text, printed as they are.
    pub(crate) fn printed(text: &str) -> Vec<Self> {
        let lines = text.split('\n');
        lines.map(|line| Self::Printed(plain(line))).collect()
    }

    /// A text behind a mark, with what follows under its first letter.
    pub(crate) fn entry(mark: &str, text: &str) -> Vec<Self> {
        let hang = display_width(mark);
        let lines = text.split('\n').enumerate();
        let marked = lines.map(|(place, line)| {
            let blanks = " ".repeat(hang);
            let begin = if place == 0 { mark } else { &blanks };
            Self::Wrapped(format!("{begin}{}", plain(line)), hang)
        });
        marked.collect()
    }

    /// The rows it takes at this width; at least one.
    pub(crate) fn rows(&self, columns: usize) -> Vec<String> {
        match self {
            Self::Printed(text) => hard(text, columns),
            Self::Wrapped(text, hang) => {
                let blanks = " ".repeat(*hang);
                let options = Options::new(columns)
                    .subsequent_indent(&blanks)
                    .word_separator(WordSeparator::AsciiSpace)
                    .word_splitter(WordSplitter::NoHyphenation);
                let rows = textwrap::wrap(text, options);
                rows.into_iter().map(|row| row.into_owned()).collect()
            }
            // With the text, the end of its colours may be cut off.
            Self::Cut(text) => {
                let mut rows = hard(text, columns);
                if rows.len() > 1 {
                    rows.truncate(1);
                    rows[0].push_str("\x1b[0m");
                }
                rows
            }
            Self::Rule(drawn, label) => {
                let left = columns.saturating_sub(display_width(label));
                let rule = drawn.to_string().repeat(left);
                vec![format!("{label}{rule}")]
            }
        }
    }
}

/// A text without what would move the cursor.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '\t' => plain.push_str("    "),
            character if character.is_control() => plain.push('\u{fffd}'),
            character => plain.push(character),
        }
    }
    plain
}

/// Rows of a text that is wrapped at the edge, wherever that is.
pub(crate) fn hard(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut width = 0;
    let mut escape = false;
    for character in text.chars() {
        escape |= character == '\x1b';
        let own = if escape {
            0
        } else {
            display_width(character.encode_utf8(&mut [0; 4]))
        };
        if width + own > columns {
            rows.push(String::new());
            width = 0;
        }
        width += own;
        if let Some(row) = rows.last_mut() {
            row.push(character);
        }
        escape &= character != 'm';
    }
    rows
}
