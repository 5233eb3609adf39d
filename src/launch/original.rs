//! Whose an attempt is that is recorded in a copied state directory.
//!
//! Promise: who runs belongs to the rig that started it, for as long as that one's state directory is
//! there: another one with a copy of it neither watches nor signals it. A directory that was moved is
//! no copy, and neither is one that can be reached by two paths.
//!
//! How: each process of an attempt, and its unit, says the attempt's directory as it was at the start.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    str,
};

use super::{
    ATTEMPT_DIR, House,
    attempt::process_of,
    context::Context,
    directory::{Directory, Start},
    unit,
};
use crate::{host::census::Census, model::AttemptRef};

/// From an attempt's directory up to the state directory.
const DEPTH: usize = 3;

/// The state directory of the rig that runs this attempt, where that is another one than ours.
pub(super) async fn of(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    start: &Start,
    census: &Census,
) -> Option<PathBuf> {
    let mut said = said_by_processes(start, census);
    if let (None, House::Unit { units, .. }, Some(invocation)) =
        (&said, &context.settings.house, &start.invocation)
    {
        said = unit::began_in(units, &attempt.worker, invocation).await;
    }
    let said = said.filter(|said| is_the_original_of(directory.path(), said))?;
    said.ancestors().nth(DEPTH).map(Path::to_owned)
}

/// The first that is said: by its own process, by those around it, by the others of its cgroup.
fn said_by_processes(start: &Start, census: &Census) -> Option<PathBuf> {
    let own = [process_of(&start.identity)].into_iter();
    let around = start.pane.map(|pane| [pane.wrapper, pane.server]);
    let known = own.chain(around.into_iter().flatten());
    let known = known.filter(|process| census.stat(*process).is_some_and(|stat| stat.lives()));
    let beside = start.cgroup.iter().flat_map(|cgroup| cgroup.pids());
    let mut pids = known.map(|process| process.pid).chain(beside);
    pids.find_map(|pid| {
        let environment = census.environment(pid);
        let said = environment.get(ATTEMPT_DIR.as_bytes())?;
        Some(str::from_utf8(said).ok()?.into())
    })
}

/// Whether the other one is there, is that of the same attempt, and is not this one by another path.
fn is_the_original_of(this: &Path, other: &Path) -> bool {
    let of_attempt = |path: &Path| {
        let names = path.components().rev().take(DEPTH);
        names
            .map(|name| name.as_os_str().to_owned())
            .collect::<Vec<_>>()
    };
    let file = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    this != other
        && of_attempt(this) == of_attempt(other)
        && file(other).is_ok_and(|other| file(this).is_ok_and(|this| this != other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_directory_of_the_same_attempt_is_the_original() {
        let home = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|state| home.path().join(state));
        let [of_one, of_two] = [&one, &two].map(|state| state.join("attempts/builder/1"));
        fs::create_dir_all(&of_one).unwrap();
        assert!(!is_the_original_of(&of_two, &of_one), "there is no copy");
        fs::create_dir_all(&of_two).unwrap();
        assert!(is_the_original_of(&of_two, &of_one));
        assert!(!is_the_original_of(&of_two, &of_two));
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let linked = link.join("attempts/builder/1");
        assert!(!is_the_original_of(&linked, &of_one), "the same place");
        // A rig inside of a worker of this one.
        let inner = two.join("attempts/tests/1");
        fs::create_dir_all(&inner).unwrap();
        assert!(!is_the_original_of(&of_one, &inner));
        fs::rename(&one, home.path().join("moved")).unwrap();
        assert!(!is_the_original_of(&of_two, &of_one), "it was moved");
    }
}
