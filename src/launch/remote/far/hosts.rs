//! The other hosts, as they are declared.
//!
//! Promise: an attempt is looked for only on the host that is declared as it was when that was begun. One that
//! is declared anew keeps what is known of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio_util::task::AbortOnDropHandle;

use super::Far;
use crate::{
    causes::in_one_line,
    config,
    launch::{context::Context, directory::Afar},
    model::{AttemptRef, Condition, HostName},
};

/// The other hosts, by their names.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    declared: BTreeMap<HostName, Kept>,
    /// Those that were declared otherwise, and may be again; attempts are still followed there.
    retired: Vec<Far>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) far: Far,
    pub(super) _task: AbortOnDropHandle<()>,
}

impl Hosts {
    fn all(&self) -> MutexGuard<'_, All> {
        // A panic while it was held left what is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps those that are declared connected. One whose declaration is the same stays as it is, and so
    /// does one that is not declared any more, as long as something of ours may be there.
    pub(crate) fn keep(&self, context: &Context, config: &config::Config) {
        let mut all = self.all();
        let All { declared, retired } = &mut *all;
        let stays = |name: &HostName, kept: &Kept| match config.hosts.get(name) {
            Some(host) => kept.far.is_as(host, config),
            None => !kept.far.recorded().is_empty(),
        };
        let others = declared.extract_if(.., |name, kept| !stays(name, kept));
        retired.extend(others.map(|(_, Kept { far, .. })| {
            far.lose("it is declared in another way now");
            far
        }));
        for (name, host) in &config.hosts {
            if declared.contains_key(name) {
                continue;
            }
            let about = about(name);
            let was_here = |far: &Far| far.is_of(&Afar::of(host, config));
            let known = retired.extract_if(.., |far| was_here(far)).next();
            match Far::open(context, host, config, known) {
                Ok(kept) => drop(declared.insert(name.clone(), kept)),
                Err(error) => {
                    context.problem(about, format!("host {name}: {}", in_one_line(&error)));
                }
            }
        }
        retired.retain(|far| !far.recorded().is_empty());
    }

    /// How an attempt is that was to be run on that one.
    pub(crate) fn condition(&self, afar: &Afar, of: &AttemptRef) -> Condition {
        match self.declared(afar) {
            Ok(far) => far.seen(of).condition(),
            Err(why) => Condition::Unknown(why),
        }
    }

    /// The one as it was declared then.
    ///
    /// # Errors
    /// It is not declared so any more.
    pub(in crate::launch) fn declared(&self, afar: &Afar) -> Result<Far, String> {
        let far = self.get(&afar.host).filter(|far| far.is_of(afar));
        far.ok_or_else(|| {
            let Afar {
                host,
                ssh,
                path,
                rig,
                ..
            } = afar;
            format!(
                "it was started on host {host}, which is not declared as it was then: ssh = {ssh:?}, \
                 path = {path:?}, in rig {rig}"
            )
        })
    }

    pub(crate) fn get(&self, name: &HostName) -> Option<Far> {
        self.all().declared.get(name).map(|kept| kept.far.clone())
    }
}

impl Afar {
    /// As it is declared. Which machine it is, only it can say.
    pub(super) fn of(host: &config::Host, config: &config::Config) -> Self {
        Self {
            host: host.name.clone(),
            ssh: host.ssh.to_string(),
            path: host.path.clone(),
            rig: config.rig.clone(),
            machine: None,
        }
    }
}

/// What the connection to a host is called in the list of problems.
fn about(name: &HostName) -> String {
    format!("host {name}")
}
