//! One other host: what is known of the attempts there.
//!
//! Promise: what is known is what the host said last over a connection that stands; with the connection it is
//! unknown again. Whoever follows an attempt hears of each change.
//!
//! How: a task asks for all attempts as soon as there is a connection, and leaves a process there that waits
//! for them to end and to write. Now and then it asks again, for lost news.

mod look;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
pub(crate) use look::{CHECKS_WITHIN, Standing};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Seen,
    answer::{self, Line},
    around::{self, Around},
    log,
    script::{Also, Asked, Place, Work},
};
use crate::{
    causes::in_one_line,
    config,
    host::HostError,
    launch::{
        News, Reach,
        context::Context,
        directory::{self, Afar, Directory},
    },
    model::{AttemptRef, BootId, Condition, HostName, Signal, WorkerName},
    ssh::{Channel, Link, LinkError, Output, State, Target},
};

/// How long one of our scripts may take there, beside the link's own limits.
const WITHIN: Duration = Duration::from_secs(30);
/// How long who is about to start something waits for a connection to be tried.
const TRIES_WITHIN: Duration = Duration::from_secs(10);
/// How long a question and its answer may be on their way, beside what who is asked takes.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// Bytes of an answer that are taken.
const LONGEST: usize = 4 * 1024 * 1024;
/// Nobody tells that news were lost.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// After something that failed although there is a connection.
const AGAIN: Duration = Duration::from_secs(2);

/// The other hosts, by their names.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    declared: BTreeMap<HostName, Kept>,
    /// Those that were declared otherwise, and may be again; attempts are still followed there.
    retired: Vec<Far>,
}

#[derive(Debug)]
struct Kept {
    far: Far,
    _task: AbortOnDropHandle<()>,
}

impl Hosts {
    fn all(&self) -> MutexGuard<'_, All> {
        // A panic while it was held left what is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps those that are declared connected. One whose declaration is the same stays as it is, and so
    /// does one that is not declared any more, as long as something of ours may be there.
    pub(crate) fn keep(&self, context: &Context, config: &config::Config) {
        let mut all = self.all();
        let All { declared, retired } = &mut *all;
        let stays = |name: &HostName, kept: &Kept| match config.hosts.get(name) {
            Some(host) => kept.far.is_as(host, config),
            None => !kept.far.recorded().is_empty(),
        };
        let others = declared.extract_if(.., |name, kept| !stays(name, kept));
        retired.extend(others.map(|(_, Kept { far, .. })| {
            far.lose("it is declared in another way now");
            far
        }));
        for (name, host) in &config.hosts {
            if declared.contains_key(name) {
                continue;
            }
            let about = about(name);
            let was_here = |far: &Far| far.is_of(&Afar::of(host, config));
            let known = retired.extract_if(.., |far| was_here(far)).next();
            match Far::open(context, host, config, known) {
                Ok(kept) => drop(declared.insert(name.clone(), kept)),
                Err(error) => {
                    context.problem(about, format!("host {name}: {}", in_one_line(&error)));
                }
            }
        }
        retired.retain(|far| !far.recorded().is_empty());
    }

    /// How an attempt is that was to be run on that one.
    pub(crate) fn condition(&self, afar: &Afar, of: &AttemptRef) -> Condition {
        match self.declared(afar) {
            Ok(far) => far.seen(of).condition(),
            Err(why) => Condition::Unknown(why),
        }
    }

    /// The one as it was declared then.
    ///
    /// # Errors
    /// It is not declared so any more.
    pub(in crate::launch) fn declared(&self, afar: &Afar) -> Result<Far, String> {
        let far = self.get(&afar.host).filter(|far| far.is_of(afar));
        far.ok_or_else(|| {
            let Afar {
                host,
                ssh,
                path,
                rig,
                ..
            } = afar;
            format!(
                "it was started on host {host}, which is not declared as it was then: ssh = {ssh:?}, \
                 path = {path:?}, in rig {rig}"
            )
        })
    }

    pub(crate) fn get(&self, name: &HostName) -> Option<Far> {
        self.all().declared.get(name).map(|kept| kept.far.clone())
    }
}

impl Afar {
    /// As it is declared. Which machine it is, only it can say.
    fn of(host: &config::Host, config: &config::Config) -> Self {
        Self {
            host: host.name.clone(),
            ssh: host.ssh.to_string(),
            path: host.path.clone(),
            rig: config.rig.clone(),
            machine: None,
        }
    }
}

/// What the connection to a host is called in the list of problems.
fn about(name: &HostName) -> String {
    format!("host {name}")
}

/// A session of tmux there, and how it is come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Where ssh shares the connection.
    pub(crate) connection: PathBuf,
    /// The file name of the tmux server's socket there.
    pub(crate) socket: String,
    /// What it is called.
    pub(crate) session: String,
    /// What `PATH` is there; empty: as the login has it.
    pub(crate) search: String,
}

/// The way to a session; `None` where nothing lives, or why it is not known.
pub(crate) type WayThere = Result<Option<Session>, String>;

/// One other host; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Far(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    afar: Afar,
    way: Mutex<Arc<Way>>,
    state: PathBuf,
    news: mpsc::UnboundedSender<News>,
    known: Mutex<Known>,
    /// What is there was told.
    answered: Notify,
    /// Whose turn it is to bring the log of an attempt.
    turns: Mutex<BTreeMap<AttemptRef, Turn>>,
    /// One look at a time, however many ask for one.
    looks: tokio::sync::Mutex<()>,
}

/// How it is come to, as it is declared now.
#[derive(Debug)]
struct Way {
    host: config::Host,
    link: Link,
    place: Place,
    /// What the process there is to wait for.
    wishes: mpsc::UnboundedSender<String>,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug)]
struct Known {
    /// Why nothing is known, if nothing is.
    unreachable: Option<String>,
    /// Since when that is so, or since when something is known.
    since: Timestamp,
    /// How long an empty script took last.
    latency: Option<Duration>,
    boot: Option<BootId>,
    /// Which machine it is, as it says itself.
    machine: Option<String>,
    attempts: BTreeMap<AttemptRef, Entry>,
    /// Over, and nobody here has a record of them any more.
    finished: BTreeSet<AttemptRef>,
    /// Being begun by us at this moment, so nobody is to be asked of them.
    beginning: BTreeSet<AttemptRef>,
    /// There, and nobody here has a record of them.
    unknown: Vec<AttemptRef>,
}

#[derive(Debug)]
struct Entry {
    seen: watch::Sender<Seen>,
    more: Arc<Notify>,
    /// The process there waits for its end.
    awaited: bool,
    /// And for more of its log.
    followed: bool,
}

impl Known {
    fn never_ran(&self, of: &AttemptRef) -> bool {
        let entry = self.attempts.get(of);
        entry.is_some_and(|entry| matches!(*entry.seen.borrow(), Seen::Failed(_) | Seen::Busy(_)))
    }
}

impl Entry {
    fn new(seen: Seen) -> Self {
        let (seen, _) = watch::channel(seen);
        let more = Arc::default();
        Self {
            seen,
            more,
            awaited: false,
            followed: false,
        }
    }

    /// Something of it is to end yet.
    fn ends(&self) -> bool {
        match &*self.seen.borrow() {
            Seen::Alive(_) => true,
            Seen::Ended { left, .. } => *left > 0,
            Seen::Starting | Seen::Failed(_) | Seen::Busy(_) | Seen::Unreachable(_) => false,
        }
    }
}

impl Far {
    /// `known`: the same one, declared before.
    fn open(
        context: &Context,
        host: &config::Host,
        config: &config::Config,
        known: Option<Self>,
    ) -> Result<Kept, HostError> {
        let settings = &context.settings;
        let link = Link::open(target(host, config), &settings.runtime, &context.runner)?;
        let (wishes, wanted) = mpsc::unbounded_channel();
        let way = Arc::new(Way {
            host: host.clone(),
            link,
            place: Place::of(host, &config.rig),
            wishes,
        });
        let far = match known {
            Some(far) => {
                *far.way_lock() = Arc::clone(&way);
                far
            }
            None => Self(Arc::new(Inner {
                afar: Afar::of(host, config),
                way: Mutex::new(Arc::clone(&way)),
                state: settings.state.clone(),
                news: context.news.clone(),
                known: Mutex::new(Known {
                    unreachable: Some(format!("host {} was not reached yet", host.name)),
                    since: Timestamp::now(),
                    latency: None,
                    unknown: Vec::new(),
                    boot: None,
                    machine: None,
                    attempts: BTreeMap::new(),
                    finished: BTreeSet::new(),
                    beginning: BTreeSet::new(),
                }),
                answered: Notify::new(),
                turns: Mutex::default(),
                looks: tokio::sync::Mutex::default(),
            })),
        };
        let task = tokio::spawn(keep(far.clone(), way, wanted));
        let _task = AbortOnDropHandle::new(task);
        Ok(Kept { far, _task })
    }

    fn way_lock(&self) -> MutexGuard<'_, Arc<Way>> {
        // A panic while it was held left what is still right.
        self.0.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn way_now(&self) -> Arc<Way> {
        Arc::clone(&self.way_lock())
    }

    fn is_as(&self, host: &config::Host, config: &config::Config) -> bool {
        self.way_now().host == *host && self.0.afar.rig == config.rig
    }

    /// Whether it is declared like this, whatever machine that is now.
    fn is_of(&self, afar: &Afar) -> bool {
        let machine = None;
        Afar {
            machine,
            ..afar.clone()
        } == self.0.afar
    }

    /// As it is declared, and which machine it is.
    pub(super) fn afar(&self) -> Afar {
        Afar {
            machine: self.known().machine.clone(),
            ..self.0.afar.clone()
        }
    }

    pub(super) fn name(&self) -> &HostName {
        &self.0.afar.host
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic while it was held left what is still right.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How an attempt is, as far as is known.
    fn seen(&self, of: &AttemptRef) -> Seen {
        let known = self.known();
        match (&known.unreachable, known.attempts.get(of)) {
            (Some(why), _) => Seen::Unreachable(why.clone()),
            (None, Some(entry)) => entry.seen.borrow().clone(),
            (None, None) => {
                Seen::Unreachable(format!("host {} was not asked for it yet", self.name()))
            }
        }
    }

    /// The same, and what becomes of it; and what tells when there is more of its log.
    pub(super) fn follow(&self, of: &AttemptRef) -> (watch::Receiver<Seen>, Arc<Notify>) {
        let mut known = self.known();
        let unreachable = known.unreachable.clone();
        let entry = known.attempts.entry(of.clone()).or_insert_with(|| {
            let why = unreachable.unwrap_or_else(|| "it was not asked for yet".into());
            Entry::new(Seen::Unreachable(why))
        });
        (entry.seen.subscribe(), Arc::clone(&entry.more))
    }

    /// Begins an attempt. Where the answer is lost, it is learned when the host is asked again.
    ///
    /// # Errors
    /// It never began, and nothing of it is there.
    pub(super) async fn begin(&self, of: &AttemptRef, work: &Work<'_>) -> Result<(), String> {
        let way = self.way_now();
        let script = way.place.begin(of, work);
        let script = script.map_err(|error| error.to_string())?;
        {
            let mut known = self.known();
            known.beginning.insert(of.clone());
            known
                .attempts
                .insert(of.clone(), Entry::new(Seen::Starting));
        }
        let said = way.link.run(&script, WITHIN, LONGEST).await;
        self.known().beginning.remove(of);
        match said {
            Err(error) if error.never_began() => {
                self.known().attempts.remove(of);
                return Err(format!(
                    "host {} does not answer: {}",
                    self.name(),
                    why(error)
                ));
            }
            // Whether it began is asked.
            Err(_) => {}
            Ok(output) => {
                let lines = lines(&output);
                let own = |line: &Line| matches!(line, Line::Attempt(which, _) if which == of);
                match lines.into_iter().find(own) {
                    Some(line) => self.learn(line),
                    None => {
                        let said = String::from_utf8_lossy(&output.errors);
                        let why = format!("its shell says: {}: {}", output.exit, said.trim());
                        self.problem("starts", why);
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until the host has told what is there; where there is no connection, for one try to have one.
    ///
    /// # Errors
    /// Why it has not.
    pub(super) async fn answers(&self) -> Result<(), String> {
        let way = self.way_now();
        let mut state = way.link.state();
        let tries = async {
            if matches!(*state.borrow_and_update(), State::Down { .. }) {
                way.link.now();
                // It is not there, as before.
                drop(state.changed().await);
            }
            while matches!(*state.borrow(), State::Up { .. }) && self.unreachable().is_some() {
                tokio::select! {
                    _ = state.changed() => {}
                    () = self.0.answered.notified() => {}
                }
            }
        };
        drop(timeout(TRIES_WITHIN, tries).await);
        self.unreachable().map_or(Ok(()), Err)
    }

    fn unreachable(&self) -> Option<String> {
        self.known().unreachable.clone()
    }

    /// Signals all that an attempt has started.
    pub(super) async fn signal(&self, of: &AttemptRef, signal: Signal) -> Result<(), String> {
        let script = self.way_now().place.signal(of, signal);
        let output = self.run(&script).await?;
        match output.exit.is_success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.errors).trim().to_owned()),
        }
    }

    /// The way to the session of an attempt; `None` where nothing of it lives.
    ///
    /// # Errors
    /// Why that is not known.
    pub(in crate::launch) fn way(&self, of: &AttemptRef) -> WayThere {
        match self.seen(of) {
            Seen::Unreachable(why) => Err(why),
            Seen::Failed(_) | Seen::Busy(_) | Seen::Ended { left: 0, .. } => Ok(None),
            Seen::Starting | Seen::Alive(_) | Seen::Ended { .. } => Ok(Some(Session {
                connection: self.way_now().link.socket().to_owned(),
                socket: self.way_now().place.socket(&of.worker),
                session: self.session(&of.worker),
                search: self.way_now().place.search().to_owned(),
            })),
        }
    }

    /// What tmux calls the session of a worker.
    pub(in crate::launch) fn session(&self, of: &WorkerName) -> String {
        self.way_now().place.session(of)
    }

    /// Asks the tmux of an attempt; what it says, and what else is to be seen, where that is wanted.
    ///
    /// # Errors
    /// Why there is no answer; what was asked may have been done.
    pub(in crate::launch) async fn tmux(
        &self,
        of: &AttemptRef,
        asked: &Asked<'_>,
        keep: usize,
    ) -> Result<(String, Option<Around>), String> {
        let script = self.way_now().place.tmux(of, asked);
        let limit = asked.within + ON_ITS_WAY;
        let way = self.way_now();
        let output = way.link.run(&script, limit, keep).await;
        let output = output.map_err(|error| in_one_line(&error))?;
        let name = self.name();
        if !output.exit.is_success() {
            let said = String::from_utf8_lossy(&output.errors);
            return Err(format!("host {name}: tmux: {}", said.trim()));
        }
        let said = String::from_utf8_lossy(&output.output).into_owned();
        if matches!(asked.also, Also::Nothing) {
            return Ok((said, None));
        }
        let strange = || format!("host {name}: what is to be seen of it cannot be read");
        let (around, said) = around::read(&said).ok_or_else(strange)?;
        Ok((said.to_owned(), Some(around)))
    }

    fn turns(&self) -> MutexGuard<'_, BTreeMap<AttemptRef, Turn>> {
        // A panic while it was held left what is still right.
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is to bring the log of this one.
    pub(super) fn turn(&self, of: &AttemptRef) -> Turn {
        Arc::clone(self.turns().entry(of.clone()).or_default())
    }

    /// A part of the log of an attempt.
    pub(super) async fn read(
        &self,
        of: &AttemptRef,
        from: u64,
        most: u64,
        last: bool,
        forget: u64,
    ) -> Result<Vec<u8>, String> {
        let script = self.way_now().place.read(of, from, most, last, forget);
        let output = self.run(&script).await?;
        match output.exit.is_success() {
            true => Ok(output.output),
            false => Err(String::from_utf8_lossy(&output.errors).trim().to_owned()),
        }
    }

    /// It is history here: its log is brought home, and nothing of it stays there. Where that cannot be done
    /// now, it is when the host is asked next.
    pub(crate) fn tidy(&self, of: &AttemptRef) {
        let (far, of) = (self.clone(), of.clone());
        self.known().finished.insert(of.clone());
        tokio::spawn(async move {
            let directory = Directory::of(&far.0.state, &of);
            if log::fetch(&far, &of, &directory, true).await.is_err() {
                return;
            }
            if far.run(&far.way_now().place.drop(&of)).await.is_ok() {
                let mut known = far.known();
                known.attempts.remove(&of);
                known.finished.remove(&of);
                drop(known);
                far.turns().remove(&of);
            }
        });
    }

    async fn run(&self, script: &crate::ssh::Script) -> Result<Output, String> {
        let way = self.way_now();
        let ran = way.link.run(script, WITHIN, LONGEST).await;
        ran.map_err(why)
    }

    /// The process there is to tell when there is more of the log than this.
    pub(super) fn wish_for_more(&self, of: &AttemptRef, than: u64) {
        let mut known = self.known();
        let Some(entry) = known.attempts.get_mut(of) else {
            return;
        };
        if !entry.followed {
            entry.followed = true;
            self.wish(format!("more {} {} {than}", of.worker, of.attempt));
        }
    }

    fn wish(&self, line: String) {
        // The task that takes them lives as long as we do.
        drop(self.way_now().wishes.send(line));
    }

    fn learn(&self, line: Line) {
        let mut known = self.known();
        match line {
            Line::Attempt(of, seen) => {
                let entry = known.attempts.entry(of.clone());
                let entry = entry.or_insert_with(|| Entry::new(seen.clone()));
                entry.seen.send_if_modified(|before| before.learn(seen));
                if entry.ends() && !entry.awaited {
                    entry.awaited = true;
                    self.wish(format!("end {} {}", of.worker, of.attempt));
                }
            }
            Line::Gone(of) => {
                if let Some(entry) = known.attempts.get(&of) {
                    entry.seen.send_if_modified(|seen| match seen {
                        Seen::Ended { left, .. } if *left > 0 => {
                            *left = 0;
                            true
                        }
                        _ => false,
                    });
                }
            }
            Line::More(of) => {
                if let Some(entry) = known.attempts.get_mut(&of) {
                    entry.followed = false;
                    entry.more.notify_one();
                }
            }
            Line::Boot(boot, machine) => {
                let same = known.machine.replace(machine.clone()) == Some(machine);
                let before = known.boot.replace(boot.clone());
                if let Some(before) = before.filter(|before| same && *before != boot) {
                    self.reach(Reach::Rebooted { before, boot });
                }
            }
            Line::End => {}
        }
    }

    fn news(&self, news: News) {
        // The daemon that does not listen any more is ending.
        drop(self.0.news.send(news));
    }

    fn problem(&self, what: &str, why: String) {
        let name = self.name();
        let about = format!("{what} on host {name}");
        let text = format!("host {name}: {why}");
        self.news(News::Problem { about, text });
    }

    /// Nothing is known any more.
    fn lose(&self, why: &str) {
        let text = format!("host {} does not answer: {why}", self.name());
        let was_known = {
            let mut known = self.known();
            let was_known = known.unreachable.replace(text.clone()).is_none();
            if was_known {
                known.since = Timestamp::now();
            }
            for entry in known.attempts.values_mut() {
                (entry.awaited, entry.followed) = (false, false);
                let seen = Seen::Unreachable(text.clone());
                entry.seen.send_replace(seen);
            }
            was_known
        };
        let why = why.to_owned();
        self.reach(if was_known {
            Reach::Lost(why)
        } else {
            Reach::Never(why)
        });
    }

    fn reach(&self, is: Reach) {
        self.news(News::Reach(self.name().clone(), is));
    }

    /// Asks for everything.
    async fn ask(&self) -> Result<(), String> {
        let mut asked = self.recorded();
        asked.retain(|(of, _)| !self.known().beginning.contains(of));
        let script = self.way_now().place.ask(&asked);
        let output = self.run(&script).await?;
        let lines = lines(&output);
        if lines.last() != Some(&Line::End) {
            let said = String::from_utf8_lossy(&output.errors);
            let what = "what is there cannot be told";
            return Err(format!("{what}: {}: {}", output.exit, said.trim()));
        }
        let there: BTreeSet<AttemptRef> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Attempt(of, _) => Some(of.clone()),
                Line::Boot(..) | Line::More(_) | Line::Gone(_) | Line::End => None,
            })
            .collect();
        for line in lines {
            self.learn(line);
        }
        let mut known = self.known();
        let Known {
            attempts,
            beginning,
            ..
        } = &mut *known;
        attempts.retain(|of, _| there.contains(of) || beginning.contains(of));
        // Of what was begun on another machine this one knows nothing.
        let elsewhere = asked.into_iter().filter(|(of, _)| !there.contains(of));
        for (of, machine) in elsewhere {
            let why = format!(
                "host {} is another machine than the one on which it was started: that was {}, and this is {}",
                self.name(),
                machine.unwrap_or_default(),
                known.machine.clone().unwrap_or_default(),
            );
            let seen = Seen::Unreachable(why);
            known.attempts.insert(of, Entry::new(seen));
        }
        if known.unreachable.take().is_some() {
            known.since = Timestamp::now();
        }
        let never_ran: BTreeSet<AttemptRef> = there
            .iter()
            .filter(|of| known.never_ran(of))
            .cloned()
            .collect();
        let finished = known.finished.clone();
        drop(known);
        self.0.answered.notify_waiters();
        let mut unknown = Vec::new();
        for of in there {
            let directory = Directory::of(&self.0.state, &of);
            let is_here = directory.path().exists();
            if directory.is_concluded()
                || finished.contains(&of)
                || !is_here && never_ran.contains(&of)
            {
                self.tidy(&of);
            } else if !is_here {
                unknown.push(of);
            }
        }
        self.tell_of_unknown(&unknown);
        self.known().unknown = unknown;
        Ok(())
    }

    /// What this rig has there, and nobody here has a record of. Nothing is done to it, and nothing is started
    /// beside it.
    fn tell_of_unknown(&self, unknown: &[AttemptRef]) {
        let names = unknown
            .iter()
            .map(|of| format!("{} ({})", of.worker, of.attempt));
        let names: Vec<String> = names.collect();
        let (name, rig) = (self.name(), &self.0.afar.rig);
        let about = format!("unknown attempts on host {name}");
        self.news(match unknown {
            [] => News::Well(about),
            _ => News::Problem {
                about,
                text: format!(
                    "host {name}: there are attempts of rig {rig} that nobody here has a record of: {}",
                    names.join(", ")
                ),
            },
        });
    }

    /// The attempts of this host that are not concluded, and the machine on which they were started.
    fn recorded(&self) -> Vec<(AttemptRef, Option<String>)> {
        let state = &self.0.state;
        let mut all = Vec::new();
        for worker in directory::workers(state).unwrap_or_default() {
            for attempt in directory::attempts(state, &worker).unwrap_or_default() {
                let worker = worker.clone();
                let of = AttemptRef { worker, attempt };
                let directory = Directory::of(state, &of);
                if directory.is_concluded() {
                    continue;
                }
                let afar = directory.spec().and_then(|spec| spec.far);
                if let Some(afar) = afar.filter(|afar| self.is_of(afar)) {
                    all.push((of, afar.machine));
                }
            }
        }
        all
    }

    /// One connection, as long as it stands: asks, then listens.
    async fn listen(
        &self,
        way: &Way,
        wanted: &mut mpsc::UnboundedReceiver<String>,
        state: &mut watch::Receiver<State>,
    ) -> Result<Infallible, String> {
        let channel = way.link.open_channel(&way.place.watch()).await;
        let mut channel = channel.map_err(why)?;
        // What was wished of the process before is wished again.
        while wanted.try_recv().is_ok() {}
        for entry in self.known().attempts.values_mut() {
            (entry.awaited, entry.followed) = (false, false);
        }
        self.ask().await?;
        self.reach(Reach::Reached);
        self.measure().await;
        let mut again = Instant::now() + self.asks_again_after();
        loop {
            tokio::select! {
                line = channel.line() => self.hear(&line.map_err(why)?),
                Some(wish) = wanted.recv() => send(&mut channel, &wish).await.map_err(why)?,
                _ = state.changed() => if let State::Down { why, .. } = &*state.borrow_and_update() {
                    return Err(why.clone());
                },
                () = sleep_until(again) => {
                    self.ask().await?;
                    self.measure().await;
                    again = Instant::now() + self.asks_again_after();
                }
            }
        }
    }

    /// What an earlier daemon was about to start is told of by nobody.
    fn asks_again_after(&self) -> Duration {
        let known = self.known();
        let mut attempts = known.attempts.iter();
        let left = attempts.any(|(of, entry)| {
            !known.beginning.contains(of) && *entry.seen.borrow() == Seen::Starting
        });
        if left { AGAIN } else { ASK_EVERY }
    }

    fn hear(&self, line: &[u8]) {
        if let Some(line) = answer::read(&String::from_utf8_lossy(line)) {
            self.learn(line);
        }
    }
}

/// Without the host, which is named by who tells it.
fn why(error: LinkError) -> String {
    match error {
        LinkError::Down { why, .. }
        | LinkError::Lost { why, .. }
        | LinkError::NoChannel { why, .. } => why,
        other => in_one_line(&other),
    }
}

async fn send(channel: &mut Channel, wish: &str) -> Result<(), LinkError> {
    channel.send(wish).await
}

fn lines(output: &Output) -> Vec<Line> {
    let text = String::from_utf8_lossy(&output.output);
    text.lines().filter_map(answer::read).collect()
}

async fn keep(far: Far, way: Arc<Way>, mut wanted: mpsc::UnboundedReceiver<String>) {
    let mut state = way.link.state();
    // The first try is on its way.
    if matches!(*state.borrow_and_update(), State::Down { .. }) && state.changed().await.is_err() {
        return;
    }
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            State::Down { why, .. } => {
                far.lose(&why);
                if state.changed().await.is_err() {
                    return;
                }
            }
            State::Up { .. } => {
                let name = far.name();
                let words =
                    format!("host {name} is connected, and has not told yet what runs there");
                far.known().unreachable = Some(words);
                let Err(why) = far.listen(&way, &mut wanted, &mut state).await;
                far.lose(&why);
                sleep(AGAIN).await;
            }
        }
    }
}

fn target(host: &config::Host, config: &config::Config) -> Target {
    let proxy = host.proxy.then(|| config.proxy_address()).flatten();
    Target {
        name: host.name.to_string(),
        user: host.ssh.user.clone(),
        host: host.ssh.host.clone(),
        port: host.ssh.port,
        ssh_config: host.ssh_config.clone(),
        identity: host.identity.clone(),
        proxy,
    }
}
