//! An attempt's directory, `<state>/attempts/<worker>/<attempt>/`: what is left of an attempt when
//! everybody who knew of it is gone.
//!
//! | file | says | written |
//! |---|---|---|
//! | `spec.json` | what was to be run, and how | before anything runs |
//! | `proxy.json` | the builtin proxy's settings | before anything runs |
//! | `program` | our executable, where its file is lost and the worker may not look at ours | until the worker runs |
//! | `tmux.conf` | what its tmux server is told first | before anything runs |
//! | `output.log` | what it wrote; its head may be a hole. Not there where all of it is in the journal, or recorded | by the attempt itself |
//! | `recording/` | what its terminal was sent ([`recording`]) | by the attempt itself |
//! | `start.json` | how to recognise its process | once it runs |
//! | `start-failed` | why it never ran, as text | instead of `start.json` |
//! | `unit-exit` | how its service ended, in systemd's words | by that service, last; an empty line before |
//! | `unit-asked` | what somebody asked of its service and ended it by | by that service, as it ends; an empty line before |
//! | `exit.json` | how it ended | when it ended |
//! | `own/` | `start.json`, `start-failed`, `exit.json`, `recording/` of a worker that is another user | before anything runs |
//! | `concluded` | nothing: that it is history | when the daemon has drawn its conclusions |
//!
//! With a spec, and neither `start.json` nor `start-failed`, it is not known whether it ran; unless a
//! service was to carry it: that began only if it is there or has written into `unit-exit`.
//!
//! Promise: each is whole or absent, since it is written beside its place and renamed. They are not
//! synced: after a crash of the machine the boot has changed, and no answer rests on them.

#[cfg(test)]
mod fuzz;
mod list;
mod own;
mod record;

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use list::of_worker;
pub(crate) use list::prune;
pub use list::{attempts, workers};
pub use record::{Afar, Ended, Output, Pane, Spec, Start};

use crate::{
    config::Builtin,
    launch::{output::recording, unit},
    model::{AttemptRef, BootId, Exit, LauncherKind},
};

const SPEC: &str = "spec.json";
const PROXY: &str = "proxy.json";
const PROGRAM: &str = "program";
const OUTPUT: &str = "output.log";
const RECORDING: &str = "recording";
const START: &str = "start.json";
const START_FAILED: &str = "start-failed";
const EXIT: &str = "exit.json";
const CONCLUDED: &str = "concluded";

/// One attempt's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    path: PathBuf,
    /// Where this process records.
    writes: PathBuf,
}

impl Directory {
    /// The directory of an attempt, whether it exists or not.
    pub fn of(state: &Path, attempt: &AttemptRef) -> Self {
        Self::at(of_worker(state, &attempt.worker).join(attempt.attempt.as_str()))
    }

    /// The directory at this path.
    pub fn at(path: PathBuf) -> Self {
        Self {
            writes: path.clone(),
            path,
        }
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

    /// The file of its output: bytes as the worker wrote them. What the terminals of earlier versions were
    /// sent is there too.
    pub fn output(&self) -> PathBuf {
        self.path.join(OUTPUT)
    }

    /// Where what its terminal is sent is recorded.
    pub fn recording(&self) -> PathBuf {
        self.records().join(RECORDING)
    }

    /// Makes it, with its spec. Only its owner can read it.
    pub(crate) fn create(&self, spec: &Spec, proxy: Option<&Builtin>) -> io::Result<()> {
        self.make()?;
        if let Some(settings) = proxy {
            self.write(PROXY, settings)?;
        }
        self.write(SPEC, spec)
    }

    /// Opens the file of its output for appending; makes it.
    pub(crate) fn open_output(&self) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.output())
    }

    /// Lets this user be the worker in it: what the worker's side records is then below it.
    pub(crate) fn hand_over(&self, user: u32) -> io::Result<()> {
        own::make(&self.path, user)
    }

    /// Where the worker's side records, whoever that is.
    pub(crate) fn records(&self) -> PathBuf {
        own::of(&self.path).unwrap_or_else(|| self.path.clone())
    }

    /// The same directory for the worker's side: what it records is where its user may write.
    pub(crate) fn of_worker(self) -> Self {
        Self {
            writes: self.records(),
            ..self
        }
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

    /// How its processes are recognised; there since it runs.
    pub(super) fn start_record(&self) -> PathBuf {
        self.records().join(START)
    }

    /// The builtin proxy's settings.
    pub(crate) fn proxy(&self) -> PathBuf {
        self.path.join(PROXY)
    }

    /// A copy of our executable, as long as it is needed.
    pub(super) fn program(&self) -> PathBuf {
        self.path.join(PROGRAM)
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
        let (text, theirs) = match fs::read(self.path.join(START)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (own::read(&self.path, START), true)
            }
            read => (read, false),
        };
        let start = match text {
            Ok(text) => serde_json::from_slice(&text).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Whatever its user has put there.
            Err(_) if theirs => None,
            Err(error) => return Err(error),
        };
        Ok(match theirs {
            true => start.and_then(|start| own::trusted(&self.path, start)),
            false => start,
        })
    }

    pub(crate) fn record_start(&self, start: &Start) -> io::Result<()> {
        self.write(START, start)
    }

    /// Why it never ran.
    pub fn start_failed(&self) -> Option<String> {
        let text = fs::read(self.path.join(START_FAILED));
        let text = text.or_else(|_| own::read(&self.path, START_FAILED));
        text.ok()
            .map(|text| String::from_utf8_lossy(&text).into_owned())
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
        let of_this_boot = prepared.as_ref().and_then(|spec| spec.boot.as_ref());
        let of_this_boot = of_this_boot.is_none_or(|then| then == boot);
        // Whoever carries it writes down the end of all that had a beginning; and who becomes the worker
        // has recorded the start before.
        let carried = prepared.filter(|spec| spec.carried);
        let may_have_run = |spec: &Spec| {
            let damaged = self.start_record().exists();
            damaged || spec.launcher == LauncherKind::Tmux
        };
        let began = |spec: Spec| may_have_run(&spec) && unit::has_record(&self.path);
        if of_this_boot && carried.is_some_and(|spec| !began(spec)) {
            return None;
        }
        Some(if of_this_boot {
            Exit::start_unseen()
        } else {
            Exit::machine_went_down()
        })
    }

    /// How it ended.
    pub fn ended(&self) -> Option<Ended> {
        let theirs = || {
            let text = own::read(&self.path, EXIT).ok()?;
            serde_json::from_slice(&text).ok()
        };
        self.read(EXIT).or_else(theirs)
    }

    pub(crate) fn record_exit(&self, exit: &Exit) -> io::Result<()> {
        self.record_end(exit, false)
    }

    /// As [`Directory::record_exit`]; `with_session`: see [`Ended::with_session`].
    pub(crate) fn record_end(&self, exit: &Exit, with_session: bool) -> io::Result<()> {
        let ended = Ended {
            exit: self.of_worker_alone(exit.clone()),
            at: Timestamp::now(),
            with_session,
        };
        self.write(EXIT, &ended)
    }

    /// This exit; unless it is the code of who was to become the worker, and could not.
    pub(crate) fn of_worker_alone(&self, exit: Exit) -> Exit {
        let failed = self.start_failed();
        failed.map_or(exit, |why| Exit::not_started(&why))
    }

    /// Whether the daemon has drawn its conclusions.
    pub fn is_concluded(&self) -> bool {
        self.path.join(CONCLUDED).exists()
    }

    /// An attempt that could not even get a directory has left nothing to come back to. One that never
    /// began and has said nothing is removed: it would take the place of one that did.
    pub(crate) fn conclude(&self) -> io::Result<()> {
        // Who became the worker may have had no right to; as a rule there is none.
        drop(fs::remove_file(self.program()));
        let silent = fs::metadata(self.output()).is_ok_and(|output| output.len() == 0);
        let silent = silent || !self.output().exists();
        let silent = silent && recording::is_silent(&self.recording());
        if silent && self.start_failed().is_some() {
            return fs::remove_dir_all(&self.path);
        }
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
        let beside = self.writes.join(format!(".{name}.{}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(content))
            .and_then(|()| fs::rename(&beside, self.writes.join(name)));
        if written.is_err() {
            drop(fs::remove_file(&beside));
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_a_service_was_to_carry_and_left_no_end_was_never_begun() {
        let state = tempfile::tempdir().unwrap();
        let directory = Directory::at(state.path().join("builder"));
        let boot: BootId = "4c8f1f9d-3f9d-4b7e-9a53-6d0f3b8f2a11".parse().unwrap();
        let spec = |launcher, carried, boot: &BootId| Spec {
            launcher,
            program: "/bin/true".into(),
            arguments: Vec::new(),
            workdir: "/".into(),
            worktree: None,
            output: Output::File,
            keep_output: 1,
            keep_attempts: 2,
            ignores_broken_pipe: false,
            stop: None,
            carried,
            variables: std::collections::BTreeMap::new(),
            boot: Some(boot.clone()),
            far: None,
        };
        let unseen = Some(Exit::start_unseen());
        let [process, tmux] = [LauncherKind::Process, LauncherKind::Tmux];
        directory
            .create(&spec(process, false, &boot), None)
            .unwrap();
        assert_eq!(directory.end_without_start(&boot), unseen);
        directory.create(&spec(tmux, true, &boot), None).unwrap();
        assert_eq!(directory.end_without_start(&boot), None);
        let next: BootId = "1c8f1f9d-3f9d-4b7e-9a53-6d0f3b8f2a11".parse().unwrap();
        let down = Some(Exit::machine_went_down());
        assert_eq!(directory.end_without_start(&next), down);
        let record = state.path().join("builder/unit-exit");
        fs::write(&record, "\n").unwrap();
        assert_eq!(directory.end_without_start(&boot), None, "nobody wrote");
        fs::write(&record, "\nsuccess exited 0 aa\n").unwrap();
        assert_eq!(directory.end_without_start(&boot), unseen);
        directory.create(&spec(process, true, &boot), None).unwrap();
        assert_eq!(directory.end_without_start(&boot), None);
        fs::write(directory.start_record(), "{\"identi").unwrap();
        assert_eq!(directory.end_without_start(&boot), unseen, "damaged");
    }
}
