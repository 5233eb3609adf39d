//! What a worker's service cannot be or have on this machine as it is, and what of that keeps it from
//! being started.
//!
//! Promise: none of it is a mistake of the file, and nothing of it is looked at as anybody but whoever
//! asks: what cannot be seen from here is not told.

mod reach;

use std::path::Path;

use super::{Lack, Program, Worker, environment::Environment};
use crate::{
    host::{account, look::At, way::way},
    paths::typed,
    systemd::property::{Settings, Value},
};
use reach::Account;

/// systemd hands over no more than this to one service, names and contents together (systemd.exec(5),
/// `LoadCredential=`; `CREDENTIALS_TOTAL_SIZE_MAX` in its src/shared/creds-util.h).
const MOST_SECRETS: u64 = 1024 * 1024;
/// A variable with its name and the zero byte at its end (execve(2), `MAX_ARG_STRLEN`).
const LONGEST_VARIABLE: u64 = 128 * 1024;

/// Properties whose paths have to be there, unless `-` is before them.
const PATHS: [&str; 4] = [
    "InaccessiblePaths",
    "NoExecPaths",
    "ReadOnlyPaths",
    "ReadWritePaths",
];

impl Worker {
    /// The name or number of the user that it is to be, where that is said.
    pub fn user(&self) -> Option<&str> {
        match &self.systemd.get("User")?.value {
            Value::Text(name) => Some(name),
            _ => None,
        }
    }

    /// The names or numbers of groups that it is to have, with the property that says so.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, &str)> {
        ["Group", "SupplementaryGroups"]
            .into_iter()
            .flat_map(|property| {
                let names = texts(&self.systemd, property);
                names.map(move |name| (property, name))
            })
    }
}

/// The texts that a property is set to.
fn texts<'a>(settings: &'a Settings, property: &str) -> impl Iterator<Item = &'a str> {
    let texts = match settings.get(property).map(|setting| &setting.value) {
        Some(Value::Text(text)) => std::slice::from_ref(text),
        Some(Value::List(texts)) => texts,
        _ => &[],
    };
    texts.iter().map(String::as_str)
}

/// All of it that need not keep it from being started, in whole sentences.
pub(super) fn doubts(worker: &Worker, env: &Environment, at: &At) -> Vec<String> {
    let mut doubts = secrets(worker, env, at);
    doubts.extend(closed(worker, env, at));
    doubts
}

/// Users, groups and paths without which systemd starts nothing.
pub(super) fn lacks(worker: &Worker, env: &Environment, at: &At) -> Vec<Lack> {
    let mut lacks = accounts(worker, at);
    lacks.extend(paths(worker, env, at));
    lacks
}

/// Files that change when what [`lacks`] looks at comes to be there.
pub(super) fn needs(worker: &Worker) -> impl Iterator<Item = &Path> {
    let users = worker.user().map(|_| Path::new("/etc/passwd"));
    let groups = worker.groups().next().map(|_| Path::new("/etc/group"));
    let paths = PATHS.into_iter().flat_map(|property| {
        let paths = texts(&worker.systemd, property).filter_map(needed);
        paths.map(Path::new)
    });
    users.into_iter().chain(groups).chain(paths)
}

/// Whether it is a file that one service could be handed, as far as who asks can see.
pub(super) fn can_be_handed_over(file: &Path, env: &Environment) -> bool {
    file.is_absolute() && env.readable(file).is_ok_and(|size| size <= MOST_SECRETS)
}

fn accounts(worker: &Worker, at: &At) -> Vec<Lack> {
    let lack = |kind: &str, name: &str, property: &str| {
        let named = name.parse::<u32>().is_err();
        Lack {
            hint: named.then(|| format!("add it: {kind}add {}", typed(Path::new(name)))),
            ..Lack::of(format!("{kind} {name} ({property}) does not exist"))
        }
    };
    let is_unknown = |name: &&str| {
        at.comes_to(&account::shows_user(name));
        matches!(account::user(name), Ok(None))
    };
    let user = worker.user().filter(is_unknown);
    let user = user.map(|name| lack("user", name, "User"));
    let groups = worker.groups().filter_map(|(property, name)| {
        at.comes_to(&account::shows_group(name));
        let unknown = matches!(account::group(name), Ok(None));
        unknown.then(|| lack("group", name, property))
    });
    user.into_iter().chain(groups).collect()
}

fn paths(worker: &Worker, env: &Environment, at: &At) -> Vec<Lack> {
    let mut lacks = Vec::new();
    for property in PATHS {
        for text in texts(&worker.systemd, property) {
            let absent = needed(text).map(Path::new).filter(|path| {
                at.comes_to(path);
                env.is_absent(path)
            });
            lacks.extend(absent.map(|path| Lack {
                hint: Some(format!(
                    "make it, or where it need not be there, write \"-{text}\""
                )),
                ways: way(path),
                ..Lack::of(format!(
                    "path {} ({property}) does not exist",
                    path.display()
                ))
            }));
        }
    }
    lacks
}

/// The path, if it has to be there.
fn needed(text: &str) -> Option<&str> {
    let path = text.strip_prefix('+').unwrap_or(text);
    (!path.starts_with('-')).then_some(path)
}

fn secrets(worker: &Worker, env: &Environment, at: &At) -> Vec<String> {
    let of = &worker.name;
    // Without its users the proxy lacks something, and that is told already.
    let lacked = matches!(worker.program, Program::BuiltinProxy(_));
    let (mut doubts, mut all) = (Vec::new(), 0);
    for (name, path) in &worker.secrets.files {
        let shown = path.display();
        at.comes_to(path);
        let size = match env.readable(path) {
            Ok(size) => size,
            // Who asks may see less than the daemon does.
            Err(why) => {
                if !why.is_hidden() && !lacked {
                    doubts.push(format!("secret {name} of {of} is {shown}, which {why}"));
                }
                continue;
            }
        };
        all += name.len() as u64 + size;
        let variables = worker.secrets.variables.iter();
        for (variable, _) in variables.filter(|(_, secret)| *secret == name) {
            // The newline at its end is where the zero byte is going to be.
            if variable.len() as u64 + 1 + size > LONGEST_VARIABLE {
                doubts.push(format!(
                    "secret {name} of {of} is {shown}, which is too large for the environment: {size} bytes, and \
                     {variable} may have {LONGEST_VARIABLE} with its name"
                ));
            }
        }
    }
    if all > MOST_SECRETS {
        doubts.push(format!(
            "secrets of {of} have {all} bytes with their names, and systemd hands over no more than {MOST_SECRETS}"
        ));
    }
    doubts
}

/// Directories and the program, where another user has no way to them.
fn closed(worker: &Worker, env: &Environment, at: &At) -> Vec<String> {
    let Some(user) = worker.user() else {
        return Vec::new();
    };
    let Some(account) = Account::of(user, worker.groups()) else {
        return Vec::new();
    };
    let mut places = vec![("workdir", worker.workdir.as_path(), reach::ENTER)];
    let worktree = worker.worktree.as_deref();
    places.extend(worktree.map(|path| ("worktree", path, reach::ENTER | reach::READ)));
    if let Program::Command(command) = &worker.program {
        places.push(("program", &command.program, reach::ENTER));
    }
    let mut doubts: Vec<String> = Vec::new();
    let mut told = Vec::new();
    for (what, path, need) in places {
        at.comes_to(path);
        if let Some(closed) = account.is_kept_out_of(path, need, env)
            && !told.contains(&closed)
        {
            doubts.push(format!(
                "{what} {} of {} is closed to user {user} at {}; see: namei -l {}",
                path.display(),
                worker.name,
                closed.display(),
                typed(path),
            ));
            told.push(closed);
        }
    }
    doubts
}
