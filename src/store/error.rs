//! What can be wrong with the state directory, and what an operator is told of it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::phase_file::in_words;
use crate::{
    causes::in_one_line,
    decide::{Level, ResumePoint},
};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The kernel refused an operation on a file of the state directory.
    #[error("file {} cannot be {doing}", path.display())]
    File {
        /// The operation, as a participle: `written`, `read`, …
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// SQLite refused an operation.
    #[error("database {} cannot be {doing}", path.display())]
    Database {
        /// The operation, as a participle.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Another daemon holds the directory's lock.
    #[error("state directory {} is in use by loopkeeperd{}", dir.display(), pid_in_words(*pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other daemon, when it could leave its pid.
        pid: Option<i32>,
    },
    /// The directory is not the one that was opened, and somebody's rig is in it. Nothing was touched.
    #[error(
        "state directory {} is another one than when this daemon started, and has a rig in it: nothing is \
         recorded", dir.display()
    )]
    Another {
        /// The directory.
        dir: PathBuf,
    },
    /// The database has a structure that this version does not know. Nothing was touched.
    #[error(
        "database {} was written by a newer loopkeeper{}: it has structure {found}, and version {}, \
         which this is, knows structures up to {known}",
        path.display(),
        version_in_words(written_by.as_deref()),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its structure's number.
        found: u32,
        /// The highest number this version knows.
        known: u32,
        /// The version that wrote it, when it can be read.
        written_by: Option<String>,
    },
}

fn pid_in_words(pid: Option<i32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

fn version_in_words(version: Option<&str>) -> String {
    version
        .map(|v| format!(", version {v}"))
        .unwrap_or_default()
}

impl StoreError {
    /// What helps, if there is something that does.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("make room on its file system; `df -h` shows it".to_owned())
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    Some("mount its file system writable; `findmnt -T` shows it".to_owned())
                }
                io::ErrorKind::PermissionDenied => {
                    Some("its owner must be the user that runs loopkeeperd".to_owned())
                }
                _ => None,
            },
            Self::Database { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => {
                    Some("make room on its file system; `df -h` shows it".to_owned())
                }
                Some(rusqlite::ErrorCode::DatabaseBusy) => {
                    Some("another program has it open; `fuser` shows which".to_owned())
                }
                _ => None,
            },
            Self::InUse { .. } => Some(
                "`supervisorctl status` shows that daemon; a second one needs a state directory \
                 of its own"
                    .to_owned(),
            ),
            Self::Another { .. } => Some(
                "where a file system was mounted over it, `systemctl restart loopkeeper` goes on with what is \
                 there now"
                    .to_owned(),
            ),
            Self::Newer {
                path, written_by, ..
            } => Some(format!(
                "nothing was touched, and workers that run go on: start {} again. To stay with this \
                 one, move {path} and {path}-wal away: phase-idx and REBOOTS.md keep the resume \
                 point and the boots; the history, and what was stopped, held or paused, is forgotten",
                written_by
                    .as_ref()
                    .map_or("the newer version".to_owned(), |version| format!(
                        "version {version} or a later one"
                    )),
                path = path.display()
            )),
        }
    }
}

/// Something found in the state directory that an operator should hear of. The store goes on.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The database is damaged.
    #[error(
        "database {} is damaged ({why}); {}",
        path.display(),
        aside_in_words(aside.as_deref(), "a new one was begun")
    )]
    DatabaseDamaged {
        /// Where it was.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What it is called now; `None` when it could not, or must not, be moved.
        aside: Option<PathBuf>,
    },
    /// There is no database, and there was one.
    #[error(
        "database {} is missing, although there is {traces}; a new one was begun: the history, and \
         what was stopped, held or paused, is not known any more",
        path.display()
    )]
    DatabaseMissing {
        /// Where it should be.
        path: PathBuf,
        /// What shows that there was one: names in the state directory.
        traces: String,
    },
    /// The whole state directory was taken away while the daemon used it.
    #[error(
        "state directory {} was {how} while the daemon used it; it is locked and kept again, with \
         everything but the history",
        dir.display()
    )]
    DirectoryLost {
        /// The directory.
        dir: PathBuf,
        /// What became of it, as a participle.
        how: &'static str,
    },
    /// The database was taken away or overwritten while the daemon used it.
    #[error(
        "database {} was {how} while the daemon used it; {}a new one was begun with everything but \
         the history",
        path.display(),
        aside.as_ref().map_or(String::new(), |aside| format!("it was set aside as {}, and ", aside.display()))
    )]
    DatabaseLost {
        /// Where it was.
        path: PathBuf,
        /// What became of it, as a participle.
        how: String,
        /// What is there now is called this; `None` where nothing is there.
        aside: Option<PathBuf>,
    },
    /// `phase-idx` cannot be understood.
    #[error(
        "resume point in {} is damaged ({why}); {}",
        path.display(),
        point_in_words(aside.as_deref(), used.as_ref())
    )]
    PhaseFileDamaged {
        /// Where it was.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What it is called now; `None` when it could not, or must not, be moved.
        aside: Option<PathBuf>,
        /// The recorded point, which is used instead.
        used: Option<ResumePoint>,
    },
    /// `REBOOTS.md` cannot be a file for people.
    #[error(
        "file {} is damaged ({why}); {}",
        path.display(),
        aside_in_words(Some(aside), "a new one was begun")
    )]
    RebootsFileDamaged {
        /// Where it was.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What it is called now.
        aside: PathBuf,
    },
    /// The database did not have boots that `REBOOTS.md` has: it lost its newest part.
    #[error(
        "database {} had lost {count} boots and what else was newest; the boots were taken from \
         REBOOTS.md",
        path.display()
    )]
    BootsLost {
        /// The database.
        path: PathBuf,
        /// How many boots.
        count: usize,
    },
    /// `phase-idx` was not there although a resume point is recorded.
    #[error("file {} was missing; the recorded resume point was used", .0.display())]
    PhaseFileMissing(PathBuf),
    /// `phase-idx` was edited, or put there, while no daemon was watching it.
    #[error("resume point was taken from {}: {text}", path.display())]
    PhaseFileEdited {
        /// The file.
        path: PathBuf,
        /// The new point in words, with a note where the edit could be read in two ways.
        text: String,
    },
    /// The plan had been begun, and neither the database nor `phase-idx` tells where it stands.
    #[error("resume point is lost: {0}")]
    ResumePointLost(String),
    /// Something could not be written or read; what depends on it is degraded until it can.
    #[error("history and resume point cannot be kept: {}", in_one_line(.0))]
    Degraded(#[source] StoreError),
}

impl Problem {
    /// Two of the same kind are about the same thing.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DatabaseDamaged { .. } => "database-damaged",
            Self::DatabaseMissing { .. } => "database-missing",
            Self::DirectoryLost { .. } => "directory-lost",
            Self::DatabaseLost { .. } => "database-lost",
            Self::PhaseFileDamaged { .. } => "phase-file-damaged",
            Self::RebootsFileDamaged { .. } => "reboots-file-damaged",
            Self::BootsLost { .. } => "boots-lost",
            Self::PhaseFileMissing(_) => "phase-file-missing",
            Self::PhaseFileEdited { .. } => "phase-file-edited",
            Self::ResumePointLost(_) => "resume-point-lost",
            Self::Degraded(_) => "degraded",
        }
    }

    /// How loud it is.
    pub fn level(&self) -> Level {
        match self {
            Self::PhaseFileEdited { .. } => Level::Info,
            Self::PhaseFileMissing(_) => Level::Warning,
            Self::DatabaseDamaged { .. }
            | Self::DatabaseMissing { .. }
            | Self::DirectoryLost { .. }
            | Self::DatabaseLost { .. }
            | Self::PhaseFileDamaged { .. }
            | Self::RebootsFileDamaged { .. }
            | Self::BootsLost { .. }
            | Self::ResumePointLost(_)
            | Self::Degraded(_) => Level::Error,
        }
    }
}

fn aside_in_words(aside: Option<&Path>, then: &str) -> String {
    match aside {
        Some(aside) => format!("it was set aside as {}, and {then}", aside.display()),
        None => "it was left as it is".to_owned(),
    }
}

fn point_in_words(aside: Option<&Path>, used: Option<&ResumePoint>) -> String {
    let then = match used {
        Some(point) => format!("the recorded one is used: {}", in_words(point)),
        None => "there is none to use instead".to_owned(),
    };
    match aside {
        Some(_) => aside_in_words(aside, &then),
        None => then,
    }
}
