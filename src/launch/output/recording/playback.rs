//! Reads a recording, also while it is written.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Take},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{Event, Header, Size, open, parts, writer};

/// No line that we write is longer.
const LONGEST: u64 = 1024 * 1024;
/// No part that we write is longer, whose last line may go beyond its limit. One that is, is somebody
/// else's.
const PART: u64 = writer::LARGEST + LONGEST;
/// Bytes that looking for another part costs, where what is read is bounded.
const LOOK: u64 = 64 * 1024;

/// A reader of a recording, from its oldest part on.
///
/// What is damaged is left out, and what was sent meanwhile to the terminal is missing then.
#[derive(Debug)]
pub struct Playback {
    directory: PathBuf,
    part: Option<Part>,
    /// When the last thing happened that was told.
    last: Timestamp,
    started: bool,
    /// Bytes that are still read of it: a worker may have put there what it likes.
    left: u64,
}

#[derive(Debug)]
struct Part {
    number: u64,
    file: BufReader<Take<File>>,
    /// A line of which the end has not come yet.
    line: Vec<u8>,
    /// The line is longer than any, and is left out.
    endless: bool,
    /// There is a later one.
    followed: bool,
    /// The time in its header, once that is read.
    zero: Option<Timestamp>,
}

/// Something that happened to the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When; never before what was told before it, however the clock was set.
    pub at: Timestamp,
    /// What.
    pub told: Told,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It has this size from now on: the first thing that is told, and then where it changes.
    Size(Size),
    /// It was sent this.
    Output(String),
}

impl Playback {
    /// At the beginning of what is left in this directory, which need not be there yet.
    pub fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            part: None,
            last: Timestamp::MIN,
            started: false,
            left: u64::MAX,
        }
    }

    /// The same, of which no more is read than so many bytes.
    pub(crate) fn at_most(self, left: u64) -> Self {
        Self { left, ..self }
    }

    /// At the beginning of the newest part.
    pub(crate) fn of_latest(directory: &Path) -> io::Result<Self> {
        let mut playback = Self::of(directory);
        if let Some(newest) = parts(directory)?.pop() {
            playback.part = Some(Part::open(directory, newest)?);
        }
        Ok(playback)
    }

    /// Whether nothing was left unread because it was too much.
    pub(super) fn is_at_end(&self) -> bool {
        self.left > 0
    }

    /// What happened next; `None` at the end of what is recorded so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Moment>> {
        loop {
            let Some(part) = &mut self.part else {
                match self.later(0)? {
                    Some(part) => self.part = Some(part),
                    None => return Ok(None),
                }
                continue;
            };
            if part.read_line(&mut self.left)? {
                if let Some(moment) = self.told() {
                    return Ok(Some(moment));
                }
                continue;
            }
            if self.left == 0 {
                return Ok(None);
            }
            // Who begins the next one has written the last of this one before: it is read once more.
            let number = part.number;
            let Some(later) = self.later(number)? else {
                return Ok(None);
            };
            match &mut self.part {
                Some(part) if !part.followed => part.followed = true,
                _ => self.part = Some(later),
            }
        }
    }

    /// The first part after that one.
    fn later(&mut self, number: u64) -> io::Result<Option<Part>> {
        self.left = self.left.saturating_sub(LOOK);
        let later = parts(&self.directory)?;
        for number in later.into_iter().filter(|other| *other > number) {
            match Part::open(&self.directory, number) {
                // Its turn to be removed has come.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map(Some),
            }
        }
        Ok(None)
    }

    /// What the line at hand tells, if anything.
    fn told(&mut self) -> Option<Moment> {
        let part = self.part.as_mut()?;
        let line = std::mem::take(&mut part.line);
        let (at, told) = match part.zero {
            None => {
                let (zero, size) = Header::read(&line)?;
                part.zero = Some(zero);
                (zero, Told::Size(size))
            }
            Some(zero) => {
                let (after, event) = Event::read(&line)?;
                if after.is_zero() && self.started {
                    return None;
                }
                let told = match event {
                    Event::Output(text) => Told::Output(text),
                    Event::Resize(size) => Told::Size(size),
                };
                self.started = true;
                (zero.checked_add(after).ok()?, told)
            }
        };
        self.last = self.last.max(at);
        Some(Moment {
            at: self.last,
            told,
        })
    }
}

impl Part {
    fn open(directory: &Path, number: u64) -> io::Result<Self> {
        Ok(Self {
            number,
            file: BufReader::new(open(directory, number)?.take(PART)),
            line: Vec::new(),
            endless: false,
            followed: false,
            zero: None,
        })
    }

    /// Whether the rest of a line was there, as far as it may be read.
    fn read_line(&mut self, left: &mut u64) -> io::Result<bool> {
        loop {
            let room = LONGEST.saturating_sub(self.line.len() as u64).min(*left);
            let read = (&mut self.file)
                .take(room)
                .read_until(b'\n', &mut self.line)?;
            *left = left.saturating_sub(read as u64);
            if self.line.last() == Some(&b'\n') {
                if std::mem::take(&mut self.endless) {
                    self.line.clear();
                }
                return Ok(true);
            }
            if (self.line.len() as u64) < LONGEST {
                return Ok(false);
            }
            self.line.clear();
            self.endless = true;
        }
    }
}
