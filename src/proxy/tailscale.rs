//! The proxy whose engine is a userspace tailscaled.
//!
//! Promise: it is ready when its SOCKS server answers and the machine is in its tailnet. A machine
//! that is not logged in is logged in, if there is an auth key; the key itself goes from its file
//! to `tailscale` and is seen by nobody else.
//!
//! How: [`tailscaled`] is what is run, [`Tailscale::readiness`] is the command that looks whether it is ready
//! (`loopkeeperd proxy-ready`), and [`ready`] is what that command does.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{ExitCode, Output, Stdio},
    time::Duration,
};

use serde::Deserialize;

use super::{HandshakeError, handshake};
use crate::{
    causes::in_one_line,
    config::{Command, Tailscale},
};

/// `tailscaled` may take so long to answer a greeting or a question.
const ANSWER: Duration = Duration::from_secs(5);

/// A login may take so long, in seconds.
const LOGIN_SECONDS: u64 = 20;

/// The command that runs tailscaled, with its control socket at `socket`.
#[must_use]
pub fn tailscaled(settings: &Tailscale, socket: &Path) -> Command {
    let mut arguments = vec![
        "--tun=userspace-networking".to_owned(),
        format!("--socks5-server={}", settings.listen),
        format!("--statedir={}", settings.state.display()),
        format!("--socket={}", socket.display()),
    ];
    arguments.extend(settings.arguments.iter().cloned());
    Command {
        program: settings.tailscaled.clone(),
        arguments,
    }
}

/// What [`ready`] looks at.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Backend {
    /// Where tailscaled's SOCKS server listens
    #[arg(long, value_name = "ADDR")]
    pub listen: String,
    /// The `tailscale` program
    #[arg(long, value_name = "BIN")]
    pub tailscale: PathBuf,
    /// tailscaled's control socket
    #[arg(long, value_name = "PATH")]
    pub control: PathBuf,
    /// A file with the key that logs this machine in
    #[arg(long, value_name = "FILE")]
    pub auth_key: Option<PathBuf>,
    /// The machine's name in the tailnet
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
}

/// What is missing.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The SOCKS server does not answer.
    #[error("tailscaled is not up")]
    Socks(#[from] HandshakeError),
    /// `tailscale` could not be run.
    #[error("program {} cannot be run", program.display())]
    Run {
        /// `tailscale`.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `tailscale` did not come to an end.
    #[error("command `tailscale {verb}` did not end within {limit:?}")]
    Timeout {
        /// `status` or `up`.
        verb: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// `tailscale` failed.
    #[error("command `tailscale {verb}` failed: {says}")]
    Failed {
        /// `status` or `up`.
        verb: &'static str,
        /// The last line it wrote to standard error.
        says: String,
    },
    /// The backend is not running, and nothing that is known here helps.
    #[error("tailscale backend is {state}: {missing}")]
    State {
        /// Its own word for it.
        state: String,
        /// What has to happen.
        missing: &'static str,
    },
    /// The event loop could not be set up.
    #[error("event loop cannot be set up")]
    Runtime(#[source] io::Error),
}

/// The process `loopkeeperd proxy-ready`: exits with 0 when tailscaled is ready; otherwise with 1
/// and one line on standard error that says what is missing.
#[must_use]
pub fn main(backend: &Backend) -> ExitCode {
    let looked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(NotReady::Runtime)
        .and_then(|runtime| runtime.block_on(ready(backend)));
    match looked {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing) => {
            // Without standard error the exit code has to do.
            drop(writeln!(io::stderr(), "{}", in_one_line(&missing)));
            ExitCode::FAILURE
        }
    }
}

/// Looks whether tailscaled is ready, and logs the machine in if it is not and a key is there.
///
/// # Errors
/// What is missing.
pub async fn ready(backend: &Backend) -> Result<(), NotReady> {
    handshake(&backend.listen, ANSWER).await?;
    let mut state = backend.state().await?;
    let is_logged_out = matches!(state.as_str(), "NeedsLogin" | "Stopped" | "NoState");
    if is_logged_out && backend.auth_key.is_some() {
        backend.log_in().await?;
        state = backend.state().await?;
    }
    let missing = match state.as_str() {
        "Running" => return Ok(()),
        "Starting" => "it has not reached the tailnet yet",
        "NeedsMachineAuth" => "the tailnet's administrator has to approve this machine",
        "InUseOtherUser" => "another user of this machine has it in use",
        _ if is_logged_out && backend.auth_key.is_some() => "the auth key did not log it in",
        _ if is_logged_out => "no auth key is configured, log in with `tailscale up`",
        _ => "this state is not known here",
    };
    Err(NotReady::State { state, missing })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    backend_state: String,
}

impl Backend {
    /// The backend's state, as `tailscale status` calls it. What that exits with depends on the
    /// state, so the answer alone counts.
    async fn state(&self) -> Result<String, NotReady> {
        let output = self
            .run("status", vec!["--json".to_owned()], ANSWER)
            .await?;
        serde_json::from_slice::<Status>(&output.stdout)
            .map(|status| status.backend_state)
            .map_err(|error| failure("status", &output, &error.to_string()))
    }

    async fn log_in(&self) -> Result<(), NotReady> {
        let mut arguments = vec![format!("--timeout={LOGIN_SECONDS}s")];
        if let Some(key) = &self.auth_key {
            arguments.push(format!("--auth-key=file:{}", key.display()));
        }
        if let Some(name) = &self.hostname {
            arguments.push(format!("--hostname={name}"));
        }
        let limit = Duration::from_secs(LOGIN_SECONDS) + ANSWER;
        let output = self.run("up", arguments, limit).await?;
        if output.status.success() {
            Ok(())
        } else {
            Err(failure("up", &output, &output.status.to_string()))
        }
    }

    async fn run(
        &self,
        verb: &'static str,
        arguments: Vec<String>,
        limit: Duration,
    ) -> Result<Output, NotReady> {
        let output = tokio::process::Command::new(&self.tailscale)
            .arg(format!("--socket={}", self.control.display()))
            .arg(verb)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        tokio::time::timeout(limit, output)
            .await
            .map_err(|_| NotReady::Timeout { verb, limit })?
            .map_err(|source| NotReady::Run {
                program: self.tailscale.clone(),
                source,
            })
    }
}

/// A failure in the program's own last words, or in `otherwise` if it had none; without the key,
/// should they quote it.
fn failure(verb: &'static str, output: &Output, otherwise: &str) -> NotReady {
    let text = String::from_utf8_lossy(&output.stderr);
    let says = text
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or(otherwise)
        .split(' ')
        .map(|word| {
            if word.contains("tskey-") {
                "tskey-…"
            } else {
                word
            }
        })
        .collect::<Vec<_>>()
        .join(" ");
    NotReady::Failed { verb, says }
}
