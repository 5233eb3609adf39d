//! Units as those who wait for them see them: a connection to the manager that is made again when it
//! is lost, and who is told of which unit.
//!
//! Promise: whoever looks after [`Watch::changed`] has seen every change that there was before. A lost
//! connection counts as a change of every unit: nobody knows what happened meanwhile.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::{sync::watch, task::AbortHandle, time::sleep};

use super::{
    change::{Change, MainEnd},
    manager::{Manager, ManagerError, Whose},
};

/// Between two tries to reach a manager that was lost.
const AGAIN: Duration = Duration::from_millis(500);

/// The way to a service manager, for everybody.
#[derive(Debug, Clone)]
pub struct Units {
    whose: Whose,
    shared: Arc<Shared>,
    _listener: Arc<Listener>,
}

#[derive(Debug, Default)]
struct Shared {
    manager: Mutex<Option<Manager>>,
    watched: Mutex<BTreeMap<String, watch::Sender<Option<MainEnd>>>>,
}

/// Ends with the last who has the way.
#[derive(Debug)]
struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Somebody who waits for changes of one unit.
#[derive(Debug)]
pub struct Watch(watch::Receiver<Option<MainEnd>>);

impl Watch {
    /// Returns when something changed since the last time, or since it was made. Cancel safe.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody can tell any more, as the daemon ends.
            std::future::pending::<()>().await;
        }
    }

    /// How the unit's main process ended, if it had this pid and the manager has told it since this was
    /// made.
    pub fn ended(&self, pid: i32) -> Option<MainEnd> {
        self.0.borrow().clone().filter(|end| end.pid == pid)
    }
}

/// No holder of these locks can leave anything half done, also when it panics.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Units {
    /// Listens from now on, also to a manager that does not answer yet. To be called inside of a tokio
    /// runtime.
    pub fn of(whose: Whose) -> Self {
        let shared = Arc::new(Shared::default());
        let listening = listen(whose.clone(), Arc::clone(&shared));
        let listener = tokio::spawn(listening).abort_handle();
        Self {
            whose,
            shared,
            _listener: Arc::new(Listener(listener)),
        }
    }

    /// Whose manager it is the way to.
    pub fn whose(&self) -> &Whose {
        &self.whose
    }

    /// The manager.
    ///
    /// # Errors
    /// When it was lost and cannot be reached.
    pub async fn manager(&self) -> Result<Manager, ManagerError> {
        let present = held(&self.shared.manager).clone();
        match present {
            Some(manager) => Ok(manager),
            None => Manager::connect(&self.whose).await,
        }
    }

    /// Watches a unit, whether it is there or not.
    pub fn watch(&self, unit: &str) -> Watch {
        let mut watched = held(&self.shared.watched);
        watched.retain(|_, sender| sender.receiver_count() > 0);
        let sender = watched
            .entry(unit.to_owned())
            .or_insert_with(|| watch::channel(None).0);
        Watch(sender.subscribe())
    }
}

async fn listen(whose: Whose, shared: Arc<Shared>) {
    loop {
        if let Ok(manager) = Manager::connect(&whose).await
            && let Ok(changes) = manager.changes().await
        {
            *held(&shared.manager) = Some(manager);
            // What changed before somebody listened.
            tell_all(&shared);
            let mut changes = pin!(changes);
            while let Some(Change { unit, ended }) = changes.next().await {
                if let Some(sender) = held(&shared.watched).get(&unit) {
                    sender.send_modify(|last| *last = ended.or(last.take()));
                }
            }
            *held(&shared.manager) = None;
            tell_all(&shared);
        }
        sleep(AGAIN).await;
    }
}

fn tell_all(shared: &Shared) {
    for sender in held(&shared.watched).values() {
        sender.send_modify(|_| {});
    }
}
