//! Standard output: whether it is a terminal, how wide, and whether it likes colours.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, IsTerminal, Write},
};

use jiff::tz::TimeZone;
use serde::Serialize;

/// How text is to be made for somebody.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) colour: bool,
    /// Columns; `None` is no limit, for files and pipes.
    pub(super) width: Option<u16>,
    pub(super) zone: TimeZone,
}

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) terminal: bool,
    pub(super) colour: bool,
}

impl Screen {
    /// By <https://no-color.org>, a `NO_COLOR` that is not empty turns colours off.
    pub(super) fn of_process(environment: &BTreeMap<OsString, OsString>) -> Self {
        let terminal = io::stdout().is_terminal();
        let variable = |name: &str| environment.get(OsStr::new(name)).filter(|v| !v.is_empty());
        let dumb = variable("TERM").is_none_or(|term| term == "dumb");
        Self {
            terminal,
            colour: terminal && !dumb && variable("NO_COLOR").is_none(),
        }
    }

    /// As it is now: a window can be resized.
    pub(super) fn look(&self) -> Look {
        Look {
            colour: self.colour,
            width: self.size().map(|(columns, _)| columns),
            zone: TimeZone::system(),
        }
    }

    /// Columns and rows of a terminal.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        if !self.terminal {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
    }

    /// Prints, at once.
    pub(super) fn print(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_ref())?;
        out.flush()
    }

    /// Prints one line of JSON.
    pub(super) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.print(line)
    }
}
