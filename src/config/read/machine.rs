//! Values that are checked against the machine: paths, directories, programs, credentials.

use std::path::{Path, PathBuf, absolute};

use super::values::texts;
use crate::config::{
    Command,
    environment::{Credentials, Flaw},
    reader::{Entry, Reading},
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
            entry.wrong(reading, format_args!("is no path: {error}"));
            None
        }
    }
}

/// A path; a relative one begins at the file's directory.
pub(super) fn path(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    path_in(entry, reading, reading.base)
}

/// A directory that exists.
pub(super) fn directory(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let path = path(entry, reading)?;
    match reading.env.directory(&path) {
        Ok(()) => Some(path),
        Err(why) => {
            let shown = path.display();
            let words = format!("is {shown}, which {why}");
            let complaint = entry.lacks(reading, &format!("directory {shown}"), words);
            if matches!(why, Flaw::Absent) {
                complaint.hint(format!("mkdir -p {shown}"));
            }
            None
        }
    }
}

/// A program with its arguments, looked up. `workdir` is where relative programs begin; without
/// it (it was wrong itself) they are not looked at.
pub(super) fn command(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    workdir: Option<&Path>,
) -> Option<Command> {
    if entry.is_string() {
        let script = entry.string(reading)?.to_owned();
        let shell = PathBuf::from("/bin/sh");
        if let Err(why) = reading.env.executable(&shell) {
            entry.wrong(reading, format_args!("needs /bin/sh, which {why}"));
        }
        return Some(Command {
            program: shell,
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
        program: program(&first, reading, workdir)?,
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
        let found = reading.env.program(name);
        if found.is_none() {
            missing_program(entry, reading, name, workdir);
        }
        return found;
    }
    let relative = !name.starts_with('/') && !name.starts_with("~/");
    if relative && workdir.is_none() {
        return None;
    }
    let path = path_in(entry, reading, workdir.unwrap_or(Path::new("/")))?;
    match reading.env.executable(&path) {
        Ok(()) => Some(path),
        Err(why) => {
            let complaint =
                entry.wrong(reading, format_args!("is {}, which {why}", path.display()));
            if matches!(why, Flaw::NotExecutable) {
                complaint.hint(format!("chmod +x {}", path.display()));
            }
            None
        }
    }
}

fn missing_program(
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
    name: &str,
    workdir: Option<&Path>,
) {
    let beside = workdir.is_some_and(|workdir| reading.env.executable(&workdir.join(name)).is_ok());
    let searched: Vec<_> = reading
        .env
        .path
        .iter()
        .map(|directory| directory.display().to_string())
        .collect();
    let hint = if beside {
        format!("did you mean \"./{name}\"?")
    } else {
        format!("PATH is {}", searched.join(":"))
    };
    let words = format!("is \"{name}\", which is not in PATH");
    entry
        .lacks(reading, &format!("program {name}: {hint}"), words)
        .hint(hint);
}

/// A program of that name in PATH, for a key that implies it.
pub(super) fn implied_program(
    name: &str,
    entry: &Entry<'_>,
    reading: &mut Reading<'_>,
) -> Option<PathBuf> {
    let found = reading.env.program(name);
    if found.is_none() {
        entry
            .wrong(reading, format_args!("needs {name}, which is not in PATH"))
            .hint(format!("install {name}"));
    }
    found
}

/// The file of a credential: by name in the credentials directory, or by absolute path.
pub(super) fn credential(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let text = entry.string(reading)?;
    let path = if text.starts_with('/') || text.starts_with("~/") {
        path(entry, reading)?
    } else if text.contains('/') || text == "." || text == ".." {
        entry.wrong(reading, format_args!("is \"{text}\""));
        return None;
    } else {
        match &reading.env.credentials {
            Credentials::In(directory) => directory.join(text),
            Credentials::Elsewhere(directory) => return Some(directory.join(text)),
            Credentials::None => {
                entry
                    .wrong(
                        reading,
                        format_args!("is credential \"{text}\", and $CREDENTIALS_DIRECTORY is not set"),
                    )
                    .hint(format!(
                        "add LoadCredential={text}:/path/of/the/file to the unit, or write an absolute path"
                    ));
                return None;
            }
        }
    };
    match reading.env.file(&path) {
        Ok(()) => Some(path),
        Err(why) => {
            entry.wrong(reading, format_args!("is {}, which {why}", path.display()));
            None
        }
    }
}
