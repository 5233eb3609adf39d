//! What a worker's service may not do, unless the worker's own `systemd = { … }` says otherwise.
//!
//! Promise: the builtin proxy, which strangers speak to, can do what its work needs and little else:
//! `systemd-analyze security` gives its service an exposure of 2.0 at most. Every other worker may do
//! what a person at a terminal may, for that is what loops do.
//!
//! How: properties as they stand in a unit file, and what differs from one rig to another. Nothing in
//! here holds for `ExecStop=` and `ExecStopPost=`, as units have `PermissionsStartOnly=`.

#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use crate::{
    config::{Builtin, Program, Worker},
    systemd::{
        manager::Whose,
        property::{Property, Settings, Written},
    },
};

/// A property and its value, as in a unit file.
type Row = (&'static str, &'static [&'static str]);

/// Of the builtin proxy, under every manager: the kernel asks nobody for the right to give up rights.
///
/// What is left open, and what for:
///
/// | | |
/// |---|---|
/// | `AF_INET`, `AF_INET6` | clients, and destinations |
/// | `AF_UNIX` | names are resolved by resolved or nscd |
/// | `IPAddressDeny=`, `PrivateNetwork=` | it goes wherever its rules let it, from where the machine is |
/// | `SystemCallFilter=` | reading settings, speaking to sockets, threads that resolve names |
const PROXY: &[Row] = &[
    ("LockPersonality", &["yes"]),
    ("MemoryDenyWriteExecute", &["yes"]),
    ("NoNewPrivileges", &["yes"]),
    (
        "RestrictAddressFamilies",
        &["AF_INET", "AF_INET6", "AF_UNIX"],
    ),
    ("RestrictNamespaces", &["yes"]),
    ("RestrictRealtime", &["yes"]),
    ("RestrictSUIDSGID", &["yes"]),
    ("SystemCallArchitectures", &["native"]),
    // A call that a later C library makes is refused; nobody is killed for it.
    ("SystemCallErrorNumber", &["EPERM"]),
    (
        "SystemCallFilter",
        &[
            "@basic-io",
            "@file-system",
            "@io-event",
            "@ipc",
            "@network-io",
            "@process",
            "@signal",
            "@sync",
            "@timer",
            "fadvise64",
            "flock",
            "getcpu",
            "getpriority",
            "ioctl",
            "madvise",
            "mremap",
            "readahead",
            "sched_getparam",
            "sched_getscheduler",
            "sendfile",
            "splice",
            "sysinfo",
            "umask",
            "uname",
        ],
    ),
    ("UMask", &["0077"]),
];

/// Of the builtin proxy where PID 1 carries it: this takes a manager with all rights.
///
/// What is left open, and what for:
///
/// | | |
/// |---|---|
/// | `User=` | its records are the daemon's; without a capability, and with no way to who serves root (`InaccessiblePaths=`), it is root in name alone |
/// | `PrivateUsers=` | a kernel may be told to have no more user namespaces, and nothing would run then |
/// | `PrivateTmp=` | makes directories, and it has to start while the disk is full |
/// | `RootDirectory=` | name servers, certificates and its executable are the machine's |
/// | `DeviceAllow=char-rtc` | comes with `ProtectClock=` |
const PROXY_OF_SYSTEM: &[Row] = &[
    ("PrivateDevices", &["yes"]),
    ("PrivateIPC", &["yes"]),
    ("PrivateMounts", &["yes"]),
    ("ProcSubset", &["pid"]),
    ("ProtectClock", &["yes"]),
    ("ProtectControlGroups", &["yes"]),
    ("ProtectHostname", &["yes"]),
    ("ProtectKernelLogs", &["yes"]),
    ("ProtectKernelModules", &["yes"]),
    ("ProtectKernelTunables", &["yes"]),
    ("ProtectProc", &["invisible"]),
    ("ProtectSystem", &["strict"]),
    // In a container, systemd 252 was seen to leave this writable with all of that.
    ("ReadOnlyPaths", &["/run"]),
];

/// Of every other worker where PID 1 carries it; under a user's manager there is nothing to take away.
///
/// The clock is everybody's, so is the memory of devices, and process accounting is the machine's. The
/// rest is left open, and what for:
///
/// | | |
/// |---|---|
/// | `NoNewPrivileges=`, `RestrictSUIDSGID=` | sudo, and packages that are built or installed |
/// | `SystemCallFilter=` and all that filters calls | with `User=`, systemd before 254 takes sudo away with each of them |
/// | `CapabilityBoundingSet=` | sudo, containers, networks of their own, debuggers, modules that drivers and firewalls ask for |
/// | `RestrictNamespaces=`, `Private…=`, `ProtectControlGroups=` | containers; and what a loop mounts is seen by the others |
/// | `Protect…=`, `ReadOnlyPaths=` | packages are installed, homes worked in, `/etc` and kernel settings changed |
/// | `MemoryDenyWriteExecute=`, `LockPersonality=` | just-in-time compilers, debuggers |
/// | `PrivateDevices=`, `DevicePolicy=` | KVM, FUSE, terminals, graphics |
/// | `RestrictAddressFamilies=`, `IPAddressDeny=` | ssh, package mirrors, netlink, sockets of containers |
/// | `User=` | the worker's, where it says one |
///
/// A worker that needs less says so in its own table.
const WORKER: &[Row] = &[(
    "CapabilityBoundingSet",
    &["~CAP_SYS_TIME", "CAP_SYS_RAWIO", "CAP_SYS_PACCT"],
)];

/// Sockets at which root is given whatever it asks for.
const DOORS: [&str; 5] = [
    "/run/dbus",
    "/run/systemd/private",
    "/run/docker.sock",
    "/run/containerd",
    "/run/podman",
];

/// Where `ProtectHome=` hides everything.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// Where systemd puts credentials.
const CREDENTIALS: &str = "/run/credentials";

/// What of ours a service may have to do with.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// The attempt's directory.
    pub(super) attempt: &'a Path,
    /// What is run.
    pub(super) executable: &'a Path,
    /// The directory of the control socket and those of tmux.
    pub(super) sockets: &'a Path,
}

/// What a worker's service is told of what it may do and have.
///
/// The attempt's directory is left to [`confine`](super::confine).
pub(super) fn of(worker: &Worker, whose: &Whose, places: Places<'_>) -> Settings {
    let rows = rows(worker, whose, places);
    let read = rows.iter().filter_map(|(name, value)| {
        let property = Property::named(name)?;
        let written = match &value[..] {
            [one] => Written::Text(one),
            more => Written::List(more),
        };
        // Only a word of ours that is none would not be understood, and a test reads them all.
        Some((property.name, property.read(written).ok()?))
    });
    let mut settings: Settings = read.collect();
    settings.extend(worker.systemd.clone());
    settings
}

/// The defaults, each once, as they stand in a unit file.
fn rows(worker: &Worker, whose: &Whose, places: Places<'_>) -> Vec<(&'static str, Vec<String>)> {
    let (fixed, with_root): (&[Row], &[Row]) = match &worker.program {
        Program::BuiltinProxy(_) => (PROXY, PROXY_OF_SYSTEM),
        Program::Command(_) | Program::Tailscale(_) => (&[], WORKER),
    };
    let with_root = match whose {
        Whose::System => with_root,
        Whose::User(_) => &[],
    };
    let owned = |(name, value): &Row| (*name, value.iter().map(|&word| word.to_owned()).collect());
    let mut rows: Vec<_> = fixed.iter().chain(with_root).map(owned).collect();
    if let (Program::BuiltinProxy(proxy), Whose::System) = (&worker.program, whose) {
        let users = proxy.auth.as_ref().map(|auth| auth.file.as_path());
        let mut read = [places.executable, places.attempt, &worker.workdir]
            .into_iter()
            .chain(users);
        let home = if read.any(is_in_a_home) {
            "read-only"
        } else {
            "yes"
        };
        let doors = DOORS.map(Path::new).into_iter().chain([places.sockets]);
        let doors = doors.map(|door| format!("-{}", door.display()));
        rows.extend([
            ("CapabilityBoundingSet", capabilities(proxy)),
            ("InaccessiblePaths", doors.collect()),
            ("ProtectHome", vec![home.to_owned()]),
        ]);
    }
    rows
}

fn capabilities(proxy: &Builtin) -> Vec<String> {
    let port = proxy.listen.port();
    let privileged = (1..1024).contains(&port).then_some("CAP_NET_BIND_SERVICE");
    // Whoever its owner is, and again at each SIGHUP.
    let file = proxy.auth.is_some() && proxy.credential().is_none();
    let users = file.then_some("CAP_DAC_READ_SEARCH");
    let needed = privileged.into_iter().chain(users);
    needed.map(str::to_owned).collect()
}

/// The proxy's settings as they are for who is confined in this unit.
pub(super) fn inside(proxy: &Builtin, unit: &str, whose: &Whose) -> Builtin {
    let mut inside = proxy.clone();
    if let (Some(auth), Whose::System, Some(_)) = (&mut inside.auth, whose, proxy.credential()) {
        auth.file = Path::new(CREDENTIALS).join(unit).join(Builtin::USERS);
    }
    inside
}

/// By the path, or by what it leads to.
fn is_in_a_home(path: &Path) -> bool {
    let is = |path: &Path| HOMES.iter().any(|home| path.starts_with(home));
    is(path) || fs::canonicalize(path).is_ok_and(|path| is(&path))
}
