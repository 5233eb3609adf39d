//! `logs`: what workers wrote, across their attempts.
//!
//! The output of an attempt is read where its directory says, in the journal or in a file beside it;
//! the daemon is only asked where those are, so that `logs` also works when it is down. To follow is to
//! watch files and directories (inotify(7)) and to listen to journalctl(1).

mod journal;
mod lines;
mod log;
mod source;

use std::{
    collections::BTreeSet,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use clap::Args;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use super::{
    Context,
    failure::{Exit, Failure},
    screen::Screen,
};
use log::Log;

use crate::{
    control::{
        client::{Client, ClientError},
        protocol::{RefusalKind, Request, StatusView, WhereView},
    },
    launch::directory::workers,
    model::{AttemptId, AttemptRef, Kind, WorkerName},
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
    /// Begin with so many lines of each worker, the latest ones.
    #[arg(short = 'n', long = "lines", default_value_t = 100, value_name = "N")]
    lines: usize,
    /// Show only this attempt: an id, as `history` has it.
    #[arg(long, value_name = "ID", requires = "worker")]
    attempt: Option<AttemptId>,
    /// Print the bytes as they are, with escape sequences and without names: of a terminal, all it was sent.
    #[arg(long, requires = "worker", conflicts_with = "json")]
    raw: bool,
    /// Print JSON, one object for each line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let (state, names) = find(arguments, context)?;
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
    let printer = Printer {
        screen: &context.screen,
        style,
    };
    let mut logs = names
        .into_iter()
        .map(|worker| Log::open(&state, worker, arguments, &printer))
        .collect::<Result<Vec<_>, _>>()?;
    if !arguments.follow {
        return logs.iter_mut().try_for_each(|log| log.finish(&printer));
    }
    follow(&mut logs, &printer)
}

/// The state directory, and the workers that are asked for.
fn find(
    arguments: &Arguments,
    context: &mut Context,
) -> Result<(PathBuf, Vec<WorkerName>), Failure> {
    match context.try_connect()? {
        Ok(mut daemon) => {
            let names = match &arguments.worker {
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
            if known.is_empty() && arguments.worker.is_none() {
                let state = state.display();
                let words = format!("nothing was written below {state}, and no daemon is running");
                let hint = context.refused(down).into_hint();
                let failure = Failure::say(Exit::NotRunning, words);
                return Err(hint.into_iter().fold(failure, Failure::hint));
            }
            let names = match &arguments.worker {
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

fn unreadable(path: &Path, error: &io::Error) -> Failure {
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

/// How a line is shown.
enum Style {
    Raw,
    Json,
    Plain,
    Named { width: usize },
}

/// Where and how lines are shown.
struct Printer<'a> {
    screen: &'a Screen,
    style: Style,
}

impl Printer<'_> {
    fn line(&self, of: &AttemptRef, line: &str) -> io::Result<()> {
        match self.style {
            Style::Raw | Style::Plain => self.screen.print(format!("{line}\n")),
            Style::Named { width } => self
                .screen
                .print(format!("{:<width$} | {line}\n", of.worker)),
            Style::Json => self.screen.json(&serde_json::json!({
                "worker": of.worker, "attempt": of.attempt, "line": line,
            })),
        }
    }

    /// Between two attempts of one worker.
    fn begin(&self, of: &AttemptRef) -> io::Result<()> {
        match self.style {
            Style::Raw | Style::Json => Ok(()),
            Style::Plain | Style::Named { .. } => {
                self.line(of, &format!("--- attempt {} ---", of.attempt))
            }
        }
    }
}

fn follow(logs: &mut [Log<'_>], printer: &Printer<'_>) -> Result<(), Failure> {
    let failed = |errno: nix::errno::Errno| {
        Failure::say(Exit::Failed, format!("files cannot be watched: {errno}"))
    };
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
    let mut before = BTreeSet::new();
    loop {
        for log in logs.iter_mut() {
            log.go_on(printer)?;
        }
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
