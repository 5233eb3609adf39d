//! Where the output of one attempt is read: its file, or the journal.

use std::{
    io,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
};

use super::{journal::JournalTail, unreadable};
use crate::{
    cli::failure::{Exit, Failure},
    launch::{
        directory::Directory,
        output::{Entries, READER, Tail},
    },
    model::AttemptRef,
};

/// What is read, and how far.
pub(super) enum Source {
    File { path: PathBuf, tail: Tail },
    Journal(JournalTail),
}

impl Source {
    /// At the last `lines` lines, or at the first one. `None` when there is no output yet, or no more.
    ///
    /// All that a terminal was sent is in the file; the journal has lines of it.
    pub(super) fn open(
        of: &AttemptRef,
        directory: &Directory,
        lines: Option<usize>,
        raw: bool,
    ) -> Result<Option<Self>, Failure> {
        let path = directory.output();
        let in_journal = Entries::of(directory, of).filter(|_| !(raw && path.exists()));
        if let Some(entries) = in_journal {
            // What its lines are known by is recorded with its start.
            if directory.start().is_none() && directory.start_failed().is_none() {
                return Ok(None);
            }
            let tail = match lines {
                Some(lines) => JournalTail::last_lines(entries, lines),
                None => JournalTail::from_head(entries),
            };
            return tail
                .map(|tail| Some(Self::Journal(tail)))
                .map_err(|error| no_journal(&error));
        }
        let tail = match lines {
            Some(lines) => Tail::last_lines(&path, lines),
            None => Tail::from_head(&path),
        };
        match tail {
            Ok(tail) => Ok(Some(Self::File { path, tail })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The next bytes; empty at the end of what is known so far.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::File { path, tail } => tail.read().map_err(|error| unreadable(path, &error)),
            Self::Journal(tail) => tail.read().map_err(|error| no_journal(&error)),
        }
    }

    /// From now on, what is new is known as well.
    pub(super) fn follow(&mut self) -> Result<(), Failure> {
        match self {
            Self::File { .. } => Ok(()),
            Self::Journal(tail) => tail.follow().map_err(|error| no_journal(&error)),
        }
    }

    /// Nothing more comes but what is there.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match self {
            Self::File { .. } => Ok(()),
            Self::Journal(tail) => tail.end().map_err(|error| no_journal(&error)),
        }
    }

    /// The file that grows when there is more.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Journal(_) => None,
        }
    }

    /// What is readable when there is more.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::File { .. } => None,
            Self::Journal(tail) => tail.news(),
        }
    }
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
        _ => failure,
    }
}
