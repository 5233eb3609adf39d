//! Reads what an attempt wrote into the journal, as if it were its file.
//!
//! How: journalctl(1) is asked for what is past, and is left to run for what comes. Lines that journald
//! cut are put together again. Empty lines are not in it: journald takes none.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Child, Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::{answer::answer, source::Wanted};
use crate::launch::output::{Entries, Entry, Export, READER};

const CHUNK: usize = 64 * 1024;

/// An answer goes on at least this often.
const PATIENCE: Duration = Duration::from_secs(15);

/// A reader that stays at the end of an attempt's part of the journal.
pub(super) struct JournalTail {
    entries: Entries,
    /// Nothing before it.
    since: Option<Timestamp>,
    /// Was asked for and not taken yet.
    past: Vec<Entry>,
    /// Of the last entry that was read.
    cursor: Option<String>,
    follower: Option<Follower>,
}

/// A journalctl that says what is new.
struct Follower {
    child: Child,
    output: File,
    export: Export,
}

impl JournalTail {
    /// At the last of the lines that are asked for; a line without its end counts.
    pub(super) fn open(entries: Entries, wanted: Wanted) -> io::Result<Self> {
        let mut tail = Self::at_head(entries, wanted.since);
        // One more, in whose end the first of them begins.
        let mut asked = wanted.lines.saturating_add(1);
        loop {
            // Since some moment, journalctl would count from there.
            let few = tail.since.is_none() && i32::try_from(asked).is_ok();
            let option = few.then(|| format!("--lines={asked}"));
            let mut found = tail.query(option.as_deref())?;
            let all = !few || found.len() < asked;
            let last = found.last().map(|entry| entry.cursor.clone());
            // Where they are fewer, some of them were parts of a line.
            if keep_last(&mut found, wanted.lines) || all {
                tail.cursor = last;
                tail.past = found;
                return Ok(tail);
            }
            asked = asked.saturating_mul(2);
        }
    }

    /// Lines that are read already.
    pub(super) fn count(&self) -> usize {
        let bytes = self.past.iter().flat_map(|entry| &entry.bytes);
        let ends = bytes.filter(|byte| **byte == b'\n').count();
        let last = self.past.iter().rev().find_map(|entry| entry.bytes.last());
        ends + usize::from(last.is_some_and(|byte| *byte != b'\n'))
    }

    fn at_head(entries: Entries, since: Option<Timestamp>) -> Self {
        Self {
            entries,
            since,
            past: Vec::new(),
            cursor: None,
            follower: None,
        }
    }

    /// What comes next; empty at the end of what is known so far.
    pub(super) fn read(&mut self) -> io::Result<Vec<Entry>> {
        if !self.past.is_empty() {
            return Ok(std::mem::take(&mut self.past));
        }
        let Some(follower) = &mut self.follower else {
            return Ok(Vec::new());
        };
        let mut buffer = vec![0; CHUNK];
        loop {
            match follower.output.read(&mut buffer) {
                Ok(0) => {
                    // Somebody ended it; the next one goes on behind what this one said.
                    self.follower = None;
                    return Ok(Vec::new());
                }
                Ok(count) => {
                    let entries = follower.export.take(&buffer[..count]);
                    if let Some(last) = entries.last() {
                        self.cursor = Some(last.cursor.clone());
                        return Ok(entries);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Vec::new()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// From now on, what is new is known as well.
    pub(super) fn follow(&mut self) -> io::Result<()> {
        if self.follower.is_none() {
            let (output, its_output) = io::pipe()?;
            let child = self
                .journalctl(&["--follow", "--no-tail"])
                .stdout(its_output)
                .spawn()?;
            let output = File::from(OwnedFd::from(output));
            fcntl_setfl(&output, fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
            let export = Export::default();
            self.follower = Some(Follower {
                child,
                output,
                export,
            });
        }
        Ok(())
    }

    /// The attempt is over: reads the rest.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.follower.take().is_some() {
            let rest = self.query(None)?;
            if let Some(last) = rest.last() {
                self.cursor = Some(last.cursor.clone());
            }
            self.past.extend(rest);
        }
        Ok(())
    }

    /// What is readable when there is more.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        self.follower
            .as_ref()
            .map(|follower| follower.output.as_fd())
    }

    /// All entries behind those that were read.
    fn query(&self, option: Option<&str>) -> io::Result<Vec<Entry>> {
        let mut command = self.journalctl(option.as_slice());
        let said = answer(&mut command, PATIENCE)?;
        if !said.success {
            let errors = String::from_utf8_lossy(&said.errors);
            let kind = match errors.contains("insufficient permissions") {
                true => io::ErrorKind::PermissionDenied,
                false => io::ErrorKind::Other,
            };
            return Err(io::Error::new(kind, errors.trim().to_owned()));
        }
        Ok(Export::default().take(&said.output))
    }

    fn journalctl(&self, options: &[&str]) -> Command {
        // One of them: journalctl takes no more.
        let from = match (&self.cursor, self.since) {
            (Some(cursor), _) => Some(format!("--after-cursor={cursor}")),
            (None, Some(since)) => Some(format!("--since=@{}", seconds(since))),
            (None, None) => None,
        };
        let options: Vec<&str> = options.iter().copied().chain(from.as_deref()).collect();
        let mut command = Command::new(READER);
        command
            .args(self.entries.arguments(&options))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// As systemd.time(7) has it: `1763685799.000123`.
fn seconds(at: Timestamp) -> String {
    let micros = at.as_microsecond();
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    format!("{seconds}.{micros:06}")
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Leaves nothing but the last lines; whether there are as many.
fn keep_last(entries: &mut Vec<Entry>, lines: usize) -> bool {
    if lines == 0 {
        entries.clear();
        return true;
    }
    let mut missing = lines;
    // The end of the last line begins no further one.
    let mut behind = false;
    for at in (0..entries.len()).rev() {
        for index in (0..entries[at].bytes.len()).rev() {
            if behind && entries[at].bytes[index] == b'\n' {
                missing -= 1;
                if missing == 0 {
                    entries[at].bytes.drain(..=index);
                    entries.drain(..at);
                    entries.retain(|entry| !entry.bytes.is_empty());
                    return true;
                }
            }
            behind = true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: &str) -> Entry {
        Entry {
            cursor: "1".into(),
            at: std::time::SystemTime::UNIX_EPOCH,
            bytes: bytes.into(),
            is_note: false,
        }
    }

    #[test]
    fn the_last_lines_are_counted_as_in_a_file() {
        for (written, lines, left, enough) in [
            (&["a\n", "b\n", "c\n"][..], 2, "b\nc\n", true),
            (&["a\n", "b\n", "c"], 2, "b\nc", true),
            (&["a\n", "b1", "b2\n", "c"], 2, "b1b2\nc", true),
            (&["a\nb\nc\n"], 2, "b\nc\n", true),
            (&["a\n", "b\n"], 2, "a\nb\n", false),
            (&["a\n", "b\n"], 1, "b\n", true),
            (&["a\n", "b\n"], 0, "", true),
            (&[], 1, "", false),
        ] {
            let mut entries: Vec<Entry> = written.iter().map(|bytes| entry(bytes)).collect();
            assert_eq!(
                keep_last(&mut entries, lines),
                enough,
                "{written:?} {lines}"
            );
            let bytes = entries.iter().flat_map(|entry| entry.bytes.clone());
            let bytes = String::from_utf8(bytes.collect()).unwrap();
            assert_eq!(bytes, left, "{written:?} {lines}");
        }
    }

    #[test]
    fn a_moment_is_said_as_systemd_takes_it() {
        let at = Timestamp::from_microsecond(1_763_685_799_000_123).unwrap();
        assert_eq!(seconds(at), "1763685799.000123");
    }
}
