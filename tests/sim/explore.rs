//! Everything that can happen to a small rig, in every order, to a depth.
//!
//! # Promise
//!
//! Two workers, a host, a disk and an operator (`scope`): from the first start of the daemon on, every
//! thing that may happen next is tried in every state that is come to, and after each the same
//! invariants are checked as in the random worlds. What is found is the shortest way to it.
//!
//! # How
//!
//! The world is the one of the random worlds, by hand: what the host has to say waits, and any of it may
//! be heard next, or never; a tree ends when and how it is told to; time passes only to the next
//! deadline (`scene`). The search goes in breadth. A state in which it was before, by its fingerprint
//! (`fingerprint`), it does not enter again. Of a state only the way to it is kept.
//!
//! From some of the states the world is left in peace: it must come to rest as the random ones do.

mod fingerprint;
mod scene;
mod scope;
mod search;

use std::fmt::Write as _;

use crate::{coverage::Coverage, from_environment, trace::Trace};

use scene::Scene;
use scope::{SCOPES, Scope};
use search::{Found, Step, search};

/// Steps less than in a build with optimisation.
const SHALLOWER: usize = if cfg!(debug_assertions) { 3 } else { 0 };

/// What every exploration must have come across, so that no check passes for want of it.
const MET: &[&str] = &[
    "attempts",
    "attempts taken over",
    "attempts that could not be started",
    "batches lost by power cuts",
    "daemon killed between two effects",
    "daemon kills",
    "records refused",
    "reboots, unclean",
    "signals to leftovers",
    "stops because it was not wanted",
    "stops continued",
    "strays",
    "surveys that failed",
    "workers held",
];

#[test]
fn every_order_of_events_keeps_the_invariants() {
    let deeper = usize::try_from(from_environment("SIM_DEEPER").unwrap_or(0)).unwrap();
    let mut met = Coverage::default();
    for scope in SCOPES {
        let depth = scope.depth + deeper - SHALLOWER;
        let found = search(scope, depth);
        println!("{}", in_words(scope, &found));
        if let Some((way, violation)) = &found.violation {
            panic!(
                "{}\n{} steps: {}: {}",
                story(scope, way),
                way.len(),
                violation.check,
                violation.message
            );
        }
        met.merge(&found.coverage);
    }
    for what in MET {
        assert!(
            met.of(what) > 0 || cfg!(debug_assertions),
            "no state was come to by: {what}\n{met}"
        );
    }
}

fn in_words(scope: &Scope, found: &Found) -> String {
    let steps = found.steps;
    format!(
        "{}: depth {}, {} states, {steps} steps in {:.1} s, {:.0} steps/s; {} states left in peace",
        scope.name,
        found.depth,
        found.states,
        found.seconds,
        steps as f64 / found.seconds,
        found.at_rest,
    )
}

/// The way, step by step, with all that the rig heard and did.
fn story(scope: &Scope, way: &[Step]) -> String {
    let mut scene = Scene::new(scope, Trace::on(true));
    let mut steps = String::new();
    for (at, step) in way.iter().enumerate() {
        let what = scene.next().swap_remove(step.what);
        let dies = step.dies.map_or(String::new(), |after| {
            format!(", and the daemon dies after {after} effects")
        });
        let line = format!("{}. {what:?}{dies}", at + 1);
        scene.world.note(|| format!("STEP {line}"));
        writeln!(steps, "{line}").unwrap();
        if scene.take(&what, step.dies).is_err() {
            break;
        }
    }
    format!("{}\n{steps}", scene.world.trace.text())
}
