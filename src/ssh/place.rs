//! Where the sockets of connections are: `<runtime>/ssh/`, which only we can enter.
//!
//! Promise: whoever owns the runtime directory alone owns what is in there; each connection has names of
//! its own, so that one that ends takes nothing from the one that follows it; and what a daemon left that
//! was killed is cleared away by the next.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use nix::unistd::geteuid;

use crate::host::{HostError, process::Process, stat::is_gone};

/// What unix(7) leaves for a path, without the final zero.
const LONGEST: usize = 107;
/// What ssh adds to the path for as long as it binds the socket: a dot and sixteen characters.
const ADDED: usize = 17;

/// The files of one connection; they go with it.
#[derive(Debug)]
pub(super) struct Place {
    /// At which the master listens.
    pub(super) socket: PathBuf,
    /// What ssh reads.
    pub(super) configuration: PathBuf,
}

impl Place {
    /// A place that nobody else has.
    pub(super) fn make(runtime: &Path) -> Result<Self, HostError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let directory = runtime.join("ssh");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = directory.join(format!("{}-{count}", process::id()));
        let length = socket.as_os_str().len() + ADDED;
        if length > LONGEST {
            let path = socket;
            return Err(HostError::SocketPath { path, length });
        }
        let unusable = |error| HostError::file(&directory, error);
        enter(&directory).map_err(unusable)?;
        clear(&directory).map_err(unusable)?;
        Ok(Self {
            configuration: socket.with_extension("conf"),
            socket,
        })
    }

    /// Makes room for another socket of the same connection.
    pub(super) fn clear(&self) -> io::Result<()> {
        removed(&self.socket)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for path in [&self.socket, &self.configuration] {
            if let Err(error) = removed(path) {
                tracing::debug!("{}: {error}", path.display());
            }
        }
    }
}

/// Makes the directory ours alone.
fn enter(directory: &Path) -> io::Result<()> {
    let mut make = fs::DirBuilder::new();
    make.recursive(true).mode(0o700).create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it is somebody else's"));
    }
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(directory, fs::Permissions::from_mode(0o700)),
    }
}

/// Takes away what daemons have left that do not live any more: their masters have died with them. Another
/// rig may share the runtime directory.
fn clear(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split_once('-'));
        let owner = owner.and_then(|(pid, _)| pid.parse().ok());
        let is_left = |pid| match Process::of(pid) {
            Ok(process) => !process.lives(),
            Err(error) => is_gone(&error),
        };
        if owner.is_some_and(is_left) {
            removed(&entry.path())?;
        }
    }
    Ok(())
}

fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_has_names_of_its_own_and_nothing_of_the_dead() {
        let runtime = tempfile::tempdir().unwrap();
        let directory = runtime.path().join("ssh");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        // No process has so high a number (proc_sys_kernel(5), `pid_max`).
        let left = directory.join("2000000000-0");
        let others = directory.join("1-0");
        for path in [&left, &others] {
            fs::write(path, "").unwrap();
        }
        let (one, two) = (Place::make(runtime.path()), Place::make(runtime.path()));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        assert!(!left.exists() && others.exists() && one.socket != two.socket);
        for path in [&one.socket, &one.configuration, &two.socket] {
            fs::write(path, "").unwrap();
        }
        Place::make(runtime.path()).unwrap();
        assert!(two.socket.exists(), "it is used");
        let (socket, configuration) = (one.socket.clone(), one.configuration.clone());
        drop(one);
        assert!(!socket.exists() && !configuration.exists() && two.socket.exists());
    }

    #[test]
    fn a_socket_that_ssh_cannot_bind_is_refused_by_name() {
        let runtime = PathBuf::from(format!("/run/{}", "x".repeat(80)));
        let error = Place::make(&runtime).unwrap_err().to_string();
        assert!(error.contains("allows 107 bytes, this has 1"), "{error}");
    }
}
