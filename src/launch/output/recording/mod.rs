//! What a worker's terminal was sent, and when: asciicast v2
//! (<https://docs.asciinema.org/manual/asciicast/v2/>), in parts.
//!
//! Promise: each part is a file that every player of the format plays. The newest bytes stay: all parts
//! together take no more than they may, and at most one part less. What a kill, a power cut or a full
//! disk cuts off spoils the line in which that happens, and nothing else.
//!
//! How: parts are `1.cast`, `2.cast` and so on, in a directory of their own. Each has one writer, who adds
//! whole lines; a part that is full, or was somebody else's, is not touched any more but removed when its
//! turn comes. A part begins with the size that the terminal has then, and its times count from the
//! whole second in its header, so that it is known of everything when it was sent. What stands at 0 in a
//! later part repeats in which modes the terminal was left: for who has only this part.

mod modes;
mod playback;
#[cfg(test)]
mod tests;
mod text;
mod writer;

use std::{
    fmt,
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rustix::fs::{Dir, Mode, OFlags};
use serde::{Deserialize, Serialize};

pub use playback::{Moment, Playback, Told};
pub(crate) use writer::{Now, RecordingWriter};

const SUFFIX: &str = ".cast";
/// Of the format.
const VERSION: u8 = 2;

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: u16,
    /// Rows of the screen.
    pub rows: u16,
}

/// As in `80x24`.
impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.columns, self.rows)
    }
}

impl Size {
    fn read(text: &str) -> Option<Self> {
        let (columns, rows) = text.split_once('x')?;
        Some(Self {
            columns: columns.parse().ok()?,
            rows: rows.parse().ok()?,
        })
    }
}

/// The first line of a part.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u8,
    width: u16,
    height: u16,
    /// Seconds since 1970.
    timestamp: i64,
}

impl Header {
    /// `None` where it is another format's, or says what cannot be.
    fn read(line: &[u8]) -> Option<(Timestamp, Size)> {
        let header: Self = serde_json::from_slice(line).ok()?;
        let at = Timestamp::from_second(header.timestamp).ok()?;
        let size = Size {
            columns: header.width,
            rows: header.height,
        };
        (header.version == VERSION).then_some((at, size))
    }
}

/// Bytes of a recording in which something was sent, if there was anything.
const BEGINNING: u64 = 1024 * 1024;

/// What is sent.
const OUTPUT: &str = "o";
/// Another size.
const RESIZE: &str = "r";

/// Each of the other lines, so long after the time in the header.
fn line(after: Duration, code: &str, data: &str) -> io::Result<String> {
    let (seconds, micros) = (after.as_secs(), after.subsec_micros());
    let data = serde_json::to_string(data)?;
    Ok(format!("[{seconds}.{micros:06},\"{code}\",{data}]\n"))
}

/// What such a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Output(String),
    Resize(Size),
}

impl Event {
    /// `None` for what is cut off, and for what the format may have besides.
    fn read(line: &[u8]) -> Option<(Duration, Self)> {
        let (seconds, code, data): (f64, &str, String) = serde_json::from_slice(line).ok()?;
        let after = Duration::try_from_secs_f64(seconds).ok()?;
        let event = match code {
            OUTPUT => Self::Output(data),
            RESIZE => Self::Resize(Size::read(&data)?),
            _ => return None,
        };
        Some((after, event))
    }
}

/// The parts that there are, the oldest first. None where there is no such directory.
fn parts(directory: &Path) -> io::Result<Vec<u64>> {
    let opened = match open_directory(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut numbers = Vec::new();
    for entry in Dir::read_from(opened)? {
        let entry = entry?;
        let name = entry.file_name().to_str().ok();
        let number = name.and_then(|name| name.strip_suffix(SUFFIX));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number}{SUFFIX}"))
}

/// The directory is its worker's, who may be another user: no link in its place is followed.
fn open_directory(directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory, flags, Mode::empty())?)
}

/// Opens a part. No link is followed here either, and nothing is waited for.
fn open(directory: &Path, number: u64) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let name = format!("{number}{SUFFIX}");
    let file = rustix::fs::openat(open_directory(directory)?, name, flags, Mode::empty())?;
    let file = File::from(file);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("is not a regular file")),
    }
}

/// Whether there is a recording here, even of nothing.
pub fn is_there(directory: &Path) -> bool {
    parts(directory).is_ok_and(|parts| !parts.is_empty())
}

/// Whether the terminal was never sent anything, as far as it can be told at its beginning.
pub(crate) fn is_silent(directory: &Path) -> bool {
    let few = parts(directory).is_ok_and(|parts| parts.len() <= 1);
    let mut playback = Playback::of(directory).at_most(BEGINNING);
    loop {
        match playback.read() {
            Ok(Some(Moment {
                told: Told::Output(_),
                ..
            })) => return false,
            Ok(Some(_)) => {}
            Ok(None) => return few && playback.is_at_end(),
            Err(_) => return false,
        }
    }
}

/// The files of the parts, the oldest first. None where there is no such directory.
///
/// # Errors
/// When they cannot be listed.
pub fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let numbers = parts(directory)?.into_iter();
    Ok(numbers.map(|number| path(directory, number)).collect())
}
