//! What may be right and mostly is not: workers that cannot be started on this machine now, briefs and
//! secrets that are not there, what systemd will not hand over, and ids that are the numbers of other
//! phases.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{Condition, Config, Lack, Plan, Worker, environment::Environment, service};
use crate::{
    host::{
        look::At,
        mounts::Asleep,
        way::{way, way_until},
    },
    model::WorkerName,
};

/// What is doubtful of one worker.
#[derive(Debug, Clone)]
pub struct OfWorker {
    /// What it lacks.
    pub lacks: Vec<Lack>,
    /// Everything on the way to the directories that it works in.
    pub ways: BTreeSet<PathBuf>,
    /// What need not keep it from being started, in whole sentences.
    others: Vec<String>,
}

impl OfWorker {
    /// Nobody could look.
    pub(crate) fn unseen(why: String) -> Self {
        Self {
            lacks: vec![Lack::of(why)],
            ways: BTreeSet::new(),
            others: Vec::new(),
        }
    }
}

impl Worker {
    /// What is doubtful of it on this machine; says meanwhile what it looks at. Nothing is mounted for a
    /// look: of what is below such a place, nothing is said.
    pub(crate) fn doubts_at(&self, env: &Environment, at: &At) -> OfWorker {
        let asleep = Asleep::now();
        let sleeps = |place: &Path| {
            at.comes_to(place);
            way_until(place, |name| asleep.is(name)).1
        };
        if self.places().any(sleeps) {
            return OfWorker {
                lacks: Vec::new(),
                ways: BTreeSet::new(),
                others: Vec::new(),
            };
        }
        OfWorker {
            lacks: self.lacks_at(env, at),
            ways: self.ways(at),
            others: service::doubts(self, env),
        }
    }

    /// Everything on the way to the directories that it works in.
    pub(crate) fn ways(&self, at: &At) -> BTreeSet<PathBuf> {
        let ways = self.places().flat_map(|place| {
            at.comes_to(place);
            way(place)
        });
        ways.collect()
    }
}

/// All of it, in whole sentences.
pub fn doubts(config: &Config, env: &Environment) -> Vec<String> {
    doubts_but(config, env, |_| {})
}

/// The same, after what is known of the workers was corrected.
pub fn doubts_but(
    config: &Config,
    env: &Environment,
    correct: impl FnOnce(&mut [(&WorkerName, OfWorker)]),
) -> Vec<String> {
    let at = At::default();
    let workers = config.workers.iter();
    let workers = workers.map(|(name, worker)| (name, worker.doubts_at(env, &at)));
    let mut workers: Vec<_> = workers.collect();
    correct(&mut workers);
    in_sentences(&workers, of_plan(config, env, &at))
}

/// What is doubtful of these workers, and of the plan. What the machine lacks is told once, whoever
/// needs it.
pub fn in_sentences(workers: &[(&WorkerName, OfWorker)], of_plan: Vec<String>) -> Vec<String> {
    let mut found: Vec<(&Lack, Vec<&str>)> = Vec::new();
    for (name, of_worker) in workers {
        for lack in &of_worker.lacks {
            match found.iter_mut().find(|(known, _)| *known == lack) {
                Some((_, names)) => names.push(name.as_str()),
                None => found.push((lack, vec![name.as_str()])),
            }
        }
    }
    let lacking = found.iter().map(|(lack, names)| {
        let names = names.join(", ");
        format!("{names} cannot be started now: {}", lack.in_full())
    });
    let others = workers.iter().flat_map(|(_, worker)| worker.others.clone());
    lacking.chain(of_plan).chain(others).collect()
}

/// What is doubtful of everything but the workers.
pub(crate) fn of_plan(config: &Config, env: &Environment, at: &At) -> Vec<String> {
    let conditions = config.plan.phases.iter().filter_map(|phase| {
        let Condition::Command { command, .. } = &phase.until else {
            return None;
        };
        Some((
            format!("the end of phase {} cannot be seen now", phase.id),
            command,
        ))
    });
    let notify = config.notify.iter();
    let notify = notify.map(|notify| ("nobody can be notified now".to_owned(), notify));
    let commands = conditions.chain(notify).filter_map(|(what, command)| {
        at.comes_to(&command.program);
        let lack = command.lack(env)?;
        Some(format!("{what}: {}", lack.in_full()))
    });
    commands
        .chain(about_phases(&config.plan, env, at))
        .collect()
}

fn about_phases(plan: &Plan, env: &Environment, at: &At) -> Vec<String> {
    let phases = &plan.phases;
    let missing = phases.iter().filter_map(|phase| {
        let brief = phase.brief.as_ref()?;
        let (id, shown) = (&phase.id, brief.display());
        at.comes_to(brief);
        let is_there = env.on_disk(brief).is_file();
        (!is_there).then(|| format!("brief {shown} of phase {id} does not exist"))
    });
    let mistakable = phases.iter().enumerate().filter_map(|(index, phase)| {
        let number: usize = phase.id.as_str().parse().ok()?;
        let other = &phases.get(number.checked_sub(1)?)?.id;
        let (id, own) = (&phase.id, index + 1);
        (number != own).then(|| {
            format!(
                "phase {id} is number {own} of the plan, and number {number} is phase {other}: \
                 `phase set {id}` means phase {id}; an id that is no number, such as \"p{id}\", is \
                 not mistaken"
            )
        })
    });
    missing.chain(mistakable).collect()
}
