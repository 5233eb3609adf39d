//! Values that name something on the machine: paths, programs, credentials. Whether it is there is no
//! question of right or wrong (`lack`).

use std::path::{Path, PathBuf, absolute};

use super::{host, values::texts};
use crate::{
    causes::in_words,
    config::{
        Command, On,
        environment::Credentials,
        reader::{Entry, Reading},
    },
};

/// An absolute path: `~/` is the home directory, and a relative one begins at `base`.
pub(super) fn path_in(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    base: &Path,
) -> Option<PathBuf> {
    let text = entry.string(reading)?;
    let joined = match text.strip_prefix("~/") {
        Some(below) => match &reading.env.home {
            Some(home) => home.join(below),
            None => {
                entry
                    .wrong(reading, "begins with ~/ and there is no home directory")
                    .hint("write an absolute path");
                return None;
            }
        },
        None => base.join(text),
    };
    match absolute(&joined) {
        Ok(path) => Some(path),
        Err(error) => {
            entry.wrong(reading, format_args!("is no path: {}", in_words(&error)));
            None
        }
    }
}

/// A path; a relative one begins at the file's directory.
pub(super) fn path(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    path_in(entry, reading, reading.base)
}

/// A path on the machine of a worker.
pub(super) fn path_on(on: &On, entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    match on {
        On::Local => path(entry, reading),
        On::Host(_) => host::there(entry, reading).map(PathBuf::from),
    }
}

/// A program with its arguments. `workdir` is where relative programs begin; without it (it was wrong
/// itself) they have no place.
pub(super) fn command(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Command> {
    command_of(entry, reading, |first, reading| {
        program(first, reading, workdir)
    })
}

/// The same on the machine of a worker.
pub(super) fn command_on(
    on: &On,
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Command> {
    match on {
        On::Local => command(entry, reading, workdir),
        On::Host(_) => command_of(entry, reading, program_there),
    }
}

fn command_of(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    program: impl Fn(&Entry<'_>, &mut Reading<'_>) -> Option<PathBuf>,
) -> Option<Command> {
    if entry.is_string() {
        let script = entry.string(reading)?.to_owned();
        return Some(Command {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script],
        });
    }
    let items = entry.items("an argument, which is a string", reading)?;
    let Some((first, rest)) = items.split_first() else {
        entry.wrong(reading, "is empty");
        return None;
    };
    let arguments = texts(rest, reading);
    let first = first.expecting("a program that can be run");
    Some(Command {
        program: program(&first, reading)?,
        arguments: arguments?,
    })
}

fn program(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<PathBuf> {
    let name = entry.string(reading)?;
    if !name.contains('/') {
        // It stays what was written: where it is found may change while it runs.
        return Some(PathBuf::from(name));
    }
    let relative = !name.starts_with('/') && !name.starts_with("~/");
    if relative && workdir.is_none() {
        return None;
    }
    path_in(entry, reading, workdir.unwrap_or(Path::new("/")))
}

/// It stays relative: its workdir is gone to before it is run.
fn program_there(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let name = entry.string(reading)?;
    let is_there = !name.starts_with("~/");
    if !is_there {
        host::home_is_unknown(entry, name, reading).hint(format!(
            "a command that is a string is run by /bin/sh there, which knows: command = \"exec {name}\""
        ));
    }
    is_there.then(|| PathBuf::from(name))
}

/// The file of a credential: by name in the credentials directory, or by absolute path; the name alone
/// where there is no such directory.
pub(super) fn credential(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let text = entry.string(reading)?;
    if text.starts_with('/') || text.starts_with("~/") {
        return path(entry, reading);
    }
    if text.contains('/') || text == "." || text == ".." {
        entry.wrong(reading, format_args!("is \"{text}\""));
        return None;
    }
    Some(match &reading.env.credentials {
        Credentials::In(directory) | Credentials::Elsewhere(directory) => directory.join(text),
        Credentials::None => PathBuf::from(text),
    })
}
