//! `handoff`: steps of gates, asked for by a file, and where gates stand.
//!
//! Promise: whose directory the request is written to is who asks, and so a loop asks for itself alone. What is
//! printed is what the daemon answered; without an answer it is said that the request lies there.

mod claim;
mod list;

use std::{
    env, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{
    Context,
    failure::{Exit, Failure},
    inbox::{declared, owner},
    nudge::text_of,
    words::printable_lines,
};
use crate::{
    causes::in_one_line,
    decide::{ANSWERED_WITHIN, Ask, Asker, RESTARTED_WITHIN, Step, Verified},
    handoff::{self, Answer, Asks, AsksError},
    host::look::{MOMENT, look_at},
    model::{GateName, WorkerName},
    paths::typed,
    store::Store,
};

/// From one look for it to the next.
const LOOK: Duration = Duration::from_millis(50);
/// Where a worker asks.
const OWN: &str = "LOOPKEEPER_HANDOFF";

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Say that a gate is passed, as far as the worker can tell: another one verifies it.
    ///
    /// What is claimed is the commit of the worker's worktree. Where something there is not committed, or not
    /// pushed, it is refused: who verifies it works in another clone.
    Claim(claim::Arguments),
    /// Say that a gate is passed indeed.
    Pass(Verdict),
    /// Say that something is wrong: the gate goes back to whoever claimed it.
    Back(Verdict),
    /// Take a gate away, as a person.
    Drop {
        /// The gate.
        gate: GateName,
    },
    /// Show where gates stand, and what happened to them; also while the daemon is down.
    List {
        /// This one alone, with all that happened to it.
        gate: Option<GateName>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Verdict {
    /// The gate.
    gate: GateName,
    #[command(flatten)]
    note: Note,
    /// Only if it is still the claim of this round.
    #[arg(long)]
    round: Option<u32>,
    /// Only if it is still a claim of this commit, or of one that begins so.
    #[arg(long)]
    commit: Option<String>,
    /// For this worker, as root or the daemon's user.
    #[arg(long = "as", value_name = "WORKER")]
    worker: Option<WorkerName>,
}

#[derive(Debug, Args)]
struct Note {
    /// What is said with it: who hears of it reads it.
    #[arg(short = 'm', long = "message", value_name = "TEXT")]
    text: Option<String>,
    /// Say what is in this file, at most 3000 bytes; `-` is standard input.
    #[arg(long, conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl Note {
    fn read(&self) -> Result<Option<String>, Failure> {
        let words: Vec<String> = self.text.iter().cloned().collect();
        if words.is_empty() && self.file.is_none() {
            return Ok(None);
        }
        let text = text_of(&words, self.file.as_deref())?;
        handoff::check_note(&text).map_err(|why| Failure::say(Exit::Usage, why))?;
        Ok(Some(text))
    }
}

/// Who asks.
enum Whose {
    /// The worker that this process is part of, which asks here.
    Own(PathBuf),
    /// Somebody by his name, or a person.
    Other(Asker),
}

impl Whose {
    fn of(worker: Option<&WorkerName>) -> Self {
        match (worker, own()) {
            (Some(worker), _) => Self::Other(Asker::Worker(worker.clone())),
            (None, Some(path)) => Self::Own(path),
            (None, None) => Self::Other(Asker::Person),
        }
    }
}

/// The state directory of the rig that is asked. A worker knows its own, also where its daemon keeps that in an
/// unusual place.
fn state(whose: &Whose, context: &Context) -> Result<PathBuf, Failure> {
    let own = match whose {
        Whose::Own(path) => path.ancestors().nth(3),
        Whose::Other(_) => None,
    };
    match own {
        Some(state) => Ok(state.to_owned()),
        None => Ok(context.paths()?.state.clone()),
    }
}

/// Where the worker asks that this process is part of.
fn own() -> Option<PathBuf> {
    env::var_os(OWN)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

pub(super) fn run(what: &What, context: &Context) -> Result<(), Failure> {
    match what {
        What::Claim(arguments) => claim::run(arguments, context),
        What::Pass(verdict) => judge(verdict, Step::Pass, context),
        What::Back(verdict) => judge(verdict, Step::Back, context),
        What::Drop { gate } => ask(&Whose::of(None), &of(gate, Step::Drop, None), context),
        What::List { gate, json } => list::show(gate.as_ref(), *json, context),
    }
}

fn judge(verdict: &Verdict, step: Step, context: &Context) -> Result<(), Failure> {
    let note = verdict.note.read()?;
    if step == Step::Back && note.is_none() {
        let text = "gate cannot go back without a word of what is wrong";
        return Err(Failure::say(Exit::Usage, text).hint("say it with -m WHY, or --file FILE"));
    }
    let whose = Whose::of(verdict.worker.as_ref());
    let verdict = Ask {
        verified: Verified {
            round: verdict.round,
            commit: verdict.commit.clone(),
        },
        ..of(&verdict.gate, step, note)
    };
    ask(&whose, &verdict, context)
}

fn of(gate: &GateName, step: Step, note: Option<String>) -> Ask {
    Ask {
        gate: gate.clone(),
        step,
        verified: Verified::default(),
        note,
    }
}

/// Asks for a step, and prints what came of it.
fn ask(whose: &Whose, ask: &Ask, context: &Context) -> Result<(), Failure> {
    let asks = open(whose, context)?;
    let of = |error: AsksError| Failure::new(Exit::Failed, &error);
    let id = asks.ask(ask, Timestamp::now()).map_err(of)?;
    let state = state(whose, context)?;
    match wait_for(&state, || asks.take_answer(&id)).map_err(of)? {
        Ok(Answer::Done(text)) => Ok(context.screen.print(printable_lines(&text) + "\n")?),
        Ok(Answer::Refused {
            message,
            hint,
            unknown,
        }) => {
            let exit = match unknown {
                true => Exit::Unknown,
                false => Exit::Failed,
            };
            let failure = Failure::say(exit, message);
            Err(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
        Err(silence) => Err(unanswered(silence, &asks, &ask.gate)),
    }
}

/// Why nobody has answered.
#[derive(Debug, Clone, Copy)]
enum Silence {
    /// Nobody has the rig, also not after a moment in which a daemon is restarted.
    NotRunning,
    /// Somebody has it, as far as is known.
    Late,
}

impl Silence {
    fn in_words(self) -> String {
        match self {
            Self::NotRunning => "daemon is not running".to_owned(),
            Self::Late => {
                let waited = ANSWERED_WITHIN.as_secs();
                format!("daemon has not answered within {waited} s")
            }
        }
    }
}

/// What the daemon of this state directory answers, if it does while somebody waits.
fn wait_for<T>(
    state: &Path,
    take: impl Fn() -> Result<Option<T>, AsksError>,
) -> Result<Result<T, Silence>, AsksError> {
    let begin = Instant::now();
    let is_free = || matches!(look_at(MOMENT, state, Store::is_free), Ok(true));
    loop {
        if let Some(answer) = take()? {
            return Ok(Ok(answer));
        }
        match begin.elapsed() {
            waited if waited >= ANSWERED_WITHIN => return Ok(Err(Silence::Late)),
            waited if waited >= RESTARTED_WITHIN && is_free() => {
                return Ok(Err(Silence::NotRunning));
            }
            _ => thread::sleep(LOOK),
        }
    }
}

fn unanswered(silence: Silence, asks: &Asks, gate: &GateName) -> Failure {
    let text = format!(
        "{}; the request lies in {}, and the next daemon does it or refuses it: it need not be made again",
        silence.in_words(),
        typed(asks.path())
    );
    Failure::say(Exit::NotRunning, text).hint(format!(
        "`supervisorctl handoff list {gate}` shows where it stands then; a refusal is in `supervisorctl history`"
    ))
}

fn open(whose: &Whose, context: &Context) -> Result<Asks, Failure> {
    match whose {
        Whose::Own(path) => Asks::open_own(path).map_err(|error| refused(path, &error)),
        Whose::Other(by) => {
            let paths = context.paths()?;
            let state = &paths.state;
            if let (Asker::Worker(name), false) = (by, handoff::path(state, by).exists()) {
                declared(name, &paths.config)?;
            }
            Asks::open(state, by).map_err(|error| refused(&handoff::path(state, by), &error))
        }
    }
}

fn refused(path: &Path, error: &AsksError) -> Failure {
    let what = in_one_line(error);
    match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("there is nowhere to ask: {what}");
            let hint = "the daemon makes it for each worker with an agent, once one of them has `handoff`, as it begins and \
                        after `supervisorctl reload`";
            Failure::say(Exit::Failed, message).hint(hint)
        }
        io::ErrorKind::PermissionDenied => {
            let helps = owner(path).map_or("sudo".into(), |name| format!("sudo -u {name}"));
            let message = format!("you may not ask there: {what}");
            Failure::say(Exit::Failed, message).hint(format!("type the same after `{helps}`"))
        }
        _ => Failure::say(Exit::Failed, what),
    }
}
