//! Reads what an attempt wrote into the journal, as if it were its file.
//!
//! How: journalctl(1) is asked for what is past, and is left to run for what comes. Lines that journald
//! cut are put together again. Empty lines are not in it: journald takes none.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Child, Command, Stdio},
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::launch::output::{Entries, Entry, Export, READER};

const CHUNK: usize = 64 * 1024;

/// A reader that stays at the end of an attempt's part of the journal.
pub(super) struct JournalTail {
    entries: Entries,
    /// Was asked for and not taken yet.
    past: Vec<u8>,
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
    /// At the first line.
    pub(super) fn from_head(entries: Entries) -> io::Result<Self> {
        let mut tail = Self::at_head(entries);
        tail.past = tail.ask(&[])?;
        Ok(tail)
    }

    /// At the last `lines` lines; a line without its end counts.
    pub(super) fn last_lines(entries: Entries, lines: usize) -> io::Result<Self> {
        let mut tail = Self::at_head(entries);
        // One more, in whose end the first of them begins.
        let mut asked = lines.saturating_add(1);
        loop {
            let option = format!("--lines={asked}");
            let found = tail.query(&[&option])?;
            let all = found.len() < asked;
            let bytes: Vec<u8> = found
                .iter()
                .flat_map(|entry| &entry.bytes)
                .copied()
                .collect();
            match begin_of_last(&bytes, lines) {
                // Some of them were parts of a line.
                None if !all => asked = asked.saturating_mul(2),
                from => {
                    tail.cursor = found.into_iter().next_back().map(|last| last.cursor);
                    tail.past = bytes[from.unwrap_or(0)..].to_vec();
                    return Ok(tail);
                }
            }
        }
    }

    fn at_head(entries: Entries) -> Self {
        Self {
            entries,
            past: Vec::new(),
            cursor: None,
            follower: None,
        }
    }

    /// The next bytes; empty at the end of what is known so far.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
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
                    if !entries.is_empty() {
                        return Ok(self.take(entries));
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
            let rest = self.ask(&[])?;
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

    fn ask(&mut self, options: &[&str]) -> io::Result<Vec<u8>> {
        let found = self.query(options)?;
        Ok(self.take(found))
    }

    fn take(&mut self, entries: Vec<Entry>) -> Vec<u8> {
        if let Some(last) = entries.last() {
            self.cursor = Some(last.cursor.clone());
        }
        entries.into_iter().flat_map(|entry| entry.bytes).collect()
    }

    /// All entries behind those that were read.
    fn query(&self, options: &[&str]) -> io::Result<Vec<Entry>> {
        let found = self.journalctl(options).stderr(Stdio::piped()).output()?;
        if !found.status.success() {
            let said = String::from_utf8_lossy(&found.stderr);
            let kind = match said.contains("insufficient permissions") {
                true => io::ErrorKind::PermissionDenied,
                false => io::ErrorKind::Other,
            };
            return Err(io::Error::new(kind, said.trim().to_owned()));
        }
        Ok(Export::default().take(&found.stdout))
    }

    fn journalctl(&self, options: &[&str]) -> Command {
        let behind = self.cursor.as_ref();
        let behind = behind.map(|cursor| format!("--after-cursor={cursor}"));
        let options: Vec<&str> = options.iter().copied().chain(behind.as_deref()).collect();
        let mut command = Command::new(READER);
        command
            .args(self.entries.arguments(&options))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where the last lines begin; `None` when there are not that many.
fn begin_of_last(bytes: &[u8], lines: usize) -> Option<usize> {
    if lines == 0 {
        return Some(bytes.len());
    }
    // The end of the last line begins no further one.
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut ends = whole
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    ends.nth(lines - 1).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_as_in_a_file() {
        for (bytes, lines, from) in [
            ("a\nb\nc\n", 2, Some(2)),
            ("a\nb\nc", 2, Some(2)),
            ("a\nb\n", 2, None),
            ("a\nb\n", 1, Some(2)),
            ("a\nb\n", 0, Some(4)),
            ("", 1, None),
        ] {
            assert_eq!(
                begin_of_last(bytes.as_bytes(), lines),
                from,
                "{bytes:?} {lines}"
            );
        }
    }
}
