//! `logs`: what workers wrote, across their attempts.
//!
//! The output of an attempt is read where its directory says, in the journal, or in files beside it;
//! the daemon is only asked where those are, so that `logs` also works when it is down. To follow is to
//! watch files and directories (inotify(7)) and to listen to journalctl(1).
//!
//! The journal knows when a line was written, and so does the recording of a terminal. Lines of several
//! workers are in order of time; of other files it is not known, so what an attempt wrote into one stands
//! where the attempt began.

mod answer;
mod journal;
mod lines;
mod log;
mod printer;
mod recording;
pub(super) mod since;
mod source;

use std::{
    collections::BTreeSet,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use jiff::{Timestamp, tz::TimeZone};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use super::{
    Context,
    failure::{Exit, Failure},
};
use log::Log;
use printer::{Printer, Style};

use crate::{
    control::{
        client::{Client, ClientError},
        protocol::{RefusalKind, Request, StatusView, WhereView},
    },
    launch::directory::workers,
    model::{AttemptId, Kind, WorkerName},
};

/// Milliseconds. Looked at again after this time even if nothing was told: not every file system tells.
const LOOK: u16 = 2000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show only what this worker wrote.
    worker: Option<WorkerName>,
    /// Go on with what is written, also by later attempts, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Begin with so many lines of each worker, the latest ones [default: 100; with --since all].
    #[arg(short = 'n', long = "lines", value_name = "N")]
    lines: Option<usize>,
    /// Begin at this moment: 1h, "10 min ago", 14:30, "2026-11-21 14:30", or RFC 3339.
    #[arg(short = 'S', long, value_name = "WHEN", value_parser = since::parse)]
    since: Option<Timestamp>,
    /// Print before each line when it was written: "auto" does on a terminal. Known in the journal and
    /// of what a terminal was sent; in other files are no times ("-").
    #[arg(
        short,
        long,
        value_name = "WHERE",
        default_value = "auto",
        default_missing_value = "always",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with_all = ["raw", "json"]
    )]
    times: Times,
    /// Show only this attempt: an id, as `history` has it.
    #[arg(long, value_name = "ID", requires = "worker")]
    attempt: Option<AttemptId>,
    /// Print the bytes as they are, with escape sequences and without names: of a terminal, all it was sent.
    #[arg(long, requires = "worker", conflicts_with = "json")]
    raw: bool,
    /// Print JSON, one object for each line, with its time where that is known.
    #[arg(long)]
    json: bool,
}

/// Where lines get their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Times {
    Auto,
    Always,
    Never,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let (state, names) = find(arguments.worker.as_ref(), context)?;
    let width = names
        .iter()
        .map(|name| name.as_str().len())
        .max()
        .unwrap_or(0);
    let style = if arguments.raw {
        Style::Raw
    } else if arguments.json {
        Style::Json
    } else if arguments.worker.is_some() {
        Style::Plain
    } else {
        Style::Named { width }
    };
    let mut logs = names
        .into_iter()
        .map(|worker| Log::open(&state, worker, arguments))
        .collect::<Result<Vec<_>, _>>()?;
    let times = match arguments.times {
        Times::Auto => context.screen.terminal && logs.iter().any(Log::has_times),
        Times::Always => true,
        Times::Never => false,
    };
    let mut printer = Printer {
        screen: &context.screen,
        style,
        times: times.then(TimeZone::system),
        kept: Vec::new(),
    };
    if arguments.follow {
        return follow(&mut logs, &mut printer);
    }
    if !show(&mut logs, &mut printer)?
        && let (Some(worker), None) = (&arguments.worker, arguments.since)
    {
        Failure::show(&format!(
            "nothing to show of {worker}; see what happened to it with: supervisorctl history {worker}\n"
        ));
    }
    Ok(())
}

/// The state directory, and the workers that are asked for.
pub(super) fn find(
    worker: Option<&WorkerName>,
    context: &mut Context,
) -> Result<(PathBuf, Vec<WorkerName>), Failure> {
    match context.try_connect()? {
        Ok(mut daemon) => {
            let names = match worker {
                Some(worker) => vec![worker.clone()],
                None => declared(&mut daemon)?,
            };
            let Some(first) = names.first() else {
                return Err(Failure::say(Exit::Unknown, "no worker is declared"));
            };
            let asked = Request::Where {
                worker: first.clone(),
            };
            match daemon.ask::<WhereView>(&asked) {
                Ok(found) => Ok((found.state, names)),
                // What it wrote stays when it is not declared any more.
                Err(ClientError::Refused(refusal)) if refusal.kind == RefusalKind::UnknownName => {
                    context.rig.learn(&daemon.ask(&Request::Status {})?);
                    let state = context.paths()?.state.clone();
                    let wrote = workers(&state).is_ok_and(|known| known.contains(first));
                    wrote
                        .then_some((state, names))
                        .ok_or_else(|| ClientError::Refused(refusal).into())
                }
                Err(other) => Err(other.into()),
            }
        }
        Err(down @ ClientError::NotRunning { .. }) => {
            let state = context.paths()?.state.clone();
            let mut known = workers(&state).map_err(|error| unreadable(&state, &error))?;
            if known.is_empty() && worker.is_none() {
                let state = state.display();
                let words = format!("nothing was written below {state}, and no daemon is running");
                let hint = context.refused(down).into_hint();
                let failure = Failure::say(Exit::NotRunning, words);
                return Err(hint.into_iter().fold(failure, Failure::hint));
            }
            let names = match worker {
                Some(worker) if known.contains(worker) => vec![worker.clone()],
                Some(worker) => {
                    return Err(Failure::say(
                        Exit::Unknown,
                        format!(
                            "worker {worker} has written nothing below {}, and no daemon is running",
                            state.display()
                        ),
                    ));
                }
                None => {
                    known.sort();
                    known
                }
            };
            Ok((state, names))
        }
        Err(other) => Err(other.into()),
    }
}

fn declared(daemon: &mut Client) -> Result<Vec<WorkerName>, Failure> {
    let status: StatusView = daemon.ask(&Request::Status {})?;
    let rows = status.workers.into_iter();
    // The watchdog is part of the daemon and writes into the journal.
    Ok(rows
        .filter(|row| row.kind != Kind::Watchdog)
        .map(|row| row.name)
        .collect())
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::say(
        Exit::Failed,
        format!("{} cannot be read: {error}", path.display()),
    );
    if error.kind() == io::ErrorKind::PermissionDenied {
        failure.hint("attempts are for the daemon's user alone; use sudo")
    } else {
        failure
    }
}

/// Prints all that there is by now, in order of time; whether that is something.
fn show(logs: &mut [Log<'_>], printer: &mut Printer<'_>) -> Result<bool, Failure> {
    let mut something = false;
    let mut heads = logs
        .iter_mut()
        .map(Log::head)
        .collect::<Result<Vec<_>, _>>()?;
    let first = |heads: &[Option<Timestamp>]| {
        let heads = heads.iter().enumerate();
        let known = heads.filter_map(|(at, head)| Some((at, (*head)?)));
        known.min_by_key(|(_, head)| *head).map(|(at, _)| at)
    };
    while let Some(at) = first(&heads) {
        if let Some(item) = logs[at].take() {
            printer.show(&item.of, item.at, &item.shown)?;
            something = true;
        }
        heads[at] = logs[at].head()?;
    }
    printer.flush()?;
    Ok(something)
}

fn follow(logs: &mut [Log<'_>], printer: &mut Printer<'_>) -> Result<(), Failure> {
    let failed = |errno: nix::errno::Errno| {
        Failure::say(Exit::Failed, format!("files cannot be watched: {errno}"))
    };
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
    let mut before = BTreeSet::new();
    loop {
        show(logs, printer)?;
        let paths: BTreeSet<PathBuf> = logs.iter().flat_map(Log::watched).collect();
        if paths != before {
            for path in &paths {
                // To watch again what is watched changes nothing. A file that went away meanwhile,
                // or one watch too many, is made up for by looking every two seconds.
                let what = AddWatchFlags::IN_MODIFY
                    | AddWatchFlags::IN_CREATE
                    | AddWatchFlags::IN_MOVED_TO;
                if let Err(errno) = inotify.add_watch(path, what) {
                    tracing::debug!(path = %path.display(), %errno, "not watched");
                }
            }
            before = paths;
            // Something may have been written before it was watched.
            continue;
        }
        let news = logs.iter().filter_map(Log::news);
        let mut watched: Vec<PollFd<'_>> = std::iter::once(inotify.as_fd())
            .chain(news)
            .map(|source| PollFd::new(source, PollFlags::POLLIN))
            .collect();
        match poll(&mut watched, PollTimeout::from(LOOK)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
        match inotify.read_events() {
            Ok(_) | Err(nix::errno::Errno::EAGAIN) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
}
