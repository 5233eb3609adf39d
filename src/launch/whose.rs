//! Whose a tmux server is, which decides as whom it is asked.
//!
//! Promise: root is no client of anybody else's server. A client does what its server says: at the end
//! of `attach`, say, it runs the command that it is told. So where somebody else could have put the
//! server, the client is run as that one, who gains nothing by it.
//!
//! How: whoever owns a directory decides on all that is below it. So the way to the socket is walked
//! down from the root, and the first owner on it that is not root is the one; what is below is not even
//! looked at. The owner of the socket alone says nothing: it may be another one a moment later.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use nix::unistd::{Uid, geteuid};

/// The sticky bit of a directory (inode(7)): only the owner of what is in it takes that away.
const STICKY: u32 = 0o1000;
/// Everybody may change what is in it.
const BY_ALL: u32 = 0o002;
/// Whoever is in its group may.
const BY_GROUP: u32 = 0o020;
/// Symbolic links on one way, as many as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// As whom the server that listens at this socket is asked; `None` is as ourselves. Who is not root can be
/// nobody else.
///
/// # Errors
/// The way there cannot be walked, or anybody could have put something on it.
pub(crate) fn to_be_asked_as(socket: &Path) -> io::Result<Option<Uid>> {
    match geteuid().is_root() {
        true => first_owner(&std::path::absolute(socket)?),
        false => Ok(None),
    }
}

/// The first one who is not root, and may lead this way elsewhere.
fn first_owner(way: &Path) -> io::Result<Option<Uid>> {
    let mut ahead = steps(way);
    let mut place = PathBuf::new();
    let mut links = 0;
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            place.pop();
            continue;
        }
        place.push(&step);
        let found = fs::symlink_metadata(&place)?;
        let owner = Uid::from_raw(found.uid());
        if !owner.is_root() {
            return Ok(Some(owner));
        }
        if found.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(nix::errno::Errno::ELOOP.into());
            }
            let mut led = steps(&fs::read_link(&place)?);
            place.pop();
            led.append(&mut ahead);
            ahead = led;
        } else if found.is_dir() && found.mode() & STICKY == 0 {
            let (who, them) = match found.mode() {
                mode if mode & BY_ALL != 0 => ("everybody", "go"),
                mode if mode & BY_GROUP != 0 => ("whoever is in its group", "g"),
                _ => continue,
            };
            let place = place.display();
            return Err(io::Error::other(format!(
                "{who} may write to {place}, and so may have put anything there; take that away with: \
                 chmod {them}-w {place}"
            )));
        }
    }
    Ok(None)
}

/// The root is a step as well, which leaves behind what was before it.
fn steps(way: &Path) -> VecDeque<OsString> {
    let steps = way.components().filter(|step| *step != Component::CurDir);
    steps.map(|step| step.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::{PermissionsExt as _, chown, lchown, symlink},
    };

    use super::*;

    fn user(number: u32) -> Option<Uid> {
        Some(Uid::from_raw(number))
    }

    /// A socket at the end of a way, as far as it matters here.
    fn way(home: &Path) -> (PathBuf, PathBuf) {
        let above = home.join("above");
        fs::create_dir_all(above.join("below")).unwrap();
        fs::write(above.join("below/socket"), "").unwrap();
        (above.clone(), above.join("below/socket"))
    }

    #[test]
    fn who_owns_a_place_on_the_way_decides() {
        let home = tempfile::tempdir().unwrap();
        let (above, socket) = way(home.path());
        assert_eq!(to_be_asked_as(&socket).unwrap(), None);
        if !geteuid().is_root() {
            return;
        }
        chown(&socket, Some(65532), None).unwrap();
        assert_eq!(to_be_asked_as(&socket).unwrap(), user(65532));
        chown(socket.parent().unwrap(), Some(65533), None).unwrap();
        assert_eq!(to_be_asked_as(&socket).unwrap(), user(65533));
        // What is below may look as if it were root's.
        chown(&above, Some(65534), None).unwrap();
        chown(socket.parent().unwrap(), Some(0), None).unwrap();
        chown(&socket, Some(0), None).unwrap();
        assert_eq!(to_be_asked_as(&socket).unwrap(), user(65534));
    }

    #[test]
    fn a_link_is_followed_if_it_is_roots_and_is_its_owners_if_not() {
        let home = tempfile::tempdir().unwrap();
        let (above, socket) = way(home.path());
        if !geteuid().is_root() {
            return;
        }
        let link = home.path().join("link");
        symlink("above/../above/below", &link).unwrap();
        let linked = link.join("socket");
        assert_eq!(to_be_asked_as(&linked).unwrap(), None);
        chown(&above, Some(65534), None).unwrap();
        assert_eq!(to_be_asked_as(&linked).unwrap(), user(65534));
        chown(&above, Some(0), None).unwrap();
        lchown(&link, Some(65533), None).unwrap();
        assert_eq!(to_be_asked_as(&linked).unwrap(), user(65533));
        assert_eq!(to_be_asked_as(&socket).unwrap(), None);
        let round = home.path().join("round");
        symlink(&round, &round).unwrap();
        assert!(to_be_asked_as(&round).is_err());
    }

    #[test]
    fn where_everybody_or_a_group_writes_nobody_is_trusted() {
        let home = tempfile::tempdir().unwrap();
        let (above, socket) = way(home.path());
        if !geteuid().is_root() {
            return;
        }
        fs::set_permissions(&above, Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(to_be_asked_as(&socket).unwrap(), None, "as /tmp is");
        fs::set_permissions(&above, Permissions::from_mode(0o1775)).unwrap();
        assert_eq!(to_be_asked_as(&socket).unwrap(), None);
        for (mode, who, them) in [
            (0o777, "everybody", "go"),
            (0o757, "everybody", "go"),
            (0o775, "whoever is in its group", "g"),
        ] {
            fs::set_permissions(&above, Permissions::from_mode(mode)).unwrap();
            let why = to_be_asked_as(&socket).unwrap_err().to_string();
            let helps = format!("chmod {them}-w {}", above.display());
            assert!(why.starts_with(who) && why.ends_with(&helps), "{why}");
        }
    }
}
