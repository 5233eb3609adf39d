//! The part of an attempt's directory that is another user's, whose the worker is: `own/`.
//!
//! Promise: nothing that this user puts there leads anybody of us elsewhere, makes us wait, or has us
//! signal a process that the user could not signal itself. All else in the directory is ours.
//!
//! How: the user may write in `own/` alone, and pass through what is above. What it says is read
//! without following a link, from a plain file, up to a size; and a start record counts only if all
//! that it names is the user's.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use super::{OUTPUT, PROXY, SPEC, Start};
use crate::{host::process::Process, launch::cgroup::Cgroup, model::AttemptRef};

const OWN: &str = "own";
/// No record is longer.
const LONGEST: u64 = 64 * 1024;
/// From the attempt's directory up to the state directory.
const DEPTH: usize = 4;

/// Where it is, if it is there.
pub(super) fn of(directory: &Path) -> Option<PathBuf> {
    let own = directory.join(OWN);
    let is_there = fs::symlink_metadata(&own).is_ok_and(|found| found.is_dir());
    is_there.then_some(own)
}

/// Makes it, for this user, in a directory that is ready for an attempt.
pub(super) fn make(directory: &Path, user: u32) -> io::Result<()> {
    for above in directory.ancestors().take(DEPTH) {
        let mode = fs::metadata(above)?.permissions().mode();
        // To pass through, and not to look around.
        fs::set_permissions(above, Permissions::from_mode(mode | 0o111))?;
    }
    for readable in [SPEC, PROXY].map(|name| directory.join(name)) {
        if readable.exists() {
            fs::set_permissions(&readable, Permissions::from_mode(0o644))?;
        }
    }
    let output = directory.join(OUTPUT);
    if output.exists() {
        // By the names of its standard output it can be opened again (`echo >/dev/stderr`).
        chown(output, Some(user), None)?;
    }
    let own = directory.join(OWN);
    fs::DirBuilder::new().mode(0o700).create(&own)?;
    chown(&own, Some(user), None)
}

/// What the user wrote there.
pub(super) fn read(directory: &Path, name: &str) -> io::Result<Vec<u8>> {
    let own = of(directory).ok_or(io::ErrorKind::NotFound)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(own.join(name))?;
    plain(file)
}

fn plain(file: File) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    Ok(text)
}

/// A start record that the user wrote, if it names nobody but its own.
pub(super) fn trusted(directory: &Path, start: Start) -> Option<Start> {
    let user = fs::symlink_metadata(of(directory)?).ok()?.uid();
    let Start { identity, pane, .. } = &start;
    let around = pane.map(|pane| [pane.wrapper, pane.server]);
    let named = around.into_iter().flatten().chain([Process {
        pid: identity.pid,
        started: identity.started,
    }]);
    let foreign = |process: Process| {
        // Who is gone can be signalled by nobody.
        matches!(process.stat(), Ok(Some(_))) && user_of(process.pid) != Some(user)
    };
    if named.into_iter().any(foreign) {
        return None;
    }
    let attempt = AttemptRef {
        worker: directory.parent()?.file_name()?.to_str()?.parse().ok()?,
        attempt: directory.file_name()?.to_str()?.parse().ok()?,
    };
    let cgroup = start
        .cgroup
        .filter(|cgroup| Cgroup::is_of(cgroup, &attempt));
    Some(Start { cgroup, ..start })
}

/// The real user of a process (proc_pid_status(5)): the directory in `/proc` is root's for some.
fn user_of(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        host::boot,
        launch::directory::{Directory, START},
    };

    /// An attempt's directory with an `own/` of a user that has no process.
    fn directory() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp
            .path()
            .join("attempts/builder/20261121T004301Z-00000000");
        fs::create_dir_all(path.join(OWN)).unwrap();
        (temp, path)
    }

    fn start_of(process: Process) -> Start {
        Start {
            identity: process.identity(&boot::boot_id().unwrap()),
            at: Timestamp::now(),
            cgroup: None,
            pane: None,
            invocation: None,
        }
    }

    #[test]
    fn what_leads_elsewhere_or_waits_is_not_read() {
        let (temp, path) = directory();
        let text = "{\"exit\":{\"code\":7},\"at\":\"2026-11-21T00:43:01Z\"}";
        fs::write(temp.path().join("elsewhere"), text).unwrap();
        let exit = path.join(OWN).join("exit.json");
        let directory = Directory::at(path);
        symlink(temp.path().join("elsewhere"), &exit).unwrap();
        assert_eq!(directory.ended(), None);
        fs::remove_file(&exit).unwrap();
        nix::unistd::mkfifo(&exit, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(directory.ended(), None);
        fs::remove_file(&exit).unwrap();
        fs::write(&exit, text).unwrap();
        assert!(directory.ended().is_some(), "as its role writes it");
    }

    #[test]
    fn a_record_that_names_somebody_elses_process_does_not_count() {
        let (_temp, path) = directory();
        let write = |start: &Start| {
            fs::write(
                path.join(OWN).join(START),
                serde_json::to_vec(start).unwrap(),
            )
            .unwrap();
        };
        let directory = Directory::at(path.clone());
        let ours = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        write(&start_of(ours));
        assert!(directory.start().is_some(), "it is its own");
        let nobodys = Process {
            pid: i32::MAX,
            started: 1,
        };
        write(&start_of(nobodys));
        assert!(directory.start().is_some(), "it is gone");
        if !nix::unistd::geteuid().is_root() {
            eprintln!("not root: whose own/ is cannot be changed");
            return;
        }
        write(&start_of(ours));
        chown(path.join(OWN), Some(64999), None).unwrap();
        assert_eq!(directory.start(), None);
    }
}
