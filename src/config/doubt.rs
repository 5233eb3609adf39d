//! What may be right and mostly is not: workers that cannot be started on this machine now, briefs and
//! secrets that are not there, what systemd will not hand over, and ids that are the numbers of other
//! phases.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use futures_util::future::{join, join_all};

use super::{Condition, Config, Lack, Plan, Worker, environment::Environment, service};
use crate::{
    causes::in_one_line,
    host::{
        look::{self, At, Looks},
        mounts::Asleep,
        way::{way, way_until},
    },
    model::{HostName, WorkerName},
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
    fn unseen(why: String) -> Self {
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
    fn doubts_at(&self, env: &Environment, at: &At) -> OfWorker {
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
        let mut lacks = self.lacks_at(env, at);
        // What is made before a start is not missed.
        if let (Some(tree), Some(_)) = (&self.worktree, &self.origin)
            && env.is_absent(tree)
        {
            lacks.retain(|lack| !lack.is_below(tree));
        }
        OfWorker {
            lacks,
            ways: self.ways(at),
            others: service::doubts(self, env, at),
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

/// All that is doubtful on this machine, in whole sentences, for somebody without an event loop.
pub fn doubts(config: &Config, env: &Environment) -> Vec<String> {
    doubts_but(config, env, |_| {})
}

/// What is doubtful on every machine, in whole sentences.
pub fn doubts_elsewhere(config: &Config, env: &Environment) -> Vec<String> {
    let in_store = config.workers.iter().flat_map(|(name, worker)| {
        let flaws = worker.flaws_in_store(env).into_iter();
        flaws.map(move |flaw| {
            format!(
                "{name} can never be started: {flaw}; name what can be run, such as \
                 lib.getExe' PACKAGE \"PROGRAM\""
            )
        })
    });
    let plan = mistakable(&config.plan);
    plan.chain(unused(config)).chain(in_store).collect()
}

/// All that is doubtful on this machine, after what is known of the workers was corrected.
pub fn doubts_but(
    config: &Config,
    env: &Environment,
    correct: impl FnOnce(&mut [(&WorkerName, OfWorker)]),
) -> Vec<String> {
    let seen = look::wait_for(async |looks| {
        let workers = config.workers.iter();
        let workers =
            workers.map(async |(name, worker)| (name, doubts_of(looks, worker, env).await));
        join(join_all(workers), plan_doubts(looks, config, env)).await
    });
    match seen {
        Ok((mut workers, of_plan)) => {
            correct(&mut workers);
            in_sentences(&workers, of_plan)
        }
        Err(error) => vec![in_one_line(&error)],
    }
}

/// What is doubtful of one worker, beside an event loop. There is never more than one look at what is
/// a worker's, whatever it is for.
pub(crate) async fn doubts_of(looks: &Looks, worker: &Worker, env: &Environment) -> OfWorker {
    let (declared, env) = (worker.clone(), env.clone());
    let look = move |at: &At| declared.doubts_at(&env, at);
    let seen = looks.look(worker.name.as_str(), look).await;
    seen.unwrap_or_else(|error| OfWorker::unseen(in_one_line(&error)))
}

/// What is doubtful of everything but the workers, beside an event loop.
pub(crate) async fn plan_doubts(looks: &Looks, config: &Config, env: &Environment) -> Vec<String> {
    let (config, env) = (config.clone(), env.clone());
    let seen = looks.look("the plan", move |at: &At| of_plan(&config, &env, at));
    seen.await.unwrap_or_else(|error| vec![in_one_line(&error)])
}

/// What is doubtful of these workers, and of the plan. What the machine lacks is told once, whoever
/// needs it.
pub(crate) fn in_sentences(
    workers: &[(&WorkerName, OfWorker)],
    of_plan: Vec<String>,
) -> Vec<String> {
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

fn of_plan(config: &Config, env: &Environment, at: &At) -> Vec<String> {
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
    let notify = notify.map(|notify| ("nobody can be notified now".to_owned(), &notify.command));
    let commands = conditions.chain(notify).filter_map(|(what, command)| {
        at.comes_to(&command.program);
        let lack = command.lack(env)?;
        Some(format!("{what}: {}", lack.in_full()))
    });
    commands
        .chain(about_phases(&config.plan, env, at))
        .chain(unused(config))
        .collect()
}

/// Agents that nobody runs, and hosts on which nobody is.
fn unused(config: &Config) -> impl Iterator<Item = String> {
    let runs = |name: &String| {
        let mut agents = config.workers.values().filter_map(|w| w.agent.as_ref());
        agents.any(|agent| agent.name == *name)
    };
    let unused = config.agents.keys().filter(move |name| !runs(name));
    let agents = unused.map(|name| {
        format!("agent {name} is run by no worker: say agent = \"{name}\" in [workers.NAME]")
    });
    let is_on = |name: &HostName| {
        let mut hosts = config.workers.values().filter_map(|w| w.on.host());
        hosts.any(|host| host == name)
    };
    let empty = config.hosts.keys().filter(move |name| !is_on(name));
    let hosts = empty
        .map(|name| format!("no worker is on host {name}: say on = \"{name}\" in [workers.NAME]"));
    agents.chain(hosts)
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
    missing.chain(mistakable(plan)).collect()
}

/// Phases that could be taken for others.
fn mistakable(plan: &Plan) -> impl Iterator<Item = String> {
    let phases = &plan.phases;
    phases.iter().enumerate().filter_map(|(index, phase)| {
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
    })
}
