//! What a terminal was sent, as its recording has it: with times.

use std::{io, path::Path};

use jiff::Timestamp;

use super::source::{Piece, Wanted};
use crate::launch::output::recording::{Moment, Playback, Told};

/// Bytes that are read at once, more or less.
const ENOUGH: usize = 64 * 1024;

/// A reader that stays at the end of a recording.
pub(super) struct RecordingTail {
    playback: Playback,
    since: Option<Timestamp>,
    /// So many lines come before those that are wanted.
    skip: usize,
    /// Lines that are wanted and there.
    count: usize,
}

impl RecordingTail {
    /// At the first of the lines that are wanted.
    pub(super) fn open(directory: &Path, wanted: Wanted) -> io::Result<Self> {
        let mut tail = Self {
            playback: Playback::of(directory),
            since: wanted.since,
            skip: 0,
            count: 0,
        };
        let (mut lines, mut open) = (0, false);
        while let Some(piece) = tail.next()? {
            lines += ends(&piece.bytes);
            open = piece.bytes.last() != Some(&b'\n');
        }
        let all = lines + usize::from(open);
        let skip = all.saturating_sub(wanted.lines);
        Ok(Self {
            playback: Playback::of(directory),
            skip,
            count: all - skip,
            ..tail
        })
    }

    /// Lines that are wanted and were there when it was opened.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What comes next; empty at the end of what is recorded so far.
    pub(super) fn read(&mut self) -> io::Result<Vec<Piece>> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while bytes < ENOUGH
            && let Some(piece) = self.next()?
        {
            bytes += piece.bytes.len();
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// The next piece that has something that is wanted.
    fn next(&mut self) -> io::Result<Option<Piece>> {
        while let Some(Moment { at, told }) = self.playback.read()? {
            let Told::Output(text) = told else {
                continue;
            };
            if self.since.is_some_and(|since| at < since) {
                continue;
            }
            let bytes = self.wanted(text.into_bytes());
            if !bytes.is_empty() {
                let at = Some(at);
                return Ok(Some(Piece { at, bytes }));
            }
        }
        Ok(None)
    }

    /// Without the lines that come before.
    fn wanted(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let found = ends(&bytes);
        if found < self.skip {
            self.skip -= found;
            return Vec::new();
        }
        let last = match std::mem::take(&mut self.skip) {
            0 => return bytes,
            skip => skip - 1,
        };
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let end = ends.map(|(at, _)| at).nth(last);
        bytes.drain(..=end.unwrap_or(bytes.len() - 1));
        bytes
    }
}

fn ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
