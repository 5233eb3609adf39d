//! Where the output of one attempt is read: its file, its recording, or the journal.

use std::{
    fs, io,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{journal::JournalTail, recording::RecordingTail, unreadable};
use crate::{
    cli::failure::{Exit, Failure},
    launch::{
        directory::Directory,
        output::{Entries, READER, Tail, recording},
    },
    model::AttemptRef,
};

/// What is asked for of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// So many lines at most, the last ones.
    pub(super) lines: usize,
    /// Nothing before it.
    pub(super) since: Option<Timestamp>,
}

/// Bytes as they were written, and when, where that is known.
pub(super) struct Piece {
    pub(super) at: Option<Timestamp>,
    pub(super) bytes: Vec<u8>,
}

/// What is read, and how far.
pub(super) enum Source {
    File {
        path: PathBuf,
        tail: Tail,
    },
    Recording {
        directory: PathBuf,
        tail: RecordingTail,
    },
    Journal {
        tail: JournalTail,
        raw: bool,
    },
}

impl Source {
    /// At the first of the lines that are wanted. `None` when there is no output yet, or no more.
    ///
    /// All that a terminal was sent is recorded; the journal has lines of it.
    pub(super) fn open(
        of: &AttemptRef,
        directory: &Directory,
        wanted: Wanted,
        raw: bool,
    ) -> Result<Option<Self>, Failure> {
        let path = directory.output();
        let recorded = directory.recording();
        let is_recorded = recording::is_there(&recorded);
        let has_all = is_recorded || path.exists();
        let in_journal = Entries::of(directory, of).filter(|_| !(raw && has_all));
        if let Some(entries) = in_journal {
            // What its lines are known by is recorded with its start.
            if directory.start().is_none() && directory.start_failed().is_none() {
                return Ok(None);
            }
            return JournalTail::open(entries, wanted)
                .map(|tail| Some(Self::Journal { tail, raw }))
                .map_err(|error| no_journal(&error));
        }
        if is_recorded {
            return match RecordingTail::open(&recorded, wanted) {
                Ok(tail) => Ok(Some(Self::Recording {
                    directory: recorded,
                    tail,
                })),
                Err(error) => Err(unreadable(&recorded, &error)),
            };
        }
        // What was written before its last change is not known, but nothing was written since.
        let is_older = |since| last_change(&path).is_some_and(|at| at < since);
        let lines = match wanted.since.is_some_and(is_older) {
            true => 0,
            false => wanted.lines,
        };
        match Tail::last_lines(&path, lines) {
            Ok(tail) => Ok(Some(Self::File { path, tail })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// Lines up to the end, and itself, where those are not used up by counting.
    pub(super) fn count(self) -> Result<(usize, Option<Self>), Failure> {
        let (path, mut tail) = match self {
            Self::File { path, tail } => (path, tail),
            Self::Recording { ref tail, .. } => return Ok((tail.count(), Some(self))),
            Self::Journal { ref tail, .. } => return Ok((tail.count(), Some(self))),
        };
        let (mut count, mut open) = (0, false);
        loop {
            let bytes = tail.read().map_err(|error| unreadable(&path, &error))?;
            let Some(last) = bytes.last() else {
                return Ok((count + usize::from(open), None));
            };
            open = *last != b'\n';
            count += bytes.iter().filter(|byte| **byte == b'\n').count();
        }
    }

    /// Whether it is known when something was written.
    pub(super) fn has_times(&self) -> bool {
        match self {
            Self::Recording { .. } | Self::Journal { .. } => true,
            Self::File { .. } => false,
        }
    }

    /// What comes next; empty at the end of what is known so far.
    pub(super) fn read(&mut self) -> Result<Vec<Piece>, Failure> {
        match self {
            Self::File { path, tail } => {
                let bytes = tail.read().map_err(|error| unreadable(path, &error))?;
                let at = None;
                Ok(Vec::from_iter(
                    (!bytes.is_empty()).then_some(Piece { at, bytes }),
                ))
            }
            Self::Recording { directory, tail } => {
                tail.read().map_err(|error| unreadable(directory, &error))
            }
            Self::Journal { tail, raw } => {
                let entries = tail.read().map_err(|error| no_journal(&error))?;
                let entries = entries.into_iter();
                // What journald says is none of the worker's bytes.
                let entries = entries.filter(|entry| !(*raw && entry.is_note));
                Ok(entries
                    .map(|entry| Piece {
                        at: Timestamp::try_from(entry.at).ok(),
                        bytes: entry.bytes,
                    })
                    .collect())
            }
        }
    }

    /// From now on, what is new is known as well.
    pub(super) fn follow(&mut self) -> Result<(), Failure> {
        match self {
            Self::File { .. } | Self::Recording { .. } => Ok(()),
            Self::Journal { tail, .. } => tail.follow().map_err(|error| no_journal(&error)),
        }
    }

    /// Nothing more comes but what is there.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match self {
            Self::File { .. } | Self::Recording { .. } => Ok(()),
            Self::Journal { tail, .. } => tail.end().map_err(|error| no_journal(&error)),
        }
    }

    /// The file that grows when there is more, or the directory of such files.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Recording { directory, .. } => Some(directory),
            Self::Journal { .. } => None,
        }
    }

    /// What is readable when there is more.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::File { .. } | Self::Recording { .. } => None,
            Self::Journal { tail, .. } => tail.news(),
        }
    }
}

fn last_change(path: &Path) -> Option<Timestamp> {
    Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok()
}

fn no_journal(error: &io::Error) -> Failure {
    let failure = Failure::say(
        Exit::Failed,
        format!("{READER}: the output is in the journal, which cannot be read: {error}"),
    );
    match error.kind() {
        io::ErrorKind::NotFound => failure.hint("it is a part of systemd; see $PATH"),
        io::ErrorKind::PermissionDenied => failure
            .hint("the groups systemd-journal and adm may read it: sudo usermod -aG systemd-journal $USER"),
        io::ErrorKind::TimedOut => {
            failure.hint("see what holds the journal: systemctl status systemd-journald")
        }
        _ => failure,
    }
}
