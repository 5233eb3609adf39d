//! A full-screen terminal program that plays the behaviour of an interactive agent, for tests.
//!
//! # Promise
//!
//! It draws what the agents of the shipped profiles draw, takes keys, bracketed pastes and changes of
//! size as they do, and does what its script says, one step after the other. Behind the last step it
//! waits for ever. Whatever happens is in its log, so that a test waits for lines instead of sleeping.
//!
//! ```text
//! scripted-agent --profile claude --script FILE_OR_STEPS [--log FILE] [--alternate] [ARGUMENTS…]
//! ```
//!
//! What follows its own options are the agent's, as `--session-id ID` or `resume ID`: they are logged.
//! A program of an agent's name that links to this one is that agent without `--profile`. Script and
//! log may be in the environment, as `SCRIPTED_AGENT_SCRIPT` and `SCRIPTED_AGENT_LOG`.
//!
//! # Script
//!
//! Steps are divided by line breaks or semicolons; what has blanks is quoted; `#` begins a comment.
//! A time is like `5s` or `200ms`.
//!
//! | step | what it does |
//! |---|---|
//! | `wait` | the turn is over; until a text is submitted |
//! | `work 5s` | a turn in which the spinner turns and the transcript grows, every 300 ms |
//! | `repaint 5s` | spinner and counters move, and nothing is done |
//! | `child 5s` | the same, while a child of it uses a processor: a long build |
//! | `stall` | the busy line stands still, until a text is submitted |
//! | `hang` | the same, and a text is queued; until it is interrupted |
//! | `say "text"` | the agent says it |
//! | `ask "…?" ["choice" …]` | its question, until it is answered; without choices about a permission |
//! | `limit "resets 3pm (UTC)" [for 5s]` | its limit is reached, until a text is submitted; one that comes before that time is over meets the limit again |
//! | `limit-menu "…" [for 5s]` | the same, and first it asks what to do about it; only of claude |
//! | `outage` | it gave up on its provider; until a text is submitted |
//! | `retry 5s` | its provider fails, and it tries again by itself |
//! | `ignore 2` | the next two Enters do nothing: the text stays on the input line |
//! | `lose 1` | the next paste does not arrive |
//! | `crash [101]` | it breaks, as its kind does, with its kind's code or this one |
//! | `exit 0` | it ends in order |
//! | `resumed` | a first start goes no further; one that goes on with a conversation begins behind it |
//!
//! # Keys
//!
//! A paste goes to the input line whole, and its line breaks submit nothing; long ones are folded
//! where the agent folds them. Enter submits; while it works, the text is queued and submitted when
//! the turn is over. Alt-Enter and, where the agent knows it, Ctrl-J break the line. Escape takes a
//! queue back to the input line and, where none is, clears the line, as Ctrl-U and Ctrl-C do; what hangs
//! is interrupted by Escape and Ctrl-C, and goes on with what is queued. At a
//! question with choices, their digits, the arrows, Enter and Escape count, and a paste is unheard;
//! the others take a line. All other keys are ignored.
//!
//! # Log
//!
//! One JSON object a line, with the time of it as `at`. `{"submitted": "…"}` is a text to the byte,
//! but line breaks are line feeds. `{"event": …}` is one of `started` (with `profile`, `pid`,
//! `arguments`, `session`, `resumed`), `step` (with `step`, when its first picture is written) and
//! `done`, `resized`, `pasted`, `lost`, `unheard`, `queued`, `unqueued`, `interrupted`, `ignored`, `answered` (with
//! `answer`), `child` (with `pid`), `end` of the script, and `exited` (with `code`).
//!
//! # How
//!
//! `script` reads the steps and `play` does them; a `skin` says what its kind of agent draws, as
//! `line`s, and `paper` brings them to the terminal.

mod child;
mod draft;
mod line;
mod log;
mod paper;
mod play;
mod script;
mod session;
mod skin;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};

use crate::{
    log::Log, paper::Paper, play::Player, script::ScriptError, session::Session, skin::Kind,
};

/// Plays the behaviour of an interactive agent.
#[derive(Debug, Parser)]
struct Arguments {
    /// The agent; without it, the one this program is called as.
    #[arg(long, value_enum)]
    profile: Option<Kind>,
    /// A file with the steps, or the steps themselves.
    #[arg(long, env = "SCRIPTED_AGENT_SCRIPT", hide_env_values = true)]
    script: String,
    /// Where it writes what happened.
    #[arg(long, env = "SCRIPTED_AGENT_LOG")]
    log: Option<PathBuf>,
    /// On the alternate screen.
    #[arg(long)]
    alternate: bool,
    /// The agent's own arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Why it cannot be played.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("profile of '{0}' is not known; name one with --profile")]
    Profile(String),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error("log {path} cannot be opened: {source}")]
    Log { path: PathBuf, source: io::Error },
    #[error("terminal: {0}")]
    Terminal(#[from] io::Error),
}

fn main() -> ExitCode {
    if let Some(time) = child::asked() {
        child::burn(time);
        return ExitCode::SUCCESS;
    }
    match run(Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            // Nobody is left to hear that this failed.
            drop(writeln!(io::stderr(), "scripted-agent: {fault}"));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Result<u8, Fault> {
    let kind = match arguments.profile {
        Some(kind) => kind,
        None => called_as()?,
    };
    let skin = skin::of(kind);
    let session = Session::of(&arguments.rest);
    let script = script::read(&arguments.script, skin.as_ref())?;
    let script = script::part(script, session.resumed);
    let log = Log::open(arguments.log.as_deref()).map_err(|source| Fault::Log {
        path: arguments.log.clone().unwrap_or_default(),
        source,
    })?;
    let paper = Paper::open(arguments.alternate, skin.has_cursor())?;
    let mut player = Player::new(skin, paper, log, session);
    let played = player.start(kind, &arguments.rest);
    let played = played.and_then(|()| player.play(&script));
    // The terminal is given back also where something failed.
    let (words, code) = played
        .as_ref()
        .map_or((&[][..], 2), |end| (&end.words, end.code));
    player.close(words, code)?;
    Ok(played?.code)
}

/// The agent whose name this program was called by.
fn called_as() -> Result<Kind, Fault> {
    let called = env::args_os().next().map(PathBuf::from);
    let stem = called.as_deref().and_then(Path::file_stem);
    let name = stem.map(|stem| stem.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    Kind::from_str(&name, false).map_err(|_| Fault::Profile(name))
}
