//! Worktrees that are made and repaired before somebody is started in them.
//!
//! # Promise
//!
//! Who has a worktree with a repository is started in one that was seen to for this start: made where it was
//! not there, put right where git had left something behind. Nobody works in it meanwhile: that is begun
//! where the worker could be started at once, so nothing of it lives and nobody else is at work there, and
//! as long as it lasts nobody is started there. What fails is told once, and tried again as everything is
//! that a worker lacks.
//!
//! # How
//!
//! ```text
//!  Unseen ─► Making ─► Ready ─► started, and Unseen again
//!               └─ failed ─► Unseen, and the worker waits for its delay
//! ```
//!
//! Where the file system is mounted on which one was seen is recorded: one that is gone while nothing is
//! mounted there is no reason to make another ([`away`]). That place is what a reboot does not change, other
//! than a device's number, and some file systems have no other name (statfs(2), `f_fsid`).
//!
//! One that is being made goes on when the configuration changes, or its worker is not wanted any more: what
//! it comes to counts for the place that it was made for. A daemon that begins knows nothing of it, and what
//! is still being made keeps the next one out by a lock.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Effect, Fact, Level, Rig, life::Life, worker::Worker};
use crate::{
    config::{Form, Origin},
    model::{Mono, Now, WorkerName},
};

/// Longer than a worktree may take to be made: no answer comes any more.
const SILENCE: Duration = Duration::from_secs(35 * 60);

/// Tells one making of a worktree from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MakingId(pub u64);

/// What was done to a worktree before a start, in words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Prepared {
    /// It was not there, and is now.
    pub made: bool,
    /// What was put right.
    pub repaired: Vec<String>,
    /// What is not as declared, or under way, and is left as it is.
    pub left: Vec<String>,
    /// What is left as it is and cannot be meant.
    pub mistakes: Vec<String>,
    /// Where that is mounted on which it is; `None` where the kernel does not tell.
    pub on: Option<PathBuf>,
}

/// How far the worktree of a worker is, where it is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Tree {
    /// Nobody has seen to it since the last start.
    Unseen,
    Making {
        id: MakingId,
        /// When no answer comes any more.
        until: Mono,
        place: Place,
    },
    /// It was seen to, and nobody was started in it since.
    Ready(Place),
}

/// Which worktree it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    path: PathBuf,
    origin: Origin,
}

impl Tree {
    fn made_at(&self) -> Option<&PathBuf> {
        match self {
            Self::Making { place, .. } => Some(&place.path),
            Self::Unseen | Self::Ready(_) => None,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        match self {
            Self::Making { until, .. } => Some(*until),
            Self::Unseen | Self::Ready(_) => None,
        }
    }
}

impl Worker {
    /// Its worktree, if that is made.
    fn place(&self) -> Option<Place> {
        let (path, origin) = self.rules.worktree.clone().zip(self.rules.origin.clone())?;
        Some(Place { path, origin })
    }
}

impl Rig {
    /// What keeps a worker that could be started at once from being started, if it is that its worktree is
    /// seen to; begins that where it is due.
    pub(super) fn prepare_worktree(&mut self, now: Now, name: &WorkerName) -> Option<String> {
        let worker = self.workers.get_mut(name)?;
        match &worker.tree {
            Tree::Making { place, .. } => return Some(being_made(place)),
            Tree::Ready(_) | Tree::Unseen => {}
        }
        let place = worker.place()?;
        if worker.tree == Tree::Ready(place.clone()) {
            return None;
        }
        let words = being_made(&place);
        let id = MakingId(self.rng.u64(..));
        worker.tree = Tree::Making {
            id,
            until: now.mono + SILENCE,
            place,
        };
        let rules = Box::new(worker.rules.clone());
        let tree = rules.worktree.as_ref();
        let was_on = tree.and_then(|tree| self.worktrees.get(tree)).cloned();
        self.out.push(Effect::MakeWorktree(id, rules, was_on));
        Some(words)
    }

    /// For whom else a worktree is being made.
    pub(super) fn is_made_for(&self, worker: &Worker) -> Option<&WorkerName> {
        let tree = worker.rules.worktree_here()?;
        let mut others = self
            .workers
            .iter()
            .filter(|(name, _)| *name != worker.name());
        let made = |(_, other): &(_, &Worker)| other.tree.made_at() == Some(tree);
        others.find(made).map(|(name, _)| name)
    }

    /// Makings that nobody speaks of any more.
    pub(super) fn expire_worktrees(&mut self, now: Now) {
        let silent = self
            .workers
            .values()
            .filter_map(|worker| match worker.tree {
                Tree::Making { id, until, .. } if now.mono >= until => Some(id),
                Tree::Making { .. } | Tree::Unseen | Tree::Ready(_) => None,
            });
        for id in silent.collect::<Vec<_>>() {
            let why = "nobody said what became of it".to_owned();
            self.worktree_made(now, id, Err(why));
        }
    }

    /// A worktree was seen to, or why not.
    pub(super) fn worktree_made(&mut self, now: Now, id: MakingId, done: Result<Prepared, String>) {
        let is_it = |worker: &&mut Worker| match worker.tree {
            Tree::Making { id: is, .. } => is == id,
            Tree::Unseen | Tree::Ready(_) => false,
        };
        let Some(worker) = self.workers.values_mut().find(is_it) else {
            return;
        };
        let Tree::Making { place, .. } = std::mem::replace(&mut worker.tree, Tree::Unseen) else {
            return;
        };
        let name = worker.name().clone();
        let is_wanted = worker.place().as_ref() == Some(&place);
        match done {
            Ok(mut prepared) => {
                worker.tree = Tree::Ready(place.clone());
                self.is_on(&place.path, &mut prepared);
                self.tell_prepared(now, &name, &place, prepared);
            }
            Err(why) if is_wanted => self.not_prepared(now, &name, &place, &why),
            // Another one is declared by now.
            Err(_) => {}
        }
    }

    /// On which file system it is, is recorded before somebody works there; and whoever has it elsewhere than
    /// before is told, for there may be two of it.
    fn is_on(&mut self, path: &Path, prepared: &mut Prepared) {
        let Some(on) = prepared.on.take() else {
            return;
        };
        let was_on = self.worktrees.insert(path.to_owned(), on.clone());
        if was_on.as_ref() == Some(&on) {
            return;
        }
        if let Some(was_on) = was_on {
            prepared.mistakes.push(format!(
                "it is on the file system that is mounted at {}, and was on that at {}",
                on.display(),
                was_on.display()
            ));
        }
        self.ledger.add(Fact::Worktree {
            path: path.to_owned(),
            on: Some(on),
        });
    }

    fn not_prepared(&mut self, now: Now, name: &WorkerName, place: &Place, why: &str) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        // Who is not to be started any more lacks nothing.
        if !matches!(worker.life, Life::Waiting(_)) {
            return;
        }
        let why = format!("worktree {} cannot be made: {why}", place.path.display());
        let known = worker.short.replace(why.clone());
        if known.as_ref() != Some(&why) {
            let text = format!("{name} cannot be started now: {why}; it is tried again");
            self.tell_of(now, "worker-worktree-failed", Level::Warning, name, text);
        }
        self.put_off(now, name, why);
    }

    fn tell_prepared(&mut self, now: Now, name: &WorkerName, place: &Place, done: Prepared) {
        let shown = place.path.display();
        if done.made {
            let text = format!("worktree {shown} of {name} was made, {}", place.origin);
            self.tell_of(now, "worker-worktree-made", Level::Info, name, text);
        }
        if !done.repaired.is_empty() {
            let what = done.repaired.join("; ");
            let text = format!("worktree {shown} of {name} was put right: {what}");
            self.tell_of(now, "worker-worktree-repaired", Level::Info, name, text);
        }
        let level = match done.mistakes.is_empty() {
            true => Level::Info,
            false => Level::Warning,
        };
        let left = [done.mistakes, done.left].concat();
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let known = std::mem::replace(&mut worker.left, left.clone());
        if !left.is_empty() && known != left {
            let what = left.join("; ");
            let text = format!("worktree {shown} of {name} is left as it is: {what}");
            self.tell_of(now, "worker-worktree-left", level, name, text);
        }
    }
}

/// What is mounted at a place, or above it.
#[derive(Debug)]
pub(crate) struct Mounted {
    /// Where.
    pub(crate) at: PathBuf,
    /// It only waits for somebody to come (autofs), and is not the file system that belongs there.
    pub(crate) is_asleep: bool,
}

/// Why a worktree of which nothing is there is not one that was never made: it was on a file system that was
/// mounted at `was_on`, and that place is now on the one that is mounted `there`, or nothing is there at all.
pub(crate) fn is_away(was_on: &Path, there: Option<&Mounted>) -> Option<String> {
    let at = was_on.display();
    let is_there = |there: &Mounted| there.at == was_on && !there.is_asleep;
    (!there.is_some_and(is_there)).then(|| {
        format!("it was on the file system mounted at {at}, and none is mounted there now")
    })
}

/// Why such a one is not made anew: what would be made would lie beneath it, or hide it.
pub(crate) fn away(
    path: &Path,
    origin: &Origin,
    was_on: &Path,
    there: Option<&Mounted>,
) -> Option<String> {
    let (tree, repo) = (path.display(), &origin.repo);
    let by_hand = match (origin.form, &origin.branch) {
        (Form::Clone, None) => format!("git clone {repo} {tree}"),
        (Form::Clone, Some(branch)) => format!("git clone --branch {branch} {repo} {tree}"),
        (Form::Linked, branch) => {
            let branch = branch
                .as_ref()
                .map_or(String::new(), |name| format!(" {name}"));
            format!("git -C {repo} worktree add --force {tree}{branch}")
        }
    };
    let why = is_away(was_on, there)?;
    Some(format!(
        "{why}: mount that, or where it will not come back make another one, as its user: {by_hand}"
    ))
}

fn being_made(place: &Place) -> String {
    let (path, origin) = (place.path.display(), &place.origin);
    format!("its worktree is being made or looked through: {path}, {origin}")
}
