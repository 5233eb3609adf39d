//! Whether the file system of the state directory keeps what a rig rests on: locks, the database's
//! log, and its content over a reboot.

use std::{fs, path::Path};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::{Finding, Is};
use crate::paths::typed;

/// What a directory lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// `ext4`, `nfs4`, `fuse.sshfs`.
    kind: String,
    /// Where it is mounted.
    at: String,
}

/// What a directory lies on, or will when it is made; the error says why it cannot be told.
pub(super) fn of(directory: &Path) -> Result<Mount, String> {
    let there = directory.ancestors().find(|path| path.exists());
    let there = there.unwrap_or(Path::new("/"));
    let found = statx(CWD, there, AtFlags::empty(), StatxFlags::MNT_ID)
        .map_err(|error| format!("{} cannot be looked at: {error}", there.display()))?;
    let known = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID);
    let mounts = "/proc/self/mountinfo";
    let list = fs::read_to_string(mounts).map_err(|error| format!("{mounts}: {error}"))?;
    known
        .then(|| mount(&list, found.stx_mnt_id))
        .flatten()
        .ok_or_else(|| "the kernel does not tell".to_owned())
}

/// The one of this id in /proc/self/mountinfo (proc_pid_mountinfo(5)).
fn mount(list: &str, id: u64) -> Option<Mount> {
    let id = id.to_string();
    list.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ');
        (left.next()? == id).then_some(())?;
        Some(Mount {
            kind: right.split(' ').next()?.to_owned(),
            at: left.nth(3)?.to_owned(),
        })
    })
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
    let Mount { kind, at } = mount;
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

    const LIST: &str = "\
21 26 0:19 / /proc rw,nosuid shared:13 - proc proc rw
26 1 254:0 / / rw,relatime shared:1 master:7 - ext4 /dev/vda rw,discard
41 26 0:35 / /home/pia/far rw - fuse.sshfs pia@far:/ rw,user_id=0
";

    #[test]
    fn a_mount_is_known_by_its_id() {
        let found = |id| mount(LIST, id).map(|found| (found.kind, found.at));
        assert_eq!(found(26), Some(("ext4".into(), "/".into())));
        assert_eq!(
            found(41),
            Some(("fuse.sshfs".into(), "/home/pia/far".into()))
        );
        assert_eq!(found(2), None);
        assert_eq!(of(Path::new("/proc/self/not/there")).unwrap().kind, "proc");
    }

    #[test]
    fn what_a_file_system_does_not_keep_is_said() {
        let judged = |kind: &str| {
            let mount = Mount {
                kind: kind.to_owned(),
                at: "/m".to_owned(),
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
