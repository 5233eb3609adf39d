//! The operator's small commands: probes, ends of phases, notices.

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

use crate::{
    causes::in_one_line,
    config::Command,
    launch::command::{Request, Runner},
    model::Exit,
};

/// Of what a command prints, this much is worth repeating.
const KEEP: usize = 4096;

/// One command that is about to be run.
pub(super) fn request(command: &Command, directory: &Path, limit: Duration) -> Request {
    Request {
        program: command.program.clone(),
        arguments: command.arguments.iter().map(OsString::from).collect(),
        workdir: directory.to_owned(),
        environment: Vec::new(),
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
    let program = request.program.clone();
    let outcome = runner
        .run(request)
        .await
        .map_err(|error| in_one_line(&error))?;
    if outcome.exit.is_success() {
        return Ok(());
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
    Err(format!("{}: {}{said}", program.display(), outcome.exit))
}
