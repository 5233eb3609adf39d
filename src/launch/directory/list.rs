//! The directories that there are, and how many of them stay.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Directory;
use crate::model::{AttemptId, AttemptRef, WorkerName};

const ATTEMPTS: &str = "attempts";

pub(super) fn of_worker(state: &Path, worker: &WorkerName) -> PathBuf {
    state.join(ATTEMPTS).join(worker.as_str())
}

/// The attempts of a worker that have a directory, oldest first. None is no error.
///
/// # Errors
/// When a directory that exists cannot be listed.
pub fn attempts(state: &Path, worker: &WorkerName) -> io::Result<Vec<AttemptId>> {
    let mut all: Vec<AttemptId> = names(&of_worker(state, worker))?;
    all.sort();
    Ok(all)
}

/// The workers that have attempts, declared or not.
///
/// # Errors
/// When a directory that exists cannot be listed.
pub fn workers(state: &Path) -> io::Result<Vec<WorkerName>> {
    names(&state.join(ATTEMPTS))
}

/// Removes the oldest concluded attempts beyond `keep`.
pub(crate) fn prune(state: &Path, worker: &WorkerName, keep: usize) -> io::Result<()> {
    let of = |attempt| {
        let worker = worker.clone();
        Directory::of(state, &AttemptRef { worker, attempt })
    };
    let all = attempts(state, worker)?;
    let concluded: Vec<_> = all
        .into_iter()
        .map(of)
        .filter(Directory::is_concluded)
        .collect();
    for old in concluded.iter().rev().skip(keep) {
        // What is cut off half-way must not look like an attempt that was never concluded.
        let doomed = old.path.with_extension("removed");
        fs::rename(&old.path, &doomed)?;
        fs::remove_dir_all(&doomed)?;
    }
    Ok(())
}

fn names<T: std::str::FromStr>(directory: &Path) -> io::Result<Vec<T>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .filter_map(|entry| match entry {
                Ok(entry) => entry.file_name().to_str()?.parse().ok().map(Ok),
                Err(error) => Some(Err(error)),
            })
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        launch::directory::{Output, Spec},
        model::LauncherKind,
    };

    fn attempt(second: u32) -> AttemptRef {
        AttemptRef {
            worker: "builder".parse().unwrap(),
            attempt: format!("20261121T0043{second:02}Z-00000000")
                .parse()
                .unwrap(),
        }
    }

    #[test]
    fn only_concluded_attempts_beyond_the_newest_are_removed() {
        let state = tempfile::tempdir().unwrap();
        let spec = Spec {
            launcher: LauncherKind::Process,
            program: "/bin/true".into(),
            arguments: Vec::new(),
            workdir: "/".into(),
            worktree: None,
            variables: BTreeMap::new(),
            output: Output::File,
            keep_output: 1,
            keep_attempts: 2,
            carried: false,
            boot: None,
        };
        for second in 0..6 {
            let directory = Directory::of(state.path(), &attempt(second));
            directory.create(&spec, None).unwrap();
            if second != 1 && second != 5 {
                directory.conclude().unwrap();
            }
        }
        let worker = attempt(0).worker;
        prune(state.path(), &worker, 2).unwrap();
        let left = attempts(state.path(), &worker).unwrap();
        let wanted: Vec<_> = [1, 3, 4, 5].map(|second| attempt(second).attempt).into();
        assert_eq!(left, wanted);
        assert_eq!(
            fs::read_dir(of_worker(state.path(), &worker))
                .unwrap()
                .count(),
            4
        );
        assert_eq!(workers(state.path()).unwrap(), [worker]);
    }
}
