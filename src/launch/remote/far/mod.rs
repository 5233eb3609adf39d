//! One other host: what is known of the attempts there.
//!
//! Promise: what is known is what the host said last over a connection that stands; with the connection it is
//! unknown again. Whoever follows an attempt hears of each change.
//!
//! How: a task asks for all attempts as soon as there is a connection, and leaves a process there that waits
//! for them to end and to write. Now and then it asks again, for lost news.

mod hosts;
mod keep;
mod known;
mod look;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use hosts::Hosts;
use jiff::Timestamp;
pub(crate) use look::{CHECKS_WITHIN, Standing};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Seen,
    answer::{self, Line},
    script::Place,
};
use crate::{
    causes::in_one_line,
    config,
    host::HostError,
    launch::{News, context::Context, directory::Afar},
    model::{AttemptRef, HostName},
    ssh::{Link, LinkError, Output, Target},
};
use hosts::Kept;
use keep::keep;
use known::{Entry, Known};

/// How long one of our scripts may take there, beside the link's own limits.
const WITHIN: Duration = Duration::from_secs(30);
/// Bytes of an answer that are taken.
const LONGEST: usize = 4 * 1024 * 1024;

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

fn lines(output: &Output) -> Vec<Line> {
    let text = String::from_utf8_lossy(&output.output);
    text.lines().filter_map(answer::read).collect()
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
