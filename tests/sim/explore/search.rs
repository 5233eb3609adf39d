//! The search, in breadth.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use crate::{
    check::{Checked, Violation},
    coverage::Coverage,
    end::CALM,
    trace::Trace,
};

use super::{fingerprint::fingerprint, scene::Scene, scope::Scope};

/// From one of so many states the world is left in peace.
const IN_PEACE: u64 = 64;
/// So many states are gone on from before their successors are put together.
const AT_ONCE: usize = 8192;

/// One step of a way: which of what may happen, and after how many effects the daemon dies in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) what: usize,
    pub(crate) dies: Option<u32>,
}

/// A state, as the way to it.
struct Node {
    from: usize,
    step: Step,
    fingerprint: u64,
}

/// What a search found.
pub(crate) struct Found {
    pub(crate) depth: usize,
    pub(crate) states: usize,
    pub(crate) steps: u64,
    pub(crate) at_rest: u64,
    pub(crate) seconds: f64,
    pub(crate) coverage: Coverage,
    /// The shortest way to a state that must not be, or that does not come to rest.
    pub(crate) violation: Option<(Vec<Step>, Violation)>,
}

/// What follows from one state.
#[derive(Default)]
struct Followed {
    next: Vec<(u64, Step)>,
    at_rest: u64,
    violation: Option<(Option<Step>, Violation)>,
}

/// Every way of so many steps.
pub(crate) fn search(scope: &Scope, depth: usize) -> Found {
    let began = Instant::now();
    let root = fingerprint(&Scene::new(scope, Trace::off()));
    let mut nodes = vec![Node {
        from: 0,
        step: Step {
            what: 0,
            dies: None,
        },
        fingerprint: root,
    }];
    let mut seen = HashSet::from([root]);
    let mut found = Found {
        depth,
        states: 0,
        steps: 0,
        at_rest: 0,
        seconds: 0.0,
        coverage: Coverage::default(),
        violation: None,
    };
    let mut level = 0..1;
    'search: for _ in 0..depth {
        let end = level.end;
        while !level.is_empty() {
            let some = level.start..end.min(level.start + AT_ONCE);
            level.start = some.end;
            for (from, followed) in follow_all(scope, &nodes, some, &mut found.coverage) {
                found.steps += u64::try_from(followed.next.len()).unwrap();
                found.at_rest += followed.at_rest;
                for (fingerprint, step) in followed.next {
                    if seen.insert(fingerprint) {
                        nodes.push(Node {
                            from,
                            step,
                            fingerprint,
                        });
                    }
                }
                if let Some((step, violation)) = followed.violation {
                    let mut way = way_to(&nodes, from);
                    way.extend(step);
                    found.violation = Some((way, violation));
                    break 'search;
                }
            }
        }
        level = end..nodes.len();
    }
    found.states = nodes.len();
    found.seconds = began.elapsed().as_secs_f64();
    found
}

fn way_to(nodes: &[Node], mut at: usize) -> Vec<Step> {
    let mut way = Vec::new();
    while at != 0 {
        way.push(nodes[at].step);
        at = nodes[at].from;
    }
    way.reverse();
    way
}

/// What follows from each of these, in order, on all cores.
fn follow_all(
    scope: &Scope,
    nodes: &[Node],
    some: std::ops::Range<usize>,
    coverage: &mut Coverage,
) -> Vec<(usize, Followed)> {
    let next = AtomicUsize::new(some.start);
    let all = Mutex::new((Vec::with_capacity(some.len()), coverage));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|spawner| {
        for _ in 0..threads {
            spawner.spawn(|| {
                let mut met = Coverage::default();
                let mut mine = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= some.end {
                        break;
                    }
                    let way = way_to(nodes, at);
                    mine.push((at, follow(scope, &way, nodes[at].fingerprint, &mut met)));
                }
                let mut all = all.lock().unwrap();
                all.0.extend(mine);
                all.1.merge(&met);
            });
        }
    });
    let (mut followed, _) = all.into_inner().unwrap();
    followed.sort_unstable_by_key(|(at, _)| *at);
    followed
}

/// All that may happen in the state at the end of this way.
fn follow(scope: &Scope, way: &[Step], is: u64, met: &mut Coverage) -> Followed {
    let mut scene = Scene::new(scope, Trace::off());
    for step in way {
        let what = scene.next().swap_remove(step.what);
        scene.take(&what, step.dies).unwrap();
    }
    scene.world.coverage = Coverage::default();
    let mut followed = Followed::default();
    if is.is_multiple_of(IN_PEACE) {
        if let Err(violation) = left_in_peace(scene.clone()) {
            followed.violation = Some((None, violation));
            return followed;
        }
        followed.at_rest = 1;
    }
    for (index, what) in scene.next().iter().enumerate() {
        // To die before the first effect is to die without having heard of it.
        let mut after = 0;
        let mut effects = 1;
        while after < effects {
            let step = Step {
                what: index,
                dies: (after > 0).then_some(after),
            };
            let mut next = scene.clone();
            let done = next.take(what, step.dies);
            met.merge(&next.world.coverage);
            match done {
                Ok(performed) if after == 0 && scene.allowed.crashes > 0 => effects = performed,
                Ok(_) => {}
                Err(violation) => {
                    followed.violation = Some((Some(step), violation));
                    return followed;
                }
            }
            followed.next.push((fingerprint(&next), step));
            after += 1;
        }
    }
    followed
}

/// With the faults over, the rig comes to rest, and everything that should run runs.
fn left_in_peace(mut scene: Scene) -> Checked {
    let world = &mut scene.world;
    world.calm()?;
    world.run_until(world.t + CALM)?;
    world.check_end()
}
