//! What is found of attempts when the machine is asked: who lives, who ended, and how.
//!
//! Promise: every attempt with a directory that is not concluded is answered of, and so is each that
//! lives although its directory is gone. What cannot be known is said to be unknown.
//!
//! How: one census of the machine's processes, held against each attempt's records. While the
//! worker's own process lives, so does the attempt, whatever else is recorded; after that the exit
//! record says how it ended, and one that nobody wrote is written here. Of what another rig runs, of
//! which this is a copy (`original`), nothing was started here.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::fs::inotify::WatchFlags;

use super::{
    House,
    ailment::Ailment,
    attempt::process_of,
    cgroup::Cgroup,
    context::Context,
    directory::{self, Directory, Pane, Start},
    end::unseen,
    original,
    pane::wraps,
    process::output_is_held,
    secrets,
    tree::{Part, Tree},
    unit::{self, Ending},
};
use crate::{
    causes::in_one_line,
    host::{HostError, census::Census, process::Process},
    model::{AttemptRef, Condition, Exit, Found, LauncherKind},
};

/// How long a start that was under way when the last daemon died is given to become visible.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// `begins`: whether this daemon is about to start an attempt, and has not said how that went.
pub(super) async fn survey(
    context: &Context,
    begins: impl Fn(&AttemptRef) -> bool,
) -> Result<Vec<Found>, HostError> {
    let state = &context.settings.state;
    if let House::Unit { .. } = context.settings.house {
        let kept = unit::keep_scripts(state).map_err(|error| in_one_line(&error));
        context.outcome("scripts of services".into(), kept);
    }
    let listed = |error| HostError::file(state, error);
    let mut found = BTreeMap::new();
    let census = census(context).await?;
    for worker in directory::workers(state).map_err(listed)? {
        for attempt in directory::attempts(state, &worker).map_err(listed)? {
            let attempt = AttemptRef {
                worker: worker.clone(),
                attempt,
            };
            let directory = context.directory(&attempt);
            if !directory.is_concluded() {
                if let Some(afar) = directory.spec().and_then(|spec| spec.far) {
                    found.insert(attempt.clone(), context.condition_afar(&afar, &attempt));
                    continue;
                }
                let is = condition(context, &attempt, &census).await?;
                let is = is.unwrap_or_else(|| without_start(context, &attempt, begins(&attempt)));
                found.insert(attempt, is);
            }
        }
    }
    for attempt in marked(&census, state) {
        if let Entry::Vacant(unlisted) = found.entry(attempt) {
            let is = unlisted_condition(context, unlisted.key(), &census);
            unlisted.insert(is);
        }
    }
    secrets::sweep(&context.settings, |attempt| {
        let lives = |is: &Condition| match is {
            Condition::Alive(_) | Condition::Unknown(_) => true,
            Condition::Ended { survivors, .. } => *survivors > 0,
            Condition::NeverStarted => false,
        };
        begins(attempt) || found.get(attempt).is_some_and(lives)
    });
    let found = found.into_iter().map(|(attempt, is)| {
        let spec = context.directory(&attempt).spec();
        let (stop, far) = spec.map_or((None, None), |spec| (spec.stop, spec.far));
        Found {
            attempt,
            on: far.map(|far| far.host),
            stop,
            is,
        }
    });
    Ok(found.collect())
}

async fn census(context: &Context) -> Result<Arc<Census>, HostError> {
    let failed = |error: Arc<io::Error>| {
        HostError::Kernel(
            "listing processes",
            io::Error::new(error.kind(), error.to_string()),
        )
    };
    context.looker.census.take().await.map_err(failed)
}

/// Attempts of this state directory that have living processes.
fn marked<'a>(census: &'a Census, state: &'a Path) -> impl Iterator<Item = AttemptRef> + 'a {
    census.living().filter_map(move |stat| {
        let environment = census.environment(stat.process.pid);
        let get = |name: &str| std::str::from_utf8(environment.get(name.as_bytes())?).ok();
        let attempt = AttemptRef {
            worker: get(super::WORKER)?.parse().ok()?,
            attempt: get(super::ATTEMPT)?.parse().ok()?,
        };
        let ours = Directory::of(state, &attempt).path() == Path::new(get(super::ATTEMPT_DIR)?);
        ours.then_some(attempt)
    })
}

/// The condition of an attempt that has living processes, and is concluded or has no directory.
fn unlisted_condition(context: &Context, attempt: &AttemptRef, census: &Census) -> Condition {
    let tree = context.tree(attempt);
    let members = tree.members(census, &context.looker.reaper, Part::All);
    let directory = context.directory(attempt);
    let path = directory.path().display();
    match directory.path().try_exists() {
        Ok(true) => {
            let ended = directory.ended();
            return Condition::Ended {
                exit: ended.map_or_else(unseen, |ended| ended.exit),
                survivors: members.len(),
                by: None,
            };
        }
        Ok(false) => {}
        Err(error) => return Condition::Unknown(format!("{path}: {error}")),
    }
    let Some(start) = made_out(context, attempt, census, &members) else {
        return Condition::Unknown(format!(
            "{path} was removed, and which of its processes is its own cannot be told"
        ));
    };
    let restored = directory.restore(&start);
    let besides = restored.map_or_else(
        |error| format!("; it cannot be made again: {error}"),
        |()| String::new(),
    );
    let text =
        format!("{path} was removed while its worker runs, and what that wrote is lost{besides}");
    context.ails(attempt, Ailment::Directory, &text);
    Condition::Alive(start.identity)
}

/// What was in `start.json`, from the processes themselves.
fn made_out(
    context: &Context,
    attempt: &AttemptRef,
    census: &Census,
    members: &[Process],
) -> Option<Start> {
    let directory = context.directory(attempt);
    let wrapper = members.iter().find(|process| wraps(**process, &directory));
    let (worker, pane) = match wrapper {
        Some(wrapper) => {
            let stat = census.stat(*wrapper)?;
            let pane = Pane {
                wrapper: *wrapper,
                server: census.by_pid(stat.parent)?.process,
            };
            let children = census.children(wrapper.pid).iter();
            let children = children.filter_map(|pid| census.by_pid(*pid));
            let first = children.min_by_key(|stat| stat.process.started)?;
            (first.process, Some(pane))
        }
        None => (leader(members)?, None),
    };
    Some(Start {
        identity: worker.identity(&context.boot),
        at: jiff::Timestamp::now(),
        cgroup: Cgroup::of(worker.pid, attempt),
        pane,
        invocation: None,
    })
}

/// In what condition an attempt is; `None` when nothing of it lives and no start of it is recorded.
async fn condition(
    context: &Context,
    attempt: &AttemptRef,
    census: &Arc<Census>,
) -> Result<Option<Condition>, HostError> {
    let directory = context.directory(attempt);
    let recorded = directory.recorded_start();
    if let Some(start) = recorded.map_err(|error| HostError::file(directory.path(), error))? {
        let condition = since_start(context, attempt, &directory, &start, census).await;
        return Ok(Some(condition));
    }
    let tree = context.tree(attempt);
    let members = |census: &Census| tree.members(census, &context.looker.reaper, Part::All);
    // A unit that was asked for is there before any process of it can be recognised.
    let under_way = async |census: &Census| match &context.settings.house {
        _ if !members(census).is_empty() || output_is_held(&directory) => Ok(true),
        House::Unit { units, .. } => unit::carries(units, &attempt.worker, &directory)
            .await
            .map_err(|error| Condition::Unknown(in_one_line(&error))),
        House::Delegated(_) | House::None => Ok(false),
    };
    match under_way(census).await {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(unknown) => return Ok(Some(unknown)),
    }
    // The daemon died between the fork and the record, or could not write it.
    let is_process = directory
        .spec()
        .is_none_or(|spec| spec.launcher != LauncherKind::Tmux);
    let mut census = Arc::clone(census);
    let arrival = context
        .arrivals
        .watch(&directory.records(), WatchFlags::MOVED_TO);
    let settled = tokio::time::timeout(SETTLED_WITHIN, async {
        loop {
            if let Some(start) = directory.start() {
                let since = since_start(context, attempt, &directory, &start, &census);
                return Ok(Some(since.await));
            }
            if is_process
                && let Some(start) = made_out(context, attempt, &census, &members(&census))
            {
                return Ok(Some(found_unrecorded(context, &directory, &start)));
            }
            match under_way(&census).await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(unknown) => return Ok(Some(unknown)),
            }
            match &arrival {
                Ok(arrival) => {
                    let soon = Duration::from_millis(100);
                    // A record is announced, the appearance of a process is not.
                    drop(tokio::time::timeout(soon, arrival.changed()).await);
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
            census = self::census(context).await?;
        }
    });
    match settled.await {
        Ok(settled) => settled,
        Err(_) => Ok(Some(Condition::Unknown(
            "something of it lives, and it is not known what its own process is".into(),
        ))),
    }
}

/// Nothing of it lives, and no start of it is recorded.
fn without_start(context: &Context, attempt: &AttemptRef, begins: bool) -> Condition {
    if begins {
        return Condition::Unknown("it is being started".into());
    }
    let directory = context.directory(attempt);
    let end = directory.end_without_start(&context.boot);
    match (end, unit::intervention(&directory)) {
        (None, None) => Condition::NeverStarted,
        (end, by) => Condition::Ended {
            exit: settle(context, &directory, end.unwrap_or_else(Exit::never_began)),
            survivors: 0,
            by,
        },
    }
}

/// The oldest of these that leads its session: the worker, where nothing but its marker is known.
fn leader(members: &[Process]) -> Option<Process> {
    let leads = |process: &&Process| {
        let stat = process.stat().ok().flatten();
        stat.is_some_and(|stat| stat.leads())
    };
    members
        .iter()
        .filter(leads)
        .min_by_key(|process| process.started)
        .copied()
}

fn found_unrecorded(context: &Context, directory: &Directory, start: &Start) -> Condition {
    context.record_start(directory, start);
    Condition::Alive(start.identity.clone())
}

async fn since_start(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    start: &Start,
    census: &Census,
) -> Condition {
    if start.identity.boot != context.boot {
        let (exit, by) = unit::before_reboot(directory, start).unwrap_or_else(|| {
            let exit = settle(context, directory, Exit::machine_went_down());
            (exit, unit::intervention(directory))
        });
        return Condition::Ended {
            exit,
            survivors: 0,
            by,
        };
    }
    if let Some(original) = original::of(context, attempt, directory, start, census).await {
        let (worker, state) = (&attempt.worker, original.display());
        let text = format!(
            "{worker} runs in the rig of {state}, of which this state directory is a copy: it is \
             left to that one; see: supervisorctl --state-dir {state} status"
        );
        context.problem(format!("original of {worker}"), text);
        return Condition::NeverStarted;
    }
    let worker = process_of(&start.identity);
    // A wrapper that lives has yet to record how the worker ended.
    let recording = start.pane.is_some_and(|pane| pane.wrapper.lives());
    if worker.lives() || (recording && directory.ended().is_none()) {
        return Condition::Alive(start.identity.clone());
    }
    let unseen = match carried(context, attempt, directory, start).await {
        Ok(exit) => exit.unwrap_or_else(unseen),
        Err(condition) => return condition,
    };
    let tree = Tree {
        cgroup: start.cgroup.clone(),
        pane: start.pane,
        ..context.tree(attempt)
    };
    Condition::Ended {
        exit: settle(context, directory, unseen),
        survivors: tree
            .members(census, &context.looker.reaper, Part::All)
            .len(),
        by: unit::intervention(directory),
    }
}

/// How an attempt ended that a unit carried, when its manager says so; or the condition that it is
/// still in.
async fn carried(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    start: &Start,
) -> Result<Option<Exit>, Condition> {
    let (House::Unit { units, .. }, Some(invocation), None) =
        (&context.settings.house, &start.invocation, &start.pane)
    else {
        return Ok(None);
    };
    match unit::ends(units, &attempt.worker, invocation, directory).await {
        Ok(Ending::Ended(exit)) => Ok(exit),
        Ok(Ending::Ending) => Err(Condition::Alive(start.identity.clone())),
        Err(error) => Err(Condition::Unknown(in_one_line(&error))),
    }
}

/// The recorded exit, or else this one, which is recorded.
fn settle(context: &Context, directory: &Directory, exit: Exit) -> Exit {
    if let Some(ended) = directory.ended() {
        return ended.exit;
    }
    let exit = directory.of_worker_alone(exit);
    context.record_exit(directory, &exit);
    exit
}
