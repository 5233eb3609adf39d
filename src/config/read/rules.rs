//! The keys that `[defaults]` and every worker share, and what they are when nobody says.

use std::{collections::BTreeMap, time::Duration};

use super::{
    host::Hosts,
    systemd,
    values::{self, SHORTEST},
};
use crate::{
    config::{
        Backoff, Budget, Daily, On, Restart,
        reader::{Entry, Reading, Table},
        schema::{self, backoff, budget, rules, stop},
    },
    model::{LauncherKind, Signal, Stop},
    systemd::property::Settings,
};

/// In which what may be spent is counted.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The shared keys. A table that leaves some of its keys out (`backoff = { first = "2s" }`) keeps
/// the others as they were.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) on: On,
    pub(super) restart: Restart,
    pub(super) backoff: Backoff,
    pub(super) budget: Budget,
    pub(super) daily: Daily,
    pub(super) stop: Stop,
    /// `None` is `auto`.
    pub(super) launcher: Option<LauncherKind>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) systemd: Settings,
    pub(super) keep_output: u64,
    pub(super) keep_attempts: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            on: On::Local,
            restart: Restart::Always,
            backoff: Backoff {
                first: Duration::from_secs(1),
                most: Duration::from_secs(5 * 60),
                jitter: 20,
                healthy: Duration::from_secs(60),
            },
            budget: Budget {
                restarts: 10,
                window: Duration::from_secs(10 * 60),
            },
            daily: Daily::default(),
            stop: Stop {
                signal: Signal::TERM,
                grace: Duration::from_secs(10),
            },
            launcher: None,
            environment: BTreeMap::new(),
            systemd: Settings::new(),
            keep_output: 16 * 1024 * 1024,
            keep_attempts: 20,
        }
    }
}

impl Rules {
    /// These, on the machine that the table says.
    pub(super) fn placed_by(
        mut self,
        table: &Table<'_>,
        hosts: &Hosts,
        reading: &mut Reading<'_>,
    ) -> Self {
        if let Some(entry) = table.get(rules::ON) {
            self.on = hosts.on(&entry, reading);
        }
        self
    }

    /// These, changed by what the table says.
    pub(super) fn changed_by(mut self, table: &Table<'_>, reading: &mut Reading<'_>) -> Self {
        if let Some(entry) = table.get(rules::RESTART) {
            let words = [
                ("always", Restart::Always),
                ("on-failure", Restart::OnFailure),
                ("never", Restart::Never),
            ];
            set(&mut self.restart, entry.word(reading, &words));
        }
        if let Some(entry) = table.get(rules::BACKOFF) {
            read_backoff(&mut self.backoff, &entry, reading);
        }
        if let Some(entry) = table.get(rules::BUDGET) {
            read_budget(&mut self.budget, &mut self.daily, &entry, reading);
        }
        if let Some(entry) = table.get(rules::STOP) {
            read_stop(&mut self.stop, &entry, reading);
        }
        if let Some(entry) = table.get(rules::LAUNCHER) {
            let words = [
                (LauncherKind::Process.as_str(), Some(LauncherKind::Process)),
                (LauncherKind::Tmux.as_str(), Some(LauncherKind::Tmux)),
                (LauncherKind::Systemd.as_str(), Some(LauncherKind::Systemd)),
                ("auto", None),
            ];
            set(&mut self.launcher, entry.word(reading, &words));
        }
        if let Some(entry) = table.get(rules::ENVIRONMENT) {
            self.environment
                .extend(values::environment(&entry, reading).unwrap_or_default());
        }
        if let Some(entry) = table.get(rules::SYSTEMD) {
            self.systemd
                .extend(systemd::settings(&entry, reading).unwrap_or_default());
        }
        if let Some(entry) = table.get(rules::KEEP_OUTPUT) {
            set(
                &mut self.keep_output,
                values::size(&entry, reading, 64 * 1024),
            );
        }
        if let Some(entry) = table.get(rules::KEEP_ATTEMPTS) {
            set(&mut self.keep_attempts, entry.whole(reading, 1, 100_000));
        }
        self
    }
}

fn read_backoff(backoff: &mut Backoff, entry: &Entry<'_>, reading: &mut Reading<'_>) {
    let Some(table) = Table::open(entry, reading) else {
        return;
    };
    table.only(schema::BACKOFF, reading, |_| None);
    let first = table.get(backoff::FIRST);
    let most = table.get(backoff::MOST);
    if let Some(entry) = &first {
        set(
            &mut backoff.first,
            values::duration(entry, reading, Duration::ZERO),
        );
    }
    if let Some(entry) = &most {
        set(
            &mut backoff.most,
            values::duration(entry, reading, SHORTEST),
        );
    }
    if let Some(entry) = table.get(backoff::JITTER) {
        set(&mut backoff.jitter, entry.whole(reading, 0, 100));
    }
    if let Some(entry) = table.get(backoff::HEALTHY) {
        set(
            &mut backoff.healthy,
            values::duration(&entry, reading, SHORTEST),
        );
    }
    if backoff.first > backoff.most {
        // Not reported when one of the two was wrong itself: that one fell back.
        if let Some(written) = most.or(first) {
            let first = values::written(backoff.first);
            let most = values::written(backoff.most);
            reading.complain(
                &written.at,
                format!(
                    "`{}` makes first ({first}) longer than most ({most})",
                    written.path
                ),
                "a first delay that is not longer than the longest",
            );
        }
    }
}

fn read_budget(
    budget: &mut Budget,
    daily: &mut Daily,
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
) {
    let Some(table) = Table::open(entry, reading) else {
        return;
    };
    table.only(schema::BUDGET, reading, |_| None);
    if let Some(entry) = table.get(budget::RESTARTS) {
        set(&mut budget.restarts, entry.whole(reading, 0, 1_000_000));
    }
    if let Some(entry) = table.get(budget::WINDOW) {
        set(
            &mut budget.window,
            values::duration(&entry, reading, SHORTEST),
        );
    }
    if let Some(entry) = table.get(budget::TURNS) {
        daily.turns = entry.whole(reading, 1, 1_000_000);
    }
    if let Some(entry) = table.get(budget::TIME) {
        daily.time = values::duration(&entry, reading, SHORTEST);
        if daily.time.is_some_and(|time| time > DAY) {
            entry.wrong(reading, "is more than a day has").hint(
                "it is counted anew each day, so 24h is the most; without it, it may run all the time",
            );
        }
    }
    if let Some(entry) = table.get(budget::COST) {
        daily.cost = values::dollars(&entry, reading);
    }
}

fn read_stop(stop: &mut Stop, entry: &Entry<'_>, reading: &mut Reading<'_>) {
    let Some(table) = Table::open(entry, reading) else {
        return;
    };
    table.only(schema::STOP, reading, |_| None);
    if let Some(entry) = table.get(stop::SIGNAL) {
        set(&mut stop.signal, entry.parsed(reading));
    }
    if let Some(entry) = table.get(stop::GRACE) {
        set(
            &mut stop.grace,
            values::duration(&entry, reading, Duration::ZERO),
        );
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
