//! The way to a file: what has to be watched to hear that something else is at its end.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
};

/// As many symbolic links as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Every name that is looked up on the way to an absolute path, also behind symbolic links: as long as
/// nothing happens to these, the same file is at its end. They have no links in them but, perhaps, at
/// their own end.
pub(crate) fn way(path: &Path) -> BTreeSet<PathBuf> {
    way_until(path, |_| false).0
}

/// The same up to the first name on it that is one of those; and whether there was one.
pub(crate) fn way_until(path: &Path, ends: impl Fn(&Path) -> bool) -> (BTreeSet<PathBuf>, bool) {
    let mut names = BTreeSet::new();
    let mut ahead: VecDeque<OsString> = steps(path).collect();
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            at.pop();
            continue;
        }
        let name = at.join(step);
        names.insert(name.clone());
        if ends(&name) {
            return (names, true);
        }
        match fs::read_link(&name) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                for step in steps(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(step);
                }
            }
            _ => at = name,
        }
    }
    (names, false)
}

fn steps(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_on_it() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        // As sops-nix has it: a link to the directory of the present generation.
        fs::create_dir_all(root.join("secrets.d/1")).unwrap();
        symlink("secrets.d/1", root.join("secrets")).unwrap();
        symlink(
            root.join("secrets/../1/key"),
            root.join("secrets.d/1/gitea"),
        )
        .unwrap();
        let way = way(&root.join("secrets/gitea"));
        let below: Vec<_> = way
            .iter()
            .filter_map(|name| name.strip_prefix(&root).ok()?.to_str())
            .filter(|name| !name.is_empty())
            .collect();
        let expected = [
            "secrets",
            "secrets.d",
            "secrets.d/1",
            "secrets.d/1/gitea",
            "secrets.d/1/key",
        ];
        assert_eq!(below, expected);
        assert!(way.contains(Path::new(&root)));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let temp = tempfile::tempdir().unwrap();
        symlink("b", temp.path().join("a")).unwrap();
        symlink("a", temp.path().join("b")).unwrap();
        assert!(way(&temp.path().join("a")).contains(&temp.path().join("b")));
    }
}
