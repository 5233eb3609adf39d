//! The output of one worker, from attempt to attempt.

use std::{
    collections::VecDeque,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    rc::Rc,
};

use jiff::Timestamp;

use super::{
    Arguments,
    lines::{Line, Lines},
    printer::Shown,
    source::{Piece, Source, Wanted},
    unreadable,
};
use crate::{
    cli::failure::{Exit, Failure},
    launch::directory::{Directory, attempts},
    model::{AttemptId, AttemptRef, WorkerName},
};

/// Lines that are shown when nothing is said about it.
const LINES: usize = 100;

/// A worker whose output is shown.
pub(super) struct Log<'a> {
    state: &'a Path,
    worker: WorkerName,
    /// Only this attempt is shown.
    only: Option<AttemptId>,
    /// As bytes, and not as lines.
    raw: bool,
    /// Goes on with what is written later.
    follows: bool,
    /// What was asked for of the past and is not read yet, oldest first.
    past: VecDeque<Past>,
    reading: Option<Reading>,
    /// The directory of a later attempt that has no output yet.
    coming: Option<PathBuf>,
    /// Lines of an attempt before the one at hand were shown.
    spoke: bool,
    ready: VecDeque<Item>,
    /// Where the last item stands.
    stands: Timestamp,
}

/// What is shown next of a worker.
pub(super) struct Item {
    pub(super) of: Rc<AttemptRef>,
    pub(super) at: Option<Timestamp>,
    pub(super) shown: Shown,
    /// Its place between those of other workers: its time or, where that is not known, when its
    /// attempt began; never before its predecessor, whatever happened to the clock.
    stands: Timestamp,
}

/// An attempt whose last lines are asked for.
struct Past {
    attempt: AttemptId,
    wanted: Wanted,
    /// Where it is open already.
    source: Option<Source>,
}

struct Reading {
    of: Rc<AttemptRef>,
    source: Source,
    lines: Lines,
    /// Something of it was shown: who stays silent is not worth a heading.
    spoke: bool,
}

impl<'a> Log<'a> {
    /// At the first line of the past that is asked for.
    pub(super) fn open(
        state: &'a Path,
        worker: WorkerName,
        arguments: &Arguments,
    ) -> Result<Self, Failure> {
        let mut log = Self {
            state,
            worker,
            only: arguments.attempt.clone(),
            raw: arguments.raw,
            follows: arguments.follow,
            past: VecDeque::new(),
            reading: None,
            coming: None,
            spoke: false,
            ready: VecDeque::new(),
            stands: Timestamp::MIN,
        };
        let all = log.attempts()?;
        if let (Some(only), true) = (&log.only, all.is_empty()) {
            let worker = &log.worker;
            let what = format!("attempt {only} of worker {worker} does not exist");
            return Err(Failure::say(Exit::Unknown, what).hint(format!(
                "older attempts are removed; see supervisorctl history {worker}"
            )));
        }
        let since = arguments.since;
        let lines = arguments.lines;
        let lines = lines.unwrap_or(if since.is_some() { usize::MAX } else { LINES });
        log.past = log.wanted(&all, Wanted { lines, since })?;
        Ok(log)
    }

    fn attempts(&self) -> Result<Vec<AttemptId>, Failure> {
        let mut all =
            attempts(self.state, &self.worker).map_err(|error| unreadable(self.state, &error))?;
        if let Some(only) = &self.only {
            all.retain(|attempt| attempt == only);
        }
        Ok(all)
    }

    /// The attempts in which the wanted lines are, and what is to be shown of each.
    fn wanted(&self, all: &[AttemptId], mut wanted: Wanted) -> Result<VecDeque<Past>, Failure> {
        let mut past = VecDeque::new();
        for attempt in all.iter().rev() {
            let began_before = wanted
                .since
                .is_some_and(|since| attempt.decided().is_some_and(|began| began < since));
            let Some(source) = self.open_source(attempt, wanted)? else {
                continue;
            };
            let has_times = source.has_times();
            let (count, source) = source.count()?;
            past.push_front(Past {
                attempt: attempt.clone(),
                wanted,
                source,
            });
            if began_before && !has_times && count > 0 {
                Failure::show(&format!(
                    "output of {} is in a file, which has no times: attempt {attempt} began before, \
                     and is shown from its beginning\n",
                    self.worker
                ));
            }
            wanted.lines = wanted.lines.saturating_sub(count);
            if wanted.lines == 0 || began_before {
                break;
            }
        }
        Ok(past)
    }

    /// Whether it is known of anything when it was written.
    pub(super) fn has_times(&self) -> bool {
        let open = self.past.iter().filter_map(|past| past.source.as_ref());
        open.chain(self.reading.as_ref().map(|reading| &reading.source))
            .any(Source::has_times)
    }

    fn directory(&self, attempt: &AttemptId) -> (AttemptRef, Directory) {
        let of = AttemptRef {
            worker: self.worker.clone(),
            attempt: attempt.clone(),
        };
        let directory = Directory::of(self.state, &of);
        (of, directory)
    }

    /// `None` when it is gone meanwhile, or has no output yet.
    fn open_source(&self, attempt: &AttemptId, wanted: Wanted) -> Result<Option<Source>, Failure> {
        let (of, directory) = self.directory(attempt);
        Source::open(&of, &directory, wanted, self.raw)
    }

    /// Where the next item stands; `None` when there is nothing more by now.
    pub(super) fn head(&mut self) -> Result<Option<Timestamp>, Failure> {
        loop {
            if let Some(item) = self.ready.front() {
                return Ok(Some(item.stands));
            }
            if let (true, true, Some(reading)) =
                (self.follows, self.past.is_empty(), &mut self.reading)
            {
                reading.source.follow()?;
            }
            if !self.read_on()? && !self.go_on()? {
                return Ok(None);
            }
        }
    }

    /// The item whose place [`Log::head`] told.
    pub(super) fn take(&mut self) -> Option<Item> {
        self.ready.pop_front()
    }

    /// Reads what was written since the last time; whether that was something.
    fn read_on(&mut self) -> Result<bool, Failure> {
        let Some(reading) = &mut self.reading else {
            return Ok(false);
        };
        let pieces = reading.source.read()?;
        let some = !pieces.is_empty();
        for Piece { at, bytes } in pieces {
            match (self.raw, &mut self.reading) {
                (true, _) => self.put(at, Shown::Bytes(bytes)),
                (false, Some(reading)) => {
                    let lines = reading.lines.take(at, &bytes);
                    self.put_lines(lines);
                }
                (false, None) => {}
            }
        }
        Ok(some)
    }

    /// Goes on with the next attempt; whether there is one, or something left of this one.
    fn go_on(&mut self) -> Result<bool, Failure> {
        let next = match self.past.pop_front() {
            Some(past) => {
                let source = match past.source {
                    Some(source) => Some(source),
                    None => self.open_source(&past.attempt, past.wanted)?,
                };
                Some((past.attempt, source))
            }
            None if self.follows => self.later()?,
            None => {
                let left = self.reading.is_some();
                self.finish()?;
                return Ok(left);
            }
        };
        let Some((attempt, source)) = next else {
            return Ok(false);
        };
        // Gone meanwhile, where there is no source.
        if let Some(source) = source {
            self.finish()?;
            let (of, _) = self.directory(&attempt);
            self.reading = Some(Reading {
                of: Rc::new(of),
                source,
                lines: Lines::default(),
                spoke: false,
            });
        }
        Ok(true)
    }

    /// The next attempt after the one at hand that has output, or will have.
    fn later(&mut self) -> Result<Option<(AttemptId, Option<Source>)>, Failure> {
        self.coming = None;
        let all = self.attempts()?;
        let latest = self.reading.as_ref().map(|reading| &reading.of.attempt);
        let behind = latest.map_or(0, |latest| {
            let known = all.iter().position(|attempt| attempt == latest);
            // It may be removed by now.
            known.map_or_else(|| all.iter().filter(|id| *id < latest).count(), |at| at + 1)
        });
        let from_head = Wanted {
            lines: usize::MAX,
            since: None,
        };
        for attempt in all.into_iter().skip(behind) {
            if let Some(source) = self.open_source(&attempt, from_head)? {
                return Ok(Some((attempt, Some(source))));
            }
            let (_, directory) = self.directory(&attempt);
            self.coming = Some(directory.path().to_owned());
        }
        Ok(None)
    }

    /// The rest of the attempt at hand, also a last line without an end.
    fn finish(&mut self) -> Result<(), Failure> {
        let Some(reading) = &mut self.reading else {
            return Ok(());
        };
        reading.source.end()?;
        while self.read_on()? {}
        if let Some(reading) = &mut self.reading {
            let last = reading.lines.finish();
            self.put_lines(last);
        }
        self.spoke |= self.reading.take().is_some_and(|reading| reading.spoke);
        Ok(())
    }

    fn put_lines(&mut self, lines: Vec<Line>) {
        for Line { at, text } in lines {
            self.put(at, Shown::Line(text));
        }
    }

    /// Of the attempt at hand.
    fn put(&mut self, at: Option<Timestamp>, shown: Shown) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        let of = Rc::clone(&reading.of);
        let stands = at.or_else(|| of.attempt.decided()).unwrap_or(self.stands);
        self.stands = self.stands.max(stands);
        let stands = self.stands;
        if self.spoke && !reading.spoke {
            self.ready.push_back(Item {
                of: Rc::clone(&of),
                at: None,
                shown: Shown::Heading,
                stands,
            });
        }
        reading.spoke = true;
        self.ready.push_back(Item {
            of,
            at,
            shown,
            stands,
        });
    }

    /// What has to be watched to notice that there is more: the file, the directory in which later
    /// attempts appear, and the one in which the next output does.
    pub(super) fn watched(&self) -> impl Iterator<Item = PathBuf> {
        let latest = self.reading.as_ref();
        let file = latest.and_then(|reading| reading.source.file());
        let directory = latest.and_then(|reading| {
            let (_, directory) = self.directory(&reading.of.attempt);
            directory.path().parent().map(Path::to_owned)
        });
        let file = file.map(Path::to_owned).into_iter();
        file.chain(directory).chain(self.coming.clone())
    }

    /// What is readable when the journal has more.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        self.reading.as_ref()?.source.news()
    }
}
