//! The terminal: a transcript that only grows, and below it what is drawn anew.
//!
//! What is drawn lies over what was drawn before, and nothing is cleared that stays: whoever looks in
//! the middle of a repaint sees the earlier picture, or the new one. A picture that is the same again
//! is not drawn at all. Only after a change of size everything is cleared and drawn from the
//! transcript, as the terminal has wrapped the old picture in its own way.

use std::io::{self, Write};

use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, terminal,
};
use textwrap::core::display_width;

use crate::line::Line;

/// The terminal of this process.
pub(crate) struct Paper {
    columns: usize,
    rows: usize,
    alternate: bool,
    transcript: Vec<Line>,
    /// How many lines of the transcript are on the terminal.
    printed: usize,
    drawn: Vec<String>,
    /// How many of the rows that are drawn are below that of the cursor.
    below: usize,
}

impl Paper {
    /// Takes the terminal over.
    pub(crate) fn open(alternate: bool, cursor: bool) -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let mut out = io::stdout();
        if alternate {
            execute!(out, terminal::EnterAlternateScreen)?;
        }
        execute!(out, EnableBracketedPaste)?;
        if !cursor {
            execute!(out, Hide)?;
        }
        let (columns, rows) = terminal::size()?;
        Ok(Self {
            columns: columns.into(),
            rows: rows.into(),
            alternate,
            transcript: Vec::new(),
            printed: 0,
            drawn: Vec::new(),
            below: 0,
        })
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows an input line may take.
    pub(crate) fn room(&self) -> usize {
        (self.rows / 2).max(1)
    }

    /// Goes on with the transcript; to be seen with the next picture.
    pub(crate) fn write(&mut self, lines: Vec<Line>) {
        self.transcript.extend(lines);
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        (self.columns, self.rows) = (columns.into(), rows.into());
        self.printed = self.transcript.len().saturating_sub(self.rows);
        self.drawn.clear();
        self.below = 0;
        put("\x1b[H\x1b[2J\x1b[3J")
    }

    /// Draws below the transcript, and leaves the cursor in the row that has so many below it.
    pub(crate) fn draw(&mut self, live: &[Line], below: usize) -> io::Result<()> {
        let mut rows: Vec<String> = live
            .iter()
            .flat_map(|line| line.rows(self.columns))
            .collect();
        rows.drain(..rows.len().saturating_sub(self.rows));
        if rows.is_empty() {
            rows.push(String::new());
        }
        let below = below.min(rows.len() - 1);
        if self.printed == self.transcript.len() && rows == self.drawn && below == self.below {
            return Ok(());
        }
        let mut picture = String::from("\r");
        if self.below > 0 {
            picture.push_str(&format!("\x1b[{}B", self.below));
        }
        if self.drawn.len() > 1 {
            picture.push_str(&format!("\x1b[{}A", self.drawn.len() - 1));
        }
        for line in &self.transcript[self.printed..] {
            let own = line.rows(self.columns);
            let printed = matches!(line, Line::Printed(_));
            for (place, row) in own.iter().enumerate() {
                picture.push_str(row);
                // What the terminal is to wrap goes on without a break.
                if !printed || place + 1 == own.len() {
                    self.end_row(row, &mut picture);
                }
            }
        }
        if let Some((last, above)) = rows.split_last() {
            for row in above {
                picture.push_str(row);
                self.end_row(row, &mut picture);
            }
            picture.push_str("\x1b[J");
            picture.push_str(last);
        }
        if below > 0 {
            picture.push_str(&format!("\x1b[{below}A"));
        }
        self.printed = self.transcript.len();
        (self.drawn, self.below) = (rows, below);
        put(&picture)
    }

    /// The rest of the row is cleared, where there is one.
    fn end_row(&self, row: &str, picture: &mut String) {
        if display_width(row) < self.columns {
            picture.push_str("\x1b[K");
        }
        picture.push_str("\r\n");
    }

    /// Gives the terminal back, and prints these lines below the last picture.
    pub(crate) fn close(self, words: &[Line]) -> io::Result<()> {
        let mut out = io::stdout();
        execute!(out, DisableBracketedPaste, Show)?;
        if self.below > 0 {
            put(&format!("\x1b[{}B", self.below))?;
        }
        if self.alternate {
            execute!(out, terminal::LeaveAlternateScreen)?;
        } else {
            put("\r\n")?;
        }
        terminal::disable_raw_mode()?;
        let rows = words.iter().flat_map(|line| line.rows(self.columns));
        put(&rows.map(|row| row + "\n").collect::<String>())
    }
}

/// In one go, so that it is rarely seen in parts.
fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
