//! Looks at the world on behalf of the core: is it ready, is it well, is the phase over.

use std::{error::Error, path::Path, time::Duration};

use regex::bytes::Regex;
use tokio::{net::TcpStream, time::timeout};

use super::command;
use crate::{
    causes::in_one_line,
    config::{Condition, Probe, Program, Worker},
    decide::Looked,
    host::look::At,
    launch::{
        as_user::AsUser,
        command::Runner,
        directory::Directory,
        is_shortage,
        output::{Entries, head},
    },
    model::{AttemptRef, PhaseId},
    proxy::{self, handshake},
};

/// The longest that one look takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an output in which a line is looked for.
const BEGINNING: usize = 64 * 1024;
/// The longest that a phase's command takes.
const PHASE_PATIENCE: Duration = Duration::from_secs(600);

/// One look at an attempt.
pub(super) async fn look(
    probe: &Probe,
    of: &AttemptRef,
    place: &Directory,
    worker: Option<&Worker>,
    runner: &Runner,
) -> Looked {
    match probe {
        Probe::Socks(address) => match handshake(address, PATIENCE).await {
            Ok(()) => by_itself(worker, place).await,
            Err(error) => missed(&error, in_one_line(&error)),
        },
        Probe::Tcp(address) => match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => Looked::Well,
            Ok(Err(error)) => missed(&error, format!("{address}: {error}")),
            Err(_) => Looked::Failed(format!(
                "{address}: no answer within {} s",
                PATIENCE.as_secs()
            )),
        },
        Probe::Command(command) => {
            let directory = worker.map_or(Path::new("/"), |worker| &worker.workdir);
            let mut request = command::request(command, directory, PATIENCE);
            if let Some(worker) = worker {
                command::environment(&mut request, &worker.environment);
                request.as_user = AsUser::of(worker);
            }
            command::look(runner, request).await
        }
        Probe::File(path) => {
            let (path, place) = (path.clone(), place.clone());
            let look = move |at: &At| {
                at.comes_to(&path);
                file_is_newer(&path, &place)
            };
            match runner.looks.look(of.worker.as_str(), look).await {
                Ok(found) => seen(found),
                Err(error) => Looked::Unable(in_one_line(&error)),
            }
        }
        Probe::Output(pattern) => seen(output_has(of, place, pattern, runner).await),
    }
}

/// Somebody answers where a worker is to listen: not well, if it is our proxy and another one answers.
async fn by_itself(worker: Option<&Worker>, place: &Directory) -> Looked {
    let (Some(Program::BuiltinProxy(builtin)), Some(start)) =
        (worker.map(|worker| &worker.program), place.start())
    else {
        return Looked::Well;
    };
    let (listen, pid) = (builtin.listen, start.identity.pid);
    let look = move || {
        let other = !proxy::may_listen(pid, listen.port());
        other.then(|| proxy::holder_of(listen.port()).unwrap_or_else(|| "another one".into()))
    };
    match tokio::task::spawn_blocking(look).await {
        Ok(Some(holder)) => Looked::Failed(format!("{listen} is answered by {holder}")),
        Ok(None) | Err(_) => Looked::Well,
    }
}

/// No connection came of a look: for something that this process is short of, nobody has looked.
fn missed(error: &(dyn Error + 'static), why: String) -> Looked {
    match is_shortage(error) {
        true => Looked::Unable(why),
        false => Looked::Failed(why),
    }
}

fn seen(result: Result<(), String>) -> Looked {
    match result {
        Ok(()) => Looked::Well,
        Err(why) => Looked::Failed(why),
    }
}

/// The file exists, and was made or changed since the attempt began.
fn file_is_newer(path: &Path, place: &Directory) -> Result<(), String> {
    let found = path
        .metadata()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let began = place.path().join("spec.json").metadata();
    let older = match (found.modified(), began.and_then(|began| began.modified())) {
        (Ok(found), Ok(began)) => found < began,
        (Err(_), _) | (_, Err(_)) => false,
    };
    if older {
        Err(format!("{} is older than this attempt", path.display()))
    } else {
        Ok(())
    }
}

/// A line of the output's beginning matches.
async fn output_has(
    of: &AttemptRef,
    place: &Directory,
    pattern: &str,
    runner: &Runner,
) -> Result<(), String> {
    let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
    let output = match head(place, BEGINNING) {
        Ok(output) => output,
        Err(error) => match Entries::of(place, of) {
            Some(entries) => entries.head(runner, BEGINNING).await?,
            None => return Err(format!("output in {}: {error}", place.path().display())),
        },
    };
    match output
        .split(|byte| *byte == b'\n')
        .any(|line| pattern.is_match(line))
    {
        true => Ok(()),
        false => Err(format!("no line of its output matches {pattern}")),
    }
}

/// Whether the phase is over.
pub(super) async fn phase_is_over(
    condition: &Condition,
    directory: &Path,
    id: &PhaseId,
    runner: &Runner,
) -> Result<bool, String> {
    match condition {
        Condition::Operator => Ok(false),
        Condition::File { path, line } => {
            let (path, line) = (path.clone(), line.clone());
            let look = move |at: &At| {
                at.comes_to(&path);
                file_says(&path, line.as_deref())
            };
            let says = runner.looks.look(&format!("end of phase {id}"), look).await;
            says.unwrap_or_else(|error| Err(in_one_line(&error)))
        }
        Condition::Command { command, .. } => {
            let mut request = command::request(command, directory, PHASE_PATIENCE);
            request
                .environment
                .push(("LOOPKEEPER_PHASE".into(), id.as_str().into()));
            command::exit(runner, request)
                .await
                .map(|exit| exit.is_success())
        }
    }
}

fn file_says(path: &Path, line: Option<&str>) -> Result<bool, String> {
    let Some(line) = line else {
        return path
            .try_exists()
            .map_err(|error| format!("{}: {error}", path.display()));
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().any(|found| found.trim() == line.trim())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
