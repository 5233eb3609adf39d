//! The directories that there are, and how many of them stay.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Directory, SPEC};
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
    let place = of_worker(state, worker);
    let mut all: Vec<AttemptId> = names(&place)?;
    // Ids of one second are in no order; specs were written in the order of the attempts.
    let made = |id: &AttemptId| fs::metadata(place.join(id.as_str()).join(SPEC))?.modified();
    all.sort_by_cached_key(|id| (id.decided(), made(id).ok(), id.clone()));
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
    use std::{
        collections::BTreeMap,
        time::{Duration, UNIX_EPOCH},
    };

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
    fn attempts_of_one_second_are_in_the_order_in_which_they_were_made() {
        let state = tempfile::tempdir().unwrap();
        let worker: WorkerName = "builder".parse().unwrap();
        let made: Vec<AttemptId> = [
            "18Z-ff000000",
            "19Z-ee000000",
            "19Z-0000000b",
            "19Z-aa000000",
        ]
        .iter()
        .map(|id| format!("20261121T0043{id}").parse().unwrap())
        .collect();
        // Written in no order, so that only the time of the files tells.
        for at in [2, 0, 3, 1] {
            let place = of_worker(state.path(), &worker).join(made[at].as_str());
            fs::create_dir_all(&place).unwrap();
            let spec = fs::File::create(place.join(SPEC)).unwrap();
            let time = UNIX_EPOCH + Duration::from_millis(at as u64);
            spec.set_modified(time).unwrap();
        }
        assert_eq!(attempts(state.path(), &worker).unwrap(), made);
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
            ignores_broken_pipe: false,
            stop: None,
            carried: false,
            boot: None,
            far: None,
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
