//! Entries of the journal in its export format, as journalctl(1) prints them with `--output=export`.
//!
//! Format: a field a line, `NAME=value`; one that is no text in one line is its name alone on a line,
//! its length as 64 bits little-endian, its bytes and a line end; an empty line ends the entry.
//! Source: <https://systemd.io/JOURNAL_EXPORT_FORMATS>.

use std::time::{Duration, SystemTime};

/// How journalctl(1) is asked for it. Cursor and time are printed in any case.
pub(super) const OPTIONS: [&str; 4] = [
    "--quiet",
    "--no-pager",
    "--output=export",
    "--output-fields=MESSAGE,_LINE_BREAK,_TRANSPORT,N_DROPPED",
];

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the journal.
    pub cursor: String,
    /// When journald took it.
    pub at: SystemTime,
    /// What was written, with the line end that was there: none where journald cut a long line, or
    /// where the line was open when its writer ended.
    pub bytes: Vec<u8>,
    /// It is no output: a line in the place of what journald left out.
    pub is_note: bool,
}

/// Takes bytes as they come and gives the entries that they complete.
#[derive(Debug, Default)]
pub struct Export {
    pending: Vec<u8>,
}

impl Export {
    /// The entries that are whole with these bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Entry> {
        self.pending.extend_from_slice(bytes);
        let mut entries = Vec::new();
        let mut rest = &self.pending[..];
        while let Some((entry, behind)) = entry(rest) {
            entries.extend(entry);
            rest = behind;
        }
        let taken = self.pending.len() - rest.len();
        self.pending.drain(..taken);
        entries
    }
}

/// The first entry, and what follows it; `None` as long as it is not whole. Something that has no
/// cursor is none of a journal, and is left out.
fn entry(bytes: &[u8]) -> Option<(Option<Entry>, &[u8])> {
    let (mut cursor, mut at, mut message, mut line_break) = (None, None, None, None);
    let (mut of_journald, mut left_out) = (false, None);
    let mut rest = bytes;
    loop {
        let (line, behind) = split_line(rest)?;
        rest = behind;
        if line.is_empty() {
            break;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&line[..equals], &line[equals + 1..]),
            None => {
                let (length, behind) = rest.split_first_chunk()?;
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                let value = behind.get(..length)?;
                // One byte more: the line end.
                rest = behind.get(length + 1..)?;
                (line, value)
            }
        };
        match name {
            b"__CURSOR" => cursor = Some(String::from_utf8_lossy(value).into_owned()),
            b"__REALTIME_TIMESTAMP" => at = microseconds(value),
            b"MESSAGE" => message = Some(value),
            b"_LINE_BREAK" => line_break = Some(value),
            // Nobody but journald itself has this one.
            b"_TRANSPORT" => of_journald = value == b"driver",
            b"N_DROPPED" => left_out = Some(String::from_utf8_lossy(value)),
            _ => {}
        }
    }
    let whole = cursor.zip(at).map(|(cursor, at)| {
        if let (true, Some(lines)) = (of_journald, &left_out) {
            let note = format!(
                "[{lines} lines are missing here: more than journald takes of one unit in such a \
                 time; see RateLimitBurst= in journald.conf(5)]\n"
            );
            return Entry {
                cursor,
                at,
                bytes: note.into_bytes(),
                is_note: true,
            };
        }
        let mut bytes = message.unwrap_or_default().to_vec();
        // systemd.journal-fields(7)
        bytes.extend(match line_break {
            // The next to write was another process: its line is one of its own.
            None | Some(b"pid-change") => Some(b'\n'),
            Some(b"nul") => Some(0),
            Some(_cut) => None,
        });
        Entry {
            cursor,
            at,
            bytes,
            is_note: false,
        }
    });
    Some((whole, rest))
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn microseconds(value: &[u8]) -> Option<SystemTime> {
    let number = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_micros(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cursor: &str, fields: &str) -> Vec<u8> {
        format!("__CURSOR={cursor}\n__REALTIME_TIMESTAMP=1000001\n{fields}\n").into_bytes()
    }

    fn binary(name: &str, value: &[u8]) -> Vec<u8> {
        let length = (value.len() as u64).to_le_bytes();
        [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
    }

    /// All forms that journald gives a line.
    fn journal() -> Vec<u8> {
        let mut odd = text("2", "");
        // Before the empty line that ends it.
        odd.splice(odd.len() - 1.., binary("MESSAGE", b"\x1b[31m=\n\n\xff"));
        odd.push(b'\n');
        [
            text("1", "_BOOT_ID=ab\nMESSAGE=a = b\n"),
            odd,
            text("3", "MESSAGE=lo\n_LINE_BREAK=line-max\n"),
            text("4", "_LINE_BREAK=nul\nMESSAGE=ng\n"),
            text("5", "MESSAGE=end\n_LINE_BREAK=eof\n"),
            text("6", "MESSAGE=one of two\n_LINE_BREAK=pid-change\n"),
        ]
        .concat()
    }

    #[test]
    fn lines_come_out_as_they_were_written() {
        let entries = Export::default().take(&journal());
        let bytes: Vec<_> = entries.iter().map(|entry| &entry.bytes[..]).collect();
        let wanted = [
            &b"a = b\n"[..],
            b"\x1b[31m=\n\n\xff\n",
            b"lo",
            b"ng\0",
            b"end",
            b"one of two\n",
        ];
        assert_eq!(bytes, wanted);
        assert_eq!(entries[1].cursor, "2");
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_000_001);
        assert_eq!(entries[4].at, at);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_arrive() {
        let whole = Export::default().take(&journal());
        for size in 1..40 {
            let mut export = Export::default();
            let pieces = journal();
            let pieces = pieces.chunks(size).flat_map(|piece| export.take(piece));
            assert_eq!(pieces.collect::<Vec<_>>(), whole, "{size}");
            assert!(export.pending.is_empty());
        }
    }

    #[test]
    fn what_journald_left_out_is_said_in_its_place() {
        let said = "MESSAGE=Suppressed 27 messages\nN_DROPPED=27\n_TRANSPORT=";
        let [journald, worker] = ["driver", "journal"].map(|transport| {
            let mut entries = Export::default().take(&text("1", &format!("{said}{transport}\n")));
            entries.remove(0)
        });
        assert!(journald.is_note && journald.bytes.starts_with(b"[27 lines are missing here"));
        assert!(!worker.is_note && worker.bytes == b"Suppressed 27 messages\n");
    }

    #[test]
    fn what_is_no_entry_is_left_out() {
        let mut export = Export::default();
        assert_eq!(export.take(b"MESSAGE=of nobody\n\n"), []);
        assert_eq!(export.take(&text("1", "MESSAGE=x\n")).len(), 1);
    }
}
