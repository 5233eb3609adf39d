//! The daemon: one loop around the core.
//!
//! # Promise
//!
//! What runs does so whether or not this process lives. It may be killed at any moment; the next one
//! reads the store, asks the host, and goes on. It never waits for a client, a probe, a command, git or a
//! look at a file that workers need: those run beside the loop and come back as events.
//!
//! # How
//!
//! `Daemon::run` has the only `select!`. It names what came in; `Daemon::turn` hands it to
//! [`decide::Rig`](crate::decide::Rig) and performs the effects in order (`perform`). A request on
//! the control socket is a command for the core or is answered from its view (`request`). After each
//! completed turn the service manager is told that the daemon lives.

mod command;
mod earlier;
mod files;
mod handoff;
mod hosts;
mod inbox;
mod journal;
mod needs;
mod notification;
mod nudge;
mod open;
mod perform;
mod probe;
pub(crate) mod program;
mod reload;
mod request;
mod rounds;
mod status;
mod troubles;
mod worktree;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, SystemTime},
};

use nix::sys::signal::SigSet;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

pub use open::{Options, StartError, run};
pub use program::main;

use crate::{
    config::{Config, Environment, Lack},
    control::{
        protocol::DiffView,
        server::{Answer, Call, Server},
    },
    decide::{Asker, Event, Leave, Level, Lies, Lying, RequestId, Rig},
    host::{Executable, boot, mounts::Mounts},
    launch::{self, Contents, Local, News},
    model::{AttemptRef, HostEvent, Mono, Now, WorkerName},
    paths::Paths,
    store::Store,
    systemd::notify::ServiceManager,
};
use files::{Changes, Files, Trail};
use handoff::Handoffs;
use inbox::Inboxes;
use perform::{DEGRADED, own_notice};
use reload::{Loaded, Reloads};
use status::OwnTurns;
use troubles::Troubles;

/// How long the loop sleeps at the most; a bound for arithmetic, not a heartbeat.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
/// How long workers may need to stop when the daemon takes them along, as told to the manager.
const STOP_TIME: Duration = Duration::from_secs(90);

/// What came in.
enum Input {
    Event(Event),
    Host(News),
    Call(Call),
    /// Somebody asks for a restart of workers; what they lack is known now.
    Restart {
        workers: Vec<WorkerName>,
        lacking: Vec<(WorkerName, Lack)>,
        answer: Answer,
    },
    /// Somebody waits for the status; what attempts last wrote is known now.
    Show {
        answer: Answer,
        wrote: BTreeMap<AttemptRef, SystemTime>,
    },
    /// SIGHUP; due, when it has waited long enough after the one before.
    Reload {
        due: bool,
    },
    /// The configuration was read again.
    Loaded(Loaded),
    /// `phase-idx` may have another content; settled, when nobody is in the midst of writing it.
    PhaseFile {
        settled: bool,
    },
    /// Something on the way to what a worker needs is another; settled, when it had time to be written.
    Needs {
        settled: bool,
    },
    /// What the secrets of an attempt are now, and what is wrong with them, if they can be looked at.
    Secrets {
        attempt: AttemptRef,
        seen: Option<(Contents, Option<Lack>)>,
    },
    /// Where something that workers need may come to be, and what may be told once that is watched.
    Watch {
        trails: Vec<(String, Trail)>,
        then: Event,
    },
    /// The state directory came or went.
    State,
    /// A file system was mounted, or unmounted.
    Mounts,
    /// Somebody asks for a step of a gate.
    Ask,
    /// What this one asks of gates, or why nobody can tell.
    Asks {
        by: Asker,
        lying: Result<Vec<Lying>, String>,
    },
    /// Something happened in an inbox.
    Inboxes,
    /// What lies in an inbox, or why nobody can tell.
    Inbox {
        worker: WorkerName,
        lies: Result<Lies, String>,
    },
}

struct Daemon {
    paths: Paths,
    environment: Environment,
    config: Config,
    rig: Rig,
    store: Store,
    host: Local,
    files: Files,
    inboxes: Inboxes,
    handoffs: Handoffs,
    manager: ServiceManager,
    /// Results of what runs beside the loop.
    results: mpsc::UnboundedSender<Event>,
    /// Looks that were put off.
    later: mpsc::UnboundedSender<Input>,
    /// Events that follow from effects that were just performed.
    follow: VecDeque<Event>,
    /// Those who wait for an answer of the core.
    asked: BTreeMap<RequestId, Asked>,
    next_request: u64,
    /// Those who follow events.
    followers: Vec<Answer>,
    reloads: Reloads,
    /// A look at what workers need was put off.
    needs_settle: bool,
    troubles: Troubles,
    executable: Executable,
    /// What was told of it last.
    executable_lost: Option<String>,
    own: OwnTurns,
    leave: bool,
}

/// Somebody waits for the core's answer.
struct Asked {
    /// The way back; a signal has none, and is answered in the journal.
    answer: Option<Answer>,
    /// For a reload: what is adopted when the core agrees, and what that changes.
    reload: Option<(Config, DiffView)>,
}

/// The signals that mean something.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Whoever started us may have blocked them, and that is inherited (sigprocmask(2)).
    fn catch() -> std::io::Result<Self> {
        let ours = [nix::libc::SIGTERM, nix::libc::SIGINT, nix::libc::SIGHUP];
        let ours = ours.into_iter().filter_map(|number| number.try_into().ok());
        ours.collect::<SigSet>().thread_unblock()?;
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// SIGTERM leaves the workers to the next daemon; SIGINT, a person's Ctrl-C, stops them.
    async fn next(&mut self) -> Input {
        tokio::select! {
            _ = self.term.recv() => Input::Event(Event::Leave(Leave::WorkersGoOn)),
            _ = self.int.recv() => Input::Event(Event::Leave(Leave::StopWorkers)),
            _ = self.hup.recv() => Input::Reload { due: false },
        }
    }
}

/// The ends of the channels on which the world speaks.
struct Sources {
    server: Server,
    signals: Signals,
    host: mpsc::UnboundedReceiver<News>,
    results: mpsc::UnboundedReceiver<Event>,
    later: mpsc::UnboundedReceiver<Input>,
    files: Changes,
    mounts: Mounts,
}

impl Daemon {
    /// Turns until the core says that the daemon may end.
    async fn run(mut self, mut sources: Sources) {
        while !self.leave {
            let input = tokio::select! {
                Some(news) = sources.host.recv() => Input::Host(news),
                Some(event) = sources.results.recv() => Input::Event(event),
                changed = sources.files.next() => match changed {
                    files::Changed::PhaseFile => Input::PhaseFile { settled: false },
                    files::Changed::Need => Input::Needs { settled: false },
                    files::Changed::State => Input::State,
                    files::Changed::Inbox => Input::Inboxes,
                    files::Changed::Ask => Input::Ask,
                    files::Changed::Condition => Input::Event(Event::PhaseMayBeOver),
                },
                () = sources.mounts.changed() => Input::Mounts,
                Some(input) = sources.later.recv() => input,
                input = sources.signals.next() => input,
                call = sources.server.next() => Input::Call(call),
                () = tokio::time::sleep(self.until_deadline()) => Input::Event(Event::Wake),
            };
            let began = boot::mono();
            self.take(input).await;
            self.turned(began);
        }
        sources.server.close().await;
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Event(event) => {
                if matches!(event, Event::Leave(_)) {
                    self.manager.stopping(STOP_TIME);
                }
                self.turn(event).await;
            }
            Input::Host(News::Event(event)) => match &event {
                // Who waits is to hear of what comes from then on.
                HostEvent::Shortage(of, _) => {
                    self.watch_needs_of(of.worker.clone(), Event::Host(event));
                }
                _ => self.turn(Event::Host(event)).await,
            },
            Input::Host(News::Problem { about, text }) => self.trouble(about, text),
            Input::Host(News::Well(about)) => self.troubles.over(&about),
            Input::Host(News::NeedsMayDiffer) => self.needs_changed(false),
            Input::Host(News::Reach(host, is)) => self.reach(&host, is).await,
            Input::Call(call) => self.call(call).await,
            Input::Restart {
                workers,
                lacking,
                answer,
            } => self.restart(workers, lacking, answer).await,
            Input::Show { answer, wrote } => self.show(answer, &wrote),
            Input::Reload { due } => self.reload_by_signal(due),
            Input::Loaded(loaded) => self.loaded(loaded).await,
            Input::PhaseFile { settled } => self.phase_file_changed(settled).await,
            Input::Needs { settled } => self.needs_changed(settled),
            Input::Secrets { attempt, seen } => {
                if let Some((contents, flaw)) = seen {
                    self.secrets_seen(attempt, contents, flaw).await;
                }
            }
            Input::Watch { trails, then } => {
                for (of, trail) in trails {
                    self.files.follow_needs(of, trail);
                }
                self.turn(then).await;
            }
            Input::Ask => self.handoffs.changed(),
            Input::Asks { by, lying } => self.asks_seen(by, lying).await,
            Input::Inboxes => self.inboxes.changed(),
            Input::Inbox { worker, lies } => self.inbox_seen(worker, lies).await,
            Input::Mounts => {
                // One may be over the state directory, and is told by that.
                drop(self.keep_directory());
                self.needs_changed(false);
                self.turn(Event::Wake).await;
            }
            Input::State => {
                if self.keep_directory().is_ok() {
                    self.files.watch_again(&self.paths.state);
                }
                self.turn(Event::Wake).await;
            }
        }
    }

    /// One event and everything that follows from it at once.
    async fn turn(&mut self, event: Event) {
        self.follow.push_back(event);
        while let Some(event) = self.follow.pop_front() {
            let effects = self.rig.handle(now(), event);
            for effect in effects {
                self.perform(effect).await;
            }
        }
    }

    fn turned(&mut self, began: Mono) {
        let ended = boot::mono();
        self.own.turns += 1;
        self.own.longest = self.own.longest.max(ended.0.saturating_sub(began.0));
        self.manager.turned(ended);
        if self.manager.listens() {
            // Without a look at any file: this is done after every turn.
            let view = self.rig.view(now(), |_, _| None);
            let troubles = self.troubles.lines(ended);
            self.manager.status(status::line(&view, &troubles));
        }
    }

    fn until_deadline(&self) -> Duration {
        let now = boot::mono();
        let deadlines = [self.rig.next_deadline(), self.manager.next_deadline(now)];
        let next = deadlines.into_iter().flatten().min();
        next.map_or(LONGEST_SLEEP, |at| at.since(now))
            .min(LONGEST_SLEEP)
    }

    fn request_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    /// Something the host could not do.
    fn trouble(&mut self, about: String, text: String) {
        if self.troubles.add(now(), about, text.clone()) {
            journal::tell(&own_notice(DEGRADED, Level::Warning, text));
        }
    }

    /// Something that is so until it is said to be over.
    fn last(&mut self, about: &str, text: String) {
        if self.troubles.begin(now(), about, text.clone()) {
            tracing::warn!(LOOPKEEPER_EVENT = "degraded", "{text}");
        }
    }

    /// Whether our executable is still in its place; that it is not is told once.
    fn look_at_executable(&mut self) {
        let lost = self.executable.lost(launch::how_to_restart);
        if lost == self.executable_lost {
            return;
        }
        if let Some(text) = &lost {
            journal::tell(&own_notice(DEGRADED, Level::Warning, text.clone()));
        }
        self.executable_lost = lost;
    }
}

fn now() -> Now {
    boot::now()
}
