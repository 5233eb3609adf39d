//! Whether the files with secrets can be read, by whom they are for and by nobody else, and whether the
//! proxy's users are users. Nothing of what is in them is told.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use futures_util::future::join_all;
use nix::{
    libc::O_NONBLOCK,
    unistd::{Uid, geteuid},
};

use super::{Finding, Is};
use crate::{
    causes::in_one_line,
    config::{Config, Environment, Program},
    host::look::{self, At, Looks},
    model::WorkerName,
    paths::typed,
};

/// For everybody else (inode(7)).
const OTHERS: u32 = 0o004;

/// Each file that the rig names, with the worker that it is for.
fn declared(config: &Config) -> Vec<(&WorkerName, &Path)> {
    let mut files = Vec::new();
    for (name, worker) in &config.workers {
        let all = worker
            .secrets
            .files
            .values()
            .chain(of_program(&worker.program));
        files.extend(all.map(|path| (name, path.as_path())));
    }
    files
}

fn of_program(program: &Program) -> Option<&PathBuf> {
    match program {
        Program::Tailscale(tailscale) => tailscale.auth_key.as_ref(),
        Program::BuiltinProxy(_) | Program::Command(_) => None,
    }
}

/// For a rig of this user. Those that systemd hands to the daemon are known by their place.
pub(super) fn findings(config: &Config, owner: Uid, handed: &Path) -> Vec<Finding> {
    let mut files = declared(config);
    // They are there only as long as the daemon runs, and the manager has looked at them.
    files.retain(|(_, path)| !path.starts_with(handed));
    let ours = geteuid() == owner;
    let judged = look::wait_for(async |looks| {
        let judged = files.iter().map(async |(worker, path)| {
            let found = looked(looks, path).await;
            judge(worker, path, &found, ours)
        });
        join_all(judged).await
    });
    judged.unwrap_or_else(|why| vec![Finding::new("secret", Is::Warn, in_one_line(&why))])
}

async fn looked(looks: &Looks, path: &Path) -> io::Result<u32> {
    let own = path.to_owned();
    let looking = move |at: &At| {
        at.comes_to(&own);
        look(&own)
    };
    let seen = looks.look(&path.display().to_string(), looking).await;
    seen.unwrap_or_else(|unseen| Err(io::Error::other(unseen)))
}

/// What is wrong with the users that the proxy would begin with. A file that does not answer is among
/// the [`findings`].
pub(super) fn users(config: &Config, environment: &Environment) -> Vec<Finding> {
    let (workers, environment) = (config.workers.clone(), environment.clone());
    let look = move |at: &At| -> Vec<_> {
        let flaws = workers.values();
        let flaws = flaws.filter_map(|worker| worker.flaw_of_users(&environment, at));
        flaws.collect()
    };
    let seen = look::wait_for(async |looks| looks.look("users", look).await);
    let flaws = seen.and_then(|seen| seen).unwrap_or_default().into_iter();
    flaws
        .filter_map(|flaw| {
            let finding = Finding::new("secret", Is::Fail, flaw.to_string());
            Some(finding.hint(flaw.hint?))
        })
        .collect()
}

/// The permissions of a file that could be opened.
fn look(path: &Path) -> io::Result<u32> {
    // A FIFO would wait for who writes into it.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(found.mode())
}

/// `ours`: it was looked at as the user whose rig it is.
fn judge(worker: &WorkerName, path: &Path, look: &io::Result<u32>, ours: bool) -> Finding {
    let name = typed(path);
    let finding =
        |is, found: &str| Finding::new("secret", is, format!("{name} of {worker} {found}"));
    match look {
        Ok(mode) if mode & OTHERS != 0 => {
            finding(Is::Warn, "can be read by everybody here").hint(format!("chmod o-rwx {name}"))
        }
        Ok(_) if ours => finding(Is::Ok, "can be read"),
        Ok(_) => {
            finding(Is::Warn, "was not tried as the daemon's user").hint("ask again as that user")
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !ours => {
            finding(Is::Warn, "is not ours, so it was not tried")
                .hint("ask again as the daemon's user, or with sudo")
        }
        Err(error) => finding(Is::Fail, &format!("cannot be read: {error}")).hint(format!(
            "{worker} needs it; see who may read what with: namei -l {name}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn a_secret_is_for_its_user_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let worker = WorkerName::proxy();
        let judged = |look: io::Result<u32>, ours| judge(&worker, &path, &look, ours);
        let missing = judged(look(&path), true);
        assert_eq!(missing.is, Is::Fail);
        assert!(
            missing
                .found
                .contains("users of proxy cannot be read: No such file")
        );
        assert!(missing.hint.unwrap().contains("namei -l /"));

        fs::write(&path, "ann:hunter2").unwrap();
        let with = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            judged(look(&path), true)
        };
        assert_eq!(with(0o600).is, Is::Ok);
        assert_eq!(with(0o640).is, Is::Ok);
        let open = with(0o644);
        assert_eq!(open.is, Is::Warn);
        assert!(open.hint.unwrap().starts_with("chmod o-rwx "));

        assert_eq!(judged(Ok(0o600), false).is, Is::Warn);
        let denied = || Err(io::ErrorKind::PermissionDenied.into());
        assert_eq!(judged(denied(), true).is, Is::Fail);
        assert_eq!(judged(denied(), false).is, Is::Warn);
        assert_eq!(judged(look(directory.path()), true).is, Is::Fail);
        let fifo = directory.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let found = judged(look(&fifo), true).found;
        assert!(
            found.ends_with("cannot be read: it is not a regular file"),
            "{found}"
        );
    }
}
