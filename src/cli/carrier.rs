//! What the service manager of this machine would not do for a rig, or would do otherwise than is meant.
//!
//! Promise: what a manager knows of itself is asked of it, and of nothing that it does not answer is
//! anything said. Versions of systemd differ in which system calls they know, machines in which
//! controllers their control groups have (cgroups(7)), and a user's manager in what it may do.

use std::{collections::BTreeSet, fs, mem, path::Path, process::Command, time::Duration};

use nix::unistd::{getgid, getuid};

use crate::{
    config::{Config, OfWorker, Worker},
    host::account,
    model::WorkerName,
    nearest::nearest,
    systemd::{
        manager::{Manager, Whose},
        mount,
        property::Value,
    },
};

/// What the manager is given to tell of mounts.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Whose manager carries the rig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// PID 1.
    System,
    /// That of whoever asks.
    User,
}

impl Carrier {
    /// Those that may have units for what its workers are on: the system's mounts what users work on.
    fn managers(self) -> Vec<Whose> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| self == Self::User);
        let user = runtime.map(|runtime| Whose::User(runtime.into()));
        user.into_iter().chain([Whose::System]).collect()
    }
}

/// Properties for which a manager has to have root's rights; what else it cannot do, a user's manager
/// leaves undone or does by the rights that everybody has (tried with systemd 252).
const OF_ROOT: [&str; 4] = [
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "SupplementaryGroups",
    "User",
];

/// Limits, by the controllers that hold them.
const LIMITS: [(&str, &str); 9] = [
    ("CPUQuota", "cpu"),
    ("CPUWeight", "cpu"),
    ("IOWeight", "io"),
    ("MemoryHigh", "memory"),
    ("MemoryLow", "memory"),
    ("MemoryMax", "memory"),
    ("MemoryMin", "memory"),
    ("MemorySwapMax", "memory"),
    ("TasksMax", "pids"),
];

/// All of it, in whole sentences.
pub(super) fn doubts(config: &Config, carrier: Carrier) -> Vec<String> {
    let filters = |worker: &Worker| worker.systemd.contains_key("SystemCallFilter");
    let calls = config.workers.values().any(filters).then(calls).flatten();
    let controllers = controllers(carrier);
    let of_one = |worker: &Worker| {
        let mut doubts = match carrier {
            Carrier::System => Vec::new(),
            Carrier::User => of_root(worker),
        };
        doubts.extend(controllers.iter().flat_map(|there| not_kept(worker, there)));
        doubts.extend(calls.iter().flat_map(|known| unknown(worker, known)));
        doubts
    };
    config.workers.values().flat_map(of_one).collect()
}

/// Adds what is not mounted to what workers lack.
pub(super) fn look_for_mounts(workers: &mut [(&WorkerName, OfWorker)], carrier: Carrier) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return;
    };
    let look = async {
        for whose in carrier.managers() {
            let Ok(manager) = Manager::connect(&whose).await else {
                continue;
            };
            for (_, doubts) in &mut *workers {
                if let Ok(Some(not_mounted)) = mount::below(&manager, &whose, &doubts.ways).await {
                    doubts.lacks = not_mounted.instead_of(mem::take(&mut doubts.lacks));
                }
            }
        }
    };
    // What is not answered in time is not known.
    drop(runtime.block_on(async { tokio::time::timeout(ANSWERS_WITHIN, look).await }));
}

fn of_root(worker: &Worker) -> Vec<String> {
    let set = |name: &&str| worker.systemd.contains_key(*name);
    let foreign = worker.groups().any(|(property, name)| {
        let own = matches!(account::group(name), Ok(Some(group)) if group.gid == getgid());
        property == "Group" && !own
    });
    let group = foreign.then_some("Group");
    OF_ROOT
        .into_iter()
        .filter(set)
        .chain(group)
        .map(|name| {
            let of = &worker.name;
            format!(
                "{name} of {of} is for a rig of root's: the service manager of a user has no right to it, \
                 and does not start {of}"
            )
        })
        .collect()
}

/// The controllers that the manager can give to units; `None` when that is not to be seen, as without
/// version 2 of control groups.
fn controllers(carrier: Carrier) -> Option<BTreeSet<String>> {
    let root = Path::new("/sys/fs/cgroup");
    let group = match carrier {
        Carrier::System => root.to_owned(),
        Carrier::User => {
            let user = getuid();
            root.join(format!("user.slice/user-{user}.slice/user@{user}.service"))
        }
    };
    let list = fs::read_to_string(group.join("cgroup.controllers")).ok()?;
    Some(list.split_whitespace().map(str::to_owned).collect())
}

fn not_kept(worker: &Worker, controllers: &BTreeSet<String>) -> Vec<String> {
    LIMITS
        .into_iter()
        .filter(|(name, needs)| worker.systemd.contains_key(name) && !controllers.contains(*needs))
        .map(|(name, needs)| {
            format!(
                "{name} of {} has no effect: control groups have no controller {needs} here; see: \
                 supervisorctl doctor",
                worker.name
            )
        })
        .collect()
}

/// The system calls that systemd knows here, and its sets of them.
fn calls() -> Option<BTreeSet<String>> {
    let answer = Command::new("systemd-analyze")
        .args(["syscall-filter", "--no-pager"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let known = listed(&text);
    // One that does not know it would list nothing at all.
    (answer.status.success() && known.contains("@known")).then_some(known)
}

/// systemd-analyze(1), `syscall-filter`: a set in a line, below it indented what it has.
fn listed(text: &str) -> BTreeSet<String> {
    let words = text.lines().map(str::trim);
    let words = words.filter(|word| !word.is_empty() && !word.starts_with('#'));
    words.map(str::to_owned).collect()
}

fn unknown(worker: &Worker, known: &BTreeSet<String>) -> Vec<String> {
    let set = worker.systemd.get("SystemCallFilter");
    let Some(Value::Filter(_, words)) = set.map(|setting| &setting.value) else {
        return Vec::new();
    };
    let names = words.iter().filter_map(|word| word.split(':').next());
    names
        .filter(|name| !known.contains(*name))
        .map(|name| {
            let what = match name.starts_with('@') {
                true => "set of system calls",
                false => "system call",
            };
            let meant = nearest(name, known.iter().map(String::as_str));
            let meant = meant.map(|near| format!("; did you mean \"{near}\"?"));
            format!(
                "{what} {name} of {} (SystemCallFilter) is unknown to systemd here, which leaves it out{}",
                worker.name,
                meant.unwrap_or_default()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Credentials, Environment};

    fn worker(settings: &str) -> Worker {
        let env = Environment {
            root: "/".into(),
            path: Vec::new(),
            home: None,
            executable: "/x".into(),
            credentials: Credentials::None,
            host_name: "pi".to_owned(),
        };
        let text = format!("[workers.a]\ncommand = 'true'\nsystemd = {{ {settings} }}");
        let config = config::parse(&text, Path::new("/rig.toml"), &env).unwrap();
        config.workers["a"].clone()
    }

    #[test]
    fn what_systemd_leaves_out_is_told() {
        let known = listed(
            "@known\n    # All known\n    ptrace\n    reboot\n\n@reboot\n    # Reboot\n    kexec_load\n    reboot\n",
        );
        let told = |filter: &str| unknown(&worker(&format!("SystemCallFilter = {filter}")), &known);
        assert!(told("['~ptrace:EPERM', '@reboot']").is_empty());
        assert_eq!(
            told("['~ptrce:EPERM', '@reboots', 'nothing']"),
            [
                "system call ptrce of a (SystemCallFilter) is unknown to systemd here, which leaves it out; \
                 did you mean \"ptrace\"?",
                "set of system calls @reboots of a (SystemCallFilter) is unknown to systemd here, which \
                 leaves it out; did you mean \"@reboot\"?",
                "system call nothing of a (SystemCallFilter) is unknown to systemd here, which leaves it out",
            ]
        );
    }

    #[test]
    fn a_limit_needs_its_controller() {
        let limited = worker("MemoryMax = '1G', TasksMax = 5, LimitNOFILE = 100");
        let there = |all: &str| all.split(' ').map(str::to_owned).collect();
        assert!(not_kept(&limited, &there("cpu memory pids")).is_empty());
        assert_eq!(
            not_kept(&limited, &there("cpu pids")),
            [
                "MemoryMax of a has no effect: control groups have no controller memory here; see: \
              supervisorctl doctor"
            ]
        );
        assert_eq!(not_kept(&limited, &BTreeSet::new()).len(), 2);
    }

    #[test]
    fn a_users_manager_takes_on_nobody() {
        let told = |settings: &str| of_root(&worker(settings));
        assert!(told("ProtectSystem = 'strict', LimitNOFILE = 100").is_empty());
        let own = getgid();
        assert!(told(&format!("Group = '{own}'")).is_empty());
        let others = told("User = 'nobody', Group = '4000000000', SupplementaryGroups = ['root']");
        let names: Vec<_> = others
            .iter()
            .filter_map(|text| text.split(' ').next())
            .collect();
        assert_eq!(names, ["SupplementaryGroups", "User", "Group"]);
        assert!(others[1].contains("does not start a"), "{}", others[1]);
    }
}
