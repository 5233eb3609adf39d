//! The path of the control socket: made without a moment at which somebody could connect who may
//! not, never taken from a living daemon or from somebody else, and removed at the end.
//!
//! How: a lock on `<path>.lock` keeps two daemons apart for as long as the first one lives. The
//! socket is bound inside a directory that only we can enter, gets its owner and mode there, and is
//! then renamed into its place; rename(2) is told not to replace anything. One that somebody removes
//! is made once more.
//!
//! Where the service manager listens for us, it makes the socket and keeps it from one daemon to the
//! next, so that clients wait in its queue. Owner and mode are given by us all the same, and we do not
//! remove it. One that it handed on by mistake, which is in another place, is left to whoever has that.
//!
//! The lock file says which state directory the daemon keeps, and stays when the daemon ends: who is
//! given only the socket finds there what was kept.

mod error;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::fd::AsRawFd as _,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket,
        sockopt::PeerCredentials,
    },
};
use rustix::fs::{CWD, RenameFlags};

pub use error::BindError;
use error::LONGEST_PATH;

use crate::{
    control::group::GROUP,
    decide::access::Policy,
    moment::{MOMENT, take_within},
};

/// A socket in its place, for as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Of the daemon.
    state: PathBuf,
    /// Device and inode, to remove nothing but our own.
    ours: (u64, u64),
    /// It stays when we end: the service manager listens on it.
    stays: bool,
    lock: Flock<File>,
}

impl Place {
    /// Nobody removed the socket or put something else there.
    pub(super) fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.ours)
    }

    /// Makes the socket once more, after somebody removed it, perhaps with its directory.
    pub(super) fn bind_again(&mut self, policy: &Policy) -> Result<UnixListener, BindError> {
        let directory = directory(&self.path, policy)?;
        let held = self.lock.metadata().map(|held| (held.dev(), held.ino()));
        let there = fs::metadata(lock_of(&self.path)).map(|there| (there.dev(), there.ino()));
        if !matches!((held, there), (Ok(held), Ok(there)) if held == there) {
            self.lock = lock(&self.path, &self.state)?;
        }
        let (listener, ours) = put_in_place(&self.path, &directory, policy)?;
        (self.ours, self.stays) = (ours, false);
        Ok(listener)
    }

    /// Where the socket is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.stays
            && self.is_ours()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "control socket cannot be removed");
        }
    }
}

/// Makes the socket of the daemon that keeps the state directory `state`.
pub(super) fn bind(
    path: &Path,
    state: &Path,
    policy: &Policy,
) -> Result<(UnixListener, Place), BindError> {
    let directory = directory(path, policy)?;
    let lock = for_a_moment(|| lock(path, state))?;
    let (listener, ours) = for_a_moment(|| put_in_place(path, &directory, policy))?;
    let place = Place {
        path: path.to_owned(),
        state: state.to_owned(),
        ours,
        stays: false,
        lock,
    };
    Ok((listener, place))
}

/// Takes the socket over on which the service manager listens for the daemon; where that is not ours, or
/// was removed, one is made.
pub(super) fn take_over(
    handed: UnixListener,
    path: &Path,
    state: &Path,
    policy: &Policy,
) -> Result<(UnixListener, Place), BindError> {
    let there = handed
        .local_addr()
        .map_err(refused(path, "look at it".into()))?;
    let same =
        |there: &Path| there == path || fs::canonicalize(there).ok() == fs::canonicalize(path).ok();
    if !there.as_pathname().is_some_and(same) {
        let theirs = there.as_pathname();
        let theirs = theirs.map_or_else(|| "without a path".into(), |at| at.display().to_string());
        tracing::warn!(
            "the socket that the service manager handed on is {theirs}, of another rig, and is left \
             alone; {} is made; this unit is to name none but its own in Sockets=, as in: supervisorctl \
             --socket {} generate unit",
            path.display(),
            path.display()
        );
        return bind(path, state, policy);
    }
    if !is_listened_on(path) {
        tracing::warn!(
            "control socket {} was removed from where the service manager had put it; it is made \
             once more, and is the manager's again after: systemctl stop loopkeeper.socket \
             loopkeeper.service && systemctl start loopkeeper.socket loopkeeper.service",
            path.display()
        );
        return bind(path, state, policy);
    }
    let lock = for_a_moment(|| lock(path, state))?;
    if let Err(error) = give(path, policy) {
        tracing::warn!(%error, "control socket cannot be given its group and mode");
    }
    let found = fs::symlink_metadata(path).map_err(refused(path, "look at it".into()))?;
    let place = Place {
        path: path.to_owned(),
        state: state.to_owned(),
        ours: (found.dev(), found.ino()),
        stays: true,
        lock,
    };
    Ok((handed, place))
}

/// Whether a socket in this place has somebody who listens. Never waits: that may be us.
fn is_listened_on(path: &Path) -> bool {
    let asked = UnixAddr::new(path).and_then(|address| {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let asks = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(asks.as_raw_fd(), &address)
    });
    matches!(asked, Ok(()) | Err(Errno::EAGAIN))
}

fn refused(path: &Path, what: String) -> impl FnOnce(io::Error) -> BindError {
    move |source| BindError::Io {
        path: path.to_owned(),
        what,
        source,
    }
}

/// The directory of the socket, made where it is missing.
fn directory(path: &Path, policy: &Policy) -> Result<PathBuf, BindError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_directory(directory, policy).map_err(refused(
        path,
        format!("make directory {}", directory.display()),
    ))?;
    Ok(directory.to_owned())
}

/// The listener, and device and inode of the socket.
fn put_in_place(
    path: &Path,
    directory: &Path,
    policy: &Policy,
) -> Result<(UnixListener, (u64, u64)), BindError> {
    clear(path, policy.owner)?;
    let den = directory.join(format!(".k{}", std::process::id()));
    let inside = den.join("s");
    if path.as_os_str().len().max(inside.as_os_str().len()) > LONGEST_PATH {
        return Err(BindError::TooLong {
            path: path.to_owned(),
        });
    }
    let bound = bind_inside(&den, &inside, policy)
        .map_err(refused(path, format!("bind it in {}", den.display())))
        .and_then(|bound| {
            rustix::fs::renameat_with(CWD, &inside, CWD, path, RenameFlags::NOREPLACE)
                .map_err(|errno| refused(path, "rename it into its place".into())(errno.into()))?;
            Ok(bound)
        });
    // The socket itself is gone from here when all went well.
    drop(fs::remove_file(&inside));
    drop(fs::remove_dir(&den));
    bound
}

fn make_directory(directory: &Path, policy: &Policy) -> io::Result<()> {
    if directory.exists() {
        return Ok(());
    }
    if let Some(above) = directory.parent() {
        fs::create_dir_all(above)?;
    }
    DirBuilder::new().mode(0o700).create(directory)?;
    let shared = policy
        .group
        .is_some_and(|group| chown(directory, None, Some(group)).is_ok());
    let mode = match (policy.everyone_reads, shared) {
        (true, _) => 0o755,
        (false, true) => 0o750,
        (false, false) => 0o700,
    };
    fs::set_permissions(directory, Permissions::from_mode(mode))
}

/// The file that tells of the daemon on this socket.
pub fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// The state directory of the daemon that has this socket, or had it last. `None` when that is not
/// to be known: none ever had it, or its lock file is not for this user.
pub fn state_kept(path: &Path) -> Option<PathBuf> {
    let mut text = fs::read(lock_of(path)).ok()?;
    let state = (text.pop()? == b'\n').then(|| PathBuf::from(OsString::from_vec(text)))?;
    state.is_absolute().then_some(state)
}

/// Whoever cannot be told of the state directory is not kept from anything else.
fn tell(mut lock: &File, state: &Path) -> io::Result<()> {
    lock.set_len(0)?;
    lock.write_all(&[state.as_os_str().as_bytes(), b"\n"].concat())
}

/// Of a daemon that was killed it may be for a moment still.
fn for_a_moment<T>(take: impl FnMut() -> Result<T, BindError>) -> Result<T, BindError> {
    let taken = |error: &BindError| matches!(error, BindError::InUse { .. });
    take_within(MOMENT, taken, take)
}

fn lock(path: &Path, state: &Path) -> Result<Flock<File>, BindError> {
    let name = lock_of(path);
    let tried = |source| refused(path, format!("lock {}", name.display()))(source);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&name)
        .map_err(tried)?;
    let locked =
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => BindError::InUse {
                path: path.to_owned(),
                pid: answering(path).ok().flatten(),
            },
            other => tried(other.into()),
        })?;
    if let Err(error) = tell(&locked, state) {
        tracing::debug!(path = %name.display(), %error, "state directory is not told beside the socket");
    }
    Ok(locked)
}

/// Connects; `Ok(None)` when something answers and cannot be named.
fn answering(path: &Path) -> io::Result<Option<i32>> {
    let stream = UnixStream::connect(path)?;
    Ok(getsockopt(&stream, PeerCredentials)
        .ok()
        .map(|peer| peer.pid())
        .filter(|pid| *pid > 0))
}

/// Takes the socket of a dead daemon away, and nothing else.
fn clear(path: &Path, us: u32) -> Result<(), BindError> {
    let tried = |what: &str| refused(path, what.to_owned());
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(tried("look at it")(error)),
    };
    let kind = found.file_type();
    if !kind.is_socket() {
        let what = if kind.is_dir() {
            "directory"
        } else if kind.is_symlink() {
            "symbolic link"
        } else if kind.is_file() {
            "regular file"
        } else {
            "device or pipe"
        };
        return Err(BindError::NotASocket {
            path: path.to_owned(),
            what,
        });
    }
    if found.uid() != us {
        return Err(BindError::Foreign {
            path: path.to_owned(),
            owner: found.uid(),
        });
    }
    match answering(path) {
        Ok(pid) => Err(BindError::InUse {
            path: path.to_owned(),
            pid,
        }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(tried("remove the socket of a dead daemon"))
        }
        Err(error) => Err(tried("ask whether a daemon answers there")(error)),
    }
}

fn bind_inside(
    den: &Path,
    inside: &Path,
    policy: &Policy,
) -> io::Result<(UnixListener, (u64, u64))> {
    // Left by a daemon that had our pid and was killed in here.
    drop(fs::remove_file(inside));
    drop(fs::remove_dir(den));
    DirBuilder::new().mode(0o700).create(den)?;
    let listener = UnixListener::bind(inside)?;
    listener.set_nonblocking(true)?;
    give(inside, policy)?;
    let made = fs::symlink_metadata(inside)?;
    Ok((listener, (made.dev(), made.ino())))
}

/// Gives the socket to those who may use it.
fn give(socket: &Path, policy: &Policy) -> io::Result<()> {
    let shared = match policy.group {
        Some(group) => match chown(socket, None, Some(group)) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "control socket cannot be given to group {GROUP}");
                false
            }
        },
        None => false,
    };
    let mode = match (policy.everyone_reads, shared) {
        (true, _) => 0o666,
        (false, true) => 0o660,
        (false, false) => 0o600,
    };
    fs::set_permissions(socket, Permissions::from_mode(mode))
}
