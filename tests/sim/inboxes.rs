//! The inboxes of agents: files that come, are seen, are typed and are moved away.
//!
//! # Promise
//!
//! A file is typed at most once, as it is, and after all that came before it and still lies there; it is
//! moved only when its text was begun, or if it can never be typed. It lies at one place at a time. With the
//! faults over, nothing waits that could be delivered.
//!
//! # How
//!
//! Who keeps the directories does one thing at a time: the daemon hears what has just been seen, and that a
//! file was moved when it has been. A daemon that dies leaves some moves done that it never heard of, and
//! others undone: the next one has to tell of what it does not find delivered, also where the file is gone.
//! Each file has other words, and those that were typed are remembered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use loopkeeper::{
    decide::{Event, Lies, Moved, NudgeId, Settle},
    model::{ItemName, WorkerName},
};

use crate::{
    check::{Checked, ensure},
    store::Content,
    world::{Item, World},
};

/// How often inboxes are looked into of which nobody has heard anything, ms.
const POLL: u64 = 30_000;
/// What happens within this time is looked at together, ms.
const TOGETHER: u64 = 200;
/// Files of so many names come, so that one of the same name comes again.
const NAMES: u32 = 4;

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inboxes {
    of: BTreeMap<WorkerName, Inbox>,
    /// How many files there ever were.
    count: u64,
    /// For which file a text is.
    nudges: BTreeMap<NudgeId, (WorkerName, u64)>,
    /// The texts that daemons have begun that are dead.
    earlier: BTreeSet<NudgeId>,
}

#[derive(Debug, Clone, Default)]
struct Inbox {
    /// In the order in which they came.
    queued: Vec<File>,
    failed: usize,
    /// Those that were put away: when, by the clock, and whether they were delivered.
    moved: Vec<Put>,
}

#[derive(Debug, Clone)]
struct File {
    /// By which it is told from others of its name.
    number: u64,
    name: String,
    /// Or why it can never be typed.
    text: Result<String, String>,
    typed: bool,
}

/// A file that was put away.
#[derive(Debug, Clone)]
struct Put {
    at: Timestamp,
    delivered: bool,
    file: File,
}

impl Put {
    fn name(&self) -> ItemName {
        let name = format!("moved-{}-{}", self.file.number, self.file.name);
        name.as_str().into()
    }
}

/// Where a file is to be moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct To {
    pub(crate) how: Settle,
    /// When an earlier daemon began it.
    pub(crate) begun: Option<Timestamp>,
}

impl File {
    fn is(&self, item: &ItemName) -> bool {
        item.as_os_str() == self.name.as_str() && item.may_be(self.number)
    }
}

impl Inbox {
    fn lies(&self) -> Lies {
        let first = self.queued.first();
        Lies {
            first: first.map(|file| {
                let item = ItemName::seen(file.name.clone().into(), file.number);
                (item, file.text.clone())
            }),
            queued: self.queued.len(),
            failed: self.failed,
            oldest: None,
        }
    }
}

impl Inboxes {
    /// How many wait in the inbox of a worker.
    pub(crate) fn waiting(&self, worker: &WorkerName) -> usize {
        self.of.get(worker).map_or(0, |inbox| inbox.queued.len())
    }

    fn place(&self, worker: &WorkerName, item: &ItemName) -> Option<usize> {
        let inbox = self.of.get(worker)?;
        inbox.queued.iter().position(|file| file.is(item))
    }

    /// Whether this is still the text of a file.
    pub(crate) fn still_says(&self, worker: &WorkerName, item: &ItemName, text: &str) -> bool {
        let at = self.place(worker, item);
        let text_of = |at: usize| self.of[worker].queued[at].text.as_deref();
        at.is_some_and(|at| text_of(at) == Ok(text))
    }

    /// The text of a file comes to the terminal.
    pub(crate) fn types(
        &mut self,
        nudge: NudgeId,
        worker: &WorkerName,
        item: &ItemName,
    ) -> Checked {
        let at = self.place(worker, item);
        ensure!(
            at == Some(0),
            "files-in-order",
            "{item} of {worker} is typed, and {at:?} files came before it"
        );
        if let Some(inbox) = self.of.get_mut(worker) {
            let file = &mut inbox.queued[0];
            ensure!(
                !file.typed,
                "files-once",
                "{item} of {worker} is typed a second time"
            );
            file.typed = true;
            self.nudges.insert(nudge, (worker.clone(), file.number));
        }
        Ok(())
    }

    /// The rig wants a file to be moved.
    fn is_right_to_settle(
        &self,
        worker: &WorkerName,
        item: &ItemName,
        how: &Settle,
        content: &Content,
    ) -> Checked {
        let at = self.place(worker, item);
        let file = at.map(|at| &self.of[worker].queued[at]);
        let evil = file.is_none_or(|file| file.text.is_err());
        let mut begun = content.plain().nudges.iter();
        let begun =
            begun.any(|begun| begun.attempt.worker == *worker && begun.item.as_ref() == Some(item));
        match how {
            Settle::Delivered => ensure!(
                begun && file.is_none_or(|file| file.typed),
                "files-settled",
                "{item} of {worker} is to be where delivered ones are: {file:?}; begun: {begun}"
            ),
            Settle::Failed(why) => ensure!(
                begun || evil,
                "files-settled",
                "{item} of {worker} is to be where failed ones are ({why}): {file:?}"
            ),
        }
        Ok(())
    }

    /// A file is moved, if it is there.
    fn moves(&mut self, worker: &WorkerName, item: &ItemName, to: &To, at: Timestamp) -> Moved {
        let place = self.place(worker, item);
        let typed = self.nudges.values().filter(|(whose, _)| whose == worker);
        let last = typed.map(|(_, number)| *number).max();
        let Some(inbox) = self.of.get_mut(worker) else {
            return Moved::Gone;
        };
        let Some(place) = place else {
            // By a clock that was set back an earlier one of its name may seem to be it: that is not played.
            let is_it = |put: &&Put| {
                to.begun.is_some_and(|begun| put.at >= begun)
                    && put.file.is(item)
                    && Some(put.file.number) >= last
            };
            return match inbox.moved.iter().find(is_it) {
                Some(put) if put.delivered => Moved::Before,
                Some(put) => Moved::To(put.name()),
                None => Moved::Gone,
            };
        };
        let file = inbox.queued.remove(place);
        let delivered = to.how == Settle::Delivered;
        inbox.failed += usize::from(!delivered);
        let put = Put {
            at,
            delivered,
            file,
        };
        let name = put.name();
        inbox.moved.push(put);
        Moved::To(name)
    }

    /// Texts of dead daemons of which no other has to tell: that they were delivered is seen where they lie.
    fn delivered_before(&self) -> Vec<NudgeId> {
        let was_delivered = |(worker, number): &(WorkerName, u64)| {
            let files = self.of.get(worker).into_iter();
            let mut files = files.flat_map(|inbox| &inbox.moved);
            files.any(|put| put.delivered && put.file.number == *number)
        };
        let earlier = self.earlier.iter().copied();
        earlier
            .filter(|nudge| was_delivered(&self.nudges[nudge]))
            .collect()
    }
}

impl World {
    /// Somebody drops a file into an inbox, perhaps over another one, or takes one away.
    pub(crate) fn file_comes(&mut self) {
        let agents = self.config.workers.values();
        let agents = agents.filter(|worker| worker.agent.is_some());
        let agents: Vec<_> = agents.map(|worker| worker.name.clone()).collect();
        let Some(worker) = self.rng.choice(agents) else {
            return;
        };
        let inboxes = &mut self.inboxes;
        inboxes.count += 1;
        let number = inboxes.count;
        let inbox = inboxes.of.entry(worker.clone()).or_default();
        if self.rng.u32(0..10) == 0 && !inbox.queued.is_empty() {
            inbox.queued.remove(self.rng.usize(0..inbox.queued.len()));
            self.coverage.count("files taken away");
        } else {
            let name = format!("{}.md", self.rng.u32(0..NAMES));
            let before = inbox.queued.len();
            inbox.queued.retain(|file| file.name != name);
            if inbox.queued.len() < before {
                self.coverage.count("files dropped over others");
            }
            let text = match self.rng.u32(0..12) {
                0 => Err("text has an escape character in line 1".into()),
                _ => Ok(format!("file {number}\nthe rest of it")),
            };
            inbox.queued.push(File {
                number,
                name,
                text,
                typed: false,
            });
            self.coverage.count("files dropped in");
        }
        self.note(|| format!("something happens in the inbox of {worker}"));
        // What nobody hears of is found by the next look.
        if !self.nature.loses(&mut self.rng) {
            self.look_soon();
        }
    }

    fn look_soon(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        let number = daemon.number;
        let late = TOGETHER + self.nature.delay(&mut self.rng);
        self.later(late, Item::Inboxes(number, false));
    }

    /// A daemon begins to keep them.
    pub(crate) fn keep_inboxes(&mut self, number: u64) {
        if !self.nature.is_by_hand() && self.night.is_none() {
            self.later(0, Item::Inboxes(number, true));
        }
    }

    /// Somebody looks into all of them; `again`: and again after a while.
    pub(crate) fn look_into_inboxes(&mut self, number: u64, again: bool) -> Checked {
        let Some(daemon) = self.daemon.as_ref().filter(|one| one.number == number) else {
            return Ok(());
        };
        let workers = daemon.told.config.workers.values();
        let agents = workers.filter(|worker| worker.agent.is_some());
        let agents: Vec<_> = agents.map(|worker| worker.name.clone()).collect();
        if again {
            self.later(POLL, Item::Inboxes(number, true));
        }
        for worker in agents {
            if self.nature.percent(&mut self.rng, 5) {
                self.coverage.count("inboxes that nobody could look into");
                continue;
            }
            let inbox = self.inboxes.of.get(&worker);
            let lies = inbox.map_or_else(Lies::default, Inbox::lies);
            self.tell(Event::Inbox(worker, lies))?;
        }
        Ok(())
    }

    /// The rig wants a file to be moved; that is done in a moment.
    pub(crate) fn settle_file(&mut self, worker: WorkerName, item: ItemName, to: To) -> Checked {
        self.inboxes
            .is_right_to_settle(&worker, &item, &to.how, &self.store.now)?;
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let number = daemon.number;
        let late = self.nature.delay(&mut self.rng);
        self.later(late, Item::Settle(number, worker, item, to));
        Ok(())
    }

    /// A file is moved, or cannot be, and the daemon hears of it, or does not.
    pub(crate) fn move_file(
        &mut self,
        number: u64,
        worker: WorkerName,
        item: ItemName,
        to: &To,
    ) -> Checked {
        let daemon = self.daemon.as_ref();
        if daemon.is_none_or(|daemon| daemon.number != number) {
            return Ok(());
        }
        let moved = if self.store.refuses || self.nature.percent(&mut self.rng, 10) {
            self.coverage.count("files that could not be moved");
            Err("no space left on device".to_owned())
        } else {
            self.coverage.count(match to.how {
                Settle::Delivered => "files delivered",
                Settle::Failed(_) => "files failed",
            });
            Ok(self.inboxes.moves(&worker, &item, to, self.wall()))
        };
        self.look_soon();
        if self.nature.loses(&mut self.rng) {
            self.coverage.count("lost: Settled");
            return Ok(());
        }
        self.tell(Event::Settled(worker, item, moved))
    }

    /// The daemon is dead: of what it wanted to be moved some is, and it has not heard of it.
    pub(crate) fn cut_off_moves(&mut self) {
        let asked = self
            .queue
            .extract_if(.., |_, item| matches!(item, Item::Settle(..)));
        for (_, item) in asked.collect::<Vec<_>>() {
            if let Item::Settle(_, worker, item, to) = item
                && self.rng.bool()
            {
                self.coverage.count("files moved unheard");
                let at = self.wall();
                self.inboxes.moves(&worker, &item, &to, at);
            }
        }
        self.inboxes.earlier = self.inboxes.nudges.keys().copied().collect();
        for nudge in self.inboxes.delivered_before() {
            self.checks.nudges.is_seen_otherwise(nudge);
        }
    }
}
