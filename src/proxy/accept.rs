//! New clients of the listening socket, whatever happens to single ones.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use nix::errno::Errno;
use tokio::{
    net::{TcpListener, TcpStream},
    task, time,
};
use tracing::{debug, error};

use super::{admission::Admission, refusal::APART};

/// After an accept that failed for want of something that nobody can give up.
const PAUSE: Duration = Duration::from_millis(100);

/// The next client, whatever happens to the ones before.
pub(super) struct Acceptor {
    listener: TcpListener,
    complained: Option<Instant>,
}

impl Acceptor {
    pub(super) const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            complained: None,
        }
    }

    /// Cancel safe: a client that was accepted is returned. When there are no descriptors left, the
    /// client that has been heard for the longest time makes room.
    pub(super) async fn next(&mut self, admission: &Admission) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(client) => return client,
                Err(error) if is_the_clients(&error) => debug!("client lost: {error}"),
                Err(error) => {
                    if self.complained.is_none_or(|at| at.elapsed() > APART) {
                        self.complained = Some(Instant::now());
                        error!("connections cannot be accepted at times, trying on: {error}");
                    }
                    if admission.evict() {
                        task::yield_now().await;
                    } else {
                        time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }
}

/// Whether it concerns one connection that was about to be accepted (accept(2), "Error handling").
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::ECONNABORTED
                | Errno::ECONNRESET
                | Errno::ENETDOWN
                | Errno::EPROTO
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::EHOSTUNREACH
                | Errno::EOPNOTSUPP
                | Errno::ENETUNREACH
                | Errno::EPERM
        )
    )
}
