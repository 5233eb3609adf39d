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
//! What an attempt was told of, for its files changed, is kept beside them as long, in digests.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{House, Settings, not_started::NotStarted, socket::of_rig, unit};
use crate::{
    causes::in_one_line,
    config::Secrets,
    host::look::At,
    model::{AttemptRef, WorkerName},
};

/// Where a worker finds them.
pub(super) const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Below it attempts have their copies, by their workers.
const COPIES: &str = "credentials";
/// Below it is kept what they were told, in the same way.
const TOLD: &str = "told";

fn kept(settings: &Settings, what: &str, attempt: &AttemptRef) -> PathBuf {
    let worker = of_rig(settings, what).join(attempt.worker.as_str());
    worker.join(attempt.attempt.as_str())
}

fn directory(settings: &Settings, attempt: &AttemptRef) -> PathBuf {
    kept(settings, COPIES, attempt)
}

fn told(settings: &Settings, attempt: &AttemptRef) -> PathBuf {
    kept(settings, TOLD, attempt)
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
    let (directory, told) = (directory(settings, attempt), told(settings, attempt));
    let removed = [
        (&directory, fs::remove_dir_all(&directory)),
        (&told, fs::remove_file(&told)),
    ];
    for (path, removed) in removed {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where an attempt has its copies.
pub(super) fn copies(settings: &Settings, attempt: &AttemptRef) -> PathBuf {
    match &settings.house {
        House::Unit { units, .. } => unit::credentials(units, &attempt.worker),
        House::Delegated(_) | House::None => directory(settings, attempt),
    }
}

/// What is in the files of an attempt's secrets, by their names, beside what it was handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(BTreeMap<String, Content>);

/// Digests; `None` of what cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Content {
    now: Option<u64>,
    handed: Option<u64>,
}

/// What somebody was told of last who goes on when a secret changes, for the daemons to come.
///
/// It is kept where copies of secrets are as well, and goes with the attempt. Who may read it may read
/// the secrets, so it says nothing new to anybody; the salt is for whoever gets to see it all the same.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    salt: u64,
    digests: BTreeMap<String, u64>,
}

impl Told {
    /// As the daemon before left it. What cannot be read is not known: then it is told once more.
    pub(super) fn of(settings: &Settings, attempt: &AttemptRef) -> Self {
        let kept = fs::read(told(settings, attempt)).ok();
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        kept.unwrap_or_else(|| Self {
            salt: RandomState::new().hash_one(()),
            digests: BTreeMap::new(),
        })
    }

    pub(super) const fn salt(&self) -> u64 {
        self.salt
    }

    /// Whether there is anything that it was neither told of last nor handed, which it is now. One
    /// that cannot be read says nothing: it may be about to be written.
    pub(super) fn differ(&mut self, contents: &Contents) -> bool {
        let mut differ = false;
        for (name, Content { now, handed }) in &contents.0 {
            let known = self.digests.get(name).or(handed.as_ref());
            if let (Some(now), Some(known)) = (now, known)
                && now != known
            {
                self.digests.insert(name.clone(), *now);
                differ = true;
            }
        }
        differ
    }

    pub(super) fn keep(&self, settings: &Settings, attempt: &AttemptRef) -> Result<(), String> {
        let path = told(settings, attempt);
        let beside = path.with_extension("new");
        let keep = || {
            let text = serde_json::to_vec(self)?;
            let mut make = fs::DirBuilder::new();
            make.recursive(true).mode(0o700);
            path.parent().map_or(Ok(()), |parent| make.create(parent))?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(&text)?;
            fs::rename(&beside, &path)
        };
        keep().map_err(|error: io::Error| format!("{}: {}", path.display(), in_one_line(&error)))
    }
}

/// What the files have, in digests of this salt.
pub(super) fn contents(
    salt: u64,
    copies: &Path,
    files: &BTreeMap<String, PathBuf>,
    at: &At,
) -> Contents {
    let content = |(name, path): (&String, &PathBuf)| {
        at.comes_to(path);
        let of = |path: &Path| digest(salt, path).ok();
        let (now, handed) = (of(path), of(&copies.join(name)));
        (name.clone(), Content { now, handed })
    };
    Contents(files.iter().map(content).collect())
}

/// Of a file's content. Nothing else of it stays in this process.
fn digest(salt: u64, path: &Path) -> io::Result<u64> {
    let mut file = open(path)?;
    let mut hash = DefaultHasher::new();
    hash.write_u64(salt);
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
    for all in [COPIES, TOLD].map(|what| of_rig(settings, what)) {
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
}

fn names<T: std::str::FromStr>(directory: &Path) -> Vec<T> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
