//! A world by hand: what may happen next, and how it does.

use loopkeeper::{
    decide::{Command, Event, RequestId},
    model::{Exit, HostEvent, PhaseId, Signal},
};

use crate::{
    body::{Body, Stage},
    chaos::Nature,
    check::{Checked, Violation},
    host::Act,
    trace::Trace,
    world::{Item, World},
};

use super::scope::{Allowed, Begins, Scope};

/// The real time at which every scene begins, ms. By their size, moments are told from other numbers.
pub(super) const BEGINS: u64 = 1_000_000_000;
/// How much later than real time the monotonic clock of a second boot began, ms.
pub(super) const SECOND_BOOT: u64 = 500_000_000;

/// How long a daemon takes to come up, ms.
const RISES: u64 = 100;

/// Something that may happen next.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// It is due; in which order things are is open.
    Happens(Item),
    /// News comes now, and once more.
    Doubled(Item),
    /// Time passes, to the next deadline.
    Deadline,
    /// The own process of a tree ends, and leaves so many behind.
    Ends {
        body: usize,
        exit: Exit,
        left: u32,
    },
    /// The same, and its exit record cannot be written.
    EndsUnrecorded(usize),
    /// A tree that was ordered does not come to live.
    Fails(usize, Failure),
    Asks(Command),
    Crash,
    /// So many of the batches that are not synced are kept.
    Reboot(usize),
    HostFallsSilent,
    HostAnswers,
    DiskRefuses,
    DiskTakes,
    PhaseIsOver(PhaseId),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    Unstartable,
    Short,
    /// Its daemon is dead, and whether it ran cannot be told.
    Unseen,
}

#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) allowed: Allowed,
    commands: fn() -> Vec<Command>,
}

impl Scene {
    /// The beginning.
    pub(crate) fn new(scope: &Scope, trace: Trace) -> Self {
        let rng = fastrand::Rng::with_seed(1);
        let nature = Nature::by_hand();
        let mut scene = Self {
            world: World::with(rng, nature, (scope.config)(), BEGINS, trace),
            allowed: scope.allowed,
            commands: scope.commands,
        };
        while scope.begins != Begins::First
            && let Some(item) = scene.world.queue.values().next().cloned()
        {
            scene.take(&What::Happens(item), None).unwrap();
        }
        if scope.begins == Begins::WithDouble {
            scene.world.kill_daemon();
            scene.world.double(1, -1, 0);
            scene.forget_what_cannot_happen();
        }
        scene
    }

    /// All that may happen next.
    pub(crate) fn next(&self) -> Vec<What> {
        let mut all = Vec::new();
        self.due(&mut all);
        for (index, body) in self.world.bodies.iter().enumerate() {
            self.fates(index, body, &mut all);
        }
        let (world, allowed) = (&self.world, self.allowed);
        if world.daemon.is_some() {
            if world.daemon.as_ref().is_some_and(|d| d.wake.is_some()) {
                all.push(What::Deadline);
            }
            if allowed.commands > 0 {
                all.extend((self.commands)().into_iter().map(What::Asks));
            }
            if allowed.crashes > 0 {
                all.push(What::Crash);
            }
        }
        if allowed.reboots > 0 {
            let unsynced = world.store.unsynced();
            all.push(What::Reboot(unsynced));
            all.extend((unsynced > 0).then_some(What::Reboot(0)));
        }
        let silent = world.silent_until > world.t;
        all.extend(silent.then_some(What::HostAnswers));
        all.extend(world.store.refuses.then_some(What::DiskTakes));
        if allowed.faults > 0 {
            all.extend((!silent).then_some(What::HostFallsSilent));
            all.extend((!world.store.refuses).then_some(What::DiskRefuses));
        }
        let phases = world.config.plan.phases.first();
        let open = phases.filter(|phase| !world.over.contains(&phase.id));
        all.extend(open.map(|phase| What::PhaseIsOver(phase.id.clone())));
        all
    }

    fn due(&self, all: &mut Vec<What>) {
        let mut items: Vec<&Item> = Vec::new();
        for item in self.world.queue.values() {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        for item in items {
            all.push(What::Happens(item.clone()));
            if self.allowed.faults > 0 && may_be_lost(item) {
                all.push(What::Doubled(item.clone()));
            }
        }
    }

    fn fates(&self, index: usize, body: &Body, all: &mut Vec<What>) {
        match &body.stage {
            Stage::Ordered => {
                if self.allowed.faults > 0 {
                    all.push(What::Fails(index, Failure::Unstartable));
                    all.push(What::Fails(index, Failure::Short));
                }
                if !body.watched {
                    all.push(What::Fails(index, Failure::Unseen));
                }
            }
            Stage::Alive(_) => {
                let ends = |exit, left| What::Ends {
                    body: index,
                    exit,
                    left,
                };
                all.push(ends(Exit::Code(0), 0));
                all.push(ends(Exit::Code(1), 0));
                if self.allowed.faults > 0 {
                    all.push(ends(Exit::Signal(Signal::from_number(11).unwrap()), 1));
                    all.push(What::EndsUnrecorded(index));
                }
            }
            Stage::Ended { .. } | Stage::NeverStarted => {}
        }
    }

    /// It happens; `dies`: the daemon dies in doing what follows, after so many effects. Gives how
    /// many effects there were.
    pub(crate) fn take(&mut self, what: &What, dies: Option<u32>) -> Result<u32, Violation> {
        self.world.dies_in = Some(dies.unwrap_or(u32::MAX));
        self.happen(what)?;
        let left = self.world.dies_in.take();
        if dies.is_some() {
            self.allowed.crashes -= 1;
        }
        self.world.lately.clear();
        self.forget_what_cannot_happen();
        Ok(left.map_or(0, |left| u32::MAX - left))
    }

    fn happen(&mut self, what: &What) -> Checked {
        let Self { world, allowed, .. } = self;
        match what {
            What::Happens(item) => {
                take_out(world, item);
                if matches!(item, Item::DaemonUp) {
                    world.t += RISES;
                }
                return world.happen(item.clone());
            }
            What::Doubled(item) => {
                allowed.faults -= 1;
                return world.happen(item.clone());
            }
            What::Deadline => {
                let wake = world.daemon.as_ref().and_then(|daemon| daemon.wake);
                let t = wake.map_or(world.t, |(_, t)| t);
                return world.wake(t);
            }
            What::Ends { body, exit, left } => {
                allowed.faults -= left;
                world.bodies[*body].temper.leftovers = *left;
                world.act(*body, Act::End(exit.clone()));
            }
            What::EndsUnrecorded(body) => {
                allowed.faults -= 1;
                world.bodies[*body].temper.loses_exit = true;
                world.act(*body, Act::End(Exit::Code(1)));
            }
            What::Fails(body, failure) => {
                allowed.faults -= u32::from(!matches!(failure, Failure::Unseen));
                fail(world, *body, *failure);
            }
            What::Asks(command) => {
                allowed.commands -= 1;
                world.requests += 1;
                let id = RequestId(world.requests);
                return world.tell(Event::Command(id, command.clone()));
            }
            What::Crash => {
                allowed.crashes -= 1;
                world.kill_daemon();
            }
            What::Reboot(kept) => {
                allowed.reboots -= 1;
                let lost = world.store.keep(*kept);
                let lost = u64::try_from(lost).unwrap();
                world.coverage.add("batches lost by power cuts", lost);
                world.coverage.count("reboots, unclean");
                world.reboot(false);
                world.booted = SECOND_BOOT;
            }
            What::HostFallsSilent => {
                allowed.faults -= 1;
                world.silent_until = u64::MAX;
            }
            What::HostAnswers => world.silent_until = 0,
            What::DiskRefuses => {
                allowed.faults -= 1;
                world.store.refuses = true;
            }
            What::DiskTakes => world.store.refuses = false,
            What::PhaseIsOver(id) => {
                world.over.insert(id.clone());
            }
        }
        Ok(())
    }

    /// What is due and has become impossible.
    fn forget_what_cannot_happen(&mut self) {
        let World {
            queue,
            bodies,
            daemon,
            ..
        } = &mut self.world;
        queue.retain(|_, item| match item {
            Item::Tell(number, _) => daemon.as_ref().is_some_and(|d| d.number == *number),
            Item::Body(index, act) => match (act, &bodies[*index].stage) {
                (Act::Begin, Stage::Ordered)
                | (Act::End(_), Stage::Alive(_))
                | (Act::LeftoversEnd, Stage::Ended { left: 1.. })
                | (Act::Killed, Stage::Alive(_) | Stage::Ended { left: 1.. }) => true,
                (Act::Begin | Act::End(_) | Act::LeftoversEnd | Act::Killed, _) => false,
            },
            Item::DaemonUp => daemon.is_none(),
            Item::Chance
            | Item::DiskHeals
            | Item::Impatience(_)
            | Item::Inboxes(..)
            | Item::Settle(..) => true,
        });
    }
}

/// News, which nobody repeats; an answer comes for sure.
fn may_be_lost(item: &Item) -> bool {
    match item {
        Item::Tell(_, event) => matches!(
            event,
            Event::Host(
                HostEvent::Started(..)
                    | HostEvent::StartFailed(..)
                    | HostEvent::Shortage(..)
                    | HostEvent::Ended(..)
                    | HostEvent::Gone(_)
            ) | Event::Probed(..)
                | Event::Watched(..)
                | Event::Typed(..)
                | Event::PhaseChecked(..)
        ),
        Item::Body(..)
        | Item::DaemonUp
        | Item::Chance
        | Item::DiskHeals
        | Item::Impatience(_)
        | Item::Inboxes(..)
        | Item::Settle(..) => false,
    }
}

fn take_out(world: &mut World, item: &Item) {
    let entry = world.queue.iter().find(|(_, other)| *other == item);
    if let Some(key) = entry.map(|(key, _)| *key) {
        world.queue.remove(&key);
    }
}

fn fail(world: &mut World, index: usize, failure: Failure) {
    let body = &mut world.bodies[index];
    match failure {
        Failure::Unstartable => body.temper.unstartable = true,
        Failure::Short => body.temper.short = true,
        Failure::Unseen => {
            body.stage = Stage::Ended { left: 0 };
            body.ended = Some(world.t);
            body.record = Some(Exit::start_unseen());
            return;
        }
    }
    world.act(index, Act::Begin);
}
