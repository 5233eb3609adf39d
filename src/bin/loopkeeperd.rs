//! `loopkeeperd`: without a subcommand the daemon; the subcommands are the processes it starts
//! beside itself, which nobody types.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use loopkeeper::{
    daemon::{self, Options, journal},
    launch::{exec, pane},
    paths::{Given, Paths},
    proxy,
};

/// Keeps the declared rig running.
///
/// SIGTERM ends the daemon and leaves the workers to the next one; SIGINT (Ctrl-C) stops them first;
/// SIGHUP reads the configuration again.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// The rig's declaration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the resume point, the history and the attempts are kept
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The control socket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Let everybody on this machine read from the control socket
    #[arg(long)]
    everyone_reads: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run the builtin SOCKS5 proxy until SIGTERM
    #[command(hide = true)]
    Proxy {
        /// Its settings, as JSON
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Exit with 0 when tailscaled's SOCKS5 proxy is ready, after logging in if need be
    #[command(hide = true)]
    ProxyReady(proxy::tailscale::Backend),
    /// Runs a worker inside of its tmux pane, and records how it ended
    #[command(hide = true)]
    Pane(Attempt),
    /// Becomes a worker, inside of the scope that was made for it
    #[command(hide = true)]
    Exec(Attempt),
}

#[derive(Debug, Args)]
struct Attempt {
    /// The attempt's directory
    #[arg(long, value_name = "DIR")]
    attempt_dir: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.role {
        None => keep(arguments),
        Some(Role::Proxy { config }) => proxy::main(&config),
        Some(Role::ProxyReady(backend)) => proxy::tailscale::main(&backend),
        Some(Role::Pane(of)) => pane::run(&of.attempt_dir).unwrap_or_else(failed),
        Some(Role::Exec(of)) => failed(exec::run(&of.attempt_dir)),
    }
}

/// The daemon. Exit code 2 is a mistake in the configuration or on the command line, 1 the rest.
fn keep(arguments: Arguments) -> ExitCode {
    journal::begin();
    let given = Given {
        config: arguments.config,
        state: arguments.state_dir,
        socket: arguments.socket,
    };
    let environment = std::env::vars_os().collect();
    let paths = match Paths::find(&environment, nix::unistd::geteuid().is_root(), &given) {
        Ok(paths) => paths,
        Err(error) => {
            say(&format!("loopkeeperd: {error}\n  hint: {}", error.hint()));
            return ExitCode::from(2);
        }
    };
    let options = Options {
        paths,
        everyone_reads: arguments.everyone_reads,
    };
    match daemon::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.in_full());
            ExitCode::from(error.exit_code())
        }
    }
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
