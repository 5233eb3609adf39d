//! The rig in a simulated world, thousands of times.
//!
//! A world is made from a seed: a random configuration, a host, a disk, clocks, inboxes, an operator, and
//! faults at every joint, and a while in
//! which nothing but its own deadlines wakes the rig (`still`). After every event the invariants of the design are checked (`check`,
//! `budget`); when the faults are over, the rig must come to rest in the state that an independent
//! reading of its configuration calls for (`end`). In small worlds everything that can happen does, in
//! every order, to a depth (`explore`). Through whole nights agents live lives of their own, and what is lost of
//! their time is counted (`night`).
//!
//! `SIM_SEED=N cargo test --release --test sim -- replay --nocapture` shows one world; `SIM_SEEDS`,
//! `SIM_FIRST` and `SIM_FAILURES` say how many are run, from which on, and until how many failed; `SIM_DEEPER`, how many
//! steps deeper is explored.

#![expect(clippy::unwrap_used, reason = "these are tests, their worlds included")]

mod body;
mod budget;
mod chaos;
mod check;
mod configs;
mod coverage;
mod effects;
mod end;
mod explore;
mod host;
mod inboxes;
mod lines;
mod night;
mod overdue;
mod seeds;
mod still;
mod stood;
mod store;
mod terminal;
mod told;
mod trace;
mod world;

use trace::Trace;

/// Worlds in one run; a build without optimisation is given fewer.
const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { MANY };
/// Worlds in a run that meets also what is rare.
const MANY: u64 = 10_000;

/// Faults that every run of [`SEEDS`] must have met, so that no check passes for want of one.
const FAULTS: &[&str] = &[
    "answers of the host delayed",
    "answers: unknown",
    "attempts for want of something not started",
    "agents told of a crash",
    "agents told of a phase",
    "agents told of a reboot",
    "agents told to begin",
    "attempts that could not be started",
    "batches lost by power cuts",
    "clock jumps",
    "conversations gone on with",
    "configuration edited while no daemon runs",
    "daemon killed between two effects",
    "disk refuses writes",
    "checkouts of who does not run",
    "edits of phase-idx",
    "ends in calm that nobody heard of",
    "events doubled",
    "events doubled, very late",
    "files delivered",
    "files dropped in",
    "files dropped over others",
    "files failed",
    "files taken away",
    "files that could not be moved",
    "host does not answer",
    "leftovers that stay",
    "limits gone on after",
    "limits reached",
    "looks that failed",
    "looks that nobody could take",
    "lost: Ended",
    "lost: Gone",
    "lost: Checkout",
    "lost: PhaseChecked",
    "lost: Probed",
    "lost: Settled",
    "lost: Started",
    "lost: Typed",
    "attempts that went down with the machine, and it is known how",
    "people who hung up",
    "phases not wound up in time",
    "phases that went on",
    "phases wound up",
    "reboots, clean",
    "reboots, unclean",
    "stillness: an attempt too many heeds no signal",
    "stillness: host does not answer",
    "texts left by a daemon that died",
    "texts refused",
    "texts typed",
    "workers that stood still across daemons",
    "worktrees made",
    "worktrees that could not be made",
];

/// And these, met by one world in some hundreds, every run of [`MANY`].
const RARE: &[&str] = &[
    "ends of phases taken up",
    "ends of phases taken up after a reboot",
    "files moved unheard",
    "lost: Shortage",
    "texts left on input lines",
    "texts submitted that were left",
];

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text:?} is not a number")),
    )
}

#[test]
fn every_world_keeps_the_invariants() {
    let count = from_environment("SIM_SEEDS").unwrap_or(SEEDS);
    let first = from_environment("SIM_FIRST").unwrap_or(0);
    let wanted = from_environment("SIM_FAILURES").unwrap_or(1);
    let report = seeds::run_many(first, count, usize::try_from(wanted).unwrap());
    let hours = report.simulated / 3_600_000;
    println!(
        "{} worlds, {hours} simulated hours in {:.1} s: {:.0} seeds/s\n{}",
        report.seeds,
        report.seconds,
        report.seeds as f64 / report.seconds,
        report.coverage
    );
    for failure in &report.failures {
        println!("{failure}");
    }
    if let Some(failure) = report.failures.first() {
        let (world, _) = seeds::run(failure.seed, Trace::on(false));
        panic!("{}\n{failure}", world.trace.text());
    }
    for (faults, worlds) in [(FAULTS, SEEDS), (RARE, MANY)] {
        for fault in faults {
            let met = report.coverage.of(fault);
            assert!(met > 0 || count < worlds, "no world met: {fault}");
        }
    }
}

#[test]
fn replay() {
    let Some(seed) = from_environment("SIM_SEED") else {
        return;
    };
    let (world, done) = seeds::run(seed, Trace::on(true));
    println!("{}", world.trace.text());
    if let Err(failure) = done {
        panic!("{failure}");
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..50 {
        let once = seeds::run(seed, Trace::on(false)).0.trace.fingerprint();
        let again = seeds::run(seed, Trace::on(false)).0.trace.fingerprint();
        assert_eq!(once, again, "seed {seed}");
    }
}
