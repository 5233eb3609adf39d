//! How lines are shown.

use std::{io, mem};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    cli::{screen::Screen, words},
    model::AttemptRef,
};

/// Bytes that are kept before they are printed.
const KEPT: usize = 64 * 1024;

pub(super) enum Style {
    Raw,
    Json,
    Plain,
    Named { width: usize },
}

/// One thing that is shown.
pub(super) enum Shown {
    /// Another attempt of the worker begins.
    Heading,
    Line(String),
    Bytes(Vec<u8>),
}

/// Where and how lines are shown.
pub(super) struct Printer<'a> {
    pub(super) screen: &'a Screen,
    pub(super) style: Style,
    /// Before each line its time, in this zone.
    pub(super) times: Option<TimeZone>,
    /// Not printed yet.
    pub(super) kept: Vec<u8>,
}

impl Printer<'_> {
    pub(super) fn show(
        &mut self,
        of: &AttemptRef,
        at: Option<Timestamp>,
        shown: &Shown,
    ) -> io::Result<()> {
        match (shown, &self.style) {
            (Shown::Bytes(bytes), _) => self.kept.extend_from_slice(bytes),
            (Shown::Heading, Style::Raw | Style::Json) => {}
            (Shown::Heading, _) => {
                let attempt = &of.attempt;
                self.text(of, attempt.decided(), &format!("--- attempt {attempt} ---"));
            }
            (Shown::Line(line), Style::Json) => {
                let line = serde_json::json!({
                    "worker": of.worker, "attempt": of.attempt, "at": at, "line": line,
                });
                serde_json::to_writer(&mut self.kept, &line)?;
                self.kept.push(b'\n');
            }
            (Shown::Line(line), _) => self.text(of, at, line),
        }
        if self.kept.len() < KEPT {
            return Ok(());
        }
        self.flush()
    }

    fn text(&mut self, of: &AttemptRef, at: Option<Timestamp>, line: &str) {
        let time = match (&self.times, at) {
            (None, _) => String::new(),
            (Some(zone), Some(at)) => format!("{}  ", words::second(at, zone)),
            // As wide as one.
            (Some(_), None) => format!("{:19}  ", "-"),
        };
        let name = match self.style {
            Style::Named { width } => format!("{:<width$} | ", of.worker),
            Style::Raw | Style::Json | Style::Plain => String::new(),
        };
        self.kept.extend(format!("{time}{name}{line}\n").bytes());
    }

    /// Prints what is kept.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        self.screen.print(mem::take(&mut self.kept))
    }
}
