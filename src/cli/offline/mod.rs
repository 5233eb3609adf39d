//! What is known when the daemon is down: what it recorded, and what the host shows.
//!
//! Promise: that it is down is said first, and by the exit code; and nothing is touched.

mod status;

use std::{collections::BTreeSet, path::Path};

use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use super::{
    Context, check,
    failure::{Exit, Failure},
};
use crate::{
    config::{self, Config},
    control::{
        client::ClientError,
        protocol::{HostView, PlanView, RebootView, Request},
    },
    decide::{Machine, Notice, Restored, Rig, Zone, handed_over},
    host::{
        boot,
        look::{PATIENCE, look_at},
    },
    model::{Now, WorkerName},
    paths::{Paths, typed},
    store::{ReadOnly, Store, StoreError},
};
pub(super) use status::status;

/// Shows what the daemon answers or, when it is down, what is `known` all the same.
pub(super) fn ask<T: DeserializeOwned>(
    request: &Request,
    context: &Context,
    known: impl FnOnce(&Paths) -> Result<T, Failure>,
    show: impl FnOnce(&T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let connected = context.try_connect()?;
    match connected.and_then(|mut daemon| daemon.ask(request)) {
        Ok(answer) => show(&answer),
        Err(down @ ClientError::NotRunning { .. }) => without_daemon(down, context, known, show),
        Err(other) => Err(other.into()),
    }
}

/// Says that it is down, and shows what is `known`; nothing of a rig that is not meant.
pub(super) fn without_daemon<T>(
    down: ClientError,
    context: &Context,
    known: impl FnOnce(&Paths) -> Result<T, Failure>,
    show: impl FnOnce(&T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if context.is_the_systems(&down) {
        return Err(context.refused(down));
    }
    context.refused(down).print();
    show(&known(context.paths()?)?)?;
    Err(Failure::told(Exit::NotRunning))
}

/// The plan and where it is.
pub(super) fn plan(paths: &Paths) -> Result<PlanView, Failure> {
    let Look { config, store } = Look::at(paths)?;
    let config = config.map_err(|why| Failure::say(Exit::NotRunning, why))?;
    let now = boot::now();
    let rig = about_to_begin(&config, &store.restored, &machine()?, now);
    Ok(PlanView::from(&rig.view(now, |_, _| None)))
}

/// The hosts that are declared, of which nothing is known.
pub(super) fn hosts(paths: &Paths) -> Result<Vec<HostView>, Failure> {
    let config = Look::at(paths)?.config;
    let config = config.map_err(|why| Failure::say(Exit::NotRunning, why))?;
    let view = |host: &config::Host| {
        let workers = config.workers.values();
        let workers = workers.filter(|worker| worker.on.host() == Some(&host.name));
        HostView {
            name: host.name.clone(),
            ssh: host.ssh.to_string(),
            path: host.path.clone(),
            reach: None,
            workers: workers.map(|worker| worker.name.clone()).collect(),
            running: Vec::new(),
        }
    };
    Ok(config.hosts.values().map(view).collect())
}

/// The reboots on record.
pub(super) fn reboots(paths: &Paths) -> Result<Vec<RebootView>, Failure> {
    let boots = Look::at(paths)?.store.history().boots(usize::MAX);
    let boots = boots.map_err(|error| failed(&error))?;
    let records = boots.iter().filter_map(|boot| boot.record.as_ref());
    Ok(records.filter_map(RebootView::of).collect())
}

/// The last things that were told, of one worker or of all.
pub(super) fn notices(
    paths: &Paths,
    last: usize,
    worker: Option<&WorkerName>,
) -> Result<Vec<Notice>, Failure> {
    let notices = Look::at(paths)?.store.history().notices(last, worker);
    notices.map_err(|error| failed(&error))
}

/// A worker of this state directory that lives, and its process.
pub(super) fn living(state: &Path) -> Result<Option<(WorkerName, i32)>, Failure> {
    let store = Store::read_only(state, &[]).map_err(|error| failed(&error))?;
    status::living(state, &store.restored, &machine()?.boot)
        .map_err(|unseen| Failure::say(Exit::Failed, unseen))
}

/// The cutover by which the rig was handed over, as far as whoever asks may read that.
pub(super) fn handed_over_by(paths: &Paths) -> Option<String> {
    let restored = Look::at(paths).ok()?.store.restored;
    handed_over(restored.paused.as_deref()).map(str::to_owned)
}

/// What lies in the daemon's directories.
struct Look {
    /// `Err` with why there is none.
    config: Result<Config, String>,
    store: ReadOnly,
}

impl Look {
    fn at(paths: &Paths) -> Result<Self, Failure> {
        let config = config::load(&paths.config, &check::environment()?).map_err(|complaints| {
            let check = typed(&paths.config);
            format!("no daemon can start: {complaints}; see all with: supervisorctl check {check}")
        });
        let phases = config.iter().flat_map(|config| &config.plan.phases);
        let plan: Vec<_> = phases.map(|phase| phase.id.clone()).collect();
        let read = move |state: &Path| Store::read_only(state, &plan);
        let store = look_at(PATIENCE, &paths.state, read)
            .map_err(|unseen| Failure::new(Exit::NotRunning, &unseen))?
            .map_err(|error| failed(&error))?;
        Ok(Self { config, store })
    }
}

fn failed(error: &StoreError) -> Failure {
    let failure = Failure::new(Exit::NotRunning, error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn machine() -> Result<Machine, Failure> {
    let unknown = |error| Failure::new(Exit::Failed, &error);
    Ok(Machine {
        boot: boot::boot_id().map_err(unknown)?,
        booted: boot::booted_at().map_err(unknown)?,
        // What they are told in is recorded by a daemon alone.
        over: BTreeSet::new(),
        zone: Zone(TimeZone::system()),
    })
}

/// The rig as a daemon would begin it that starts now. Nothing of it is performed.
fn about_to_begin(config: &Config, restored: &Restored, machine: &Machine, now: Now) -> Rig {
    Rig::new(config.clone(), restored.clone(), machine.clone(), now, 0).0
}
