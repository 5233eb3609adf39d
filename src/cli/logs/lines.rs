//! Bytes as they arrive, as lines for people.

use std::{io, mem};

use crate::launch::output::plain;

/// More bytes than this without a line end are not waited for.
const LONGEST: usize = 64 * 1024;

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and gives the lines that they end, as [`plain`] reads them.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        each: impl FnMut(&str) -> io::Result<()>,
    ) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        let whole = match self.pending.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.pending.len() < LONGEST => return Ok(()),
            None => self.pending.len(),
        };
        let rest = self.pending.split_off(whole);
        let lines = plain(&mem::replace(&mut self.pending, rest));
        lines.iter().map(String::as_str).try_for_each(each)
    }

    /// The last line, if it has no end.
    pub(super) fn finish(&mut self, each: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        plain(&mem::take(&mut self.pending))
            .iter()
            .map(String::as_str)
            .try_for_each(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        let mut keep = |line: &str| {
            out.push(line.to_owned());
            Ok(())
        };
        for piece in pieces {
            lines.take(piece, &mut keep).unwrap();
        }
        lines.finish(&mut keep).unwrap();
        out
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        assert_eq!(lines(&[b"a", b"b\nc", b"\n", b"d"]), ["ab", "c", "d"]);
        let (first, second) = "ä".as_bytes().split_at(1);
        assert_eq!(lines(&[first, second, b"\n"]), ["ä"]);
        assert_eq!(lines(&[b"\x1b[31mred\x1b", b"[0m\x07\r\n"]), ["red"]);
        assert_eq!(lines(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.take(&[b'x'; 4096], |_| Ok(())).unwrap();
            assert!(lines.pending.len() < LONGEST);
        }
    }
}
