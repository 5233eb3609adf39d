//! The operator's small commands: probes, ends of phases, notices.

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

use crate::{
    causes::in_one_line,
    config::Command,
    decide::Looked,
    launch::command::{CommandError, Request, Runner},
    model::Exit,
};

/// Of what a command prints, this much is worth repeating.
const KEEP: usize = 4096;

/// What shells, env(1) and others that run a program exit with when they found it, and could not run
/// it; and when they did not find it (POSIX, Shell Command Language, 2.8.2).
pub(super) const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// One command that is about to be run.
pub(super) fn request(command: &Command, directory: &Path, limit: Duration) -> Request {
    Request {
        program: command.program.clone(),
        arguments: command.arguments.iter().map(OsString::from).collect(),
        workdir: directory.to_owned(),
        environment: Vec::new(),
        as_user: None,
        input: Vec::new(),
        limit,
        keep: KEEP,
        cgroup: None,
    }
}

/// Adds to a command's environment.
pub(super) fn environment(request: &mut Request, added: &BTreeMap<String, String>) {
    let pairs = added
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    request.environment.extend(pairs);
}

/// Runs it; the error says why there is no exit.
pub(super) async fn exit(runner: &Runner, request: Request) -> Result<Exit, String> {
    runner
        .run(request)
        .await
        .map(|outcome| outcome.exit)
        .map_err(|error| in_one_line(&error))
}

/// Runs it; anything but success is an error, with the last line that it said.
pub(super) async fn succeed(runner: &Runner, request: Request) -> Result<(), String> {
    match look(runner, request).await {
        Looked::Well => Ok(()),
        Looked::Failed(why) | Looked::Unable(why) => Err(why),
    }
}

/// Looks by it: it succeeds, or the last line that it said is why not. Where it, or what it is to run,
/// cannot be run, nobody has looked.
pub(super) async fn look(runner: &Runner, request: Request) -> Looked {
    let program = request.program.clone();
    let outcome = match runner.run(request).await {
        Ok(outcome) => outcome,
        Err(error @ (CommandError::Start { .. } | CommandError::Unseen { .. })) => {
            return Looked::Unable(in_one_line(&error));
        }
        Err(error @ CommandError::TimedOut { .. }) => return Looked::Failed(in_one_line(&error)),
    };
    if outcome.exit.is_success() {
        return Looked::Well;
    }
    let said = [&outcome.errors, &outcome.output]
        .into_iter()
        .find_map(|text| {
            let text = String::from_utf8_lossy(text);
            text.lines()
                .rev()
                .find(|line| !line.trim().is_empty())
                .map(|line| line.trim().to_owned())
        });
    let said = said.map_or(String::new(), |line| format!(": {line}"));
    let why = format!("{}: {}{said}", program.display(), outcome.exit);
    match outcome.exit {
        Exit::Code(NOT_EXECUTABLE | NOT_FOUND) => Looked::Unable(why),
        _ => Looked::Failed(why),
    }
}
