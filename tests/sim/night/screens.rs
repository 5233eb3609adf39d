//! What is on the screen of an agent of a night.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use loopkeeper::agent::{
    sighting::Seen,
    signs::{Child, Signs},
};

use crate::terminal::signs;

const RULE: &str = "────────────────────────────────────────";

/// How many pictures of work there are; no two that follow on each other are the same.
const PICTURES: usize = 64;

fn above_the_box(text: &str) -> Signs {
    signs(&format!("{text}\n\n{RULE}\n❯ \n{RULE}\n"))
}

static WORK: LazyLock<Vec<Signs>> = LazyLock::new(|| {
    let done = (0..PICTURES).map(|n| format!("⏺ Read part_{n}.rs\n\n✻ Thinking… (3s)"));
    done.map(|text| above_the_box(&text)).collect()
});

static STARTS: LazyLock<Signs> = LazyLock::new(|| signs("\n"));

static WAITS: LazyLock<Signs> = LazyLock::new(|| above_the_box("  Welcome back!"));

static ASKS: LazyLock<Signs> =
    LazyLock::new(|| signs("Do you want to proceed?\n❯ 1. Yes\n  2. No\n"));

static RETRIES: LazyLock<Signs> = LazyLock::new(|| {
    let words = "  ⎿  API Error (529 Overloaded) · Retrying in 8 seconds… (attempt 5/10)";
    above_the_box(&format!("{words}\n\n✻ Brewing… (1m 12s)"))
});

static GAVE_UP: LazyLock<Signs> = LazyLock::new(|| {
    above_the_box(
        "  ⎿  API Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
    )
});

/// Its transcript has grown so often.
pub(super) fn work(grown: usize) -> Signs {
    WORK[grown % PICTURES].clone()
}

/// The same, and a child that was started then, a child of its own, has computed since.
pub(super) fn build(grown: usize, since: u64, t: u64) -> Signs {
    let ticks = |t: u64| t / 10;
    let mut signs = work(grown);
    signs.taken = ticks(t);
    signs.children.push(Child {
        pid: 1_000 + i32::try_from(grown % 10_000).unwrap(),
        start: ticks(since),
        name: "cargo".into(),
        cpu: Duration::from_millis((t - since) * 4 / 5),
    });
    signs
}

pub(super) fn starts() -> Signs {
    STARTS.clone()
}

pub(super) fn waits() -> Signs {
    WAITS.clone()
}

pub(super) fn asks() -> Signs {
    ASKS.clone()
}

pub(super) fn retries() -> Signs {
    RETRIES.clone()
}

pub(super) fn gave_up() -> Signs {
    GAVE_UP.clone()
}

#[test]
fn screens_are_seen_as_what_they_are() {
    assert_eq!(work(0).sighting.seen, Seen::Busy);
    assert_eq!(starts().sighting.seen, Seen::Unknown);
    assert_eq!(waits().sighting.seen, Seen::Waiting);
    assert!(matches!(asks().sighting.seen, Seen::Asking { .. }));
    assert!(matches!(retries().sighting.seen, Seen::Outage { .. }));
    assert!(matches!(gave_up().sighting.seen, Seen::Outage { .. }));
    let pictures: BTreeSet<_> = (0..PICTURES).map(|n| work(n).picture).collect();
    assert_eq!(pictures.len(), PICTURES);
}
