//! What a worker may spend in a day: turns of its agent, time, money.
//!
//! # Promise
//!
//! Who has spent what it may is held until the day is over, whichever daemons and boots come between, and
//! goes on by itself then. A turn that goes on may end first, within [`GRACE`]. The operator's start gives as
//! much again. Turns and dollars are recorded when they are counted, time once a minute, so a daemon that is
//! killed forgets no more than that minute of one that ends before the next daemon begins.
//!
//! # How
//!
//! The day is that of the machine's zone. A turn is over when two looks see an agent wait after two saw it
//! work, or after it has taken a text, and when it takes the next one at its input line before that was seen.
//! To who has spent all nothing is typed that no person waits for. Where its screen counts turns, or says
//! what it has cost, the growth beyond the largest number that the attempt has shown counts: what an agent
//! prints may look like a smaller one. An attempt that begins a conversation begins at nothing. Of another one
//! nobody knows what was counted before: its first number may be smaller, as that of another conversation, and
//! where none was ever seen it only says from where it counts. That it is held follows from what is counted, in
//! each turn anew: nothing else is recorded of it.

use std::time::Duration;

use jiff::{Timestamp, civil::Date};

use super::{
    Amounts, Fact, KnownSpent, Level, Rig, SpentRow, attempt::in_words, life::Life,
    watch::Watching, worker::Worker,
};
use crate::{
    agent::typed::By,
    config::Daily,
    model::{Mono, Now, VerdictIs, WorkerName},
};

/// How long a turn may go on after all is spent.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// What is no more than time is recorded this often at most.
const RECORD_EVERY: Duration = Duration::from_secs(60);

/// What of it is not recorded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
enum Unrecorded {
    #[default]
    Nothing,
    /// No more than what the next look at the clock says as well.
    Time,
    /// What nobody may see again.
    Counted,
}

/// What a worker has spent of this day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Spend {
    known: Option<KnownSpent>,
    /// Until when this daemon has counted, and whether something ran then.
    counted: Option<(Mono, bool)>,
    recorded: Option<Mono>,
    unrecorded: Unrecorded,
    /// An attempt begins, and whether in a conversation of which it is known that it is a new one.
    begins: Option<bool>,
    /// Its agent was seen to work since its last turn was over.
    works: bool,
    /// So it was when the text that is being typed was begun.
    worked: bool,
    /// How many looks have to come first until one that waits counts: those before a text was taken say
    /// nothing of the turn that it began.
    looks_first: u8,
    /// Of which of turns and cost its attempt has shown no number yet.
    anew: (bool, bool),
    /// All is spent, and by when its turn has to be over.
    until: Option<Mono>,
    /// It is not to run any more on this day.
    out: bool,
}

impl Amounts {
    fn without(self, other: Self) -> Self {
        Self {
            turns: self.turns.saturating_sub(other.turns),
            time: self.time.saturating_sub(other.time),
            cost: self.cost.saturating_sub(other.cost),
        }
    }
}

impl KnownSpent {
    fn nothing(day: Date, at: Timestamp) -> Self {
        Self {
            day,
            spent: Amounts::default(),
            forgiven: Amounts::default(),
            shown_turns: None,
            shown_cost: None,
            told: false,
            at,
        }
    }
}

impl Spend {
    /// What an earlier daemon has counted.
    pub(super) fn restored(known: Option<KnownSpent>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// It is held until the day is over.
    pub(super) fn is_out(&self) -> bool {
        self.out
    }

    /// It may spend as much again.
    pub(super) fn forgive(&mut self) {
        (self.out, self.until) = (false, None);
        if let Some(known) = &mut self.known {
            (known.forgiven, known.told) = (known.spent, false);
        }
    }

    /// An attempt begins; `new`: with a conversation in which nothing was said yet.
    pub(super) fn begins(&mut self, new: bool) {
        self.begins = Some(new);
    }

    /// A text is begun to be typed to its agent.
    pub(super) fn is_typed_to(&mut self) {
        self.worked = self.works;
    }

    /// Its agent has taken a text, which is a turn, however soon that is over; `at_rest`: at its input line, so
    /// the turn before is over as well.
    pub(super) fn taken(&mut self, by: &By, at_rest: bool, counts_turns: bool) {
        match by {
            By::Work | By::Transcript | By::Progress | By::Question => {
                // Looks may have seen it work by now, for this text.
                if at_rest && self.worked {
                    self.turn_over(None, counts_turns);
                }
                (self.works, self.looks_first) = (true, 2);
            }
            By::Program(_) => {}
        }
    }

    /// A turn is over, if there was one; `turns`: what its screen shows of them.
    fn turn_over(&mut self, turns: Option<u64>, counts_turns: bool) {
        let Some(known) = &mut self.known else {
            return;
        };
        self.worked = false;
        let over = std::mem::take(&mut self.works);
        let shown = counts_turns && known.shown_turns.or(turns).is_some();
        if over && !shown {
            known.spent.turns = known.spent.turns.saturating_add(1);
            self.unrecorded = Unrecorded::Counted;
        }
    }

    /// Takes what two looks agree on, and how many turns and cents its screen shows; whether it is one
    /// that counts turns.
    pub(super) fn see(
        &mut self,
        agreed: Option<VerdictIs>,
        (turns, cost): (Option<u64>, Option<u64>),
        counts_turns: bool,
    ) {
        self.looks_first = self.looks_first.saturating_sub(1);
        match agreed {
            Some(VerdictIs::Working) => self.works = true,
            Some(VerdictIs::Waiting) if self.looks_first > 0 => {}
            Some(VerdictIs::Waiting) => self.turn_over(turns, counts_turns),
            Some(
                VerdictIs::Limited
                | VerdictIs::Asking
                | VerdictIs::Stalled
                | VerdictIs::Outage
                | VerdictIs::Unknown,
            )
            | None => {}
        }
        let Some(known) = &mut self.known else {
            return;
        };
        let before = (known.spent, known.shown_turns, known.shown_cost);
        let spent = &mut known.spent;
        let more_turns = more(&mut known.shown_turns, turns, &mut self.anew.0);
        let more_cost = more(&mut known.shown_cost, cost, &mut self.anew.1);
        spent.turns = spent.turns.saturating_add(more_turns);
        spent.cost = spent.cost.saturating_add(more_cost);
        if (known.spent, known.shown_turns, known.shown_cost) != before {
            self.unrecorded = Unrecorded::Counted;
        }
    }

    /// Counts the time up to now.
    fn count(&mut self, now: Now, day: Date, runs: bool, from_before: bool) {
        let new = || KnownSpent::nothing(day, now.wall);
        let known = self.known.get_or_insert_with(new);
        match self.begins.take() {
            Some(true) => {
                known.shown_turns = known.shown_turns.map(|_| 0);
                known.shown_cost = Some(0);
                self.anew = (false, false);
                self.unrecorded = Unrecorded::Counted;
            }
            Some(false) => self.anew = (true, true),
            None => {}
        }
        let ran = match self.counted.replace((now.mono, runs)) {
            Some((at, true)) => now.mono.since(at),
            Some((_, false)) => Duration::ZERO,
            // It ran all the time while there was no daemon.
            None if from_before => {
                Duration::try_from(now.wall.duration_since(known.at)).unwrap_or_default()
            }
            None => Duration::ZERO,
        };
        known.at = now.wall;
        if known.day != day {
            let (shown_turns, shown_cost) = (known.shown_turns, known.shown_cost);
            *known = KnownSpent {
                shown_turns,
                shown_cost,
                ..new()
            };
            (self.out, self.until) = (false, None);
            self.unrecorded = Unrecorded::Counted;
        } else if !ran.is_zero() {
            let ran = u64::try_from(ran.as_millis()).unwrap_or(u64::MAX);
            known.spent.time = known.spent.time.saturating_add(ran);
            self.unrecorded = self.unrecorded.max(Unrecorded::Time);
        }
    }

    /// What counts against its budget.
    fn spent(&self) -> Amounts {
        let known = self.known.as_ref();
        known.map_or(Amounts::default(), |known| {
            known.spent.without(known.forgiven)
        })
    }

    /// That it has spent what it may, in words, if so.
    fn over(&self, may: &Daily) -> Option<String> {
        let spent = self.spent();
        let time = Duration::from_millis(spent.time);
        if let Some(turns) = may.turns.filter(|most| spent.turns >= *most) {
            let s = if turns == 1 { "" } else { "s" };
            return Some(format!("spent its {turns} turn{s} of today"));
        }
        if let Some(most) = may.time.filter(|most| time >= *most) {
            return Some(format!("ran for its {} of today", in_words(most)));
        }
        let cost = may.cost.filter(|most| spent.cost >= *most)?;
        Some(format!(
            "spent its ${}.{:02} of today",
            cost / 100,
            cost % 100
        ))
    }
}

/// By how much the largest number on the screen has grown. The first one of a new attempt, if it is smaller,
/// is of another conversation.
fn more(shown: &mut Option<u64>, now: Option<u64>, anew: &mut bool) -> u64 {
    let Some(now) = now else {
        return 0;
    };
    let first = std::mem::take(anew);
    match *shown {
        Some(before) if now < before && !first => 0,
        before => {
            *shown = Some(now);
            before.map_or(0, |before| now.checked_sub(before).unwrap_or(now))
        }
    }
}

impl Worker {
    /// That it has spent what it may, and what follows.
    pub(super) fn spent_in_words(&self) -> String {
        let over = self.spend.over(&self.rules.daily);
        let over = over.unwrap_or_else(|| "spent its budget of the day".into());
        format!("{over}; goes on at midnight")
    }

    /// What it has spent, where that is counted.
    pub(super) fn spent_row(&self) -> Option<SpentRow> {
        let may = self.rules.daily;
        (may != Daily::default()).then(|| SpentRow {
            spent: self.spend.spent(),
            may,
        })
    }

    /// It has spent all it may, and goes on only to the end of its turn.
    pub(super) fn is_at_its_last_turn(&self) -> bool {
        self.spend.over(&self.rules.daily).is_some()
    }

    /// Of one that does not run: it has spent all it may of this day.
    pub(super) fn has_spent_all_of(&self, day: Date) -> bool {
        let known = self.spend.known.as_ref();
        known.is_some_and(|known| known.day == day) && self.is_at_its_last_turn()
    }

    /// Its agent is in the midst of a turn, for all that is known.
    fn has_turn(&self) -> bool {
        let Life::Running { watching, .. } = &self.life else {
            return false;
        };
        let waits = |one: &Watching| one.shows(VerdictIs::Waiting, &self.rules.watch);
        watching.as_deref().is_some_and(|watching| !waits(watching))
    }
}

impl Rig {
    /// Counts what was spent, and finds who has spent all.
    pub(super) fn count_spent(&mut self, now: Now) {
        // Nobody knows yet which attempts live.
        if self.remembered.is_some() {
            return;
        }
        let day = now.wall.to_zoned(self.machine.zone.0.clone()).date();
        let names: Vec<_> = self.workers.keys().cloned().collect();
        for name in names {
            let Some(worker) = self.workers.get_mut(&name) else {
                continue;
            };
            let may = worker.rules.daily;
            if may == Daily::default() {
                self.forget_spent(&name);
                continue;
            }
            let attempt = worker.life.attempt();
            let (runs, from_before) = (attempt.is_some(), attempt.is_some_and(|one| one.adopted));
            let ended = matches!(worker.spend.counted, Some((_, true))) && !runs;
            worker.spend.count(now, day, runs, from_before);
            self.find_out(now, &name);
            let Some(worker) = self.workers.get_mut(&name) else {
                continue;
            };
            let spend = &mut worker.spend;
            let late = |at: Mono| now.mono.since(at) >= RECORD_EVERY;
            let due = match spend.unrecorded {
                Unrecorded::Nothing => false,
                Unrecorded::Time => ended || spend.recorded.is_none_or(late),
                Unrecorded::Counted => true,
            };
            if due {
                spend.recorded = Some(now.mono);
                self.record_spent(&name);
            }
        }
    }

    /// Whether a worker has spent all it may, and is to be stopped for it: that is told once.
    fn find_out(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let has_turn = worker.has_turn();
        let spend = &mut worker.spend;
        let Some(over) = spend.over(&worker.rules.daily) else {
            (spend.out, spend.until) = (false, None);
            // It was held by less than it may spend now.
            let told = spend.known.as_mut().map(|known| &mut known.told);
            if told.is_some_and(std::mem::take) {
                spend.unrecorded = Unrecorded::Counted;
            }
            return;
        };
        let until = *spend.until.get_or_insert(now.mono + GRACE);
        spend.out |= !has_turn || now.mono >= until;
        let Some(known) = spend
            .known
            .as_mut()
            .filter(|known| spend.out && !known.told)
        else {
            return;
        };
        known.told = true;
        spend.unrecorded = Unrecorded::Counted;
        let text = format!(
            "{name} {over}: it is held until midnight; `supervisorctl start {name}` gives it as much again"
        );
        self.tell_of(now, "worker-budget", Level::Warning, name, text);
    }

    /// The operator starts a worker that has spent all it may.
    pub(super) fn forgive_spent(&mut self, name: &WorkerName) {
        let worker = self.workers.get_mut(name);
        let over = |worker: &&mut Worker| worker.spend.over(&worker.rules.daily).is_some();
        if let Some(worker) = worker.filter(over) {
            worker.spend.forgive();
            self.record_spent(name);
        }
    }

    /// What it spends does not count any more.
    pub(super) fn forget_spent(&mut self, name: &WorkerName) {
        let worker = self.workers.get_mut(name);
        let was = worker.map(|worker| std::mem::take(&mut worker.spend));
        if was.is_some_and(|spend| spend.known.is_some()) {
            self.record_spent(name);
        }
    }

    /// The daemon is to end.
    pub(super) fn record_all_spent(&mut self) {
        let differs =
            |(_, worker): &(&WorkerName, &Worker)| worker.spend.unrecorded != Unrecorded::Nothing;
        let differs = self.workers.iter().filter(differs);
        let names: Vec<_> = differs.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.record_spent(&name);
        }
    }

    fn record_spent(&mut self, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        worker.spend.unrecorded = Unrecorded::Nothing;
        self.ledger.add(Fact::Spent {
            worker: name.clone(),
            spent: worker.spend.known.clone(),
        });
    }
}
