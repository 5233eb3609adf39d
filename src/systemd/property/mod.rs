//! Properties of a unit that an operator may set for a worker, under systemd's own names.
//!
//! Promise: what [`Property::read`] takes, systemd takes too, and means the same by it as it does in a
//! unit file; `tests/systemd` compares the two for each. What is not in the table is not settable
//! here: the rest of a unit is how a worker is supervised. Users that exist for one run only
//! (`DynamicUser=`) own nothing that a worker could come back to.
//!
//! How: a unit file's text and the value on the bus are not the same thing (`CPUQuota=50%` is
//! `CPUQuotaPerSecUSec`, 500000): a `Syntax` goes from the one to the other. Names and meanings
//! are in systemd.exec(5), systemd.resource-control(5) and systemd.service(5).

mod names;
mod numbers;
mod syntax;

use std::collections::BTreeMap;

use serde::Serialize;

use syntax::Syntax;
pub use syntax::{Expected, Value, Written};

/// One property.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    /// As in a unit file.
    pub name: &'static str,
    /// As on the bus.
    on_bus: &'static str,
    syntax: Syntax,
    /// It says how much a worker may have, and not what it may do.
    limits: bool,
}

/// Properties that are set, by their names in a unit file.
pub type Settings = BTreeMap<&'static str, Setting>;

/// A property that is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Setting {
    /// Its name on the bus.
    #[serde(skip)]
    pub on_bus: &'static str,
    /// What it is set to.
    pub value: Value,
    /// It only bounds how much a worker may have. Who runs without it may have more, but is who it
    /// should be and may do no more than it should.
    #[serde(skip)]
    pub limits: bool,
}

const fn property(name: &'static str, syntax: Syntax) -> Property {
    Property {
        name,
        on_bus: name,
        syntax,
        limits: false,
    }
}

const fn limit(name: &'static str, syntax: Syntax) -> Property {
    Property {
        limits: true,
        ..property(name, syntax)
    }
}

const DEVICES: Syntax = Syntax::Word(&["auto", "closed", "strict"]);
const HOME: Syntax = Syntax::Word(&["no", "yes", "read-only", "tmpfs"]);
const OOM: Syntax = Syntax::Word(&["continue", "stop", "kill"]);
const PROC: Syntax = Syntax::Word(&["default", "noaccess", "invisible", "ptraceable"]);
const SUBSET: Syntax = Syntax::Word(&["all", "pid"]);
/// With less, not even a shell runs.
const LEAST_MEMORY: u64 = 1 << 20;
/// With less, the start and the end of a worker cannot be recorded.
const LEAST_FILE: u64 = 64 << 10;
/// With less, a worker's service does not come as far as the worker.
const LEAST_FILES: u64 = 64;
const SYSTEM: Syntax = Syntax::Word(&["no", "yes", "full", "strict"]);

/// Every property that may be set.
pub const PROPERTIES: &[Property] = &[
    property("AmbientCapabilities", Syntax::Capabilities),
    limit("CPUWeight", Syntax::Weight),
    Property {
        on_bus: "CPUQuotaPerSecUSec",
        ..limit("CPUQuota", Syntax::Quota)
    },
    property("CapabilityBoundingSet", Syntax::Capabilities),
    property("DevicePolicy", DEVICES),
    property("Group", Syntax::Account),
    limit("IOWeight", Syntax::Weight),
    property("IgnoreSIGPIPE", Syntax::Boolean),
    property("InaccessiblePaths", Syntax::Paths),
    limit("LimitCORE", Syntax::Bytes(0)),
    limit("LimitFSIZE", Syntax::Bytes(LEAST_FILE)),
    limit("LimitMEMLOCK", Syntax::Bytes(0)),
    limit("LimitNOFILE", Syntax::Count(LEAST_FILES)),
    limit("LimitNPROC", Syntax::Count(0)),
    property("LockPersonality", Syntax::Boolean),
    property("MemoryDenyWriteExecute", Syntax::Boolean),
    limit("MemoryHigh", Syntax::Bytes(LEAST_MEMORY)),
    limit("MemoryLow", Syntax::Bytes(0)),
    limit("MemoryMax", Syntax::Bytes(LEAST_MEMORY)),
    limit("MemoryMin", Syntax::Bytes(0)),
    limit("MemorySwapMax", Syntax::Bytes(0)),
    limit("Nice", Syntax::Between(-20, 19)),
    property("NoExecPaths", Syntax::Paths),
    property("NoNewPrivileges", Syntax::Boolean),
    limit("OOMPolicy", OOM),
    limit("OOMScoreAdjust", Syntax::Between(-1000, 1000)),
    property("PrivateDevices", Syntax::Boolean),
    property("PrivateIPC", Syntax::Boolean),
    property("PrivateMounts", Syntax::Boolean),
    property("PrivateNetwork", Syntax::Boolean),
    property("PrivateTmp", Syntax::Boolean),
    property("PrivateUsers", Syntax::Boolean),
    property("ProcSubset", SUBSET),
    property("ProtectClock", Syntax::Boolean),
    property("ProtectControlGroups", Syntax::Boolean),
    property("ProtectHome", HOME),
    property("ProtectHostname", Syntax::Boolean),
    property("ProtectKernelLogs", Syntax::Boolean),
    property("ProtectKernelModules", Syntax::Boolean),
    property("ProtectKernelTunables", Syntax::Boolean),
    property("ProtectProc", PROC),
    property("ProtectSystem", SYSTEM),
    property("ReadOnlyPaths", Syntax::Paths),
    property("ReadWritePaths", Syntax::Paths),
    property("RemoveIPC", Syntax::Boolean),
    property("RestrictAddressFamilies", Syntax::Families),
    property("RestrictNamespaces", Syntax::Namespaces),
    property("RestrictRealtime", Syntax::Boolean),
    property("RestrictSUIDSGID", Syntax::Boolean),
    property("SupplementaryGroups", Syntax::Accounts),
    property("SystemCallArchitectures", Syntax::Architectures),
    property("SystemCallErrorNumber", Syntax::Errno),
    property("SystemCallFilter", Syntax::Calls),
    limit("TasksMax", Syntax::Count(1)),
    property("UMask", Syntax::Mode),
    property("User", Syntax::Account),
];

impl Property {
    /// The property of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROPERTIES.iter().find(|property| property.name == name)
    }

    /// What its value looks like.
    pub fn expected(&self) -> Expected {
        Expected(self.syntax)
    }

    /// It may be set to an array of which each item stands for itself.
    pub fn is_list(&self) -> bool {
        self.syntax.is_list()
    }

    /// The words that it may be set to, where there are only so many.
    pub fn words(&self) -> &'static [&'static str] {
        self.syntax.words()
    }

    /// What is written the way others write it, as systemd does: `2GB` is `2G`, and 200 of 100 are
    /// `200%`.
    pub fn meant(&self, written: Written<'_>) -> Option<String> {
        let guess = match (self.syntax, written) {
            (Syntax::Bytes(_), Written::Text(text)) => {
                let letters = text.replace(' ', "").to_uppercase();
                let size = letters.strip_suffix("IB").or(letters.strip_suffix('B'));
                size.unwrap_or(&letters).to_owned()
            }
            // A few percent may as well be a few processors.
            (Syntax::Quota, Written::Text(text)) if text.len() > 1 => format!("{text}%"),
            (Syntax::Quota, Written::Integer(number @ 10..)) => format!("{number}%"),
            _ => return None,
        };
        self.read(Written::Text(&guess)).is_ok().then_some(guess)
    }

    /// The property, set to what is written.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn read(&self, written: Written<'_>) -> Result<Setting, Expected> {
        let value = syntax::value(self.syntax, written).ok_or(self.expected())?;
        Ok(Setting {
            on_bus: self.on_bus,
            value,
            limits: self.limits,
        })
    }
}

#[cfg(test)]
mod tests;
