//! The process launcher: the worker is a child of the daemon, and needs no daemon.
//!
//! Promise: it has a session of its own, writes straight into the attempt's output, and holds
//! nothing of ours. Its output stays locked (flock(2)) as long as anything of it lives that writes
//! there, from before it runs: so a daemon that is killed at the worst moment leaves no attempt that
//! looks as if it had never been started.

use std::{ffi::OsString, fs::File, io, process::Stdio};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::{
    House,
    attempt::Launched,
    context::Context,
    directory::{Directory, Output, Spec, Start},
    exec,
    lease::Lease,
    not_started::NotStarted,
    tree::tag,
};
use crate::{
    config::{Program, Worker},
    model::{AttemptRef, LauncherKind},
    proxy::tailscale::tailscaled,
    sys,
    systemd::property::Value,
};

/// What is run for a worker, as a plain command with all its arguments.
pub(super) fn spec(
    worker: &Worker,
    context: &Context,
    directory: &Directory,
    output: Output,
) -> Spec {
    let (program, arguments) = match &worker.program {
        Program::Command(command) => (command.program.clone(), command.arguments.clone()),
        Program::BuiltinProxy(_) => {
            let config = directory.proxy().to_string_lossy().into_owned();
            let arguments = vec!["proxy".to_owned(), "--settings".to_owned(), config];
            let executable = &context.settings.executable;
            let program = match context.settings.house {
                House::Unit { .. } => executable.to_run_again(),
                House::Delegated(_) | House::None => executable.to_run(),
            };
            (program, arguments)
        }
        Program::Tailscale(settings) => {
            let command = tailscaled(settings, &settings.socket());
            (command.program, command.arguments)
        }
    };
    let carried = matches!(context.settings.house, House::Unit { .. });
    Spec {
        launcher: worker.launcher,
        program,
        arguments,
        workdir: worker.workdir.clone(),
        worktree: worker.worktree.clone(),
        variables: worker.secrets.variables.clone(),
        output,
        keep_output: worker.keep_output,
        keep_attempts: worker.keep_attempts,
        ignores_broken_pipe: ignores_broken_pipe(worker, carried),
        carried,
        boot: Some(context.boot.clone()),
        stop: Some(worker.stop),
        far: None,
    }
}

/// As systemd has it of a service, whose output may go to a journal that is stopped meanwhile
/// (systemd.exec(5), `IgnoreSIGPIPE=`); as a terminal has it elsewhere.
fn ignores_broken_pipe(worker: &Worker, carried: bool) -> bool {
    let declared = worker.systemd.get("IgnoreSIGPIPE");
    declared.map_or(
        carried && worker.launcher != LauncherKind::Tmux,
        |setting| setting.value == Value::Boolean(true),
    )
}

/// Whether anything holds the attempt's output as its launcher gave it away.
pub(crate) fn output_is_held(directory: &Directory) -> bool {
    let output = match File::open(directory.output()) {
        Ok(output) => output,
        // In doubt it is.
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    let taken = flock(&output, FlockOperation::NonBlockingLockShared);
    taken == Err(rustix::io::Errno::WOULDBLOCK)
}

/// Starts an attempt as a child.
pub(super) async fn launch(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    spec: &Spec,
    environment: Vec<(OsString, OsString)>,
) -> Result<Launched, NotStarted> {
    let unusable =
        |error: io::Error| NotStarted::because(&directory.path().display().to_string(), &error);
    let output = directory.open_output().map_err(unusable)?;
    flock(&output, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| unusable(error.into()))?;
    let also_errors = output.try_clone().map_err(unusable)?;
    let lease = spec.worktree.as_deref().map(Lease::take).transpose();
    let lease = lease.map_err(|error| NotStarted::from_error(&error))?;
    let (cgroup, procs) = context.house(attempt)?;

    let mut command = exec::first(&context.settings.executable.to_run(), directory, spec);
    command
        .current_dir(&spec.workdir)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(also_errors);
    context.runner.inherited.apply(&mut command);
    command.envs(environment);
    let birth = sys::Birth {
        session: true,
        tag: Some(tag(directory.path().as_os_str())),
        inherits: lease.as_ref().map(Lease::number),
        cgroup: procs,
        open_files: context.open_files,
        dies_with_us: false,
    };
    sys::before_exec(&mut command, birth);
    exec::settle_broken_pipe(&mut command, spec);
    let spawned = exec::no_script_unless_text(&mut command)
        .and_then(|()| context.reaper().spawn(&mut command));
    drop(command);
    let child = match spawned {
        Ok(child) => child,
        Err(error) => {
            if let Some(cgroup) = cgroup {
                cgroup.remove();
            }
            return Err(NotStarted {
                why: exec::refused(&spec.program, &error).to_string(),
                ..NotStarted::from_error(&error)
            });
        }
    };
    let start = Start {
        identity: child.process.identity(&context.boot),
        at: Timestamp::now(),
        cgroup,
        pane: None,
        invocation: None,
    };
    context.record_start(directory, &start);
    Ok(Launched::Child {
        start,
        child,
        lease,
    })
}
