//! For how long a loop worked and stood, and what of that was lost.

use std::{collections::BTreeMap, fmt};

use super::weather::Weather;

/// Why a loop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Its first start.
    Start,
    /// Its program ended by itself.
    Crash,
    Reboot,
    /// It is started anew for another phase.
    Phase,
    /// It has met the limit of its account.
    Limit,
    /// Its provider did not answer it.
    Outage,
    Stall,
    /// It asks a person.
    Question,
}

impl Cause {
    pub(super) const ALL: [Self; 8] = [
        Self::Start,
        Self::Crash,
        Self::Reboot,
        Self::Phase,
        Self::Limit,
        Self::Outage,
        Self::Stall,
        Self::Question,
    ];
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Crash => "crash",
            Self::Reboot => "reboot",
            Self::Phase => "phase",
            Self::Limit => "limit",
            Self::Outage => "outage",
            Self::Stall => "stall",
            Self::Question => "question",
        })
    }
}

/// What was put down under one cause.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    /// How often it stood for it.
    pub(super) times: u64,
    /// For how long, ms.
    pub(super) stood: u64,
    /// How much of that was lost, ms.
    pub(super) lost: u64,
}

/// What a loop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    Stands {
        cause: Cause,
        /// From when on a perfect supervisor would have it at work, if the weather was fair.
        could: u64,
    },
    /// The machine is down.
    Down,
}

/// One loop's.
#[derive(Debug, Clone)]
pub(super) struct Book {
    state: State,
    since: u64,
    /// For how long its machine was up, ms.
    pub(super) up: u64,
    pub(super) entries: BTreeMap<Cause, Entry>,
}

impl Book {
    pub(super) fn new() -> Self {
        let (cause, could) = (Cause::Start, 0);
        let mut book = Self {
            state: State::Stands { cause, could },
            since: 0,
            up: 0,
            entries: BTreeMap::new(),
        };
        book.entry(cause).times += 1;
        book
    }

    fn entry(&mut self, cause: Cause) -> &mut Entry {
        self.entries.entry(cause).or_default()
    }

    /// From now on it stands.
    pub(super) fn stands(&mut self, t: u64, cause: Cause, could: u64, weather: &Weather) {
        self.close(t, weather);
        let again = matches!(self.state, State::Stands { cause: before, .. } if before == cause);
        self.entry(cause).times += u64::from(!again);
        self.state = State::Stands { cause, could };
    }

    /// From now on it works.
    pub(super) fn works(&mut self, t: u64, weather: &Weather) {
        self.close(t, weather);
        self.state = State::Works;
    }

    pub(super) fn goes_down(&mut self, t: u64, weather: &Weather) {
        self.close(t, weather);
        self.state = State::Down;
    }

    pub(super) fn comes_up(&mut self, t: u64) {
        let (cause, could) = (Cause::Reboot, t);
        self.since = t;
        self.state = State::Stands { cause, could };
        self.entry(cause).times += 1;
    }

    /// A program that it waits for takes so long to start.
    pub(super) fn starts(&mut self, within: u64) {
        if let State::Stands { could, .. } = &mut self.state {
            *could += within;
        }
    }

    /// What was until now is put down.
    pub(super) fn close(&mut self, t: u64, weather: &Weather) {
        let since = std::mem::replace(&mut self.since, t);
        match self.state {
            State::Down => return,
            State::Works => {}
            State::Stands { cause, could } => {
                let entry = self.entry(cause);
                entry.stood += t - since;
                entry.lost += weather.fair(since.max(could), t);
            }
        }
        self.up += t - since;
    }
}
