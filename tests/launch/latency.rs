//! How long a start and an end take, beside a hundred others. Bounds are loose; figures are printed.

use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use loopkeeper::model::{Exit, LauncherKind, Signal};

use crate::{
    alone::{alone, kill},
    world::World,
};

const WORKERS: usize = 100;

fn told(what: &str, mut all: Vec<Duration>) {
    all.sort_unstable();
    let (median, most) = (all[all.len() / 2], all[all.len() - 1]);
    eprintln!("{what}: median {median:?}, most {most:?}");
    assert!(median < Duration::from_millis(500), "{what}: {median:?}");
}

#[test]
fn a_start_and_an_end_are_quick_beside_a_hundred_workers() {
    alone(
        "latency::a_start_and_an_end_are_quick_beside_a_hundred_workers",
        || async {
            let mut world = World::new();
            let sleeper = world.script(LauncherKind::Process, "exec sleep 1000");
            let begin = Instant::now();
            let attempts: Vec<_> = (0..WORKERS).map(|_| world.start(&sleeper)).collect();
            let mut others = Vec::new();
            for attempt in attempts {
                let identity = world.started(&attempt).await;
                others.push((attempt, identity));
            }
            eprintln!("{WORKERS} starts at once: {:?}", begin.elapsed());

            let clock = world.worker(LauncherKind::Process, "date", &["+%s%N"]);
            let mut to_program = Vec::new();
            for _ in 0..50 {
                let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let (attempt, _) = world.run(&clock).await;
                world.gone_after_end(&attempt).await;
                let said = fs::read_to_string(world.directory(&attempt).output()).unwrap();
                let at = Duration::from_nanos(said.trim().parse().unwrap());
                to_program.push(at.saturating_sub(before));
            }
            told("from start to the program's own clock", to_program);

            let mut to_gone = Vec::new();
            for _ in 0..50 {
                let (attempt, identity) = world.run(&sleeper).await;
                let begin = Instant::now();
                kill(identity.pid);
                let exit = world.gone_after_end(&attempt).await;
                to_gone.push(begin.elapsed());
                assert_eq!(exit, Exit::Signal(Signal::KILL));
            }
            told("from the end to gone", to_gone);

            let begin = Instant::now();
            for (_, identity) in &others {
                kill(identity.pid);
            }
            for (attempt, _) in &others {
                world.gone_after_end(attempt).await;
            }
            let took = begin.elapsed();
            eprintln!("{WORKERS} ends at once: {took:?}");
            assert!(took < Duration::from_secs(10), "{took:?}");
        },
    );
}
