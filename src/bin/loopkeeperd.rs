//! `loopkeeperd`: without a subcommand the daemon; the subcommands are the processes it starts
//! beside itself, which nobody types.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use loopkeeper::proxy;

/// Keeps the declared rig running.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run the builtin SOCKS5 proxy until SIGTERM
    Proxy {
        /// Its settings, as JSON
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Exit with 0 when tailscaled's SOCKS5 proxy is ready, after logging in if need be
    ProxyReady(proxy::tailscale::Backend),
}

fn main() -> ExitCode {
    match Arguments::parse().role {
        None => ExitCode::SUCCESS,
        Some(Role::Proxy { config }) => proxy::main(&config),
        Some(Role::ProxyReady(backend)) => proxy::tailscale::main(&backend),
    }
}
