//! Gates: their files, and the directories in which steps of them are asked for.
//!
//! Promise: what is asked and what was answered is told in the order in which it was done: a look from before
//! an answer is never told after that. A request is noticed when it comes, and at the latest by the slow poll;
//! nobody of the loop waits for a directory that is another user's.
//!
//! Where its gates stand, a worker is shown by who looks for requests: nothing is decided there.
//!
//! How: as with inboxes. `keep` runs beside the loop, and what it touches is touched by threads that are
//! never waited for longer than a limit ([`Looks`]). The files of gates are in the state directory, and are
//! written like everything there, by the loop itself.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{Notify, mpsc};

use super::{
    Daemon, Input,
    inbox::number_of,
    rounds::{Due, Rounds},
};
use crate::{
    causes::in_one_line,
    config::{Config, Worker},
    decide::{self, AskId, Asker, Event, Gate, Lying, RefusalKind},
    handoff::{self, Answer, Asks},
    host::look::{At, Looks},
    model::GateName,
    store::gates,
};

/// What happens within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(100);

/// What is to be done.
enum Order {
    /// These are looked at.
    Declared(BTreeMap<Asker, Whose>),
    Answer {
        by: Asker,
        id: AskId,
        answer: Answer,
    },
}

/// In whose directory somebody asks.
#[derive(Clone)]
enum Whose {
    /// This user's, or the daemon's own; it is made where it is not there.
    Is(Option<String>),
    /// Whoever's it is: of this worker there is none any more that could ask, and what lies there is refused.
    Left,
}

/// The way to who looks for requests.
#[derive(Clone)]
pub(super) struct Handoffs {
    state: PathBuf,
    orders: mpsc::UnboundedSender<Order>,
    /// Something happened where they ask.
    changed: Arc<Notify>,
}

impl Handoffs {
    /// Begins to look for those of who is declared.
    pub(super) fn keep(state: &Path, inputs: mpsc::UnboundedSender<Input>) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let keeper = Keeper {
            state: state.to_owned(),
            looks: Looks::new(|| {}),
        };
        let changed = Arc::<Notify>::default();
        let rounds = Rounds::new(taken, Arc::clone(&changed), TOGETHER);
        tokio::task::spawn_local(keep(keeper, rounds, inputs));
        Self {
            state: state.to_owned(),
            orders,
            changed,
        }
    }

    pub(super) fn follow(&self, config: &Config) {
        // Whoever wants no gates has no directories for them; there may be some from before.
        let claims = config
            .workers
            .values()
            .any(|worker| worker.handoff.is_some());
        let askers = match claims || self.state.join(gates::NAME).is_dir() {
            true => askers(config, &self.state),
            false => BTreeMap::new(),
        };
        self.order(Order::Declared(askers));
    }

    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }

    pub(super) fn answer(&self, by: Asker, id: AskId, answer: Result<String, decide::Refusal>) {
        let answer = match answer {
            Ok(done) => Answer::Done(done),
            Err(refusal) => Answer::Refused {
                message: refusal.message,
                hint: refusal.hint,
                unknown: refusal.kind == RefusalKind::Unknown,
            },
        };
        self.order(Order::Answer { by, id, answer });
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("the daemon is ending");
        }
    }
}

/// All that have an agent, and whose they are; and people. A gate may wait for who verified once, and does so no more
/// by what is configured. Whoever was removed may have asked for something, and is answered.
fn askers(config: &Config, state: &Path) -> BTreeMap<Asker, Whose> {
    let left = handoff::workers(state).into_iter();
    let left = left.map(|worker| (Asker::Worker(worker), Whose::Left));
    let workers = config.workers.values();
    let agents = workers.filter(|worker| worker.agent.is_some());
    let user = |worker: &Worker| worker.user().map(str::to_owned);
    let agents = agents.map(|worker| {
        let whose = Whose::Is(user(worker));
        (Asker::Worker(worker.name.clone()), whose)
    });
    let people = [(Asker::Person, Whose::Is(None))];
    left.chain(agents).chain(people).collect()
}

/// What the trouble with requests is called.
fn about(by: &Asker) -> String {
    match by {
        Asker::Worker(worker) => format!("what {worker} asks of gates"),
        Asker::Person => "what people ask of gates".to_owned(),
    }
}

struct Keeper {
    state: PathBuf,
    looks: Looks,
}

async fn keep(keeper: Keeper, mut rounds: Rounds<Order>, inputs: mpsc::UnboundedSender<Input>) {
    let mut declared: BTreeMap<Asker, Whose> = BTreeMap::new();
    while let Some(due) = rounds.due().await {
        let input = match due {
            Due::Order(Order::Declared(now)) => {
                declared = now;
                rounds.look_now();
                continue;
            }
            Due::Order(Order::Answer { by, id, answer }) => {
                let answered = keeper.answer(by.clone(), id.clone(), answer).await;
                vec![Input::Event(Event::AskAnswered(by, id, answered))]
            }
            Due::Look => {
                let all = declared
                    .iter()
                    .map(|(by, whose)| keeper.look(by.clone(), whose.clone()));
                // Who does not answer holds up nobody else.
                let found = futures_util::future::join_all(all).await;
                rounds.looked(None);
                let seen = declared.keys().cloned().zip(found);
                seen.map(|(by, lying)| Input::Asks { by, lying }).collect()
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
    /// What lies there, or why nobody can tell.
    async fn look(&self, by: Asker, whose: Whose) -> Result<Vec<Lying>, String> {
        let state = self.state.clone();
        let subject = about(&by);
        let look = move |at: &At| {
            at.comes_to(&handoff::path(&state, &by));
            let asks = match whose {
                Whose::Is(user) => {
                    let user = user.map(|name| number_of(&name, at)).transpose()?;
                    Asks::make(&state, &by, user)
                }
                Whose::Left => Asks::open(&state, &by),
            };
            let asks = match asks {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                asks => asks.map_err(|error| in_one_line(&error))?,
            };
            if let Asker::Worker(worker) = &by
                && let Err(error) = asks.show(&state, worker)
            {
                let why = in_one_line(&error);
                tracing::warn!("{worker} cannot be shown where its gates stand: {why}");
            }
            asks.lying().map_err(|error| in_one_line(&error))
        };
        let seen = self.looks.look(&subject, look).await;
        seen.map_err(|unseen| in_one_line(&unseen))?
    }

    async fn answer(&self, by: Asker, id: AskId, answer: Answer) -> Result<(), String> {
        let state = self.state.clone();
        let subject = about(&by);
        let look = move |at: &At| {
            at.comes_to(&handoff::path(&state, &by));
            let asks = Asks::open(&state, &by).map_err(|error| in_one_line(&error))?;
            asks.answer(&id, &answer)
                .map_err(|error| in_one_line(&error))
        };
        let answered = self.looks.look(&subject, look).await;
        answered.map_err(|unseen| in_one_line(&unseen))?
    }
}

impl Daemon {
    /// Somebody has looked for requests.
    pub(super) async fn asks_seen(&mut self, by: Asker, lying: Result<Vec<Lying>, String>) {
        let about = about(&by);
        match lying {
            Ok(lying) => {
                self.troubles.over(&about);
                self.files
                    .watch_asks(&handoff::path(&self.paths.state, &by));
                self.turn(Event::HandoffAsks(by, lying)).await;
            }
            Err(why) => {
                let text =
                    format!("{about} cannot be seen: {why}; nothing of it is done until it can");
                self.last(&about, text);
            }
        }
    }

    pub(super) fn write_handoff(&mut self, gate: &Gate) {
        let written = self.store.write_gate(gate);
        let written = self.stored(written);
        self.follow
            .push_back(Event::HandoffWritten(gate.gate.clone(), written));
    }

    pub(super) fn drop_handoff(&mut self, gate: GateName) {
        let dropped = self.store.drop_gate(&gate);
        let dropped = self.stored(dropped);
        self.follow.push_back(Event::HandoffWritten(gate, dropped));
    }

    pub(super) fn read_handoff(&mut self, gate: GateName) {
        let read = self.store.read_gate(&gate).map(|read| read.map(Box::new));
        self.follow.push_back(Event::HandoffRead(gate, read));
    }
}
