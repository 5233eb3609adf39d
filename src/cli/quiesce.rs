//! `quiesce`: the rig is paused at a moment when no loop has anything half-done.
//!
//! Promise: nothing is stopped before all loops with a worktree are at a safe point at once; who is not is
//! named, with what is missing. It is looked again when they have ended, as one may have gone on in between.

use std::{
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;

use super::{
    Context,
    failure::{Exit, Failure},
    words::{printable, read_duration},
};
use crate::{
    causes::in_one_line,
    checkout::{self, Checkout, LookError},
    control::protocol::{Done, PROTOCOL, Request, StatusView, WorkerView},
    model::{HostName, Kind, StateName, WorkerName},
};

/// From one look to the next.
const LOOK: Duration = Duration::from_secs(2);
/// Of a directory that git knows nothing of.
const NO_CHECKOUT: &str = "its worktree is no checkout of git, so it has no safe point";
/// What helps there.
const NO_SAFE_POINT: &str = "make it a checkout (git init, commit, push), or take `worktree` away from the worker in the \
                             configuration and reload; supervisorctl pause waits for nothing";
/// What helps where git does not know it any more.
const DAMAGED: &str = "put its repository right, or take `worktree` away from the worker in the configuration and \
                       reload; supervisorctl pause waits for nothing";
/// What helps where the file system of a worktree is not mounted.
const AWAY: &str = "mount that and try again; where it will not come back, take `worktree` away from the worker in the \
                    configuration and reload; supervisorctl pause waits for nothing";
/// For the loops to end, what each is given to end by itself included.
const END_WITHIN: Duration = Duration::from_secs(300);

/// For what is waited, and how long.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// Wait no longer than this, such as 30m; then nothing is paused [default: until Ctrl-C].
    #[arg(long, value_name = "DURATION", value_parser = read_duration)]
    within: Option<Duration>,
    /// Be content with what is committed, whether or not it is pushed.
    #[arg(long)]
    unpushed: bool,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    wait: Wait,
    /// Look once, say who is not at a safe point, and pause nothing.
    #[arg(long, conflicts_with = "within")]
    dry_run: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// A loop, and what its checkout is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Seen {
    name: WorkerName,
    host: String,
    /// Null where nothing is declared of it: it counts as safe. So does one on another host, where nobody
    /// looks.
    worktree: Option<String>,
    head: Option<String>,
    branch: Option<String>,
    safe: bool,
    /// Why it is not.
    because: Vec<String>,
    #[serde(skip)]
    at: Option<String>,
    /// Something is left over in it that no commit has.
    #[serde(skip)]
    left: bool,
    /// Something of it is nowhere else.
    #[serde(skip)]
    unpushed: bool,
    /// Nor will it ever be seen to be, by us: what helps.
    #[serde(skip)]
    never: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct View<'a> {
    protocol: u32,
    /// Whether the loops are stopped now.
    paused: bool,
    safe: bool,
    workers: &'a [Seen],
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    if arguments.dry_run {
        let looks = Looks::new(arguments.wait.unpushed)?;
        let seen = looks.at_loops(&context.connect()?.ask(&Request::Status {})?);
        print(&seen, false, arguments.json, context)?;
        return match seen.iter().all(|one| one.safe) {
            true => Ok(()),
            false => Err(Failure::told(Exit::Failed)),
        };
    }
    let seen = pause(&arguments.wait, context)?;
    print(&seen, true, arguments.json, context)?;
    match seen.iter().all(|one| one.safe) {
        true => Ok(()),
        false => Err(gone_on()),
    }
}

/// Pauses the rig at a safe point, and says in a line for each loop where that is.
pub(super) fn pause_safely(wait: &Wait, context: &Context) -> Result<String, Failure> {
    let seen = pause(wait, context)?;
    match seen.iter().find(|one| !one.safe) {
        None => Ok(seen.iter().map(line).collect()),
        Some(one) => {
            Failure::show(&line(one));
            Err(gone_on())
        }
    }
}

/// Waits for a safe point and pauses the rig; what is found when the loops have ended.
fn pause(wait: &Wait, context: &Context) -> Result<Vec<Seen>, Failure> {
    let looks = Looks::new(wait.unpushed)?;
    let deadline = wait.within.map(|within| Instant::now() + within);
    let mut told = None;
    loop {
        let seen = looks.at_loops(&context.connect()?.ask(&Request::Status {})?);
        if seen.iter().all(|one| one.safe) {
            break;
        }
        if let Some(failure) = seen.iter().find_map(never) {
            return Err(failure);
        }
        if told.as_ref() != Some(&seen) {
            Failure::show(&waits(&seen));
        }
        if deadline.is_some_and(|at| Instant::now() >= at) {
            return Err(late(&seen));
        }
        told = Some(seen);
        thread::sleep(LOOK);
    }
    context
        .connect()?
        .ask::<Done>(&Request::Pause {})
        .map(drop)?;
    Ok(looks.at_loops(&ended(context)?))
}

/// Waits until no loop lives.
fn ended(context: &Context) -> Result<StatusView, Failure> {
    let deadline = Instant::now() + END_WITHIN;
    loop {
        let status: StatusView = context.connect()?.ask(&Request::Status {})?;
        let living: Vec<_> = loops(&status).filter(|one| lives(one)).collect();
        let Some(first) = living.first() else {
            return Ok(status);
        };
        if Instant::now() >= deadline {
            let name = &first.name;
            let text = format!("rig is paused, but worker {name} has not ended yet");
            let hint = "see why with: supervisorctl status";
            return Err(Failure::say(Exit::Failed, text).hint(hint));
        }
        thread::sleep(LOOK);
    }
}

fn loops(status: &StatusView) -> impl Iterator<Item = &WorkerView> {
    status.workers.iter().filter(|one| one.kind == Kind::Loop)
}

fn lives(worker: &WorkerView) -> bool {
    match worker.state {
        StateName::Starting | StateName::Running | StateName::Stopping | StateName::Lost => true,
        StateName::Waiting | StateName::BackingOff | StateName::Stopped | StateName::Held => false,
    }
}

struct Looks {
    runtime: tokio::runtime::Runtime,
    unpushed: bool,
}

impl Looks {
    fn new(unpushed: bool) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::say(Exit::Failed, format!("event loop: {error}")))?;
        Ok(Self { runtime, unpushed })
    }

    fn at_loops(&self, status: &StatusView) -> Vec<Seen> {
        let all = loops(status).map(async |one| {
            let here = one.host == HostName::LOCAL;
            let Some(worktree) = one.worktree.as_ref().filter(|_| here) else {
                return self.seen(one, None);
            };
            let was_on = one.worktree_on.as_deref();
            let found = checkout::look_for(worktree, was_on, None).await;
            self.seen(one, Some(found))
        });
        self.runtime.block_on(futures_util::future::join_all(all))
    }

    fn seen(&self, worker: &WorkerView, found: Option<Result<Checkout, LookError>>) -> Seen {
        let because = match &found {
            None | Some(Err(LookError::Nothing { .. })) => Vec::new(),
            Some(Ok(checkout)) => checkout.unsafe_because(self.unpushed),
            Some(Err(LookError::NoCheckout(why))) => vec![format!("{NO_CHECKOUT} ({why})")],
            Some(Err(away @ LookError::Away { .. })) => vec![in_one_line(away)],
            Some(Err(why)) => vec![format!("nobody can look at it: {}", in_one_line(why))],
        };
        let never = match &found {
            Some(Err(LookError::Another { .. })) => Some("sudo supervisorctl quiesce"),
            // Who works there may still make it one.
            Some(Err(LookError::NoCheckout(_))) if !lives(worker) => Some(NO_SAFE_POINT),
            Some(Err(LookError::Damaged { .. })) if !lives(worker) => Some(DAMAGED),
            Some(Err(LookError::Away { .. })) if !lives(worker) => Some(AWAY),
            _ => None,
        };
        let checkout = found.and_then(Result::ok);
        let left = checkout
            .as_ref()
            .map_or(0, |checkout| checkout.unsafe_because(true).len());
        Seen {
            name: worker.name.clone(),
            host: worker.host.clone(),
            worktree: worker
                .worktree
                .as_ref()
                .map(|path| path.display().to_string()),
            safe: because.is_empty(),
            left: left > 0,
            unpushed: checkout.is_some() && because.len() > left,
            because,
            never,
            at: checkout.as_ref().map(Checkout::at),
            head: checkout.as_ref().and_then(|checkout| checkout.head.clone()),
            branch: checkout.and_then(|checkout| checkout.branch),
        }
    }
}

fn line(one: &Seen) -> String {
    let name = &one.name;
    let what = match (&one.at, &one.worktree) {
        _ if !one.safe => one.because.join("; "),
        (Some(at), _) => format!("is at a safe point: {at}"),
        (None, Some(_)) if one.host != HostName::LOCAL => {
            format!(
                "is on host {}, where nobody looks yet, so nobody can tell",
                one.host
            )
        }
        (None, Some(path)) => format!("is at a safe point: there is nothing in {path}"),
        (None, None) => "has no worktree, so nobody can tell".to_owned(),
    };
    printable(&format!("{name}: {what}")) + "\n"
}

fn waits(seen: &[Seen]) -> String {
    let lines = seen.iter().filter(|one| !one.safe).map(line);
    format!("waiting for a safe point:\n{}", lines.collect::<String>())
}

fn print(seen: &[Seen], paused: bool, json: bool, context: &Context) -> Result<(), Failure> {
    let safe = seen.iter().all(|one| one.safe);
    if json {
        return Ok(context.screen.json(&View {
            protocol: PROTOCOL,
            paused,
            safe,
            workers: seen,
        })?);
    }
    let mut text: String = seen.iter().map(line).collect();
    if paused && safe {
        text.push_str("paused at a safe point; supervisorctl resume goes on\n");
    }
    Ok(context.screen.print(text)?)
}

fn late(seen: &[Seen]) -> Failure {
    let names: Vec<_> = seen
        .iter()
        .filter(|one| !one.safe)
        .map(|one| one.name.as_str())
        .collect();
    let text = format!(
        "no safe point was come to in time, because of {}; nothing was paused",
        names.join(", ")
    );
    let left = "what is left over in a worktree is yours to finish, commit or delete";
    let unpushed = "push what is on this machine alone, or --unpushed does not wait for that";
    let hints = [
        seen.iter().any(|one| one.left).then_some(left),
        seen.iter().any(|one| one.unpushed).then_some(unpushed),
        Some("supervisorctl pause waits for nothing"),
    ];
    let hints: Vec<_> = hints.into_iter().flatten().collect();
    Failure::say(Exit::Failed, text).hint(hints.join("; "))
}

fn never(one: &Seen) -> Option<Failure> {
    let text = format!("{}; nothing was paused", line(one).trim_end());
    one.never
        .map(|hint| Failure::say(Exit::Failed, text).hint(hint))
}

fn gone_on() -> Failure {
    let text = "rig is paused, but somebody went on in a worktree before that";
    Failure::say(Exit::Failed, text)
        .hint("supervisorctl resume lets it be finished, and supervisorctl quiesce tries again")
}
