//! What is mounted where, as `/proc/self/mountinfo` has it: the kernel tells who polls it of what comes and
//! goes (proc_pid_mountinfo(5)), and by its id which of them a place is on (statx(2)).

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    future, io,
    os::{fd::OwnedFd, unix::ffi::OsStringExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use tokio::io::{Interest, unix::AsyncFd};

use crate::sys;

const TABLE: &str = "/proc/self/mountinfo";
/// What waits at a place where something is mounted as soon as somebody comes there.
const AUTOFS: &str = "autofs";

/// A watch over what is mounted, as this process sees it.
#[derive(Debug)]
pub(crate) struct Mounts(Option<AsyncFd<OwnedFd>>);

impl Mounts {
    /// To be called inside of a tokio runtime. Where the kernel does not tell, nothing ever changes.
    pub(crate) fn watch() -> Self {
        let watch = || -> io::Result<_> {
            let table = File::open(TABLE)?;
            sys::polled(table.into(), Interest::PRIORITY)
        };
        Self(
            watch()
                .inspect_err(|error| tracing::debug!("mounts are not watched: {error}"))
                .ok(),
        )
    }

    /// Something was mounted, unmounted or mounted otherwise.
    pub(crate) async fn changed(&self) {
        if let Some(table) = &self.0
            && let Ok(mut change) = table.ready(Interest::PRIORITY).await
        {
            return change.clear_ready();
        }
        future::pending().await
    }
}

/// Places where something is mounted as soon as somebody comes there (autofs), and is not yet.
#[derive(Debug, Default)]
pub(crate) struct Asleep(Vec<PathBuf>);

impl Asleep {
    /// Those that this process sees now; none where the kernel does not tell.
    pub(crate) fn now() -> Self {
        Self::of(&fs::read(TABLE).unwrap_or_default())
    }

    fn of(table: &[u8]) -> Self {
        // Of several at one place the last is the one that is seen.
        let mut kinds = BTreeMap::new();
        for line in table.split(|byte| *byte == b'\n') {
            let mut fields = line.split(|byte| *byte == b' ');
            let Some(at) = fields.nth(4) else { continue };
            let kind = fields.skip_while(|field| field != b"-").nth(1);
            kinds.insert(unescaped(at), kind == Some(AUTOFS.as_bytes()));
        }
        let asleep = kinds.into_iter().filter(|(_, is)| *is);
        Self(asleep.map(|(at, _)| at).collect())
    }

    /// Whether it is one of them.
    pub(crate) fn is(&self, place: &Path) -> bool {
        self.0.iter().any(|at| at == place)
    }
}

/// What is mounted somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// `ext4`, `nfs4`, `fuse.sshfs`.
    pub(crate) kind: String,
    /// Where.
    pub(crate) at: PathBuf,
}

impl Mount {
    /// That on which this place lies; `None` where the kernel does not tell.
    ///
    /// # Errors
    /// When the place cannot be looked at.
    pub(crate) fn of(place: &Path) -> io::Result<Option<Self>> {
        let found = statx(CWD, place, AtFlags::empty(), StatxFlags::MNT_ID)?;
        let is_known = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID);
        let table = fs::read(TABLE).unwrap_or_default();
        Ok(Self::with_id(&table, found.stx_mnt_id).filter(|_| is_known))
    }

    fn with_id(table: &[u8], id: u64) -> Option<Self> {
        let id = id.to_string();
        table.split(|byte| *byte == b'\n').find_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            (fields.next()? == id.as_bytes()).then_some(())?;
            let at = unescaped(fields.nth(3)?);
            let kind = fields.skip_while(|field| field != b"-").nth(1)?;
            let kind = String::from_utf8_lossy(kind).into_owned();
            Some(Self { kind, at })
        })
    }

    /// It is what waits for somebody to come (autofs).
    pub(crate) fn is_asleep(&self) -> bool {
        self.kind == AUTOFS
    }
}

/// Bytes that would end a field are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_known_by_its_id() {
        let table = b"\
21 26 0:19 / /proc rw,nosuid shared:13 - proc proc rw
26 1 254:0 / / rw,relatime shared:1 master:7 - ext4 /dev/vda rw,discard
41 26 0:35 / /home/pia/far\\040off rw - fuse.sshfs pia@far:/ rw,user_id=0
";
        let found = |id| Mount::with_id(table, id).map(|found| (found.kind, found.at));
        assert_eq!(found(26), Some(("ext4".into(), "/".into())));
        let far = PathBuf::from("/home/pia/far off");
        assert_eq!(found(41), Some(("fuse.sshfs".into(), far)));
        assert_eq!(found(2), None);
        let here = Mount::of(Path::new("/proc/self")).unwrap().unwrap();
        assert_eq!((here.kind.as_str(), here.at), ("proc", "/proc".into()));
        assert!(Mount::of(Path::new("/proc/self/not/there")).is_err());
    }

    #[test]
    fn what_is_mounted_over_is_awake() {
        let table = "\
22 1 0:20 / / rw shared:1 - ext4 /dev/vda rw
30 22 0:30 / /mnt/a rw - autofs systemd-1 rw,fd=40
31 22 0:31 / /mnt/b\\040c rw shared:3 - autofs systemd-1 rw,fd=41
32 31 0:32 / /mnt/b\\040c rw shared:4 - nfs4 server:/b rw
33 22 0:33 / /mnt/d\\040e rw shared:5 master:2 - autofs systemd-1 rw,fd=42
";
        let asleep = Asleep::of(table.as_bytes());
        assert!(asleep.is(Path::new("/mnt/a")));
        assert!(asleep.is(Path::new("/mnt/d e")));
        for awake in ["/", "/mnt", "/mnt/b c", "/mnt/a/b"] {
            assert!(!asleep.is(Path::new(awake)), "{awake}");
        }
    }
}
