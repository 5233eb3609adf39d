//! What somebody meant who wrote a name that is not there.

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
    ("budget", &["startretries", "max_restarts"]),
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

/// The key that was probably meant.
pub(super) fn key<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let elsewhere = ELSEWHERE
        .iter()
        .filter(|(_, names)| names.contains(&given))
        .find_map(|(name, _)| known.iter().copied().find(|known| known == name));
    elsewhere.or_else(|| nearest(given, known.iter().copied()))
}

/// A longer text is no misspelt name, and the distance to it is costly to find.
const LONGEST_GUESSED: usize = 100;

/// The name that was probably meant.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if given.len() > LONGEST_GUESSED {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            // An abbreviation is meant, however much of the name it leaves out.
            let short = given.len() >= 3 && lower.starts_with(&given);
            let distance = if short {
                0
            } else {
                strsim::damerau_levenshtein(&given, &lower)
            };
            let longest = given.chars().count().max(lower.chars().count());
            (distance * 3 <= longest).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
