//! The processes of the demo's rig: those whose attempt has its directory in ours.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    host::{HostError, census::Census, process::Process},
    launch::{ATTEMPT, ATTEMPT_DIR, WORKER},
    model::Signal,
};

/// How long a killed process is given; one in the midst of a write to a dead disk takes for ever.
const DIES_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A process of the rig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) process: Process,
    pub(super) worker: String,
    pub(super) attempt: String,
    /// `LOOPKEEPER_PHASE`, as it was told.
    pub(super) phase: Option<String>,
}

/// Those that live.
pub(super) fn living(directory: &Path) -> Result<Vec<Ours>, HostError> {
    let census = Census::take().map_err(|error| HostError::Kernel("listing processes", error))?;
    let ours = census.living().filter_map(|stat| {
        let environment = census.environment(stat.process.pid);
        let place = environment.get(ATTEMPT_DIR.as_bytes())?;
        if !Path::new(OsStr::from_bytes(place)).starts_with(directory) {
            return None;
        }
        Some(Ours {
            process: stat.process,
            worker: text(&environment, WORKER).unwrap_or_default(),
            attempt: text(&environment, ATTEMPT).unwrap_or_default(),
            phase: text(&environment, "LOOPKEEPER_PHASE"),
        })
    });
    Ok(ours.collect())
}

/// Kills what lives, and what that starts meanwhile; returns what there was.
pub(super) fn end(directory: &Path) -> Result<Vec<Ours>, HostError> {
    let mut ended: Vec<Ours> = Vec::new();
    let deadline = Instant::now() + DIES_WITHIN;
    loop {
        let living = living(directory)?;
        if living.is_empty() || Instant::now() > deadline {
            return Ok(ended);
        }
        for ours in living {
            ours.process
                .signal(Signal::KILL)
                .map_err(|error| HostError::Kernel("killing a process of the demo", error))?;
            if !ended.contains(&ours) {
                ended.push(ours);
            }
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn text(environment: &BTreeMap<Vec<u8>, Vec<u8>>, name: &str) -> Option<String> {
    let value = environment.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}
