//! `loopkeeperd pane`: what runs in a worker's tmux pane, with the worker as its child.
//!
//! Promise: the exit record is written, with the code or the signal, also when the tmux server is
//! killed, and when no daemon is there. Ctrl-C and Ctrl-\ typed by somebody who attached reach the
//! worker and not this process. As long as anything lives that the worker started, so does the pane:
//! nobody loses the terminal before its time (see [the story of a stop](super#a-stop)). What was
//! written last is not lost: see `let_go_of_terminal`.
//!
//! How: it is the subreaper of all that the worker starts, so while anything of it lives it has a
//! child.

use std::{
    env,
    fs::{self, File},
    io,
    os::unix::{ffi::OsStrExt, process::parent_id},
    path::Path,
    process::ExitCode,
};

use nix::sys::signal::{SigSet, Signal};
use rustix::{
    process::{WaitOptions, wait},
    termios::{InputModes, OptionalActions, tcgetattr, tcsetattr},
};

use super::{
    command,
    directory::{Directory, Pane, Spec},
    exec::{self, record_start},
    lease::Lease,
    tree::tag,
};
use crate::{
    causes::in_one_line,
    host::process::{Process, exit_of_status},
    model::{self, Exit, Status},
    sys,
};

/// The worker's `$SHELL`, which tmux would replace by its own.
pub(super) const SHELL: &str = "LOOPKEEPER_SHELL";
/// What is run to record the pane.
pub(super) const RECORDER: &str = "LOOPKEEPER_RECORDER";
/// What tmux is given to read the rest from a terminal that only it has open.
const CLOSED_WITHIN_SECONDS: u32 = 2;

/// Runs the worker whose attempt has this directory to its end.
///
/// # Errors
/// When it could not be started, which is also recorded.
pub fn run(attempt_dir: &Path) -> io::Result<ExitCode> {
    let directory = Directory::at(attempt_dir.to_owned()).of_worker();
    // Before the worker exists, so that its end is not missed.
    let signals = hold_signals()?;
    nix::sys::prctl::set_child_subreaper(true)?;
    let started = {
        let missing = || io::Error::other("spec.json: cannot be read");
        let spec = directory.spec().ok_or_else(missing);
        spec.and_then(|spec| {
            no_key_stops_output()?;
            start(&directory, &spec)
        })
    };
    // Ours, whatever the worker does with its own.
    let (worker, _lease) = match started {
        Ok(started) => started,
        Err(error) => {
            directory.record_start_failed(&error.to_string())?;
            return Err(error);
        }
    };
    // Who stops a unit as a whole, as systemd does when the machine goes down, takes its processes in
    // the order in which they began: first tmux, whose end takes the terminal away, then us, then the
    // worker. So when that has ended we have been told.
    let mut with_session = false;
    let mut recorded = false;
    loop {
        match signals.wait()? {
            Signal::SIGTERM => with_session = true,
            // The terminal is gone; the kernel tells that only to us, who lead its session. Whom the
            // worker has left behind, it tells when we end.
            Signal::SIGHUP if recorded => return Ok(ExitCode::SUCCESS),
            Signal::SIGHUP => {
                with_session = true;
                drop(worker.signal(model::Signal::HUP));
            }
            Signal::SIGCHLD => {
                let Collected { of_worker, left } = collect(worker);
                if let Some(status) = of_worker {
                    let exit = for_want_of_memory(exit_of_status(status), &directory);
                    directory.record_end(&exit, with_session)?;
                    recorded = true;
                }
                if recorded && !left {
                    let_go_of_terminal(&signals)?;
                    return Ok(ExitCode::SUCCESS);
                }
            }
            // Typed, or sent to everybody here: the worker got it as well.
            _ => {}
        }
    }
}

/// Who is killed in a cgroup of its own in which the kernel killed for lack of memory, was killed for
/// that: systemd ends a unit at the first such kill, unless `OOMPolicy` says otherwise.
fn for_want_of_memory(exit: Exit, directory: &Directory) -> Exit {
    let cgroup = directory.start().and_then(|start| start.cgroup);
    match (exit, cgroup) {
        (Exit::Signal(model::Signal::KILL), Some(cgroup)) if cgroup.out_of_memory_kills() > 0 => {
            Exit::OutOfMemory(Status::Signal(model::Signal::KILL))
        }
        (exit, _) => exit,
    }
}

/// Whether a process is this role, for the attempt that has this directory.
pub(crate) fn wraps(process: Process, directory: &Directory) -> bool {
    let arguments = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    let mut arguments = arguments.split(|byte| *byte == 0).skip(1);
    let path = directory.path().as_os_str().as_bytes();
    [&b"pane"[..], b"--attempt-dir", path]
        .iter()
        .all(|wanted| arguments.next() == Some(wanted))
}

/// What was found of those who ended.
struct Collected {
    /// The wait status of the worker, if it is among them.
    of_worker: Option<i32>,
    /// Whether something of it lives.
    left: bool,
}

/// Takes all who ended: the worker, and what it left behind.
fn collect(worker: Process) -> Collected {
    let mut of_worker = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == worker.pid => {
                of_worker = Some(status.as_raw());
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                return Collected {
                    of_worker,
                    left: true,
                };
            }
            Err(_no_child) => {
                return Collected {
                    of_worker,
                    left: false,
                };
            }
        }
    }
}

/// Closes the terminal, and waits for tmux to do so on its side.
///
/// When the process in a pane exits, tmux drops the terminal although the kernel may still hold what
/// was written last. When instead the terminal is closed by everybody in the pane, it reads it to the
/// end, and hangs up. Somebody else who is not of the attempt may keep it open; then the pane ends
/// with this process.
fn let_go_of_terminal(signals: &SigSet) -> io::Result<()> {
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    nix::unistd::alarm::set(CLOSED_WITHIN_SECONDS);
    while !matches!(signals.wait()?, Signal::SIGHUP | Signal::SIGALRM) {}
    Ok(())
}

/// Ctrl-S, typed by somebody who attached, would hold the worker at its next line until somebody knows
/// to type Ctrl-Q (termios(3), IXON). A program that wants that sets it itself.
fn no_key_stops_output() -> io::Result<()> {
    let terminal = rustix::stdio::stdin();
    let mut modes = tcgetattr(terminal)?;
    modes
        .input_modes
        .remove(InputModes::IXON | InputModes::IXOFF);
    tcsetattr(terminal, OptionalActions::Now, &modes)?;
    Ok(())
}

/// What would end this process, or what it waits for; from now on it comes when asked for.
fn hold_signals() -> io::Result<SigSet> {
    let signals = SigSet::from_iter([
        Signal::SIGALRM,
        Signal::SIGCHLD,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGTSTP,
    ]);
    signals.thread_block()?;
    Ok(signals)
}

fn start(directory: &Directory, spec: &Spec) -> io::Result<(Process, Option<Lease>)> {
    let lease = spec.worktree.as_deref().map(Lease::take).transpose();
    let lease = lease.map_err(|error| io::Error::other(in_one_line(&error)))?;
    let own = |pid: u32| {
        i32::try_from(pid)
            .map_err(io::Error::other)
            .and_then(Process::of)
    };
    let pane = Pane {
        wrapper: own(std::process::id())?,
        server: own(parent_id())?,
    };
    // Whatever became of the file that we are.
    let mut command = exec::first(Path::new("/proc/self/exe"), directory, spec);
    command
        .current_dir(&spec.workdir)
        // Its own tmux is not the one we keep it in.
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        .env_remove(SHELL)
        .env_remove(RECORDER)
        // The command that started the server is over.
        .env_remove(command::MARKER);
    match env::var_os(SHELL) {
        Some(shell) => command.env("SHELL", shell),
        None => command.env_remove("SHELL"),
    };
    let birth = sys::Birth {
        tag: Some(tag(directory.path().as_os_str())),
        inherits: lease.as_ref().map(Lease::number),
        ..sys::Birth::default()
    };
    sys::before_exec(&mut command, birth);
    exec::settle_broken_pipe(&mut command, spec);
    let child = exec::no_script_unless_text(&mut command).and_then(|()| command.spawn());
    let child = child.map_err(|error| exec::refused(&spec.program, &error))?;
    let worker = own(child.id())?;
    record_start(directory, spec, worker, Some(pane)).inspect_err(|_| {
        // What cannot be found again must not run.
        drop(worker.signal(model::Signal::KILL));
    })?;
    Ok((worker, lease))
}
