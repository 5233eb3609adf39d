//! `loopkeeperd`: without a subcommand the daemon; the subcommands are the processes it starts
//! beside itself, which nobody types.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keeps the declared rig running.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {}

fn main() -> ExitCode {
    match Arguments::parse().role {
        None => ExitCode::SUCCESS,
        Some(role) => match role {},
    }
}
