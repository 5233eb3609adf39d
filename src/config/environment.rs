//! The machine as the checks see it: its file system, its search path, what it hands to us.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::{AccessFlags, faccessat},
};

use crate::causes::in_words;

/// Where relative things lie and where named things are found. A value and not the process's own
/// state, so that a file can be checked for another machine's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The file system that is looked at; `/`. A path in a configuration is always a path below it.
    pub root: PathBuf,
    /// Directories in which a program without a `/` is looked up, in order.
    pub path: Vec<PathBuf>,
    /// What `~/` means; without it, `~/` is a mistake.
    pub home: Option<PathBuf>,
    /// This program, which also looks whether a proxy is ready.
    pub executable: PathBuf,
    /// Where credentials lie.
    pub credentials: Credentials,
    /// The host's name (gethostname(2)), by default the rig's.
    pub host_name: String,
}

/// The credentials that a configuration may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `$CREDENTIALS_DIRECTORY` (systemd.exec(5), `LoadCredential=`).
    In(PathBuf),
    /// This process was handed none, so that naming one is a mistake.
    None,
    /// They are handed to another process, as when a person checks a file: a name is taken to be
    /// right, and lies in this directory.
    Elsewhere(PathBuf),
}

impl Environment {
    /// The environment of this process.
    ///
    /// # Errors
    /// When the path of its own executable or the host's name cannot be learned.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(Self {
            root: PathBuf::from("/"),
            path: env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            home: env::home_dir().filter(|home| home.is_absolute()),
            executable: env::current_exe()?,
            credentials: env::var_os("CREDENTIALS_DIRECTORY")
                .map_or(Credentials::None, |directory| {
                    Credentials::In(directory.into())
                }),
            host_name: nix::unistd::gethostname()?.to_string_lossy().into_owned(),
        })
    }

    /// Where `path` really lies.
    pub(super) fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `path` without symbolic links, as seen from the root. Below what is not there, it is taken as it
    /// is written.
    pub(super) fn real(&self, path: &Path) -> PathBuf {
        let root = self
            .root
            .canonicalize()
            .unwrap_or_else(|_| self.root.clone());
        let there = path.ancestors().find_map(|above| {
            let real = self.on_disk(above).canonicalize().ok()?;
            let real = match real.strip_prefix(&root) {
                Ok(below) => Path::new("/").join(below),
                Err(_) => real,
            };
            Some(real.join(path.strip_prefix(above).ok()?))
        });
        // Without an empty last part, which would be a slash at the end.
        there.map_or_else(|| path.to_owned(), |path| path.components().collect())
    }

    /// Fails with what is wrong with `path` as a directory.
    pub(super) fn directory(&self, path: &Path) -> Result<(), Flaw> {
        if self.on_disk(path).metadata()?.is_dir() {
            Ok(())
        } else {
            Err(Flaw::NotADirectory)
        }
    }

    /// Fails with what is wrong with `path` as a file.
    pub(super) fn file(&self, path: &Path) -> Result<(), Flaw> {
        if self.on_disk(path).metadata()?.is_dir() {
            Err(Flaw::ADirectory)
        } else {
            Ok(())
        }
    }

    /// The size of a file that who asks can read.
    ///
    /// # Errors
    /// What is wrong with `path` as such a file.
    pub(super) fn readable(&self, path: &Path) -> Result<u64, Flaw> {
        self.file(path)?;
        let path = self.on_disk(path);
        let found = path.metadata()?;
        if !found.is_file() {
            return Err(Flaw::NotAFile);
        }
        faccessat(AT_FDCWD, &path, AccessFlags::R_OK, AtFlags::AT_EACCESS)
            .map_err(|errno| Flaw::Hidden(errno.into()))?;
        Ok(found.len())
    }

    /// There is nothing at `path`, as far as can be seen.
    pub(super) fn is_absent(&self, path: &Path) -> bool {
        matches!(self.on_disk(path).metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Fails with what is wrong with `path` as a program.
    pub(super) fn executable(&self, path: &Path) -> Result<(), Flaw> {
        self.file(path)?;
        // The effective user counts, as for execve(2).
        faccessat(
            AT_FDCWD,
            &self.on_disk(path),
            AccessFlags::X_OK,
            AtFlags::AT_EACCESS,
        )
        .map_err(|_| Flaw::NotExecutable)
    }

    /// The first executable of that name in the search path.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        self.places(name).find(|path| self.executable(path).is_ok())
    }

    /// Where a program of that name may be, the first place first.
    pub(super) fn places(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let directories = self.path.iter();
        let directories = directories.filter(|directory| directory.is_absolute());
        directories.map(move |directory| directory.join(name))
    }

    /// Where a program is now that was written so; as it was written when it is in no directory of
    /// the search path.
    pub(super) fn located(&self, program: &Path) -> PathBuf {
        let name = program.is_relative().then(|| program.to_str()).flatten();
        let found = name.and_then(|name| self.program(name));
        found.unwrap_or_else(|| program.to_owned())
    }
}

/// What is wrong with a path on the machine; reads on after the path and "which".
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    #[error("does not exist")]
    Absent,
    #[error("is a directory")]
    ADirectory,
    #[error("is not a directory")]
    NotADirectory,
    #[error("is not a regular file")]
    NotAFile,
    #[error("is not executable")]
    NotExecutable,
    #[error("cannot be looked at: {}", in_words(.0))]
    Hidden(io::Error),
}

impl Flaw {
    /// Nobody knows from here what is there.
    pub(super) fn is_hidden(&self) -> bool {
        matches!(self, Self::Hidden(_))
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            _ => Self::Hidden(error),
        }
    }
}
