//! `loopkeeperd exec`: the last thing before a worker in a service of its own.
//!
//! Promise: at most one worker in a worktree, also when somebody starts the unit by hand: the lease is
//! taken in here, by the process that then becomes the worker and holds it to its end. And the start
//! is recorded before the worker's first instruction, with the life of the unit that it belongs to, so
//! that a daemon which died in between finds it.

use std::{env, io, os::unix::process::CommandExt, path::Path, process::Command};

use jiff::Timestamp;

use super::{
    cgroup::Cgroup,
    directory::{Directory, Pane, Start},
    lease::Lease,
};
use crate::{
    causes::in_one_line,
    host::{HostError, boot, process::Process},
    model::AttemptRef,
    sys,
};

/// Becomes the worker whose attempt has this directory; returns only when that was not possible.
pub fn run(attempt_dir: &Path) -> io::Error {
    let directory = Directory::at(attempt_dir.to_owned());
    let failed = |error: io::Error| {
        // If that fails as well, our exit code says that nothing was started.
        drop(directory.record_start_failed(&error.to_string()));
        error
    };
    let Some(spec) = directory.spec() else {
        return failed(io::Error::other("spec.json: cannot be read"));
    };
    let lease = match spec.worktree.as_deref().map(Lease::take).transpose() {
        Ok(lease) => lease,
        Err(error) => return failed(io::Error::other(in_one_line(&error))),
    };
    let recorded = i32::try_from(std::process::id())
        .map_err(io::Error::other)
        .and_then(Process::of)
        .and_then(|process| record_start(&directory, process, None));
    if let Err(error) = recorded {
        return failed(error);
    }
    let mut command = Command::new(&spec.program);
    command.args(&spec.arguments).current_dir(&spec.workdir);
    let birth = sys::Birth {
        inherits: lease.as_ref().map(Lease::number),
        ..sys::Birth::default()
    };
    sys::before_exec(&mut command, birth);
    let error = command.exec();
    failed(io::Error::new(
        error.kind(),
        format!("{}: {error}", spec.program.display()),
    ))
}

/// Writes the start record of `process`, which is of the attempt that has this directory.
pub(super) fn record_start(
    directory: &Directory,
    process: Process,
    pane: Option<Pane>,
) -> io::Result<()> {
    let boot = boot::boot_id().map_err(|error: HostError| io::Error::other(error))?;
    let start = Start {
        identity: process.identity(&boot),
        at: Timestamp::now(),
        cgroup: attempt_of(directory.path()).and_then(|of| Cgroup::of(process.pid, &of)),
        pane,
        // Of the unit that we are in, and nobody else's: what the daemon itself has is not handed on.
        invocation: env::var("INVOCATION_ID").ok(),
    };
    directory.record_start(&start)
}

/// `…/<worker>/<attempt>` read back.
fn attempt_of(path: &Path) -> Option<AttemptRef> {
    Some(AttemptRef {
        worker: path.parent()?.file_name()?.to_str()?.parse().ok()?,
        attempt: path.file_name()?.to_str()?.parse().ok()?,
    })
}
