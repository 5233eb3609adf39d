//! The operator's notification command.
//!
//! Promise: it holds nothing up, and has a [`PATIENCE`]; that it failed is told in the journal, once for each
//! event, with what it was to say. What it does with its standard input is its own affair: that is a file in
//! memory, and nobody waits until it is read.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::command;
use crate::{
    config::{Environment, Input, Notify},
    decide::{Level, Notice},
    launch::command::{Request, Runner},
    model::{AttemptId, PhaseId, WorkerName},
};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The form of [`Notification`]; another one for another form.
const VERSION: u32 = 1;

/// A notice as programs read it. Keys are added, and none is changed or taken away.
#[derive(Debug, Serialize)]
struct Notification<'a> {
    version: u32,
    event: &'a str,
    level: Level,
    at: Timestamp,
    rig: &'a str,
    host: &'a str,
    worker: Option<&'a WorkerName>,
    attempt: Option<&'a AttemptId>,
    phase: Option<&'a PhaseId>,
    text: &'a str,
}

/// What is run to tell of a notice, in the directory of the configuration.
pub(super) fn request(
    notify: &Notify,
    rig: &str,
    directory: &Path,
    environment: &Environment,
    notice: &Notice,
) -> Result<Request, serde_json::Error> {
    let command = notify.command.looked_up(environment);
    let mut request = command::request(&command, directory, PATIENCE);
    let mut input = match notify.input {
        Input::Text => notice.text.clone(),
        Input::Json => serde_json::to_string(&Notification {
            version: VERSION,
            event: &notice.event,
            level: notice.level,
            at: notice.at,
            rig,
            host: &environment.host_name,
            worker: notice.worker.as_ref(),
            attempt: notice.attempt.as_ref(),
            phase: notice.phase.as_ref(),
            text: &notice.text,
        })?,
    };
    input.push('\n');
    request.input = input.into_bytes();
    request.environment.extend([
        ("LOOPKEEPER_NOTICE".into(), notice.text.clone().into()),
        ("LOOPKEEPER_EVENT".into(), notice.event.clone().into()),
        ("LOOPKEEPER_RIG".into(), rig.into()),
    ]);
    Ok(request)
}

/// Runs it to its end. That it failed is told in the journal only, for there is nobody else to tell.
pub(super) async fn run(runner: Runner, request: Request, text: String) {
    if let Err(why) = command::succeed(&runner, request).await {
        tracing::warn!("notification command failed: {why}; it was to say: {text}");
    }
}
