//! Whose rig a file declares: his are the workers that name no user, and `~`.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::{Uid, User, geteuid};
use toml::{Table, Value};

/// Somebody who is not root.
pub(super) struct Owner {
    /// Or the number, of one who has none.
    pub(super) name: String,
}

/// Whose the rig in `file` is (`None` is root), and the home of that one, where `home` is that of who asks.
pub(super) fn of(
    file: &Path,
    home: Option<PathBuf>,
) -> io::Result<(Option<Owner>, Option<PathBuf>)> {
    let asks = geteuid();
    let owner = whose(file, Uid::from_raw(fs::metadata(file)?.uid()), asks);
    let user = User::from_uid(owner)?;
    let home = match &user {
        _ if owner == asks => home,
        Some(user) => Some(user.dir.clone()),
        None => None,
    };
    let name = user.map_or_else(|| owner.to_string(), |user| user.name);
    Ok(((!owner.is_root()).then_some(Owner { name }), home))
}

/// The system's rig is root's, whoever writes it down; a file of root's elsewhere is taken by who asks.
fn whose(file: &Path, owner: Uid, asks: Uid) -> Uid {
    let root = Uid::from_raw(0);
    if file.starts_with(super::ON_NIXOS) {
        root
    } else if owner.is_root() {
        asks
    } else {
        owner
    }
}

impl Owner {
    /// What a person should know of a rig that was his and is root's now.
    pub(super) fn warnings(&self, file: &Path, tables: &Table) -> Vec<String> {
        let (name, file) = (&self.name, file.display());
        let mut warnings = Vec::new();
        if !defaults_name_a_user(tables) {
            warnings.push(format!(
                "configuration {file} is {name}'s, so workers that name no user have user = \"{name}\": \
                 declare users.users.{name}, or leave user out of what is to be root's"
            ));
        }
        let commands = run_by_the_daemon(tables);
        if !commands.is_empty() {
            warnings.push(format!(
                "{} ran as {name}, and the daemon of NixOS runs them as root: runuser -u {name} -- \
                 COMMAND runs one as {name}",
                commands.join(", ")
            ));
        }
        warnings
    }
}

/// Who runs what names nobody, is said: it is not who has the file.
pub(super) fn defaults_name_a_user(tables: &Table) -> bool {
    let systemd = tables.get("defaults").and_then(|it| it.get("systemd"));
    systemd.and_then(|it| it.get("User")).is_some()
}

/// Commands that are no workers, by what they are for.
fn run_by_the_daemon(tables: &Table) -> Vec<String> {
    let has = |table: Option<&Value>, key: &str| table.and_then(|table| table.get(key)).is_some();
    let mut found = Vec::new();
    if has(tables.get("rig"), "notify") {
        found.push("notify".to_owned());
    }
    let phases = tables.get("plan").and_then(|plan| plan.get("phases"));
    for phase in phases.and_then(Value::as_array).into_iter().flatten() {
        if has(phase.get("until"), "command") {
            let id = phase.get("id").and_then(Value::as_str);
            found.push(format!("`until` of phase {}", id.unwrap_or_default()));
        }
    }
    let workers = tables.get("workers").and_then(Value::as_table);
    let workers = workers.into_iter().flatten();
    let workers = workers.map(|(name, worker)| (name.as_str(), worker));
    let proxy = tables.get("proxy").map(|proxy| ("the proxy", proxy));
    for (name, worker) in workers.chain(proxy) {
        for probe in ["ready", "alive"] {
            if has(worker.get(probe), "command") {
                found.push(format!("`{probe}` of {name}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rig_is_of_who_has_the_file() {
        let [root, one, other] = [0, 1000, 1001].map(Uid::from_raw);
        for (file, owner, asks, is) in [
            ("/etc/loopkeeper/loopkeeper.toml", one, root, root),
            ("/etc/loopkeeper/loopkeeper.toml", root, one, root),
            ("/home/one/rig.toml", one, one, one),
            ("/home/one/rig.toml", one, root, one),
            ("/home/one/rig.toml", one, other, one),
            ("/srv/rig.toml", root, root, root),
            ("/srv/rig.toml", root, one, one),
        ] {
            assert_eq!(
                whose(Path::new(file), owner, asks),
                is,
                "{file} {owner} {asks}"
            );
        }
    }
}
