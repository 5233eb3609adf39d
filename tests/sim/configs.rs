//! Random rigs, and the changes an operator makes to them.
//!
//! What comes out is what the checked configuration promises: dependencies exist and have no circle
//! (a worker requires only earlier names), and no two workers share a worktree.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use fastrand::Rng;
use loopkeeper::{
    agent::profile::Profile,
    config::{
        Alive, Backoff, Budget, Command, Condition, Config, Credentials, Daily, Environment, Form,
        Keeps, Limit, On, OnPhase, Origin, Phase, Plan, Probe, Program, Ready, Restart, Resume,
        Say, Secrets, Unstick, Watch, Worker, parse,
    },
    model::{Kind, LauncherKind, PhaseId, Signal, Stop, WorkerName},
};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const PHASES: [&str; 6] = ["p0", "p1", "p2", "p3", "p4", "p5"];

static CLAUDE: LazyLock<Arc<Profile>> =
    LazyLock::new(|| Arc::new(Profile::shipped("claude").unwrap()));

/// A rig of one to eight workers.
pub(crate) fn random(rng: &mut Rng) -> Config {
    let count = rng.usize(1..=NAMES.len());
    let mut config = Config {
        rig: "sim".into(),
        hosts: BTreeMap::new(),
        agents: BTreeMap::new(),
        notify: None,
        plan: plan(rng),
        workers: BTreeMap::new(),
    };
    for name in NAMES.iter().take(count) {
        add(rng, &mut config, name);
    }
    config
}

/// The same rig after an operator's edit.
pub(crate) fn edited(rng: &mut Rng, config: &Config) -> Config {
    let mut config = config.clone();
    for _ in 0..rng.usize(1..=3) {
        edit(rng, &mut config);
    }
    config
}

fn edit(rng: &mut Rng, config: &mut Config) {
    let chosen = rng.usize(0..config.workers.len().max(1));
    let name = config.workers.keys().nth(chosen).cloned();
    match (rng.u32(0..14), name) {
        (0..=1, _) | (_, None) => {
            let free = NAMES
                .iter()
                .find(|name| !config.workers.contains_key(**name));
            if let Some(free) = free {
                add(rng, config, free);
            }
        }
        (2..=3, Some(name)) => {
            config.workers.remove(&name);
            for worker in config.workers.values_mut() {
                worker.requires.retain(|other| *other != name);
            }
        }
        (4..=5, Some(name)) => {
            let version = rng.u32(..).to_string();
            change(config, &name, |worker| {
                worker.environment.insert("VERSION".into(), version);
            });
        }
        (6..=7, Some(name)) => swap_worktrees(rng, config, &name),
        (8, Some(name)) => {
            let (ready, alive) = (ready(rng), alive(rng));
            change(config, &name, |worker| {
                worker.ready = ready;
                worker.alive = alive;
            });
        }
        (9, Some(name)) => {
            let (backoff, budget) = (backoff(rng), budget(rng));
            change(config, &name, |worker| {
                worker.backoff = backoff;
                worker.budget = budget;
            });
        }
        (10, Some(name)) => {
            let (phases, on_phase) = (phases(rng, &config.plan), on_phase(rng));
            change(config, &name, |worker| {
                worker.phases = phases;
                worker.on_phase = on_phase;
            });
        }
        (11, Some(name)) => {
            let restart = restart(rng);
            change(config, &name, |worker| worker.restart = restart);
        }
        (12, Some(_)) => config.plan = plan(rng),
        (_, Some(_)) => insert_phase(rng, &mut config.plan),
    }
}

fn change(config: &mut Config, name: &WorkerName, how: impl FnOnce(&mut Worker)) {
    if let Some(worker) = config.workers.get_mut(name) {
        how(worker);
    }
}

/// Gives a worker the worktree of another one, and the other one what it had.
fn swap_worktrees(rng: &mut Rng, config: &mut Config, name: &WorkerName) {
    let other = rng.usize(0..config.workers.len());
    let other = config.workers.keys().nth(other).cloned().unwrap();
    let of = |name: &WorkerName| {
        let worker = &config.workers[name];
        (worker.worktree.clone(), worker.origin.clone())
    };
    let (mine, theirs) = (of(name), of(&other));
    change(config, name, |worker| {
        (worker.worktree, worker.origin) = theirs
    });
    change(config, &other, |worker| {
        (worker.worktree, worker.origin) = mine
    });
}

fn insert_phase(rng: &mut Rng, plan: &mut Plan) {
    let free = PHASES
        .iter()
        .find(|id| plan.phases.iter().all(|phase| phase.id.as_str() != **id));
    if let Some(free) = free {
        let at = rng.usize(0..=plan.phases.len());
        plan.phases.insert(at, phase(rng, free));
    }
}

fn add(rng: &mut Rng, config: &mut Config, name: &str) {
    let name: WorkerName = name.parse().unwrap();
    let requires = config
        .workers
        .keys()
        .filter(|other| **other < name && rng.u32(0..4) == 0)
        .cloned()
        .collect();
    let tree = PathBuf::from(format!("/srv/{}", rng.u32(0..6)));
    let taken = config
        .workers
        .values()
        .any(|other| other.worktree.as_ref() == Some(&tree));
    let worktree = (!taken && rng.bool()).then_some(tree);
    let worker = Worker {
        kind: if rng.bool() {
            Kind::Loop
        } else {
            Kind::Service
        },
        on: On::Local,
        program: Program::Command(command()),
        workdir: "/".into(),
        origin: (worktree.is_some() && rng.u32(0..3) == 0).then(origin),
        worktree,
        environment: BTreeMap::new(),
        systemd: BTreeMap::new(),
        secrets: Secrets::default(),
        launcher: LauncherKind::Process,
        requires,
        restart: restart(rng),
        backoff: backoff(rng),
        budget: budget(rng),
        daily: Daily::default(),
        ready: ready(rng),
        alive: alive(rng),
        agent: (rng.u32(0..3) == 0).then(|| Arc::clone(&CLAUDE)),
        conversation: [Keeps::Nothing, Keeps::Always, Keeps::InPhase][rng.usize(0..3)],
        watch: watch(rng),
        say: say(rng),
        limit: limit(rng, &name),
        handoff: None,
        unstick: Unstick {
            nudge: false,
            ..Unstick::default()
        },
        breaker: None,
        stop: Stop {
            signal: if rng.u32(0..4) == 0 {
                Signal::HUP
            } else {
                Signal::TERM
            },
            grace: Duration::from_millis(rng.u64(500..20_000)),
        },
        phases: phases(rng, &config.plan),
        on_phase: on_phase(rng),
        keep_output: 1 << 20,
        keep_attempts: 5,
        name: name.clone(),
    };
    config.workers.insert(name, worker);
}

fn origin() -> Origin {
    Origin {
        repo: "/srv/repo.git".into(),
        branch: None,
        form: Form::Clone,
    }
}

fn command() -> Command {
    Command {
        program: "/bin/true".into(),
        arguments: Vec::new(),
    }
}

fn restart(rng: &mut Rng) -> Restart {
    match rng.u32(0..4) {
        0 => Restart::OnFailure,
        1 => Restart::Never,
        _ => Restart::Always,
    }
}

fn on_phase(rng: &mut Rng) -> OnPhase {
    if rng.bool() {
        OnPhase::Restart
    } else {
        OnPhase::Keep
    }
}

fn backoff(rng: &mut Rng) -> Backoff {
    let first = if rng.u32(0..6) == 0 {
        0
    } else {
        rng.u64(100..5_000)
    };
    Backoff {
        first: Duration::from_millis(first),
        most: Duration::from_millis(rng.u64(1_000..60_000)),
        jitter: rng.u8(0..=40),
        healthy: Duration::from_secs(rng.u64(5..60)),
    }
}

fn budget(rng: &mut Rng) -> Budget {
    Budget {
        restarts: rng.u32(0..6),
        window: Duration::from_secs(rng.u64(10..300)),
    }
}

fn ready(rng: &mut Rng) -> Option<Ready> {
    rng.bool().then(|| Ready {
        probe: Probe::Tcp("127.0.0.1:1".into()),
        every: Duration::from_millis(rng.u64(500..5_000)),
        timeout: Duration::from_secs(rng.u64(5..40)),
    })
}

fn alive(rng: &mut Rng) -> Option<Alive> {
    (rng.u32(0..3) == 0).then(|| Alive {
        probe: Probe::Tcp("127.0.0.1:2".into()),
        every: Duration::from_secs(rng.u64(5..30)),
        failures: rng.u32(2..5),
    })
}

/// How a text begins that wakes an agent; the others are made up by who asks for them.
pub(crate) const WAKES: &str = "go on, ";

/// How a text begins by which an agent is told something.
pub(crate) const SAYS: &str = "told ";

const RIG: &str = r#"
[plan]
phases = [{ id = "p0", until = "operator" }]

[workers.a]
command = "true"
agent = "claude"

[workers.a.say]
start = "told to begin\nthe rest of it"
crash = "told crash {{ exit }}\nthe rest of it"
phase = "told phase {{ phase }} after {{ previous_phase }}\nthe rest of it"
reboot = "told reboot {{ reboot_count }}\nthe rest of it"
"#;

static SAY: LazyLock<Say> = LazyLock::new(|| {
    let config = written(RIG);
    config.workers.into_values().next().unwrap().say
});

/// What somebody has written, on a machine of which nothing counts.
pub(crate) fn written(text: &str) -> Config {
    let environment = Environment {
        root: "/".into(),
        path: vec!["/bin".into()],
        home: None,
        executable: "/bin/loopkeeperd".into(),
        credentials: Credentials::None,
        host_name: "sim".into(),
    };
    let file = Path::new("/etc/loopkeeper/loopkeeper.toml");
    parse(text, file, &environment).unwrap()
}

fn say(rng: &mut Rng) -> Say {
    let Say {
        start,
        reboot,
        crash,
        phase,
    } = SAY.clone();
    Say {
        start: start.filter(|_| rng.bool()),
        reboot: reboot.filter(|_| rng.bool()),
        crash: crash.filter(|_| rng.bool()),
        phase: phase.filter(|_| rng.bool()),
    }
}

fn limit(rng: &mut Rng, name: &WorkerName) -> Limit {
    Limit {
        wake: rng.u32(0..4) > 0,
        text: format!("{WAKES}{name}"),
        margin: Duration::from_millis(rng.u64(0..5_000)),
        again: Duration::from_secs(rng.u64(1..60)),
        account: rng.bool().then(|| "team".to_owned()),
    }
}

fn watch(rng: &mut Rng) -> Watch {
    let slow = Duration::from_secs(rng.u64(5..60));
    Watch {
        every: Duration::from_secs(rng.u64(1..30)),
        slow,
        stuck: slow * 2,
        heartbeat: None,
    }
}

fn phases(rng: &mut Rng, plan: &Plan) -> Option<Vec<PhaseId>> {
    if rng.u32(0..3) > 0 {
        return None;
    }
    let ids = plan.phases.iter().map(|phase| phase.id.clone());
    Some(ids.filter(|_| rng.bool()).collect())
}

fn plan(rng: &mut Rng) -> Plan {
    let count = if rng.u32(0..6) == 0 {
        0
    } else {
        rng.usize(1..PHASES.len())
    };
    let phases = PHASES.iter().take(count).map(|id| phase(rng, id)).collect();
    let resume = if rng.u32(0..4) == 0 {
        Resume::Manual
    } else {
        Resume::OnBoot
    };
    Plan {
        phases,
        resume,
        quiesce: Duration::from_secs(if rng.bool() { rng.u64(1..60) } else { 0 }),
    }
}

fn phase(rng: &mut Rng, id: &str) -> Phase {
    let until = match rng.u32(0..3) {
        0 => Condition::Operator,
        1 => Condition::File {
            path: "/srv/DONE".into(),
            line: None,
        },
        _ => Condition::Command {
            command: command(),
            every: Duration::from_secs(rng.u64(2..60)),
        },
    };
    Phase {
        id: id.parse().unwrap(),
        brief: rng
            .bool()
            .then(|| PathBuf::from(format!("/briefs/{id}.md"))),
        until,
    }
}
