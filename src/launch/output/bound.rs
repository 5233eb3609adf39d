//! Keeps an output file bounded while somebody else appends to it.
//!
//! Promise: the newest `keep` bytes stay, and beyond an eighth more (at least 64 KiB) and what is
//! written in a tenth of a second nothing else takes room. Offsets stay valid and no writer notices:
//! the head of the file becomes a hole (fallocate(2), `FALLOC_FL_PUNCH_HOLE`). Nothing runs while
//! nothing is written.
//!
//! On a file system without holes the file is cut to its newest half whenever it exceeds `keep`; a
//! line that is written in that moment may be lost or come early. [`BoundError::NoHoles`] says so
//! once.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, fallocate, inotify::WatchFlags},
    io::Errno,
};

use super::tail::first_data;
use crate::host::{
    descriptors::for_keeps,
    inotify::{Inotify, Watch},
};

const SLACK: u64 = 64 * 1024;

/// Keeps one file bounded.
#[derive(Debug)]
pub(crate) struct Bound {
    path: PathBuf,
    /// Kept open where descriptors allow it; so it is also bounded when somebody removed it.
    kept: Option<File>,
    watch: Watch,
    keep: u64,
    /// Everything before it is a hole.
    head: u64,
    holes: bool,
    looked: bool,
}

/// Output cannot be kept bounded as promised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoundError {
    #[error(
        "{}: the file system has no holes; at the limit the file itself is cut, and a line may be lost",
        .0.display()
    )]
    NoHoles(PathBuf),
    #[error("{}: output is not bounded", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).read(true).open(path)
}

impl Bound {
    /// Begins to watch `path`, which may have grown already.
    pub(crate) fn open(appends: &Inotify, path: &Path, keep: u64) -> Result<Self, BoundError> {
        let failed = |error| BoundError::Io(path.to_owned(), error);
        let file = open(path).map_err(failed)?;
        let watch = appends.watch(path, WatchFlags::MODIFY).map_err(failed)?;
        let head = first_data(&file, 0).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            kept: for_keeps(file).ok(),
            watch,
            keep,
            head,
            holes: true,
            looked: false,
        })
    }

    /// Keeps it bounded until something goes wrong; call again to go on after it.
    pub(crate) async fn hold(&mut self) -> BoundError {
        loop {
            // After an error not again at once for the same reason, only after the next output.
            if std::mem::replace(&mut self.looked, true) {
                self.watch.changed().await;
            }
            if let Err(error) = self.cut() {
                return error;
            }
        }
    }

    /// Without holes: the newest half is written again into the emptied file.
    fn cut_off(&self, mut file: &File, size: u64) -> io::Result<()> {
        let mut newest = Vec::new();
        file.seek(SeekFrom::Start(size - self.keep / 2))?;
        file.take(self.keep / 2).read_to_end(&mut newest)?;
        file.set_len(0)?;
        file.write_all(&newest)
    }

    /// Looks at once.
    pub(crate) fn cut(&mut self) -> Result<(), BoundError> {
        if let Some(kept) = self.kept.take() {
            let done = self.cut_open(&kept);
            self.kept = Some(kept);
            return done;
        }
        match open(&self.path) {
            Ok(file) => self.cut_open(&file),
            // Somebody removed it, which was told where it mattered.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(BoundError::Io(self.path.clone(), error)),
        }
    }

    fn cut_open(&mut self, file: &File) -> Result<(), BoundError> {
        let failed = |error: io::Error| BoundError::Io(self.path.clone(), error);
        let metadata = file.metadata().map_err(failed)?;
        let size = metadata.size();
        if size < self.head {
            self.head = 0;
        }
        if !self.holes {
            return if size > self.keep {
                self.cut_off(file, size).map_err(failed)
            } else {
                Ok(())
            };
        }
        if size - self.head <= self.keep + SLACK.max(self.keep / 8) {
            return Ok(());
        }
        let block = metadata.blksize().max(1);
        let head = (size - self.keep) / block * block;
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(file, hole, 0, head) {
            Ok(()) => {
                self.head = head;
                Ok(())
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.holes = false;
                self.cut_open(file)?;
                Err(BoundError::NoHoles(self.path.clone()))
            }
            Err(error) => Err(failed(error.into())),
        }
    }
}
