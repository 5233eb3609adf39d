//! `loopkeeperd record`: takes what a worker's terminal is sent, from tmux.
//!
//! Promise: all of it is recorded, as it is, with the time and the size of the terminal
//! ([`recording`](super::output::recording)). Where the worker is carried by systemd, its lines go into
//! the journal as well, readable, with the worker's name on them. Nobody ever waits for the journal:
//! what it does not take is kept for a while, then left out, and that is said.
//!
//! How: it ends with its input, and with nothing else, so that what was written last is not lost when
//! the unit is stopped. A full disk does not end it: then something is missing in the recording. The size
//! is looked at whenever something comes: who is resized paints again. The terminal is open only for
//! that look, since it hangs up when the last who has it open closes it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::{fd::AsFd, unix::fs::OpenOptionsExt as _},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{SigSet, Signal},
};

use super::{
    directory::{Directory, Output},
    exec::attempt_of,
    output::{
        JournalWriter, Page,
        recording::{Now, RecordingWriter, Size},
    },
    tmux::SIZE,
};

/// What the journal is given at the end, for what it has not taken yet.
const AT_THE_END: Duration = Duration::from_secs(1);
/// Between two tries to reach a journal that is not there.
const AGAIN: Duration = Duration::from_secs(1);

/// What is kept where nobody can tell how much is to be.
const KEEP: u64 = 16 * 1024 * 1024;

/// Records until the input ends; `terminal` is the one whose size is told.
///
/// # Errors
/// When the input cannot be read.
pub fn run(attempt_dir: &Path, terminal: Option<&Path>) -> io::Result<ExitCode> {
    let to_end_by = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT];
    SigSet::from_iter(to_end_by).thread_block()?;
    let directory = Directory::at(attempt_dir.to_owned());
    let spec = directory.spec();
    let keep = spec.as_ref().map_or(KEEP, |spec| spec.keep_output);
    let lines = spec
        .filter(|spec| spec.output != Output::File)
        .and_then(|_| attempt_of(attempt_dir))
        .map(|attempt| Lines {
            page: Page::default(),
            journal: JournalWriter::new(&attempt, &directory.recording()),
            began: Instant::now(),
        });
    // Without a buffer, which poll(2) would not see.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let recording = Recording::start(&directory, keep, terminal);
    record(&input, recording, lines)?;
    Ok(ExitCode::SUCCESS)
}

fn record(
    mut input: &File,
    mut recording: Recording<'_>,
    mut lines: Option<Lines>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut sources = vec![PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let taken = lines.as_ref().and_then(|lines| lines.journal.waits_for());
        sources.extend(taken.map(|socket| PollFd::new(socket, PollFlags::POLLOUT)));
        await_any(&mut sources, lines.as_ref().and_then(Lines::limit))?;
        let arrived = sources[0].any().unwrap_or(true);
        let count = match arrived {
            true => match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            },
            false => 0,
        };
        if count > 0 {
            recording.take(&buffer[..count]);
        }
        if let Some(lines) = &mut lines {
            lines.take(&buffer[..count]);
        }
    }
    recording.finish();
    lines.map_or(Ok(()), Lines::finish)
}

/// All that comes, on its way into files. What does not fit on the disk is lost; that it is full is told
/// elsewhere.
struct Recording<'a> {
    writer: RecordingWriter,
    terminal: Option<&'a Path>,
    /// As it was at the last look.
    size: Size,
    began: Instant,
}

impl<'a> Recording<'a> {
    fn start(directory: &Directory, keep: u64, terminal: Option<&'a Path>) -> Self {
        let size = terminal.and_then(size_of).unwrap_or(SIZE);
        let mut recording = Self {
            writer: RecordingWriter::new(&directory.recording(), keep, size),
            terminal,
            size,
            began: Instant::now(),
        };
        drop(recording.writer.start(recording.now()));
        recording
    }

    fn take(&mut self, bytes: &[u8]) {
        self.size = self.terminal.and_then(size_of).unwrap_or(self.size);
        drop(self.writer.take(self.now(), self.size, bytes));
    }

    fn finish(&mut self) {
        let now = self.now();
        drop(self.writer.finish(now));
    }

    fn now(&self) -> Now {
        Now {
            at: Timestamp::now(),
            elapsed: self.began.elapsed(),
        }
    }
}

/// `None` for one that is gone.
fn size_of(terminal: &Path) -> Option<Size> {
    let flags = nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK;
    let terminal = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(terminal);
    let size = rustix::termios::tcgetwinsize(terminal.ok()?).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size {
        columns: size.ws_col,
        rows: size.ws_row,
    })
}

/// The worker's lines, on their way into the journal.
struct Lines {
    page: Page,
    journal: JournalWriter,
    began: Instant,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        let lines = self.page.take(self.began.elapsed(), bytes);
        self.journal.add(lines);
        self.journal.send();
    }

    /// How long there is nothing to do without input.
    fn limit(&self) -> Option<Duration> {
        let settles = self.page.due();
        let settles = settles.map(|due| due.saturating_sub(self.began.elapsed()));
        let again = self.journal.is_astray().then_some(AGAIN);
        settles.into_iter().chain(again).min()
    }

    fn finish(mut self) -> io::Result<()> {
        self.journal.add(self.page.finish());
        let end = Instant::now() + AT_THE_END;
        while !self.journal.send() && Instant::now() < end {
            let taken = self.journal.waits_for();
            let mut sources: Vec<_> = taken
                .map(|socket| PollFd::new(socket, PollFlags::POLLOUT))
                .into_iter()
                .collect();
            await_any(&mut sources, Some(AT_THE_END / 10))?;
        }
        Ok(())
    }
}

fn await_any(sources: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    // Not before its time: a millisecond more.
    let limit = limit.map(|limit| limit + Duration::from_millis(1));
    let limit = limit.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from);
    match poll(sources, limit.unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
