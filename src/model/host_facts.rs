//! What another host has for us, as it said itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What it said; what it did not say is not known. The words are the host's, and may be anything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Who we are there.
    pub user: Option<String>,
    /// Its kernel.
    pub kernel: Option<String>,
    /// The life of that.
    pub boot: Option<String>,
    /// Seconds since it booted.
    pub uptime: Option<u64>,
    /// Processors.
    pub cpus: Option<u64>,
    /// Processes that ran or waited for a processor or a disk, in the last minute.
    pub load: Option<f64>,
    /// Memory, in KiB.
    pub memory: Option<u64>,
    /// Memory that a new process can have, in KiB.
    pub memory_available: Option<u64>,
    /// Programs that are there: a version or a path.
    pub has: BTreeMap<String, String>,
    /// Programs that are not.
    pub lacks: BTreeSet<String>,
    /// Programs that do not do what is asked of them.
    pub broken: BTreeSet<String>,
    /// Where programs are looked for.
    pub search: Option<String>,
    /// The directory of our records.
    pub ours: HostDirectory,
    /// The directory of the sockets of tmux.
    pub sockets: HostDirectory,
    /// `/tmp`.
    pub tmp: HostDirectory,
    /// What is started belongs to a login session that systemd-logind knows.
    pub session: Option<bool>,
    /// Whatever belongs to one is killed with it.
    pub kills: Option<bool>,
    /// But not what is this user's.
    pub spared: Option<bool>,
    /// The user's own manager goes on without a session.
    pub linger: Option<bool>,
}

/// A directory there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HostDirectory {
    /// Absolute.
    pub path: Option<String>,
    /// Whether there is anything, and whether that is a directory.
    pub is: Option<HostDirectoryIs>,
    /// There is a symbolic link in its place.
    pub link: Option<bool>,
    /// It is this user's.
    pub own: Option<bool>,
    /// As ls(1) writes it.
    pub mode: Option<String>,
    /// The nearest one that is there: itself, or that in which it would be made.
    pub at: Option<String>,
    /// Something can be made in that.
    pub writable: Option<bool>,
    /// Free space there, in KiB.
    pub free: Option<u64>,
    /// Files that can be made there.
    pub inodes: Option<u64>,
}

/// What is in the place of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostDirectoryIs {
    /// A directory.
    Directory,
    /// Nothing.
    Missing,
    /// Something else.
    Other,
}
