//! A host that is kept connected.
//!
//! How: a task, the `keeper`, tells how the connection is; what is run asks that first, and listens to it
//! while it waits.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use openssh::Session;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Channel, LinkError, Script, State, Target,
    keeper::Keeper,
    place::Place,
    script::Rendered,
    session::{NoShell, Shell},
    state::{Cut, MOMENT, lost, within},
    turns::{Turn, Turns},
};
use crate::{host::HostError, launch::command::Runner, model::Exit};

/// How long a channel may take until its script has begun.
pub(super) const OPENS_WITHIN: Duration = Duration::from_secs(30);

/// How long sshd may keep the place of a channel that was closed.
const FREED_WITHIN: Duration = Duration::from_secs(2);
/// From one question to the next, meanwhile.
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// A host that is kept connected, until the last clone of this is dropped. Its channels end with it.
#[derive(Debug, Clone)]
pub struct Link(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    host: String,
    socket: PathBuf,
    state: watch::Receiver<State>,
    now: Arc<Notify>,
    session: Arc<Session>,
    renew: Arc<Notify>,
    turns: Turns,
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
        let (host, socket) = (target.name.clone(), place.socket.clone());
        let session = Session::resume_mux(place.socket.clone().into_boxed_path(), None);
        let (tell, state) = watch::channel(State::Down {
            why: "the first try is on its way".into(),
            since: Timestamp::now(),
        });
        let [now, renew] = [(); 2].map(|()| Arc::new(Notify::new()));
        let turns = Turns::new();
        let keeper = Keeper {
            target,
            place,
            runner: runner.clone(),
            now: now.clone(),
            renew: renew.clone(),
            turns: turns.clone(),
        };
        let task = tokio::spawn(keeper.keep(tell));
        Ok(Self(Arc::new(Kept {
            host,
            socket,
            state,
            now,
            session: Arc::new(session),
            renew,
            turns,
            _task: AbortOnDropHandle::new(task),
        })))
    }

    /// How the connection is, and what becomes of it.
    pub fn state(&self) -> watch::Receiver<State> {
        self.0.state.clone()
    }

    /// Where its connections are shared, while there is one.
    pub(crate) fn socket(&self) -> &Path {
        &self.0.socket
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
    /// sshd lets into a connection, so one that may hang is better off with a limit of its own: where all are
    /// taken, the connection is made anew.
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
        let (shell, life, mut turn) = self.shell(script, limit, until).await?;
        let host = || self.0.host.clone();
        match within(self.state(), life, until, shell.run(keep)).await {
            Ok(Ok((exit, output, errors))) => {
                turn.is_over();
                Ok(Output {
                    exit,
                    output,
                    errors,
                })
            }
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
        let (shell, life, turn) = self.shell(script, OPENS_WITHIN, until).await?;
        let host = self.0.host.clone();
        Channel::begin(shell, host, self.state(), life, turn, until).await
    }

    /// A shell that listens, over which connection, and the right to have it.
    async fn shell(
        &self,
        script: &Script,
        limit: Duration,
        until: Instant,
    ) -> Result<(Shell, u64, Turn), LinkError> {
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
        let turn = within(self.state(), life, until, self.0.turns.next()).await;
        let mut turn = match turn {
            Ok(Ok(turn)) => turn,
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
            Ok(Ok(shell)) => Ok((shell, life, turn)),
            Ok(Err(NoShell::Other { exit, said })) => {
                turn.is_over();
                let host = host();
                Err(LinkError::NoShell { host, exit, said })
            }
            Ok(Err(NoShell::Refused(why))) => {
                turn.is_over();
                if self.0.turns.were_given_up() {
                    self.0.renew.notify_waiters();
                }
                Err(no_channel(why))
            }
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
