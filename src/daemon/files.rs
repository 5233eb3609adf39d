//! Files that people edit while the daemon runs: `phase-idx`, and those that end a phase; secrets,
//! which others write, and whatever else a worker waits for; and the state directory itself, which
//! nobody should touch.
//!
//! Promise: a change is noticed when it happens; one that is missed (a directory that did not exist
//! yet, too many events) is found by the core's own slow look. Where others name the place, it is
//! looked at beside the loop before it is watched ([`Trail`]): it may be where nobody answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::sync::Notify;

use crate::{
    config::{Condition, Plan},
    handoff,
    host::{look::At, way::way},
    store::phase_file,
};

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Changed {
    PhaseFile,
    Condition,
    /// Something on the way to what a worker needs.
    Need,
    /// The state directory came or went.
    State,
    /// Something in an inbox.
    Inbox,
    /// A request for a step of a gate.
    Ask,
}

/// What changed and nobody has looked at since. However often one of them does, it waits here once.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    waiting: Arc<Mutex<BTreeSet<Changed>>>,
    told: Arc<Notify>,
}

impl Changes {
    fn add(&self, changed: Changed) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.insert(changed) {
            self.told.notify_one();
        }
    }

    /// The next of them; nothing is lost by who stops waiting for it.
    pub(super) async fn next(&mut self) -> Changed {
        loop {
            let first = self
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_first();
            match first {
                Some(changed) => return changed,
                None => self.told.notified().await,
            }
        }
    }
}

/// An editor may take the file away for a moment; only what it still is after this counts as damage.
pub(super) const SETTLES: Duration = Duration::from_secs(2);

/// An activation of secrets writes several, and some write a file in more than one step.
pub(super) const NEEDS_SETTLE: Duration = Duration::from_secs(2);

/// What the configuration names.
#[derive(Default)]
struct Named {
    conditions: BTreeSet<PathBuf>,
    /// All on the way to what workers need, by whose it is.
    needs: BTreeMap<String, BTreeSet<PathBuf>>,
    inboxes: BTreeSet<PathBuf>,
    /// Those that were removed or moved away since they were watched.
    inboxes_gone: BTreeSet<PathBuf>,
    /// Where steps of gates are asked for.
    asks: BTreeSet<PathBuf>,
}

/// What has to be watched for one of those who need something, as somebody has seen it who may hang.
#[derive(Debug, Default)]
pub(super) struct Trail {
    names: BTreeSet<PathBuf>,
    directories: BTreeSet<PathBuf>,
}

impl Trail {
    /// All on the way to these.
    pub(super) fn to(paths: &[PathBuf], at: &At) -> Self {
        let mut names = BTreeSet::new();
        for path in paths {
            at.comes_to(path);
            names.extend(way(path));
        }
        let directories = names.iter().filter_map(|name| name.parent());
        let directories = directories.filter(|directory| {
            at.comes_to(directory);
            directory.is_dir()
        });
        Self {
            directories: directories.map(Path::to_owned).collect(),
            names,
        }
    }
}

impl Named {
    /// Whether this is an inbox, or in one.
    fn is_of_inbox(&mut self, path: &Path) -> bool {
        if self.inboxes.contains(path) {
            return self.inboxes_gone.insert(path.to_owned());
        }
        path.parent()
            .is_some_and(|above| self.inboxes.contains(above))
    }

    fn is_ask(&self, path: &Path) -> bool {
        let is_there = |above| self.asks.contains(above);
        path.parent().is_some_and(is_there) && handoff::is_request(path)
    }

    fn is_needed(&self, path: &Path) -> bool {
        self.needs.values().any(|names| names.contains(path))
    }
}

/// The watch over the files.
pub(super) struct Files {
    watcher: Option<RecommendedWatcher>,
    named: Arc<Mutex<Named>>,
    watched: BTreeSet<PathBuf>,
}

impl Files {
    /// Watches the state directory and the plan's files; gives what changes.
    pub(super) fn watch(state: &Path, plan: &Plan) -> (Self, Changes) {
        let changes = Changes::default();
        let noted = changes.clone();
        let named = Arc::new(Mutex::new(Named::default()));
        let phase_file = [phase_file::path(state), phase_file::place(state)];
        let directory = state.to_owned();
        let led_to = phase_file[1].parent().map(Path::to_owned);
        let by_config = Arc::clone(&named);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            // A file that is still being written is not looked at before it is closed.
            let complete = match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Name(_)) => true,
                EventKind::Any | EventKind::Access(_) | EventKind::Modify(_) | EventKind::Other => {
                    false
                }
            };
            if !complete {
                return;
            }
            let mut by_config = by_config.lock().unwrap_or_else(PoisonError::into_inner);
            for path in &event.paths {
                let changed = [
                    (phase_file.contains(path), Changed::PhaseFile),
                    (by_config.conditions.contains(path), Changed::Condition),
                    (by_config.is_needed(path), Changed::Need),
                    (*path == directory, Changed::State),
                    (by_config.is_of_inbox(path), Changed::Inbox),
                    (by_config.is_ask(path), Changed::Ask),
                ];
                for (_, changed) in changed.into_iter().filter(|(is, _)| *is) {
                    noted.add(changed);
                }
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!("files cannot be watched, they are polled: {error}")
            })
            .ok();
        let mut files = Self {
            watcher,
            named,
            watched: BTreeSet::new(),
        };
        files.watch_directory(state);
        if let Some(above) = state.parent() {
            files.watch_directory(above);
        }
        if let Some(directory) = led_to {
            files.watch_directory(&directory);
        }
        files.follow(plan);
        (files, changes)
    }

    /// Another directory is in this place.
    pub(super) fn watch_again(&mut self, directory: &Path) {
        if let Some(watcher) = &mut self.watcher {
            // With the directory the watch may be gone as well.
            drop(watcher.unwatch(directory));
        }
        self.watched.remove(directory);
        self.watch_directory(directory);
    }

    /// Another plan names other files.
    pub(super) fn follow(&mut self, plan: &Plan) {
        let paths: BTreeSet<_> = plan
            .phases
            .iter()
            .filter_map(|phase| match &phase.until {
                Condition::File { path, .. } => Some(path.clone()),
                Condition::Operator | Condition::Command { .. } => None,
            })
            .collect();
        self.named().conditions = paths;
    }

    /// Those which end a phase.
    pub(super) fn conditions(&self) -> Vec<PathBuf> {
        self.named().conditions.iter().cloned().collect()
    }

    /// Only these need anything.
    pub(super) fn retain_needs(&mut self, of: &BTreeSet<String>) {
        self.named().needs.retain(|name, _| of.contains(name));
    }

    /// This is needed now, or something on the way to it is another.
    pub(super) fn follow_needs(&mut self, of: String, trail: Trail) {
        self.named().needs.insert(of, trail.names);
        for directory in trail.directories {
            self.watch_again(&directory);
        }
    }

    /// A file may be dropped in there.
    pub(super) fn watch_inbox(&mut self, directory: &Path) {
        let is_another = {
            let mut named = self.named();
            named.inboxes.insert(directory.to_owned());
            named.inboxes_gone.remove(directory)
        };
        match is_another {
            true => self.watch_again(directory),
            false => self.watch_directory(directory),
        }
    }

    /// Somebody may ask there.
    pub(super) fn watch_asks(&mut self, directory: &Path) {
        self.named().asks.insert(directory.to_owned());
        self.watch_directory(directory);
    }

    fn named(&self) -> MutexGuard<'_, Named> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch_directory(&mut self, directory: &Path) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        if self.watched.contains(directory) {
            return;
        }
        match watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(directory.to_owned());
            }
            Err(error) => tracing::debug!("{}: polled, not watched: {error}", directory.display()),
        }
    }
}
