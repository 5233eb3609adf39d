//! The scripts that are run over there, and their arguments.

use std::{collections::BTreeMap, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use super::options;
use crate::{
    config::{Command, Host},
    launch::{ATTEMPT, ATTEMPT_DIR, WORKER, WORKTREE},
    model::{AttemptRef, Signal, WorkerName},
    ssh::Script,
};

macro_rules! body {
    ($name:literal) => {
        concat!(
            include_str!("sh/prelude.sh"),
            include_str!("sh/lib.sh"),
            include_str!(concat!("sh/", $name))
        )
    };
}

/// What a pane runs, with all that it needs.
const PANE: &str = concat!(include_str!("sh/lib.sh"), include_str!("sh/pane.sh"));
/// What becomes a worker, up to what is its own.
const RUN: &str = concat!(include_str!("sh/lib.sh"), include_str!("sh/run.sh"));

/// Where a rig's things are on a host.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Our directory there: absolute, or relative to the home directory.
    path: String,
    rig: String,
    /// What `PATH` is there; empty: as the login has it.
    search: String,
    environment: BTreeMap<String, String>,
}

impl Place {
    pub(super) fn of(host: &Host, rig: &str) -> Self {
        let search = host.environment.get("PATH").cloned();
        Self {
            path: host.path.clone(),
            rig: rig.to_owned(),
            search: search.unwrap_or_default(),
            environment: host.environment.clone(),
        }
    }

    /// What `PATH` is there; empty: as the login has it.
    pub(super) fn search(&self) -> &str {
        &self.search
    }

    fn script(&self, body: &'static str) -> Script {
        let Self {
            path, rig, search, ..
        } = self;
        Script::new(body).arg(path).arg(rig).arg(search)
    }

    fn on(&self, body: &'static str, of: &AttemptRef) -> Script {
        let script = self.script(body);
        script.arg(of.worker.as_str()).arg(of.attempt.as_str())
    }

    /// Starts an attempt.
    pub(super) fn begin(&self, of: &AttemptRef, work: &Work<'_>) -> Result<Script, ZeroByte> {
        let run = self.run(of, work)?;
        let (socket, session) = (self.socket(&of.worker), self.session(&of.worker));
        let script = self.on(body!("begin.sh"), of).arg(socket).arg(session);
        let version = hash(&[PANE]);
        Ok(script.arg(options()).arg(run).arg(PANE).arg(version))
    }

    /// Tells what happens to the attempts it is told of.
    pub(super) fn watch(&self) -> Script {
        self.script(body!("watch.sh"))
    }

    /// How these are that were begun on that machine, and all others that are there.
    pub(super) fn ask(&self, asked: &[(AttemptRef, Option<String>)]) -> Script {
        let script = self.script(body!("ask.sh"));
        asked.iter().fold(script, |script, (of, machine)| {
            let script = script.arg(of.worker.as_str()).arg(of.attempt.as_str());
            script.arg(machine.clone().unwrap_or_default())
        })
    }

    /// What the host has for us.
    pub(super) fn look(&self) -> Script {
        self.script(body!("look.sh"))
    }

    /// Signals all that an attempt has started.
    pub(super) fn signal(&self, of: &AttemptRef, signal: Signal) -> Script {
        let name = signal.to_string();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        self.on(body!("signal.sh"), of).arg(name)
    }

    /// So many bytes of the log at the most, from one on. `last`: first waits until it is complete.
    /// `forget`: so many at its beginning are not wanted any more.
    pub(super) fn read(
        &self,
        of: &AttemptRef,
        from: u64,
        most: u64,
        last: bool,
        forget: u64,
    ) -> Script {
        let script = self.on(body!("read.sh"), of);
        let script = script.arg(from.to_string()).arg(most.to_string());
        let script = script.arg(if last { "last" } else { "" });
        script.arg(forget.to_string())
    }

    /// Asks its tmux these questions in one call, within so many seconds; see `sh/tmux.sh`.
    pub(super) fn tmux(&self, of: &AttemptRef, asked: &Asked<'_>) -> Script {
        let (what, heartbeat, worktree) = match asked.also {
            Also::Nothing => ("", None, None),
            Also::Look {
                heartbeat,
                worktree,
            } => ("look", heartbeat, worktree),
            Also::Type => ("type", None, None),
        };
        let path =
            |path: Option<&Path>| path.map_or_else(String::new, |path| path.display().to_string());
        let script = self.on(body!("tmux.sh"), of);
        let script = script.arg(asked.within.as_secs().to_string()).arg(what);
        let script = script.arg(path(heartbeat)).arg(path(worktree));
        let words = asked.questions.join(&";");
        words.into_iter().fold(script.arg(asked.input), Script::arg)
    }

    /// Leaves nothing of it.
    pub(super) fn drop(&self, of: &AttemptRef) -> Script {
        self.on(body!("drop.sh"), of)
    }

    /// The file name of the worker's socket, which is short whatever the names are.
    pub(super) fn socket(&self, worker: &WorkerName) -> String {
        hash(&[&self.path, &self.rig, worker.as_str()])
    }

    /// tmux reads '.' and ':' in a target as window and pane.
    pub(super) fn session(&self, worker: &WorkerName) -> String {
        format!("loopkeeper-{}-{worker}", self.rig).replace('.', "_")
    }

    /// What becomes the worker, as a shell reads it.
    fn run(&self, of: &AttemptRef, work: &Work<'_>) -> Result<String, ZeroByte> {
        let mut text = Text(RUN.to_owned());
        text.words(&["of", of.worker.as_str(), of.attempt.as_str()])?;
        for (name, value) in self.environment.iter().chain(work.environment) {
            text.words(&["export", &format!("{name}={value}")])?;
        }
        for (name, value) in [(WORKER, of.worker.as_str()), (ATTEMPT, of.attempt.as_str())] {
            text.words(&["export", &format!("{name}={value}")])?;
        }
        text.0 += &format!("export {ATTEMPT_DIR}=\"$dir\"\n");
        text.words(&["enter", utf8(work.workdir)?])?;
        if let Some(worktree) = work.worktree {
            text.words(&["take", utf8(worktree)?])?;
            if work.environment.contains_key(WORKTREE) {
                // Relative to the home directory it would be of no use.
                text.0 += &format!("export {WORKTREE}=\"$tree\"\n");
            }
        }
        let mut words = vec!["begin", utf8(&work.command.program)?];
        words.extend(work.command.arguments.iter().map(String::as_str));
        text.words(&words)?;
        Ok(text.0)
    }
}

/// What the tmux of an attempt is asked.
#[derive(Debug, Clone, Copy)]
pub(in crate::launch) struct Asked<'a> {
    /// Each is a command of tmux.
    pub(in crate::launch) questions: &'a [&'a [&'a str]],
    /// What it reads.
    pub(in crate::launch) input: &'a str,
    /// How long it may take.
    pub(in crate::launch) within: Duration,
    /// What else is to be seen.
    pub(in crate::launch) also: Also<'a>,
}

/// What else is to be seen of an attempt.
#[derive(Debug, Clone, Copy)]
pub(in crate::launch) enum Also<'a> {
    Nothing,
    /// Who is there, and what it leaves in files, if there are any.
    Look {
        heartbeat: Option<&'a Path>,
        worktree: Option<&'a Path>,
    },
    /// Who is there, and how its terminal takes text.
    Type,
}

/// What becomes a worker.
pub(super) struct Work<'a> {
    pub(super) command: &'a Command,
    pub(super) workdir: &'a Path,
    pub(super) worktree: Option<&'a Path>,
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// Something has a zero byte, or is not UTF-8, and no shell can be told of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be told to a shell")]
pub(super) struct ZeroByte(String);

fn utf8(path: &Path) -> Result<&str, ZeroByte> {
    let lossy = |text: &OsStr| ZeroByte(String::from_utf8_lossy(text.as_bytes()).into_owned());
    path.to_str().ok_or_else(|| lossy(path.as_os_str()))
}

/// Commands, as a shell reads them.
struct Text(String);

impl Text {
    fn words(&mut self, words: &[&str]) -> Result<(), ZeroByte> {
        let line = shlex::try_join(words.iter().copied());
        self.0 += &line.map_err(|_| ZeroByte(words.join(" ")))?;
        self.0.push('\n');
        Ok(())
    }
}

fn hash(parts: &[&str]) -> String {
    use std::hash::Hasher as _;

    let mut hasher = fnv::FnvHasher::default();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part.as_bytes());
    }
    format!("{:016x}", hasher.finish())
}
