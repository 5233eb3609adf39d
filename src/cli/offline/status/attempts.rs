//! What became of the attempts while the daemon is down: by their directories, and by the processes
//! that these name.
//!
//! Promise: a worker that lives is found also where the database that knew of it is lost.

use std::{io, path::Path};

use crate::{
    control::protocol::WorkerView,
    decide::Restored,
    host::process::Process,
    launch::{
        self,
        directory::{self, Directory},
    },
    model::{AttemptRef, BootId, Condition, Exit, Found, LauncherKind, WorkerName},
};

/// Of each worker the attempt that counts: one that lives, or the one that was recorded last, or the
/// newest that nobody has concluded. And what could not be looked at, in words.
pub(super) fn latest(
    state: &Path,
    restored: &Restored,
    now: &BootId,
) -> (Vec<Found>, Option<String>) {
    let (listed, unseen) = match unconcluded(state) {
        Ok(listed) => (listed, None),
        Err(error) => (
            Vec::new(),
            Some(format!(
                "{}: its attempts cannot be listed: {error}",
                state.display()
            )),
        ),
    };
    let mut found: Vec<Found> = Vec::new();
    for (name, worker) in &restored.workers {
        if let Some(last) = &worker.last {
            let is = find(state, &last.attempt, Some(&last.boot), now);
            found.retain(|one| one.attempt.worker != *name);
            found.push(Found {
                attempt: last.attempt.clone(),
                on: None,
                stop: None,
                is,
            });
        }
    }
    for attempt in listed {
        let is = find(state, &attempt, None, now);
        let recorded = restored.workers.get(&attempt.worker);
        let has_record = recorded.is_some_and(|known| known.last.is_some());
        let known = found
            .iter_mut()
            .find(|one| one.attempt.worker == attempt.worker);
        match known {
            None => found.push(Found {
                attempt,
                on: None,
                stop: None,
                is,
            }),
            Some(known) if matches!(known.is, Condition::Alive(_)) => {}
            Some(known) if matches!(is, Condition::Alive(_)) || !has_record => {
                *known = Found {
                    attempt,
                    on: None,
                    stop: None,
                    is,
                };
            }
            Some(_) => {}
        }
    }
    (found, unseen)
}

/// What has, or had, the row's attempt, where its directory says so: `systemd` if it is a service of its
/// own, whatever it was to be in there.
pub(super) fn launcher(state: &Path, row: &WorkerView) -> Option<LauncherKind> {
    let attempt = AttemptRef {
        worker: row.name.clone(),
        attempt: row.attempt.clone()?,
    };
    let directory = Directory::of(state, &attempt);
    let carried = directory
        .start()
        .is_some_and(|start| start.invocation.is_some());
    match carried {
        true => Some(LauncherKind::Systemd),
        false => Some(directory.spec()?.launcher),
    }
}

/// Those that have a directory and are no history yet, each worker's oldest first.
fn unconcluded(state: &Path) -> io::Result<Vec<AttemptRef>> {
    let mut all = Vec::new();
    for worker in directory::workers(state)? {
        all.extend(of_worker(state, &worker)?);
    }
    Ok(all)
}

fn of_worker(state: &Path, worker: &WorkerName) -> io::Result<Vec<AttemptRef>> {
    let all = directory::attempts(state, worker)?.into_iter();
    let all = all.map(|attempt| AttemptRef {
        worker: worker.clone(),
        attempt,
    });
    Ok(all
        .filter(|attempt| !Directory::of(state, attempt).is_concluded())
        .collect())
}

/// What became of an attempt; `then` is the boot it was started in, where that is recorded.
pub(super) fn find(
    state: &Path,
    attempt: &AttemptRef,
    then: Option<&BootId>,
    now: &BootId,
) -> Condition {
    let directory = Directory::of(state, attempt);
    let start = directory.start();
    let of_start = start.as_ref().map(|start| &start.identity.boot);
    let of_this_boot = then.or(of_start).is_none_or(|then| then == now);
    let exit = match (directory.ended(), start) {
        (Some(ended), _) => ended.exit,
        (None, Some(start)) if !of_this_boot => {
            let known = launch::before_reboot(&directory, &start);
            known.map_or_else(Exit::machine_went_down, |(exit, _)| exit)
        }
        (None, _) if !of_this_boot => Exit::machine_went_down(),
        (None, Some(start)) => {
            let process = Process {
                pid: start.identity.pid,
                started: start.identity.started,
            };
            if process.lives() {
                return Condition::Alive(start.identity);
            }
            launch::recorded_by_manager(&directory, &start)
                .unwrap_or_else(|| Exit::Lost("it ended while no daemon was running".to_owned()))
        }
        (None, None) => match directory.end_without_start(now) {
            Some(exit) => exit,
            None => return Condition::NeverStarted,
        },
    };
    Condition::Ended {
        exit,
        survivors: 0,
        by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::directory::Start;

    fn boot(last: u8) -> BootId {
        format!("6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a1{last}")
            .parse()
            .unwrap()
    }

    #[test]
    fn a_pid_of_another_boot_is_nobodys() {
        let state = tempfile::tempdir().unwrap();
        let attempt = AttemptRef {
            worker: "w".parse().unwrap(),
            attempt: "20261121T004319Z-00000001".parse().unwrap(),
        };
        let directory = Directory::of(state.path(), &attempt);
        std::fs::create_dir_all(directory.path()).unwrap();
        let ourselves = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        let start = Start {
            identity: ourselves.identity(&boot(0)),
            at: jiff::Timestamp::UNIX_EPOCH,
            cgroup: None,
            pane: None,
            invocation: None,
        };
        directory.record_start(&start).unwrap();
        let is = |now| find(state.path(), &attempt, Some(&boot(0)), &boot(now));
        assert!(matches!(is(0), Condition::Alive(_)));
        assert!(
            matches!(is(1), Condition::Ended { exit: Exit::Lost(why), .. } if why.contains("machine"))
        );
    }

    #[test]
    fn who_lives_is_found_although_nothing_of_it_is_recorded() {
        let state = tempfile::tempdir().unwrap();
        let ourselves = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        let begun = |id: &str| {
            let attempt = AttemptRef {
                worker: "w".parse().unwrap(),
                attempt: id.parse().unwrap(),
            };
            let directory = Directory::of(state.path(), &attempt);
            std::fs::create_dir_all(directory.path()).unwrap();
            (attempt, directory)
        };
        let (living, directory) = begun("20261121T004319Z-00000001");
        let identity = ourselves.identity(&boot(1));
        let start = Start {
            identity: identity.clone(),
            at: jiff::Timestamp::UNIX_EPOCH,
            cgroup: None,
            pane: None,
            invocation: None,
        };
        directory.record_start(&start).unwrap();
        // A newer one that never ran does not hide it.
        begun("20261121T004320Z-00000002");
        let (found, unseen) = latest(state.path(), &Restored::default(), &boot(1));
        let is = Condition::Alive(identity);
        assert_eq!(
            (found, unseen),
            (
                vec![Found {
                    attempt: living,
                    on: None,
                    stop: None,
                    is
                }],
                None
            )
        );
    }
}
