//! One attempt: how it is started, or found, and what is told of it.
//!
//! Promise: `Started`, `StartFailed` or `Shortage`; after `Started` comes `Ended`, with the exit record
//! written before; after `Ended` comes `Gone`, once nothing of its tree lives. Each once, in this
//! order. What was stopped by hand before it began has `Ended` without `Started`.
//!
//! How: one task for each attempt, which begins here and goes on in [`life`](super::life).

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    House,
    ailment::Ailment,
    context::Context,
    directory::{Directory, Pane, Spec, Start},
    end::End,
    lease::Lease,
    life::{Orders, aftermath, see_through},
    needs::{self, Needs},
    not_started::NotStarted,
    process, secrets, socket, tmux,
    tree::Tree,
    unit,
};
use crate::{
    config::{Program, Worker},
    host::{census::variable, process::Process, reaper::Child},
    model::{AttemptRef, Exit, HostEvent, Identity, LauncherKind},
    systemd::units::Units,
};

/// An attempt that runs, and how its end will be known.
pub(super) enum Launched {
    Child {
        start: Start,
        child: Child,
        lease: Option<Lease>,
    },
    Pane {
        start: Start,
        pane: Pane,
    },
    Unit {
        start: Start,
        units: Units,
    },
}

const NO_MANAGER: &str = "launcher = \"systemd\": systemd does not run this supervisor, or there is \
    no bus to reach it; see: supervisorctl doctor";

fn environment(
    attempt: &AttemptRef,
    directory: &Directory,
    worker: &Worker,
    handed: impl IntoIterator<Item = (String, String)>,
) -> Vec<(OsString, OsString)> {
    let declared = worker.environment.clone().into_iter().chain(handed);
    let mut all: Vec<(OsString, OsString)> = declared
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    all.extend([
        (super::WORKER.into(), attempt.worker.as_str().into()),
        (super::ATTEMPT.into(), attempt.attempt.as_str().into()),
        (super::ATTEMPT_DIR.into(), directory.path().into()),
    ]);
    all
}

/// Starts an attempt, and sees it through.
pub(super) async fn start(
    context: &Context,
    attempt: AttemptRef,
    worker: &Worker,
    handed: impl IntoIterator<Item = (String, String)>,
    orders: Orders,
) {
    let directory = context.directory(&attempt);
    let (needs, user) = match whole(context, worker).await {
        Ok(whole) => whole,
        Err(not_started) => return refused(context, attempt, &directory, not_started),
    };
    let worker = &needs.worker;
    let spec = process::spec(worker, context, &directory, context.output().await);
    let mut environment = environment(&attempt, &directory, worker, handed);
    let prepared = {
        let settings = match (&worker.program, &context.settings.house) {
            (Program::BuiltinProxy(settings), House::Unit { units, .. }) => {
                Some(unit::proxy_inside(settings, &attempt.worker, units))
            }
            (Program::BuiltinProxy(settings), _) => Some(settings.clone()),
            (Program::Command(_) | Program::Tailscale(_), _) => None,
        };
        let created = directory.create(&spec, settings.as_ref());
        let created = created.and_then(|()| match spec.has_file() {
            true => directory.open_output().map(drop),
            false => Ok(()),
        });
        created
            .map_err(|error| NotStarted::because(&directory.path().display().to_string(), &error))
    };
    let prepared = prepared.and_then(|output| {
        if matches!(context.settings.house, House::Unit { .. }) {
            if let Some(user) = user {
                let unusable =
                    |error| NotStarted::because(&directory.path().display().to_string(), &error);
                directory.hand_over(user.id).map_err(unusable)?;
                // What the worker itself declares comes after it, and holds.
                environment.splice(0..0, user.environment);
            }
        } else {
            let lent = secrets::lend(&context.settings, &attempt, &worker.secrets)?;
            environment.extend(lent.map(|lent| (secrets::DIRECTORY.into(), lent.into())));
        }
        Ok(output)
    });
    let launched = match (prepared, &context.settings.house, spec.launcher) {
        (Err(why), _, _) => Err(why),
        (Ok(()), House::Unit { units, own, .. }, LauncherKind::Process | LauncherKind::Systemd) => {
            let manager = unit::Carrier {
                context,
                units,
                own: own.as_deref(),
                needs: &needs,
            };
            manager
                .launch(&attempt, &directory, &spec, environment)
                .await
        }
        (Ok(()), _, LauncherKind::Systemd) => Err(NotStarted::from(NO_MANAGER.to_owned())),
        (Ok(()), _, LauncherKind::Process) => {
            process::launch(context, &attempt, &directory, &spec, environment).await
        }
        (Ok(()), _, LauncherKind::Tmux) => {
            tmux::launch(context, &attempt, &directory, &needs, environment).await
        }
    };
    let (start, end, lease) = match launched {
        Ok(Launched::Child {
            start,
            child,
            lease,
        }) => (start, End::Child(child), lease),
        Ok(Launched::Pane { start, pane }) => {
            let worker = process_of(&start.identity);
            (start, End::Pane { worker, pane }, None)
        }
        Ok(Launched::Unit { start, units }) => {
            let end = End::unit(&start, units, &attempt.worker);
            (start, end, None)
        }
        Err(not_started) => return refused(context, attempt, &directory, not_started),
    };
    context.tell(HostEvent::Started(attempt.clone(), start.identity.clone()));
    let tree = Tree {
        root: Some(process_of(&start.identity)),
        session: session(&start),
        cgroup: start.cgroup,
        pane: start.pane,
        // What a service carries has PID 1 above it.
        ours: start.invocation.is_none(),
        ..context.tree(&attempt)
    };
    let keep = spec.has_file().then_some(spec.keep_output);
    see_through(context, &attempt, &directory, keep, tree, end, orders).await;
    // Whoever hears that nothing is left may start the next one at once.
    drop(lease);
    context.gone(attempt);
}

/// All that it needs, which is there; and who it is, where that is somebody else.
async fn whole(
    context: &Context,
    worker: &Worker,
) -> Result<(Needs, Option<unit::User>), NotStarted> {
    confined(context, worker)?;
    let units = match &context.settings.house {
        House::Unit { units, .. } => Some(units),
        House::Delegated(_) | House::None => None,
    };
    if let Some(units) = units {
        // First of all: what somebody looks into cannot be unmounted.
        let places = worker.places().map(Path::to_owned).collect();
        unit::mounted(units, &places).await?;
    }
    let mut needs = Needs::of(context, worker).await?;
    if let Some(units) = units {
        let leads_on = |way: &PathBuf| !worker.places().any(|place| place.starts_with(way));
        let elsewhere = needs.ways.iter().filter(|way| leads_on(way));
        unit::mounted(units, &elsewhere.cloned().collect()).await?;
    }
    needs.are_there()?;
    let user = match units {
        Some(_) => unit::who(context, worker).await?,
        None => None,
    };
    Ok((needs, user))
}

fn refused(context: &Context, attempt: AttemptRef, directory: &Directory, not_started: NotStarted) {
    // For those who look later; the daemon hears it now.
    directory.nothing_was_started(&not_started.why);
    context.take_back(&attempt);
    match unit::intervention(directory) {
        Some(by) => {
            let exit = Exit::never_began();
            context.tell(HostEvent::Ended(attempt.clone(), exit, Some(by)));
            context.tell(HostEvent::Gone(attempt));
        }
        None => context.tell(not_started.event(attempt)),
    }
}

/// Begins to watch an attempt that was found alive.
pub(super) async fn adopt(
    context: &Context,
    attempt: AttemptRef,
    identity: Identity,
    orders: Orders,
) {
    let directory = context.directory(&attempt);
    let worker = process_of(&identity);
    let start = directory.start().filter(|start| start.identity == identity);
    let pane = start.as_ref().and_then(|start| start.pane);
    let carried = match (&context.settings.house, &start) {
        (House::Unit { units, .. }, Some(start)) if start.invocation.is_some() => {
            Some(End::unit(start, units.clone(), &attempt.worker))
        }
        _ => None,
    };
    let tree = Tree {
        root: Some(worker),
        // A session id is a pid: it is only taken for ours while its leader is there to be known.
        session: start
            .as_ref()
            .and_then(session)
            .filter(|_| matches!(worker.stat(), Ok(Some(stat)) if stat.lives())),
        cgroup: start.and_then(|start| start.cgroup),
        pane,
        ..context.tree(&attempt)
    };
    let end = match (pane, carried) {
        (Some(pane), _) => End::Pane { worker, pane },
        (None, Some(end)) => end,
        (None, None) => End::Stranger(worker),
    };
    let spec = directory.spec();
    // As a rule it has it. Whoever else may is met where the next attempt is to start.
    let worktree = spec.as_ref().and_then(|spec| spec.worktree.clone());
    let lease = needs::lease(context, &attempt.worker, worktree).await;
    if spec.is_none() {
        let path = directory.path().display();
        let text =
            format!("{path}/spec.json cannot be read; the output of this attempt is not bounded");
        context.ails(&attempt, Ailment::Spec, &text);
    }
    // Earlier versions had such a file of a terminal as well.
    let has_file = |spec: &Spec| spec.has_file() || directory.output().exists();
    let keep = spec.filter(has_file).map(|spec| spec.keep_output);
    tokio::join!(
        see_through(context, &attempt, &directory, keep, tree, end, orders),
        async {
            match way_in(context, &attempt).await {
                Ok(_) => context.is_well(&attempt, Ailment::Socket),
                Err(why) => {
                    let text = format!("nobody can attach to it: {why}");
                    context.ails(&attempt, Ailment::Socket, &text);
                }
            }
        }
    );
    drop(lease);
    context.gone(attempt);
}

/// The socket at which the tmux server of an attempt that lives answers; `None` where it has none.
///
/// # Errors
/// Why it does not answer.
pub(super) async fn way_in(
    context: &Context,
    attempt: &AttemptRef,
) -> Result<Option<PathBuf>, String> {
    let directory = context.directory(attempt);
    let start = directory.start();
    let Some(pane) = start.and_then(|start| start.pane) else {
        return Ok(None);
    };
    let path = socket::of_attempt(&context.settings, &attempt.worker, &directory);
    let living = socket::of_living(path, pane.server).await;
    living
        .map(Some)
        .map_err(|why| moved(attempt, &directory, pane).unwrap_or(why))
}

/// Why what is recorded does not lead to its server, where it was recorded at another place.
fn moved(attempt: &AttemptRef, directory: &Directory, pane: Pane) -> Option<String> {
    let began_in = variable(pane.wrapper.pid, super::ATTEMPT_DIR)?;
    (Path::new(&began_in) != directory.path()).then(|| {
        let worker = &attempt.worker;
        format!(
            "its state directory was moved while it ran (it began in {began_in}), which is for when \
             nothing runs (systemctl stop loopkeeper loopkeeper.slice); {worker} is made whole by: \
             supervisorctl restart {worker}"
        )
    })
}

/// Signals what is left of an attempt that ended before it was found, until nothing is.
pub(super) async fn leftover(context: &Context, attempt: AttemptRef, orders: Orders) {
    let start = context.directory(&attempt).start();
    let tree = Tree {
        pane: start.as_ref().and_then(|start| start.pane),
        cgroup: start.and_then(|start| start.cgroup),
        ..context.tree(&attempt)
    };
    aftermath(context, &attempt, &tree, orders, false).await;
    context.gone(attempt);
}

pub(super) fn process_of(identity: &Identity) -> Process {
    Process {
        pid: identity.pid,
        started: identity.started,
    }
}

/// A child leads a session of its own; in tmux that is the wrapper's.
fn session(start: &Start) -> Option<i32> {
    Some(
        start
            .pane
            .map_or(start.identity.pid, |pane| pane.wrapper.pid),
    )
}

/// Nobody runs as somebody else, or may do more, than its worker says.
fn confined(context: &Context, worker: &Worker) -> Result<(), String> {
    if matches!(context.settings.house, House::Unit { .. }) {
        return Ok(());
    }
    let mut confining = worker.systemd.iter().filter(|(_, setting)| !setting.limits);
    let Some((name, _)) = confining.next() else {
        return Ok(());
    };
    Err(format!(
        "systemd.{name}: only systemd can do that, and it does not run this daemon; \
         run it as a service (supervisorctl generate unit), or take {name} out of the worker"
    ))
}
