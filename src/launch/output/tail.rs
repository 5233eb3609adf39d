//! Reads an output file that grows at its end and vanishes at its head.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::{fd::AsFd, unix::fs::FileExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{fs::inotify::WatchFlags, io::Errno};

use crate::host::inotify::{Inotify, Watch};

const CHUNK: usize = 64 * 1024;

/// A reader that stays at the end of an output file.
///
/// What it yields begins with a whole line, except where no line ends in what is left. When the head
/// of the file overtakes it, it goes on with the first line that is certainly whole: the one in which
/// the hole ends is left out, since what stood before it is gone.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: File,
    at: u64,
    watch: Option<Watch>,
}

impl Tail {
    /// At the first line that is left.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn from_head(path: &Path) -> io::Result<Self> {
        let mut tail = Self {
            path: path.to_owned(),
            file: File::open(path)?,
            at: 0,
            watch: None,
        };
        tail.skip_hole()?;
        Ok(tail)
    }

    /// At the last `lines` lines; a line without its end counts.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn last_lines(path: &Path, lines: usize) -> io::Result<Self> {
        let mut tail = Self::from_head(path)?;
        let head = tail.at;
        let size = tail.file.metadata()?.len();
        if lines == 0 {
            tail.at = size;
            return Ok(tail);
        }
        let mut buffer = vec![0; CHUNK];
        let mut missing = lines;
        let mut to = size;
        while to > head {
            let from = to.saturating_sub(CHUNK as u64).max(head);
            let part = &mut buffer[..usize::try_from(to - from).unwrap_or(CHUNK)];
            tail.file.read_exact_at(part, from)?;
            for (index, byte) in part.iter().enumerate().rev() {
                let behind = from + index as u64 + 1;
                // The end of the last line begins no further one.
                if *byte != b'\n' || behind == size {
                    continue;
                }
                missing -= 1;
                if missing == 0 {
                    tail.at = behind;
                    return Ok(tail);
                }
            }
            to = from;
        }
        Ok(tail)
    }

    /// The next bytes, at most 64 KiB; empty at the end of what was written so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        self.skip_hole()?;
        let mut bytes = vec![0; CHUNK];
        self.file.seek(SeekFrom::Start(self.at))?;
        let count = self.file.read(&mut bytes)?;
        bytes.truncate(count);
        self.at += count as u64;
        Ok(bytes)
    }

    /// Waits until there may be more to read. Cancel-safe.
    ///
    /// # Errors
    /// When the file cannot be watched.
    pub async fn grown(&mut self) -> io::Result<()> {
        if self.watch.is_none() {
            let inotify = Inotify::start(Duration::ZERO)?;
            self.watch = Some(inotify.watch(&self.path, WatchFlags::MODIFY)?);
        }
        if let Some(watch) = &self.watch
            && self.file.metadata()?.len() == self.at
        {
            watch.changed().await;
        }
        Ok(())
    }

    /// Steps over what was cut off since the last look.
    fn skip_hole(&mut self) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        if size < self.at {
            self.at = 0;
        }
        let data = first_data(&self.file, self.at)?;
        if data == self.at {
            return Ok(());
        }
        // The hole ends where a block begins; whether a line does is lost with the byte before.
        self.at = self.after_line(data)?.unwrap_or(data);
        Ok(())
    }

    fn after_line(&self, from: u64) -> io::Result<Option<u64>> {
        let mut buffer = vec![0; CHUNK];
        let mut at = from;
        loop {
            let count = self.file.read_at(&mut buffer, at)?;
            if count == 0 {
                return Ok(None);
            }
            if let Some(end) = buffer[..count].iter().position(|byte| *byte == b'\n') {
                return Ok(Some(at + end as u64 + 1));
            }
            at += count as u64;
        }
    }
}

/// The first offset from `at` on that is not in a hole (lseek(2), `SEEK_DATA`); the file's size
/// when only a hole follows.
pub(super) fn first_data(file: impl AsFd, at: u64) -> io::Result<u64> {
    let size = rustix::fs::fstat(file.as_fd())?.st_size;
    let size = u64::try_from(size).unwrap_or_default();
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => Ok(data),
        Err(Errno::NXIO) => Ok(size.max(at)),
        // A file system that knows no holes has none.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(at),
        Err(error) => Err(error.into()),
    }
}
