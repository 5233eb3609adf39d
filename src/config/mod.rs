//! The rig as its operator declared it: one TOML file in, one checked [`Config`] out.
//!
//! Promise: everything that can never be right was reported by [`load`], all at once, with the place in
//! the file. What this machine does not have at this moment is no mistake: [`doubts`] tells of it, and
//! who needs it waits for it ([`Worker::lacks`]).
//!
//! How: TOML's parser keeps the place of every value. `reader` is the typed view of its tree, which
//! records a [`Complaint`] and goes on; `read/` has a file for each table, `check` looks across the
//! tables, and both look at the machine through an [`Environment`]. The keys are in one table,
//! `schema`, from which unknown keys are told and the [`reference()`] for people is made. [`diff()`]
//! tells what a reload has to touch.

mod check;
mod complaint;
mod destination;
mod diff;
mod doubt;
mod environment;
mod lack;
mod meant;
mod plan;
mod proxy;
mod read;
mod reader;
mod reference;
mod schema;
mod service;
mod worker;

pub use complaint::{Complaint, Complaints};
pub use destination::{Destination, DestinationError, Hosts};
pub use diff::{Changed, Diff, PlanDiff, diff};
pub(crate) use doubt::of_plan;
pub use doubt::{OfWorker, doubts, doubts_but, in_sentences};
pub use environment::{Credentials, Environment};
pub use lack::Lack;
pub(crate) use meant::nearest;
pub use plan::{Condition, Phase, Plan, Resume};
pub use proxy::{Auth, Builtin, Tailscale};
pub use reference::{HEAD, Table, commented, properties, reference, value};
pub use schema::{Key, SECTIONS, Section};
pub use worker::{
    Alive, Backoff, Budget, Command, OnPhase, OnSecretChange, Probe, Program, Ready, Restart,
    Secrets, Stop, Worker,
};

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read as _},
    path::{self, Path},
};

use toml::de::DeTable;

use self::reader::Reading;
use crate::{
    causes::in_words,
    model::{Kind, WorkerName},
};

/// A whole, checked rig.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// What this rig is called in messages and session names; the host's name by default.
    pub rig: String,
    /// Run for things an operator should hear of (a reboot, a worker that is held); the text
    /// comes on standard input and as `$LOOPKEEPER_NOTICE`.
    pub notify: Option<Command>,
    /// The ordered phases; may be empty.
    pub plan: Plan,
    /// All rows that have a process: the declared workers and, under its own name, the proxy.
    pub workers: BTreeMap<WorkerName, Worker>,
}

impl Config {
    /// What each worker is.
    pub fn kinds(&self) -> BTreeMap<WorkerName, Kind> {
        let workers = self.workers.iter();
        workers
            .map(|(name, worker)| (name.clone(), worker.kind))
            .collect()
    }
}

/// More bytes than this are no configuration.
const LARGEST: u64 = 1024 * 1024;

/// Reads and checks the file at `file`. Nothing is started and nothing is written.
///
/// # Errors
/// All that is wrong with it; if the file cannot be read, that.
pub fn load(file: &Path, env: &Environment) -> Result<Config, Complaints> {
    load_by(file, env, Sight::Full)
}

/// How much of the machine is looked at while a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Where worktrees really are.
    Full,
    /// Nothing: paths are taken as they are written, for it is not known whether they answer.
    Words,
}

/// As [`load`], which looks at no more than this.
pub(crate) fn load_by(file: &Path, env: &Environment, sight: Sight) -> Result<Config, Complaints> {
    // Relative to where the person stands; everything in it is relative to where the file lies.
    let file = &path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let bytes = read_file(&env.on_disk(file)).map_err(|(why, hint)| {
        let message = format!("configuration {} {why}", file.display());
        let mut complaint = Complaint::new(None, message, "");
        complaint.hint = hint.map(str::to_owned);
        Complaints::new(file, "", vec![complaint])
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => parse_by(&text, file, env, sight),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            let place = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
            let complaint = Complaint::new(
                Some(place),
                format!("byte 0x{:02x} is not UTF-8", error.as_bytes()[start]),
                "text in UTF-8",
            );
            Err(Complaints::new(file, &text, vec![complaint]))
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, (String, Option<&'static str>)> {
    let unreadable = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound if path.ends_with("loopkeeper/loopkeeper.toml") => Some(
                "it is /etc/loopkeeper/loopkeeper.toml for root and \
                 ~/.config/loopkeeper/loopkeeper.toml for everybody else, unless another is named",
            ),
            io::ErrorKind::PermissionDenied => {
                Some("it has to be readable by who runs loopkeeperd")
            }
            _ => None,
        };
        (format!("cannot be read: {}", in_words(&error)), hint)
    };
    let kind = path.metadata().map_err(unreadable)?;
    if kind.is_dir() {
        return Err(("is a directory".to_owned(), None));
    }
    if !kind.is_file() {
        return Err(("is not a regular file".to_owned(), None));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One more than is allowed tells a file that is too large, also one that grows meanwhile.
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        let why = format!("is larger than {} KiB", LARGEST / 1024);
        return Err((why, Some("is it the right file?")));
    }
    Ok(bytes)
}

/// Checks the text of `file`, whose directory is where relative paths begin.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(text: &str, file: &Path, env: &Environment) -> Result<Config, Complaints> {
    parse_by(text, file, env, Sight::Full)
}

fn parse_by(
    text: &str,
    file: &Path,
    env: &Environment,
    sight: Sight,
) -> Result<Config, Complaints> {
    let whole = path::absolute(file).unwrap_or_else(|_| Path::new("/").join(file));
    let mut reading = Reading {
        env,
        sight,
        base: whole.parent().unwrap_or(Path::new("/")),
        complaints: Vec::new(),
        misspelt: BTreeSet::new(),
    };
    let (tree, errors) = DeTable::parse_recoverable(text);
    let broken = syntax(text, &errors, &mut reading);
    if broken {
        return Err(Complaints::new(file, text, reading.complaints)
            .footer("keys and values are checked once the syntax is right"));
    }
    let draft = read::file(&tree, &mut reading);
    let within = reading.complaints.len();
    let config = check::across(draft, &mut reading);
    for complaint in &mut reading.complaints[within..] {
        complaint.across = true;
    }
    if reading.complaints.is_empty() {
        Ok(config)
    } else {
        Err(Complaints::new(file, text, reading.complaints))
    }
}

/// Records the parser's errors; true when the tree cannot be relied on, as it can in spite of a
/// key that is there twice.
fn syntax(text: &str, errors: &[toml::de::Error], reading: &mut Reading<'_>) -> bool {
    let mut places: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    places.sort_by_key(|(at, _)| at.start);
    let mut broken = None;
    for (at, message) in places {
        if message == "duplicate key" {
            let key = text.get(at.clone()).unwrap_or("");
            reading.complain(&at, format!("key `{key}` is there twice"), "it once");
            continue;
        }
        // Further errors of a line are mostly what follows from its first.
        let line = text[..text.floor_char_boundary(at.start)]
            .matches('\n')
            .count();
        if broken.replace(line) != Some(line) {
            let (what, expected) = message
                .split_once(", expected ")
                .unwrap_or((message, "TOML"));
            reading.complain(&at, format!("syntax: {what}"), expected);
        }
    }
    broken.is_some()
}
