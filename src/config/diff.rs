//! What a reload has to touch: from one checked rig to another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{
    Builtin, Config, Plan, Program, Tailscale, Unstick, Worker,
    schema::{self, Key, builtin, proxy, rules, tailscale, worker},
};
use crate::model::{HostName, PhaseId, WorkerName};

/// The difference of two rigs. All lists are in the order of the names, or of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diff {
    /// Only in the new one: to be started.
    pub added: Vec<WorkerName>,
    /// Only in the old one: to be stopped.
    pub removed: Vec<WorkerName>,
    /// In both, and not the same.
    pub changed: Vec<Changed>,
    /// In both and the same: not to be touched.
    pub unchanged: Vec<WorkerName>,
    /// What is different about the plan.
    pub plan: PlanDiff,
    /// Agents of `[agents.NAME]` that are not as they were: only in one of both, or others.
    #[serde(default)]
    pub agents: Vec<String>,
    /// Machines of `[hosts.NAME]` that are not as they were: only in one of both, or others.
    #[serde(default)]
    pub hosts: Vec<HostName>,
    /// The command for notices is another one.
    pub notify: bool,
    /// The rig has another name.
    pub rig: bool,
}

/// A worker that is in both rigs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Whose.
    pub worker: WorkerName,
    /// The keys whose values are not the same.
    pub keys: Vec<String>,
    /// Whether it has to be started anew for that; if not, only its rules change.
    pub restart: bool,
}

/// The difference of two plans.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanDiff {
    /// Phases that are only in the new one.
    pub added: Vec<PhaseId>,
    /// Phases that are only in the old one.
    pub removed: Vec<PhaseId>,
    /// Phases that have another place among those in both.
    pub moved: Vec<PhaseId>,
    /// Phases with another brief or another end.
    pub changed: Vec<PhaseId>,
    /// What happens at boot is not the same.
    pub resume: bool,
    /// How long the end of a phase waits is not the same.
    #[serde(default)]
    pub quiesce: bool,
}

impl PlanDiff {
    /// Whether the plans are the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Diff {
    /// Whether the rigs are the same.
    pub fn is_empty(&self) -> bool {
        let Self {
            added,
            removed,
            changed,
            unchanged: _,
            plan,
            agents,
            hosts,
            notify,
            rig,
        } = self;
        added.is_empty()
            && removed.is_empty()
            && changed.is_empty()
            && plan.is_empty()
            && agents.is_empty()
            && hosts.is_empty()
            && !notify
            && !rig
    }
}

/// What is different in `new`.
pub fn diff(old: &Config, new: &Config) -> Diff {
    let mut diff = Diff {
        plan: plan_diff(&old.plan, &new.plan),
        agents: differing_entries(&old.agents, &new.agents),
        hosts: differing_entries(&old.hosts, &new.hosts),
        notify: old.notify != new.notify,
        rig: old.rig != new.rig,
        ..Diff::default()
    };
    diff.removed = old
        .workers
        .keys()
        .filter(|name| !new.workers.contains_key(*name))
        .cloned()
        .collect();
    for (name, worker) in &new.workers {
        match old.workers.get(name) {
            None => diff.added.push(name.clone()),
            Some(before) if before == worker => diff.unchanged.push(name.clone()),
            Some(before) => diff.changed.push(changed(before, worker)),
        }
    }
    diff
}

fn changed(old: &Worker, new: &Worker) -> Changed {
    // Taken apart so that a field that is new here cannot be forgotten.
    let Worker {
        name,
        kind,
        on,
        program,
        workdir,
        worktree,
        origin,
        environment,
        systemd,
        secrets,
        launcher,
        requires,
        restart,
        backoff,
        budget,
        daily,
        ready,
        alive,
        agent,
        conversation,
        watch,
        say,
        limit,
        handoff,
        unstick,
        breaker,
        stop,
        phases,
        on_phase,
        keep_output,
        keep_attempts,
    } = new;
    let mut keys = program_keys(&old.program, program);
    // How the proxies that we know are looked at and stopped follows from their own keys.
    let derived = !keys.is_empty() && !matches!(program, Program::Command(_));
    let written = !derived;
    // Whether it is typed to follows from its agent, where nobody says so.
    let nudge = old.unstick.nudge;
    let unstuck = Unstick {
        nudge,
        ..unstick.clone()
    };
    let follows = *agent != old.agent && unstuck == old.unstick;
    keys.extend(differing(&[
        (rules::ON, *on != old.on),
        (worker::WORKDIR, *workdir != old.workdir),
        (worker::WORKTREE, *worktree != old.worktree),
        (rules::ENVIRONMENT, *environment != old.environment),
        (rules::SYSTEMD, *systemd != old.systemd),
        (
            worker::SECRETS,
            written && secrets.files != old.secrets.files,
        ),
        (
            worker::ENVIRONMENT_FROM,
            secrets.variables != old.secrets.variables,
        ),
        (rules::LAUNCHER, *launcher != old.launcher),
    ]));
    let anew = !keys.is_empty();
    // Who runs does so in what there is; from where it is made counts at the next start.
    let made_elsewhere = *worktree == old.worktree && *origin != old.origin;
    keys.extend(differing(&[
        (worker::WORKTREE, made_elsewhere),
        (worker::KIND, *kind != old.kind),
        (worker::REQUIRES, *requires != old.requires),
        (rules::RESTART, *restart != old.restart),
        (rules::BACKOFF, *backoff != old.backoff),
        (rules::BUDGET, (budget, daily) != (&old.budget, &old.daily)),
        (worker::READY, written && *ready != old.ready),
        (worker::ALIVE, written && *alive != old.alive),
        (worker::AGENT, *agent != old.agent),
        (worker::CONVERSATION, *conversation != old.conversation),
        (worker::WATCH, *watch != old.watch),
        (worker::SAY, *say != old.say),
        (worker::LIMIT, *limit != old.limit),
        (worker::HANDOFF, *handoff != old.handoff),
        (worker::UNSTICK, *unstick != old.unstick && !follows),
        (worker::BREAKER, *breaker != old.breaker),
        (rules::STOP, written && *stop != old.stop),
        (worker::PHASES, *phases != old.phases),
        (worker::ON_PHASE, *on_phase != old.on_phase),
        (
            worker::ON_SECRET_CHANGE,
            written && secrets.on_change != old.secrets.on_change,
        ),
        (rules::KEEP_OUTPUT, *keep_output != old.keep_output),
        (rules::KEEP_ATTEMPTS, *keep_attempts != old.keep_attempts),
    ]));
    Changed {
        worker: name.clone(),
        keys: keys.iter().map(|key| key.name.to_owned()).collect(),
        restart: anew,
    }
}

fn program_keys(old: &Program, new: &Program) -> Vec<&'static Key> {
    match (old, new) {
        (Program::Command(old), Program::Command(new)) => {
            differing(&[(worker::COMMAND, old != new)])
        }
        (Program::BuiltinProxy(old), Program::BuiltinProxy(new)) => {
            let Builtin {
                listen,
                auth,
                allow,
                deny,
                upstream,
                max_connections,
                idle,
                handshake,
                connect,
                drain,
            } = new;
            differing(&[
                (proxy::LISTEN, *listen != old.listen),
                (builtin::AUTH, *auth != old.auth),
                (builtin::ALLOW, *allow != old.allow),
                (builtin::DENY, *deny != old.deny),
                (builtin::UPSTREAM, *upstream != old.upstream),
                (
                    builtin::MAX_CONNECTIONS,
                    *max_connections != old.max_connections,
                ),
                (builtin::IDLE, *idle != old.idle),
                (builtin::HANDSHAKE, *handshake != old.handshake),
                (builtin::CONNECT, *connect != old.connect),
                (builtin::DRAIN, *drain != old.drain),
            ])
        }
        (Program::Tailscale(old), Program::Tailscale(new)) => {
            let Tailscale {
                listen,
                state,
                auth_key,
                hostname,
                tailscaled,
                tailscale,
                arguments,
            } = new;
            let programs = *tailscaled != old.tailscaled || *tailscale != old.tailscale;
            differing(&[
                // The programs are implied by the kind.
                (proxy::KIND, programs),
                (proxy::LISTEN, *listen != old.listen),
                (tailscale::STATE, *state != old.state),
                (tailscale::AUTH_KEY, *auth_key != old.auth_key),
                (tailscale::HOSTNAME, *hostname != old.hostname),
                (tailscale::ARGUMENTS, *arguments != old.arguments),
            ])
        }
        (Program::Command(_) | Program::BuiltinProxy(_) | Program::Tailscale(_), _) => {
            vec![proxy::KIND]
        }
    }
}

fn differing(keys: &[(&'static Key, bool)]) -> Vec<&'static Key> {
    keys.iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| *key)
        .collect()
}

fn plan_diff(old: &Plan, new: &Plan) -> PlanDiff {
    let only_in = |one: &Plan, other: &Plan| -> (Vec<PhaseId>, Vec<PhaseId>) {
        let ids = one.phases.iter().map(|phase| phase.id.clone());
        ids.partition(|id| !other.phases.iter().any(|phase| phase.id == *id))
    };
    let (removed, before) = only_in(old, new);
    let (added, after) = only_in(new, old);
    let moved = after
        .iter()
        .zip(&before)
        .filter(|(now, then)| now != then)
        .map(|(now, _)| now.clone())
        .collect();
    let changed = new
        .phases
        .iter()
        .filter(|phase| {
            old.phases
                .iter()
                .any(|was| was.id == phase.id && was != *phase)
        })
        .map(|phase| phase.id.clone())
        .collect();
    PlanDiff {
        added,
        removed,
        moved,
        changed,
        resume: old.resume != new.resume,
        quiesce: old.quiesce != new.quiesce,
    }
}

/// The names of what is only in one of both, or is another one.
fn differing_entries<K, V>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Vec<K>
where
    K: Ord + Clone,
    V: PartialEq,
{
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differs = |name: &&K| old.get(name) != new.get(name);
    names.into_iter().filter(differs).cloned().collect()
}

impl fmt::Display for Diff {
    /// One line for each thing that changes, and one for what does not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.added {
            writeln!(f, "+ worker {name}")?;
        }
        for name in &self.removed {
            writeln!(f, "- worker {name}")?;
        }
        for Changed {
            worker,
            keys,
            restart,
        } in &self.changed
        {
            let effect = if *restart { "restarts" } else { "goes on" };
            writeln!(f, "~ worker {worker}: {} ({effect})", keys.join(", "))?;
        }
        for id in &self.plan.added {
            writeln!(f, "+ phase {id}")?;
        }
        for id in &self.plan.removed {
            writeln!(f, "- phase {id}")?;
        }
        for id in &self.plan.moved {
            writeln!(f, "~ phase {id}: moved")?;
        }
        for id in &self.plan.changed {
            writeln!(f, "~ phase {id}: brief or until")?;
        }
        if self.plan.resume {
            writeln!(f, "~ plan: {}", schema::plan::RESUME.name)?;
        }
        if self.plan.quiesce {
            writeln!(f, "~ plan: {}", schema::plan::QUIESCE.name)?;
        }
        for name in &self.agents {
            writeln!(f, "~ agent {name}")?;
        }
        for name in &self.hosts {
            writeln!(f, "~ host {name}")?;
        }
        if self.notify {
            writeln!(f, "~ rig: {}", schema::rig::NOTIFY.name)?;
        }
        if self.rig {
            writeln!(f, "~ rig: {}", schema::rig::NAME.name)?;
        }
        match self.unchanged.as_slice() {
            [] => Ok(()),
            [one] => writeln!(f, "= worker {one}"),
            several => writeln!(f, "= {} workers", several.len()),
        }
    }
}
