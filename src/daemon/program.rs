//! The daemon as a program, and the processes that it starts beside itself from the same executable.
//!
//! `loopkeeperd` is no more than this. `supervisorctl` has it too, unseen, so that its demo needs
//! nothing but itself. For the roles it makes no difference which of the two runs: each process is
//! called by what it is, so that who means the daemon by its name meets nobody else.

use std::{
    ffi::{CStr, OsString},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ContextKind};

use super::{Options, StartError, command, journal, perform::own_notice};
use crate::{
    checkout,
    decide::Level,
    host::boot,
    launch::{as_user::AsUser, exec, pane, recorder},
    paths::{Given, Paths},
    proxy,
    systemd::notify::ServiceManager,
};

/// In the runtime directory: why the last daemon did not start.
const REFUSED: &str = "refused";

/// Keeps the declared rig running.
///
/// SIGTERM ends the daemon and leaves the workers to the next one; SIGINT (Ctrl-C) stops them first;
/// SIGHUP reads the configuration again.
#[derive(Debug, Parser)]
#[command(name = "loopkeeperd", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// The rig's configuration [default: loopkeeper.toml in /etc/loopkeeper or, for a user, in ~/.config/loopkeeper]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the resume point, the history and the attempts are kept [default: /var/lib/loopkeeper or, for a user, ~/.local/state/loopkeeper]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The control socket [default: control.sock in /run/loopkeeper or, for a user, in $XDG_RUNTIME_DIR/loopkeeper; where that is not set, in run of the state directory]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// What only the daemon can be told.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// Let everybody on this machine read from the control socket
    #[arg(long)]
    everyone_reads: bool,
}

/// What nobody types.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Run the builtin SOCKS5 proxy until SIGTERM
    #[command(hide = true)]
    Proxy {
        /// Its settings, as JSON
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
    /// Exit with 0 when tailscaled's SOCKS5 proxy is ready, after logging in if need be
    #[command(hide = true)]
    ProxyReady(proxy::tailscale::Backend),
    /// Connects its standard input and output to a port, for ssh
    #[command(hide = true)]
    ThroughProxy(proxy::through::Way),
    /// Runs a worker inside of its tmux pane, and records how it ended
    #[command(hide = true)]
    Pane(Attempt),
    /// Records what a tmux pane is sent
    #[command(hide = true)]
    Record {
        #[command(flatten)]
        of: Attempt,
        /// The pane's terminal
        #[arg(long, value_name = "FILE")]
        terminal: Option<PathBuf>,
    },
    /// Becomes a worker, inside of the unit that was made for it
    #[command(hide = true)]
    Exec(Attempt),
    /// Becomes a worker that has secrets in its environment
    #[command(hide = true)]
    Become(Attempt),
    /// Says what is half-done in a checkout of git
    #[command(hide = true)]
    GitLook {
        /// Where it is
        path: PathBuf,
        /// Where the file system is mounted on which it was
        #[arg(long, value_name = "DIR")]
        was_on: Option<PathBuf>,
        #[command(flatten)]
        user: Option<AsUser>,
    },
    /// Makes the worktree that is wanted on its standard input, or puts it right
    #[command(hide = true)]
    GitMake,
    /// Becomes a command that has a worker's user
    #[command(hide = true)]
    As {
        #[command(flatten)]
        user: AsUser,
        /// The command
        #[arg(last = true, required = true)]
        words: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Attempt {
    /// The attempt's directory
    #[arg(long, value_name = "DIR")]
    attempt_dir: PathBuf,
}

/// The command line of `loopkeeperd`.
pub(crate) fn typed() -> clap::Command {
    Arguments::command()
}

/// Does what the command line of `loopkeeperd` says.
pub fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|mut error| {
        // All of them are what nobody types.
        error.remove(ContextKind::SuggestedSubcommand);
        error.exit()
    });
    let given = Given {
        config: arguments.config,
        state: arguments.state_dir,
        socket: arguments.socket,
    };
    match arguments.role {
        None => keep(&given, &arguments.flags),
        Some(role) => role.play(),
    }
}

impl Role {
    /// The name of its process.
    fn name(&self) -> &'static CStr {
        match self {
            Self::Proxy { .. } => c"lk-proxy",
            Self::ProxyReady(_) => c"lk-proxy-ready",
            Self::ThroughProxy(_) => c"lk-through",
            Self::Pane(_) => c"lk-pane",
            Self::Record { .. } => c"lk-record",
            Self::GitLook { .. } | Self::GitMake => c"lk-git",
            Self::Exec(_) | Self::Become(_) | Self::As { .. } => c"lk-exec",
        }
    }

    pub(crate) fn play(self) -> ExitCode {
        call_myself(self.name());
        match self {
            Self::Proxy { settings } => proxy::main(&settings),
            Self::ProxyReady(backend) => proxy::tailscale::main(&backend),
            Self::ThroughProxy(way) => proxy::through::main(&way),
            Self::Pane(of) => pane::run(&of.attempt_dir).unwrap_or_else(failed),
            Self::Record { of, terminal } => {
                recorder::run(&of.attempt_dir, terminal.as_deref()).unwrap_or_else(failed)
            }
            Self::Exec(of) => exec::run(&of.attempt_dir).unwrap_or_else(failed),
            Self::Become(of) => failed(exec::become_worker(&of.attempt_dir)),
            Self::GitLook { path, was_on, user } => checkout::main(&path, was_on.as_deref(), user),
            Self::GitMake => checkout::make::main(),
            Self::As { user, words } => {
                say(&user.become_command(&words).to_string());
                ExitCode::from(command::NOT_EXECUTABLE)
            }
        }
    }
}

/// The daemon. Exit code 2 is a mistake in the configuration or on the command line, 1 the rest.
pub(crate) fn keep(given: &Given, flags: &Flags) -> ExitCode {
    call_myself(c"loopkeeperd");
    let _last_words = journal::begin();
    let environment = std::env::vars_os().collect();
    let paths = match Paths::find(&environment, nix::unistd::geteuid().is_root(), given) {
        Ok(paths) => paths,
        Err(error) => {
            say(&format!("loopkeeperd: {error}\n  hint: {}", error.hint()));
            return ExitCode::from(2);
        }
    };
    let options = Options {
        paths,
        everyone_reads: flags.everyone_reads,
    };
    match super::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            refuse(&error, &options.paths);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Tells who started us: a person in full, the service manager in the line that `systemctl status`
/// shows, and the journal in one entry.
fn refuse(error: &StartError, paths: &Paths) {
    let mut manager = ServiceManager::of_this_process(boot::now().mono);
    manager.status(format!("cannot start: {}", error.briefly(paths)));
    if journal::is_there() {
        let full = error.in_full();
        let told = match told_before(&paths.runtime, &full) {
            true => format!(": {}", error.briefly(paths)),
            false => format!("\n{full}"),
        };
        let text = format!("the supervisor cannot start; what runs was not touched{told}");
        journal::tell(&own_notice("start-refused", Level::Error, text));
    } else {
        say(&error.in_full());
    }
}

/// Whether the last daemon that did not start said the same. The manager tries again for ever, and the
/// whole of it is worth reading once.
fn told_before(runtime: &Path, full: &str) -> bool {
    let path = runtime.join(REFUSED);
    let same = fs::read(&path).is_ok_and(|before| before == full.as_bytes());
    if !same && let Err(error) = fs::write(&path, full) {
        tracing::debug!("{}: {error}", path.display());
    }
    same
}

/// What the next one that does not start says is news.
pub(super) fn begins(runtime: &Path) {
    // Where there is none, none was refused.
    drop(fs::remove_file(runtime.join(REFUSED)));
}

/// What ps(1) and pgrep(1) show: 15 bytes at the most (PR_SET_NAME(2const)).
fn call_myself(name: &CStr) {
    // The kernel refuses no name, and a process does its work under any.
    let _ = nix::sys::prctl::set_name(name);
}

/// Says why on what is the attempt's output; the daemon reads it from the attempt's directory.
fn failed(error: io::Error) -> ExitCode {
    say(&format!("loopkeeperd: {error}"));
    ExitCode::FAILURE
}

/// If standard error is gone, nobody is there to be told.
fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_told_in_full_once() {
        let runtime = tempfile::tempdir().unwrap();
        let told = |full| told_before(runtime.path(), full);
        assert_eq!([told("a"), told("a")], [false, true]);
        assert_eq!([told("a\nb"), told("a\nb")], [false, true]);
        begins(runtime.path());
        assert!(!told("a\nb"), "one has started meanwhile");
        assert!(!told_before(Path::new("/does/not/exist"), "a"));
    }
}
