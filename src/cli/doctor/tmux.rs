//! Whether there is a tmux that can hold a worker.

use std::{io, process::Command};

use super::{Finding, Is};
use crate::{
    config::{Config, On},
    model::LauncherKind,
};

/// Since when it knows all that it is asked: the youngest of that is `window-size latest` (CHANGES
/// FROM 3.0a TO 3.1).
const OLDEST: (u32, u32) = (3, 1);

/// Whether a worker needs it; `None` where nobody knows what is declared.
pub(super) fn is_needed(config: Option<&Config>) -> Option<bool> {
    let workers = config?.workers.values();
    // On another host, it is that one's.
    let mut here = workers.filter(|worker| worker.on == On::Local);
    Some(here.any(|worker| worker.launcher == LauncherKind::Tmux))
}

/// What `tmux -V` prints.
pub(super) fn version() -> io::Result<String> {
    let output = Command::new("tmux").arg("-V").output()?;
    if !output.status.success() {
        let why = format!("tmux -V ends with {}", output.status);
        return Err(io::Error::other(why));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// That this version is too old, in words, if it is.
pub(in crate::cli) fn too_old(version: &str) -> Option<String> {
    let (major, minor) = OLDEST;
    let is_old = number(version).is_some_and(|number| number < OLDEST);
    is_old.then(|| format!("{version} is older than {major}.{minor}"))
}

/// `tmux 3.3a` and `tmux next-3.4` have numbers, `tmux master` has none and is the newest.
fn number(version: &str) -> Option<(u32, u32)> {
    let from = version.find(|c: char| c.is_ascii_digit())?;
    let mut parts = version[from..].split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) fn judge(needed: Option<bool>, version: &io::Result<String>) -> Finding {
    let finding = |is, found| Finding::new("tmux", is, found);
    let is = if needed == Some(true) {
        Is::Fail
    } else {
        Is::Warn
    };
    match version {
        Ok(version) => match too_old(version) {
            None => finding(Is::Ok, version.clone()),
            Some(found) if needed == Some(false) => {
                finding(Is::Ok, format!("{found}, and no worker needs it"))
            }
            Some(found) => finding(is, found).hint(
                "needed for workers with launcher = \"tmux\": install a newer one, or choose \
                 launcher = \"process\"",
            ),
        },
        Err(error) => {
            let found = format!("tmux cannot be run: {error}");
            match needed {
                Some(false) => finding(Is::Ok, format!("{found}; no worker needs it")),
                _ => finding(is, found)
                    .hint("needed for workers with launcher = \"tmux\": apt-get install tmux"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_missed_only_where_a_worker_needs_it() {
        let old = || Ok("tmux 3.0a".to_owned());
        let none = || Err(io::ErrorKind::NotFound.into());
        for (needed, is) in [
            (Some(true), Is::Fail),
            (None, Is::Warn),
            (Some(false), Is::Ok),
        ] {
            assert_eq!(judge(needed, &old()).is, is, "{needed:?}");
            assert_eq!(judge(needed, &none()).is, is, "{needed:?}");
        }
        assert_eq!(judge(None, &old()).found, "tmux 3.0a is older than 3.1");
        for new in [
            "tmux 3.1",
            "tmux 3.3a",
            "tmux next-3.4",
            "tmux 10.0",
            "tmux master",
        ] {
            assert_eq!(judge(Some(true), &Ok(new.to_owned())).is, Is::Ok, "{new}");
        }
    }
}
