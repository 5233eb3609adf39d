//! `loopkeeperd record`: takes what a worker's terminal is sent, from tmux.
//!
//! Promise: all of it goes into the attempt's output, as it is. Where the worker is carried by systemd,
//! its lines go into the journal as well, readable, with the worker's name on them. Nobody ever waits
//! for the journal: what it does not take is kept for a while, then left out, and that is said.
//!
//! How: it ends with its input, and with nothing else, so that what was written last is not lost when
//! the unit is stopped. A full disk does not end it: then bytes are missing in the file.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::AsFd,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{SigSet, Signal},
};

use super::{
    directory::{Directory, Output},
    exec::attempt_of,
    output::{JournalWriter, Page},
};

/// What the journal is given at the end, for what it has not taken yet.
const AT_THE_END: Duration = Duration::from_secs(1);
/// Between two tries to reach a journal that is not there.
const AGAIN: Duration = Duration::from_secs(1);

/// Records until the input ends.
///
/// # Errors
/// When the input cannot be read.
pub fn run(attempt_dir: &Path) -> io::Result<ExitCode> {
    let to_end_by = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT];
    SigSet::from_iter(to_end_by).thread_block()?;
    let directory = Directory::at(attempt_dir.to_owned());
    let spec = directory.spec();
    let lines = spec
        .filter(|spec| spec.output != Output::File)
        .and_then(|_| attempt_of(attempt_dir))
        .map(|attempt| Lines {
            page: Page::default(),
            journal: JournalWriter::new(&attempt, &directory.output()),
            began: Instant::now(),
        });
    // Without a buffer, which poll(2) would not see.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    record(&input, &directory, lines)?;
    Ok(ExitCode::SUCCESS)
}

fn record(mut input: &File, directory: &Directory, mut lines: Option<Lines>) -> io::Result<()> {
    let mut raw = None;
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
        raw = raw.or_else(|| directory.open_output().ok());
        if let Some(raw) = &mut raw {
            // What does not fit on the disk is lost; that it is full is told elsewhere.
            drop(raw.write_all(&buffer[..count]));
        }
        if let Some(lines) = &mut lines {
            lines.take(&buffer[..count]);
        }
    }
    lines.map_or(Ok(()), Lines::finish)
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
