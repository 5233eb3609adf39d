//! Everything an attempt has started, and still lives.
//!
//! Promise: a process that belongs to an attempt is found although it forked twice, left the
//! session, changed its name or cleared its environment; one that belongs to somebody else is never
//! taken for it.
//!
//! How: members of the attempt's cgroup; the worker's own process and all that descend from it; and
//! the ones left behind by parents that died, which are known by their session, by the attempt's
//! directory in their environment, or by the [`tag`] that they inherited. While we are the parent of
//! an attempt, such orphans are our own children (we are their subreaper); otherwise they may be
//! anybody's. Only a process that clears its environment, leaves the session, loses its parent *and*
//! sets the limit that is its tag escapes, and only where there is no cgroup.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    hash::Hasher as _,
    io,
    os::unix::ffi::OsStrExt,
    sync::Arc,
};

use super::{cgroup::Cgroup, directory::Pane, unit};
use crate::{
    host::{
        census::{Census, CensusTaker, Traits},
        process::Process,
        reaper::Reaper,
    },
    model::{Signal, WorkerName},
    systemd::{manager::ManagerError, units::Units},
};

/// How the processes of one attempt are recognised.
#[derive(Debug)]
pub(crate) struct Tree {
    /// A variable of their environment, and its value.
    pub(crate) marker: (&'static str, OsString),
    /// The worker's own process.
    pub(crate) root: Option<Process>,
    /// A session that was seen to be led by the attempt and was not empty since.
    pub(crate) session: Option<i32>,
    pub(crate) cgroup: Option<Cgroup>,
    /// What is around it in tmux.
    pub(crate) pane: Option<Pane>,
    /// Who carries it, and as whose unit.
    pub(crate) carrier: Option<(Units, WorkerName)>,
    /// Whether orphans of it come to us.
    pub(crate) ours: bool,
}

/// Which part of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What the worker started.
    Work,
    /// That, and the session around it.
    All,
}

/// Asks the machine for an attempt's processes.
#[derive(Debug, Clone)]
pub(crate) struct Looker {
    pub(crate) census: CensusTaker,
    pub(crate) reaper: Reaper,
}

impl Tree {
    /// Its processes that live, as of this census.
    pub(crate) fn members(&self, census: &Census, reaper: &Reaper, part: Part) -> Vec<Process> {
        let ourselves = i32::try_from(std::process::id()).unwrap_or_default();
        let mut pids = HashSet::new();
        if let Some(root) = self.root.filter(|root| census.stat(*root).is_some()) {
            pids.insert(root.pid);
        }
        if let Some(cgroup) = &self.cgroup {
            pids.extend(cgroup.pids());
        }
        if let Some(pane) = &self.pane {
            let around = [pane.wrapper, pane.server];
            pids.extend(
                around
                    .iter()
                    .filter(|p| census.stat(**p).is_some())
                    .map(|p| p.pid),
            );
        }
        if self.ours {
            let children = census.children(ourselves).iter().copied();
            let orphans = children.filter(|pid| reaper.is_orphan(*pid));
            pids.extend(self.among(&census.traits(orphans)));
        } else {
            pids.extend(self.among(census.all_traits()));
        }
        census.with_descendants(&mut pids);
        // A daemon that was started from inside of an attempt is not stopped by itself.
        pids.remove(&ourselves);
        if part == Part::Work {
            self.without_the_session(census, &mut pids);
        }
        let mut members: Vec<Process> = pids
            .into_iter()
            .filter_map(|pid| match census.by_pid(pid) {
                Some(stat) => stat.lives().then_some(stat.process),
                // In the cgroup since after the census.
                None => Process::of(pid).ok().filter(|process| process.lives()),
            })
            .collect();
        members.sort_unstable();
        members
    }

    /// What writes down how it ended, while that runs.
    async fn recorder(&self) -> Option<i32> {
        let (units, worker) = self.carrier.as_ref()?;
        unit::recorder_of(units, worker).await
    }

    /// Lets it go on where somebody has frozen it: who is frozen takes no signal, and writes down no end.
    async fn thaw(&self) -> Result<(), SignalError> {
        let (Some(cgroup), Some((units, _))) = (&self.cgroup, &self.carrier) else {
            return Ok(());
        };
        if cgroup.frozen_by().is_none() {
            return Ok(());
        }
        let why = unit::thaw(units, &cgroup.name()).await.err();
        match cgroup.frozen_by() {
            None => Ok(()),
            Some(unit) => Err(SignalError::Frozen {
                words: unit::systemctl(units.whose()),
                unit,
                source: why,
            }),
        }
    }

    fn among<'a>(&self, traits: &'a Traits) -> impl Iterator<Item = i32> + use<'a> {
        let (variable, value) = &self.marker;
        let of_session = self.session.map_or(&[][..], |id| traits.in_session(id));
        let marked = traits.with_variable(variable, value);
        let tagged = traits.with_tag(tag(value));
        of_session.iter().chain(marked).chain(tagged).copied()
    }

    fn without_the_session(&self, census: &Census, pids: &mut HashSet<i32>) {
        let Some(pane) = &self.pane else {
            return;
        };
        let beside = census.children(pane.server.pid).iter().copied();
        let mut recorder: HashSet<i32> = beside.filter(|pid| *pid != pane.wrapper.pid).collect();
        census.with_descendants(&mut recorder);
        pids.retain(|pid| !recorder.contains(pid));
        pids.remove(&pane.wrapper.pid);
        pids.remove(&pane.server.pid);
    }
}

impl Looker {
    /// The attempt's living processes.
    pub(crate) async fn members(
        &self,
        tree: &Tree,
        part: Part,
    ) -> Result<Vec<Process>, Arc<io::Error>> {
        let census = self.census.take().await?;
        Ok(tree.members(&census, &self.reaper, part))
    }

    /// Signals all of the tree; who is stopped or frozen is let go on, to take it (as systemd.kill(5)
    /// does). SIGKILL goes on until nothing is left that did not get it, however fast it forks; what it
    /// reached still takes its moment to end.
    ///
    /// # Errors
    /// The first process that could not be signalled; the others were. Where they stay frozen nobody is
    /// killed, as nobody could write down how it ended, and other signals wait.
    pub(crate) async fn signal(
        &self,
        tree: &Tree,
        part: Part,
        signal: Signal,
    ) -> Result<(), SignalError> {
        let thawed = tree.thaw().await;
        if signal == Signal::KILL && thawed.is_err() {
            return thawed;
        }
        let mut reached = HashSet::new();
        let mut failed = thawed.err();
        loop {
            if signal == Signal::KILL
                && let Some(cgroup) = &tree.cgroup
                && tree.pane.is_none()
                && tree.recorder().await.is_none()
            {
                cgroup.kill();
            }
            let members = self.members(tree, part).await.map_err(SignalError::Look)?;
            // Asked after these were found, so it is known if it is among them.
            let recorder = tree.recorder().await;
            let mut fresh = false;
            for process in members
                .into_iter()
                .filter(|process| Some(process.pid) != recorder)
                .filter(|process| reached.insert(*process))
            {
                fresh = true;
                let sent = process.signal(signal).and_then(|_| match signal {
                    // It needs not go on for that.
                    Signal::KILL => Ok(true),
                    _ => process.signal(Signal::CONT),
                });
                if let Err(error) = sent {
                    failed.get_or_insert(SignalError::Refused(process.pid, error));
                }
            }
            if signal != Signal::KILL || !fresh {
                return failed.map_or(Ok(()), Err);
            }
        }
    }
}

/// An attempt could not be signalled entirely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignalError {
    #[error("processes cannot be listed")]
    Look(#[source] Arc<io::Error>),
    #[error("process {0} cannot be signalled")]
    Refused(i32, #[source] io::Error),
    #[error("{unit} is frozen; it ends after `{words} thaw {unit}`")]
    Frozen {
        unit: String,
        /// How its manager is told.
        words: &'static str,
        source: Option<ManagerError>,
    },
}

/// What the processes of an attempt or a command are tagged with, from the value of its marker.
pub(crate) fn tag(marker: &OsStr) -> u64 {
    let mut hasher = fnv::FnvHasher::default();
    hasher.write(marker.as_bytes());
    // The highest values mean "no limit" to one program or another.
    hasher.finish() >> 2
}
