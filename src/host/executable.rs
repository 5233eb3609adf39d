//! Our own executable, which also runs beside workers, although its file may be replaced or removed
//! while the daemon lives, as by an upgrade.
//!
//! Promise: what the daemon starts of itself is what it was started from itself, so that the two
//! always understand each other, and an upgrade or a removal fails nobody's start.
//!
//! How: the file is held open. As long as it is found under its path it is run by that, which reads
//! best in a list of processes; after that by the descriptor's name in `/proc` (proc_pid_fd(5)),
//! which others than us can run as well, above all tmux and systemd-run.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

/// The executable that a host runs beside its workers.
#[derive(Debug, Clone)]
pub struct Executable {
    path: PathBuf,
    held: Arc<File>,
}

impl Executable {
    /// The one that this process was started from, wherever that file is now.
    ///
    /// # Errors
    /// When it cannot be held.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(Self {
            path: std::env::current_exe()?,
            held: hold(Path::new("/proc/self/exe"))?,
        })
    }

    /// The one that has this absolute path now.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(path: PathBuf) -> io::Result<Self> {
        let held = hold(&path)?;
        Ok(Self { path, held })
    }

    /// What to run now.
    pub(crate) fn to_run(&self) -> PathBuf {
        match self.found() {
            None => self.path.clone(),
            Some(_) => {
                let (pid, number) = (std::process::id(), self.held.as_raw_fd());
                format!("/proc/{pid}/fd/{number}").into()
            }
        }
    }

    /// What to run now for who may not look into this process: where the file is lost, a copy of it,
    /// which is made at `copy`.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(crate) fn to_run_apart(&self, copy: &Path) -> io::Result<PathBuf> {
        if self.found().is_none() {
            return Ok(self.path.clone());
        }
        fs::copy(self.to_run(), copy)?;
        Ok(copy.to_owned())
    }

    /// What to run for what runs this executable already.
    pub(crate) fn to_run_again(&self) -> PathBuf {
        match self.found() {
            None => self.path.clone(),
            Some(_) => "/proc/self/exe".into(),
        }
    }

    /// What to run for a program that may be this one.
    pub(crate) fn instead_of(&self, program: &Path) -> PathBuf {
        match program == self.path {
            true => self.to_run(),
            false => program.to_owned(),
        }
    }

    /// What the operator should know when the file is not the one any more that we were started from;
    /// `restart` knows how the daemon is restarted.
    pub(crate) fn lost(&self, restart: fn() -> Option<String>) -> Option<String> {
        let path = self.path.display();
        match self.found()? {
            Ok(()) => {
                let how = restart().map(|command| format!(": {command}"));
                Some(format!(
                    "{path} was replaced; this daemon goes on with what it was started from, and one \
                     that is started now takes the new one{}",
                    how.unwrap_or_default()
                ))
            }
            Err(error) => Some(format!(
                "{path} cannot be found ({error}); this daemon goes on with what it was started \
                 from, but no other can be started before it is installed again"
            )),
        }
    }

    /// What is in the place of the file that we were started from; `None` as long as that is.
    fn found(&self) -> Option<io::Result<()>> {
        let held = self.held.metadata().ok()?;
        match fs::metadata(&self.path) {
            Ok(found) if file_id(&found) == file_id(&held) => None,
            Ok(_) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Without reading it, so that it needs not be readable.
fn hold(path: &Path) -> io::Result<Arc<File>> {
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(nix::libc::O_PATH);
    open.open(path).map(Arc::new)
}

/// Device and inode.
fn file_id(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_is_run_whatever_became_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        fs::write(&path, "old").unwrap();
        let executable = Executable::at(path.clone()).unwrap();
        let runs = || fs::read_to_string(executable.instead_of(&path)).unwrap();
        let tell = || executable.lost(|| Some("systemctl restart it".to_owned()));
        let copy = directory.path().join("copy");
        assert_eq!(executable.to_run_apart(&copy).unwrap(), path);
        assert!(!copy.exists());
        assert_eq!((executable.to_run(), tell()), (path.clone(), None));

        fs::remove_file(&path).unwrap();
        let lost = tell().unwrap();
        assert!(lost.contains("cannot be found (No such file"), "{lost}");
        assert_eq!(runs(), "old");

        fs::write(&path, "new").unwrap();
        let lost = tell().unwrap();
        assert!(lost.contains("was replaced"), "{lost}");
        assert!(
            lost.ends_with("takes the new one: systemctl restart it"),
            "{lost}"
        );
        assert_eq!(runs(), "old");
        assert_eq!(executable.to_run_apart(&copy).unwrap(), copy);
        assert_eq!(fs::read_to_string(&copy).unwrap(), "old");
        let other = Path::new("/bin/true");
        assert_eq!(executable.instead_of(other), other);
    }
}
