//! The SOCKS5 proxy (RFC 1928) that is the loops' way to other machines.
//!
//! Promise: the builtin proxy is a process of its own, so that no restart of the daemon cuts a
//! connection. It connects only where its rules let it, tells a client the standard's reason when
//! it does not, and neither silent nor hostile clients, nor a lack of descriptors, end it or keep
//! others out for longer than its limits say. It never logs a password, and destinations only at
//! debug level.
//!
//! How: [`main`] is the process. `server` lets clients in and drains, `admission` says how many there
//! may be, `refusal` is what the log tells of the others; `session` is one client, with fast-socks5
//! for the protocol; `connect` applies the `rules`, resolves and connects, maybe
//! through an `upstream`; `relay` carries the bytes. [`handshake`] is how anybody finds out that a
//! SOCKS5 server is up, [`tailscale`] is the proxy whose engine is tailscaled. `through` is the way of a
//! program that speaks no SOCKS, as ssh.

mod accept;
mod admission;
mod connect;
mod credentials;
mod handshake;
mod holder;
mod refusal;
mod relay;
mod rules;
mod server;
mod session;
pub mod tailscale;
pub(crate) mod through;
mod upstream;

use std::{
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

pub use handshake::{HandshakeError, handshake};
pub(crate) use holder::{holder_of, may_listen};
pub use server::{ServeError, load, serve};

use crate::{
    causes::in_one_line,
    outbox::{LastWords, Stderr},
};

/// The process `loopkeeperd proxy`: serves until SIGTERM. Logs to standard error, at `info`
/// unless `$RUST_LOG` says otherwise.
///
/// Exits with 0 after a drain, 1 when it cannot listen, 2 when its settings are not valid.
#[must_use]
pub fn main(config: &Path) -> ExitCode {
    let _last_words = log_to_stderr();
    let served = load(config).and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(server::RESOLVER_THREADS)
            .build()
            .map_err(ServeError::Runtime)?;
        let served = runtime.block_on(serve(settings));
        // A name server that does not answer must not hold up the end.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = in_one_line(&error);
            match error.hint() {
                Some(hint) => tracing::error!("{text}; {hint}"),
                None => tracing::error!("{text}"),
            }
            ExitCode::from(if error.is_configuration() { 2 } else { 1 })
        }
    }
}

/// Only what is logged through `tracing`: fast-socks5 writes passwords to the `log` crate at
/// debug level, and nothing may connect that to our output.
///
/// Who reads it may hang, as journald may, and no client waits for that. What is returned waits for
/// the last lines.
fn log_to_stderr() -> Option<LastWords> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let stderr = Stderr::begin();
    let last_words = stderr.last_words();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(colour)
        .with_target(false)
        .finish();
    // Fails only where somebody set one up before, which then is the one to use.
    drop(tracing::subscriber::set_global_default(log));
    last_words
}
