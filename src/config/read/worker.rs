//! `[workers.NAME]`.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use toml::Spanned;

use super::{
    Common, Declared, afar,
    agents::{Agents, without_agent},
    breaker, handoff, limit, machine, probe,
    rules::Rules,
    say, secrets, unstick, watch, worktree,
};
use crate::{
    agent::profile::{Profile, Session},
    config::{
        Command, Keeps, On, OnPhase, Program, Unstick, Worker,
        reader::{Entry, Reading, Table},
        schema::{self, budget, rules, worker},
    },
    model::{Kind, LauncherKind, WorkerName},
};

/// One declared worker. What it needs of others is left to the checks across the file.
pub(super) fn worker(
    name: WorkerName,
    entry: &Entry<'_>,
    common: &Common,
    reading: &mut Reading<'_>,
) -> Option<Declared> {
    let table = Table::open(entry, reading)?;
    table.only(schema::WORKER, reading, |_| None);
    let kind = table
        .get(worker::KIND)
        .and_then(|entry| {
            let words = [
                (Kind::Loop.as_str(), Kind::Loop),
                (Kind::Service.as_str(), Kind::Service),
            ];
            entry.word(reading, &words)
        })
        .unwrap_or(Kind::Loop);
    let mut rules = common.defaults.clone();
    rules = rules.placed_by(&table, &common.hosts, reading);
    let on = rules.on.clone();
    afar::refused(&table, &on, reading);
    let worktree = table.get(worker::WORKTREE).map(|entry| {
        let worktree = worktree::worktree(&entry, &on, reading);
        (entry.at, worktree)
    });
    let tree = worktree.as_ref().map(|(_, worktree)| &worktree.path);
    let workdir = workdir(&table, &on, tree, reading);
    let origin = worktree.as_ref().and_then(|(_, one)| one.origin.clone());
    let at = workdir.as_deref();
    if on.host().is_some() {
        // What all others have is of a service, and there is none.
        rules.systemd.clear();
    }
    // It wins over what [defaults] say for every host, and the worker's own word over it.
    rules.environment.extend(common.hosts.environment(&on));
    let rules = rules.changed_by(&table, reading);
    let launcher = launcher(&rules, kind, &on);
    let agent = agent(&table, launcher, &common.agents, reading);
    let is_agent = table.get(worker::AGENT).is_some();
    let starts = agent
        .as_deref()
        .zip(at)
        .and_then(|(agent, at)| starts(agent, at));
    let is_said = table.get(worker::COMMAND).is_some();
    let command = match starts {
        Some(command) if !is_said => Some(command),
        // What starts the one that is meant, nobody knows.
        None if !is_said && is_agent && agent.is_none() => None,
        _ => table
            .need(worker::COMMAND, reading)
            .and_then(|entry| machine::command_on(&on, &entry, reading, at)),
    };
    counted(&table, agent.as_deref(), is_agent, reading);
    let conversation = conversation(&table, agent.as_deref(), is_agent, reading);
    let requires = table
        .get(worker::REQUIRES)
        .map(|entry| names(&entry, "a worker's name", reading))
        .unwrap_or_default();
    let ready = table
        .get(worker::READY)
        .map(|entry| probe::ready(&entry, reading, at));
    let alive = table
        .get(worker::ALIVE)
        .map(|entry| probe::alive(&entry, reading, at));
    let phases = table.get(worker::PHASES).map(|entry| {
        if entry.is_empty_array() {
            entry
                .wrong(reading, "is empty: it would never run")
                .hint("leave it out for all phases");
        }
        names(&entry, "a phase's id", reading)
    });
    let on_phase = table.get(worker::ON_PHASE).and_then(|entry| {
        let words = [("restart", OnPhase::Restart), ("keep", OnPhase::Keep)];
        entry.word(reading, &words)
    });
    let on_phase = on_phase.unwrap_or(match kind {
        Kind::Loop => OnPhase::Restart,
        Kind::Service | Kind::Proxy | Kind::Watchdog | Kind::Unknown => OnPhase::Keep,
    });
    let watch = table.get(worker::WATCH);
    let watch = watch.and_then(|entry| watch::watch(&entry, &on, is_agent, reading));
    let watch = watch.unwrap_or_default();
    let whom = say::Whom {
        is_agent,
        has_plan: common.has_plan,
    };
    let say = table.get(worker::SAY);
    let say = say.and_then(|entry| say::say(&entry, &whom, reading));
    let limit = table.get(worker::LIMIT);
    let limit = limit.and_then(|entry| limit::limit(&entry, is_agent, reading));
    let limit = limit.unwrap_or_default();
    let handoff = table.get(worker::HANDOFF);
    let handoff = handoff.and_then(|entry| handoff::handoff(&entry, is_agent, reading));
    let (verifier, handoff) = handoff.unzip();
    let unstick = table.get(worker::UNSTICK);
    let unstick = unstick.and_then(|entry| unstick::unstick(&entry, is_agent, reading));
    let unstick = unstick.unwrap_or_else(|| Unstick {
        nudge: agent.as_deref().is_some_and(has_conversation),
        ..Unstick::default()
    });
    let breaker = table.get(worker::BREAKER);
    let breaker = breaker.and_then(|entry| breaker::breaker(&entry, is_agent, reading));
    let secrets = secrets::secrets(&table, reading);
    // Its own word wins over that of [defaults], here as well.
    let mut environment = rules.environment;
    environment.retain(|variable, _| !secrets.variables.contains_key(variable));
    let worker = command.zip(workdir).map(|(command, workdir)| Worker {
        name: name.clone(),
        kind,
        on: on.clone(),
        program: Program::Command(command),
        workdir,
        worktree: worktree.as_ref().and_then(|(_, one)| one.path.clone()),
        origin: origin.clone(),
        environment,
        systemd: rules.systemd,
        secrets,
        launcher,
        requires: plain(&requires),
        restart: rules.restart,
        backoff: rules.backoff,
        budget: rules.budget,
        daily: rules.daily,
        ready: ready.flatten(),
        alive: alive.flatten(),
        agent,
        conversation,
        watch,
        say: say.unwrap_or_default(),
        limit,
        handoff,
        unstick,
        breaker,
        stop: rules.stop,
        phases: phases.as_deref().map(plain),
        on_phase,
        keep_output: rules.keep_output,
        keep_attempts: rules.keep_attempts,
    });
    Some(Declared {
        name,
        on,
        worktree: worktree.and_then(|(at, one)| Some(Spanned::new(at, one.path?))),
        origin,
        requires,
        phases: phases.unwrap_or_default(),
        handoff: verifier,
        is_agent,
        worker,
    })
}

fn plain<T: Clone>(names: &[Spanned<T>]) -> Vec<T> {
    names.iter().map(|name| name.get_ref().clone()).collect()
}

/// `None` when what it would be is wrong.
fn workdir(
    table: &Table<'_>,
    on: &On,
    worktree: Option<&Option<PathBuf>>,
    reading: &mut Reading<'_>,
) -> Option<PathBuf> {
    match (table.get(worker::WORKDIR), worktree) {
        (Some(entry), _) => machine::path_on(on, &entry, reading),
        (None, Some(worktree)) => worktree.clone(),
        (None, None) => Some(match on {
            On::Local => reading.base.to_owned(),
            On::Host(_) => PathBuf::from("."),
        }),
    }
}

/// What runs in its terminal, which it has to have.
fn agent(
    table: &Table<'_>,
    launcher: LauncherKind,
    agents: &Agents,
    reading: &mut Reading<'_>,
) -> Option<Arc<Profile>> {
    let entry = table.get(worker::AGENT)?;
    let agent = agents.named(&entry, reading)?;
    if launcher != LauncherKind::Tmux {
        entry
            .wrong(reading, "needs a terminal, and this worker has none")
            .hint("write launcher = \"tmux\" in the worker");
    }
    Some(agent)
}

/// The command of its profile. As in one that is written, a program with a / begins at workdir.
fn starts(agent: &Profile, workdir: &Path) -> Option<Command> {
    let (program, arguments) = agent.start.split_first()?;
    let program = match program.contains('/') {
        true => workdir.join(program),
        false => program.into(),
    };
    Some(Command {
        program,
        arguments: arguments.to_vec(),
    })
}

/// What its budget names has to be counted by somebody. `is_agent`: one is declared, also where that was wrong.
fn counted(table: &Table<'_>, agent: Option<&Profile>, is_agent: bool, reading: &mut Reading<'_>) {
    let budget = table.get(rules::BUDGET).filter(Entry::is_table);
    let Some(budget) = budget.and_then(|entry| Table::open(&entry, reading)) else {
        return;
    };
    for key in [budget::TURNS, budget::COST] {
        if let Some(entry) = budget.get(key).filter(|_| !is_agent) {
            without_agent(&entry, reading, "nobody counts it");
        }
    }
    if let (Some(entry), Some(agent)) = (budget.get(budget::COST), agent)
        && agent.cost.is_none()
    {
        entry
            .wrong(
                reading,
                format_args!("cannot be counted: agent {} shows no cost", agent.name),
            )
            .hint("cost in [agents.NAME] says where it is shown");
    }
}

/// It is told something in words; a shell, say, would take them for a command.
fn has_conversation(agent: &Profile) -> bool {
    !matches!(agent.session, Session::None)
}

/// Which conversation is gone on with. `is_agent`: one is declared, also where that was wrong itself.
fn conversation(
    table: &Table<'_>,
    agent: Option<&Profile>,
    is_agent: bool,
    reading: &mut Reading<'_>,
) -> Keeps {
    let command = table.get(worker::COMMAND);
    let has_none = |agent: &Profile| !has_conversation(agent);
    let Some(entry) = table.get(worker::CONVERSATION) else {
        return match agent.is_some_and(|agent| command.is_none() && !has_none(agent)) {
            true => Keeps::Always,
            false => Keeps::Nothing,
        };
    };
    let words = [
        ("new", Keeps::Nothing),
        ("kept", Keeps::Always),
        ("phase", Keeps::InPhase),
    ];
    let keeps = entry.word(reading, &words).unwrap_or_default();
    if keeps == Keeps::Nothing {
        return keeps;
    }
    if !is_agent {
        without_agent(&entry, reading, "nobody has one")
            .hint("write agent = \"claude\", or what runs in its terminal");
    } else if let Some(agent) = agent.filter(|agent| has_none(agent)) {
        entry
            .wrong(
                reading,
                format_args!(
                    "cannot be: agent {} has no conversation that could be kept",
                    agent.name
                ),
            )
            .hint("[agents.NAME.session] says how one is known again");
    } else if command.is_some_and(|command| command.is_string()) {
        entry
            .wrong(reading, "needs a command to which arguments can be added")
            .hint("write command as an array of a program and its arguments");
    }
    keeps
}

fn launcher(rules: &Rules, kind: Kind, on: &On) -> LauncherKind {
    if on.host().is_some() {
        return LauncherKind::Tmux;
    }
    rules.launcher.unwrap_or(match kind {
        Kind::Loop => LauncherKind::Tmux,
        Kind::Service | Kind::Proxy | Kind::Watchdog | Kind::Unknown => LauncherKind::Process,
    })
}

/// The names in an array; one that is there twice counts once.
fn names<T>(entry: &Entry<'_>, expects: &'static str, reading: &mut Reading<'_>) -> Vec<Spanned<T>>
where
    T: FromStr + PartialEq,
    T::Err: Display,
{
    let mut names: Vec<Spanned<T>> = Vec::new();
    for item in entry.items(expects, reading).unwrap_or_default() {
        if let Some(name) = item.parsed(reading)
            && !names.iter().any(|known| *known.get_ref() == name)
        {
            names.push(Spanned::new(item.at, name));
        }
    }
    names
}
