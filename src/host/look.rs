//! Looks at files that may never come back: a file system of another machine that does not answer holds
//! whoever asks for something of it inside of the kernel.
//!
//! Promise: nobody waits longer than a limit, and the event loop not at all; of one subject there
//! is never more than one look on its way, however often it is asked for. One that comes back when
//! nobody waits for it any more is told of, for the next one may come back in time.
//!
//! How: each has a thread of its own, which is never waited for. One that hangs ends with its look, or
//! with the process: so it is on file systems whose waits SIGKILL ends, as NFS.

use std::{
    collections::BTreeMap,
    fmt,
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    sync::{self, oneshot},
    time::{Instant, timeout_at},
};

/// How long a look may take, as a rule. A disk that begins to turn needs some seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What everybody can wait for.
pub(crate) const MOMENT: Duration = Duration::from_secs(2);

/// Where a look is.
#[derive(Debug, Clone, Default)]
pub(crate) struct At(Arc<Mutex<PathBuf>>);

impl At {
    /// It comes to this path.
    pub(crate) fn comes_to(&self, path: &Path) {
        path.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// It comes to this path, and has its file system say more than what it said before and the kernel
    /// remembers.
    pub(crate) fn asks(&self, path: &Path) {
        self.comes_to(path);
        let mut open = OpenOptions::new();
        // Whoever waits for the other end of a pipe waits for ever.
        let open = open.read(true).custom_flags(nix::libc::O_NONBLOCK);
        // What cannot be read may well be entered and executed.
        drop(open.open(path).and_then(|mut file| file.read(&mut [0; 1])));
    }

    fn is(&self) -> PathBuf {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Nobody has seen anything.
#[derive(Debug, thiserror::Error)]
pub enum Unseen {
    /// The look has not come back.
    #[error("{} does not answer: a look at it did not come back within {} s", at.display(), limit.as_secs())]
    Hangs {
        /// What it is at.
        at: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
    /// There was nobody to look.
    #[error("no thread can be had to look at files")]
    Thread(#[from] io::Error),
}

/// One subject of looks: whose turn it is, and where the look of that one is.
#[derive(Debug, Clone, Default)]
struct Subject {
    turn: Arc<sync::Mutex<()>>,
    at: At,
}

/// Looks beside the event loop.
#[derive(Clone)]
pub(crate) struct Looks {
    subjects: Arc<Mutex<BTreeMap<String, Subject>>>,
    /// Called on the look's own thread, when one came back late.
    late: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Looks").field(&*self.subjects()).finish()
    }
}

impl Looks {
    /// `late` is called whenever a look has come back for which nobody waited any more.
    pub(crate) fn new(late: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            subjects: Arc::default(),
            late: Arc::new(late),
        }
    }

    fn subjects(&self) -> MutexGuard<'_, BTreeMap<String, Subject>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subject(&self, name: &str) -> Subject {
        let mut subjects = self.subjects();
        subjects.retain(|_, subject| Arc::strong_count(&subject.turn) > 1);
        subjects.entry(name.to_owned()).or_default().clone()
    }

    /// Looks, after all earlier looks at the same subject have come back.
    ///
    /// # Errors
    /// It did not come back in time, or there was no thread for it.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        subject: &str,
        look: impl FnOnce(&At) -> T + Send + 'static,
    ) -> Result<T, Unseen> {
        self.look_within(PATIENCE, subject, look).await
    }

    /// Looks if that takes but a moment; `None`, and nothing follows, where it does not. What is at its
    /// end may be left to [`Looks::look`].
    pub(crate) async fn glance<T: Send + 'static>(
        &self,
        subject: &str,
        look: impl FnOnce(&At) -> T + Send + 'static,
    ) -> Option<T> {
        let glance = Self {
            subjects: Arc::clone(&self.subjects),
            late: Arc::new(|| {}),
        };
        glance.look_within(MOMENT, subject, look).await.ok()
    }

    /// The same with another limit.
    ///
    /// # Errors
    /// As [`Looks::look`].
    pub(crate) async fn look_within<T: Send + 'static>(
        &self,
        limit: Duration,
        subject: &str,
        look: impl FnOnce(&At) -> T + Send + 'static,
    ) -> Result<T, Unseen> {
        let until = Instant::now() + limit;
        let Subject { turn, at } = self.subject(subject);
        let hangs = || Unseen::Hangs { at: at.is(), limit };
        let turn = timeout_at(until, turn.lock_owned())
            .await
            .map_err(|_| hangs())?;
        let (answer, answered) = oneshot::channel();
        let (late, own) = (Arc::clone(&self.late), at.clone());
        let looking = move || {
            let found = look(&own);
            drop(turn);
            if answer.send(found).is_err() {
                late();
            }
        };
        begin(looking)?;
        let answered = timeout_at(until, answered).await;
        answered.map_err(|_| hangs())?.map_err(|_| hangs())
    }
}

/// Waits for looks, for somebody without an event loop. One that hangs does not keep the process from
/// ending.
///
/// # Errors
/// Nobody can be had who waits.
pub(crate) fn wait_for<T>(looking: impl AsyncFnOnce(&Looks) -> T) -> Result<T, Unseen> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(looking(&Looks::new(|| {}))))
}

/// The same of a single path.
///
/// # Errors
/// It did not come back in time, or there was nobody to look.
pub(crate) fn look_at<T: Send + 'static>(
    limit: Duration,
    path: &Path,
    look: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, Unseen> {
    let path = path.to_owned();
    let look = move |at: &At| {
        at.comes_to(&path);
        look(&path)
    };
    wait_for(async |looks| looks.look_within(limit, "a path", look).await)?
}

fn begin(look: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name("look".to_owned())
        .spawn(look)
        .map(drop)
}
