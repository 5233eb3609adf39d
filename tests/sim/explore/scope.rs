//! The small rigs that are explored.

use std::{collections::BTreeMap, time::Duration};

use loopkeeper::{
    config::{
        Backoff, Budget, Command as Program, Condition, Config, Daily, Keeps, Limit, On, OnPhase,
        Phase, Plan, Probe, Ready, Restart, Resume, Say, Secrets, Unstick, Watch, Worker,
    },
    decide::{Command, PhaseRef},
    model::{Kind, LauncherKind, Signal, Stop, WorkerName},
};

/// One of them, and what may happen to it.
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) config: fn() -> Config,
    /// What the operator may ask for.
    pub(crate) commands: fn() -> Vec<Command>,
    /// How often each may happen on one way.
    pub(crate) allowed: Allowed,
    /// When it begins.
    pub(crate) begins: Begins,
    /// How many steps a way has.
    pub(crate) depth: usize,
}

/// What came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// No daemon has run yet.
    First,
    /// Everything runs.
    Running,
    /// Everything ran, and when the daemon had died, somebody made another attempt of the second worker.
    WithDouble,
}

/// How often something may yet happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Allowed {
    /// The daemon dies.
    pub(crate) crashes: u32,
    /// The machine goes down and comes up.
    pub(crate) reboots: u32,
    /// The host or the disk fails, news is lost or comes twice.
    pub(crate) faults: u32,
    /// The operator asks for something.
    pub(crate) commands: u32,
}

pub(crate) const SCOPES: &[Scope] = &[
    Scope {
        name: "first start",
        config: apart,
        commands: steering,
        allowed: Allowed {
            crashes: 1,
            reboots: 1,
            faults: 0,
            commands: 1,
        },
        begins: Begins::First,
        depth: 8,
    },
    Scope {
        name: "crash and reboot",
        config: apart,
        commands: steering,
        allowed: Allowed {
            crashes: 1,
            reboots: 1,
            faults: 0,
            commands: 1,
        },
        begins: Begins::Running,
        depth: 6,
    },
    Scope {
        name: "faults",
        config: apart,
        commands: steering,
        allowed: Allowed {
            crashes: 0,
            reboots: 0,
            faults: 2,
            commands: 1,
        },
        begins: Begins::Running,
        depth: 5,
    },
    Scope {
        name: "an attempt too many",
        config: apart,
        commands: Vec::new,
        allowed: Allowed {
            crashes: 0,
            reboots: 0,
            faults: 0,
            commands: 0,
        },
        begins: Begins::WithDouble,
        depth: 10,
    },
    Scope {
        name: "one needs the other",
        config: needs,
        commands: steering,
        allowed: Allowed {
            crashes: 1,
            reboots: 1,
            faults: 1,
            commands: 1,
        },
        begins: Begins::First,
        depth: 7,
    },
    Scope {
        name: "a plan",
        config: planned,
        commands: planning,
        allowed: Allowed {
            crashes: 1,
            reboots: 1,
            faults: 0,
            commands: 2,
        },
        begins: Begins::Running,
        depth: 6,
    },
    Scope {
        name: "a plan that is wound up",
        config: wound_up,
        commands: planning,
        allowed: Allowed {
            crashes: 1,
            reboots: 0,
            faults: 0,
            commands: 1,
        },
        begins: Begins::Running,
        depth: 6,
    },
];

/// A loop in a worktree and a service: the one always runs, the other until it succeeds, and has one
/// restart.
fn apart() -> Config {
    let mut looping = worker("a", Kind::Loop, Restart::Always);
    looping.worktree = Some("/srv/a".into());
    let mut service = worker("b", Kind::Service, Restart::OnFailure);
    service.budget.restarts = 1;
    rig([looping, service], Plan::default())
}

/// What is to be run once, and only while a service with a probe is ready.
fn needs() -> Config {
    let mut service = worker("a", Kind::Service, Restart::Always);
    service.ready = Some(Ready {
        probe: Probe::Tcp("127.0.0.1:1".into()),
        every: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
    });
    let mut once = worker("b", Kind::Loop, Restart::Never);
    once.requires = vec![service.name.clone()];
    rig([service, once], Plan::default())
}

/// A loop that begins anew with each phase, and one that has work in the second phase only.
fn planned() -> Config {
    let mut second = worker("b", Kind::Loop, Restart::OnFailure);
    second.phases = Some(vec!["p1".parse().unwrap()]);
    second.worktree = Some("/srv/b".into());
    let phase = |id: &str, until| Phase {
        id: id.parse().unwrap(),
        brief: None,
        until,
    };
    let file = Condition::File {
        path: "/srv/DONE".into(),
        line: None,
    };
    let plan = Plan {
        phases: vec![phase("p0", file), phase("p1", Condition::Operator)],
        resume: Resume::OnBoot,
        quiesce: Duration::ZERO,
    };
    rig([worker("a", Kind::Loop, Restart::OnFailure), second], plan)
}

/// The same, and the loop of the first phase comes to a safe point before it ends.
fn wound_up() -> Config {
    let mut config = planned();
    config.plan.quiesce = Duration::from_secs(5);
    let looping = config.workers.get_mut("a").unwrap();
    looping.worktree = Some("/srv/a".into());
    config
}

fn rig(workers: [Worker; 2], plan: Plan) -> Config {
    Config {
        rig: "sim".into(),
        hosts: BTreeMap::new(),
        agents: BTreeMap::new(),
        notify: None,
        plan,
        workers: workers.map(|one| (one.name.clone(), one)).into(),
    }
}

fn worker(name: &str, kind: Kind, restart: Restart) -> Worker {
    Worker {
        name: name.parse().unwrap(),
        kind,
        on: On::Local,
        program: loopkeeper::config::Program::Command(Program {
            program: "/bin/true".into(),
            arguments: Vec::new(),
        }),
        workdir: "/".into(),
        worktree: None,
        origin: None,
        environment: BTreeMap::new(),
        systemd: BTreeMap::new(),
        secrets: Secrets::default(),
        launcher: LauncherKind::Process,
        requires: Vec::new(),
        restart,
        backoff: Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(1),
            jitter: 0,
            healthy: Duration::from_secs(50),
        },
        budget: Budget {
            restarts: 0,
            window: Duration::from_secs(300),
        },
        daily: Daily::default(),
        ready: None,
        alive: None,
        agent: None,
        conversation: Keeps::default(),
        watch: Watch::default(),
        say: Say::default(),
        limit: Limit::default(),
        handoff: None,
        unstick: Unstick::default(),
        breaker: None,
        stop: Stop {
            signal: Signal::TERM,
            grace: Duration::from_secs(10),
        },
        phases: None,
        on_phase: OnPhase::Restart,
        keep_output: 1 << 20,
        keep_attempts: 5,
    }
}

fn steering() -> Vec<Command> {
    let of = |name: &str| vec![name.parse::<WorkerName>().unwrap()];
    vec![
        Command::Stop(of("a")),
        Command::Start(of("a")),
        Command::Restart(of("a")),
        Command::Stop(of("b")),
        Command::Start(of("b")),
        Command::Restart(of("b")),
    ]
}

fn planning() -> Vec<Command> {
    vec![
        Command::PhaseDone,
        Command::PhaseSet(PhaseRef::Index(0)),
        Command::Pause,
        Command::Resume(None),
        Command::Restart(vec!["a".parse().unwrap()]),
    ]
}
