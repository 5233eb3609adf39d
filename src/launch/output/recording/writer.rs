//! Writes a recording.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::{Header, OUTPUT, RESIZE, Size, VERSION, line, modes::Modes, parts, path, text::Text};

/// No part is larger, as long as each line fits.
pub(super) const LARGEST: u64 = 4 * 1024 * 1024;
/// A part is at most this share of what is kept.
const SHARE: u64 = 4;
/// And a line at most this share of a part, before its control characters are written as JSON has them.
const LINES: u64 = 8;
/// What was sent is never at 0, where the modes stand.
const FIRST: Duration = Duration::from_micros(1);

/// When something happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// As the clock has it, which may be set.
    pub(crate) at: Timestamp,
    /// Since any fixed moment, by a clock that only goes on.
    pub(crate) elapsed: Duration,
}

/// The one who writes a recording.
pub(crate) struct RecordingWriter {
    directory: PathBuf,
    keep: u64,
    /// Bytes of a part.
    limit: u64,
    size: Size,
    text: Text,
    modes: Modes,
    part: Option<Part>,
}

struct Part {
    file: File,
    bytes: u64,
    /// There is something in it that was sent.
    used: bool,
    /// When its times are 0, on the clock that only goes on: the part's own beginning, and how far in
    /// its second that was.
    began: Duration,
    into_second: Duration,
}

impl RecordingWriter {
    /// In this directory, which is made; no more than `keep` bytes stay there. The terminal has this size.
    pub(crate) fn new(directory: &Path, keep: u64, size: Size) -> Self {
        Self {
            directory: directory.to_owned(),
            keep,
            limit: (keep / SHARE).clamp(1, LARGEST),
            size,
            text: Text::default(),
            modes: Modes::default(),
            part: None,
        }
    }

    /// Begins, so that it is known that nothing was sent yet.
    ///
    /// # Errors
    /// When nothing can be written; it begins with what is sent first then.
    pub(crate) fn start(&mut self, now: Now) -> io::Result<()> {
        self.part = Some(self.begin(now)?);
        Ok(())
    }

    /// Adds what the terminal is sent while it has this size.
    ///
    /// # Errors
    /// What could not be written is missing from then on; all else is well.
    pub(crate) fn take(&mut self, now: Now, size: Size, bytes: &[u8]) -> io::Result<()> {
        let mut written = Ok(());
        if size != self.size {
            self.size = size;
            // A part that has still to begin has it in its header.
            if self.part.is_some() {
                written = self.add(now, RESIZE, &size.to_string());
            }
        }
        let text = self.text.take(bytes);
        written.and(self.add_text(now, &text))
    }

    /// Nothing more comes: the rest.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn finish(&mut self, now: Now) -> io::Result<()> {
        let rest = self.text.finish();
        self.add_text(now, &rest)
    }

    fn add_text(&mut self, now: Now, mut text: &str) -> io::Result<()> {
        let most = usize::try_from(self.limit / LINES).unwrap_or(usize::MAX);
        let mut written = Ok(());
        while !text.is_empty() {
            let longest = text.floor_char_boundary(most.max(char::MAX.len_utf8()));
            let (piece, rest) = text.split_at(longest);
            written = written.and(self.add(now, OUTPUT, piece));
            self.modes.take(piece);
            text = rest;
        }
        written
    }

    fn add(&mut self, now: Now, code: &str, data: &str) -> io::Result<()> {
        let mut part = match self.part.take() {
            Some(part) => part,
            None => self.begin(now)?,
        };
        let mut added = line(part.after(now), code, data)?;
        if part.used && part.bytes + added.len() as u64 > self.limit {
            drop(part);
            part = self.begin(now)?;
            added = line(part.after(now), code, data)?;
        }
        let written = part.write(&added);
        part.used |= written.is_ok();
        self.part = Some(part);
        written
    }

    /// Begins the next part, with room for it.
    fn begin(&self, now: Now) -> io::Result<Part> {
        match fs::DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let before = parts(&self.directory)?;
        self.make_room(&before)?;
        let number = before.last().map_or(1, |last| last.saturating_add(1));
        let place = path(&self.directory, number);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&place)?;
        let header = Header {
            version: VERSION,
            width: self.size.columns,
            height: self.size.rows,
            timestamp: now.at.as_second(),
        };
        let mut head = serde_json::to_string(&header)? + "\n";
        let modes = self.modes.again();
        if !modes.is_empty() {
            head += &line(Duration::ZERO, OUTPUT, &modes)?;
        }
        let into_second = u64::try_from(now.at.subsec_nanosecond()).unwrap_or_default();
        let mut part = Part {
            file,
            bytes: 0,
            used: false,
            began: now.elapsed,
            into_second: Duration::from_nanos(into_second),
        };
        part.write(&head).inspect_err(|_| {
            // Without its header it is of no use to anybody.
            drop(fs::remove_file(&place));
        })?;
        Ok(part)
    }

    fn make_room(&self, before: &[u64]) -> io::Result<()> {
        let mut sizes = Vec::new();
        for number in before {
            let place = path(&self.directory, *number);
            // Somebody may tidy up here.
            sizes.extend(fs::symlink_metadata(&place).map(|found| (found.len(), place)));
        }
        let mut all: u64 = sizes.iter().map(|(size, _)| size).sum();
        for (size, place) in sizes {
            if all + self.limit <= self.keep {
                break;
            }
            match fs::remove_file(place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => all -= size,
            }
        }
        Ok(())
    }
}

impl Part {
    fn after(&self, now: Now) -> Duration {
        let after = self.into_second + now.elapsed.saturating_sub(self.began);
        after.max(FIRST)
    }

    /// Adds whole lines, or nothing.
    fn write(&mut self, lines: &str) -> io::Result<()> {
        let written = self.file.write_all(lines.as_bytes());
        match written {
            Ok(()) => self.bytes += lines.len() as u64,
            // What did go in would be half a line, to which the next one is added.
            Err(_) => self.file.set_len(self.bytes)?,
        }
        written
    }
}
