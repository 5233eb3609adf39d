//! One connection through the rig's proxy to an echo server in this process, held for as long as
//! the demo goes on: bytes go back and forth on it all the time, and a cut is noticed at once.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    thread,
    time::Duration,
};

use fast_socks5::client::{Config, Socks5Stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
};

use super::{DemoError, Input};

/// From one message to the next.
const BEAT: Duration = Duration::from_millis(50);
/// An answer that takes longer is a cut.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a message.
const MESSAGE: usize = 64;

/// Where the connection ends.
#[derive(Debug)]
pub(super) struct EchoServer {
    listener: TcpListener,
    pub(super) address: SocketAddr,
}

impl EchoServer {
    pub(super) fn bind() -> Result<Self, DemoError> {
        let bound = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound().map_err(|error| DemoError::Process("echo server", error))
    }
}

/// The connection, on a thread of its own until it is dropped.
#[derive(Debug)]
pub(super) struct Line {
    echoed: Arc<AtomicU64>,
    close: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Line {
    /// Connects, and says how it goes on `to`.
    pub(super) fn open(
        server: EchoServer,
        proxy: SocketAddr,
        to: Sender<Input>,
    ) -> Result<Self, DemoError> {
        let failed = |error| DemoError::Process("connection through the proxy", error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let echoed = Arc::new(AtomicU64::new(0));
        let (close, closed) = oneshot::channel();
        let counter = Arc::clone(&echoed);
        let thread = thread::Builder::new()
            .name("line".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        // Its other end was dropped, or said so: either way it is over.
                        _ = closed => {}
                        cut = hold(server, proxy, &counter, &to) => {
                            // Nobody is there to be told when the demo is over.
                            drop(to.send(Input::LineCut(cut.to_string())));
                        }
                    }
                });
            })
            .map_err(failed)?;
        Ok(Self {
            echoed,
            close: Some(close),
            thread: Some(thread),
        })
    }

    /// Bytes that came back as they were sent.
    pub(super) fn echoed(&self) -> u64 {
        self.echoed.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            // It only panics where the panic was shown already.
            drop(thread.join());
        }
    }
}

/// Goes on until it is cut; returns how.
async fn hold(
    server: EchoServer,
    proxy: SocketAddr,
    echoed: &AtomicU64,
    to: &Sender<Input>,
) -> io::Error {
    let address = server.address;
    let result = tokio::try_join!(echo(server), converse(proxy, address, echoed, to));
    match result {
        Err(error) => error,
        Ok((never, _)) => match never {},
    }
}

/// Serves the one client, and then nobody.
async fn echo(server: EchoServer) -> io::Result<std::convert::Infallible> {
    let listener = tokio::net::TcpListener::from_std(server.listener)?;
    let (mut client, _) = listener.accept().await?;
    let (mut from, mut to) = client.split();
    tokio::io::copy(&mut from, &mut to).await?;
    Err(io::ErrorKind::UnexpectedEof.into())
}

async fn converse(
    proxy: SocketAddr,
    server: SocketAddr,
    echoed: &AtomicU64,
    to: &Sender<Input>,
) -> io::Result<std::convert::Infallible> {
    let mut stream = Socks5Stream::connect(
        proxy,
        server.ip().to_string(),
        server.port(),
        Config::default(),
    )
    .await
    .map_err(io::Error::other)?;
    for number in 0_u64.. {
        let message: [u8; MESSAGE] = message(number);
        let answer = async {
            stream.write_all(&message).await?;
            let mut answer = [0; MESSAGE];
            stream.read_exact(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        };
        let answer = tokio::time::timeout(PATIENCE, answer)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer"))??;
        if answer != message {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "other bytes came back than were sent",
            ));
        }
        echoed.fetch_add(MESSAGE as u64, Ordering::Relaxed);
        if number == 0 {
            drop(to.send(Input::LineOpen));
        }
        tokio::time::sleep(BEAT).await;
    }
    Err(io::Error::other("numbers ran out"))
}

/// Each is another, so that an old answer is not taken for a new one.
fn message(number: u64) -> [u8; MESSAGE] {
    let mut message = [b'.'; MESSAGE];
    message[..8].copy_from_slice(&number.to_be_bytes());
    message
}
