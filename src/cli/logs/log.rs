//! The output of one worker, from attempt to attempt.

use std::{
    io,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
};

use super::{Arguments, Printer, Style, lines::Lines, source::Source, unreadable};
use crate::{
    cli::failure::{Exit, Failure},
    launch::directory::{Directory, attempts},
    model::{AttemptId, AttemptRef, WorkerName},
};

/// A worker whose output is shown.
pub(super) struct Log<'a> {
    state: &'a Path,
    worker: WorkerName,
    /// Only this attempt is shown.
    only: Option<AttemptId>,
    reading: Option<Reading>,
    /// As bytes, and not as lines.
    raw: bool,
    /// The directory of a later attempt that has no output yet.
    coming: Option<PathBuf>,
    /// Lines of an attempt before the one at hand were shown.
    spoke: bool,
}

struct Reading {
    of: AttemptRef,
    source: Source,
    lines: Lines,
    shown: Shown,
}

/// What was shown of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// An attempt that stays silent is not worth a heading.
    Nothing {
        heading: bool,
    },
    Lines,
}

impl<'a> Log<'a> {
    /// Prints what was asked for of the past, up to the latest attempt.
    pub(super) fn open(
        state: &'a Path,
        worker: WorkerName,
        arguments: &Arguments,
        printer: &Printer<'_>,
    ) -> Result<Self, Failure> {
        let only = arguments.attempt.clone();
        let mut log = Self {
            state,
            worker,
            only,
            reading: None,
            raw: arguments.raw,
            coming: None,
            spoke: false,
        };
        let all = log.attempts()?;
        if let (Some(only), true) = (&log.only, all.is_empty()) {
            let worker = &log.worker;
            let what = format!("attempt {only} of worker {worker} does not exist");
            return Err(Failure::say(Exit::Unknown, what).hint(format!(
                "older attempts are removed; see supervisorctl history {worker}"
            )));
        }
        for (attempt, lines) in log.past(&all, arguments.lines)? {
            let next = log.read(&attempt, Some(lines))?;
            log.go_to(next, printer)?;
        }
        Ok(log)
    }

    fn attempts(&self) -> Result<Vec<AttemptId>, Failure> {
        let mut all =
            attempts(self.state, &self.worker).map_err(|error| unreadable(self.state, &error))?;
        if let Some(only) = &self.only {
            all.retain(|attempt| attempt == only);
        }
        Ok(all)
    }

    /// The attempts in which the last lines are, oldest of them first, and how many are to be shown
    /// of each.
    fn past(&self, all: &[AttemptId], lines: usize) -> Result<Vec<(AttemptId, usize)>, Failure> {
        let mut past = Vec::new();
        let mut wanted = lines;
        for attempt in all.iter().rev() {
            let Some(mut reading) = self.read(attempt, Some(wanted))? else {
                continue;
            };
            past.push((attempt.clone(), wanted));
            wanted = wanted.saturating_sub(reading.count()?);
            if wanted == 0 {
                break;
            }
        }
        past.reverse();
        Ok(past)
    }

    fn directory(&self, attempt: &AttemptId) -> (AttemptRef, Directory) {
        let of = AttemptRef {
            worker: self.worker.clone(),
            attempt: attempt.clone(),
        };
        let directory = Directory::of(self.state, &of);
        (of, directory)
    }

    /// At its last lines, or at its head. `None` when it is gone meanwhile, or has no output yet.
    fn read(&self, attempt: &AttemptId, lines: Option<usize>) -> Result<Option<Reading>, Failure> {
        let (of, directory) = self.directory(attempt);
        let source = Source::open(&of, &directory, lines, self.raw)?;
        Ok(source.map(|source| Reading {
            of,
            source,
            lines: Lines::default(),
            shown: Shown::Nothing { heading: false },
        }))
    }

    /// Prints what the attempt at hand still has, and then what the next one has so far.
    fn go_to(&mut self, next: Option<Reading>, printer: &Printer<'_>) -> Result<(), Failure> {
        let Some(mut next) = next else { return Ok(()) };
        self.finish(printer)?;
        next.shown = Shown::Nothing {
            heading: self.spoke,
        };
        next.read_on(printer)?;
        self.reading = Some(next);
        Ok(())
    }

    /// Prints the rest of the attempt at hand, also a last line without an end.
    pub(super) fn finish(&mut self, printer: &Printer<'_>) -> Result<(), Failure> {
        if let Some(mut reading) = self.reading.take() {
            reading.source.end()?;
            reading.read_on(printer)?;
            reading
                .lines
                .finish(|line| reading.shown.line(&reading.of, line, printer))?;
            self.spoke |= reading.shown == Shown::Lines;
        }
        Ok(())
    }

    /// Prints what is new, and goes on to later attempts.
    pub(super) fn go_on(&mut self, printer: &Printer<'_>) -> Result<(), Failure> {
        let latest = self
            .reading
            .as_ref()
            .map(|reading| reading.of.attempt.clone());
        if let Some(reading) = &mut self.reading {
            reading.source.follow()?;
            reading.read_on(printer)?;
        }
        self.coming = None;
        for attempt in self.attempts()? {
            if latest.as_ref().is_some_and(|latest| attempt <= *latest) {
                continue;
            }
            let next = self.read(&attempt, None)?;
            if next.is_none() {
                let (_, directory) = self.directory(&attempt);
                self.coming = Some(directory.path().to_owned());
            }
            self.go_to(next, printer)?;
        }
        Ok(())
    }

    /// What has to be watched to notice that there is more: the file, the directory in which later
    /// attempts appear, and the one in which the next output does.
    pub(super) fn watched(&self) -> impl Iterator<Item = PathBuf> {
        let latest = self.reading.as_ref();
        let file = latest.and_then(|reading| reading.source.file());
        let directory = latest.and_then(|reading| {
            let (_, directory) = self.directory(&reading.of.attempt);
            directory.path().parent().map(Path::to_owned)
        });
        let file = file.map(Path::to_owned).into_iter();
        file.chain(directory).chain(self.coming.clone())
    }

    /// What is readable when the journal has more.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        self.reading.as_ref()?.source.news()
    }
}

impl Shown {
    fn line(&mut self, of: &AttemptRef, line: &str, printer: &Printer<'_>) -> io::Result<()> {
        if *self == (Self::Nothing { heading: true }) {
            printer.begin(of)?;
        }
        *self = Self::Lines;
        printer.line(of, line)
    }
}

impl Reading {
    /// Prints what was written since the last time.
    fn read_on(&mut self, printer: &Printer<'_>) -> Result<(), Failure> {
        loop {
            let bytes = self.next()?;
            match printer.style {
                _ if bytes.is_empty() => return Ok(()),
                Style::Raw => printer.screen.print(bytes)?,
                Style::Json | Style::Plain | Style::Named { .. } => {
                    self.lines
                        .take(&bytes, |line| self.shown.line(&self.of, line, printer))?;
                }
            }
        }
    }

    /// The lines up to the end.
    fn count(&mut self) -> Result<usize, Failure> {
        let (mut count, mut open) = (0, false);
        loop {
            let bytes = self.next()?;
            let Some(last) = bytes.last() else {
                return Ok(count + usize::from(open));
            };
            open = *last != b'\n';
            count += bytes.iter().filter(|byte| **byte == b'\n').count();
        }
    }

    fn next(&mut self) -> Result<Vec<u8>, Failure> {
        self.source.read()
    }
}
