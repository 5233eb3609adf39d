//! The checks across the file: what one worker says of others, of phases, of worktrees.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::{
    Config, Form, On, Worktree,
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
    handoffs(&draft.workers, reading);
    worktrees(&draft.workers, reading);
    branches(&draft.workers, reading);
    let declared = draft.workers.into_iter().filter_map(|one| one.worker);
    let rows = declared.chain(draft.proxy);
    Config {
        rig: draft.rig,
        notify: draft.notify,
        plan: draft.plan,
        workers: rows.map(|worker| (worker.name.clone(), worker)).collect(),
        hosts: draft.hosts,
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

/// Who verifies a gate is another worker, and one that can be told of it.
fn handoffs(workers: &[Declared], reading: &mut Reading<'_>) {
    let hidden = reading.misspelt.contains("workers");
    for worker in workers {
        let Some(to) = &worker.handoff else {
            continue;
        };
        let name = to.get_ref();
        let others = workers.iter().filter(|other| other.name != worker.name);
        let agents = others.filter(|other| other.is_agent);
        let agents = agents.map(|other| other.name.as_str());
        let (message, hint) = match workers.iter().find(|other| other.name == *name) {
            Some(same) if same.name == worker.name => (
                format!("worker `{name}` hands its gates over to itself"),
                meant(name.as_str(), agents, "no other worker has an agent"),
            ),
            Some(other) if other.is_agent => continue,
            Some(_) => (
                format!("worker `{name}`, which verifies the gates of `{}`, has no agent", worker.name),
                "write agent = \"claude\" there, or what runs in its terminal: it is told by its inbox".into(),
            ),
            None if hidden && nearest(name.as_str(), agents.clone()).is_none() => continue,
            None => (
                format!(
                    "worker `{name}`, which verifies the gates of `{}`, is not declared",
                    worker.name
                ),
                meant(name.as_str(), agents, "no other worker has an agent"),
            ),
        };
        reading
            .complain(&to.span(), message, "another declared worker with an agent")
            .hint(hint);
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
    let mut seen: Vec<(&Declared, &Spanned<PathBuf>, Worktree)> = Vec::new();
    for worker in workers {
        let Some(worktree) = &worker.worktree else {
            continue;
        };
        let path = match (&worker.on, reading.sight) {
            (On::Local, Sight::Full) => reading.env.real(worktree.get_ref()),
            (On::Local, Sight::Words) | (On::Host(_), _) => worktree.get_ref().clone(),
        };
        let on = worker.on.clone();
        let real = Worktree { on, path };
        let shares = |(other, _, known): &&(&Declared, _, Worktree)| {
            let is_made = worker.origin.is_some() || other.origin.is_some();
            is_shared(&real, known, is_made, reading)
        };
        if let Some((other, place, same)) = seen.iter().find(shares) {
            let how = if *same == real {
                format!("is that of `{}`", other.name)
            } else {
                format!("overlaps that of `{}` ({same})", other.name)
            };
            let place = place.span();
            let other = format!("the worktree of `{}`", other.name);
            reading
                .complain(
                    &worktree.span(),
                    format!("worktree of `{}` {how}: {real}", worker.name),
                    "a checkout that no other worker has",
                )
                .others
                .push((place, other));
        }
        seen.push((worker, worktree, real));
    }
}

/// No branch is checked out in two worktrees of one repository: git refuses the second one.
fn branches(workers: &[Declared], reading: &mut Reading<'_>) {
    let mut seen: BTreeMap<(&str, Option<&str>), &Declared> = BTreeMap::new();
    for worker in workers {
        let linked = worker
            .origin
            .as_ref()
            .filter(|one| one.form == Form::Linked);
        let (Some(origin), Some(worktree)) = (linked, &worker.worktree) else {
            continue;
        };
        let of = (origin.repo.as_str(), origin.branch.as_deref());
        let Some(other) = seen.insert(of, worker) else {
            continue;
        };
        let message = format!(
            "worktree of `{}` has the branch of that of `{}`: {}",
            worker.name,
            other.name,
            of.1.unwrap_or_default()
        );
        let place = other.worktree.as_ref().map(|worktree| worktree.span());
        let complaint = reading.complain(
            &worktree.span(),
            message,
            "a branch that no other worktree of this repository has",
        );
        let others = place.map(|place| (place, format!("the worktree of `{}`", other.name)));
        complaint.others.extend(others);
    }
}

/// Whether two worktrees are one checkout: the same directory, or one below the other without
/// being a checkout of its own. One that is made is in no other: who works there would see it.
fn is_shared(one: &Worktree, other: &Worktree, is_made: bool, reading: &Reading<'_>) -> bool {
    if one.on != other.on {
        return false;
    }
    let is_here = one.on == On::Local;
    let (one, other) = (one.path.as_path(), other.path.as_path());
    let (outer, inner) = if one.starts_with(other) {
        (other, one)
    } else if other.starts_with(one) {
        (one, other)
    } else {
        return false;
    };
    if is_made {
        return true;
    }
    // Whether one that is not there is a checkout of its own will be seen when it is.
    let looks = is_here && reading.sight == Sight::Full;
    let there = |directory: &Path| looks && reading.env.on_disk(directory).exists();
    if inner != outer && !there(inner) {
        return false;
    }
    !inner
        .ancestors()
        .take_while(|directory| *directory != outer)
        .any(|directory| there(&directory.join(".git")))
}
