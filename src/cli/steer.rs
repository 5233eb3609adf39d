//! `start`, `stop`, `restart`, `pause`, `resume`, `reload`: the verbs that change something.

use clap::Args;

use super::{
    Context, check,
    failure::Failure,
    words::{printable_lines, warnings},
};
use crate::{
    control::protocol::{DiffView, Done, Request},
    model::{PhaseId, WorkerName},
};

#[derive(Debug, Args)]
pub(super) struct Workers {
    /// Workers, by their names in `supervisorctl status`.
    #[arg(required = true, value_name = "WORKER")]
    workers: Vec<WorkerName>,
}

#[derive(Debug, Args)]
pub(super) struct Reload {
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn start(Workers { workers }: Workers, context: &Context) -> Result<(), Failure> {
    done(&Request::Start { workers }, context)
}

pub(super) fn stop(Workers { workers }: Workers, context: &Context) -> Result<(), Failure> {
    done(&Request::Stop { workers }, context)
}

pub(super) fn restart(Workers { workers }: Workers, context: &Context) -> Result<(), Failure> {
    done(&Request::Restart { workers }, context)
}

pub(super) fn forget(worker: WorkerName, context: &Context) -> Result<(), Failure> {
    done(&Request::Forget { worker }, context)
}

pub(super) fn pause(context: &Context) -> Result<(), Failure> {
    done(&Request::Pause {}, context)
}

pub(super) fn resume(phase: Option<PhaseId>, context: &Context) -> Result<(), Failure> {
    done(&Request::Resume { phase }, context)
}

/// Asks, and prints what was done.
pub(super) fn done(request: &Request, context: &Context) -> Result<(), Failure> {
    let done: Done = context.connect()?.ask(request)?;
    let text: String = done
        .done
        .iter()
        .map(|line| printable_lines(line) + "\n")
        .collect();
    Ok(context.screen.print(text)?)
}

pub(super) fn reload(arguments: &Reload, context: &Context) -> Result<(), Failure> {
    let request = Request::Reload {
        dry_run: arguments.dry_run,
    };
    let mut diff: DiffView = context.connect()?.ask(&request)?;
    if let Ok(paths) = context.paths() {
        let others = check::of_carrier(&paths.config).into_iter();
        let new = others.filter(|one| !diff.warnings.contains(one));
        diff.warnings.extend(new.collect::<Vec<_>>());
    }
    if arguments.json {
        return Ok(context.screen.json(&diff)?);
    }
    Failure::show(&warnings(&diff.warnings));
    Ok(context.screen.print(printable_lines(&diff_text(&diff)))?)
}

fn diff_text(view: &DiffView) -> String {
    let head = match (view.diff.is_empty(), view.applied) {
        (true, _) => "nothing changes",
        (false, true) => "changed:",
        (false, false) => "would change:",
    };
    let note = view.note.as_ref().map(|note| format!("{note}\n"));
    format!("{head}\n{}{}", view.diff, note.unwrap_or_default())
}
