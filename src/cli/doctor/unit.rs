//! Whether the daemon's unit, and that of its socket, are those that this version would print.
//!
//! Promise: only what is missing or is otherwise in the unit's own file is named. Drop-ins are the
//! operator's, and so are settings that we do not print, the programs and what they are given.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use nix::unistd::{Uid, geteuid};

use super::{Finding, Is, systemd::is_of_the_system};
use crate::{
    cli::{
        Context,
        installed::{Installed, SOCKET, UNIT},
    },
    paths::typed,
    systemd::{
        BOOTED, socket_unit,
        unit::{Manager, Unit},
    },
};

/// Says who printed it, in its first line.
const PRINTED: &str = "# Printed by supervisorctl generate ";
/// Where units are made from a configuration, anew for each generation.
const NIX: &str = "/nix/store";
/// What may differ: where it is installed, what it keeps, and what is for people.
const FREE: [&str; 5] = [
    "Description",
    "Documentation",
    "ExecReload",
    "ExecStart",
    "ListenStream",
];
/// What is printed for a state directory of one's own.
const MOUNTS: &str = "RequiresMountsFor";
/// What is not.
const OF_STATE: [&str; 2] = ["StateDirectory", "StateDirectoryMode"];

/// That of this daemon or, where none runs, of the rig that is meant.
pub(super) fn installed(context: &Context, owner: Uid, daemon: Option<i32>) -> Option<Installed> {
    let user = !owner.is_root() && !daemon.is_some_and(is_of_the_system);
    if !Path::new(BOOTED).is_dir() || (user && owner != geteuid()) {
        return None;
    }
    let is_meant = |installed: &Installed| match daemon {
        Some(pid) => installed.pid == pid,
        None => context.rig.arguments().is_empty(),
    };
    Installed::ask(user).filter(is_meant)
}

/// What there is to say of both.
pub(super) fn findings(installed: &Installed) -> Vec<Finding> {
    let socket = installed.socket();
    let socket = socket.and_then(|(file, stale)| of_socket(installed, &file, stale));
    judge(installed).into_iter().chain(socket).collect()
}

fn manager(installed: &Installed) -> Manager {
    match installed.user {
        true => Manager::User,
        false => Manager::System,
    }
}

fn judge(installed: &Installed) -> Option<Finding> {
    let unit = Unit {
        manager: manager(installed),
        daemon: installed.program.clone(),
        config: None,
        state: None,
        socket: None,
    };
    let printed = Printed {
        called: "unit",
        text: unit.text().ok()?,
        unit: UNIT.trim_end_matches(".service"),
        restart: format!("{} restart loopkeeper", installed.systemctl()),
    };
    printed.compare(installed, &installed.fragment, installed.stale)
}

fn of_socket(installed: &Installed, file: &Path, stale: bool) -> Option<Finding> {
    let printed = Printed {
        called: "socket",
        text: socket_unit::text(manager(installed), None).ok()?,
        unit: SOCKET,
        // systemd has no socket for a daemon that runs already.
        restart: format!(
            "{systemctl} stop {both} && {systemctl} start {both}",
            systemctl = installed.systemctl(),
            both = "loopkeeper.socket loopkeeper.service"
        ),
    };
    printed.compare(installed, file, stale)
}

/// What this version prints.
struct Printed {
    called: &'static str,
    text: String,
    unit: &'static str,
    restart: String,
}

impl Printed {
    /// What there is to say of the one that is installed, if it is a file for people.
    fn compare(&self, installed: &Installed, file: &Path, stale: bool) -> Option<Finding> {
        if file.canonicalize().ok()?.starts_with(NIX) {
            return None;
        }
        let name = file.display();
        let finding = |is, found| Finding::new(self.called, is, found);
        let systemctl = installed.systemctl();
        if stale {
            let found =
                format!("{name} or a drop-in was changed, and the manager has not read it again");
            return Some(finding(Is::Warn, found).hint(format!("{systemctl} daemon-reload")));
        }
        let text = fs::read_to_string(file).ok()?;
        let differs = differences(&text, &self.text);
        let own = env!("CARGO_PKG_VERSION");
        let by = match version(&text) {
            Some(version) => format!("printed by version {version}"),
            None => "not printed by supervisorctl".to_owned(),
        };
        if differs.is_empty() {
            let found = format!("{name} ({by}) has every setting that version {own} prints");
            return Some(finding(Is::Ok, found));
        }
        let differs = differs.join("; ");
        let found = format!("{name} ({by}) is not as version {own} prints it: {differs}");
        let user = if installed.user { " --user" } else { "" };
        Some(finding(Is::Warn, found).hint(format!(
            "supervisorctl{arguments} generate {called}{user} > {file} && {systemctl} daemon-reload && \
             {restart}; what is your own in it belongs in: {systemctl} edit {unit}",
            arguments = installed.arguments,
            called = self.called,
            file = typed(file),
            restart = self.restart,
            unit = self.unit,
        )))
    }
}

/// Of whom the unit says that it was printed by it.
fn version(unit: &str) -> Option<&str> {
    let printed = unit.lines().next()?.strip_prefix(PRINTED)?;
    let (_, version) = printed.split_once(", version ")?;
    let version = version.split(' ').next()?;
    Some(version.trim_end_matches('.'))
}

/// What of a unit that is `wanted` the one that is there does not have, or has otherwise.
fn differences(there: &str, wanted: &str) -> Vec<String> {
    let (there, wanted) = (settings(there), settings(wanted));
    let own_state = there
        .get("ExecStart")
        .is_some_and(|command| command.contains(" --state-dir "));
    let free: BTreeSet<_> = FREE
        .iter()
        .chain(OF_STATE.iter().filter(|_| own_state))
        .copied()
        .collect();
    let differs = |(name, value): (&String, &String)| match there.get(name) {
        Some(found) if found == value || free.contains(name.as_str()) => None,
        Some(found) => Some(format!("{name} is {found} instead of {value}")),
        None if own_state && free.contains(name.as_str()) => None,
        None => Some(format!("{name} is missing")),
    };
    let unmounted = own_state && !there.contains_key(MOUNTS);
    let unmounted = unmounted.then(|| format!("{MOUNTS} is missing, with the state directory"));
    wanted.iter().filter_map(differs).chain(unmounted).collect()
}

/// By name, with one name's values as one; an empty one begins anew (systemd.syntax(7)).
fn settings(unit: &str) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    let lines = unit.replace("\\\n", " ");
    let lines = lines.lines().map(str::trim);
    for line in lines.filter(|line| !line.starts_with(['#', ';', '['])) {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let value = match value.split_whitespace().collect::<Vec<_>>().join(" ") {
            truth if ["true", "on", "1"].contains(&truth.as_str()) => "yes".to_owned(),
            untruth if ["false", "off", "0"].contains(&untruth.as_str()) => "no".to_owned(),
            value => value,
        };
        let known = settings.entry(name.trim().to_owned()).or_default();
        *known = match known.is_empty() || value.is_empty() {
            true => value,
            false => format!("{known} {value}"),
        };
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(manager: Manager) -> String {
        let unit = Unit {
            manager,
            daemon: "/usr/bin/loopkeeperd".into(),
            config: None,
            state: None,
            socket: None,
        };
        unit.text().unwrap()
    }

    fn judged(text: &str, user: bool) -> Finding {
        let directory = tempfile::tempdir().unwrap();
        let fragment = directory.path().join(UNIT);
        fs::write(&fragment, text).unwrap();
        let installed = Installed {
            user,
            fragment,
            program: "/opt/bin/loopkeeperd".into(),
            arguments: " --config /etc/rig.toml".to_owned(),
            pid: 0,
            stale: false,
            failed: None,
        };
        judge(&installed).unwrap()
    }

    #[test]
    fn a_unit_as_it_is_printed_is_good_also_from_another_version() {
        for (manager, user) in [(Manager::System, false), (Manager::User, true)] {
            let text = printed(manager);
            assert_eq!(judged(&text, user).is, Is::Ok);
            let own = format!("version {}.", env!("CARGO_PKG_VERSION"));
            let older = text.replacen(&own, "version 0.0.9.", 1);
            let finding = judged(&older, user);
            assert_eq!(finding.is, Is::Ok, "{}", finding.found);
            assert!(
                finding.found.contains("(printed by version 0.0.9)"),
                "{}",
                finding.found
            );
        }
        let moved = printed(Manager::System)
            .replace(
                "ExecStart=/usr/bin/loopkeeperd",
                "RequiresMountsFor=/srv/lk\nExecStart=/opt/lk --state-dir /srv/lk",
            )
            .replace("Delegate=yes", "Delegate = true")
            .replace("StateDirectory", "# StateDirectory")
            + "ProtectHome=yes\n";
        let finding = judged(&moved, false);
        assert_eq!(finding.is, Is::Ok, "{}", finding.found);
        let found = judged(&moved.replace("RequiresMountsFor", "#"), false).found;
        assert!(
            found.ends_with(": RequiresMountsFor is missing, with the state directory"),
            "{found}"
        );
    }

    #[test]
    fn what_is_missing_or_otherwise_is_named_with_the_command_that_mends_it() {
        let text = printed(Manager::System)
            .replace("Delegate=yes\n", "")
            .replace("KillMode=mixed", "KillMode=process")
            .replace("StateDirectory=", "#StateDirectory=");
        let finding = judged(&text, false);
        assert_eq!(finding.is, Is::Warn);
        let (_, differs) = finding.found.split_once("prints it: ").unwrap();
        assert_eq!(
            differs,
            "Delegate is missing; KillMode is process instead of mixed; StateDirectory is missing"
        );
        let hint = finding.hint.unwrap();
        assert!(
            hint.starts_with("supervisorctl --config /etc/rig.toml generate unit > /"),
            "{hint}"
        );
        assert!(
            hint.contains(" && systemctl daemon-reload && systemctl restart loopkeeper; "),
            "{hint}"
        );
        let hint = judged(&text, true).hint.unwrap();
        assert!(hint.contains("generate unit --user > "), "{hint}");
        let by_hand = text.split_once('\n').unwrap().1;
        let found = judged(by_hand, false).found;
        assert!(found.contains("(not printed by supervisorctl)"), "{found}");
    }

    #[test]
    fn the_units_of_sockets_are_compared_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(SOCKET);
        let judged = |text: &str, user, stale| {
            fs::write(&file, text).unwrap();
            let installed = Installed {
                user,
                fragment: directory.path().join(UNIT),
                program: "/opt/bin/loopkeeperd".into(),
                arguments: String::new(),
                pid: 0,
                stale: false,
                failed: None,
            };
            of_socket(&installed, &file, stale).unwrap()
        };
        let own = socket_unit::text(Manager::System, Some(Path::new("/srv/lk.sock"))).unwrap();
        let finding = judged(&own, false, false);
        let version = env!("CARGO_PKG_VERSION");
        let printed = format!("(printed by version {version}) has every setting");
        assert!(finding.found.contains(&printed), "{}", finding.found);
        assert_eq!((finding.check, finding.is), ("socket", Is::Ok));
        let finding = judged(&own, false, true);
        assert_eq!(finding.hint.unwrap(), "systemctl daemon-reload");
        let other = own
            .replace("RemoveOnStop=yes\n", "")
            .replace("SocketMode=0600", "SocketMode=0666");
        let finding = judged(&other, false, false);
        let (_, differs) = finding.found.split_once("prints it: ").unwrap();
        let differ = "RemoveOnStop is missing; SocketMode is 0666 instead of 0600";
        assert_eq!((differs, finding.is), (differ, Is::Warn));
        let hint = finding.hint.unwrap();
        let restart = "systemctl stop loopkeeper.socket loopkeeper.service && \
                       systemctl start loopkeeper.socket loopkeeper.service; ";
        assert!(
            hint.contains("generate socket > /") && hint.contains(restart),
            "{hint}"
        );
        let user = socket_unit::text(Manager::User, None).unwrap();
        assert_eq!(judged(&user, true, false).is, Is::Ok);
    }
}
