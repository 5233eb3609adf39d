//! Why a unit ended before its worker began, in words.
//!
//! How: what the manager does between fork and exec has an exit status for each step (systemd.exec(5),
//! "Process Exit Codes"), and the recorder writes down that one as it does every other. It is not told
//! of what a session's unit begins with, for that is no main process; of this the journal knows. Which
//! of the worker's properties a step is about is known here.

use std::fs;

use super::{RECORD, journal};
use crate::{
    config::Worker,
    launch::{ATTEMPT, command::Runner, directory::Directory},
    model::AttemptRef,
    systemd::{
        manager::Whose,
        property::{Settings, Value},
    },
};

/// systemd's `SD_MESSAGE_SPAWN_FAILED` (sd-messages.h): a step did not succeed.
const SPAWN_FAILED: &str = "MESSAGE_ID=641257651c1b4ec9a8624d7a40a9e1e7";

/// A step before the exec: its exit status, systemd's name, what did not succeed, and the properties
/// that it is about.
type Step = (u8, &'static str, &'static str, &'static [&'static str]);

/// Properties for which the manager makes a view of the file system.
const VIEW: &[&str] = &[
    "InaccessiblePaths",
    "NoExecPaths",
    "PrivateDevices",
    "PrivateIPC",
    "PrivateMounts",
    "PrivateTmp",
    "ProcSubset",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
];

/// Properties that filter system calls.
const CALLS: &[&str] = &[
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "ProtectClock",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
];

const STEPS: &[Step] = &[
    (201, "NICE", "its nice value cannot be set", &["Nice"]),
    (
        203,
        "EXEC",
        "its program cannot be executed",
        &["User", "NoExecPaths", "LimitNOFILE"],
    ),
    (
        205,
        "LIMITS",
        "a limit cannot be set",
        &[
            "LimitCORE",
            "LimitFSIZE",
            "LimitMEMLOCK",
            "LimitNOFILE",
            "LimitNPROC",
        ],
    ),
    (
        206,
        "OOM_ADJUST",
        "its OOM score cannot be set",
        &["OOMScoreAdjust"],
    ),
    (209, "STDOUT", "its output cannot be opened", &["User"]),
    (
        216,
        "GROUP",
        "a group does not exist, or may not be taken on",
        &["User", "Group", "SupplementaryGroups"],
    ),
    (
        217,
        "USER",
        "a user does not exist, or may not be taken on",
        &["User", "PrivateUsers"],
    ),
    (
        218,
        "CAPABILITIES",
        "capabilities cannot be given or taken away",
        &[
            "AmbientCapabilities",
            "CapabilityBoundingSet",
            "PrivateDevices",
        ],
    ),
    (219, "CGROUP", "its control group cannot be set up", &[]),
    (
        222,
        "STDERR",
        "its errors' output cannot be opened",
        &["User"],
    ),
    (
        225,
        "NETWORK",
        "a network of its own cannot be made",
        &["PrivateNetwork"],
    ),
    (
        226,
        "NAMESPACE",
        "its view of the file system cannot be made",
        VIEW,
    ),
    (228, "SECCOMP", "system calls cannot be filtered", CALLS),
    (
        232,
        "ADDRESS_FAMILIES",
        "address families cannot be filtered",
        &["RestrictAddressFamilies"],
    ),
    (
        243,
        "CREDENTIALS",
        "its secrets cannot be handed over: one cannot be read, or all of them are more than 1 MiB",
        &[],
    ),
];

/// Why the unit of this attempt, in which no worker has begun, has ended; `None` when nobody knows.
pub(super) async fn failed(
    attempt: &AttemptRef,
    directory: &Directory,
    worker: &Worker,
    runner: &Runner,
    whose: &Whose,
) -> Option<String> {
    if let Some(why) = recorded(directory, &worker.systemd) {
        return Some(why);
    }
    let of_it = [
        SPAWN_FAILED.to_owned(),
        format!("{ATTEMPT}={}", attempt.attempt),
    ];
    let messages = journal::messages(runner, whose, &of_it).await?;
    let (status, ..) = messages.iter().find_map(|message| told(message))?;
    said("exit-code", "exited", &status.to_string(), &worker.systemd)
}

fn recorded(directory: &Directory, settings: &Settings) -> Option<String> {
    let text = fs::read_to_string(directory.path().join(RECORD)).ok()?;
    let (complete, _) = text.rsplit_once('\n')?;
    let mut words = complete.lines().next_back()?.split(' ');
    let (result, code, status) = (words.next()?, words.next()?, words.next()?);
    said(result, code, status, settings)
}

/// `loopkeeper-x.service: Failed at step NAMESPACE spawning /bin/sh: No such file or directory`
fn told(message: &str) -> Option<&'static Step> {
    let (_, rest) = message.split_once(": Failed at step ")?;
    let (name, _) = rest.split_once(' ')?;
    STEPS.iter().find(|step| step.1 == name)
}

fn said(result: &str, code: &str, status: &str, settings: &Settings) -> Option<String> {
    let (what, about) = match (result, code, status) {
        ("oom-kill", _, _) => (
            "its memory was used up before the worker began".to_owned(),
            &["MemoryMax", "MemorySwapMax"][..],
        ),
        (_, "killed" | "dumped", "SYS") => (
            "a system call that it needs is not allowed".to_owned(),
            CALLS,
        ),
        (_, "killed" | "dumped", signal) => (
            format!("it was killed by SIG{signal} before the worker began"),
            &[][..],
        ),
        (_, "exited", status) => {
            let number: u8 = status.parse().ok()?;
            match STEPS.iter().find(|step| step.0 == number) {
                Some((_, name, what, about)) => (
                    format!("{what} (systemd's step {name}, exit status {number})"),
                    *about,
                ),
                None => (
                    format!("it ended with exit status {number} before the worker began"),
                    &[][..],
                ),
            }
        }
        _ => return None,
    };
    let about: Vec<_> = about
        .iter()
        .filter_map(|name| Some(shown(name, &settings.get(name)?.value)))
        .collect();
    Some(match about.is_empty() {
        true => what,
        false => format!("{what}; its table `systemd` has {}", about.join(", ")),
    })
}

/// A number on the bus need not be what was written.
fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{name} = \"{text}\""),
        Value::List(words) | Value::Filter(true, words) => format!("{name} = {words:?}"),
        Value::Boolean(_)
        | Value::Number(_)
        | Value::Integer(_)
        | Value::Mode(_)
        | Value::Filter(false, _) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systemd::property::{Property, Written};

    fn settings(all: &[(&str, &str)]) -> Settings {
        let read = |(name, text): &(&str, &str)| {
            let property = Property::named(name).unwrap();
            (property.name, property.read(Written::Text(text)).unwrap())
        };
        all.iter().map(read).collect()
    }

    #[test]
    fn a_step_is_told_with_what_it_is_about() {
        let set = settings(&[
            ("Group", "nowho"),
            ("MemoryMax", "2M"),
            ("ReadOnlyPaths", "/nowhere"),
            ("SystemCallFilter", "@default"),
        ]);
        for (line, words) in [
            (
                "exit-code exited 216",
                "a group does not exist, or may not be taken on (systemd's step GROUP, exit status 216); \
                 its table `systemd` has Group = \"nowho\"",
            ),
            (
                "exit-code exited 226",
                "its view of the file system cannot be made (systemd's step NAMESPACE, exit status 226); \
                 its table `systemd` has ReadOnlyPaths = [\"/nowhere\"]",
            ),
            (
                "core-dump dumped SYS",
                "a system call that it needs is not allowed; its table `systemd` has SystemCallFilter = \
                 [\"@default\"]",
            ),
            (
                "oom-kill killed KILL",
                "its memory was used up before the worker began; its table `systemd` has MemoryMax",
            ),
            (
                "signal killed XFSZ",
                "it was killed by SIGXFSZ before the worker began",
            ),
            (
                "exit-code exited 127",
                "it ended with exit status 127 before the worker began",
            ),
        ] {
            let mut parts = line.split(' ');
            let mut next = || parts.next().unwrap();
            let told = said(next(), next(), next(), &set);
            assert_eq!(told.as_deref(), Some(words), "{line}");
        }
        assert_eq!(said("resources", "-", "-", &set), None);
    }

    #[test]
    fn the_managers_message_names_the_step() {
        let unit = "loopkeeper-x.service";
        for (message, step) in [
            (
                "Failed at step NAMESPACE spawning /bin/sh: No such file or directory",
                Some(226),
            ),
            (
                "Failed at step CREDENTIALS spawning /bin/sh: Protocol error",
                Some(243),
            ),
            ("Failed at step NOTHING spawning /bin/sh: Success", None),
            ("Deactivated successfully.", None),
        ] {
            let found = told(&format!("{unit}: {message}"));
            assert_eq!(found.map(|step| step.0), step, "{message}");
        }
    }

    #[test]
    fn what_a_step_is_about_can_be_set() {
        for (status, name, _, about) in STEPS {
            assert!((200..=243).contains(status), "{name}");
            for property in *about {
                assert!(Property::named(property).is_some(), "{name}: {property}");
            }
        }
    }
}
