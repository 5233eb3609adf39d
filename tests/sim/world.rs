//! The world around one rig: clocks, a host, a disk, a daemon that is killed, a machine that reboots.
//!
//! # Promise
//!
//! Everything follows from the seed. Time passes only from one thing to the next. The daemon is told
//! what a real one would be told: in the order in which it performs effects, a record is answered
//! before anything else is heard, and everything else comes late, doubled, in another order or not
//! at all.
//!
//! # How
//!
//! [`World::step`] takes the next thing of the queue, or wakes the rig at its deadline. What the rig
//! asks for is performed by `host`; what happens to it by itself comes from `chaos`; each turn goes
//! through [`Checks`].

mod daemon;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;
use jiff::{Timestamp, tz::TimeZone};
use loopkeeper::{
    config::Config,
    decide::{Event, Machine, Zone},
    model::{AttemptRef, BootId, ItemName, Mono, Now, PhaseId, WorkerName},
};

use crate::{
    body::Body,
    chaos::Nature,
    check::{Checked, Checks, ensure},
    configs,
    coverage::Coverage,
    host::Act,
    inboxes::{Inboxes, To},
    lines::Lines,
    night::Night,
    stood::Stood,
    store::Store,
    trace::Trace,
};

pub(crate) use daemon::Daemon;

/// CLOCK_MONOTONIC when the first daemon of a boot may start, ms.
const KERNEL: u64 = 3_000;

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    /// The daemon of that number is told.
    Tell(u64, Event),
    /// Something happens to the body of that index.
    Body(usize, Act),
    /// A daemon starts.
    DaemonUp,
    /// Something happens by chance.
    Chance,
    /// The disk takes writes again.
    DiskHeals,
    /// A daemon that was asked to leave has had its time.
    Impatience(u64),
    /// Somebody looks into the inboxes for that daemon; or looks again after a while, for as long as it lives.
    Inboxes(u64, bool),
    /// A file of an inbox is moved for that daemon.
    Settle(u64, WorkerName, ItemName, To),
}

/// How the world goes on when the daemon has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum After {
    Restart,
    Reboot,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) nature: Nature,
    /// Real time, ms.
    pub(crate) t: u64,
    /// When the present boot began.
    pub(crate) booted: u64,
    /// What the wall clock is wrong by, ms.
    pub(crate) skew: i64,
    pub(crate) queue: BTreeMap<(u64, u64), Item>,
    sequence: u64,
    pub(crate) machine: Machine,
    pub(crate) boot: usize,
    pub(crate) store: Store,
    pub(crate) bodies: Vec<Body>,
    pub(crate) index: BTreeMap<AttemptRef, usize>,
    /// The configuration file.
    pub(crate) config: Config,
    pub(crate) daemon: Option<Daemon>,
    daemons: u64,
    /// The daemon dies when so many more effects that leave a trace were performed.
    pub(crate) dies_in: Option<u32>,
    pub(crate) after: After,
    /// Until then the host does not know.
    pub(crate) silent_until: u64,
    /// Phases whose end has come.
    pub(crate) over: BTreeSet<PhaseId>,
    pub(crate) requests: u64,
    /// What was told lately, for late doubles.
    pub(crate) lately: VecDeque<Event>,
    pub(crate) pid: i32,
    pub(crate) checks: Checks,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
    /// When the rig last did something that is not a sign of life or a look.
    pub(crate) busy: u64,
    pub(crate) stood: Stood,
    pub(crate) inboxes: Inboxes,
    pub(crate) lines: Lines,
    /// What its agents are about, where that is no matter of chance at each look.
    pub(crate) night: Option<Box<Night>>,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut rng = Rng::with_seed(seed);
        let nature = Nature::random(&mut rng);
        let config = configs::random(&mut rng);
        let mut world = Self::with(rng, nature, config, 0, trace);
        world.later(0, Item::Chance);
        world
    }

    /// A world with this rig, `t` ms after its machine came up, in which a daemon is about to start.
    pub(crate) fn with(mut rng: Rng, nature: Nature, config: Config, t: u64, trace: Trace) -> Self {
        let mut world = Self {
            machine: Machine {
                boot: boot_id(&mut rng),
                booted: Timestamp::UNIX_EPOCH,
                over: BTreeSet::new(),
                zone: Zone(TimeZone::UTC),
            },
            rng,
            nature,
            t,
            booted: 0,
            skew: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            boot: 0,
            store: Store::default(),
            bodies: Vec::new(),
            index: BTreeMap::new(),
            config,
            daemon: None,
            daemons: 0,
            dies_in: None,
            after: After::Restart,
            silent_until: 0,
            over: BTreeSet::new(),
            requests: 0,
            lately: VecDeque::new(),
            pid: 100,
            checks: Checks::default(),
            coverage: Coverage::default(),
            trace,
            busy: 0,
            stood: Stood::new(),
            inboxes: Inboxes::default(),
            lines: Lines::default(),
            night: None,
        };
        world.machine.booted = world.wall();
        world.coverage.count("boots");
        world.later(0, Item::DaemonUp);
        world
    }

    pub(crate) fn wall(&self) -> Timestamp {
        moment(self.t, self.skew)
    }

    pub(crate) fn mono(&self) -> Mono {
        Mono(self.t - self.booted + KERNEL)
    }

    pub(crate) fn view_now(&self) -> Now {
        self.now()
    }

    fn now(&self) -> Now {
        Now {
            mono: self.mono(),
            wall: self.wall(),
        }
    }

    pub(crate) fn boot_id(&self) -> &BootId {
        &self.machine.boot
    }

    pub(crate) fn later(&mut self, delay: u64, item: Item) {
        self.sequence += 1;
        self.queue.insert((self.t + delay, self.sequence), item);
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let (t, daemon) = (self.t, self.daemons);
        self.trace.line(|| format!("{t:>9} d{daemon} {}", line()));
    }

    /// The next thing happens.
    pub(crate) fn step(&mut self) -> Checked {
        let item_at = self
            .queue
            .first_key_value()
            .map_or(u64::MAX, |((t, _), _)| *t);
        let wake_at = self
            .daemon
            .as_ref()
            .and_then(|d| d.wake)
            .map_or(u64::MAX, |(_, t)| t);
        if wake_at < item_at {
            self.checks.woken(wake_at)?;
            return self.wake(wake_at);
        }
        let Some(((t, _), item)) = self.queue.pop_first() else {
            return Ok(());
        };
        // What was due while the machine was down happens now.
        self.t = self.t.max(t);
        self.happen(item)
    }

    /// The rig is woken at its deadline.
    pub(crate) fn wake(&mut self, t: u64) -> Checked {
        self.t = t;
        self.tell(Event::Wake)
    }

    pub(crate) fn happen(&mut self, item: Item) -> Checked {
        match item {
            Item::Tell(number, event) => {
                if self
                    .daemon
                    .as_ref()
                    .is_some_and(|daemon| daemon.number == number)
                {
                    return self.tell(event);
                }
                Ok(())
            }
            Item::Body(index, act) => {
                self.act(index, act);
                Ok(())
            }
            Item::DaemonUp => self.daemon_up(),
            Item::Chance => self.chance(),
            Item::DiskHeals => {
                self.store.refuses = false;
                self.note(|| "disk takes writes again".into());
                Ok(())
            }
            Item::Inboxes(number, again) => self.look_into_inboxes(number, again),
            Item::Settle(number, worker, item, to) => self.move_file(number, worker, item, &to),
            Item::Impatience(number) => {
                if self
                    .daemon
                    .as_ref()
                    .is_some_and(|daemon| daemon.number == number)
                {
                    self.coverage
                        .count("daemon killed because it did not leave");
                    self.kill_daemon();
                }
                Ok(())
            }
        }
    }

    /// The machine goes down and comes up again.
    pub(crate) fn reboot(&mut self, power_cut: bool) {
        self.note_who_stands();
        if self.daemon.take().is_some() {
            self.dies_in = None;
            self.checks.daemon_died();
        }
        self.lines = Lines::default();
        self.cut_off_moves();
        self.note(|| format!("MACHINE goes down; power cut: {power_cut}"));
        if let Some(night) = &mut self.night {
            night.goes_down(self.t);
        }
        let over = self.bodies_that_are_over();
        self.bodies_of_this_boot_die(power_cut);
        if power_cut {
            let lost = self.store.power_cut(self.t, &mut self.rng);
            self.coverage
                .add("batches lost by power cuts", u64::try_from(lost).unwrap());
            self.coverage.count("reboots, unclean");
        } else {
            self.coverage.count("reboots, clean");
        }
        self.lately.clear();
        self.checks.begin_boot();
        // What was on its way to a daemon or a process of the old boot never arrives.
        self.queue
            .retain(|_, item| matches!(item, Item::Chance | Item::DiskHeals));
        let down = self.nature.downtime(&mut self.rng);
        self.t += down;
        self.booted = self.t;
        if let Some(night) = &mut self.night {
            night.comes_up(self.t);
        }
        self.boot += 1;
        self.coverage.count("boots");
        self.machine = Machine {
            boot: boot_id(&mut self.rng),
            booted: self.wall(),
            over,
            zone: Zone(TimeZone::UTC),
        };
        self.after = After::Restart;
        let up = self.rng.u64(100..5_000);
        self.later(up, Item::DaemonUp);
    }

    /// Runs until the time has come.
    pub(crate) fn run_until(&mut self, t: u64) -> Checked {
        while self.t < t {
            self.step()?;
        }
        Ok(())
    }

    /// Nothing happens by chance any more: the world is healthy and stays so.
    pub(crate) fn calm(&mut self) -> Checked {
        self.note(|| "CALM".into());
        self.nature = Nature::calm();
        self.queue
            .retain(|_, item| !matches!(item, Item::Chance | Item::DiskHeals));
        self.dies_in = None;
        self.store.refuses = false;
        self.silent_until = 0;
        self.bodies_recover();
        self.last_fault();
        ensure!(
            self.daemon.is_some()
                || self
                    .queue
                    .values()
                    .any(|item| matches!(item, Item::DaemonUp)),
            "world",
            "nobody starts the daemon"
        );
        Ok(())
    }
}

/// What a clock that is wrong by so much says at this time.
pub(crate) fn moment(t: u64, skew: i64) -> Timestamp {
    const START: i64 = 1_795_000_000_000;
    let millis = START + i64::try_from(t).unwrap() + skew;
    Timestamp::from_millisecond(millis.max(0)).unwrap()
}

fn boot_id(rng: &mut Rng) -> BootId {
    format!("{:032x}", rng.u128(..)).parse().unwrap()
}
