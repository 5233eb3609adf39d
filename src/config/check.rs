//! The checks across the file: what one worker says of others, of phases, of worktrees.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::{
    Config,
    load::Sight,
    read::{Declared, Draft},
    reader::Reading,
};
use crate::{model::WorkerName, nearest::nearest};

/// The whole rig. It counts only if there is no complaint.
pub(super) fn across(draft: Draft, reading: &mut Reading<'_>) -> Config {
    phases(&draft, reading);
    requirements(&draft, reading);
    circles(&draft.workers, reading);
    worktrees(&draft.workers, reading);
    let declared = draft.workers.into_iter().filter_map(|one| one.worker);
    let rows = declared.chain(draft.proxy);
    Config {
        rig: draft.rig,
        notify: draft.notify,
        plan: draft.plan,
        workers: rows.map(|worker| (worker.name.clone(), worker)).collect(),
        agents: draft.agents,
    }
}

fn phases(draft: &Draft, reading: &mut Reading<'_>) {
    // One that is not known may be in the table whose name is misspelt.
    let hidden = reading.misspelt.contains("plan") || reading.misspelt.contains("plan.phases");
    let known = || draft.phase_ids.keys().map(|id| id.as_str());
    for worker in &draft.workers {
        for phase in &worker.phases {
            let id = phase.get_ref();
            let is_hidden = hidden && nearest(id.as_str(), known()).is_none();
            if !draft.phase_ids.contains_key(id) && !is_hidden {
                let message = format!("phase `{id}` of `{}` is not in the plan", worker.name);
                let hint = meant(id.as_str(), known(), "the plan has no phases");
                reading
                    .complain(&phase.span(), message, "a phase of the plan")
                    .hint(hint);
            }
        }
    }
}

fn requirements(draft: &Draft, reading: &mut Reading<'_>) {
    let hidden = reading.misspelt.contains("workers");
    let mut known: BTreeSet<_> = draft.workers.iter().map(|one| one.name.as_str()).collect();
    if draft.has_proxy || reading.misspelt.contains(WorkerName::PROXY) {
        known.insert(WorkerName::PROXY);
    }
    for worker in &draft.workers {
        for required in &worker.requires {
            let name = required.get_ref().as_str();
            if known.contains(name) {
                continue;
            }
            let others = known
                .iter()
                .copied()
                .filter(|other| *other != worker.name.as_str());
            if hidden && nearest(name, others.clone()).is_none() {
                continue;
            }
            let hint = if name == WorkerName::PROXY {
                "add a [proxy] table; it may be empty".to_owned()
            } else {
                meant(name, others, "no other worker is declared")
            };
            let message = format!(
                "worker `{name}`, required by `{}`, is not declared",
                worker.name
            );
            reading
                .complain(&required.span(), message, "a declared worker, or \"proxy\"")
                .hint(hint);
        }
    }
}

/// The name that was probably meant, or else all there are.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone, none: &str) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean \"{near}\"?");
    }
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        none.to_owned()
    } else {
        format!("there are {}", known.join(", "))
    }
}

/// Each circle of requirements once, told at the requirement that closes it: a walk in depth with
/// a stack of its own, since a file may chain more workers than ours has room for.
fn circles(workers: &[Declared], reading: &mut Reading<'_>) {
    let by_name: BTreeMap<_, _> = workers.iter().map(|one| (&one.name, one)).collect();
    let mut seen = BTreeSet::new();
    for first in workers {
        if !seen.insert(&first.name) {
            continue;
        }
        let mut path = vec![(first, first.requires.iter())];
        let mut depth = BTreeMap::from([(&first.name, 0)]);
        while let Some((worker, rest)) = path.last_mut() {
            let Some(required) = rest.next() else {
                depth.remove(&worker.name);
                path.pop();
                continue;
            };
            let name = required.get_ref();
            if let Some(start) = depth.get(name) {
                let members = path[*start..]
                    .iter()
                    .map(|(worker, _)| worker.name.as_str());
                let circle: Vec<_> = members.chain([name.as_str()]).collect();
                let message = match circle.as_slice() {
                    [one, _] => format!("worker `{one}` requires itself"),
                    circle => format!("circle of requirements: {}", circle.join(" -> ")),
                };
                reading.complain(&required.span(), message, "requirements without a circle");
            } else if let Some(next) = by_name.get(name)
                && seen.insert(&next.name)
            {
                depth.insert(&next.name, path.len());
                path.push((next, next.requires.iter()));
            }
        }
    }
}

fn worktrees(workers: &[Declared], reading: &mut Reading<'_>) {
    let mut seen: Vec<(&Declared, &Spanned<PathBuf>, PathBuf)> = Vec::new();
    for worker in workers {
        let Some(worktree) = &worker.worktree else {
            continue;
        };
        let real = match reading.sight {
            Sight::Full => reading.env.real(worktree.get_ref()),
            Sight::Words => worktree.get_ref().clone(),
        };
        if let Some((other, place, same)) = seen
            .iter()
            .find(|(_, _, other)| is_shared(&real, other, reading))
        {
            let how = if *same == real {
                format!("is that of `{}`", other.name)
            } else {
                format!("overlaps that of `{}` ({})", other.name, same.display())
            };
            let place = place.span();
            let other = format!("the worktree of `{}`", other.name);
            reading
                .complain(
                    &worktree.span(),
                    format!("worktree of `{}` {how}: {}", worker.name, real.display()),
                    "a checkout that no other worker has",
                )
                .others
                .push((place, other));
        }
        seen.push((worker, worktree, real));
    }
}

/// Whether two worktrees are one checkout: the same directory, or one below the other without
/// being a checkout of its own.
fn is_shared(one: &Path, other: &Path, reading: &Reading<'_>) -> bool {
    let (outer, inner) = if one.starts_with(other) {
        (other, one)
    } else if other.starts_with(one) {
        (one, other)
    } else {
        return false;
    };
    // Whether one that is not there is a checkout of its own will be seen when it is.
    let looks = reading.sight == Sight::Full;
    let there = |directory: &Path| looks && reading.env.on_disk(directory).exists();
    if inner != outer && !there(inner) {
        return false;
    }
    !inner
        .ancestors()
        .take_while(|directory| *directory != outer)
        .any(|directory| there(&directory.join(".git")))
}
