//! A demo that runs, what it says, and what is left of it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

/// Far longer than anything takes, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(90);

/// A demo that runs.
pub(crate) struct Demo {
    pub(crate) child: Child,
    /// What it says, line by line, up to the end of its output.
    pub(crate) lines: Receiver<String>,
    pub(crate) said: String,
    pub(crate) temporary: TempDir,
}

/// What is left of it.
pub(crate) struct Over {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) complained: String,
    pub(crate) temporary: TempDir,
}

impl Demo {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, |_| {})
    }

    pub(crate) fn start_with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_supervisorctl"));
        Self::start_from(program, arguments, change)
    }

    pub(crate) fn start_from(
        program: &Path,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command
            .arg("demo")
            .args(arguments)
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // Whoever drops the receiver closes the pipe with the next line.
        let (sender, lines): (SyncSender<String>, _) = mpsc::sync_channel(0);
        thread::spawn(move || {
            loop {
                let mut line = String::new();
                let read = output.read_line(&mut line).unwrap();
                if read == 0 || sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            said: String::new(),
            temporary,
        }
    }

    /// Reads on until a line has this in it, and returns the line.
    pub(crate) fn hear(&mut self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.said.push_str(&line);
                    if line.contains(what) {
                        return line;
                    }
                }
                Err(why) => self.did_not_say(what, why),
            }
        }
    }

    pub(crate) fn did_not_say(&mut self, what: &str, why: RecvTimeoutError) -> ! {
        if why == RecvTimeoutError::Timeout {
            // It cleans up after itself.
            self.signal(Signal::SIGTERM);
        }
        let mut complained = String::new();
        let errors = self.child.stderr.as_mut().unwrap();
        errors.read_to_string(&mut complained).unwrap();
        panic!("{why} before {what:?}: {}\n{complained}", self.said);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    pub(crate) fn over(mut self) -> Over {
        let deadline = Instant::now() + PATIENCE;
        // What it says on must not fill the pipe.
        let rest = self.lines;
        let reader = thread::spawn(move || rest.iter().collect::<String>());
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("it does not end: {}", self.said);
            }
            thread::sleep(Duration::from_millis(20));
        };
        let mut complained = String::new();
        let mut errors = self.child.stderr.take().unwrap();
        errors.read_to_string(&mut complained).unwrap();
        Over {
            code: status.code(),
            said: self.said + &reader.join().unwrap(),
            complained,
            temporary: self.temporary,
        }
    }
}

impl Over {
    /// Processes that know this demo's directory, by environment or command line.
    pub(crate) fn living(&self) -> Vec<String> {
        processes(self.temporary.path())
    }

    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.temporary.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) fn left_nothing(&self) {
        assert_eq!(self.living(), [""; 0], "{}", self.said);
        assert_eq!(
            self.directories(),
            [""; 0].map(PathBuf::from),
            "{}",
            self.said
        );
    }
}

fn processes(directory: &Path) -> Vec<String> {
    let known = directory.canonicalize().unwrap();
    let known = known.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let read = |name| fs::read(path.join(name)).unwrap_or_default();
        let (environment, command) = (read("environ"), read("cmdline"));
        let text = String::from_utf8_lossy(&environment);
        let marked = text.split('\0').any(|variable| {
            variable.starts_with("LOOPKEEPER_ATTEMPT_DIR=") && variable.contains(known)
        });
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if marked || command.contains(known) {
            found.push(command);
        }
    }
    found
}

/// A directory with nothing but these programs in it.
pub(crate) fn programs(names: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        let path = std::env::var_os("PATH").unwrap();
        let program = std::env::split_paths(&path)
            .map(|place| place.join(name))
            .find(|program| program.is_file())
            .unwrap_or_else(|| panic!("{name} is needed"));
        symlink(program, directory.path().join(name)).unwrap();
    }
    directory
}
