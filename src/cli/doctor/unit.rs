//! Whether the daemon's unit is the one that this version would print.
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
        installed::{Installed, UNIT},
    },
    paths::typed,
    systemd::{
        BOOTED,
        unit::{Manager, Unit},
    },
};

/// Says who printed it, in its first line.
const PRINTED: &str = "# Printed by supervisorctl generate unit, version ";
/// Where units are made from a configuration, anew for each generation.
const NIX: &str = "/nix/store";
/// What may differ: where it is installed, what it keeps, and what is for people.
const FREE: [&str; 4] = ["Description", "Documentation", "ExecReload", "ExecStart"];
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

/// What there is to say of it, if it is a file for people.
pub(super) fn judge(installed: &Installed) -> Option<Finding> {
    let file = &installed.fragment;
    if file.canonicalize().ok()?.starts_with(NIX) {
        return None;
    }
    let name = file.display();
    let finding = |is, found| Finding::new("unit", is, found);
    if installed.stale {
        let again = format!("{} daemon-reload", installed.systemctl());
        return Some(
            finding(
                Is::Warn,
                format!("{name} or a drop-in was changed, and the manager has not read it again"),
            )
            .hint(again),
        );
    }
    let text = fs::read_to_string(file).ok()?;
    let unit = Unit {
        manager: match installed.user {
            true => Manager::User,
            false => Manager::System,
        },
        daemon: installed.program.clone(),
        config: None,
        state: None,
        socket: None,
    };
    let differs = differences(&text, &unit.text().ok()?);
    let own = env!("CARGO_PKG_VERSION");
    let by = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(PRINTED));
    let by = by.map(|version| version.trim_end_matches('.'));
    let by = match by {
        Some(version) => format!("printed by version {version}"),
        None => "not printed by supervisorctl".to_owned(),
    };
    if differs.is_empty() {
        let found = format!("{name} ({by}) has every setting that version {own} prints");
        return Some(finding(Is::Ok, found));
    }
    let found = format!(
        "{name} ({by}) is not as version {own} prints it: {}",
        differs.join("; ")
    );
    let user = if installed.user { " --user" } else { "" };
    Some(finding(Is::Warn, found).hint(format!(
        "supervisorctl{arguments} generate unit{user} > {file} && {systemctl} daemon-reload && \
         {systemctl} restart {unit}; what is your own in it belongs in: {systemctl} edit {unit}",
        systemctl = installed.systemctl(),
        arguments = installed.arguments,
        file = typed(file),
        unit = UNIT.trim_end_matches(".service"),
    )))
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
            failed: false,
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
}
