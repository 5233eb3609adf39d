//! What happens by chance: faults, and an operator with many wishes.

use std::time::Duration;

use fastrand::Rng;
use loopkeeper::{
    decide::{Command, Event, Leave, Nudge, PhaseRef, RequestId, ResumePoint, SetBy, When},
    model::{Stop, WorkerName},
};

use crate::{
    body::Temper,
    check::Checked,
    configs,
    told::{Place, meant, place},
    world::{After, Item, World},
};

/// How hostile a world is; drawn once a world, so that some have one fault only.
#[derive(Debug, Clone)]
pub(crate) struct Nature {
    calm: bool,
    /// Nothing happens by chance, and nothing at once: somebody says what is next.
    by_hand: bool,
    /// From one chance to the next at the most, ms.
    every: u64,
    /// Percent of what is told that is lost, doubled, or late.
    losses: u32,
    doubles: u32,
    late: u32,
    /// Percent of wake-ups that are late.
    sleepy: u32,
    /// Percent of bad temper in trees.
    trouble: u32,
    kills: u32,
    reboots: u32,
    disk: u32,
    silence: u32,
    operator: u32,
    clocks: u32,
}

impl Nature {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let mut some = |most: u32| if rng.bool() { rng.u32(0..=most) } else { 0 };
        Self {
            calm: false,
            by_hand: false,
            losses: some(15),
            doubles: some(20),
            late: some(60),
            sleepy: some(20),
            trouble: some(100),
            kills: some(30),
            reboots: some(6),
            disk: some(8),
            silence: some(8),
            operator: some(60),
            clocks: some(10),
            every: rng.u64(500..20_000),
        }
    }

    pub(crate) fn calm() -> Self {
        Self {
            calm: true,
            by_hand: false,
            every: 1,
            losses: 0,
            doubles: 0,
            late: 0,
            sleepy: 0,
            trouble: 0,
            kills: 0,
            reboots: 0,
            disk: 0,
            silence: 0,
            operator: 0,
            clocks: 0,
        }
    }

    pub(crate) fn by_hand() -> Self {
        Self {
            calm: false,
            by_hand: true,
            ..Self::calm()
        }
    }

    pub(crate) fn is_by_hand(&self) -> bool {
        self.by_hand
    }

    /// What else is left to chance.
    pub(crate) fn flips(&self, rng: &mut Rng) -> bool {
        self.by_hand || rng.bool()
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm
    }

    /// True so often, and never in calm.
    pub(crate) fn percent(&self, rng: &mut Rng, percent: u32) -> bool {
        !self.calm && !self.by_hand && rng.u32(0..100) < percent
    }

    pub(crate) fn trouble(&self) -> u32 {
        self.trouble
    }

    pub(crate) fn loses(&self, rng: &mut Rng) -> bool {
        self.percent(rng, self.losses)
    }

    pub(crate) fn doubles(&self, rng: &mut Rng) -> bool {
        self.percent(rng, self.doubles)
    }

    /// How long something is under way, ms.
    pub(crate) fn delay(&self, rng: &mut Rng) -> u64 {
        if self.by_hand {
            return 0;
        }
        if !self.percent(rng, self.late) {
            return rng.u64(0..20);
        }
        let most = if rng.u32(0..10) == 0 { 60_000 } else { 2_000 };
        rng.u64(0..most)
    }

    /// How much too late a sleeper wakes, ms.
    pub(crate) fn lateness(&self, rng: &mut Rng) -> u64 {
        if self.percent(rng, self.sleepy) {
            rng.u64(0..3_000)
        } else {
            0
        }
    }

    /// From a daemon's death to the next one, ms.
    pub(crate) fn downtime(&self, rng: &mut Rng) -> u64 {
        if self.by_hand {
            1_000
        } else if rng.u32(0..4) == 0 {
            rng.u64(0..120_000)
        } else {
            rng.u64(50..3_000)
        }
    }

    pub(crate) fn temper(&self, rng: &mut Rng, stop: &Stop) -> Temper {
        if self.by_hand {
            Temper::by_hand(stop)
        } else if self.calm {
            Temper::calm(rng)
        } else {
            Temper::wild(rng, self.trouble, stop)
        }
    }
}

impl World {
    /// One thing happens by chance, and the next one is arranged for.
    pub(crate) fn chance(&mut self) -> Checked {
        let next = self.rng.u64(1..=self.nature.every);
        self.later(next, Item::Chance);
        let n = self.nature.clone();
        let weights = [
            n.kills,
            n.kills,
            n.kills / 2,
            n.reboots,
            n.reboots,
            n.disk,
            n.silence,
            n.clocks,
            n.operator,
            n.trouble / 4,
            8,
            4,
            3,
            3,
            4,
            12,
        ];
        let mut drawn = self.rng.u32(0..weights.iter().sum());
        let chosen = weights.iter().position(|weight| {
            let hit = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            hit
        });
        match chosen {
            Some(0) => {
                self.coverage.count("daemon killed while idle");
                self.kill_daemon();
            }
            Some(1) => self.dies_in = Some(self.rng.u32(0..40)),
            Some(2) => return self.leave(After::Restart),
            Some(3) => self.reboot(true),
            Some(4) => return self.leave(After::Reboot),
            Some(5) => {
                self.store.refuses = true;
                self.coverage.count("disk refuses writes");
                self.note(|| "disk refuses writes".into());
                let heals = self.rng.u64(10..60_000);
                self.later(heals, Item::DiskHeals);
            }
            Some(6) => {
                self.silent_until = self.t + self.rng.u64(10..60_000);
                self.coverage.count("host does not answer");
                self.note(|| "the host does not answer".into());
            }
            Some(7) => self.clock_jumps(),
            Some(8) => return self.operator(),
            Some(9) => self.tree_trouble(),
            Some(10) => self.phase_ends(),
            Some(11) => return self.edit_phase_file(),
            Some(12) => return self.tell(Event::PhaseMayBeOver),
            Some(13) => return self.tell(Event::Wake),
            Some(14) => return self.late_double(),
            _ => self.file_comes(),
        }
        Ok(())
    }

    fn leave(&mut self, after: After) -> Checked {
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let number = daemon.number;
        self.after = after;
        self.later(90_000, Item::Impatience(number));
        let how = if self.rng.bool() {
            Leave::WorkersGoOn
        } else {
            Leave::StopWorkers
        };
        self.coverage.count("daemon asked to leave");
        self.tell(Event::Leave(how))
    }

    fn clock_jumps(&mut self) {
        let hours = match self.rng.u32(0..3) {
            0 => self.rng.i64(-1..=1),
            1 => self.rng.i64(-24 * 400..=24 * 400),
            _ => 0,
        };
        self.skew += hours * 3_600_000 + self.rng.i64(-10_000..10_000);
        self.coverage.count("clock jumps");
        let wall = self.wall();
        self.note(|| format!("the clock jumps to {wall}"));
    }

    /// A living tree ends, or falls ill.
    fn tree_trouble(&mut self) {
        let alive: Vec<_> = (0..self.bodies.len())
            .filter(|i| self.bodies[*i].runs())
            .collect();
        let Some(index) = self.rng.choice(alive) else {
            return;
        };
        let (t, ends) = (self.t, self.rng.bool());
        let stop = self.bodies[index].worker.stop;
        let fresh = Temper::wild(&mut self.rng, 100, &stop);
        let body = &mut self.bodies[index];
        match (ends, fresh.own_end) {
            (true, Some((_, exit))) => {
                self.later(0, Item::Body(index, crate::host::Act::End(exit)))
            }
            _ => {
                let age = t - body.began.unwrap_or(t);
                let until = if self.rng.bool() {
                    u64::MAX
                } else {
                    age + 60_000
                };
                body.temper.sick = Some((age, until));
                self.coverage.count("trees that fell ill");
            }
        }
    }

    fn phase_ends(&mut self) {
        let phases = &self.config.plan.phases;
        if phases.is_empty() {
            return;
        }
        let id = phases[self.rng.usize(0..phases.len())].id.clone();
        if !self.over.remove(&id) {
            self.note(|| format!("the end of phase {id} has come"));
            self.over.insert(id);
        }
    }

    fn edit_phase_file(&mut self) -> Checked {
        let phase = self.some_phase();
        self.coverage.count("edits of phase-idx");
        if self.daemon.is_some() {
            return self.tell(Event::PhaseFile(phase));
        }
        // The store reads it when it is opened; what it does not understand it does not take.
        if place(&self.config.plan, None, false) == Place::NoPlan {
            return Ok(());
        }
        if let Some(index) = meant(&self.config.plan, &phase) {
            let phases = &self.config.plan.phases;
            let ids: Vec<_> = phases.iter().map(|phase| phase.id.clone()).collect();
            let point = ResumePoint::new(&ids, index, self.wall(), SetBy::File);
            self.note(|| format!("phase-idx is edited while no daemon runs: {point:?}"));
            self.store.now.set_resume_point(point);
        }
        Ok(())
    }

    fn some_phase(&mut self) -> PhaseRef {
        if self.rng.bool() {
            PhaseRef::Index(self.rng.usize(0..7))
        } else {
            PhaseRef::Id(format!("p{}", self.rng.u32(0..7)).parse().unwrap())
        }
    }

    fn late_double(&mut self) -> Checked {
        if self.lately.is_empty() {
            return Ok(());
        }
        let index = self.rng.usize(0..self.lately.len());
        self.coverage.count("events doubled, very late");
        let event = self.lately[index].clone();
        self.tell(event)
    }

    fn operator(&mut self) -> Checked {
        if self.daemon.is_none() {
            return Ok(());
        }
        if self.rng.u32(0..8) == 0 {
            let waiting = self.checks.nudges.waiting.iter().copied();
            if let Some(id) = self.rng.choice(waiting.collect::<Vec<_>>()) {
                self.coverage.count("people who hung up");
                return self.tell(Event::HungUp(id));
            }
        }
        let command = match self.rng.u32(0..20) {
            0..=2 => Command::Start(self.some_workers()),
            3..=4 => Command::Stop(self.some_workers()),
            5..=6 => Command::Restart(self.some_workers()),
            7 => Command::Pause,
            8..=9 => Command::Resume(None),
            10 => Command::Resume(Some(self.some_phase())),
            11 => Command::PhaseSet(self.some_phase()),
            12 => Command::PhaseDone,
            13..=16 => self.some_text(),
            _ => {
                let config = configs::edited(&mut self.rng, &self.config);
                // A changed file stays on the disk, whether or not the rig takes it.
                if self.rng.u32(0..4) > 0 {
                    self.config = config.clone();
                }
                Command::Reload(Box::new(config))
            }
        };
        self.coverage.count("commands");
        self.requests += 1;
        self.tell(Event::Command(RequestId(self.requests), command))
    }

    /// Each other words, so that it is known again.
    fn some_text(&mut self) -> Command {
        self.coverage.count("texts asked for");
        let agents = self.config.workers.values();
        let agents = agents.filter(|worker| worker.agent.is_some());
        let agents: Vec<_> = agents.map(|worker| worker.name.clone()).collect();
        let worker = self.rng.choice(agents);
        let now = self.rng.bool();
        Command::Nudge(Nudge {
            worker: worker.unwrap_or_else(|| "nobody".parse().unwrap()),
            text: format!("text {}\nthe rest of it", self.requests),
            when: if now { When::Now } else { When::Idle },
            within: Duration::from_secs(self.rng.u64(1..300)),
        })
    }

    fn some_workers(&mut self) -> Vec<WorkerName> {
        let mut names: Vec<_> = self.config.workers.keys().cloned().collect();
        self.rng.shuffle(&mut names);
        names.truncate(self.rng.usize(1..=3));
        if names.is_empty() || self.rng.u32(0..20) == 0 {
            names.push("nobody".parse().unwrap());
        }
        names
    }

    /// What people and fate do while no daemon runs.
    pub(crate) fn while_down(&mut self) {
        if self.nature.is_calm() {
            return;
        }
        if self.nature.percent(&mut self.rng, self.nature.operator / 3) {
            self.config = configs::edited(&mut self.rng, &self.config);
            self.coverage
                .count("configuration edited while no daemon runs");
            self.note(|| "the configuration is edited".into());
        }
        if self.nature.percent(&mut self.rng, self.nature.kills / 4) {
            self.add_double();
        }
        while self.nature.percent(&mut self.rng, 50) {
            self.file_comes();
        }
    }
}
