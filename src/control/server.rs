//! The daemon's side of the control socket.
//!
//! The daemon's loop takes one [`Call`] at a time out of [`Server::next`] and answers it through
//! its [`Answer`]; neither ever waits for a client. Calls of all clients queue up fairly in one
//! short channel; when it is full, clients are not read.
//!
//! One task lets clients in. Beside those who ask it watches the place of the socket: one that
//! somebody removes is made once more, at once where the directory can be watched, else when it is
//! next looked at. `seat` says how many get in, `connection` is one of them.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::fs::inotify::WatchFlags;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    answer::error_line,
    connection,
    group::how_to_join,
    protocol::{Refusal, RefusalKind, Request},
    seat::{Inside, Seat, Spare},
    socket::{self, BindError, Place},
};
pub use super::{
    answer::{Answer, Gone},
    seat::{MOST_CLIENTS, MOST_READERS},
};
use crate::{
    causes::in_one_line,
    decide::access::{Peer, Policy},
    host::inotify::{Inotify, Watch},
    sys,
};

/// Calls that wait for the daemon's loop.
const CALLS: usize = 16;
/// That clients cannot be let in is told this often.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// After a failed accept (out of descriptors), so that it is not tried hot.
const PAUSE: Duration = Duration::from_millis(100);
/// A socket that is gone and cannot be made, or a directory that cannot be watched, is looked at again
/// after this.
pub const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// For the last answers to be written when the daemon ends.
const FLUSH: Duration = Duration::from_secs(1);

/// One request of one client.
#[derive(Debug)]
pub struct Call {
    /// What is asked. The client is allowed to.
    pub request: Request,
    /// Who asks.
    pub peer: Peer,
    /// The way back.
    pub answer: Answer,
}

/// A listening control socket. Dropped, it is removed at once; [`Server::close`] is the polite end.
#[derive(Debug)]
pub struct Server {
    calls: mpsc::Receiver<Call>,
    closing: CancellationToken,
    clients: TaskTracker,
    place: Arc<Mutex<Option<Place>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.cancel();
        drop(held(&self.place).take());
    }
}

/// Nothing is left half done in it, also when a thread panicked.
fn held(place: &Mutex<Option<Place>>) -> MutexGuard<'_, Option<Place>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The policy of this process: its own user, and this group.
pub fn policy(everyone_reads: bool, group: Option<u32>) -> Policy {
    Policy {
        owner: nix::unistd::geteuid().as_raw(),
        group,
        everyone_reads,
    }
}

impl Server {
    /// Makes the socket of the daemon that keeps the state directory `state`, or takes the one over
    /// that was `handed` to it, and begins to accept. Needs a tokio runtime around it.
    pub fn bind(
        path: &Path,
        state: &Path,
        policy: Policy,
        handed: Option<std::os::unix::net::UnixListener>,
    ) -> Result<Self, BindError> {
        let (listener, place) = match handed {
            Some(handed) => socket::take_over(handed, path, state, &policy)?,
            None => socket::bind(path, state, &policy)?,
        };
        let listener = listen(listener, path)?;
        let place = Arc::new(Mutex::new(Some(place)));
        let (sender, calls) = mpsc::channel(CALLS);
        let closing = CancellationToken::new();
        let clients = TaskTracker::new();
        let door = Door {
            policy,
            calls: sender,
            closing: closing.clone(),
            clients: clients.clone(),
            inside: Arc::default(),
            place: Arc::clone(&place),
            spare: Arc::default(),
        };
        clients.spawn(door.accept(listener));
        Ok(Self {
            calls,
            closing,
            clients,
            place,
        })
    }

    /// The next request. May be cancelled without losing one.
    pub async fn next(&mut self) -> Call {
        match self.calls.recv().await {
            Some(call) => call,
            // Only while closing, when nobody asks any more.
            None => std::future::pending().await,
        }
    }

    /// Stops accepting, removes the socket, and gives the last answers a second to be written.
    /// Requests that were not taken yet are answered with an error.
    pub async fn close(mut self) {
        self.closing.cancel();
        drop(held(&self.place).take());
        self.calls.close();
        while self.calls.try_recv().is_ok() {}
        self.clients.close();
        if timeout(FLUSH, self.clients.wait()).await.is_err() {
            tracing::debug!(
                left = self.clients.len(),
                "clients did not take their last answer"
            );
        }
    }
}

/// What the accepting task knows.
struct Door {
    policy: Policy,
    calls: mpsc::Sender<Call>,
    closing: CancellationToken,
    clients: TaskTracker,
    inside: Arc<Inside>,
    place: Arc<Mutex<Option<Place>>>,
    spare: Arc<Spare>,
}

impl Door {
    async fn accept(self, mut listener: UnixListener) {
        self.spare.refill();
        let mut watch = self.watch();
        let mut refused = None;
        let mut warned = None;
        loop {
            let accepted = tokio::select! {
                // First: who is not taken any more may be another daemon's.
                biased;
                () = self.closing.cancelled() => return,
                () = self.removed(watch.as_ref()) => {
                    match self.bind_again() {
                        Some(Ok(again)) => {
                            (listener, watch, refused) = (again, self.watch(), None);
                        }
                        Some(Err(why)) => {
                            if refused.as_ref() != Some(&why) {
                                tracing::error!("{why}");
                            }
                            refused = Some(why);
                            tokio::select! {
                                () = self.closing.cancelled() => return,
                                () = sleep(LOOK_AGAIN) => {}
                            }
                        }
                        None => return,
                    }
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) if self.spare.is_left() => self.admit(stream),
                Ok((stream, _)) => {
                    let refusal = Refusal::new(
                        RefusalKind::Failed,
                        "daemon has no open file left for another client",
                    )
                    .hint("end some clients, or raise LimitNOFILE= (systemd.exec(5))");
                    turn_away(&stream, refusal);
                    drop(stream);
                    self.spare.refill();
                }
                Err(error) => {
                    if warned.is_none_or(|at: Instant| at.elapsed() > WARN_EVERY) {
                        warned = Some(Instant::now());
                        tracing::warn!("control socket cannot accept a client: {error}");
                    }
                    if !self.spare.give_up_one() {
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// Tells of changes in the directory of the socket. Without it, it is looked at now and then.
    fn watch(&self) -> Option<(Inotify, Watch)> {
        let directory = held(&self.place).as_ref()?.path().parent()?.to_owned();
        let what = WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::DELETE_SELF;
        let watched = Inotify::start(Duration::ZERO).and_then(|inotify| {
            let watch = inotify.watch(&directory, what | WatchFlags::MOVE_SELF)?;
            Ok((inotify, watch))
        });
        watched
            .inspect_err(|error| {
                tracing::warn!("{}: polled, not watched: {error}", directory.display());
            })
            .ok()
    }

    /// Waits until the socket is not in its place any more. Cancel-safe.
    async fn removed(&self, watch: Option<&(Inotify, Watch)>) {
        loop {
            if held(&self.place)
                .as_ref()
                .is_some_and(|place| !place.is_ours())
            {
                return;
            }
            match watch {
                Some((_, watch)) => watch.changed().await,
                None => sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Makes the socket once more; `None` when the server is closing.
    fn bind_again(&self) -> Option<Result<UnixListener, String>> {
        let mut place = held(&self.place);
        let place = place.as_mut()?;
        let bound = place
            .bind_again(&self.policy)
            .and_then(|listener| listen(listener, place.path()));
        if bound.is_ok() {
            let path = place.path().display();
            tracing::warn!("control socket {path} was removed; it is made once more");
        }
        Some(bound.map_err(|error| in_one_line(&error)))
    }

    fn admit(&self, stream: UnixStream) {
        let peer = match peer(&stream) {
            Ok(peer) => peer,
            Err(error) => {
                tracing::warn!(%error, "control client is not known to the kernel");
                return;
            }
        };
        let Some(access) = self.policy.access(&peer) else {
            let refusal = Refusal::new(
                RefusalKind::NotAllowed,
                format!("user {} may not use this daemon", peer.uid),
            )
            .hint(how_to_join());
            return turn_away(&stream, refusal);
        };
        let first = self.policy.puts_first(&peer);
        let seat = match Seat::take(&self.inside, peer.pid, access, first) {
            Ok(seat) => seat,
            Err(full) => {
                let refusal = Refusal::new(RefusalKind::Failed, full.to_string())
                    .hint("end some of them, or ask as root, who always gets in");
                return turn_away(&stream, refusal);
            }
        };
        let calls = self.calls.clone();
        let may = (access, self.policy.may_type(&peer));
        let serve = connection::serve(stream, peer, may, seat, calls, self.closing.clone());
        let spare = Arc::clone(&self.spare);
        self.clients.spawn(async move {
            serve.await;
            spare.refill();
        });
    }
}

fn listen(
    listener: std::os::unix::net::UnixListener,
    path: &Path,
) -> Result<UnixListener, BindError> {
    UnixListener::from_std(listener).map_err(|source| BindError::Io {
        path: path.to_owned(),
        what: "watch it".to_owned(),
        source,
    })
}

/// A new connection takes a short line at once; a client that broke off needs none.
fn turn_away(stream: &UnixStream, refusal: Refusal) {
    drop(stream.try_write(&error_line(None, refusal)));
}

fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    let mut groups: std::collections::BTreeSet<u32> =
        sys::peer_groups(stream)?.into_iter().collect();
    groups.insert(credentials.gid());
    Ok(Peer {
        pid: credentials.pid().unwrap_or(0),
        uid: credentials.uid(),
        groups,
    })
}
