//! One attempt over there, from its start to its last process.
//!
//! Promise: as of one here (see [`attempt`](crate::launch::attempt)): `Started`, `StartFailed` or `Shortage`;
//! then `Ended`, with the exit record written here too; then `Gone`, once nothing of it lives and all that it
//! wrote is here. While its host does not answer, nothing is told of it.

use std::{collections::BTreeMap, fs::File, io};

use tokio::{sync::watch, time::sleep};

use super::{Seen, far::Far, log, script::Work};
use crate::{
    config::{Program, Worker},
    launch::{
        ailment::Ailment,
        context::Context,
        directory::{Directory, Output, Spec, Start},
        life::{AGAIN, Orders},
        not_started::NotStarted,
        output::Bound,
    },
    model::{AttemptRef, HostEvent, Identity, LauncherKind, Signal},
};

/// Starts an attempt, and sees it through.
pub(in crate::launch) async fn start(
    context: &Context,
    far: Option<Far>,
    attempt: AttemptRef,
    worker: &Worker,
    handed: BTreeMap<String, String>,
    orders: Orders,
) {
    let directory = context.directory(&attempt);
    let began = match far {
        None => Err(HostEvent::Shortage(
            attempt.clone(),
            format!(
                "host {} cannot be used; see: supervisorctl status",
                worker.on
            ),
        )),
        Some(far) => begin(context, &far, &attempt, worker, &handed)
            .await
            .map(|seen| (far, seen)),
    };
    match began {
        Ok((far, seen)) => see_through(context, &far, &attempt, seen, orders, true).await,
        Err(event) => {
            if let HostEvent::StartFailed(_, why) | HostEvent::Shortage(_, why) = &event {
                directory.nothing_was_started(why);
            }
            context.tell(event);
        }
    }
}

/// Until it is known that it runs, or ran.
async fn begin(
    context: &Context,
    far: &Far,
    attempt: &AttemptRef,
    worker: &Worker,
    handed: &BTreeMap<String, String>,
) -> Result<watch::Receiver<Seen>, HostEvent> {
    let directory = context.directory(attempt);
    let failed = |why: String| HostEvent::StartFailed(attempt.clone(), why);
    let Program::Command(command) = &worker.program else {
        return Err(failed("only a command can be run on another host".into()));
    };
    far.answers()
        .await
        .map_err(|why| HostEvent::Shortage(attempt.clone(), why))?;
    let environment: BTreeMap<_, _> = worker.environment.iter().chain(handed).collect();
    let environment = environment
        .into_iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    let beginning = far.begins(attempt);
    let spec = Spec {
        launcher: LauncherKind::Tmux,
        program: command.program.clone(),
        arguments: command.arguments.clone(),
        workdir: worker.workdir.clone(),
        worktree: worker.worktree.clone(),
        variables: BTreeMap::new(),
        output: Output::File,
        keep_output: worker.keep_output,
        keep_attempts: worker.keep_attempts,
        ignores_broken_pipe: false,
        carried: false,
        boot: Some(context.boot.clone()),
        stop: Some(worker.stop),
        far: Some(far.afar()),
    };
    let path = directory.path().display();
    // Where it runs has to be known after a power cut here, too: over there it goes on.
    let prepared = directory
        .create(&spec, None)
        .and_then(|()| directory.open_output().map(drop))
        .and_then(|()| sync(&directory));
    prepared
        .map_err(|error| NotStarted::because(&path.to_string(), &error).event(attempt.clone()))?;
    let work = Work {
        command,
        workdir: &worker.workdir,
        worktree: worker.worktree.as_deref(),
        environment: &environment.collect(),
    };
    let began = far.begin(&beginning, &work).await;
    drop(beginning);
    began.map_err(|why| HostEvent::Shortage(attempt.clone(), why))?;
    let (mut seen, _) = far.follow(attempt);
    let known = |seen: &Seen| !matches!(seen, Seen::Unreachable(_) | Seen::Starting);
    let now = match seen.wait_for(known).await {
        Ok(now) => now.clone(),
        Err(_) => {
            return Err(HostEvent::Shortage(
                attempt.clone(),
                "its host is not declared any more".into(),
            ));
        }
    };
    match now {
        Seen::Failed(why) => {
            far.tidy(attempt);
            Err(failed(why))
        }
        Seen::Busy(why) => {
            far.tidy(attempt);
            Err(HostEvent::Shortage(attempt.clone(), why))
        }
        Seen::Alive(identity) | Seen::Ended { identity, .. } => {
            record(context, &directory, identity.clone());
            context.tell(HostEvent::Started(attempt.clone(), identity));
            Ok(seen)
        }
        Seen::Unreachable(_) | Seen::Starting => Ok(seen),
    }
}

fn record(context: &Context, directory: &Directory, identity: Identity) {
    let start = Start {
        identity,
        at: jiff::Timestamp::now(),
        cgroup: None,
        pane: None,
        invocation: None,
    };
    context.record_start(directory, &start);
}

/// The directory, and its place in those above it.
fn sync(directory: &Directory) -> io::Result<()> {
    for entry in std::fs::read_dir(directory.path())? {
        File::open(entry?.path())?.sync_all()?;
    }
    for above in directory.path().ancestors().take(3) {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Begins to watch an attempt that was found alive.
pub(in crate::launch) async fn adopt(
    context: &Context,
    far: &Far,
    attempt: AttemptRef,
    identity: Identity,
    orders: Orders,
) {
    let directory = context.directory(&attempt);
    if directory.start().is_none() {
        record(context, &directory, identity);
    }
    let (seen, _) = far.follow(&attempt);
    see_through(context, far, &attempt, seen, orders, true).await;
}

/// Signals what is left of an attempt that ended before it was found, until nothing is.
pub(in crate::launch) async fn leftover(
    context: &Context,
    far: &Far,
    attempt: AttemptRef,
    orders: Orders,
) {
    let (seen, _) = far.follow(&attempt);
    see_through(context, far, &attempt, seen, orders, false).await;
}

/// From what is known of it to its last process. Meanwhile it passes on signals, and brings its log.
/// `tells`: that it ended is news.
async fn see_through(
    context: &Context,
    far: &Far,
    attempt: &AttemptRef,
    mut seen: watch::Receiver<Seen>,
    mut orders: Orders,
    mut tells: bool,
) {
    let directory = context.directory(attempt);
    let bounded = bound(context, attempt, &directory);
    let life = async {
        let (_, more) = far.follow(attempt);
        loop {
            let now = seen.borrow_and_update().clone();
            if let Seen::Ended { exit, left, .. } = &now {
                if tells {
                    tells = false;
                    drop(log::fetch(far, attempt, &directory, false).await);
                    context.record_exit(&directory, exit);
                    let exit = exit.clone();
                    context.tell(HostEvent::Ended(attempt.clone(), exit, None));
                }
                if *left == 0 && brought(context, far, attempt, &directory).await {
                    return;
                }
            }
            if let Seen::Failed(_) | Seen::Busy(_) = &now {
                return;
            }
            if let Seen::Alive(_) = now
                && let Ok(length) = log::fetch(far, attempt, &directory, false).await
            {
                far.wish_for_more(attempt, length);
            }
            tokio::select! {
                changed = seen.changed() => if changed.is_err() {
                    // Its host was asked, and has nothing of it any more.
                    return;
                },
                // Many bytes and few questions.
                () = more.notified() => sleep(AGAIN).await,
                Some(signal) = orders.recv() => send(context, far, attempt, signal).await,
            }
        }
    };
    tokio::select! {
        () = life => {}
        never = bounded => match never {},
    }
    context.gone(attempt.clone());
}

/// All that it wrote is here.
async fn brought(
    context: &Context,
    far: &Far,
    attempt: &AttemptRef,
    directory: &Directory,
) -> bool {
    match log::fetch(far, attempt, directory, true).await {
        Ok(_) => {
            context.is_well(attempt, Ailment::Output);
            true
        }
        Err(why) => {
            context.ails(attempt, Ailment::Output, &why);
            sleep(AGAIN).await;
            false
        }
    }
}

async fn send(context: &Context, far: &Far, attempt: &AttemptRef, signal: Signal) {
    match far.signal(attempt, signal).await {
        Ok(()) => context.is_well(attempt, Ailment::Signals),
        Err(why) => context.ails(attempt, Ailment::Signals, &format!("{signal}: {why}")),
    }
}

/// Keeps the file of its output bounded.
async fn bound(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
) -> std::convert::Infallible {
    let keep = directory.spec().map(|spec| spec.keep_output);
    let bound = keep.map(|keep| Bound::open(&context.appends, &directory.output(), keep));
    match bound {
        Some(Ok(mut bound)) => loop {
            let error = bound.hold().await;
            context.ails(
                attempt,
                Ailment::Output,
                &crate::causes::in_one_line(&error),
            );
        },
        Some(Err(error)) => {
            context.ails(
                attempt,
                Ailment::Output,
                &crate::causes::in_one_line(&error),
            );
            std::future::pending().await
        }
        None => std::future::pending().await,
    }
}
