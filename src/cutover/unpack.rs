//! Out of an archive.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::{
        ffi::OsStringExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Component, Path, PathBuf},
};

use serde::de::DeserializeOwned;

use super::{CutoverError, DIRECTORIES, End, FIRST, FORM, INBOX, LAST, Manifest, file_error};
use crate::{
    decide::{HANDED_OVER, handed_over},
    inbox,
    store::{DATABASE, FILES, Store, gates},
};

/// Below the state directory, while it is unpacked.
const PLACE: &str = "cutover.new";
/// Of the first entry and the last no more is read.
const LONGEST: u64 = 64 << 10;
/// No path has more bytes (PATH_MAX).
const LONGEST_NAME: u64 = 4096;

/// What came, and what was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// What the archive is of.
    pub manifest: Manifest,
    /// Where the records are that were there before.
    pub set_aside: Option<PathBuf>,
}

/// Unpacks a rig into a state directory that no daemon has. Records that are there are in the way, unless
/// they are to be `replaced`: then they are set aside.
///
/// # Errors
/// What is wrong with the archive, or in the way; nothing has changed then, but for errors in putting it in
/// place, after which a daemon that starts runs no loop, and this can be done again.
pub fn unpack(state: &Path, archive: impl Read, replace: bool) -> Result<Arrived, CutoverError> {
    make(state)?;
    let place = state.join(PLACE);
    remove(&place)?;
    make(&place)?;
    let done = read_archive(&place, archive).and_then(|manifest| {
        refuse(state, &place, &manifest, replace)?;
        let aside = format!("before-cutover-{}", manifest.id);
        let set_aside = Store::put_in_place(state, &place, &DIRECTORIES, &aside)?;
        Ok(Arrived {
            manifest,
            set_aside,
        })
    });
    let removed = remove(&place);
    let arrived = done?;
    removed?;
    Ok(arrived)
}

fn read_archive(place: &Path, archive: impl Read) -> Result<Manifest, CutoverError> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().map_err(|error| broken(error, false))?;
    let (mut manifest, mut files, mut last) = (None, 0, None);
    let mut order = Order::default();
    let mut long = None;
    // As it is written: who reads what an entry says of the next one would read all of that into memory.
    for entry in entries.raw(true) {
        let broken = |error| broken(error, manifest.is_some());
        let mut entry = entry.map_err(broken)?;
        let is_long = entry.header().entry_type().is_gnu_longname();
        if is_long && entry.size() <= LONGEST_NAME && long.is_none() && manifest.is_some() {
            long = Some(long_name(&mut entry)?);
            continue;
        }
        let name = match long.take() {
            Some(name) => name,
            None => entry.path().map_err(broken)?.into_owned(),
        };
        let is_file = entry.header().entry_type().is_file();
        let unwanted =
            || CutoverError::Archive(format!("{} does not belong there", name.display()));
        match (name.to_str(), &manifest) {
            (Some(FIRST), None) if is_file => manifest = Some(first(&mut entry)?),
            (_, None) => {
                return Err(CutoverError::Archive(format!(
                    "{FIRST} is not its first file"
                )));
            }
            (Some(LAST), Some(_)) if is_file && last.is_none() => {
                last = Some(json::<End>(&mut entry, LAST)?.files);
            }
            (_, Some(_)) if is_file && last.is_none() && may_be(&name) => {
                write(place, &name, &mut entry, &mut order)?;
                files += 1;
            }
            (_, Some(_)) => return Err(unwanted()),
        }
    }
    match (manifest, last) {
        (Some(manifest), Some(last)) if last == files => Ok(manifest),
        (None, _) => Err(CutoverError::Archive("it is empty".into())),
        (Some(_), _) => Err(CutoverError::Archive("its end is missing".into())),
    }
}

/// It cannot be read, or is no archive; `has_begun`: its first file is. Who reads it words that with bytes of it,
/// which say nothing to anybody.
fn broken(error: io::Error, has_begun: bool) -> CutoverError {
    if error.raw_os_error().is_some() {
        return file_error("archive", "read")(error);
    }
    let why = match has_begun {
        true => "it is damaged, or its end is missing",
        false => "it is no tar file, or less than the first block of one",
    };
    CutoverError::Archive(why.to_owned())
}

/// What a name is that has no room in the entry that it is of.
fn long_name(entry: &mut impl Read) -> Result<PathBuf, CutoverError> {
    let mut name = Vec::new();
    let read = entry.take(LONGEST_NAME).read_to_end(&mut name);
    read.map_err(|error| broken(error, true))?;
    name.pop_if(|last| *last == 0);
    Ok(OsString::from_vec(name).into())
}

fn first(entry: &mut impl Read) -> Result<Manifest, CutoverError> {
    let value: serde_json::Value = json(entry, FIRST)?;
    match value.get("form").and_then(serde_json::Value::as_u64) {
        Some(form) if form == u64::from(FORM) => {}
        form => {
            let form = form.map_or("unknown".to_owned(), |form| form.to_string());
            let why = format!("its form is {form}, and this version knows {FORM}");
            return Err(CutoverError::Archive(why));
        }
    }
    let manifest: Manifest = serde_json::from_value(value)
        .map_err(|why| CutoverError::Archive(format!("{FIRST}: {why}")))?;
    let Manifest {
        rig,
        from,
        version,
        resume_point,
        ..
    } = &manifest;
    // They are shown on terminals, which these steer.
    let steers = [rig, from, version]
        .into_iter()
        .chain(resume_point)
        .any(|text| text.contains(char::is_control));
    match steers {
        true => Err(CutoverError::Archive(format!(
            "{FIRST} has control characters"
        ))),
        false => Ok(manifest),
    }
}

fn json<T: DeserializeOwned>(entry: &mut impl Read, name: &str) -> Result<T, CutoverError> {
    let mut text = Vec::new();
    let read = entry.take(LONGEST).read_to_end(&mut text);
    read.map_err(|error| broken(error, true))?;
    serde_json::from_slice(&text).map_err(|why| CutoverError::Archive(format!("{name}: {why}")))
}

/// Whether an archive has files of this name.
fn may_be(name: &Path) -> bool {
    let parts: Option<Vec<_>> = name
        .components()
        .map(|part| match part {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect();
    let is_worker = |name: &std::ffi::OsStr| {
        name.to_str()
            .is_some_and(|name| name.parse::<crate::model::WorkerName>().is_ok())
    };
    match parts.as_deref() {
        Some([handoff, file]) if *handoff == gates::NAME => gates::of_file(file).is_some(),
        Some([name]) => *name == DATABASE || FILES.iter().any(|file| *name == *file),
        Some([inbox, worker, file]) => *inbox == INBOX && is_worker(worker) && !inbox::is_end(file),
        Some([inbox, worker, below, _]) => {
            *inbox == INBOX && is_worker(worker) && inbox::is_end(below)
        }
        _ => false,
    }
}

/// Files of an inbox are in order of their last change, so one that is written after another one must have
/// changed after it.
#[derive(Default)]
pub(super) struct Order {
    last: (i64, i64),
}

impl Order {
    pub(super) fn is_later(&mut self, file: &File) -> io::Result<()> {
        loop {
            let meta = file.metadata()?;
            let changed = (meta.ctime(), meta.ctime_nsec());
            if changed > self.last {
                self.last = changed;
                return Ok(());
            }
            // A change of nothing counts, and the clock by which it does has steps of milliseconds.
            file.set_permissions(fs::Permissions::from_mode(meta.mode() & 0o7777))?;
        }
    }
}

fn write(
    place: &Path,
    name: &Path,
    content: &mut impl Read,
    order: &mut Order,
) -> Result<(), CutoverError> {
    let to = place.join(name);
    let shown = || name.display().to_string();
    let above = to.parent().unwrap_or(place);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(above)
        .map_err(file_error(shown(), "unpacked"))?;
    let mode = match name.starts_with(INBOX) {
        // They are in a directory for its owner alone, who has to be able to read them.
        true => 0o644,
        false if name == Path::new(DATABASE) || name.starts_with(gates::NAME) => 0o600,
        false => 0o644,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&to)
        .map_err(file_error(shown(), "unpacked"))?;
    let written = io::copy(content, &mut file)
        .and_then(|_| file.flush())
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode)))
        .and_then(|()| order.is_later(&file))
        .and_then(|()| file.sync_all());
    written.map_err(file_error(shown(), "unpacked"))
}

/// What is there already may not be in the way, and what came has to be whole.
fn refuse(
    state: &Path,
    place: &Path,
    manifest: &Manifest,
    replace: bool,
) -> Result<(), CutoverError> {
    if !place.join(DATABASE).exists() {
        return Err(CutoverError::Archive(format!("it has no {DATABASE}")));
    }
    let came = Store::read_only(place, &[])?;
    if let Some(problem) = came.problems.first() {
        return Err(CutoverError::Damaged(problem.to_string()));
    }
    if came.restored.paused.is_none() {
        return Err(CutoverError::Archive("its rig is not paused".into()));
    }
    let there = Store::read_only(state, &[])?.restored;
    let by = handed_over(there.paused.as_deref());
    if by == Some(manifest.id.as_str()) {
        return Err(CutoverError::Here(manifest.id.clone()));
    }
    let ran = there.workers.iter().find(|(_, known)| known.last.is_some());
    let has = match (by, ran) {
        (Some(by), _) => Some(format!("{HANDED_OVER}{by}")),
        (None, Some((worker, _))) => Some(format!("{worker} has run here")),
        (None, None) => None,
    };
    match has.filter(|_| !replace) {
        Some(has) => Err(CutoverError::History {
            dir: state.to_owned(),
            has,
        }),
        None => Ok(()),
    }
}

fn make(directory: &Path) -> Result<(), CutoverError> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(file_error(directory.display().to_string(), "made"))
}

fn remove(directory: &Path) -> Result<(), CutoverError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(
            directory.display().to_string(),
            "removed",
        )(error)),
        _ => Ok(()),
    }
}
