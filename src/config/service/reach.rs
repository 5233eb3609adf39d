//! Whether a user gets to a path (path_resolution(7)).

use std::{
    ffi::CString,
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::getgrouplist;

use crate::{config::Environment, host::account};

/// To go through a directory, or to execute a file (inode(7)).
pub(super) const ENTER: u32 = 0o1;
/// To read a file, or to list or lock a directory.
pub(super) const READ: u32 = 0o4;

/// Who is let in, and who is not.
pub(super) struct Account {
    user: u32,
    groups: Vec<u32>,
}

impl Account {
    /// The user of this name or number, with these groups beside their own; `None` when there is no
    /// such user.
    pub(super) fn of<'a>(
        name: &str,
        groups: impl Iterator<Item = (&'static str, &'a str)>,
    ) -> Option<Self> {
        let user = account::user(name).ok()??;
        let own = CString::new(user.name).ok()?;
        let own = getgrouplist(&own, user.gid).unwrap_or_else(|_| vec![user.gid]);
        let more = groups.filter_map(|(_, name)| Some(account::group(name).ok()??.gid));
        Some(Self {
            user: user.uid.as_raw(),
            groups: own
                .into_iter()
                .chain(more)
                .map(nix::unistd::Gid::as_raw)
                .collect(),
        })
    }

    /// Where on the way to the path they are kept out, who `need` this of the path itself. What cannot be
    /// looked at, or has an access list (acl(5)), is not told of.
    pub(super) fn is_kept_out_of(
        &self,
        path: &Path,
        need: u32,
        env: &Environment,
    ) -> Option<PathBuf> {
        let real = env.real(path);
        let mut way: Vec<&Path> = real.ancestors().collect();
        way.reverse();
        // Everybody is let in at the root.
        way.into_iter().skip(1).find_map(|at| {
            let need = if at == real { need } else { ENTER };
            let on_disk = env.on_disk(at);
            let found = on_disk.metadata().ok()?;
            let closed = !self.may(&found, need) && !has_list(&on_disk);
            closed.then(|| at.to_owned())
        })
    }

    fn may(&self, found: &Metadata, need: u32) -> bool {
        if self.user == 0 {
            // Root goes everywhere, and executes what anybody may.
            return found.is_dir() || found.mode() & 0o111 != 0;
        }
        let shift = if found.uid() == self.user {
            6
        } else if self.groups.contains(&found.gid()) {
            3
        } else {
            0
        };
        found.mode() >> shift & need == need
    }
}

fn has_list(path: &Path) -> bool {
    let none: &mut [u8] = &mut [];
    rustix::fs::getxattr(path, "system.posix_acl_access", none).is_ok_and(|size| size > 0)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::config::Credentials;

    #[test]
    fn a_way_is_closed_where_the_first_bit_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let env = Environment {
            root: root.path().to_owned(),
            path: Vec::new(),
            home: None,
            executable: "/x".into(),
            credentials: Credentials::None,
            host_name: "pi".to_owned(),
        };
        let inner = root.path().join("srv/closed/in");
        fs::create_dir_all(&inner).unwrap();
        let owner = fs::metadata(&inner).unwrap();
        let mode = |path: &str, mode| {
            fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        let own = Account {
            user: owner.uid(),
            groups: Vec::new(),
        };
        let member = Account {
            user: u32::MAX - 7,
            groups: vec![owner.gid()],
        };
        let stranger = Account {
            user: u32::MAX - 7,
            groups: Vec::new(),
        };
        let kept_out = |who: &Account, need| {
            let at = who.is_kept_out_of(Path::new("/srv/closed/in"), need, &env);
            at.map(|at| at.display().to_string())
        };
        let closed = |at: &str| Some(at.to_owned());
        for path in ["srv", "srv/closed", "srv/closed/in"] {
            mode(path, 0o755);
        }
        assert_eq!(kept_out(&stranger, ENTER | READ), None);
        mode("srv/closed", 0o750);
        assert_eq!(kept_out(&stranger, ENTER), closed("/srv/closed"));
        assert_eq!(kept_out(&member, ENTER), None);
        mode("srv/closed/in", 0o711);
        assert_eq!(kept_out(&member, ENTER), None);
        assert_eq!(kept_out(&member, ENTER | READ), closed("/srv/closed/in"));
        mode("srv", 0o070);
        assert_eq!(kept_out(&member, ENTER), None);
        assert_eq!(kept_out(&stranger, ENTER), closed("/srv"));
        let of_owner = closed("/srv").filter(|_| owner.uid() != 0);
        assert_eq!(kept_out(&own, ENTER), of_owner);
        mode("srv", 0o755);
    }
}
