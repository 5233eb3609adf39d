//! The records of a rig, taken along to another machine.
//!
//! Promise: a copy is whole, of one moment, and what it is taken from is not changed. Records that are
//! put into a state directory take the place of those that are there, which are set aside and never
//! removed. A daemon that comes before all of them are there runs nothing: that is written down before the
//! first of them moves, and taken away after the last.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::{
    Problem, Store, StoreError,
    atomic_file::{exists, file_error, prepare, sync_dir_of, with_suffix},
    database, directory,
    lock::{Lock, Patience},
    phase_file, reboots_file, snapshot, standstill,
};
use crate::{decide::Fact, model::PhaseId};

/// What people read and edit, beside the database.
pub const FILES: [&str; 2] = [reboots_file::NAME, phase_file::NAME];
/// The database.
pub const DATABASE: &str = database::NAME;

impl Store {
    /// Copies the records into an empty directory, also while a daemon has them, and records these facts
    /// there; what is wrong with them.
    ///
    /// # Errors
    /// Files that cannot be read or written, or no database.
    pub fn copy(
        dir: &Path,
        to: &Path,
        plan: &[PhaseId],
        facts: &[Fact],
    ) -> Result<Vec<Problem>, StoreError> {
        let place = database::path(dir);
        snapshot::copy_to(&place, to)?;
        let reboots = Some(reboots_file::read(dir)?).filter(|content| !content.is_empty());
        // One that cannot be read is made anew from the database.
        let point = phase_file::read(dir).ok().flatten();
        for (name, content) in FILES.into_iter().zip([reboots, point]) {
            if let Some(content) = content {
                prepare(&to.join(name), &content, 0o644)?.publish()?;
            }
        }
        let mut opened = Self::open(to, plan)?;
        opened.store.record(facts)?;
        opened.problems.extend(opened.store.problems());
        Ok(opened.problems)
    }

    /// Puts what lies in `from`, a directory in this state directory, in the place of what is here: the
    /// records, and these directories. Where that was set aside, if there was anything.
    ///
    /// # Errors
    /// [`StoreError::InUse`]; or what cannot be moved, and then a daemon that starts runs no loop.
    pub fn put_in_place(
        dir: &Path,
        from: &Path,
        directories: &[&str],
        aside: &str,
    ) -> Result<Option<PathBuf>, StoreError> {
        directory::make(dir)?;
        let _lock = Lock::take(dir, Patience::Moment)?;
        standstill::import_begins(dir)?;
        let companions = database::COMPANIONS.iter();
        let database = companions.map(|suffix| with_suffix(Path::new(DATABASE), suffix));
        let others = FILES.iter().chain(directories).map(PathBuf::from);
        let mut set_aside = None;
        for name in [PathBuf::from(DATABASE)]
            .into_iter()
            .chain(database)
            .chain(others.clone())
            .filter(|name| exists(&dir.join(name)))
        {
            let to = match &set_aside {
                Some(to) => to,
                None => set_aside.insert(new_directory(dir, aside)?),
            };
            rename(&dir.join(&name), &to.join(&name))?;
        }
        sync_dir_of(&dir.join(DATABASE))?;
        for name in others.filter(|name| exists(&from.join(name))) {
            rename(&from.join(&name), &dir.join(&name))?;
        }
        sync_dir_of(&dir.join(DATABASE))?;
        rename(&from.join(DATABASE), &dir.join(DATABASE))?;
        sync_dir_of(&dir.join(DATABASE))?;
        standstill::import_ends(dir)?;
        Ok(set_aside)
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|source| file_error("moved", from, source))
}

/// A directory of this name; one that is there gets a number behind it.
fn new_directory(dir: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let free = (1_u32..)
        .map(|n| match n {
            1 => dir.join(name),
            n => dir.join(format!("{name}-{n}")),
        })
        .find(|place| !exists(place))
        .unwrap_or_else(|| dir.join(name));
    DirBuilder::new()
        .mode(0o700)
        .create(&free)
        .map_err(|source| file_error("made", &free, source))?;
    Ok(free)
}
