//! An attempt's directory, `<state>/attempts/<worker>/<attempt>/`: what is left of an attempt when
//! everybody who knew of it is gone.
//!
//! | file | says | written |
//! |---|---|---|
//! | `spec.json` | what was to be run, and how | before anything runs |
//! | `proxy.json` | the builtin proxy's settings | before anything runs |
//! | `output.log` | what it wrote; its head may be a hole | by the attempt itself |
//! | `start.json` | how to recognise its process | once it runs |
//! | `start-failed` | why it never ran, as text | instead of `start.json` |
//! | `exit.json` | how it ended | when it ended |
//! | `concluded` | nothing: that it is history | when the daemon has drawn its conclusions |
//!
//! With a spec, and neither `start.json` nor `start-failed`, it is not known whether it ran.
//!
//! Promise: each is whole or absent, since it is written beside its place and renamed. They are not
//! synced: after a crash of the machine the boot has changed, and no answer rests on them.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::Builtin,
    host::process::Process,
    model::{AttemptId, AttemptRef, BootId, Exit, Identity, LauncherKind, WorkerName},
};

const ATTEMPTS: &str = "attempts";
const SPEC: &str = "spec.json";
const PROXY: &str = "proxy.json";
const OUTPUT: &str = "output.log";
const START: &str = "start.json";
const START_FAILED: &str = "start-failed";
const EXIT: &str = "exit.json";
const CONCLUDED: &str = "concluded";

/// What was to be run, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// How it is started and watched.
    pub launcher: LauncherKind,
    /// An absolute path.
    pub program: PathBuf,
    /// Without the program's name.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub workdir: PathBuf,
    /// The checkout that no other attempt may be in meanwhile.
    #[serde(default)]
    pub worktree: Option<PathBuf>,
    /// Bytes of output that are kept.
    pub keep_output: u64,
    /// Ended attempts of this worker that are kept.
    pub keep_attempts: usize,
    /// The boot in which it was to be run.
    #[serde(default)]
    pub boot: Option<BootId>,
}

/// How to recognise the attempt's processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The worker's own process.
    pub identity: Identity,
    /// When it was started.
    pub at: Timestamp,
    /// The cgroup of its own, where it has one.
    pub cgroup: Option<super::cgroup::Cgroup>,
    /// The session around it, for the tmux launcher.
    pub pane: Option<Pane>,
}

/// The processes around a worker in tmux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pane {
    /// `loopkeeperd pane`, which writes the exit record.
    pub wrapper: Process,
    /// The worker's own tmux server.
    pub server: Process,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The truth, or that it is lost.
    pub exit: Exit,
    /// When it ended, or when that was found out.
    pub at: Timestamp,
    /// The session around it was ending as well, as when the machine goes down.
    #[serde(default)]
    pub with_session: bool,
}

impl Ended {
    /// How it ended, as it is told in a later boot of the machine.
    pub fn after_reboot(self) -> Exit {
        if self.with_session {
            Exit::machine_went_down()
        } else {
            self.exit
        }
    }
}

/// One attempt's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory of an attempt, whether it exists or not.
    pub fn of(state: &Path, attempt: &AttemptRef) -> Self {
        Self::at(of_worker(state, &attempt.worker).join(attempt.attempt.as_str()))
    }

    /// The directory at this path.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose attempt it is, as its place says.
    pub(crate) fn worker(&self) -> Cow<'_, str> {
        let name = self.path.parent().and_then(Path::file_name);
        name.unwrap_or_default().to_string_lossy()
    }

    /// Its output: bytes as the worker wrote them, or as its terminal was sent them.
    pub fn output(&self) -> PathBuf {
        self.path.join(OUTPUT)
    }

    /// Makes it, with its spec, and opens its output for appending. Only its owner can read it.
    pub(crate) fn create(&self, spec: &Spec, proxy: Option<&Builtin>) -> io::Result<File> {
        self.make()?;
        if let Some(settings) = proxy {
            self.write(PROXY, settings)?;
        }
        self.write(SPEC, spec)?;
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.output())
    }

    /// Makes it again for an attempt that runs, where somebody removed it.
    pub(crate) fn restore(&self, start: &Start) -> io::Result<()> {
        self.make()?;
        self.record_start(start)
    }

    fn make(&self) -> io::Result<()> {
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700).create(&self.path)
    }

    /// The builtin proxy's settings.
    pub(crate) fn proxy(&self) -> PathBuf {
        self.path.join(PROXY)
    }

    /// What was to be run.
    pub fn spec(&self) -> Option<Spec> {
        self.read(SPEC)
    }

    /// How to recognise it. `None` also when the file is damaged: the processes tell as well.
    pub fn start(&self) -> Option<Start> {
        self.recorded_start().ok()?
    }

    /// As [`Directory::start`], for those to whom it matters that there is none.
    ///
    /// # Errors
    /// When it cannot be known, for lack of descriptors above all.
    pub(crate) fn recorded_start(&self) -> io::Result<Option<Start>> {
        match fs::read(self.path.join(START)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn record_start(&self, start: &Start) -> io::Result<()> {
        self.write(START, start)
    }

    /// Why it never ran.
    pub fn start_failed(&self) -> Option<String> {
        fs::read_to_string(self.path.join(START_FAILED)).ok()
    }

    pub(crate) fn record_start_failed(&self, why: &str) -> io::Result<()> {
        self.place(START_FAILED, why.as_bytes())
    }

    /// As [`Directory::record_start_failed`], also where nothing more can be written: a directory
    /// without a spec is one in which nothing was started.
    pub(crate) fn nothing_was_started(&self, why: &str) {
        if self.record_start_failed(why).is_err() {
            // Otherwise it is not known whether it ran, which is said then.
            drop(fs::remove_file(self.path.join(SPEC)));
        }
    }

    /// How it ended, where no start is recorded and nothing of it lives; `None` where it is certain
    /// that nothing was started. `boot` is the present one.
    pub fn end_without_start(&self, boot: &BootId) -> Option<Exit> {
        if let Some(ended) = self.ended() {
            return Some(ended.exit);
        }
        let prepared = match fs::read(self.path.join(SPEC)) {
            Ok(text) => serde_json::from_slice::<Spec>(&text).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => None,
        };
        if self.start_failed().is_some() {
            return None;
        }
        let of_this_boot = prepared
            .and_then(|spec| spec.boot)
            .is_none_or(|then| then == *boot);
        Some(if of_this_boot {
            Exit::start_unseen()
        } else {
            Exit::machine_went_down()
        })
    }

    /// How it ended.
    pub fn ended(&self) -> Option<Ended> {
        self.read(EXIT)
    }

    pub(crate) fn record_exit(&self, exit: &Exit) -> io::Result<()> {
        self.record_end(exit, false)
    }

    /// As [`Directory::record_exit`]; `with_session`: see [`Ended::with_session`].
    pub(crate) fn record_end(&self, exit: &Exit, with_session: bool) -> io::Result<()> {
        let ended = Ended {
            exit: exit.clone(),
            at: Timestamp::now(),
            with_session,
        };
        self.write(EXIT, &ended)
    }

    /// Whether the daemon has drawn its conclusions.
    pub fn is_concluded(&self) -> bool {
        self.path.join(CONCLUDED).exists()
    }

    /// An attempt that could not even get a directory has left nothing to come back to.
    pub(crate) fn conclude(&self) -> io::Result<()> {
        match File::create(self.path.join(CONCLUDED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            made => made.map(drop),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.path.join(name)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let text = serde_json::to_vec(value)?;
        self.place(name, &text)
    }

    fn place(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let beside = self.path.join(format!(".{name}.{}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(content))
            .and_then(|()| fs::rename(&beside, self.path.join(name)));
        if written.is_err() {
            drop(fs::remove_file(&beside));
        }
        written
    }
}

fn of_worker(state: &Path, worker: &WorkerName) -> PathBuf {
    state.join(ATTEMPTS).join(worker.as_str())
}

/// The attempts of a worker that have a directory, oldest first. None is no error.
///
/// # Errors
/// When a directory that exists cannot be listed.
pub fn attempts(state: &Path, worker: &WorkerName) -> io::Result<Vec<AttemptId>> {
    let mut all: Vec<AttemptId> = names(&of_worker(state, worker))?;
    all.sort();
    Ok(all)
}

/// The workers that have attempts, declared or not.
///
/// # Errors
/// When a directory that exists cannot be listed.
pub fn workers(state: &Path) -> io::Result<Vec<WorkerName>> {
    names(&state.join(ATTEMPTS))
}

/// Removes the oldest concluded attempts beyond `keep`.
pub(crate) fn prune(state: &Path, worker: &WorkerName, keep: usize) -> io::Result<()> {
    let of = |attempt| {
        let worker = worker.clone();
        Directory::of(state, &AttemptRef { worker, attempt })
    };
    let all = attempts(state, worker)?;
    let concluded: Vec<_> = all
        .into_iter()
        .map(of)
        .filter(Directory::is_concluded)
        .collect();
    for old in concluded.iter().rev().skip(keep) {
        // What is cut off half-way must not look like an attempt that was never concluded.
        let doomed = old.path.with_extension("removed");
        fs::rename(&old.path, &doomed)?;
        fs::remove_dir_all(&doomed)?;
    }
    Ok(())
}

fn names<T: std::str::FromStr>(directory: &Path) -> io::Result<Vec<T>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .filter_map(|entry| match entry {
                Ok(entry) => entry.file_name().to_str()?.parse().ok().map(Ok),
                Err(error) => Some(Err(error)),
            })
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(second: u32) -> AttemptRef {
        AttemptRef {
            worker: "builder".parse().unwrap(),
            attempt: format!("20261121T0043{second:02}Z-00000000")
                .parse()
                .unwrap(),
        }
    }

    #[test]
    fn only_concluded_attempts_beyond_the_newest_are_removed() {
        let state = tempfile::tempdir().unwrap();
        let spec = Spec {
            launcher: LauncherKind::Process,
            program: "/bin/true".into(),
            arguments: Vec::new(),
            workdir: "/".into(),
            worktree: None,
            keep_output: 1,
            keep_attempts: 2,
            boot: None,
        };
        for second in 0..6 {
            let directory = Directory::of(state.path(), &attempt(second));
            directory.create(&spec, None).unwrap();
            if second != 1 && second != 5 {
                directory.conclude().unwrap();
            }
        }
        let worker = attempt(0).worker;
        prune(state.path(), &worker, 2).unwrap();
        let left = attempts(state.path(), &worker).unwrap();
        let wanted: Vec<_> = [1, 3, 4, 5].map(|second| attempt(second).attempt).into();
        assert_eq!(left, wanted);
        assert_eq!(
            fs::read_dir(of_worker(state.path(), &worker))
                .unwrap()
                .count(),
            4
        );
        assert_eq!(workers(state.path()).unwrap(), [worker]);
    }

    #[test]
    fn a_record_is_whole_or_absent() {
        let state = tempfile::tempdir().unwrap();
        let directory = Directory::at(state.path().to_owned());
        assert_eq!(directory.ended(), None);
        directory.record_exit(&Exit::Code(42)).unwrap();
        assert_eq!(directory.ended().unwrap().exit, Exit::Code(42));
        fs::write(state.path().join(EXIT), b"{\"exit\":{\"co").unwrap();
        assert_eq!(directory.ended(), None, "damaged is as good as absent");
    }
}
