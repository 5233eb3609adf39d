//! A night: eight hours in which nobody looks, with two loops that hit limits, stall, crash and build.
//!
//! # Promise
//!
//! Nobody who works is stopped without a wish, and nothing is typed to who works: in no night. How much of
//! the loops' time is lost is printed, by what it was lost to.
//!
//! # What is lost
//!
//! A moment of a loop is lost if the loop does not work in it although it could, and a perfect supervisor
//! would have it at work. That one is there from the first instant of a boot to the last, acts without
//! delay and without mistakes, and knows when a limit of the account ends, when the provider answers again
//! and when a program has ended. It cannot do what nobody can:
//!
//! - have a loop work while the machine is down, the limit of its account holds or the provider does not
//!   answer ([`Weather::fair`]);
//! - answer what an agent asks a person, who does that in his own time;
//! - have a program ready before it has started;
//! - tell a stall from work that shows nothing before it has lasted longer than any such work:
//!   [`LONGEST_SILENCE`]. From then on it is lost time.
//!
//! What is lost is given as a share of the time in which the machine was up. Beside it is how long the
//! loops stood in all, with what nobody could have changed.
//!
//! # How
//!
//! The world is that of the random worlds in calm, with a rig as an operator writes it (`rig`). What the
//! night brings is drawn beforehand (`weather`); what an agent is about goes on by itself, whether somebody
//! looks or not (`agent`, with its `screens`), and is put down when it changes (`book`). What the rig does
//! is checked as in every world.
//!
//! `SIM_NIGHT=N cargo test --release --test sim -- one_night --nocapture` shows one; `SIM_NIGHTS` says how
//! many there are.

mod agent;
mod book;
mod report;
mod rig;
mod screens;
mod weather;

use std::{collections::BTreeMap, sync::Mutex, time::Instant};

use fastrand::Rng;
use loopkeeper::{
    agent::{signs::Signs, typed::Permission},
    decide::{Event, Leave, Typed},
    model::{AttemptRef, Exit, WorkerName},
};

use crate::{
    chaos::Nature,
    check::{Checked, Violation, Why},
    from_environment,
    host::Act,
    seeds::on_all_cores,
    trace::Trace,
    world::{After, World},
};

pub(crate) use book::Cause;

use agent::Loop;
use report::{Report, Tale};
use weather::{Fate, NIGHT, Weather};

/// The longest time for which one that works shows nothing, ms.
const LONGEST_SILENCE: u64 = 110 * 60_000;
/// Nights in one run; a build without optimisation is given fewer.
const NIGHTS: u64 = if cfg!(debug_assertions) { 20 } else { 1_000 };

/// The agents of a night, and what happens to them.
#[derive(Clone)]
pub(crate) struct Night {
    rng: Rng,
    weather: Weather,
    loops: BTreeMap<WorkerName, Loop>,
    tale: Tale,
}

impl Night {
    fn new(rng: &mut Rng, names: impl Iterator<Item = WorkerName>) -> Self {
        let weather = Weather::random(rng);
        let loops = names.map(|name| (name, Loop::new(rng)));
        Self {
            loops: loops.collect(),
            weather,
            tale: Tale::default(),
            rng: rng.fork(),
        }
    }

    /// What is to be seen of the agent of an attempt that began then.
    pub(crate) fn looks(
        &mut self,
        t: u64,
        of: &AttemptRef,
        began: u64,
    ) -> Result<Box<Signs>, String> {
        if self.rng.u32(0..200) == 0 {
            return Err("tmux does not answer".into());
        }
        let of_it = self.loops.get_mut(&of.worker);
        let of_it = of_it.ok_or("there is no such session")?;
        Ok(Box::new(of_it.shows(t, of, began, &self.weather)))
    }

    /// A text comes to the agent of an attempt that began then; after which time is said how that went.
    pub(crate) fn types(
        &mut self,
        t: u64,
        of: &AttemptRef,
        began: u64,
        permission: Permission,
    ) -> (Typed, u64) {
        let within = self.rng.u64(500..3_000);
        let typed = match self.loops.get_mut(&of.worker) {
            Some(of_it) => of_it.types(t, of, began, permission, &self.weather, &mut self.tale),
            None => Typed::Nothing {
                why: "there is no such session".into(),
            },
        };
        (typed, within)
    }

    /// The rig has signalled an attempt.
    pub(crate) fn signalled(&mut self, t: u64, of: &AttemptRef, why: Why) {
        let wished = match why {
            Why::Leftovers | Why::Wanted(_) | Why::Phase | Why::PhaseOver | Why::Continued => true,
            Why::Definition | Why::Restart | Why::Verdict(_) | Why::Double => false,
        };
        let of_it = self.loops.get_mut(&of.worker);
        let works = of_it.is_some_and(|of_it| of_it.works(t, of, &self.weather));
        self.tale.wrong_kills += u64::from(works && !wished);
    }

    /// The program of an attempt has ended, for that; `None`: the machine is about to go down.
    pub(crate) fn ended(&mut self, t: u64, of: &AttemptRef, why: Option<Cause>) {
        if let Some(of_it) = self.loops.get_mut(&of.worker) {
            match why {
                Some(why) => of_it.ends(t, why, &self.weather),
                None => of_it.goes_down(t, &self.weather),
            }
        }
    }

    /// The machine goes down.
    pub(crate) fn goes_down(&mut self, t: u64) {
        for of_it in self.loops.values_mut() {
            of_it.goes_down(t, &self.weather);
        }
    }

    /// It is up again.
    pub(crate) fn comes_up(&mut self, t: u64) {
        for of_it in self.loops.values_mut() {
            of_it.comes_up(t);
        }
    }

    /// The rig tells something.
    pub(crate) fn told(&mut self, event: &str) {
        *self.tale.told.entry(event.to_owned()).or_default() += 1;
    }

    /// It is over; what became of it.
    fn over(mut self, t: u64) -> Tale {
        for of_it in self.loops.into_values() {
            self.tale.add(of_it.over(t, &self.weather));
        }
        self.tale
    }
}

impl World {
    fn befalls(&mut self, fate: Fate) -> Checked {
        self.note(|| format!("{fate:?}"));
        match fate {
            Fate::DaemonDies => self.kill_daemon(),
            Fate::PowerCut => self.reboot(true),
            Fate::Reboot if self.daemon.is_none() => self.reboot(false),
            Fate::Reboot => {
                self.after = After::Reboot;
                return self.tell(Event::Leave(Leave::StopWorkers));
            }
            Fate::PhaseEnds => {
                let first = self.config.plan.phases[0].id.clone();
                self.over.insert(first);
                return self.tell(Event::PhaseMayBeOver);
            }
            Fate::Crash(which) => {
                let name = self.config.workers.keys().nth(which);
                let runs = |body: &crate::body::Body| body.runs() && Some(&body.of.worker) == name;
                if let Some(index) = self.bodies.iter().position(runs) {
                    self.act(index, Act::End(Exit::Code(1)));
                }
            }
        }
        Ok(())
    }
}

/// One night from its beginning to its end.
fn spend(seed: u64, trace: Trace) -> (World, Result<Tale, Violation>) {
    let mut rng = Rng::with_seed(seed);
    let config = rig::rig(&mut rng);
    let night = Night::new(&mut rng, config.workers.keys().cloned());
    let fates = weather::fates(&mut rng, config.workers.len());
    let mut world = World::with(rng, Nature::calm(), config, 0, trace);
    world.night = Some(Box::new(night));
    let lived = live(&mut world, fates);
    let at = world.t;
    let night = world.night.take();
    let tale = lived.map(|()| night.unwrap().over(at));
    (world, tale)
}

fn live(world: &mut World, fates: Vec<(u64, Fate)>) -> Checked {
    for (at, fate) in fates {
        world.run_until(at)?;
        world.befalls(fate)?;
    }
    world.run_until(NIGHT)
}

#[test]
fn nobody_who_works_is_disturbed_in_a_night() {
    let count = from_environment("SIM_NIGHTS").unwrap_or(NIGHTS);
    let began = Instant::now();
    let all = Mutex::new((Vec::new(), None));
    on_all_cores(0, count, |seed| {
        let (_, tale) = spend(seed, Trace::off());
        let mut all = all.lock().unwrap();
        match tale {
            Ok(tale) => all.0.push((seed, tale)),
            Err(violation) => all.1 = Some((seed, violation)),
        }
        all.1.is_none()
    });
    let (tales, failed) = all.into_inner().unwrap();
    if let Some((seed, Violation { check, message })) = failed {
        let (world, _) = spend(seed, Trace::on(false));
        panic!("{}\nnight {seed}: {check}: {message}", world.trace.text());
    }
    let report = Report::of(tales);
    println!("{report}  in {:.1} s", began.elapsed().as_secs_f64());
    report.check(count >= NIGHTS);
}

#[test]
fn one_night() {
    let Some(seed) = from_environment("SIM_NIGHT") else {
        return;
    };
    let (world, tale) = spend(seed, Trace::on(true));
    println!("{}", world.trace.text());
    match tale {
        Ok(tale) => println!("{}", Report::of(vec![(seed, tale)])),
        Err(Violation { check, message }) => panic!("{check}: {message}"),
    }
}
