//! What a night brings: when the account is at its limit and the provider does not answer, and what befalls
//! the machine, the daemon and the programs.

use fastrand::Rng;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// How long a night is, ms.
pub(super) const NIGHT: u64 = 8 * HOUR;
/// Fates come no closer than this: a machine that is to go down does so before the next one, ms.
const APART: u64 = 3 * MINUTE;

/// From when to when, ms.
type Span = (u64, u64);

/// What no supervisor can change.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    limits: Vec<Span>,
    outages: Vec<Span>,
    /// When nobody can work: the two together, in order, none of which meet.
    foul: Vec<Span>,
}

/// What befalls at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    DaemonDies,
    PowerCut,
    Reboot,
    /// The first phase of the plan is over.
    PhaseEnds,
    /// The program of the loop of that number ends.
    Crash(usize),
}

impl Weather {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let (limits, outages) = (limits(rng), outages(rng));
        let foul = united([limits.as_slice(), &outages].concat());
        Self {
            limits,
            outages,
            foul,
        }
    }

    /// When the limit ends that the account is at.
    pub(super) fn limit(&self, t: u64) -> Option<u64> {
        end(&self.limits, t)
    }

    /// When the provider answers again that does not answer now.
    pub(super) fn outage(&self, t: u64) -> Option<u64> {
        end(&self.outages, t)
    }

    /// When it is first noticed by one that works, from this moment on.
    pub(super) fn next(&self, t: u64) -> u64 {
        let begins = self
            .limits
            .iter()
            .chain(&self.outages)
            .map(|(from, _)| *from);
        begins.filter(|from| *from > t).min().unwrap_or(u64::MAX)
    }

    /// How much of this time somebody could work in, ms.
    pub(super) fn fair(&self, from: u64, to: u64) -> u64 {
        let foul = self.foul.iter();
        let foul = foul.map(|(begin, end)| (*end).min(to).saturating_sub((*begin).max(from)));
        to.saturating_sub(from) - foul.sum::<u64>()
    }
}

fn end(spans: &[Span], t: u64) -> Option<u64> {
    let now = spans.iter().find(|(from, to)| (*from..*to).contains(&t));
    now.map(|(_, to)| *to)
}

/// Reached after some hours of work, and over at a full minute.
fn limits(rng: &mut Rng) -> Vec<Span> {
    let mut limits = Vec::new();
    let mut from = rng.u64(HOUR / 2..5 * HOUR);
    while from < NIGHT {
        let to = (from + rng.u64(20 * MINUTE..3 * HOUR)) / MINUTE * MINUTE;
        limits.push((from, to));
        from = to + rng.u64(3 * HOUR / 2..5 * HOUR);
    }
    limits
}

/// Most are short.
fn outages(rng: &mut Rng) -> Vec<Span> {
    let outages = (0..rng.u32(0..3)).map(|_| {
        let from = rng.u64(0..NIGHT);
        let most = if rng.bool() { 15 } else { 60 };
        (from, from + rng.u64(2 * MINUTE..most * MINUTE))
    });
    united(outages.collect())
}

/// In order, and what meets as one.
fn united(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut united: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match united.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            Some(_) | None => united.push((from, to)),
        }
    }
    united
}

/// What befalls in a night with so many loops, in order.
pub(super) fn fates(rng: &mut Rng, loops: usize) -> Vec<(u64, Fate)> {
    let mut fates = Vec::new();
    let mut befalls = |rng: &mut Rng, fate| fates.push((rng.u64(APART..NIGHT - APART), fate));
    for _ in 0..rng.u32(0..4) {
        befalls(rng, Fate::DaemonDies);
    }
    if rng.u32(0..5) < 2 {
        befalls(rng, Fate::PowerCut);
    }
    if rng.u32(0..5) < 2 {
        befalls(rng, Fate::Reboot);
    }
    if rng.bool() {
        befalls(rng, Fate::PhaseEnds);
    }
    for _ in 0..rng.u32(0..3) {
        let which = rng.usize(0..loops);
        befalls(rng, Fate::Crash(which));
    }
    fates.sort_unstable_by_key(|(at, _)| *at);
    fates.dedup_by(|later, fate| later.0 - fate.0 < APART);
    fates
}

/// When a loop stalls, the last first.
pub(super) fn stalls(rng: &mut Rng) -> Vec<u64> {
    let count = [0, 0, 0, 1, 1, 2][rng.usize(0..6)];
    let mut stalls: Vec<_> = (0..count).map(|_| rng.u64(0..NIGHT)).collect();
    stalls.sort_unstable_by(|one, other| other.cmp(one));
    stalls
}

#[test]
fn what_nobody_can_work_in_counts_once() {
    let weather = Weather {
        limits: vec![(10, 20), (50, 60)],
        outages: vec![(15, 30)],
        foul: united(vec![(10, 20), (50, 60), (15, 30)]),
    };
    assert_eq!(weather.foul, [(10, 30), (50, 60)]);
    assert_eq!((weather.fair(0, 100), weather.fair(12, 52)), (70, 20));
    assert_eq!((weather.limit(19), weather.limit(20)), (Some(20), None));
    assert_eq!((weather.outage(14), weather.outage(15)), (None, Some(30)));
    assert_eq!((weather.next(10), weather.next(50)), (15, u64::MAX));
}
