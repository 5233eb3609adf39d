//! Bytes as they arrive, as lines for people.

use std::mem;

use jiff::Timestamp;

use crate::launch::output::plain;

/// More bytes than this without a line end are not waited for.
const LONGEST: usize = 64 * 1024;

/// A line, and when it was begun where that is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Option<Timestamp>,
    pub(super) text: String,
}

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// When the first of them was written.
    at: Option<Timestamp>,
}

impl Lines {
    /// Takes the next bytes, written at that time, and gives the lines that they end, as [`plain`]
    /// reads them.
    pub(super) fn take(&mut self, at: Option<Timestamp>, bytes: &[u8]) -> Vec<Line> {
        let first = if self.pending.is_empty() { at } else { self.at };
        self.pending.extend_from_slice(bytes);
        let whole = match self.pending.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.pending.len() < LONGEST => 0,
            None => self.pending.len(),
        };
        let rest = self.pending.split_off(whole);
        self.at = if whole == 0 { first } else { at };
        lines(first, &mem::replace(&mut self.pending, rest))
    }

    /// The last line, if it has no end.
    pub(super) fn finish(&mut self) -> Vec<Line> {
        lines(self.at, &mem::take(&mut self.pending))
    }
}

fn lines(at: Option<Timestamp>, bytes: &[u8]) -> Vec<Line> {
    let lines = plain(bytes).into_iter();
    lines.map(|text| Line { at, text }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut read: Vec<Line> = pieces
            .iter()
            .flat_map(|piece| lines.take(None, piece))
            .collect();
        read.extend(lines.finish());
        read.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        assert_eq!(read(&[b"a", b"b\nc", b"\n", b"d"]), ["ab", "c", "d"]);
        let (first, second) = "ä".as_bytes().split_at(1);
        assert_eq!(read(&[first, second, b"\n"]), ["ä"]);
        assert_eq!(read(&[b"\x1b[31mred\x1b", b"[0m\x07\r\n"]), ["red"]);
        assert_eq!(read(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_line_has_the_time_of_its_beginning() {
        let at = |second| Timestamp::from_second(second).ok();
        let mut lines = Lines::default();
        let mut read = Vec::new();
        for (second, bytes) in [
            (1, &b"a\n"[..]),
            (2, b"b1"),
            (3, b"b2"),
            (4, b"b3\nc"),
            (5, b"\n"),
        ] {
            read.extend(lines.take(at(second), bytes));
        }
        read.extend(lines.take(at(6), b"open"));
        read.extend(lines.finish());
        let read: Vec<_> = read.iter().map(|line| (line.at, &line.text[..])).collect();
        let wanted = [
            (at(1), "a"),
            (at(2), "b1b2b3"),
            (at(4), "c"),
            (at(6), "open"),
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.take(None, &[b'x'; 4096]);
            assert!(lines.pending.len() < LONGEST);
        }
    }
}
