//! What follows on the start of an attempt, or on its being found, up to its last process.
//!
//! Promise: `Ended`, with the exit record written before; then nothing of its tree lives. Nothing is
//! looked at unless something has ended or was asked for.
//!
//! How: it waits for the [`End`] of the worker's own process, then for what that left behind.

use std::{io, time::Duration};

use tokio::sync::mpsc;

use super::{
    House,
    ailment::Ailment,
    context::Context,
    directory::Directory,
    end::End,
    output::Bound,
    socket,
    tree::{Part, Tree},
    unit,
};
use crate::{
    causes::in_one_line,
    fault,
    host::process::Process,
    model::{AttemptRef, Exit, HostEvent, Signal},
};

/// Before something that failed for lack of resources is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// What the session around a killed worker is given to end by itself.
const SESSION_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Signals for an attempt's tree.
pub(super) type Orders = mpsc::UnboundedReceiver<Signal>;

/// From the end of the worker's own process, however that becomes known, to the last of its tree.
/// Meanwhile it passes on signals and keeps the output bounded.
pub(super) async fn see_through(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    keep_output: Option<u64>,
    tree: Tree,
    end: End,
    mut orders: Orders,
) {
    let of_output = |error: &_| context.ails(attempt, Ailment::Output, &in_one_line(error));
    let mut bound = keep_output.and_then(|keep| {
        let opened = Bound::open(&context.appends, &directory.output(), keep);
        opened.map_err(|error| of_output(&error)).ok()
    });
    let life = async {
        let mut killed = false;
        let exit = end.exit(context, attempt, directory);
        tokio::pin!(exit);
        let exit = loop {
            tokio::select! {
                exit = &mut exit => break exit,
                Some(signal) = orders.recv() => {
                    killed |= signal == Signal::KILL;
                    send(context, attempt, &tree, Part::Work, signal).await;
                }
            }
        };
        ended(context, attempt, directory, exit).await;
        aftermath(context, attempt, &tree, orders, killed).await;
    };
    let bounded = async {
        match &mut bound {
            Some(bound) => loop {
                let error = bound.hold().await;
                of_output(&error);
            },
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = life => {}
        never = bounded => match never {},
    }
    // What it wrote last may have been much, and nobody was told of it yet.
    if let Some(Err(error)) = bound.map(|mut bound| bound.cut()) {
        of_output(&error);
    }
}

async fn ended(context: &Context, attempt: &AttemptRef, directory: &Directory, exit: Exit) {
    fault::point(|| "before the exit record".to_owned());
    let exit = directory.of_worker_alone(exit);
    context.record_exit(directory, &exit);
    fault::point(|| "after the exit record".to_owned());
    let by = match &context.settings.house {
        House::Unit { units, .. } => unit::last_word(units, &attempt.worker, directory).await,
        House::Delegated(_) | House::None => unit::intervention(directory),
    };
    context.tell(HostEvent::Ended(attempt.clone(), exit, by));
}

/// From the end of the worker's own process to the end of the last one.
pub(super) async fn aftermath(
    context: &Context,
    attempt: &AttemptRef,
    tree: &Tree,
    mut orders: Orders,
    mut killed: bool,
) {
    loop {
        let left = match context.looker.members(tree, Part::All).await {
            Ok(left) => left,
            Err(error) => {
                let text = format!("processes cannot be listed: {error}");
                context.ails(attempt, Ailment::Processes, &text);
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        if left.is_empty() {
            break;
        }
        if killed {
            send(context, attempt, tree, Part::Work, Signal::KILL).await;
        }
        tokio::select! {
            result = all_ended(&left) => if let Err(error) = result {
                let text = format!("processes cannot be watched: {error}");
                context.ails(attempt, Ailment::Processes, &text);
                tokio::time::sleep(AGAIN).await;
            },
            Some(signal) = orders.recv() => {
                killed |= signal == Signal::KILL;
                send(context, attempt, tree, Part::Work, signal).await;
            }
            () = tokio::time::sleep(SESSION_ENDS_WITHIN), if killed && tree.pane.is_some() => {
                send(context, attempt, tree, Part::All, Signal::KILL).await;
            }
        }
    }
    if tree.pane.is_some_and(|pane| !pane.server.lives()) {
        clear_socket(context, attempt).await;
    }
    context.vacate(attempt, tree).await;
}

/// Nobody gets into its session any more.
async fn clear_socket(context: &Context, attempt: &AttemptRef) {
    let directory = context.directory(attempt);
    let cleared = socket::clear(&context.settings, &attempt.worker, &directory).await;
    if let Err(error) = cleared {
        tracing::debug!("{}: its socket is left: {error}", attempt.worker);
    }
}

async fn all_ended(processes: &[Process]) -> io::Result<()> {
    for process in processes {
        process.ended().await?;
    }
    Ok(())
}

async fn send(context: &Context, attempt: &AttemptRef, tree: &Tree, part: Part, signal: Signal) {
    match context.looker.signal(tree, part, signal).await {
        Ok(()) => context.is_well(attempt, Ailment::Signals),
        Err(error) => {
            let text = format!("{signal}: {}", in_one_line(&error));
            context.ails(attempt, Ailment::Signals, &text);
        }
    }
}
