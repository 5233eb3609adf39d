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
//! others undone. Each file has other words, and those that were typed are remembered.

use std::collections::{BTreeMap, BTreeSet};

use loopkeeper::{
    decide::{Event, Lies, NudgeId, Settle},
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
    delivered: usize,
    failed: usize,
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

    /// A file is moved, if it is there; its name then.
    fn moves(&mut self, worker: &WorkerName, item: &ItemName, how: &Settle) -> Option<ItemName> {
        let at = self.place(worker, item)?;
        let inbox = self.of.get_mut(worker)?;
        let file = inbox.queued.remove(at);
        match how {
            Settle::Delivered => inbox.delivered += 1,
            Settle::Failed(_) => inbox.failed += 1,
        }
        Some(
            format!("moved-{}-{}", file.number, file.name)
                .as_str()
                .into(),
        )
    }

    /// Texts of dead daemons of which no other has to tell: what became of their files is seen where they
    /// lie, or by who took them away.
    fn gone(&self) -> Vec<NudgeId> {
        let is_there = |(worker, number): &(WorkerName, u64)| {
            let mut files = self
                .of
                .get(worker)
                .into_iter()
                .flat_map(|inbox| &inbox.queued);
            files.any(|file| file.number == *number)
        };
        let earlier = self.earlier.iter().copied();
        earlier
            .filter(|nudge| !is_there(&self.nudges[nudge]))
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
        self.files_gone();
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
    pub(crate) fn settle_file(
        &mut self,
        worker: WorkerName,
        item: ItemName,
        how: Settle,
    ) -> Checked {
        self.inboxes
            .is_right_to_settle(&worker, &item, &how, &self.store.now)?;
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let number = daemon.number;
        let late = self.nature.delay(&mut self.rng);
        self.later(late, Item::Settle(number, worker, item, how));
        Ok(())
    }

    /// A file is moved, or cannot be, and the daemon hears of it, or does not.
    pub(crate) fn move_file(
        &mut self,
        number: u64,
        worker: WorkerName,
        item: ItemName,
        how: &Settle,
    ) -> Checked {
        let daemon = self.daemon.as_ref();
        if daemon.is_none_or(|daemon| daemon.number != number) {
            return Ok(());
        }
        let moved = if self.store.refuses || self.nature.percent(&mut self.rng, 10) {
            self.coverage.count("files that could not be moved");
            Err("no space left on device".to_owned())
        } else {
            self.coverage.count(match how {
                Settle::Delivered => "files delivered",
                Settle::Failed(_) => "files failed",
            });
            Ok(self.inboxes.moves(&worker, &item, how))
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
            if let Item::Settle(_, worker, item, how) = item
                && self.rng.bool()
            {
                self.coverage.count("files moved unheard");
                self.inboxes.moves(&worker, &item, &how);
            }
        }
        self.inboxes.earlier = self.inboxes.nudges.keys().copied().collect();
        self.files_gone();
    }

    fn files_gone(&mut self) {
        for nudge in self.inboxes.gone() {
            self.checks.nudges.is_seen_otherwise(nudge);
        }
    }
}
