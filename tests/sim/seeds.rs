//! Many worlds, and one of them again.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{
    check::Violation, coverage::Coverage, end::CALM, still::STILL, trace::Trace, world::World,
};

/// A world in which something that must hold did not.
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) at: u64,
    pub(crate) violation: Violation,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { check, message } = &self.violation;
        writeln!(
            f,
            "seed {}, at {} ms: {check}: {message}",
            self.seed, self.at
        )?;
        write!(
            f,
            "again: SIM_SEED={} cargo test --release --test sim -- replay --nocapture",
            self.seed
        )
    }
}

/// One world from its beginning to its end.
pub(crate) fn run(seed: u64, trace: Trace) -> (World, Result<(), Failure>) {
    let mut world = World::new(seed, trace);
    let done = live(&mut world);
    let at = world.t;
    let done = done.map_err(|violation| Failure {
        seed,
        at,
        violation,
    });
    (world, done)
}

fn live(world: &mut World) -> Result<(), Violation> {
    let chaos = world.rng.u64(60_000..900_000);
    world.run_until(chaos)?;
    world.still();
    world.run_until(world.t + STILL)?;
    world.calm()?;
    if world.rng.bool() {
        let phases = world.config.plan.phases.clone();
        world.over.extend(phases.into_iter().map(|phase| phase.id));
    }
    world.run_until(world.t + CALM)?;
    world.check_end()
}

/// What became of many worlds.
pub(crate) struct Report {
    pub(crate) seeds: u64,
    pub(crate) seconds: f64,
    /// Simulated, ms.
    pub(crate) simulated: u64,
    pub(crate) coverage: Coverage,
    pub(crate) failures: Vec<Failure>,
}

/// Does it with each seed from `first` on, on all cores, until it says that it is enough.
pub(crate) fn on_all_cores(first: u64, count: u64, goes_on: impl Fn(u64) -> bool + Sync) {
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    if !goes_on(seed) {
                        next.store(first + count, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

/// Runs the seeds from `first` on.
pub(crate) fn run_many(first: u64, count: u64, failures_wanted: usize) -> Report {
    let simulated = AtomicU64::new(0);
    let all = Mutex::new((Coverage::default(), Vec::new()));
    let began = Instant::now();
    on_all_cores(first, count, |seed| {
        let (world, done) = run(seed, Trace::off());
        simulated.fetch_add(world.t, Ordering::Relaxed);
        let mut all = all.lock().unwrap();
        all.0.merge(&world.coverage);
        all.1.extend(done.err());
        all.1.len() < failures_wanted
    });
    let (coverage, mut failures) = all.into_inner().unwrap();
    failures.sort_by_key(|failure| failure.seed);
    Report {
        seeds: count,
        seconds: began.elapsed().as_secs_f64(),
        simulated: simulated.into_inner(),
        coverage,
        failures,
    }
}
