//! Small files that are replaced whole.
//!
//! Promise: after a crash or a power cut at any moment the file holds its old bytes or its new
//! ones, and once [`Prepared::publish`] has returned, the new ones. A full disk leaves the old.
//!
//! How: the new bytes go to `<name>.new` beside the file and are synced, the rename puts them in
//! place, a sync of the directory makes the rename last (rename(2), fsync(2)). A `.new` that a
//! crash left behind is emptied and written again, never read.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::StoreError;

/// New bytes, safely on the disk, that are not in their place yet. Dropped, they are removed.
pub(super) struct Prepared {
    temp: PathBuf,
    path: PathBuf,
    published: bool,
}

/// Writes and syncs the new bytes of `path` beside it; `mode` are its permission bits.
pub(super) fn prepare(path: &Path, bytes: &[u8], mode: u32) -> Result<Prepared, StoreError> {
    let prepared = Prepared {
        temp: with_suffix(path, ".new"),
        path: path.to_owned(),
        published: false,
    };
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .custom_flags(O_NOFOLLOW)
        .open(&prepared.temp)
        .and_then(|mut file| {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.write_all(bytes)?;
            file.sync_all()
        });
    match written {
        Ok(()) => Ok(prepared),
        Err(source) => Err(file_error("written", &prepared.temp, source)),
    }
}

impl Prepared {
    /// Puts the new bytes in place, for good.
    pub(super) fn publish(mut self) -> Result<(), StoreError> {
        fs::rename(&self.temp, &self.path)
            .map_err(|source| file_error("replaced", &self.path, source))?;
        self.published = true;
        sync_dir_of(&self.path)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.published {
            // Frees the space on a full disk. If that fails too, the next write empties it.
            drop(fs::remove_file(&self.temp));
        }
    }
}

/// Makes the names in the directory of `path` last.
pub(super) fn sync_dir_of(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| file_error("synced", dir, source))
}

/// What is found at a path.
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// A regular file with these bytes.
    Bytes(Vec<u8>),
    /// Something that cannot be our file; the text says what.
    Unusable(String),
}

/// Reads a whole file of at most `limit` bytes. Never waits, whatever is there.
pub(super) fn read(path: &Path, limit: u64) -> Result<Found, StoreError> {
    let failed = |source| file_error("read", path, source);
    // Without O_NONBLOCK, opening a FIFO waits for its writer.
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) if error.raw_os_error() == Some(nix::libc::ENXIO) => {
            return Ok(Found::Unusable("it is a socket, not a file".to_owned()));
        }
        Err(source) => return Err(failed(source)),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Ok(Found::Unusable("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Ok(Found::Unusable(format!("it has more than {limit} bytes")));
    }
    Ok(Found::Bytes(bytes))
}

/// Moves a damaged file out of the way as `<name>.damaged-<UTC time>`, with those of its
/// companions (`<name><suffix>`) that exist. Nothing that is there is ever replaced: the caller
/// holds the directory's lock, and a name that is taken gets a number.
pub(super) fn set_aside(path: &Path, companions: &[&str]) -> Result<PathBuf, StoreError> {
    let time = Timestamp::now()
        .to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let aside = (1_u32..)
        .map(|n| match n {
            1 => with_suffix(path, &format!(".damaged-{time}")),
            n => with_suffix(path, &format!(".damaged-{time}-{n}")),
        })
        .find(|aside| !exists(aside) && companions.iter().all(|c| !exists(&with_suffix(aside, c))))
        .unwrap_or_else(|| with_suffix(path, ".damaged"));
    for suffix in std::iter::once(&"").chain(companions) {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&aside, suffix));
        if exists(&from) {
            fs::rename(&from, &to).map_err(|source| file_error("set aside", &from, source))?;
        }
    }
    sync_dir_of(path)?;
    Ok(aside)
}

/// Something has that name, be it a dangling link.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The path with `suffix` added to its last name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn file_error(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
