//! What an attempt is handed that nobody else may see: files in the directory that
//! `$CREDENTIALS_DIRECTORY` names (systemd.exec(5), "Credentials").
//!
//! Promise: a value is in no argument, property, record or message of ours. Who has it is the file
//! that the operator named, the attempt's own copy, and, where the worker wants that, its
//! environment: [`exec`](super::exec) puts it there, as the last thing before it becomes the worker.
//!
//! How: systemd makes the copy for a service, and takes it away at its end. For everybody else it is
//! made here, in the runtime directory, which is in memory on every usual system, and is there as long
//! as anything of the attempt lives: what a daemon leaves behind that dies, the next survey takes away.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{House, Settings, not_started::NotStarted, socket::of_rig, unit};
use crate::{
    causes::in_one_line,
    config::Secrets,
    host::look::At,
    model::{AttemptRef, WorkerName},
};

/// Where a worker finds them.
pub(super) const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

fn directory(settings: &Settings, attempt: &AttemptRef) -> PathBuf {
    let worker = of_rig(settings, "credentials").join(attempt.worker.as_str());
    worker.join(attempt.attempt.as_str())
}

/// Fails with the first that cannot be read. It is no fault of the worker's, and its time may come.
pub(super) fn readable(secrets: &Secrets, at: &At) -> Result<(), NotStarted> {
    for (name, path) in &secrets.files {
        at.comes_to(path);
        open(path).map_err(|error| missing(name, path, &error))?;
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<fs::File> {
    let file = OpenOptions::new()
        .read(true)
        // Whoever waits for the other end of a pipe waits for ever.
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("is not a regular file")),
    }
}

fn missing(name: &str, path: &Path, error: &io::Error) -> NotStarted {
    NotStarted::missing(format_args!(
        "secret {name}: {}: {}",
        path.display(),
        in_one_line(error)
    ))
}

/// Makes an attempt's copies; the directory where they are.
pub(super) fn lend(
    settings: &Settings,
    attempt: &AttemptRef,
    secrets: &Secrets,
) -> Result<Option<PathBuf>, NotStarted> {
    if secrets.files.is_empty() {
        return Ok(None);
    }
    let directory = directory(settings, attempt);
    let unusable = |error: io::Error| NotStarted::because(&directory.display().to_string(), &error);
    let mut make = fs::DirBuilder::new();
    make.recursive(true).mode(0o700);
    make.create(&directory).map_err(unusable)?;
    for (name, path) in &secrets.files {
        let mut from = open(path).map_err(|error| missing(name, path, &error))?;
        let to = directory.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(&to)
            // The kernel copies it; this process does not get to see it.
            .and_then(|mut to| io::copy(&mut from, &mut to))
            .map_err(|error| NotStarted::because(&to.display().to_string(), &error))?;
    }
    Ok(Some(directory))
}

/// Nothing of the attempt lives any more, or it was not started.
pub(super) fn take_back(settings: &Settings, attempt: &AttemptRef) -> Result<(), String> {
    let directory = directory(settings, attempt);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Where an attempt has its copies.
pub(super) fn copies(settings: &Settings, attempt: &AttemptRef) -> PathBuf {
    match &settings.house {
        House::Unit { units, .. } => unit::credentials(units, &attempt.worker),
        House::Delegated(_) | House::None => directory(settings, attempt),
    }
}

/// What an attempt would be handed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Of all of it.
    hash: u64,
    /// Whether the attempt was handed the same.
    handed: bool,
}

impl Contents {
    /// Whether somebody is to be told who was told of `last`, or of nothing since the attempt began.
    pub(super) fn is_news(self, last: Option<Self>) -> bool {
        last.map_or(!self.handed, |last| last.hash != self.hash)
    }
}

/// What the files have. One that cannot be read says nothing: it may be about to be written.
pub(super) fn contents(
    hashes: &RandomState,
    copies: &Path,
    files: &BTreeMap<String, PathBuf>,
    at: &At,
) -> Contents {
    let mut contents = Vec::new();
    let mut handed = true;
    for (name, path) in files {
        at.comes_to(path);
        let of = |path: &Path| content(hashes, path).ok();
        let (now, then) = (of(path), of(&copies.join(name)));
        handed &= now.is_none() || then.is_none() || now == then;
        contents.push(now.or(then));
    }
    let hash = hashes.hash_one(contents);
    Contents { hash, handed }
}

/// A hash of a file's content. Nothing else of it stays in this process.
fn content(hashes: &RandomState, path: &Path) -> io::Result<u64> {
    let mut file = open(path)?;
    let mut hash = hashes.build_hasher();
    let mut part = [0; 4096];
    loop {
        let read = file.read(&mut part);
        if let Ok(length @ 1..) = read {
            hash.write(&part[..length]);
            part.fill(0);
            // So that it is not left out as something that nobody reads.
            std::hint::black_box(&part);
            continue;
        }
        return read.map(|_| hash.finish());
    }
}

/// Takes away what nobody has a use for; `lives`: whose is left alone.
pub(super) fn sweep(settings: &Settings, lives: impl Fn(&AttemptRef) -> bool) {
    let all = of_rig(settings, "credentials");
    for worker in names::<WorkerName>(&all) {
        for attempt in names(&all.join(worker.as_str())) {
            let worker = worker.clone();
            let attempt = AttemptRef { worker, attempt };
            if !lives(&attempt) {
                // It is tried again with the next survey.
                drop(take_back(settings, &attempt));
            }
        }
    }
}

fn names<T: std::str::FromStr>(directory: &Path) -> Vec<T> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
