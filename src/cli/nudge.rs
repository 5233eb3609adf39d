//! `nudge`: a text for the agent of a worker.
//!
//! Promise: it prints by what the text is known to have been taken, or fails with the reason and with
//! what is on the agent's screen. Whoever ends it while the text waits takes that back. One that is queued
//! is left in the worker's `inbox`.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{
    Context,
    failure::{Exit, Failure},
    inbox,
    words::{printable, read_duration},
};
use crate::{
    agent::typed::{LONGEST, check},
    control::protocol::{self, NudgeView, Request},
    model::WorkerName,
};

/// What says that a text is to be read from standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Debug, Args)]
#[command(
    override_usage = "supervisorctl nudge [OPTIONS] <WORKER> <TEXT>...\n       \
                            supervisorctl nudge [OPTIONS] --file <FILE> <WORKER>"
)]
pub(super) struct Arguments {
    /// A worker with an agent.
    worker: WorkerName,
    /// What is typed; several words with a blank between them. It is no place for secrets: how it
    /// begins is in the history.
    #[arg(required_unless_present = "file")]
    text: Vec<String>,
    /// Type what is in this file, without the line breaks at its end; `-` is standard input.
    #[arg(long, conflicts_with = "text")]
    file: Option<PathBuf>,
    /// When the agent waits for a word, at once also while it works, or by its inbox.
    #[arg(long, value_enum, default_value_t = When::Idle)]
    when: When,
    /// How long the agent is waited for, as in 90s or 2h.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    within: Duration,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// When it is at its input line and does nothing; with --within, not for ever.
    Idle,
    /// At once: an agent that works keeps the text for later.
    Now,
    /// It is left in the inbox, and typed when its turn comes, however long that takes; as `inbox WORKER
    /// send`.
    Queued,
}

/// Whole seconds, at least one.
fn duration(text: &str) -> Result<Duration, String> {
    let duration = Some(read_duration(text)?);
    duration
        .filter(|duration| (1..=u64::from(u32::MAX)).contains(&duration.as_secs()))
        .ok_or_else(|| "it has to be at least 1s".to_owned())
}

pub(super) fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let text = text_of(&arguments.text, arguments.file.as_deref())?;
    let when = match arguments.when {
        When::Idle => protocol::When::Idle,
        When::Now => protocol::When::Now,
        When::Queued => return inbox::send(&arguments.worker, &text, arguments.json, context),
    };
    let request = Request::Nudge {
        worker: arguments.worker,
        text,
        when,
        within: u32::try_from(arguments.within.as_secs()).unwrap_or(u32::MAX),
    };
    let nudged: NudgeView = context.connect()?.ask(&request)?;
    if arguments.json {
        return Ok(context.screen.json(&nudged)?);
    }
    Ok(context.screen.print(printable(&nudged.text) + "\n")?)
}

/// What is to be typed, checked: these words, or what is in a file.
pub(super) fn text_of(words: &[String], file: Option<&Path>) -> Result<String, Failure> {
    let text = match file {
        Some(file) => read(file)?,
        None => words.join(" "),
    };
    check(&text).map_err(|unfit| Failure::new(Exit::Usage, &unfit))?;
    Ok(text)
}

/// The text in a file, as `$(cat FILE)` has it.
fn read(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let unreadable = |error: io::Error| {
        Failure::say(Exit::Usage, format!("text {name} cannot be read: {error}"))
    };
    let mut bytes = Vec::new();
    // More than can be typed is refused for that.
    let most = 2 * u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = match file.as_os_str() == STANDARD_INPUT {
        true => io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::say(Exit::Usage, format!("text {name} is not UTF-8")))?;
    Ok(text.trim_end_matches('\n').to_owned())
}
