//! Bytes from one connection to the other and back, until both ends are through.
//!
//! Promise: an end of stream is passed on as an end of stream, in each direction by itself, and
//! only a connection that both sides ended looks ended: one that is cut, for whatever reason, the
//! death of this process included, is seen by both sides as a reset and never as complete.
//!
//! How: one buffer serves all connections of the thread. What was read is written at once, and
//! only what the other side would not take yet is kept, so an idle connection has no memory of
//! its own. Sockets are set to reset on close while bytes flow (`SO_LINGER` of zero, socket(7)).

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    os::fd::AsFd,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    task, time,
};

/// Read at one time, in bytes.
const CHUNK: usize = 128 * 1024;

/// Carried by one connection before others get their turn, in bytes.
const TURN: usize = 8 * CHUNK;

/// How often within the idle limit it is checked whether anything moved.
const LOOKS: u32 = 4;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// How a relay ended.
#[derive(Debug)]
pub(super) enum End {
    /// Both sides said everything.
    Complete,
    /// Nothing moved for the idle limit, or up to a quarter longer.
    Idle,
    /// One side broke off.
    Broken(io::Error),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Idle => f.write_str("idle"),
            Self::Broken(error) => write!(f, "broken: {error}"),
        }
    }
}

/// Carries bytes both ways. Returns how it ended and how many bytes moved.
pub(super) async fn relay(
    client: &mut TcpStream,
    destination: &mut TcpStream,
    idle: Duration,
) -> (End, u64) {
    let moved = Cell::new(0);
    let end = match carry(client, destination, idle, &moved).await {
        Ok(end) => end,
        Err(error) => End::Broken(error),
    };
    (end, moved.get())
}

async fn carry(
    client: &mut TcpStream,
    destination: &mut TcpStream,
    idle: Duration,
    moved: &Cell<u64>,
) -> io::Result<End> {
    reset_on_close(client, true)?;
    reset_on_close(destination, true)?;
    {
        let (from_client, to_client) = client.split();
        let (from_destination, to_destination) = destination.split();
        let both_ways = async {
            tokio::try_join!(
                pump(from_client, to_destination, moved),
                pump(from_destination, to_client, moved)
            )
        };
        tokio::select! {
            ended = both_ways => ended?,
            () = quiet(moved, idle) => return Ok(End::Idle),
        };
    }
    reset_on_close(client, false)?;
    reset_on_close(destination, false)?;
    Ok(End::Complete)
}

fn reset_on_close(stream: &TcpStream, reset: bool) -> io::Result<()> {
    if reset {
        stream.set_zero_linger()
    } else {
        let off = nix::libc::linger {
            l_onoff: 0,
            l_linger: 0,
        };
        Ok(setsockopt(&stream.as_fd(), sockopt::Linger, &off)?)
    }
}

/// One direction, to its end of stream.
async fn pump(from: ReadHalf<'_>, mut to: WriteHalf<'_>, moved: &Cell<u64>) -> io::Result<()> {
    let mut this_turn = 0;
    loop {
        from.readable().await?;
        let Some(passed) = retry_later(BUFFER.with_borrow_mut(|buffer| pass(&from, &to, buffer)))?
        else {
            continue;
        };
        if passed.read == 0 {
            break;
        }
        moved.set(moved.get() + passed.read as u64);
        write_rest(&to, &passed.rest, moved).await?;
        this_turn += passed.read;
        if this_turn >= TURN {
            this_turn = 0;
            task::yield_now().await;
        }
    }
    match to.shutdown().await {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error),
        _ => Ok(()),
    }
}

struct Passed {
    read: usize,
    rest: Vec<u8>,
}

/// One read, and as much of it written as is taken right now.
fn pass(from: &ReadHalf<'_>, to: &WriteHalf<'_>, buffer: &mut [u8]) -> io::Result<Passed> {
    let read = from.try_read(buffer)?;
    let data = buffer.get(..read).unwrap_or_default();
    let written = if data.is_empty() {
        0
    } else {
        retry_later(to.try_write(data))?.unwrap_or(0)
    };
    let rest = data.get(written..).unwrap_or_default().to_vec();
    Ok(Passed { read, rest })
}

/// Writes what was not taken at once. That it is taken counts as movement, as reading does.
async fn write_rest(to: &WriteHalf<'_>, mut rest: &[u8], moved: &Cell<u64>) -> io::Result<()> {
    while !rest.is_empty() {
        to.writable().await?;
        if let Some(written) = retry_later(to.try_write(rest))? {
            rest = rest.get(written..).unwrap_or_default();
            moved.set(moved.get() + 1);
        }
    }
    Ok(())
}

fn retry_later<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

/// Returns when `moved` stood still for `limit`. One timer, which reads and writes do not touch.
async fn quiet(moved: &Cell<u64>, limit: Duration) {
    let mut last = moved.get();
    let mut unchanged = 0;
    while unchanged < LOOKS {
        time::sleep(limit / LOOKS).await;
        unchanged = if moved.get() == last {
            unchanged + 1
        } else {
            0
        };
        last = moved.get();
    }
}
