//! What somebody meant who wrote a key that is not there.

use super::schema::{SECTIONS, Section};
use crate::nearest::nearest;

/// The keys by the names that they have in other supervisors.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "workers",
        &["program", "programs", "processes", "services", "apps"],
    ),
    ("command", &["cmd", "exec", "script", "entrypoint"]),
    ("requires", &["depends_on", "depends", "after"]),
    ("restart", &["autorestart", "restart_policy"]),
    (
        "workdir",
        &["cwd", "dir", "directory", "working_dir", "chdir"],
    ),
    ("environment", &["env", "environ", "vars"]),
    ("stop", &["stopsignal", "stopwaitsecs", "kill_timeout"]),
    ("budget", &["startretries", "max_restarts", "daily"]),
    ("ready", &["readiness_probe", "healthcheck"]),
    ("alive", &["liveness_probe"]),
];

/// What other supervisors have and this one has not, and what there is instead.
const NOT_YET: &[(&str, &str)] = &[
    (
        "user",
        "it is a property of the worker's service: systemd = { User = \"…\" }",
    ),
    (
        "autostart",
        "not supported yet: every worker is started; `supervisorctl stop` lasts until the next start",
    ),
];

/// That the name is one of something that does not exist here yet.
pub(super) fn not_yet(given: &str) -> Option<&'static str> {
    let (_, words) = NOT_YET.iter().find(|(name, _)| *name == given)?;
    Some(words)
}

/// The tables in which a key of this very name belongs that was written one table too high or too low, at
/// `path` in this section.
pub(super) fn places(section: &Section, path: &str, given: &str) -> Vec<String> {
    let having = SECTIONS
        .iter()
        .filter(|other| other.keys().any(|key| key.name == given));
    let place =
        |other: &&Section| match (other.name.rsplit_once('.'), section.name.rsplit_once('.')) {
            (Some((above, name)), _) if above == section.name => Some(format!("{path}.{name}")),
            (_, Some((above, _))) if above == other.name => {
                Some(path.rsplit_once('.')?.0.to_owned())
            }
            _ => None,
        };
    having.filter_map(place).collect()
}

/// The key that was probably meant.
pub(super) fn key<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let elsewhere = ELSEWHERE
        .iter()
        .filter(|(_, names)| names.contains(&given))
        .find_map(|(name, _)| known.iter().copied().find(|known| known == name));
    elsewhere.or_else(|| nearest(given, known.iter().copied()))
}
