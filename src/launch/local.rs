//! This machine as a place where attempts run: starts, adopts and signals them, a task for each, and
//! passes on what they say.
//!
//! How: [`News`] comes out of one channel; the daemon makes events of the core of what it says of
//! attempts, and shows its problems in `status`.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::future::join_all;
use tokio::sync::{Mutex, mpsc};

use super::{
    House,
    ailment::Ailment,
    attempt,
    command::Runner,
    context::Context,
    directory,
    environment::Inherited,
    life::Orders,
    needs::{self, Eyes},
    output::{Entries, recording},
    remote::{self, Hosts, WayThere},
    secrets::{self, Contents, Told},
    signs, survey,
    tree::Looker,
    typing::{self, Extent, Left, Text, Typed, TypingError},
    unit,
};
use crate::{
    agent::signs::{Sights, Signs},
    config::{self, Environment, Lack},
    host::{
        Executable, HostError, boot, census::CensusTaker, descriptors, inotify::Inotify,
        look::Looks, reaper::Reaper,
    },
    model::{AttemptRef, BootId, Found, HostEvent, HostName, Identity, Signal},
};

/// How long news of growing output may be held back, so that a flood is many bytes and few events.
const APPENDS_EVERY: Duration = Duration::from_millis(100);

/// What comes from a host, unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Of an attempt.
    Event(HostEvent),
    /// Something went wrong that ends no attempt, such as a full disk; for the operator.
    Problem {
        /// What does not work: the same words for the same thing, however it shows.
        about: String,
        /// How it shows.
        text: String,
    },
    /// What an earlier problem was about works.
    Well(String),
    /// What workers need, and did not answer, may answer now.
    NeedsMayDiffer,
    /// What is known of another host.
    Reach(HostName, Reach),
}

/// What became of another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It cannot be reached, and was not before; why.
    Never(String),
    /// It answered, and does not any more; why.
    Lost(String),
    /// It answers.
    Reached,
    /// It has begun another life of its kernel.
    Rebooted {
        /// The one before.
        before: BootId,
        /// The one now.
        boot: BootId,
    },
}

/// What a host is opened with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Attempts' directories are in `attempts/` of it.
    pub state: PathBuf,
    /// tmux's sockets are below it, in a directory for each state directory.
    pub runtime: PathBuf,
    /// How attempts are housed, [`House::here`] as a rule.
    pub house: House,
    /// The daemon's own, which also runs beside workers.
    pub executable: Executable,
}

/// The machine we are on. See the documentation of [`crate::launch`] for what it promises.
#[derive(Debug)]
pub struct Local {
    context: Arc<Context>,
    orders: BTreeMap<AttemptRef, mpsc::UnboundedSender<Signal>>,
    /// What was told last of the files of an attempt's secrets.
    told: BTreeMap<AttemptRef, Told>,
    /// Whose turn it is to type into an attempt's terminal.
    turns: BTreeMap<AttemptRef, Arc<Mutex<()>>>,
}

impl Local {
    /// Opens it. This process becomes the one that collects all children and orphans of attempts, so
    /// there can be only one `Local` in it, and nothing else in it may wait for children.
    ///
    /// To be called inside of a tokio runtime.
    ///
    /// # Errors
    /// When the kernel refuses what is needed, or a directory cannot be made.
    pub fn open(
        mut settings: Settings,
    ) -> Result<(Self, mpsc::UnboundedReceiver<News>), HostError> {
        for directory in [&settings.state, &settings.runtime] {
            fs::create_dir_all(directory).map_err(|error| HostError::file(directory, error))?;
        }
        // Processes are recognised by the path, whichever way it is written this time.
        let state = fs::canonicalize(&settings.state);
        settings.state = state.map_err(|error| HostError::file(&settings.state, error))?;
        let watching = |error| HostError::Kernel("watching files", error);
        let reaper = Reaper::start()?;
        let census = CensusTaker::start();
        let open_files = descriptors::raise_limit();
        let (tell, news) = mpsc::unbounded_channel();
        let environment = Environment::of_this_process()
            .map_err(|error| HostError::Kernel("its own environment", error))?;
        let late = tell.clone();
        // The daemon that does not listen any more is ending.
        let looks = Looks::new(move || drop(late.send(News::NeedsMayDiffer)));
        let runner = Runner {
            executable: settings.executable.clone(),
            reaper: reaper.clone(),
            census: census.clone(),
            looks: looks.clone(),
            inherited: Inherited::of_this_process(),
            open_files,
        };
        let context = Context {
            environment,
            boot: boot::boot_id()?,
            output: settings.house.output(&runner, &tell),
            runner,
            looker: Looker { census, reaper },
            arrivals: Inotify::start(Duration::ZERO).map_err(watching)?,
            appends: Inotify::start(APPENDS_EVERY).map_err(watching)?,
            looks,
            open_files,
            news: tell,
            looks_for_hand: Arc::default(),
            hosts: Hosts::default(),
            settings,
        };
        if let Some(lack) = context.settings.house.lack() {
            context.problem("service manager".into(), lack);
        }
        let local = Self {
            context: Arc::new(context),
            orders: BTreeMap::new(),
            told: BTreeMap::new(),
            turns: BTreeMap::new(),
        };
        Ok((local, news))
    }

    /// Whether every attempt is a service of its own, whatever runs inside.
    pub fn carries(&self) -> bool {
        matches!(self.context.settings.house, House::Unit { .. })
    }

    /// Who looks at what workers need.
    pub(crate) fn eyes(&self) -> Eyes {
        Eyes::of(&self.context)
    }

    /// What of these workers' settings is not kept on this machine, and why; for the operator. What
    /// has to be kept is refused at the start of an attempt.
    pub fn not_kept<'a>(
        &self,
        workers: impl IntoIterator<Item = &'a config::Worker>,
    ) -> Option<String> {
        if self.carries() {
            return None;
        }
        let limits = |worker: &config::Worker| {
            let limits = worker.systemd.iter().filter(|(_, setting)| setting.limits);
            let names: Vec<&str> = limits.map(|(name, _)| *name).collect();
            (!names.is_empty()).then(|| format!("{} ({})", worker.name, names.join(", ")))
        };
        let workers: Vec<String> = workers.into_iter().filter_map(limits).collect();
        (!workers.is_empty()).then(|| {
            format!(
                "limits are not kept, for the daemon is not run by systemd: {}",
                workers.join(", ")
            )
        })
    }

    /// Keeps the other hosts of this configuration connected.
    pub fn keep_hosts(&self, config: &config::Config) {
        self.context.hosts.keep(&self.context, config);
    }

    /// Another host, if it is kept connected.
    pub(crate) fn far(&self, name: &HostName) -> Option<super::Far> {
        self.context.hosts.get(name)
    }

    /// Runs short-lived commands, with this host's reaper.
    pub fn runner(&self) -> Runner {
        self.context.runner.clone()
    }

    /// Every attempt that is not concluded, of workers declared or not, and everything else that
    /// lives and was started as an attempt of ours.
    ///
    /// # Errors
    /// When the machine cannot be asked; then nothing is known.
    pub async fn survey(&mut self) -> Result<Vec<Found>, HostError> {
        let begins = |attempt: &AttemptRef| {
            let orders = self.orders.get(attempt);
            orders.is_some_and(|orders| !orders.is_closed())
        };
        survey::survey(&self.context, begins).await
    }

    /// How an attempt is that is on another host; `None` for one that is here.
    pub fn elsewhere(&self, attempt: &AttemptRef) -> Option<Found> {
        let spec = self.context.directory(attempt).spec()?;
        let afar = spec.far?;
        let is = self.context.condition_afar(&afar, attempt);
        Some(Found {
            attempt: attempt.clone(),
            on: Some(afar.host.clone()),
            stop: spec.stop,
            is,
        })
    }

    /// Starts an attempt. Reports `Started` or `StartFailed`, later `Ended`, then `Gone`.
    ///
    /// `environment` is added to the worker's own, after it.
    pub fn start(
        &mut self,
        attempt: AttemptRef,
        worker: &config::Worker,
        environment: BTreeMap<String, String>,
    ) {
        let orders = self.new_orders(&attempt);
        let context = Arc::clone(&self.context);
        let worker = worker.clone();
        tokio::spawn(async move {
            match worker.on.host() {
                Some(host) => {
                    let far = context.hosts.get(host);
                    remote::start(&context, far, attempt, &worker, environment, orders).await;
                }
                None => attempt::start(&context, attempt, &worker, environment, orders).await,
            }
        });
    }

    /// Begins to watch an attempt that [`Local::survey`] found alive. Reports `Ended`, then `Gone`.
    pub fn adopt(&mut self, attempt: &AttemptRef, identity: &Identity) {
        let orders = self.new_orders(attempt);
        let context = Arc::clone(&self.context);
        let (attempt, identity) = (attempt.clone(), identity.clone());
        let far = context.far_of(&attempt);
        tokio::spawn(async move {
            match far {
                Some(far) => remote::adopt(&context, &far, attempt, identity, orders).await,
                None => attempt::adopt(&context, attempt, identity, orders).await,
            }
        });
    }

    /// Signals the whole tree of an attempt, also what survives after its own process ended. `Gone`
    /// is reported as soon as nothing lives.
    pub fn signal(&mut self, attempt: &AttemptRef, signal: Signal) {
        let orders = self.orders.get(attempt);
        let refused = orders.is_none_or(|orders| orders.send(signal).is_err());
        if refused {
            // Nobody watches it: it was found when its own process had ended already.
            let orders = self.new_orders(attempt);
            let context = Arc::clone(&self.context);
            let left = attempt.clone();
            let far = context.far_of(attempt);
            tokio::spawn(async move {
                match far {
                    Some(far) => remote::leftover(&context, &far, left, orders).await,
                    None => attempt::leftover(&context, left, orders).await,
                }
            });
            if let Some(orders) = self.orders.get(attempt) {
                // Just made, so somebody listens.
                let _ = orders.send(signal);
            }
        }
    }

    /// The daemon has drawn its conclusions: the attempt is history, and the oldest of its worker's
    /// history is removed.
    pub fn conclude(&mut self, attempt: &AttemptRef) {
        self.orders.remove(attempt);
        self.told.remove(attempt);
        self.turns.remove(attempt);
        let directory = self.context.directory(attempt);
        let far = self.context.far_of(attempt);
        if far.is_none() {
            unit::look_for_hand(&self.context, attempt, &directory);
        }
        let keep = directory
            .spec()
            .map_or(usize::MAX, |spec| spec.keep_attempts);
        let done = directory
            .conclude()
            .and_then(|()| directory::prune(&self.context.settings.state, &attempt.worker, keep));
        if done.is_ok() {
            self.context.records_are_history(&directory);
        }
        if let Some(far) = far {
            far.tidy(attempt);
        }
        let path = directory.path().display();
        self.context.outcome(
            format!("conclusion of {}", attempt.worker),
            done.map_err(|error| format!("{path}: cannot be concluded: {error}")),
        );
    }

    /// What these files have, beside what an attempt was handed, and what is wrong with them for this
    /// worker. What does not answer says nothing.
    pub(crate) fn secrets_of(
        &mut self,
        attempt: &AttemptRef,
        files: BTreeMap<String, PathBuf>,
        of: Option<config::Worker>,
    ) -> impl Future<Output = Option<(Contents, Option<Lack>)>> + use<> {
        let context = Arc::clone(&self.context);
        let settings = &self.context.settings;
        let told = self.told.entry(attempt.clone());
        let salt = told.or_insert_with(|| Told::of(settings, attempt)).salt();
        let copies = secrets::copies(settings, attempt);
        let worker = attempt.worker.clone();
        async move {
            let environment = context.environment.clone();
            let look = move |at: &_| {
                let flaw = of.and_then(|worker| worker.flaw_of_users(&environment, at));
                let contents = secrets::contents(salt, &copies, &files, at);
                (contents, flaw)
            };
            needs::look_for(&context, &worker, look).await.ok()
        }
    }

    /// Whether that is to be told: each content that the files come to have is told once, also where it
    /// is again what the attempt was handed.
    pub fn secrets_differ(&mut self, attempt: &AttemptRef, contents: &Contents) -> bool {
        let told = self.told.get_mut(attempt);
        told.is_some_and(|told| told.differ(contents))
    }

    /// Signals an attempt's own process, and nobody else: a secret of it changed. The daemons to come
    /// know that it was told, as soon as it was.
    pub fn reload(&self, attempt: &AttemptRef, identity: &Identity, signal: Signal) {
        if let Err(error) = attempt::process_of(identity).signal(signal) {
            let text = format!("{signal}: {error}");
            return self.context.ails(attempt, Ailment::Signals, &text);
        }
        let told = self.told.get(attempt);
        let kept = told.map_or(Ok(()), |told| told.keep(&self.context.settings, attempt));
        if let Err(error) = kept {
            let text = format!("what it was told of its secrets is not kept: {error}");
            self.context.ails(attempt, Ailment::Signals, &text);
        }
    }

    /// When these attempts last wrote something, of those of which that is known. Of who has a file,
    /// or is recorded, its time says it. The journal is asked about the others, beside the loop, and one that does not
    /// answer within seconds says nothing.
    pub fn wrote(
        &self,
        attempts: Vec<AttemptRef>,
    ) -> impl Future<Output = BTreeMap<AttemptRef, SystemTime>> + use<> {
        let mut wrote = BTreeMap::new();
        let mut asked = Vec::new();
        for attempt in attempts {
            let directory = self.context.directory(&attempt);
            let recorded = recording::files(&directory.recording());
            let newest = recorded.ok().and_then(|mut files| files.pop());
            let file = fs::symlink_metadata(newest.unwrap_or_else(|| directory.output()));
            if let Ok(at) = file.and_then(|file| file.modified()) {
                wrote.insert(attempt, at);
            } else if let Some(entries) = Entries::of(&directory, &attempt) {
                asked.push((attempt, entries));
            }
        }
        let runner = self.runner();
        async move {
            let answers = asked.into_iter().map(async |(attempt, entries)| {
                let at = entries.last_at(&runner).await?;
                Some((attempt, at))
            });
            wrote.extend(join_all(answers).await.into_iter().flatten());
            wrote
        }
    }

    /// One look at an attempt in its terminal.
    ///
    /// # Errors
    /// Why nothing of it can be seen.
    pub fn signs(
        &self,
        attempt: AttemptRef,
        sights: Sights,
    ) -> impl Future<Output = Result<Signs, String>> + use<> {
        let context = Arc::clone(&self.context);
        async move { signs::look(&context, &attempt, &sights).await }
    }

    /// Types a text into the terminal of an attempt, one after the other, and looks whether it is taken;
    /// see [`typing`]. What has begun goes on though nobody waits for it any more.
    ///
    /// # Errors
    /// See [`TypingError`].
    pub fn type_into(
        &mut self,
        attempt: AttemptRef,
        text: Text,
    ) -> impl Future<Output = Result<Typed, TypingError>> + use<> {
        let context = Arc::clone(&self.context);
        self.seen_through(attempt.clone(), async move {
            typing::type_into(&context, &attempt, &text).await
        })
    }

    /// Submits what an earlier daemon left on the input line of an attempt, if it is there; as
    /// [`Self::type_into`].
    ///
    /// # Errors
    /// See [`TypingError`].
    pub fn submit_left(
        &mut self,
        attempt: AttemptRef,
        left: Left,
    ) -> impl Future<Output = Result<Typed, TypingError>> + use<> {
        let context = Arc::clone(&self.context);
        self.seen_through(attempt.clone(), async move {
            typing::submit_left(&context, &attempt, &left).await
        })
    }

    /// One after the other for this attempt, also where nobody waits any more.
    fn seen_through<F>(
        &mut self,
        attempt: AttemptRef,
        typing: F,
    ) -> impl Future<Output = Result<Typed, TypingError>> + use<F>
    where
        F: Future<Output = Result<Typed, TypingError>> + Send + 'static,
    {
        let turn = Arc::clone(self.turns.entry(attempt).or_default());
        async move {
            let typed = tokio::spawn(async move {
                let _turn = turn.lock().await;
                typing.await
            });
            typed.await.unwrap_or_else(|error| {
                Err(TypingError::Terminal {
                    why: error.to_string(),
                    extent: Extent::Submitted,
                })
            })
        }
    }

    /// What lets an attempt go on that somebody has frozen.
    pub fn thawed_by(&self, attempt: &AttemptRef) -> Option<String> {
        let start = self.context.directory(attempt).start()?;
        self.context.settings.house.thaws(&start.cgroup?)
    }

    /// The socket of the tmux server around an attempt that lives, with somebody who answers there;
    /// `None` where its launcher is another.
    ///
    /// # Errors
    /// Why nobody answers.
    pub fn way_in(
        &self,
        attempt: AttemptRef,
    ) -> impl Future<Output = Result<Option<PathBuf>, String>> + use<> {
        let context = Arc::clone(&self.context);
        async move { attempt::way_in(&context, &attempt).await }
    }

    /// The way to the session of an attempt that is on another host, and which; `None` for one that is here.
    /// The way is `None` where nothing of it lives.
    pub(crate) fn way_there(&self, attempt: &AttemptRef) -> Option<(HostName, WayThere)> {
        let afar = self.context.directory(attempt).spec()?.far?;
        let far = self.context.hosts.declared(&afar);
        Some((afar.host, far.and_then(|far| far.way(attempt))))
    }

    fn new_orders(&mut self, attempt: &AttemptRef) -> Orders {
        let (sender, orders) = mpsc::unbounded_channel();
        self.orders.insert(attempt.clone(), sender);
        orders
    }
}
