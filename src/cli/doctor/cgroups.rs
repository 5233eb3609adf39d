//! Whether control groups can keep workers apart (cgroups(7)).

use std::{fs, path::PathBuf};

use super::{Finding, Is};
use crate::paths::typed;

/// What control groups there are.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    /// Where version 2 is mounted.
    unified: Option<PathBuf>,
    /// Version 1 is mounted too.
    legacy: bool,
    /// Of version 2, at its root.
    controllers: Vec<String>,
}

impl Cgroups {
    pub(super) fn of_this_machine() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let mut found = Self::mounted(&mounts);
        if let Some(unified) = &found.unified {
            let list = fs::read_to_string(unified.join("cgroup.controllers"));
            let list = list.unwrap_or_default();
            found.controllers = list.split_whitespace().map(str::to_owned).collect();
        }
        found
    }

    /// By the text of /proc/mounts (proc_pid_mounts(5)).
    fn mounted(mounts: &str) -> Self {
        let mut found = Self::default();
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(1);
            match (fields.next(), fields.next()) {
                (Some(at), Some("cgroup2")) => found.unified = Some(at.into()),
                (Some(_), Some("cgroup")) => found.legacy = true,
                _ => {}
            }
        }
        found
    }
}

/// cgroups(7): only version 2 counts pressure, kills a group at once and limits it as a whole.
pub(super) fn judge(found: &Cgroups) -> Finding {
    const HINT: &str = "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line; in a \
                        container its host decides";
    let finding = |is, text| Finding::new("cgroups", is, text);
    let Some(at) = &found.unified else {
        let text = "version 2 is not mounted: processes of a worker are known by their session and \
                    descent only, and it has no limits of its own";
        return finding(Is::Warn, text.to_owned()).hint(HINT);
    };
    let at = typed(at);
    if found.legacy {
        let text =
            format!("version 2 at {at} shares the machine with version 1: limits may not hold");
        return finding(Is::Warn, text).hint(HINT);
    }
    let has = |name: &&str| found.controllers.iter().any(|one| one == name);
    let missing: Vec<_> = ["memory", "pids"]
        .into_iter()
        .filter(|name| !has(name))
        .collect();
    if missing.is_empty() {
        let text = format!("version 2 at {at}, with {}", found.controllers.join(" "));
        return finding(Is::Ok, text);
    }
    let missing = missing.join(" and ");
    let text = format!("version 2 at {at} lacks {missing}: such limits of workers have no effect");
    finding(Is::Warn, text).hint(
        "take cgroup_disable= off the kernel's command line, or add cgroup_enable=memory there; in a \
         container its host decides",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_2_with_its_controllers_is_good() {
        let judged = |mounts: &str, controllers: &str| {
            let mut found = Cgroups::mounted(mounts);
            found.controllers = controllers.split(' ').map(str::to_owned).collect();
            judge(&found)
        };
        let unified = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        let good = judged(unified, "cpu io memory pids");
        assert_eq!(good.is, Is::Ok, "{}", good.found);
        assert_eq!(
            good.found,
            "version 2 at /sys/fs/cgroup, with cpu io memory pids"
        );
        for (mounts, controllers, said) in [
            (unified, "cpu pids", "lacks memory:"),
            (unified, "", "lacks memory and pids:"),
            (
                "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n",
                "",
                "is not mounted",
            ),
            (
                "cgroup /c/pids cgroup rw 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n",
                "",
                "at /c/unified shares the machine with version 1",
            ),
        ] {
            let found = judged(mounts, controllers);
            assert_eq!(found.is, Is::Warn);
            assert!(found.found.contains(said), "{}", found.found);
            assert!(found.hint.is_some());
        }
    }
}
