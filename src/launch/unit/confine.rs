//! What a worker's configuration says of its service, and what follows from it for us.

use std::ffi::OsString;

use nix::unistd::geteuid;
use zbus::Variant;

use crate::{
    config::Worker,
    host::{account, look::At},
    launch::{context::Context, needs::look_for, not_started::NotStarted},
    systemd::property::{Settings, Value},
};

/// Somebody else, whom a worker is.
pub(crate) struct User {
    pub(crate) id: u32,
    /// What login(1) would tell them, and not what the daemon was told of itself.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// The user that a worker is, where that is not the daemon's own; fails when a group that it is to have
/// is not there. Users and groups may be kept by another machine, which may not answer.
pub(crate) async fn who(context: &Context, worker: &Worker) -> Result<Option<User>, NotStarted> {
    if worker.user().is_none() && worker.groups().next().is_none() {
        return Ok(None);
    }
    let declared = worker.clone();
    let look = move |at: &At| groups(&declared, at).and_then(|()| user(&declared, at));
    let seen = look_for(context, &worker.name, look).await;
    seen.map_err(NotStarted::unseen)?
}

fn user(worker: &Worker, at: &At) -> Result<Option<User>, NotStarted> {
    let Some(name) = worker.user() else {
        return Ok(None);
    };
    at.comes_to(&account::shows_user(name));
    let found = account::user(name)
        .map_err(|error| NotStarted::because(&format!("systemd.User: {name}"), &error))?;
    let Some(found) = found else {
        return Err(format!("systemd.User: there is no user {name} on this machine").into());
    };
    if found.uid == geteuid() {
        return Ok(None);
    }
    if !geteuid().is_root() {
        let why = "this daemon is not root, and runs nothing as somebody else";
        let helps = "take User out of the worker, or have the system's daemon keep it";
        return Err(format!("systemd.User: {name}: {why}; {helps}").into());
    }
    Ok(Some(User {
        id: found.uid.as_raw(),
        environment: vec![
            ("HOME".into(), found.dir.into()),
            ("USER".into(), found.name.clone().into()),
            ("LOGNAME".into(), found.name.into()),
            ("SHELL".into(), found.shell.into()),
        ],
    }))
}

/// Where one is not there, systemd would run nothing of the unit, the recorder included.
fn groups(worker: &Worker, at: &At) -> Result<(), NotStarted> {
    for (property, name) in worker.groups() {
        at.comes_to(&account::shows_group(name));
        let about = format!("systemd.{property}");
        let found = account::group(name)
            .map_err(|error| NotStarted::because(&format!("{about}: {name}"), &error))?;
        if found.is_none() {
            return Err(format!("{about}: there is no group {name} on this machine").into());
        }
    }
    Ok(())
}

/// Those by which a worker may come to see our own places as it cannot use them.
const FILE_SYSTEM: [&str; 4] = [
    "ProtectHome",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
];

/// The properties that are set. Whatever they are, the worker's side can record what it has to in the
/// attempt's directory, and be reached at its socket.
pub(super) fn settings(
    all: &Settings,
    directory: &str,
    sockets: &str,
) -> Vec<(&'static str, Variant<'static>)> {
    let mut settings: Vec<_> = all
        .iter()
        .filter(|(name, _)| **name != "ReadWritePaths")
        .map(|(_, setting)| (setting.on_bus, setting.value.clone().into()))
        .collect();
    if FILE_SYSTEM.iter().any(|name| all.contains_key(name)) {
        let declared = all.get("ReadWritePaths");
        let mut paths = match declared.map(|setting| &setting.value) {
            Some(Value::List(paths)) => paths.clone(),
            _ => Vec::new(),
        };
        // With `-` it need not be there.
        paths.extend([directory.to_owned(), format!("-{sockets}")]);
        settings.push(("ReadWritePaths", paths.into()));
    }
    settings
}
