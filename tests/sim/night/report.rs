//! What became of the nights, in figures.

use std::{collections::BTreeMap, fmt};

use super::{
    book::{Book, Cause, Entry},
    weather::NIGHT,
};

/// What became of one night.
#[derive(Debug, Clone, Default)]
pub(super) struct Tale {
    /// For how long the machine was up, once for each loop, ms.
    up: u64,
    entries: BTreeMap<Cause, Entry>,
    /// What the rig told, by its event.
    pub(super) told: BTreeMap<String, u64>,
    /// Texts that came to an agent.
    pub(super) texts: u64,
    /// After which it did not work.
    pub(super) in_vain: u64,
    /// Which it got while it worked.
    pub(super) wrong_texts: u64,
    /// Attempts that were stopped while they worked, and nobody wished it.
    pub(super) wrong_kills: u64,
}

impl Tale {
    pub(super) fn add(&mut self, book: Book) {
        self.up += book.up;
        for (cause, entry) in book.entries {
            self.entries.entry(cause).or_default().add(entry);
        }
    }

    /// The share of its time that was lost.
    fn lost(&self) -> f64 {
        let lost = self.entries.values().map(|entry| entry.lost).sum();
        share(lost, self.up)
    }
}

impl Entry {
    fn add(&mut self, other: Self) {
        self.times += other.times;
        self.stood += other.stood;
        self.lost += other.lost;
    }
}

/// In percent.
fn share(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// What became of all of them.
pub(super) struct Report {
    all: Tale,
    /// What was lost of each, and its seed, the least first.
    lost: Vec<(f64, u64)>,
}

impl Report {
    pub(super) fn of(tales: Vec<(u64, Tale)>) -> Self {
        let mut all = Tale::default();
        let mut lost = Vec::new();
        for (seed, tale) in tales {
            lost.push((tale.lost(), seed));
            all.up += tale.up;
            for (cause, entry) in tale.entries {
                all.entries.entry(cause).or_default().add(entry);
            }
            for (event, times) in tale.told {
                *all.told.entry(event).or_default() += times;
            }
            all.texts += tale.texts;
            all.in_vain += tale.in_vain;
            all.wrong_texts += tale.wrong_texts;
            all.wrong_kills += tale.wrong_kills;
        }
        lost.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        Self { all, lost }
    }

    /// `many`: there were so many that all there is has happened.
    pub(super) fn check(&self, many: bool) {
        let Tale {
            wrong_texts,
            wrong_kills,
            ..
        } = self.all;
        assert_eq!(wrong_texts, 0, "texts came to who worked");
        assert_eq!(
            wrong_kills, 0,
            "who worked was stopped, and nobody wished it"
        );
        let met = |cause: &Cause| {
            self.all
                .entries
                .get(cause)
                .is_some_and(|entry| entry.times > 0)
        };
        for cause in Cause::ALL {
            assert!(met(&cause) || !many, "no loop stood for: {cause}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, lost } = self;
        let nights = lost.len();
        let each = |times: u64| times as f64 / nights.max(1) as f64;
        let mean = lost.iter().map(|(lost, _)| lost).sum::<f64>() / nights.max(1) as f64;
        let median = lost.get(nights / 2).map_or(0.0, |(lost, _)| *lost);
        let (worst, seed) = lost.last().copied().unwrap_or_default();
        let hours = NIGHT / 3_600_000;
        writeln!(
            f,
            "{nights} nights of {hours} hours with two loops: of their time is lost, against a perfect \
             supervisor: mean {mean:.2} %, median {median:.2} %, worst {worst:.2} % (night {seed})"
        )?;
        writeln!(
            f,
            "  {:<10}{:>9}{:>9}{:>16}",
            "for", "lost", "stood", "times a night"
        )?;
        for (cause, entry) in &all.entries {
            let (lost, stood) = (share(entry.lost, all.up), share(entry.stood, all.up));
            let times = each(entry.times);
            writeln!(f, "  {cause:<10}{lost:>7.2} %{stood:>7.2} %{times:>16.2}")?;
        }
        writeln!(
            f,
            "  a night: {:.2} texts, {:.2} of them in vain; in all, to who worked: {}; stopped at work: {}",
            each(all.texts),
            each(all.in_vain),
            all.wrong_texts,
            all.wrong_kills
        )?;
        let told = all
            .told
            .iter()
            .filter(|(event, _)| event.starts_with("worker-"));
        let told = told.map(|(event, times)| format!("{event} {:.2}", each(*times)));
        writeln!(f, "  told a night: {}", told.collect::<Vec<_>>().join(", "))
    }
}
