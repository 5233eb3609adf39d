//! `loopkeeperd exec`: the last thing before a worker in a service of its own; and `become`, the last
//! thing before any worker with secrets in its environment.
//!
//! Promise: at most one worker in a worktree, also when somebody starts the unit by hand: the lease is
//! taken in here, by the process that then becomes the worker and holds it to its end. And the start
//! is recorded before the worker's first instruction, with the life of the unit that it belongs to, so
//! that a daemon which died in between finds it.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    fs,
    io::{self, Read, Write},
    os::unix::{ffi::OsStringExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use jiff::Timestamp;
use nix::libc::{E2BIG, ENOENT};

use super::{
    attempt::process_of,
    cgroup::Cgroup,
    directory::{Directory, Pane, Spec, Start},
    lease::Lease,
    secrets,
    tree::tag,
};
use crate::{
    causes::in_one_line,
    host::{HostError, boot, process::Process},
    model::AttemptRef,
    sys,
};

/// Becomes the worker whose attempt has this directory; returns only where nothing is to be run, as
/// the attempt has run already.
///
/// # Errors
/// When it could not be started, which is also recorded.
pub fn run(attempt_dir: &Path) -> io::Result<ExitCode> {
    let directory = Directory::at(attempt_dir.to_owned()).of_worker();
    let failed = |error: io::Error| {
        // If that fails as well, our exit code says that nothing was started.
        drop(directory.record_start_failed(&error.to_string()));
        Err(error)
    };
    let own = i32::try_from(std::process::id())
        .map_err(io::Error::other)
        .and_then(Process::of);
    let own = match own {
        Ok(own) => own,
        Err(error) => return failed(error),
    };
    // A daemon that looks meanwhile may have recorded us.
    let of_another = |start: Start| process_of(&start.identity) != own;
    if directory.start().is_some_and(of_another) {
        let text = "this attempt has run, and its unit was started by hand; the supervisor begins the \
                    next one";
        return writeln!(io::stderr(), "{text}").map(|()| ExitCode::SUCCESS);
    }
    let Some(spec) = directory.spec() else {
        return failed(io::Error::other("spec.json: cannot be read"));
    };
    let lease = match spec.worktree.as_deref().map(Lease::take).transpose() {
        Ok(lease) => lease,
        Err(error) => return failed(io::Error::other(in_one_line(&error))),
    };
    // Not before: what systemd runs last would be in there too, and wait for it where it hangs.
    if let Err(error) = env::set_current_dir(&spec.workdir) {
        let text = format!("workdir {}: {error}", spec.workdir.display());
        return failed(io::Error::new(error.kind(), text));
    }
    let mut command = Command::new(&spec.program);
    command.args(&spec.arguments);
    if let Err(error) = add_secrets(&mut command, &spec) {
        return failed(error);
    }
    if let Err(error) = record_start(&directory, &spec, own, None) {
        return failed(error);
    }
    // If we are that, we go on without a file; as a rule there is none.
    drop(fs::remove_file(directory.program()));
    let birth = sys::Birth {
        tag: Some(tag(directory.path().as_os_str())),
        inherits: lease.as_ref().map(Lease::number),
        ..sys::Birth::default()
    };
    sys::before_exec(&mut command, birth);
    settle_broken_pipe(&mut command, &spec);
    if let Err(error) = no_script_unless_text(&mut command) {
        return failed(error);
    }
    failed(refused(&spec.program, &command.exec()))
}

/// What is run first for a worker whose start others record: the worker, or who becomes it once its
/// secrets are in its environment.
///
/// Nobody else may have those: who starts a worker may live long, and be looked into.
pub(super) fn first(executable: &Path, directory: &Directory, spec: &Spec) -> Command {
    if spec.variables.is_empty() {
        let mut command = Command::new(&spec.program);
        command.args(&spec.arguments);
        return command;
    }
    let mut command = Command::new(executable);
    command
        .args(["become", "--attempt-dir"])
        .arg(directory.path());
    command
}

/// `loopkeeperd become`: becomes the worker whose attempt has this directory, and whose start is
/// recorded; returns only when that was not possible.
pub fn become_worker(attempt_dir: &Path) -> io::Error {
    let directory = Directory::at(attempt_dir.to_owned()).of_worker();
    let error = match directory.spec() {
        Some(spec) => {
            let mut command = Command::new(&spec.program);
            command.args(&spec.arguments);
            settle_broken_pipe(&mut command, &spec);
            let sound =
                add_secrets(&mut command, &spec).and_then(|()| no_script_unless_text(&mut command));
            sound.map_or_else(|error| error, |()| refused(&spec.program, &command.exec()))
        }
        None => io::Error::other("spec.json: cannot be read"),
    };
    // Our exit code is not the worker's.
    drop(directory.record_start_failed(&error.to_string()));
    error
}

/// What a write does to the worker where nobody reads any more: as its spec has it, whatever ours does.
pub(super) fn settle_broken_pipe(command: &mut Command, spec: &Spec) {
    if spec.ignores_broken_pipe {
        sys::ignore_broken_pipe(command);
    }
}

/// That and why a program could not be executed (execve(2)), where the kernel's words may mislead.
pub(super) fn refused(program: &Path, error: &io::Error) -> io::Error {
    let path = program.display();
    let text = match (error.raw_os_error(), missing_interpreter(program)) {
        (Some(ENOENT), Some(interpreter)) => {
            format!("{path}: its interpreter {interpreter}: {error}")
        }
        (Some(E2BIG), _) => format!(
            "{path}: {error}: one variable or argument may have 128 KiB, and all of them a quarter of \
             the stack's limit (ulimit -s)"
        ),
        _ => format!("{path}: {error}"),
    };
    io::Error::new(error.kind(), text)
}

/// What the kernel does not execute is a script for a shell only if its first line is text, as shells
/// themselves have it: a program of another machine is none. To be called when nothing is to be added to
/// the command any more.
pub(super) fn no_script_unless_text(command: &mut Command) -> io::Result<()> {
    match first_line(Path::new(command.get_program())) {
        Some(line) if line.contains(&0) => sys::execute_or_fail(command),
        Some(_) | None => Ok(()),
    }
}

/// As much of it as the kernel reads.
fn first_line(program: &Path) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    // To open another kind of file may be to wait for somebody.
    program.metadata().ok().filter(fs::Metadata::is_file)?;
    let file = fs::File::open(program).ok()?;
    file.take(256).read_to_end(&mut line).ok()?;
    line.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec)
}

/// What the first line of a script names, if that is not there.
fn missing_interpreter(program: &Path) -> Option<String> {
    let line = first_line(program)?;
    let line = String::from_utf8_lossy(line.strip_prefix(b"#!")?);
    let interpreter = line.split_whitespace().next()?;
    (!Path::new(interpreter).exists()).then(|| interpreter.to_owned())
}

/// Puts the secrets that the worker wants there into its environment.
fn add_secrets(command: &mut Command, spec: &Spec) -> io::Result<()> {
    if spec.variables.is_empty() {
        return Ok(());
    }
    // Nobody looks into this process, and it leaves no core, until it is the worker (prctl(2)).
    nix::sys::prctl::set_dumpable(false)?;
    let directory = env::var_os(secrets::DIRECTORY).map(PathBuf::from);
    let directory = directory
        .ok_or_else(|| io::Error::other(format!("${}: is not set", secrets::DIRECTORY)))?;
    for (variable, secret) in &spec.variables {
        let path = directory.join(secret);
        let wrong = |why: &dyn Display| {
            io::Error::other(format!("secret {secret}: {}: {why}", path.display()))
        };
        let mut value = fs::read(&path).map_err(|error| wrong(&error))?;
        // As editors and `echo` end a file, and no program expects a variable to end.
        if value.last() == Some(&b'\n') {
            value.pop();
        }
        if value.contains(&0) {
            return Err(wrong(&"a zero byte is in it, so it cannot be a variable"));
        }
        command.env(variable, OsString::from_vec(value));
    }
    Ok(())
}

/// Writes the start record of `process`, which is of the attempt that has this directory.
pub(super) fn record_start(
    directory: &Directory,
    spec: &Spec,
    process: Process,
    pane: Option<Pane>,
) -> io::Result<()> {
    // Who is confined may not see it (systemd.exec(5), `ProcSubset=`).
    let boot = match &spec.boot {
        Some(boot) => boot.clone(),
        None => boot::boot_id().map_err(|error: HostError| io::Error::other(error))?,
    };
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
pub(super) fn attempt_of(path: &Path) -> Option<AttemptRef> {
    Some(AttemptRef {
        worker: path.parent()?.file_name()?.to_str()?.parse().ok()?,
        attempt: path.file_name()?.to_str()?.parse().ok()?,
    })
}
