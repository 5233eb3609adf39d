//! Stories of whole rigs, told event by event, over the real store.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test picks the effects it is about"
)]

mod agents;
mod breaker;
mod commands;
mod conversations;
mod cutover;
mod deadlines;
mod ending;
mod erlang;
mod hand;
mod handoffs;
mod hosts;
mod inbox;
mod kills;
mod left;
mod limits;
mod looks;
mod lost;
mod nudges;
mod plan;
mod policy;
mod reboots;
mod say;
mod secrets;
mod shortage;
mod signs;
mod spend;
mod strays;
mod unstick;
mod worktrees;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use tempfile::TempDir;

use super::{Command, Effect, Event, Leave, Looked, Machine, PhaseRef, RequestId, Rig, Said, Zone};
use crate::{
    config::{
        self, Alive, Backoff, Budget, Condition, Config, Daily, Keeps, Limit, Notify, OnPhase,
        Phase, Plan, Probe, Program, Ready, Restart, Unstick, Watch, Worker,
    },
    model::{
        self, AttemptRef, BootId, Exit, Found, HostEvent, Identity, Kind, LauncherKind, Mono, Now,
        Signal, StateName, Stop,
    },
    store::Store,
};

/// A rig at play: time passes when it is told to, and only records are answered by themselves.
pub(super) struct Play {
    dir: TempDir,
    pub(super) config: Config,
    store: Option<Store>,
    pub(super) rig: Rig,
    boot: BootId,
    /// Attempts that were over before their boot was.
    over: BTreeSet<AttemptRef>,
    t: u64,
    /// By how many milliseconds the clock on the wall was set.
    pub(super) set: i64,
    requests: u64,
    /// The disk is full.
    pub(super) refuses: bool,
}

impl Play {
    /// A first daemon on an empty host.
    pub(super) fn begin(config: Config) -> Self {
        let mut play = Self::unasked(config);
        play.tell(Event::Surveyed(Ok(Vec::new())));
        play
    }

    /// The same, and the attempts it starts run.
    pub(super) fn running(config: Config) -> (Self, Vec<AttemptRef>) {
        let mut play = Self::unasked(config);
        let starts = started(&play.tell(Event::Surveyed(Ok(Vec::new()))));
        for of in &starts {
            play.runs(of);
        }
        (play, starts)
    }

    /// A first daemon whose host has not answered yet.
    pub(super) fn unasked(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let boot = boot('a');
        let (store, rig, effects) = open(&dir, &config, machine(&boot), now(0));
        let mut play = Self {
            dir,
            config,
            store: Some(store),
            rig,
            boot,
            over: BTreeSet::new(),
            t: 0,
            set: 0,
            requests: 0,
            refuses: false,
        };
        play.perform(effects);
        play
    }

    pub(super) fn now(&self) -> Now {
        let Now { mono, wall } = now(self.t);
        let set = jiff::SignedDuration::from_millis(self.set);
        Now {
            mono,
            wall: wall.checked_add(set).unwrap(),
        }
    }

    /// The daemon is killed and the next one starts, which is told what its host has.
    pub(super) fn next_daemon(&mut self, found: Vec<Found>) -> Vec<Effect> {
        let mut done = self.unasked_daemon();
        done.extend(self.tell(Event::Surveyed(Ok(found))));
        done
    }

    /// The daemon is killed and the next one starts, whose host has not answered yet.
    pub(super) fn unasked_daemon(&mut self) -> Vec<Effect> {
        self.store = None;
        let now = self.now();
        let machine = Machine {
            over: self.over.clone(),
            ..machine(&self.boot)
        };
        let (store, rig, effects) = open(&self.dir, &self.config, machine, now);
        (self.store, self.rig) = (Some(store), rig);
        self.perform(effects)
    }

    /// The machine goes down and comes up.
    pub(super) fn reboot(&mut self, found: Vec<Found>) -> Vec<Effect> {
        self.boot = boot('b');
        self.next_daemon(found)
    }

    /// The daemon is killed, and there is none for now.
    pub(super) fn close(&mut self) {
        self.store = None;
    }

    /// The state directory.
    pub(super) fn path(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// One event, and all that follows from what it records.
    pub(super) fn tell(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.rig.handle(self.now(), event);
        self.perform(effects)
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut done = Vec::new();
        for effect in effects {
            let record = self.record(&effect);
            done.push(effect);
            if let Some(result) = record {
                let effects = self.rig.handle(self.now(), Event::Recorded(result));
                done.extend(self.perform(effects));
            }
        }
        done
    }

    fn record(&mut self, effect: &Effect) -> Option<Result<(), String>> {
        let Effect::Record(facts) = effect else {
            return None;
        };
        if self.refuses {
            return Some(Err("no space left on device".into()));
        }
        let store = self.store.as_mut().unwrap();
        Some(store.record(facts).map_err(|error| error.to_string()))
    }

    /// The daemon is killed in this turn: what it records in it is recorded, and nothing else is done.
    pub(super) fn cut(&mut self, event: Event) {
        for effect in self.rig.handle(self.now(), event) {
            self.record(&effect);
        }
    }

    /// Time passes; the rig is woken whenever it wants to be.
    pub(super) fn pass(&mut self, millis: u64) -> Vec<Effect> {
        let until = self.t + millis;
        let mut done = Vec::new();
        while let Some(Mono(at)) = self.rig.next_deadline().filter(|at| at.0 <= until) {
            assert!(at > self.t || millis == 0, "woken again and again at {at}");
            self.t = at;
            done.extend(self.tell(Event::Wake));
        }
        self.t = until;
        done
    }

    pub(super) fn command(&mut self, command: Command) -> Vec<Effect> {
        self.requests += 1;
        self.tell(Event::Command(RequestId(self.requests), command))
    }

    /// Another configuration is loaded.
    pub(super) fn reload(&mut self, change: impl FnOnce(&mut Config)) -> Vec<Effect> {
        change(&mut self.config);
        self.command(Command::Reload(Box::new(self.config.clone())))
    }

    pub(super) fn says(&mut self, event: HostEvent) -> Vec<Effect> {
        self.tell(Event::Host(event))
    }

    /// The host says that this attempt runs.
    pub(super) fn runs(&mut self, of: &AttemptRef) -> Vec<Effect> {
        let identity = self.identity();
        self.says(HostEvent::Started(of.clone(), identity))
    }

    /// The host says that this attempt ended, and that nothing of it is left.
    pub(super) fn ends(&mut self, of: &AttemptRef, exit: Exit) -> Vec<Effect> {
        let mut done = self.says(HostEvent::Ended(of.clone(), exit, None));
        done.extend(self.says(HostEvent::Gone(of.clone())));
        done
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            boot: self.boot.clone(),
            pid: 4711,
            started: 1,
        }
    }

    pub(super) fn alive(&self, of: &AttemptRef) -> Found {
        found(of, model::Condition::Alive(self.identity()))
    }

    pub(super) fn state(&self, name: &str) -> StateName {
        self.rig.workers[name].life.state()
    }
}

fn machine(boot: &BootId) -> Machine {
    Machine {
        boot: boot.clone(),
        booted: Timestamp::UNIX_EPOCH,
        over: BTreeSet::new(),
        zone: Zone(TimeZone::UTC),
    }
}

fn open(dir: &TempDir, config: &Config, machine: Machine, now: Now) -> (Store, Rig, Vec<Effect>) {
    let ids: Vec<_> = config.plan.phases.iter().map(|p| p.id.clone()).collect();
    let opened = Store::open(dir.path(), &ids).unwrap();
    let (rig, effects) = Rig::new(config.clone(), opened.restored, machine, now, now.mono.0);
    (opened.store, rig, effects)
}

fn now(t: u64) -> Now {
    let wall = 1_795_000_000_000 + i64::try_from(t).unwrap();
    Now {
        mono: Mono(t),
        wall: Timestamp::from_millisecond(wall).unwrap(),
    }
}

fn boot(digit: char) -> BootId {
    digit.to_string().repeat(32).parse().unwrap()
}

pub(super) fn found(of: &AttemptRef, is: model::Condition) -> Found {
    Found {
        attempt: of.clone(),
        on: None,
        stop: None,
        is,
    }
}

pub(super) fn ended(of: &AttemptRef, exit: Exit, survivors: usize) -> Found {
    found(
        of,
        model::Condition::Ended {
            exit,
            survivors,
            by: None,
        },
    )
}

/// When the machine went down of which [`ended_with_machine`] tells.
pub(super) fn went_down_at() -> Timestamp {
    "2026-11-18T11:05:20Z".parse().unwrap()
}

pub(super) fn ended_with_machine(of: &AttemptRef, exit: Exit) -> Found {
    let by = model::Intervention::MachineWentDown(went_down_at());
    found(
        of,
        model::Condition::Ended {
            exit,
            survivors: 0,
            by: Some(by),
        },
    )
}

/// The attempts that are started.
pub(super) fn started(effects: &[Effect]) -> Vec<AttemptRef> {
    let of = |effect: &Effect| match effect {
        Effect::Start { attempt, .. } => Some(attempt.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// The attempts that are signalled, and how.
pub(super) fn signalled(effects: &[Effect]) -> Vec<(AttemptRef, Signal)> {
    let of = |effect: &Effect| match effect {
        Effect::Signal(attempt, signal) => Some((attempt.clone(), *signal)),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// A rig of these workers, without a plan.
pub(super) fn rig<const N: usize>(workers: [Worker; N]) -> Config {
    let workers = workers.map(|worker| (worker.name.clone(), worker));
    Config {
        rig: "play".into(),
        hosts: BTreeMap::new(),
        agents: BTreeMap::new(),
        notify: Some(Notify::by(config::Command {
            program: "tell".into(),
            arguments: Vec::new(),
        })),
        plan: Plan::default(),
        workers: BTreeMap::from(workers),
    }
}

/// A phase of that id.
pub(super) fn phase(id: &str, until: Condition) -> Phase {
    Phase {
        id: id.parse().unwrap(),
        brief: None,
        until,
    }
}

pub(super) fn until_file() -> Condition {
    Condition::File {
        path: "/done".into(),
        line: None,
    }
}

/// A worker that is always restarted, after one second.
pub(super) fn worker(name: &str) -> Worker {
    Worker {
        name: name.parse().unwrap(),
        kind: Kind::Loop,
        on: config::On::Local,
        program: Program::Command(config::Command {
            program: "/bin/true".into(),
            arguments: Vec::new(),
        }),
        workdir: "/".into(),
        worktree: None,
        origin: None,
        environment: BTreeMap::new(),
        systemd: BTreeMap::new(),
        secrets: config::Secrets::default(),
        launcher: LauncherKind::Process,
        requires: Vec::new(),
        restart: Restart::Always,
        backoff: Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
            jitter: 0,
            healthy: Duration::from_secs(60),
        },
        budget: Budget {
            restarts: 3,
            window: Duration::from_secs(600),
        },
        daily: Daily::default(),
        ready: None,
        alive: None,
        agent: None,
        conversation: Keeps::default(),
        watch: Watch::default(),
        say: config::Say::default(),
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

/// Looks every second, and has to succeed within ten.
pub(super) fn ready() -> Ready {
    Ready {
        probe: Probe::Tcp("127.0.0.1:1".into()),
        every: Duration::from_secs(1),
        timeout: Duration::from_secs(10),
    }
}

/// Looks every five seconds; the second bad look counts.
pub(super) fn alive() -> Alive {
    Alive {
        probe: Probe::Tcp("127.0.0.1:1".into()),
        every: Duration::from_secs(5),
        failures: 2,
    }
}
