//! `supervisorctl`: one file for each group of verbs.
//!
//! Promise: what a verb prints on standard output is the answer and nothing else; errors go to
//! standard error as `error: …` with a `hint: …` where there is one, and the exit code says what
//! sort of error it was. Text that came from a worker or a daemon never reaches a terminal with
//! its control characters, unless `logs --raw` asks for them.

mod apart;
mod attach;
mod carrier;
mod check;
mod connect;
mod cutover;
mod demo;
mod doctor;
mod failure;
mod follow;
mod handoff;
mod host;
mod inbox;
mod installed;
mod journey;
mod logs;
mod manual;
mod mistyped;
mod nixos;
mod nudge;
mod offline;
mod pane;
mod phase;
mod print;
mod quiesce;
mod relay;
mod replay;
mod rig;
mod screen;
mod session;
mod status;
mod steer;
mod table;
mod watch;
mod words;

use std::{collections::BTreeMap, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    daemon::program,
    model::{PhaseId, WorkerName},
    paths::Given,
};
use failure::Failure;
use rig::{Rig, Whereabouts};
use screen::Screen;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the operation failed
  2  usage or configuration is wrong
  3  the daemon is not running
  4  the named thing does not exist";

/// Shows and steers a rig that loopkeeperd keeps running.
#[derive(Debug, Parser)]
#[command(name = "supervisorctl", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli<Part: Subcommand> {
    #[command(flatten)]
    rig: Rig,
    #[command(subcommand)]
    part: Part,
}

/// What this process is to be.
#[derive(Debug, Subcommand)]
enum Part {
    #[command(flatten)]
    Verb(Verb),
    /// The daemon, as loopkeeperd is.
    #[command(hide = true)]
    Daemon(program::Flags),
    /// What a daemon from this executable starts beside itself.
    #[command(flatten)]
    Role(program::Role),
}

/// The command line as far as people type it.
fn typed() -> clap::Command {
    Cli::<Verb>::command()
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the rig: phase, reboots, and a row for each worker.
    Status(status::Arguments),
    /// Start workers that are stopped, and release those that are held.
    Start(steer::Workers),
    /// Stop workers until they are started again, also over reboots.
    Stop(steer::Workers),
    /// Stop workers and start them again, with the configuration the daemon has.
    Restart(steer::Workers),
    /// Let the next start of an agent begin a new conversation.
    Forget {
        /// A worker with conversation = "kept" or "phase".
        worker: WorkerName,
    },
    /// Stop all loops; the plan stands still, and its resume point is kept.
    Pause,
    /// Pause as soon as no loop has anything half-done, uncommitted or unpushed.
    Quiesce(quiesce::Arguments),
    /// Move the rig's past and its place in the plan to another machine.
    ///
    /// `export` pauses the rig at a safe point, so that no loop runs here any more, and writes all that it is
    /// beside its configuration and its checkouts into one file; `import` takes that over where no daemon
    /// runs. Neither lets a rig run in both places.
    #[command(subcommand)]
    Cutover(cutover::What),
    /// Let the loops go on, after a pause or a reboot with resume = "manual".
    Resume {
        /// Go on at this phase: its id, or its number as `phase` shows it: 1 is the first.
        #[arg(long, value_name = "ID")]
        phase: Option<PhaseId>,
    },
    /// Go into the tmux session of a worker; leave it with C-b d.
    Attach {
        /// A worker with launcher = "tmux".
        worker: WorkerName,
    },
    /// Print what the tmux session of a worker shows now.
    Screen(pane::Arguments),
    /// Type a text to the agent of a worker, and say by what it is known to be taken.
    ///
    /// A text that is not typed, or not taken, is an error that shows the agent's screen. Where the
    /// screen cannot prove that it was taken, it says so and is no error.
    Nudge(nudge::Arguments),
    /// Show what waits to be typed to an agent, add to it, or retry what failed.
    ///
    /// A file that is dropped into the directory that `list` names is typed once, in order, when the agent
    /// waits for a word. It works also while the daemon is down.
    Inbox(inbox::Arguments),
    /// Claim that a gate is passed, say that it is or is not, or show where gates stand.
    ///
    /// A worker says claim, pass and back in its own terminal; whoever's turn it is then finds a text in its
    /// inbox. Root and the daemon's user say them for a worker with --as, and pass, back and drop as a person,
    /// whose word ends every dispute. It waits for the daemon's answer; where there is none for 10 s, the request
    /// lies there, and is done when a daemon runs (exit code 3).
    #[command(subcommand)]
    Handoff(handoff::What),
    /// Show the other hosts on which workers run and how they are, or ask what they lack.
    #[command(subcommand)]
    Host(host::What),
    /// Play again what the tmux session of a worker showed; q or Ctrl-C ends it.
    ///
    /// At its end the last screen stays until a key is pressed. Into a pipe it prints all of it at once.
    Replay(replay::Arguments),
    /// Show what workers wrote.
    Logs(logs::Arguments),
    /// Show the plan, move the resume point, or say that the phase is done.
    Phase(phase::Arguments),
    /// List the reboots of the machine.
    Reboots {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// List what happened, from the records: with times, attempts and exits.
    History(journey::History),
    /// Show the daemon's latest notices; with -f also new ones, as they happen.
    Events(journey::Events),
    /// Look for what is wrong on this machine: programs, permissions, files, limits.
    Doctor {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Say every mistake of a configuration, without touching anything.
    Check(check::Arguments),
    /// Make the daemon read its configuration again; what did not change is not touched.
    Reload(steer::Reload),
    /// Watch a whole rig at work in a temporary directory, with a crash and a dead daemon.
    Demo(demo::Arguments),
    /// Print something to be installed.
    #[command(subcommand)]
    Generate(print::Generate),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all pages into a directory.
    Man(manual::Arguments),
}

impl Verb {
    /// Whether it neither has the terminal to itself nor goes on until it is ended.
    fn is_over_soon(&self) -> bool {
        match self {
            Self::Status(arguments) => !arguments.watches(),
            Self::Attach { .. }
            | Self::Quiesce(_)
            | Self::Cutover(_)
            | Self::Replay(_)
            | Self::Logs(_)
            | Self::Events(_)
            | Self::Demo(_) => false,
            Self::Start(_)
            | Self::Stop(_)
            | Self::Restart(_)
            | Self::Forget { .. }
            | Self::Pause
            | Self::Resume { .. }
            | Self::Screen(_)
            | Self::Nudge(_)
            | Self::Inbox(_)
            | Self::Handoff(_)
            | Self::Host(_)
            | Self::Phase(_)
            | Self::Reboots { .. }
            | Self::History(_)
            | Self::Doctor { .. }
            | Self::Check(_)
            | Self::Reload(_)
            | Self::Generate(_)
            | Self::Completions { .. }
            | Self::Man(_) => true,
        }
    }
}

/// What every verb may need.
struct Context {
    rig: Whereabouts,
    screen: Screen,
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let cli = mistyped::parse();
    let given = cli.rig.given();
    let verb = match cli.part {
        Part::Verb(verb) => verb,
        Part::Daemon(flags) => return program::keep(&given, &flags),
        Part::Role(role) => return role.play(),
    };
    let code = match verb.is_over_soon() {
        true => apart::run(|| perform(verb, given)),
        false => perform(verb, given),
    };
    ExitCode::from(code)
}

/// The exit code.
fn perform(verb: Verb, given: Given) -> u8 {
    let environment: BTreeMap<_, _> = std::env::vars_os().collect();
    let root = nix::unistd::geteuid().is_root();
    let mut context = Context {
        rig: Whereabouts::find(&environment, root, given),
        screen: Screen::of_process(&environment),
    };
    match run(verb, &mut context) {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    }
}

fn run(verb: Verb, context: &mut Context) -> Result<(), Failure> {
    match verb {
        Verb::Status(arguments) => status::run(&arguments, context),
        Verb::Start(workers) => steer::start(workers, context),
        Verb::Stop(workers) => steer::stop(workers, context),
        Verb::Restart(workers) => steer::restart(workers, context),
        Verb::Forget { worker } => steer::forget(worker, context),
        Verb::Pause => steer::pause(context),
        Verb::Quiesce(arguments) => quiesce::run(&arguments, context),
        Verb::Cutover(what) => cutover::run(&what, context),
        Verb::Resume { phase } => steer::resume(phase, context),
        Verb::Attach { worker } => attach::run(worker, context),
        Verb::Screen(arguments) => pane::run(arguments, context),
        Verb::Nudge(arguments) => nudge::run(arguments, context),
        Verb::Inbox(arguments) => inbox::run(&arguments, context),
        Verb::Handoff(what) => handoff::run(&what, context),
        Verb::Host(what) => host::run(what, context),
        Verb::Replay(arguments) => replay::run(&arguments, context),
        Verb::Logs(arguments) => logs::run(&arguments, context),
        Verb::Phase(arguments) => phase::run(arguments, context),
        Verb::Reboots { json } => journey::reboots(json, context),
        Verb::History(arguments) => journey::history(&arguments, context),
        Verb::Events(arguments) => journey::events(&arguments, context),
        Verb::Doctor { json } => doctor::run(json, context),
        Verb::Check(arguments) => check::run(&arguments, context),
        Verb::Reload(arguments) => steer::reload(&arguments, context),
        Verb::Demo(arguments) => demo::run(&arguments, context),
        Verb::Generate(what) => print::generate(&what, context),
        Verb::Completions { shell } => print::completions(shell, context),
        Verb::Man(arguments) => manual::run(&arguments, context),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::typed().debug_assert();
        super::Cli::<super::Part>::command().debug_assert();
    }
}
