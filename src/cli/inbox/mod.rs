//! `inbox`: what waits to be typed to the agent of a worker, what failed, and one text more.
//!
//! Promise: it works on the directory itself, also while the daemon is down. No file is made in it but
//! what is sent, and none is moved but what is to be retried.

mod list;

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use nix::unistd::{Uid, User, geteuid};
use serde::Serialize;

use super::{
    Context, check,
    failure::{Exit, Failure},
    nudge::text_of,
    offline,
};
use crate::{
    causes::in_one_line,
    config::{self, Worker},
    control::protocol::PROTOCOL,
    inbox::{self, Inbox, InboxError},
    model::{ItemName, WorkerName},
    nearest::nearest,
    paths::typed,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A worker with an agent.
    worker: WorkerName,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what waits, and what failed and why.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Leave a text, to be typed when the agent waits for a word; as `nudge --when queued`.
    Send(Send),
    /// Put what failed back, last in order.
    Retry {
        /// What, as `list` shows it.
        #[arg(required_unless_present = "all")]
        names: Vec<OsString>,
        /// All of it.
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
}

#[derive(Debug, Args)]
struct Send {
    /// What is typed; several words with a blank between them.
    #[arg(required_unless_present = "file")]
    text: Vec<String>,
    /// Type what is in this file, without the line breaks at its end; `-` is standard input.
    #[arg(long, conflicts_with = "text")]
    file: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What was sent, as JSON.
#[derive(Debug, Serialize)]
struct Sent<'a> {
    protocol: u32,
    worker: &'a WorkerName,
    name: String,
    path: PathBuf,
    delivered: PathBuf,
    failed: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let worker = &arguments.worker;
    match &arguments.what {
        What::List { json } => list::show(worker, &open(worker, context)?, *json, context),
        What::Send(what) => {
            let text = text_of(&what.text, what.file.as_deref())?;
            send(worker, &text, what.json, context)
        }
        What::Retry { names, all } => retry(worker, names, *all, context),
    }
}

/// Leaves a text in the inbox of a worker, and says where it will be.
pub(super) fn send(
    worker: &WorkerName,
    text: &str,
    json: bool,
    context: &Context,
) -> Result<(), Failure> {
    let inbox = open_to_leave(worker, context)?;
    let name = inbox.send(text, Timestamp::now());
    let name = name.map_err(|error| refused(worker, inbox.path(), &error))?;
    let [delivered, failed] = inbox.ends();
    if json {
        return Ok(context.screen.json(&Sent {
            protocol: PROTOCOL,
            worker,
            name: name.to_string(),
            path: inbox.path().join(name.as_os_str()),
            delivered,
            failed,
        })?);
    }
    let text = format!(
        "{name} waits in the inbox of {worker}\nit will be in {} or, with the reason, in {}\n",
        typed(&delivered),
        typed(&failed)
    );
    Ok(context.screen.print(text)?)
}

fn retry(
    worker: &WorkerName,
    names: &[OsString],
    all: bool,
    context: &Context,
) -> Result<(), Failure> {
    let inbox = open_to_leave(worker, context)?;
    let of = |error: InboxError| Failure::new(Exit::Failed, &error);
    let failed: Vec<ItemName> = inbox
        .failures()
        .map_err(of)?
        .into_iter()
        .map(|failed| failed.name)
        .collect();
    let wanted = match all {
        true => failed,
        false => names
            .iter()
            .map(|name| meant(worker, name, &failed))
            .collect::<Result<_, _>>()?,
    };
    if wanted.is_empty() {
        let nothing = format!("nothing has failed in the inbox of {worker}\n");
        return Ok(context.screen.print(nothing)?);
    }
    for name in &wanted {
        let back = inbox.retry(name).map_err(|error| {
            let failure = of_retry(worker, name, &error);
            failure.hint(format!(
                "`supervisorctl inbox {worker} list` shows what is where"
            ))
        })?;
        let text = format!("{back} waits in the inbox of {worker} again\n");
        context.screen.print(text)?;
    }
    Ok(())
}

fn of_retry(worker: &WorkerName, name: &ItemName, error: &InboxError) -> Failure {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let own = inbox::own_name(name);
            let message = format!("{name} is not put back: the inbox of {worker} has a {own}");
            Failure::say(Exit::Failed, message)
        }
        _ => Failure::new(Exit::Failed, error),
    }
}

/// What failed under this name, or the latest that was called so before.
fn meant(worker: &WorkerName, name: &OsString, failed: &[ItemName]) -> Result<ItemName, Failure> {
    let given = ItemName::from(name.clone());
    let own = |failed: &&ItemName| inbox::own_name(failed) == given;
    let found = failed
        .iter()
        .find(|failed| **failed == given || Some(failed.to_string().as_str()) == name.to_str())
        .or_else(|| failed.iter().rev().find(own));
    found.cloned().ok_or_else(|| {
        let message = format!("{given} has not failed in the inbox of {worker}");
        let hint = format!("`supervisorctl inbox {worker} list` shows what has");
        Failure::say(Exit::Unknown, message).hint(hint)
    })
}

/// The same, where what is left in it is typed here, as far as that can be seen.
fn open_to_leave(worker: &WorkerName, context: &Context) -> Result<Inbox, Failure> {
    let inbox = open(worker, context)?;
    let Some(cutover) = offline::handed_over_by(context.paths()?) else {
        return Ok(inbox);
    };
    let message = format!(
        "the rig was handed over by cutover {cutover}, so nothing is left in the inbox of {worker}"
    );
    let hint = "type the same where it was imported; `supervisorctl cutover cancel` takes it back, only if it was not";
    Err(Failure::say(Exit::Failed, message).hint(hint))
}

/// The inbox of a worker that has one.
fn open(worker: &WorkerName, context: &Context) -> Result<Inbox, Failure> {
    let paths = context.paths()?;
    is_known(worker, &paths.config)?;
    Inbox::open(&paths.state, worker)
        .map_err(|error| refused(worker, &inbox::path(&paths.state, worker), &error))
}

/// The worker of this name; nothing where no configuration could say that there is none.
pub(super) fn declared(worker: &WorkerName, file: &Path) -> Result<Option<Worker>, Failure> {
    let environment = check::environment()?;
    let Ok(config) = config::load(file, &environment) else {
        return Ok(None);
    };
    let Some(declared) = config.workers.get(worker) else {
        let names = config.workers.keys().map(WorkerName::as_str);
        let near = nearest(worker.as_str(), names)
            .map_or(String::new(), |near| format!("did you mean {near}? "));
        let hint = format!("{near}`supervisorctl status` lists the workers");
        let (message, hint) = match worker.as_str() {
            WorkerName::WATCHDOG => (
                "watchdog is part of the daemon, and has no agent".to_owned(),
                "`supervisorctl status` shows who else there is".to_owned(),
            ),
            _ => (format!("worker {worker} does not exist"), hint),
        };
        return Err(Failure::say(Exit::Unknown, message).hint(hint));
    };
    Ok(Some(declared.clone()))
}

/// Whether this worker has an inbox, where the configuration says so.
fn is_known(worker: &WorkerName, file: &Path) -> Result<(), Failure> {
    // Without one there may be a directory all the same.
    let Some(declared) = declared(worker, file)? else {
        return Ok(());
    };
    if declared.agent.is_none() {
        let key = "set launcher = \"tmux\" and agent = \"claude\" (or what runs in it)";
        let hint = format!("{key} in [workers.{worker}], then: `supervisorctl reload`");
        let message = format!("worker {worker} has no agent, and so no inbox");
        return Err(Failure::say(Exit::Failed, message).hint(hint));
    }
    Ok(())
}

fn refused(worker: &WorkerName, path: &Path, error: &InboxError) -> Failure {
    let what = in_one_line(error);
    match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("inbox of {worker} is not there: {what}");
            let hint = "the daemon makes it as it begins, and after `supervisorctl reload`";
            Failure::say(Exit::Failed, message).hint(hint)
        }
        io::ErrorKind::PermissionDenied => {
            let (whose, helps) = match owner(path) {
                Some(name) => (format!(", it is {name}'s"), format!("sudo -u {name}")),
                None => (String::new(), "sudo".to_owned()),
            };
            let message = format!("inbox of {worker} is not yours{whose}: {what}");
            let hint = format!("type the same after `{helps}`");
            Failure::say(Exit::Failed, message).hint(hint)
        }
        _ => Failure::say(Exit::Failed, what),
    }
}

/// Whose a place is, or the nearest one above it that can be seen.
pub(super) fn owner(path: &Path) -> Option<String> {
    let seen = path
        .ancestors()
        .find_map(|path| fs::symlink_metadata(path).ok())?;
    let uid = Uid::from_raw(seen.uid());
    if uid == geteuid() {
        return None;
    }
    let user = User::from_uid(uid).ok().flatten();
    Some(user.map_or_else(|| uid.to_string(), |user| user.name))
}
