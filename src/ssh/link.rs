//! A host that is kept connected.
//!
//! How: a task has the master, as long as there is one, and tells how the connection is; what is run asks
//! that first, and listens to it while it waits.

use std::{fs, future::Future, io, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use openssh::Session;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    CHANNELS, Channel, LinkError, Script, Target, configuration,
    master::Master,
    place::Place,
    script::Rendered,
    session::{NoShell, Shell},
    words,
};
use crate::{
    causes::{in_one_line, in_words},
    decide::link,
    host::HostError,
    launch::{self, command::Runner},
    model::Exit,
};

/// How long a try to connect may take: the first packet, keys, who we are, and every host on the way.
const CONNECTS_WITHIN: Duration = Duration::from_secs(45);

/// How long a channel may take until its script has begun.
pub(super) const OPENS_WITHIN: Duration = Duration::from_secs(30);

/// How long sshd may keep the place of a channel that was closed.
const FREED_WITHIN: Duration = Duration::from_secs(2);
/// From one question to the next, meanwhile.
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// How long the end of a connection may be known by its channels before it is told of.
pub(super) const MOMENT: Duration = Duration::from_secs(5);

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is none. Told anew after each try, so whoever waits for the next try waits for a change.
    Down {
        /// Why, on one line.
        why: String,
        /// Since when.
        since: Timestamp,
    },
    /// There is one.
    Up {
        /// Which, counted from 1.
        life: u64,
    },
}

/// A host that is kept connected, until the last clone of this is dropped. Its channels end with it.
#[derive(Debug, Clone)]
pub struct Link(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    host: String,
    state: watch::Receiver<State>,
    now: Arc<Notify>,
    session: Arc<Session>,
    channels: Arc<Semaphore>,
    _task: AbortOnDropHandle<()>,
}

/// How a script ended, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How its shell ended.
    pub exit: Exit,
    /// The head of its standard output.
    pub output: Vec<u8>,
    /// The head of its standard error.
    pub errors: Vec<u8>,
}

/// What connects, again and again.
#[derive(Debug)]
struct Keeper {
    target: Target,
    place: Place,
    runner: Runner,
}

/// What waiting was cut short by.
pub(super) enum Cut {
    /// The connection is lost; why.
    Lost(String),
    /// There is no time left.
    Late,
}

impl Link {
    /// Begins to connect. The socket is below `runtime`.
    ///
    /// To be called inside of a tokio runtime, on a thread that lives as long as the process: with it the
    /// connection ends.
    ///
    /// # Errors
    /// The runtime directory cannot be used, or is too long for a socket.
    pub fn open(target: Target, runtime: &Path, runner: &Runner) -> Result<Self, HostError> {
        let place = Place::make(runtime)?;
        let host = target.name.clone();
        let session = Session::resume_mux(place.socket.clone().into_boxed_path(), None);
        let (tell, state) = watch::channel(State::Down {
            why: "the first try is on its way".into(),
            since: Timestamp::now(),
        });
        let now = Arc::new(Notify::new());
        let keeper = Keeper {
            target,
            place,
            runner: runner.clone(),
        };
        let task = tokio::spawn(keeper.keep(tell, now.clone()));
        Ok(Self(Arc::new(Kept {
            host,
            state,
            now,
            session: Arc::new(session),
            channels: Arc::new(Semaphore::new(CHANNELS)),
            _task: AbortOnDropHandle::new(task),
        })))
    }

    /// How the connection is, and what becomes of it.
    pub fn state(&self) -> watch::Receiver<State> {
        self.0.state.clone()
    }

    /// Tries at once, where the next try was put off.
    pub fn now(&self) {
        self.0.now.notify_waiters();
    }

    /// Runs a script to its end, with empty input, and keeps the first `keep` bytes of each output. Waits for
    /// a free channel, not for a connection: where there is none, that is the error, with why.
    ///
    /// What has not ended within `limit` is given up, as it is when the future is dropped: the script then
    /// has nobody to write to any more, but it is not killed. Until it ends, it takes one of the channels that
    /// sshd lets into a connection, so one that may hang is better off with a limit of its own.
    ///
    /// # Errors
    /// See [`LinkError`]; a script that fails is none.
    pub async fn run(
        &self,
        script: &Script,
        limit: Duration,
        keep: usize,
    ) -> Result<Output, LinkError> {
        let until = Instant::now() + limit;
        let (shell, life, _channel) = self.shell(script, limit, until).await?;
        let host = || self.0.host.clone();
        match within(self.state(), life, until, shell.run(keep)).await {
            Ok(Ok((exit, output, errors))) => Ok(Output {
                exit,
                output,
                errors,
            }),
            Ok(Err(broke)) => {
                let why = timeout(MOMENT, lost(self.state(), life)).await;
                let (host, why) = (host(), why.unwrap_or(broke));
                Err(LinkError::Lost { host, why })
            }
            Err(Cut::Lost(why)) => Err(LinkError::Lost { host: host(), why }),
            Err(Cut::Late) => Err(LinkError::TimedOut {
                host: host(),
                limit,
            }),
        }
    }

    /// Begins a script that stays, and returns when it has begun.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub async fn open_channel(&self, script: &Script) -> Result<Channel, LinkError> {
        let until = Instant::now() + OPENS_WITHIN;
        let (shell, life, channel) = self.shell(script, OPENS_WITHIN, until).await?;
        let host = self.0.host.clone();
        Channel::begin(shell, host, self.state(), life, channel, until).await
    }

    /// A shell that listens, over which connection, and the right to have it.
    async fn shell(
        &self,
        script: &Script,
        limit: Duration,
        until: Instant,
    ) -> Result<(Shell, u64, OwnedSemaphorePermit), LinkError> {
        let host = || self.0.host.clone();
        let down = |why| LinkError::Down { host: host(), why };
        let no_channel = |why| LinkError::NoChannel { host: host(), why };
        let rendered = script.render().map_err(|number| LinkError::ZeroByte {
            host: host(),
            number,
        })?;
        let life = match &*self.0.state.borrow() {
            State::Up { life } => *life,
            State::Down { why, .. } => return Err(down(why.clone())),
        };
        let channel = self.0.channels.clone().acquire_owned();
        let channel = match within(self.state(), life, until, channel).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(closed)) => return Err(no_channel(closed.to_string())),
            Err(Cut::Lost(why)) => return Err(down(why)),
            Err(Cut::Late) => {
                return Err(LinkError::Busy {
                    host: host(),
                    limit,
                });
            }
        };
        match within(self.state(), life, until, self.open_shell(&rendered)).await {
            Ok(Ok(shell)) => Ok((shell, life, channel)),
            Ok(Err(NoShell::Other { exit, said })) => Err(LinkError::NoShell {
                host: host(),
                exit,
                said,
            }),
            Ok(Err(NoShell::Refused(why))) => Err(no_channel(why)),
            Ok(Err(NoShell::NoChannel(why) | NoShell::Broke(why))) => {
                let ended = timeout(MOMENT, lost(self.state(), life));
                match timeout(MOMENT, self.0.session.check()).await {
                    Ok(Ok(())) => Err(no_channel(why)),
                    _ => Err(down(ended.await.unwrap_or(why))),
                }
            }
            Err(Cut::Lost(why)) => Err(down(why)),
            Err(Cut::Late) => Err(no_channel(format!("no shell answers within {limit:?}"))),
        }
    }

    /// sshd frees the place of a channel some time after it was closed, and nobody tells of that.
    async fn open_shell(&self, script: &Rendered) -> Result<Shell, NoShell> {
        let begin = Instant::now();
        loop {
            match Shell::open(self.0.session.clone(), script).await {
                Err(NoShell::Refused(_)) if begin.elapsed() < FREED_WITHIN => {
                    sleep(ASKED_EVERY).await;
                }
                done => return done,
            }
        }
    }
}

impl Keeper {
    /// Connects, again and again.
    async fn keep(self, tell: watch::Sender<State>, now: Arc<Notify>) {
        let mut rng = fastrand::Rng::new();
        let (mut failures, mut life) = (0, 0);
        let mut down_since = Timestamp::now();
        loop {
            let (why, lived) = match self.connect().await {
                Err(why) => (why, None),
                Ok(mut master) => {
                    life += 1;
                    tell.send_replace(State::Up { life });
                    let begin = Instant::now();
                    let exit = master.ended().await;
                    down_since = Timestamp::now();
                    let why = words::why(master.said(), &exit, &self.by_hand());
                    (why, Some(begin.elapsed()))
                }
            };
            failures = link::failures(failures, lived);
            let asked = now.notified();
            tokio::pin!(asked);
            // Who is told may ask at once.
            asked.as_mut().enable();
            let since = down_since;
            tell.send_replace(State::Down { why, since });
            tokio::select! {
                () = asked => {}
                () = sleep(link::again(failures, &mut rng)) => {}
            }
        }
    }

    /// One try.
    async fn connect(&self) -> Result<Master, String> {
        let unusable = |what: &Path, error: io::Error| {
            let (path, error) = (what.display(), in_words(&error));
            format!("{path}: {error}")
        };
        let Place {
            socket,
            configuration: file,
        } = &self.place;
        let ssh = launch::find("ssh");
        let ssh = ssh.ok_or("ssh is not in PATH: install OpenSSH's client (openssh-client)")?;
        self.see().await?;
        let text = configuration::text(&self.target).map_err(|error| error.to_string())?;
        let executable = self.runner.executable.to_run();
        let arguments = configuration::arguments(&self.target, &self.place, &executable);
        let arguments = arguments.map_err(|error| error.to_string())?;
        fs::write(file, text).map_err(|error| unusable(file, error))?;
        self.place
            .clear()
            .map_err(|error| unusable(socket, error))?;
        let master = Master::start(&self.runner, &ssh, &arguments);
        let mut master = master.map_err(|error| unusable(&ssh, error))?;
        match timeout(CONNECTS_WITHIN, master.connected()).await {
            Ok(Ok(())) => Ok(master),
            Ok(Err(exit)) => Err(words::why(master.said(), &exit, &self.by_hand())),
            Err(_) => Err(words::too_long(master.said(), CONNECTS_WITHIN)),
        }
    }

    /// Whether the files are there that were declared: ssh goes on without them.
    async fn see(&self) -> Result<(), String> {
        let files = [&self.target.ssh_config, &self.target.identity];
        for path in files.into_iter().flatten() {
            let file = path.clone();
            let look = move |at: &crate::host::look::At| {
                at.comes_to(&file);
                fs::File::open(&file).map(drop)
            };
            let looks = &self.runner.looks;
            let seen = looks.look(&path.display().to_string(), look).await;
            let seen = seen.map_err(|error| in_one_line(&error))?;
            seen.map_err(|error| format!("{}: {}", path.display(), in_words(&error)))?;
        }
        Ok(())
    }

    fn by_hand(&self) -> String {
        configuration::by_hand(&self.target, &self.runner.executable.to_run())
    }
}

/// `work`, for as long as this connection lives and there is time.
pub(super) async fn within<T>(
    state: watch::Receiver<State>,
    life: u64,
    until: Instant,
    work: impl Future<Output = T>,
) -> Result<T, Cut> {
    tokio::select! {
        biased;
        done = timeout_at(until, work) => done.map_err(|_| Cut::Late),
        why = lost(state, life) => Err(Cut::Lost(why)),
    }
}

/// Waits until this connection is lost; says why.
pub(super) async fn lost(mut state: watch::Receiver<State>, life: u64) -> String {
    let over = |state: &State| *state != State::Up { life };
    match state.wait_for(over).await.as_deref() {
        Ok(State::Down { why, .. }) => why.clone(),
        Ok(State::Up { .. }) => "it was made anew meanwhile".into(),
        Err(_) => "the host is not kept connected any more".into(),
    }
}
