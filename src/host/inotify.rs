//! Changes of files and directories, told by the kernel (inotify(7)).
//!
//! Promise: nothing wakes while nothing changes. Who waits is told at least once after the last
//! change, and at most once in each pause: what happens during a pause is one event, however often
//! a file was written. All watches share one inotify instance, of which a user may have few
//! (`fs.inotify.max_user_instances`, 128 by default).

use std::{
    collections::HashMap,
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::fs::inotify::{
    CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};

use crate::sys;

/// One inotify instance and the task that reads it; the task ends with the last handle.
#[derive(Debug, Clone)]
pub(crate) struct Inotify(Arc<Instance>);

#[derive(Debug)]
struct Instance {
    kernel: AsyncFd<OwnedFd>,
    waiting: Mutex<HashMap<i32, Arc<Notify>>>,
}

/// One watched path; dropping it ends the watch.
#[derive(Debug)]
pub(crate) struct Watch {
    instance: Arc<Instance>,
    number: i32,
    changed: Arc<Notify>,
}

impl Instance {
    fn waiting(&self) -> MutexGuard<'_, HashMap<i32, Arc<Notify>>> {
        // A panic while it was held left a map that is still right.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = Reader::new(self.kernel.get_ref(), &mut buffer);
        let waiting = self.waiting();
        while let Ok(event) = events.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                waiting.values().for_each(|changed| changed.notify_one());
            } else if let Some(changed) = waiting.get(&event.wd()) {
                changed.notify_one();
            }
        }
    }
}

impl Inotify {
    /// Begins to read; `pause` lies between a change and the news of it.
    ///
    /// # Errors
    /// inotify_init1(2).
    pub(crate) fn start(pause: Duration) -> io::Result<Self> {
        let kernel = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let instance = Arc::new(Instance {
            kernel: sys::polled(kernel, Interest::READABLE)?,
            waiting: Mutex::default(),
        });
        let shared = Arc::clone(&instance);
        let reader = tokio::spawn(async move {
            while let Ok(mut ready) = shared.kernel.readable().await {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                ready.clear_ready();
                shared.tell();
            }
        });
        drop(reader);
        Ok(Self(instance))
    }

    /// Watches `path` for `what`.
    ///
    /// # Errors
    /// inotify_add_watch(2).
    pub(crate) fn watch(&self, path: &Path, what: WatchFlags) -> io::Result<Watch> {
        let mut waiting = self.0.waiting();
        let number = add_watch(self.0.kernel.get_ref(), path, what)?;
        let changed = Arc::new(Notify::new());
        waiting.insert(number, Arc::clone(&changed));
        drop(waiting);
        Ok(Watch {
            instance: Arc::clone(&self.0),
            number,
            changed,
        })
    }
}

impl Watch {
    /// Waits for a change since the last call. Cancel-safe.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.instance.waiting().remove(&self.number);
        // Fails when the watched file is gone, and the watch with it.
        let _ = remove_watch(self.instance.kernel.get_ref(), self.number);
    }
}
