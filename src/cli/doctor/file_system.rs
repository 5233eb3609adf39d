//! Whether the file system of the state directory keeps what a rig rests on: locks, the database's
//! log, and its content over a reboot.

use std::path::Path;

use super::{Finding, Is};
use crate::{host::mounts::Mount, paths::typed};

/// What a directory lies on, or will when it is made; the error says why it cannot be told.
pub(super) fn of(directory: &Path) -> Result<Mount, String> {
    let there = directory.ancestors().find(|path| path.exists());
    let there = there.unwrap_or(Path::new("/"));
    let found = Mount::of(there)
        .map_err(|error| format!("{} cannot be looked at: {error}", there.display()))?;
    found.ok_or_else(|| "the kernel does not tell".to_owned())
}

pub(super) fn judge(directory: &Path, mount: &Result<Mount, String>) -> Finding {
    let finding = |is, found| Finding::new("file system", is, found);
    let name = typed(directory);
    let mount = match mount {
        Ok(mount) => mount,
        Err(why) => {
            let found = format!("that of {name} is unknown: {why}");
            return finding(Is::Warn, found).hint(format!("see it with: findmnt -T {name}"));
        }
    };
    let (kind, at) = (&mount.kind, mount.at.display());
    let Some((harm, hint)) = harm(kind) else {
        return finding(Is::Ok, format!("{name} is on {kind}, mounted at {at}"));
    };
    finding(
        Is::Warn,
        format!("{name} is on {kind}, mounted at {at}: {harm}"),
    )
    .hint(format!("{hint}; see what is mounted where with: findmnt"))
}

/// What a rig lacks on such a file system, and what helps.
///
/// Over a network: SQLite's log in shared memory needs all who use it on one machine
/// (sqlite.org/wal.html), and a lock may be lost with its server (flock(2), nfs(5)). What lies in
/// memory is gone at a reboot (tmpfs(5)); the upper layer of an overlay is a container's or a live
/// system's own.
fn harm(kind: &str) -> Option<(&'static str, &'static str)> {
    const LOCAL: &str = "have it on a local disk, with --state-dir say";
    match kind {
        "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "9p" | "afs" | "ceph" | "ncpfs" | "lustre"
        | "glusterfs" | "virtiofs" => Some((
            "over a network or from a host, where locks and SQLite's log may not hold: the history can \
             be damaged, and two daemons can run",
            LOCAL,
        )),
        "tmpfs" | "ramfs" | "devtmpfs" => Some((
            "in memory: at a reboot the resume point, the history and what was stopped are lost",
            LOCAL,
        )),
        "overlay" | "aufs" | "unionfs" => Some((
            "of a container or a live system, and it lasts no longer than that",
            "have it on a volume or a local disk, with --state-dir say",
        )),
        _ if kind == "fuse" || kind.starts_with("fuse.") => Some((
            "which a program provides: locks and SQLite's log may not hold, and nothing does when it ends",
            LOCAL,
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_yet_will_be_on_what_is_above() {
        assert_eq!(of(Path::new("/proc/self/not/there")).unwrap().kind, "proc");
    }

    #[test]
    fn what_a_file_system_does_not_keep_is_said() {
        let judged = |kind: &str| {
            let mount = Mount {
                kind: kind.to_owned(),
                at: "/m".into(),
            };
            judge(Path::new("/m/state"), &Ok(mount))
        };
        for kind in ["ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "fuseblk"] {
            assert_eq!(judged(kind).is, Is::Ok, "{kind}");
        }
        for (kind, said) in [
            ("nfs4", "two daemons can run"),
            ("9p", "SQLite's log may not hold"),
            ("cifs", "locks"),
            ("fuse.sshfs", "which a program provides"),
            ("tmpfs", "at a reboot the resume point"),
            ("overlay", "of a container"),
        ] {
            let found = judged(kind);
            assert_eq!(found.is, Is::Warn, "{kind}");
            assert!(found.found.contains(said), "{kind}: {}", found.found);
            assert!(found.hint.is_some_and(|hint| hint.contains("--state-dir")));
        }
        let unknown = judge(Path::new("/a b"), &Err("no".into()));
        assert_eq!(unknown.hint.unwrap(), "see it with: findmnt -T '/a b'");
    }
}
