//! Inboxes of agents: made, watched, looked into, and files moved out of them.
//!
//! Promise: one thing at a time is done, and told in the order in which it was done: a look from before a
//! file was moved is never told after that. A file that is dropped in is noticed when it happens, and at
//! the latest by the slow poll; nobody of the loop waits for it.
//!
//! How: `keep` runs beside the loop and takes [`Order`]s; what it touches is touched by threads that
//! are never waited for longer than a limit ([`Looks`]).

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::{
    Daemon, Input,
    rounds::{Due, Rounds},
};
use crate::{
    causes::in_one_line,
    config::{Config, Worker},
    decide::{Event, Lies, Moved, Settle, is_text_of},
    host::{
        account,
        look::{At, Looks},
    },
    inbox::{self, Inbox},
    model::{GateName, ItemName, WorkerName},
};

/// What happens within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(200);

/// What is to be done.
enum Order {
    /// These have one, and are whose.
    Declared(BTreeMap<WorkerName, Option<String>>),
    Settle {
        worker: WorkerName,
        item: ItemName,
        how: Settle,
        begun: Option<Timestamp>,
    },
    /// Leave a text there, unless that was done before.
    Send {
        gate: GateName,
        worker: WorkerName,
        item: ItemName,
        text: String,
    },
    /// Take what says where a gate stood out of it, but these.
    Revoke {
        gate: GateName,
        worker: WorkerName,
        but: Vec<ItemName>,
    },
}

/// The way to who keeps the inboxes.
#[derive(Clone)]
pub(super) struct Inboxes {
    state: PathBuf,
    looks: Looks,
    orders: mpsc::UnboundedSender<Order>,
    /// Something happened in one.
    changed: Arc<Notify>,
}

impl Inboxes {
    /// Begins to keep those that are declared.
    pub(super) fn keep(state: &Path, inputs: mpsc::UnboundedSender<Input>) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let inboxes = Self {
            state: state.to_owned(),
            looks: Looks::new(|| {}),
            orders,
            changed: Arc::default(),
        };
        let (state, looks) = (inboxes.state.clone(), inboxes.looks.clone());
        let rounds = Rounds::new(taken, Arc::clone(&inboxes.changed), TOGETHER);
        tokio::task::spawn_local(keep(Keeper { state, looks }, rounds, inputs));
        inboxes
    }

    pub(super) fn follow(&self, config: &Config) {
        let with_agent = |worker: &&Worker| worker.agent.is_some();
        let declared = config.workers.values().filter(with_agent);
        let declared =
            declared.map(|worker| (worker.name.clone(), worker.user().map(str::to_owned)));
        self.order(Order::Declared(declared.collect()));
    }

    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }

    /// `begun`: when an earlier daemon began to type it, which may have moved it.
    pub(super) fn settle(
        &self,
        worker: WorkerName,
        item: ItemName,
        how: Settle,
        begun: Option<Timestamp>,
    ) {
        self.order(Order::Settle {
            worker,
            item,
            how,
            begun,
        });
    }

    /// Leaves a text there that says where a gate stands.
    pub(super) fn send(&self, gate: GateName, worker: WorkerName, item: ItemName, text: String) {
        self.order(Order::Send {
            gate,
            worker,
            item,
            text,
        });
    }

    /// Takes what says where a gate stood out of it, but these.
    pub(super) fn revoke(&self, gate: GateName, worker: WorkerName, but: Vec<ItemName>) {
        self.order(Order::Revoke { gate, worker, but });
    }

    /// Whether this is still the text of a file.
    pub(super) async fn still_says(
        &self,
        worker: WorkerName,
        item: ItemName,
        text: String,
    ) -> bool {
        let state = self.state.clone();
        let subject = about(&worker);
        let looking = self.looks.look(&subject, move |at| {
            at.comes_to(&inbox::path(&state, &worker));
            let inbox = Inbox::open(&state, &worker)?;
            Ok::<_, inbox::InboxError>(inbox.still_says(&item, &text, SystemTime::now()))
        });
        matches!(looking.await, Ok(Ok(true)))
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("the daemon is ending");
        }
    }
}

/// What the trouble with an inbox is called.
fn about(worker: &WorkerName) -> String {
    format!("inbox of {worker}")
}

struct Keeper {
    state: PathBuf,
    looks: Looks,
}

async fn keep(keeper: Keeper, mut rounds: Rounds<Order>, inputs: mpsc::UnboundedSender<Input>) {
    let mut declared: BTreeMap<WorkerName, Option<String>> = BTreeMap::new();
    while let Some(due) = rounds.due().await {
        let input = match due {
            Due::Order(Order::Declared(now)) => {
                declared = now;
                rounds.look_now();
                continue;
            }
            Due::Order(Order::Settle {
                worker,
                item,
                how,
                begun,
            }) => {
                let moved = keeper.settle(worker.clone(), item.clone(), how, begun);
                let moved = moved.await;
                rounds.look_soon();
                vec![Input::Event(Event::Settled(worker, item, moved))]
            }
            Due::Order(Order::Send {
                gate,
                worker,
                item,
                text,
            }) => {
                let left = match declared.get(&worker).cloned() {
                    Some(user) => keeper.send(worker, user, item.clone(), text).await,
                    // It is about to be.
                    None => Err(format!("{worker} is not declared")),
                };
                rounds.look_soon();
                vec![Input::Event(Event::HandoffTold(gate, item, left))]
            }
            Due::Order(Order::Revoke { gate, worker, but }) => {
                if let Err(why) = keeper.revoke(worker.clone(), gate, but).await {
                    tracing::warn!("inbox of {worker} may have texts of an earlier step: {why}");
                }
                rounds.look_soon();
                continue;
            }
            Due::Look => {
                let all = declared
                    .iter()
                    .map(|(worker, user)| keeper.look(worker.clone(), user.clone()));
                // Who does not answer holds up nobody else.
                let found = futures_util::future::join_all(all).await;
                let again = found.iter().flatten().filter_map(|(_, again)| *again);
                rounds.looked(again.min());
                let seen = declared.keys().cloned().zip(found);
                seen.map(|(worker, found)| Input::Inbox {
                    worker,
                    lies: found.map(|(lies, _)| lies),
                })
                .collect()
            }
        };
        for input in input {
            if inputs.send(input).is_err() {
                return;
            }
        }
    }
}

impl Keeper {
    /// What lies there, and when to look again; or why nobody can tell.
    async fn look(
        &self,
        worker: WorkerName,
        user: Option<String>,
    ) -> Result<(Lies, Option<Duration>), String> {
        let state = self.state.clone();
        let subject = about(&worker);
        let look = move |at: &At| {
            let user = user.map(|name| number_of(&name, at)).transpose()?;
            at.comes_to(&inbox::path(&state, &worker));
            let inbox = Inbox::make(&state, &worker, user).map_err(|error| in_one_line(&error))?;
            let seen = inbox.look(SystemTime::now());
            seen.map_err(|error| in_one_line(&error))
        };
        let seen = self.looks.look(&subject, look).await;
        seen.map_err(|unseen| in_one_line(&unseen))?
    }

    async fn send(
        &self,
        worker: WorkerName,
        user: Option<String>,
        item: ItemName,
        text: String,
    ) -> Result<(), String> {
        let state = self.state.clone();
        let subject = about(&worker);
        let send = move |at: &At| {
            let user = user.map(|name| number_of(&name, at)).transpose()?;
            at.comes_to(&inbox::path(&state, &worker));
            let inbox = Inbox::make(&state, &worker, user).map_err(|error| in_one_line(&error))?;
            let sent = inbox.send_once(&item, &text);
            sent.map_err(|error| in_one_line(&error))
        };
        let sent = self.looks.look(&subject, send).await;
        sent.map_err(|unseen| in_one_line(&unseen))?
    }

    async fn revoke(
        &self,
        worker: WorkerName,
        gate: GateName,
        but: Vec<ItemName>,
    ) -> Result<(), String> {
        let state = self.state.clone();
        let subject = about(&worker);
        let revoke = move |at: &At| {
            at.comes_to(&inbox::path(&state, &worker));
            let is_meant = |item: &ItemName| is_text_of(item, &gate) && !but.contains(item);
            match Inbox::open(&state, &worker) {
                Ok(inbox) => inbox.revoke(is_meant),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        };
        match self.looks.look(&subject, revoke).await {
            Ok(revoked) => revoked.map_err(|error: inbox::InboxError| in_one_line(&error)),
            Err(unseen) => Err(in_one_line(&unseen)),
        }
    }

    async fn settle(
        &self,
        worker: WorkerName,
        item: ItemName,
        how: Settle,
        begun: Option<Timestamp>,
    ) -> Result<Moved, String> {
        let state = self.state.clone();
        let subject = about(&worker);
        let settle = move |at: &At| {
            at.comes_to(&inbox::path(&state, &worker));
            match Inbox::open(&state, &worker) {
                Ok(inbox) => inbox.settle(&item, &how, begun, Timestamp::now()),
                // With the directory went the file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Moved::Gone),
                Err(error) => Err(error),
            }
        };
        match self.looks.look(&subject, settle).await {
            Ok(settled) => settled.map_err(|error: inbox::InboxError| in_one_line(&error)),
            Err(unseen) => Err(in_one_line(&unseen)),
        }
    }
}

/// The number of a user; the machine may ask another one for it.
pub(super) fn number_of(name: &str, at: &At) -> Result<u32, String> {
    at.comes_to(&account::shows_user(name));
    match account::user(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("there is no user {name} on this machine")),
        Err(error) => Err(format!("user {name} cannot be looked up: {error}")),
    }
}

impl Daemon {
    /// Somebody has looked into an inbox.
    pub(super) async fn inbox_seen(&mut self, worker: WorkerName, lies: Result<Lies, String>) {
        let about = about(&worker);
        let declared = self.config.workers.get(&worker);
        if declared.is_none_or(|worker| worker.agent.is_none()) {
            return self.troubles.over(&about);
        }
        match lies {
            Ok(lies) => {
                self.troubles.over(&about);
                self.files
                    .watch_inbox(&inbox::path(&self.paths.state, &worker));
                self.turn(Event::Inbox(worker, lies)).await;
            }
            Err(why) => {
                let text =
                    format!("{about} cannot be used: {why}; nothing of it is typed until it can");
                self.last(&about, text);
            }
        }
    }
}
