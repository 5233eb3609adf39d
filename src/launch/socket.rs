//! The socket of a worker's tmux server: the way into its session.
//!
//! Promise: it is private to the daemon's user; one that somebody removed while its server lives is
//! made again for whoever wants in, and none is left of a server that ended while a daemon watched.
//! Neither the worker nor what is recorded of it needs it.

use std::{
    fs,
    hash::Hasher as _,
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileTypeExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::net::UnixStream;

use super::{
    Settings,
    directory::{self, Directory},
};
use crate::{
    causes::in_one_line,
    host::{HostError, boot, process::Process},
    model::{AttemptRef, Signal, WorkerName},
};

/// What unix(7) leaves for a path, without the final zero.
const LONGEST: usize = 107;
/// In the runtime directory, and in the directory of an attempt that is another user.
const TMUX: &str = "tmux";
/// What a server is given to make its socket again; it takes a few milliseconds.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Between two looks whether it is there: nobody announces that a socket is listened at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A place in the runtime directory. Each state directory has one of its own, for rigs that share a
/// runtime directory may have workers of the same name.
pub(super) fn of_rig(settings: &Settings, what: &str) -> PathBuf {
    place(&settings.state, &settings.runtime, what)
}

fn place(state: &Path, runtime: &Path, what: &str) -> PathBuf {
    let mut rig = fnv::FnvHasher::default();
    rig.write(state.as_os_str().as_bytes());
    let rig = rig.finish() >> 32;
    runtime.join(format!("{what}-{rig:08x}"))
}

pub(super) fn directory(settings: &Settings) -> PathBuf {
    of_rig(settings, TMUX)
}

/// Where the socket of a worker's tmux server is.
pub fn socket(settings: &Settings, worker: &WorkerName) -> PathBuf {
    directory(settings).join(worker.as_str())
}

/// Where an attempt's is: of one that is another user, where that user may make it.
pub(super) fn of_attempt(settings: &Settings, worker: &WorkerName, attempt: &Directory) -> PathBuf {
    recorded(attempt).unwrap_or_else(|| socket(settings, worker))
}

/// Where that is another user's.
fn recorded(attempt: &Directory) -> Option<PathBuf> {
    let records = attempt.records();
    (records != attempt.path()).then(|| records.join(TMUX))
}

/// The way into the session of a worker that lives, for who has no daemon to ask; `None` where none is
/// known. It is below the first of these runtime directories in which this rig has tmux servers.
///
/// # Errors
/// Why nobody answers there.
pub async fn without_daemon(
    state: &Path,
    runtimes: &[&Path],
    worker: &WorkerName,
) -> Option<Result<PathBuf, String>> {
    let boot = boot::boot_id().ok()?;
    let attempts = directory::attempts(state, worker).ok()?;
    let (attempt, pane) = attempts.into_iter().rev().find_map(|attempt| {
        let attempt = AttemptRef {
            worker: worker.clone(),
            attempt,
        };
        let directory = Directory::of(state, &attempt);
        let start = directory
            .start()
            .filter(|start| start.identity.boot == boot)?;
        let pane = start.pane.filter(|pane| pane.server.lives())?;
        Some((directory, pane))
    })?;
    let places = runtimes.iter().map(|runtime| place(state, runtime, TMUX));
    let place = places.clone().find(|place| place.is_dir());
    let place = place.or_else(|| places.clone().next())?;
    let path = recorded(&attempt).unwrap_or_else(|| place.join(worker.as_str()));
    Some(of_living(path, pane.server).await)
}

/// Makes the directory of the sockets, and checks that this one fits.
///
/// # Errors
/// The path is too long, or the directory cannot be made.
pub(super) fn prepare(path: &Path) -> Result<(), HostError> {
    let length = path.as_os_str().len();
    if length > LONGEST {
        let path = path.to_owned();
        return Err(HostError::SocketPath { path, length });
    }
    let directory = path.parent().unwrap_or(path);
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| HostError::file(directory, error))
}

/// The socket, at which `server` answers: where nobody does any more, that one is asked to make it
/// again (tmux(1), `SIGUSR1`).
///
/// # Errors
/// Why there is no way in.
pub(super) async fn of_living(path: PathBuf, server: Process) -> Result<PathBuf, String> {
    if answers(&path).await {
        return Ok(path);
    }
    prepare(&path).map_err(|error| in_one_line(&error))?;
    let user1 = Signal::from_number(nix::libc::SIGUSR1);
    let asked = user1.map_or(Ok(false), |signal| server.signal(signal));
    match asked {
        Ok(true) => {}
        Ok(false) => return Err(format!("tmux server {} has ended", server.pid)),
        Err(error) => return Err(format!("tmux server {}: {error}", server.pid)),
    }
    let back = async {
        while !answers(&path).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(BACK_WITHIN, back).await.is_err() {
        let (path, pid) = (path.display(), server.pid);
        return Err(format!(
            "{path} was removed, and tmux server {pid} has not made it again"
        ));
    }
    Ok(path)
}

/// Takes away what the server of this attempt has left, which has ended, before another one can begin. One that
/// is another user's goes with the attempt's records.
///
/// # Errors
/// It is there still.
pub(super) async fn clear(
    settings: &Settings,
    worker: &WorkerName,
    attempt: &Directory,
) -> io::Result<()> {
    match recorded(attempt) {
        Some(_) => Ok(()),
        None => clear_away(&socket(settings, worker)).await,
    }
}

async fn clear_away(path: &Path) -> io::Result<()> {
    let is_socket = |is: fs::Metadata| is.file_type().is_socket();
    let is_left = path.symlink_metadata().is_ok_and(is_socket) && !answers(path).await;
    match is_left {
        true => fs::remove_file(path),
        false => Ok(()),
    }
}

/// Whether somebody listens there. One that is too busy to say so does.
async fn answers(path: &Path) -> bool {
    match UnixStream::connect(path).await {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotADirectory
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{host::Executable, launch::House};

    #[tokio::test]
    async fn only_a_socket_that_nobody_listens_at_is_cleared_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let server = std::os::unix::net::UnixListener::bind(&path).unwrap();
        clear_away(&path).await.unwrap();
        assert!(path.exists(), "its server lives");
        drop(server);
        clear_away(&path).await.unwrap();
        assert!(!path.exists());
        clear_away(&path).await.unwrap();
        fs::write(&path, "somebody's").unwrap();
        clear_away(&path).await.unwrap();
        assert!(path.exists(), "it is no socket");
    }

    #[test]
    fn a_socket_that_cannot_be_bound_is_refused_by_name() {
        let worker: WorkerName = "builder".parse().unwrap();
        let settings = Settings {
            state: "/state".into(),
            runtime: PathBuf::from(format!("/run/{}", "x".repeat(100))),
            house: House::None,
            executable: Executable::at(std::env::current_exe().unwrap()).unwrap(),
        };
        let error = prepare(&socket(&settings, &worker)).unwrap_err();
        assert!(
            error.to_string().contains("allows 107 bytes, this has 127"),
            "{error}"
        );
    }
}
