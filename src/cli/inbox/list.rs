//! What lies in an inbox, for people and programs.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::super::{
    Context,
    failure::{Exit, Failure},
    words::{age, count, printable, second},
};
use crate::{
    control::protocol::PROTOCOL,
    inbox::{Failed, Inbox, InboxError, Waiting},
    model::WorkerName,
};

/// As JSON.
#[derive(Debug, Serialize)]
struct View<'a> {
    protocol: u32,
    worker: &'a WorkerName,
    path: &'a Path,
    queued: Vec<Queued>,
    failed: Vec<NotTyped>,
    delivered: usize,
}

#[derive(Debug, Serialize)]
struct Queued {
    name: String,
    since: Timestamp,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct NotTyped {
    name: String,
    at: Option<Timestamp>,
    why: Option<String>,
}

pub(super) fn show(
    worker: &WorkerName,
    inbox: &Inbox,
    json: bool,
    context: &Context,
) -> Result<(), Failure> {
    let of = |error: InboxError| Failure::new(Exit::Failed, &error);
    let waiting = inbox.waiting().map_err(of)?;
    let failed = inbox.failures().map_err(of)?;
    let delivered = inbox.delivered().map_err(of)?;
    if json {
        return Ok(context.screen.json(&View {
            protocol: PROTOCOL,
            worker,
            path: inbox.path(),
            queued: waiting.iter().map(Queued::from).collect(),
            failed: failed.iter().map(NotTyped::from).collect(),
            delivered,
        })?);
    }
    let now = Timestamp::now();
    let zone = context.screen.look().zone;
    let mut text = format!("{}: {} waiting\n", inbox.path().display(), waiting.len());
    for one in &waiting {
        let bytes = match one.is_empty() {
            true => "empty, so not typed yet".to_owned(),
            false => count(one.bytes, "byte"),
        };
        text.push_str(&format!(
            "  {}  {bytes}, {} ago\n",
            one.name,
            age(one.since, now)
        ));
    }
    text.push_str(&format!("failed: {}\n", failed.len()));
    for one in &failed {
        let at = one
            .at
            .map_or(String::new(), |at| format!("{}, ", second(at, &zone)));
        let why = one.why.as_deref().unwrap_or("nobody wrote down why");
        text.push_str(&format!("  {}  {at}{}\n", one.name, printable(why)));
    }
    if !failed.is_empty() {
        text.push_str(&format!(
            "  typed again by: supervisorctl inbox {worker} retry NAME, or --all\n"
        ));
    }
    text.push_str(&format!("delivered: {delivered}\n"));
    Ok(context.screen.print(text)?)
}

impl From<&Waiting> for Queued {
    fn from(one: &Waiting) -> Self {
        Self {
            name: one.name.as_os_str().to_string_lossy().into_owned(),
            since: one.since,
            bytes: one.bytes,
        }
    }
}

impl From<&Failed> for NotTyped {
    fn from(one: &Failed) -> Self {
        Self {
            name: one.name.as_os_str().to_string_lossy().into_owned(),
            at: one.at,
            why: one.why.clone(),
        }
    }
}
