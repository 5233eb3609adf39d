//! The rig of the demo, laid out in a temporary directory: configuration, loops, repositories.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::DemoError;
use crate::{
    launch::{self, directory},
    model::{Exit, WorkerName},
};

const CONFIG: &str = include_str!("loopkeeper.toml");
/// Everything but the configuration.
const FILES: &[(&str, &str)] = &[
    ("builder.sh", include_str!("builder.sh")),
    ("adversary.sh", include_str!("adversary.sh")),
    ("briefs/below-100.md", include_str!("briefs/below-100.md")),
    ("briefs/below-300.md", include_str!("briefs/below-300.md")),
    ("briefs/onwards.md", include_str!("briefs/onwards.md")),
];
/// What is in the repository before anybody has worked in it.
const BEGINNING: &[(&str, &str)] = &[
    ("factors.txt", "2\n3\n"),
    ("primes.txt", "# primes below 2\n"),
    ("REVIEW.md", "nothing was reviewed yet\n"),
];
/// Programs that the loops use.
const PROGRAMS: &[&str] = &["git", "sh", "awk", "sed", "grep"];
/// What unix(7) leaves for a path, without the final zero.
const SOCKET_LONGEST: usize = 107;

/// Where everything of the demo lies.
#[derive(Debug)]
pub(super) struct Stage {
    directory: TempDir,
    /// Its path without symbolic links, as the kernel and inotify know it.
    pub(super) path: PathBuf,
    /// This program, which is the daemon too.
    pub(super) executable: PathBuf,
    pub(super) proxy: SocketAddr,
    /// Whether the loops have a terminal to attach to.
    pub(super) tmux: bool,
}

/// Whether the loops would find what they use.
pub(super) fn check_programs() -> Result<(), DemoError> {
    let missing = PROGRAMS.iter().find(|name| launch::find(name).is_none());
    missing.map_or(Ok(()), |name| Err(DemoError::Missing(name)))
}

impl Stage {
    /// Lays everything out; `echo` is what the proxy may reach.
    pub(super) fn set(executable: PathBuf, echo: SocketAddr) -> Result<Self, DemoError> {
        let base = std::env::temp_dir();
        let directory = tempfile::Builder::new()
            .prefix("loopkeeper-demo-")
            .tempdir_in(&base)
            .map_err(|error| DemoError::file(base, error))?;
        let path = directory
            .path()
            .canonicalize()
            .map_err(|error| DemoError::file(directory.path(), error))?;
        let stage = Self {
            directory,
            path,
            executable,
            proxy: free_port().map_err(|error| DemoError::Process("port for the proxy", error))?,
            tmux: launch::find("tmux").is_some(),
        };
        let longest = stage.runtime().join("tmux-00000000/adversary");
        if longest.as_os_str().len() > SOCKET_LONGEST {
            return Err(DemoError::TooLong(stage.path));
        }
        stage.write_files(echo)?;
        stage.make_repositories()?;
        Ok(stage)
    }

    fn write_files(&self, echo: SocketAddr) -> Result<(), DemoError> {
        for directory in [self.path.join("briefs"), self.runtime()] {
            fs::create_dir(&directory).map_err(|error| DemoError::file(directory, error))?;
        }
        let launcher = if self.tmux { "tmux" } else { "process" };
        let config = CONFIG
            .replace("@PROXY@", &self.proxy.port().to_string())
            .replace("@ECHO@", &echo.port().to_string())
            .replace("@LAUNCHER@", launcher);
        write(&self.config(), &config)?;
        FILES
            .iter()
            .try_for_each(|(name, text)| write(&self.path.join(name), text))
    }

    /// A bare origin with a beginning in it, and a clone for each loop.
    fn make_repositories(&self) -> Result<(), DemoError> {
        git(
            &self.path,
            &["init", "--quiet", "--bare", "-b", "main", "origin.git"],
        )?;
        quiet(&self.origin())?;
        let builder = self.clone_for("builder")?;
        git(&builder, &["checkout", "--quiet", "-B", "main"])?;
        for (name, text) in BEGINNING {
            write(&builder.join(name), text)?;
        }
        git(&builder, &["add", "--all"])?;
        git(&builder, &["commit", "--quiet", "-m", "the beginning"])?;
        git(&builder, &["push", "--quiet", "origin", "HEAD:main"])?;
        self.clone_for("adversary").map(drop)
    }

    fn clone_for(&self, worker: &str) -> Result<PathBuf, DemoError> {
        git(&self.path, &["clone", "--quiet", "origin.git", worker])?;
        let clone = self.path.join(worker);
        quiet(&clone)?;
        Ok(clone)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join("loopkeeper.toml")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    pub(super) fn runtime(&self) -> PathBuf {
        self.path.join("run")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.runtime().join("control.sock")
    }

    /// What the daemons say.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("loopkeeperd.log")
    }

    pub(super) fn origin(&self) -> PathBuf {
        self.path.join("origin.git")
    }

    pub(super) fn builder(&self) -> PathBuf {
        self.path.join("builder")
    }

    /// Why the last daemon ended, in its own words.
    pub(super) fn last_words(&self) -> String {
        let said = fs::read_to_string(self.log()).unwrap_or_default();
        let reason = said
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("loopkeeperd: "));
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        reason.or(last).unwrap_or("it said nothing").to_owned()
    }

    /// How the attempts that are not among the living ended; `None` where there is no record.
    pub(super) fn exits(&self, living: &[String]) -> Result<Vec<Option<Exit>>, DemoError> {
        let state = self.state();
        let listed = |error| DemoError::file(&state, error);
        let mut exits = Vec::new();
        for worker in directory::workers(&state).map_err(listed)? {
            for attempt in directory::attempts(&state, &worker).map_err(listed)? {
                if !living.iter().any(|id| *id == attempt.as_str()) {
                    exits.push(exit(&state, &worker, attempt));
                }
            }
        }
        Ok(exits)
    }

    /// Removes it all, or leaves it.
    pub(super) fn strike(self, keep: bool) -> Result<(), DemoError> {
        if keep {
            drop(self.directory.keep());
            return Ok(());
        }
        let path = self.path;
        self.directory
            .close()
            .map_err(|error| DemoError::file(path, error))
    }
}

fn exit(state: &Path, worker: &WorkerName, attempt: crate::model::AttemptId) -> Option<Exit> {
    let of = crate::model::AttemptRef {
        worker: worker.clone(),
        attempt,
    };
    let ended = directory::Directory::of(state, &of).ended()?;
    Some(ended.exit)
}

/// Nobody else's git configuration, and no housekeeping that outlives the command.
fn quiet(repository: &Path) -> Result<(), DemoError> {
    for (name, value) in [
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("commit.gpgSign", "false"),
    ] {
        git(repository, &["config", name, value])?;
    }
    Ok(())
}

/// Runs git as nobody in particular, and returns what it printed.
pub(super) fn git(directory: &Path, arguments: &[&str]) -> Result<String, DemoError> {
    let failed = |said: String| DemoError::Git {
        arguments: arguments.join(" "),
        said,
    };
    let mut command = Command::new("git");
    without_git(&mut command);
    let outcome = command
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Demo")
        .env("GIT_COMMITTER_NAME", "Demo")
        .env("EMAIL", "demo@localhost")
        .stdin(Stdio::null())
        // Ctrl-C is for us; we end it in our own order.
        .process_group(0)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if outcome.status.success() {
        return Ok(String::from_utf8_lossy(&outcome.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    Err(failed(format!("{}: {}", outcome.status, said.trim())))
}

/// A demo that is started by a git hook has that repository in its environment.
pub(super) fn without_git(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    fs::write(path, text).map_err(|error| DemoError::file(path, error))
}

/// A port that nobody listened on a moment ago.
fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
