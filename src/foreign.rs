//! Directories that are another user's, and what that one leaves there for us, who may be root.
//!
//! Promise: everything is done through descriptors of the directories, and no link is followed. What is read
//! is a plain file with one name, that its directory's owner could read as well; nothing is waited for.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, mkdirat,
        openat, unlinkat,
    },
    io::Errno,
    process::geteuid,
};

/// A directory and no link to one.
const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);
/// Read by everybody.
const BY_ALL: u32 = 0o004;

/// A directory with whom it belongs to.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) directory: OwnedFd,
    pub(crate) owner: u32,
}

/// What is there under a name.
pub(crate) enum Left {
    /// A file that may be read.
    File(File, Stat),
    /// Something that is never read, and why.
    Unfit(String),
    /// Somebody has it to himself for now (fcntl(2), leases).
    Taken,
    /// Nothing.
    Nothing,
}

/// The directory at this place below the state directory, as it is.
///
/// # Errors
/// It is not there, or may not be entered.
pub(crate) fn open(state: &Path, below: &Path) -> Result<Owned, Errno> {
    // Whoever owns the state directory must not lead root elsewhere. One step at a time, as openat2(2) is not
    // there for a service with RestrictSUIDSGID= (systemd.exec(5)).
    let mut directory = openat(CWD, state, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut names = below.components().peekable();
    while let Some(name) = names.next() {
        let flags = match names.peek() {
            // Another user may pass those above, and not look around.
            Some(_) => DIRECTORY.union(OFlags::PATH),
            None => DIRECTORY,
        };
        directory = openat(&directory, name.as_os_str(), flags, Mode::empty())?;
    }
    owned(directory)
}

/// The directory at this place, as it is.
///
/// # Errors
/// It is not there, or may not be entered.
pub(crate) fn open_at(path: &Path) -> Result<Owned, Errno> {
    owned(openat(CWD, path, DIRECTORY, Mode::empty())?)
}

fn owned(directory: OwnedFd) -> Result<Owned, Errno> {
    let owner = fstat(&directory)?.st_uid;
    Ok(Owned { directory, owner })
}

/// The same, made where it is not there: for this user, or for who makes it. Those above it are ours, and let
/// another user pass and not look around.
///
/// # Errors
/// Which one cannot be made, or has something else in its place.
pub(crate) fn make(
    state: &Path,
    below: &Path,
    user: Option<u32>,
) -> Result<Owned, (PathBuf, Errno)> {
    let us = geteuid().as_raw();
    let owner = user.unwrap_or(us);
    let mut path = state.to_owned();
    let mut above: Option<OwnedFd> = None;
    let mut names = below.components().peekable();
    while let Some(name) = names.next() {
        path.push(name);
        let is_last = names.peek().is_none();
        let made = match &above {
            None => directory_in(CWD, &path),
            Some(above) => directory_in(above, name.as_ref()),
        };
        let made = made.and_then(|directory| {
            if above.is_none() && owner != us {
                let_through(&openat(
                    CWD,
                    state,
                    DIRECTORY & !OFlags::NOFOLLOW,
                    Mode::empty(),
                )?)?;
            }
            match is_last {
                // What is above it is ours alone, so nobody else has put it there.
                true => hand_over(&directory, owner)?,
                false if owner != us => let_through(&directory)?,
                false => {}
            }
            Ok(directory)
        });
        above = Some(made.map_err(|source| (path.clone(), source))?);
    }
    match above {
        Some(directory) => Ok(Owned { directory, owner }),
        None => Err((path, Errno::INVAL)),
    }
}

/// A directory for its owner alone, made where it is not there.
pub(crate) fn directory_in(at: impl AsFd, name: &Path) -> Result<OwnedFd, Errno> {
    match openat(&at, name, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    match mkdirat(&at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => openat(&at, name, DIRECTORY, Mode::empty()),
        Err(source) => Err(source),
    }
}

fn let_through(directory: &OwnedFd) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(fstat(directory)?.st_mode);
    let passes = Mode::XUSR | Mode::XGRP | Mode::XOTH;
    match mode.contains(passes) {
        true => Ok(()),
        false => fchmod(directory, mode | passes),
    }
}

/// Gives a directory of ours to this user.
pub(crate) fn hand_over(directory: &OwnedFd, owner: u32) -> Result<(), Errno> {
    match fstat(directory)?.st_uid {
        whose if whose == owner => Ok(()),
        _ => fchown(directory, Some(Uid::from_raw(owner)), None::<Gid>),
    }
}

impl Owned {
    /// All names in it, but its own.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, Errno> {
        names(&self.directory)
    }

    /// What is there under this name.
    pub(crate) fn left(&self, name: &OsStr) -> Result<Left, Errno> {
        left(&self.directory, self.owner, name)
    }

    /// The plain file under this name, whosever it is; or why it is none.
    pub(crate) fn plain(&self, name: &OsStr) -> Result<Result<File, &'static str>, Errno> {
        Ok(plain(&self.directory, name)?.map(|(file, _)| file))
    }

    /// Writes a file that is not there yet, for its owner; all of it, on the disk, or nothing.
    pub(crate) fn write(&self, name: &OsStr, content: &[u8]) -> io::Result<()> {
        write(&self.directory, name, content, self.owner)
    }
}

/// What is there under this name in a directory of this owner.
pub(crate) fn left(directory: &OwnedFd, owner: u32, name: &OsStr) -> Result<Left, Errno> {
    let (file, stat) = match plain(directory, name) {
        Ok(Ok(opened)) => opened,
        Ok(Err(why)) => return Ok(unfit(why)),
        Err(Errno::NOENT) => return Ok(Left::Nothing),
        Err(Errno::AGAIN) => return Ok(Left::Taken),
        Err(Errno::ACCESS) => return Ok(unfit("the daemon may not read it")),
        Err(source) => return Err(source),
    };
    if stat.st_nlink > 1 {
        return Ok(unfit("it has another name elsewhere (a hard link)"));
    }
    // Whoever owns the directory can move what he could not read.
    if stat.st_uid != owner && stat.st_mode & BY_ALL == 0 {
        let user = stat.st_uid;
        return Ok(Left::Unfit(format!(
            "it is user {user}'s, and the directory's owner may not read it"
        )));
    }
    Ok(Left::File(file, stat))
}

/// The plain file under this name, without following a link or waiting for anybody; or why it is none.
fn plain(directory: &OwnedFd, name: &OsStr) -> Result<Result<(File, Stat), &'static str>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let no_plain_file = "it is no plain file";
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Ok(Err("it is a symbolic link, and no link is followed")),
        Err(Errno::NXIO) => return Ok(Err(no_plain_file)),
        Err(source) => return Err(source),
    };
    let stat = fstat(&file)?;
    Ok(match is_plain(&stat) {
        true => Ok((file, stat)),
        false => Err(no_plain_file),
    })
}

fn unfit(why: &str) -> Left {
    Left::Unfit(why.to_owned())
}

/// All names in a directory, but its own.
pub(crate) fn names(directory: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory.as_fd())? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    Ok(names)
}

/// Writes a file that is not there yet, for this owner; all of it, on the disk, or nothing.
pub(crate) fn write(
    directory: &OwnedFd,
    name: &OsStr,
    content: &[u8],
    owner: u32,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?);
    let hand_over = |file: &File| match geteuid().as_raw() {
        us if us == owner => Ok(()),
        _ => fchown(file, Some(Uid::from_raw(owner)), None::<Gid>).map_err(io::Error::from),
    };
    let written = file
        .write_all(content)
        .and_then(|()| hand_over(&file))
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = unlinkat(directory, name, AtFlags::empty());
    }
    written
}

/// Whether it is a plain file.
pub(crate) fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Whether it is a directory.
pub(crate) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
