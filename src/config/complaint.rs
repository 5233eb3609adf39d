//! What is wrong with a configuration: every mistake of a file at once, each with its place.

use std::{error, fmt, ops::Range, path::Path};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, noun first.
    pub message: String,
    /// What would be right.
    pub expected: String,
    /// What helps: the nearest valid name, or what to write instead.
    pub hint: Option<String>,
    /// Its bytes in the file; `None` when it is about the file as a whole.
    pub at: Option<Range<usize>>,
    /// Other places that belong to it, and what each of them is.
    pub others: Vec<(Range<usize>, String)>,
    /// The line of its first byte, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The column of its first byte in characters, from 1; 0 as for `line`.
    pub column: usize,
    /// What one table says of others: it may follow from a mistake in one of these.
    pub(super) across: bool,
    /// Whether the line is fit to be shown to people.
    shown: bool,
}

impl Complaint {
    pub(super) fn new(
        at: Option<Range<usize>>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            expected: expected.into(),
            hint: None,
            at,
            others: Vec::new(),
            line: 0,
            column: 0,
            across: false,
            shown: false,
        }
    }

    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// Finds line and column, keeps the places inside the text, and makes the words printable.
    fn locate(&mut self, text: &str) {
        self.message = short(&self.message);
        self.expected = short(&self.expected);
        self.hint = self.hint.as_deref().map(short);
        let inside = |at: &Range<usize>| {
            let start = text.floor_char_boundary(at.start.min(text.len()));
            start..text.ceil_char_boundary(at.end.clamp(start, text.len()))
        };
        let Some(mut at) = self.at.as_ref().map(inside) else {
            return;
        };
        let after = text[..at.start].chars().next_back().filter(|c| *c != '\n');
        if let (true, Some(last)) = (at.is_empty(), after)
            && text[at.end..]
                .chars()
                .next()
                .is_none_or(char::is_whitespace)
        {
            // Something is missing at the end of the line: its last character can be pointed at.
            at.start -= last.len_utf8();
        }
        let before = &text[..at.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let length = text[line_start..]
            .find('\n')
            .unwrap_or(text.len() - line_start);
        self.line = before.matches('\n').count() + 1;
        self.column = before[line_start..].chars().count() + 1;
        self.shown = (1..=LONGEST_LINE).contains(&length) && at.len() <= LONGEST_LINE;
        self.at = Some(at);
        for (at, _) in &mut self.others {
            *at = inside(at);
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.line > 0 && !self.shown {
            write!(f, " (line {}, column {})", self.line, self.column)?;
        }
        Ok(())
    }
}

impl error::Error for Complaint {}

impl Diagnostic for Complaint {
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.at.clone().filter(|_| self.shown)?;
        let place =
            LabeledSpan::new_primary_with_span(Some(format!("expected {}", self.expected)), at);
        let others = self
            .others
            .iter()
            .map(|(at, what)| LabeledSpan::new_with_span(Some(what.clone()), at.clone()));
        Some(Box::new(others.chain([place])))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let expected = Some(format!("expected {}", self.expected))
            .filter(|_| !self.shown && !self.expected.is_empty());
        let words: Vec<_> = expected.into_iter().chain(self.hint.clone()).collect();
        (!words.is_empty()).then(|| Box::new(words.join("; ")) as Box<dyn fmt::Display>)
    }
}

/// A longer line than this (such as a file that is no configuration at all) is not shown.
const LONGEST_LINE: usize = 400;

/// More mistakes than this are counted and not shown: nobody reads on.
const MOST_SHOWN: usize = 50;

/// All mistakes of a file: first those within tables, then those across them, each in the order of the
/// file, so that none comes before what it follows from.
pub struct Complaints {
    source: Source,
    list: Vec<Complaint>,
    footer: Option<&'static str>,
}

impl Complaints {
    /// The file could not be read, for this reason.
    pub(crate) fn unread(file: &Path, why: &str) -> Self {
        let message = format!("configuration cannot be read: {why}");
        Self::new(file, "", vec![Complaint::new(None, message, "")])
    }

    pub(super) fn new(file: &Path, text: &str, mut list: Vec<Complaint>) -> Self {
        list.iter_mut().for_each(|one| one.locate(text));
        list.sort_by_key(|one| (one.across, one.at.as_ref().map(|at| at.start)));
        Self {
            source: Source {
                name: file.display().to_string(),
                text: printable(text),
            },
            list,
            footer: None,
        }
    }

    pub(super) fn footer(mut self, footer: &'static str) -> Self {
        self.footer = Some(footer);
        self
    }

    /// Every one of them, in this order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Complaint> {
        self.list.iter()
    }

    /// For people: each mistake with its line, what was expected, and what helps. Ends with a
    /// newline; has escape sequences only with `colour`.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_context_lines(1)
            .with_links(false)
            .with_width(100);
        let mut text = String::new();
        for one in self.list.iter().take(MOST_SHOWN) {
            // Writing to a string cannot fail, and a place outside the text was moved inside.
            let mut part = String::new();
            if handler.render_report(&mut part, &Shown(self, one)).is_ok() {
                text.push_str(part.trim_start_matches('\n'));
                if one.line > 0 {
                    text.push('\n');
                }
            }
        }
        let more = self.list.len().saturating_sub(MOST_SHOWN);
        if more > 0 {
            text.push_str(&format!("and {more} more\n"));
        }
        if let Some(footer) = self.footer {
            text.push_str(&format!("{footer}\n"));
        }
        let file = &self.source.name;
        match self.list.as_slice() {
            // It has said all there is to say.
            [one] if one.line == 0 || one.shown => {}
            [_] => text.push_str(&format!("{self}\n")),
            list => text.push_str(&format!("{file}: {} mistakes\n", list.len())),
        }
        text
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.source.name;
        match self.list.as_slice() {
            [one] if one.line == 0 => write!(f, "{}", one.message),
            [one] => write!(f, "{file}:{}:{}: {}", one.line, one.column, one.message),
            [] => write!(f, "{file}: no mistakes"),
            [first, ..] => {
                let (count, line, column) = (self.list.len(), first.line, first.column);
                let message = &first.message;
                write!(
                    f,
                    "{file}: {count} mistakes, the first: line {line}, column {column}: {message}"
                )
            }
        }
    }
}

impl fmt::Debug for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl error::Error for Complaints {}

impl Diagnostic for Complaints {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.list.iter().map(|one| one as &dyn Diagnostic)))
    }
}

/// One complaint together with its file.
#[derive(Debug)]
struct Shown<'a>(&'a Complaints, &'a Complaint);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.fmt(f)
    }
}

impl error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.1.labels()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.1.help()
    }
}

/// A file that is shown line by line. miette's own sources show neighbouring lines as context, or
/// else only the bytes of a place, and all lines between two places.
#[derive(Debug)]
struct Source {
    name: String,
    text: String,
}

impl SourceCode for Source {
    /// With any context, the whole lines of the span; without, the span.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (mut start, mut end) = (span.offset(), span.offset() + span.len());
        if !self.text.is_char_boundary(start) || !self.text.is_char_boundary(end) {
            return Err(MietteError::OutOfBounds);
        }
        let line_start = self.text[..start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        if before > 0 {
            start = line_start;
        }
        if after > 0 {
            end += self.text[end..].find('\n').unwrap_or(self.text.len() - end);
        }
        let data = &self.text[start..end];
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data.as_bytes(),
            (start..end).into(),
            self.text[..start].matches('\n').count(),
            self.text[line_start..start].chars().count(),
            data.matches('\n').count(),
        )))
    }
}

/// Words for a terminal: a long value of the file is not repeated in full.
fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text),
    }
}

/// The text for a terminal: a control character becomes another one of as many bytes, so that
/// nothing in the file can steer the terminal and every place still holds.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\r' => ' ',
            _ if c.is_ascii_control() => '?',
            _ if c.is_control() => '·',
            _ => c,
        })
        .collect()
}
