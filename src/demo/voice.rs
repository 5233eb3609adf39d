//! The lines of the demo: when, who, what.

use std::{fmt, io::Write, time::Duration};

use anstyle::{AnsiColor, Style};

use super::DemoError;

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The demo itself, which is the trouble-maker.
    Demo,
    Daemon,
    Plan,
    Proxy,
    Builder,
    Adversary,
}

impl Who {
    /// The worker of that name.
    pub(super) fn worker(name: &str) -> Self {
        match name {
            "builder" => Self::Builder,
            "adversary" => Self::Adversary,
            _ => Self::Proxy,
        }
    }

    fn style(self) -> Style {
        let colour = match self {
            Self::Demo => AnsiColor::Red,
            Self::Daemon => AnsiColor::Green,
            Self::Plan => AnsiColor::Yellow,
            Self::Proxy => AnsiColor::Blue,
            Self::Builder => AnsiColor::Cyan,
            Self::Adversary => AnsiColor::Magenta,
        };
        Style::new().fg_color(Some(colour.into())).bold()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Demo => "demo",
            Self::Daemon => "loopkeeperd",
            Self::Plan => "plan",
            Self::Proxy => "proxy",
            Self::Builder => "builder",
            Self::Adversary => "adversary",
        })
    }
}

/// Where the lines go.
pub struct Voice<'a> {
    out: &'a mut dyn Write,
    colour: bool,
}

impl fmt::Debug for Voice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").finish_non_exhaustive()
    }
}

impl<'a> Voice<'a> {
    /// Lines for `out`, with escape sequences if it likes them.
    pub fn new(out: &'a mut dyn Write, colour: bool) -> Self {
        Self { out, colour }
    }

    /// One thing that happened.
    pub(super) fn say(&mut self, at: Duration, who: Who, text: &str) -> Result<(), DemoError> {
        let time = self.styled(
            Style::new().dimmed(),
            &format!("{:>5.1}s", at.as_secs_f64()),
        );
        let name = self.styled(who.style(), &format!("{who:<11}"));
        let text = harmless(text);
        self.write(&format!("{time}  {name}  {text}\n"))
    }

    /// A heading.
    pub(super) fn title(&mut self, text: &str) -> Result<(), DemoError> {
        let text = self.styled(Style::new().bold(), &harmless(text));
        self.write(&format!("{text}\n"))
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: &str) -> Result<(), DemoError> {
        self.write(&format!("{}\n", harmless(text)))
    }

    fn write(&mut self, text: &str) -> Result<(), DemoError> {
        let written = self.out.write_all(text.as_bytes());
        written
            .and_then(|()| self.out.flush())
            .map_err(DemoError::Voice)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Without what would steer a terminal: it may come from a repository that anybody pushed to.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(colour: bool) -> String {
        let mut out = Vec::new();
        let mut voice = Voice::new(&mut out, colour);
        let at = Duration::from_millis(12_345);
        voice.title("a\x1b[2Jb").unwrap();
        voice.say(at, Who::Builder, "pushes\n\x1b[2J").unwrap();
        voice.line("\u{9b}c\r").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_colour_there_is_no_escape_sequence() {
        assert_eq!(said(false), "a[2Jb\n 12.3s  builder      pushes[2J\nc\n");
    }

    #[test]
    fn with_colour_there_are_only_our_own() {
        assert_eq!(
            said(true),
            "\x1b[1ma[2Jb\x1b[0m\n\x1b[2m 12.3s\x1b[0m  \x1b[1m\x1b[36mbuilder    \x1b[0m  \
             pushes[2J\nc\n"
        );
    }
}
