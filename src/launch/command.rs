//! Short-lived commands: probes, conditions of phases, notifications, tmux.
//!
//! Promise: a command ends within its limit, or is killed with everything it started; its output is
//! taken up to a bound and no further; it is a child like every other, collected by the one reaper. It
//! is begun only where program and directory answer: who begins it waits until it runs.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{Pid, Signal as KernelSignal, kill_process_group},
};
use tokio::{io::AsyncReadExt, net::unix::pipe, runtime::Handle};

use super::{
    as_user::{AsUser, OF_USER},
    environment::Inherited,
    exec,
    tree::{Looker, Part, Tree, tag},
};
use crate::{
    causes::{in_one_line, in_words},
    host::{
        Executable,
        census::CensusTaker,
        look::{At, Looks, Unseen},
        process::Process,
        reaper::{Child, Reaper},
    },
    model::{Exit, Signal},
    sys,
};

/// Names a command's processes, so that all of them are found at its time limit.
pub(crate) const MARKER: &str = "LOOPKEEPER_COMMAND";

/// What is to be run.
#[derive(Debug)]
pub struct Request {
    /// An absolute path.
    pub program: PathBuf,
    /// Without the program's name.
    pub arguments: Vec<OsString>,
    /// Where it runs.
    pub workdir: PathBuf,
    /// Added to what the daemon's children inherit.
    pub environment: Vec<(OsString, OsString)>,
    /// Whom it is run as, where that is not ourselves.
    pub as_user: Option<AsUser>,
    /// Its standard input.
    pub input: Vec<u8>,
    /// How long it may take.
    pub limit: Duration,
    /// Bytes that are kept of each of its outputs; the rest is read and forgotten.
    pub keep: usize,
    /// An open `cgroup.procs` it joins.
    pub cgroup: Option<OwnedFd>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit.
    pub exit: Exit,
    /// The head of its standard output.
    pub output: Vec<u8>,
    /// The head of its standard error.
    pub errors: Vec<u8>,
}

/// A command did not come to an end of its own.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("{}: cannot be started", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was not started: where it is, or is to be, nobody answers.
    #[error("{}: not started", program.display())]
    Unseen {
        /// Which.
        program: PathBuf,
        /// Why.
        source: Unseen,
    },
    /// It was killed.
    #[error("{}: killed, because it took longer than {limit:?}", program.display())]
    TimedOut {
        /// Which.
        program: PathBuf,
        /// What it was given.
        limit: Duration,
    },
}

/// A command that runs.
struct Begun {
    child: Child,
    output: pipe::Receiver,
    errors: pipe::Receiver,
    killed_unless_done: Abandoned,
}

/// Runs commands.
#[derive(Debug, Clone)]
pub struct Runner {
    pub(crate) executable: Executable,
    pub(crate) reaper: Reaper,
    pub(super) census: CensusTaker,
    /// Looks at what may not answer.
    pub(crate) looks: Looks,
    /// What children start from.
    pub(crate) inherited: Inherited,
    /// The limit on open files that children get back.
    pub(crate) open_files: Option<(u64, u64)>,
}

impl Runner {
    /// Runs one command to its end. When the future is dropped before, the command is killed.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run(&self, request: Request) -> Result<Outcome, CommandError> {
        let (outcome, mut left) = self.run_through(request).await?;
        // What it left running is meant to run.
        left.tree = None;
        Ok(outcome)
    }

    /// The same for what is to leave nothing behind: whatever it left running is killed when it is done.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub(crate) async fn run_alone(&self, request: Request) -> Result<Outcome, CommandError> {
        let (outcome, mut left) = self.run_through(request).await?;
        if let Some(tree) = left.tree.take() {
            left.kill(&tree).await;
        }
        Ok(outcome)
    }

    async fn run_through(&self, request: Request) -> Result<(Outcome, Abandoned), CommandError> {
        let program = request.program.clone();
        let limit = request.limit;
        let keep = request.keep;
        let Begun {
            mut child,
            output,
            errors,
            killed_unless_done,
        } = self.begin(request).await?;
        let (mut output, mut errors) = (Head::new(output, keep), Head::new(errors, keep));
        let run = async {
            let exit = tokio::select! {
                exit = child.exit() => exit,
                never = async { tokio::join!(output.take(), errors.take()).0 } => match never {},
            };
            // What it wrote before it ended is in the pipes; what it left behind may hold them open.
            output.take_rest();
            errors.take_rest();
            exit
        };
        let done = tokio::time::timeout(limit, run).await;
        match done {
            Ok(exit) => {
                let outcome = Outcome {
                    exit,
                    output: output.head,
                    errors: errors.head,
                };
                Ok((outcome, killed_unless_done))
            }
            Err(_) => Err(CommandError::TimedOut { program, limit }),
        }
    }

    /// Whether one command says anything before it ends or its limit is over. It is killed then.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) async fn says_anything(&self, request: Request) -> Result<bool, CommandError> {
        let limit = request.limit;
        let Begun {
            mut output,
            killed_unless_done,
            ..
        } = self.begin(request).await?;
        let mut word = [0; 1];
        let said = tokio::time::timeout(limit, output.read(&mut word)).await;
        drop(killed_unless_done);
        Ok(matches!(said, Ok(Ok(1..))))
    }

    async fn begin(&self, request: Request) -> Result<Begun, CommandError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let program = request.program.clone();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{count}", std::process::id());
        self.see(&request)
            .await
            .map_err(|source| CommandError::Unseen {
                program: program.clone(),
                source,
            })?;
        let (child, output, errors) = self
            .spawn(request, &mark)
            .map_err(|source| CommandError::Start { program, source })?;
        let leader = child.process;
        let tree = Tree {
            marker: (MARKER, mark.into()),
            root: Some(leader),
            session: Some(leader.pid),
            cgroup: None,
            pane: None,
            carrier: None,
            ours: true,
        };
        Ok(Begun {
            child,
            output,
            errors,
            killed_unless_done: Abandoned {
                looker: self.looker(),
                tree: Some(tree),
            },
        })
    }

    /// Whether what the kernel has to open for it answers.
    async fn see(&self, request: &Request) -> Result<(), Unseen> {
        let places = [request.workdir.clone(), request.program.clone()];
        let subject = format!("{} in {}", places[1].display(), places[0].display());
        let look = move |at: &At| places.iter().for_each(|place| at.asks(place));
        self.looks.look(&subject, look).await
    }

    fn looker(&self) -> Looker {
        Looker {
            census: self.census.clone(),
            reaper: self.reaper.clone(),
        }
    }

    fn spawn(
        &self,
        request: Request,
        mark: &str,
    ) -> io::Result<(Child, pipe::Receiver, pipe::Receiver)> {
        let (output, its_output) = io::pipe()?;
        let (errors, its_errors) = io::pipe()?;
        let mut command = match &request.as_user {
            None => Command::new(self.executable.instead_of(&request.program)),
            Some(user) => {
                let mut command = Command::new(self.executable.to_run());
                command.arg("as").args(user.arguments()).arg("--");
                command.arg(&request.program);
                command
            }
        };
        command
            .args(&request.arguments)
            .current_dir(&request.workdir)
            .stdin(input(&request.input)?)
            .stdout(its_output)
            .stderr(its_errors);
        self.inherited.apply(&mut command);
        for name in request.as_user.iter().flat_map(|_| OF_USER) {
            command.env_remove(name);
        }
        command.envs(request.environment).env(MARKER, mark);
        let birth = sys::Birth {
            session: true,
            tag: Some(tag(mark.as_ref())),
            inherits: None,
            cgroup: request.cgroup,
            open_files: self.open_files,
            dies_with_us: false,
        };
        sys::before_exec(&mut command, birth);
        let output = pipe::Receiver::from_owned_fd(output.into())?;
        let errors = pipe::Receiver::from_owned_fd(errors.into())?;
        exec::no_script_unless_text(&mut command)?;
        let child = self.reaper.spawn(&mut command)?;
        Ok((child, output, errors))
    }
}

/// The text as a file in memory, so that nobody has to feed a pipe.
fn input(text: &[u8]) -> io::Result<Stdio> {
    use std::io::Seek;
    if text.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(text)?;
    file.rewind()?;
    Ok(file.into())
}

/// Kills what is left of a command that nobody waits for any more.
struct Abandoned {
    looker: Looker,
    tree: Option<Tree>,
}

impl Abandoned {
    async fn kill(&self, tree: &Tree) {
        if let Err(error) = self.looker.signal(tree, Part::All, Signal::KILL).await {
            tracing::warn!("a command is left behind: {}", in_one_line(&error));
        }
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        let Some(tree) = self.tree.take() else {
            return;
        };
        let left = Self {
            looker: self.looker.clone(),
            tree: None,
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { left.kill(&tree).await });
        } else if let Err(error) = tree.root.map_or(Ok(()), end_group) {
            tracing::warn!("a command is left behind: {}", in_words(&error));
        }
    }
}

/// Kills a command, and those that it started and that do not hide: at the end of the daemon nobody is
/// there any more to look for others.
pub(crate) fn end_group(leader: Process) -> io::Result<()> {
    // While it is held, nobody else has its number.
    if let Some(_held) = leader.hold()?
        && let Some(group) = Pid::from_raw(leader.pid)
    {
        kill_process_group(group, KernelSignal::KILL)?;
    }
    Ok(())
}

/// The head of what comes out of a pipe.
struct Head {
    pipe: pipe::Receiver,
    head: Vec<u8>,
    keep: usize,
}

enum Never {}

impl Head {
    fn new(pipe: pipe::Receiver, keep: usize) -> Self {
        Self {
            pipe,
            head: Vec::new(),
            keep,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = self.keep.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    async fn take(&mut self) -> Never {
        let mut buffer = vec![0; 4096];
        loop {
            match self.pipe.read(&mut buffer).await {
                Ok(count) if count > 0 => self.add(&buffer[..count]),
                _ => std::future::pending::<()>().await,
            }
        }
    }

    fn take_rest(&mut self) {
        let mut buffer = [0; 4096];
        // Somebody left behind may write for ever. The kernel is asked, not tokio, which may not have
        // heard yet that there is something.
        while self.head.len() < self.keep {
            match rustix::io::read(&self.pipe, &mut buffer) {
                Ok(count) if count > 0 => self.add(&buffer[..count]),
                _ => return,
            }
        }
    }
}
