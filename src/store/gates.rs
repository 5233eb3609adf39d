//! Where gates stand, a file for each, for people to read.
//!
//! Promise: a file holds what was written last, whatever ends in between. One that cannot be read, has
//! another gate in it than its name says, or says something else than was written last, is left as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Problem, Store, StoreError,
    atomic_file::{self, Found, file_error, sync_dir_of},
    directory,
};
use crate::{
    causes::in_one_line,
    decide::{Gate, Restored},
    model::GateName,
};

/// Where they are, in the state directory.
pub const NAME: &str = "handoff";
/// What the name of a file ends in.
const ENDING: &str = ".toml";
/// The bytes of a file, or why they cannot be read.
pub type Content = Result<Vec<u8>, String>;

/// No gate takes more than this.
const LONGEST: u64 = 2 << 20;

/// All gates there are, or why the file of one cannot be read.
///
/// # Errors
/// Nobody can tell which there are.
pub fn all(state: &Path) -> Result<BTreeMap<GateName, Result<Gate, String>>, StoreError> {
    let names = names(state)?.into_iter();
    Ok(names
        .filter_map(|gate| Some((gate.clone(), read(state, &gate).transpose()?)))
        .collect())
}

/// The bytes of all their files, by where those are in the state directory, or why one cannot be read.
///
/// # Errors
/// Nobody can tell which there are.
pub fn files(state: &Path) -> Result<Vec<(PathBuf, Content)>, StoreError> {
    let names = names(state)?.into_iter();
    Ok(names
        .filter_map(|gate| Some((file(&gate), bytes(state, &gate).transpose()?)))
        .collect())
}

fn names(state: &Path) -> Result<BTreeSet<GateName>, StoreError> {
    let directory = state.join(NAME);
    let failed = |source| file_error("read", &directory, source);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut gates = BTreeSet::new();
    for entry in entries {
        gates.extend(of_file(&entry.map_err(failed)?.file_name()));
    }
    Ok(gates)
}

/// The gate whose file is called so, if it is one's.
pub fn of_file(name: &OsStr) -> Option<GateName> {
    name.to_str()?.strip_suffix(ENDING)?.parse().ok()
}

/// Where this gate stands; nothing where it has no file.
///
/// # Errors
/// Why that cannot be read.
pub fn read(state: &Path, gate: &GateName) -> Result<Option<Gate>, String> {
    let Some(bytes) = bytes(state, gate)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let read: Gate = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
    if read.gate != *gate {
        return Err(format!("it is that of gate {}", read.gate));
    }
    Ok(Some(read))
}

fn bytes(state: &Path, gate: &GateName) -> Result<Option<Vec<u8>>, String> {
    let path = path(state, gate);
    // Root reads no other file for whoever could leave a link there.
    if path.is_symlink() {
        return Err("it is a symbolic link".to_owned());
    }
    let found = atomic_file::read(&path, LONGEST);
    match found.map_err(|error| in_one_line(&error))? {
        Found::Missing => Ok(None),
        Found::Bytes(bytes) => Ok(Some(bytes)),
        Found::Unusable(why) => Err(why),
    }
}

fn path(state: &Path, gate: &GateName) -> PathBuf {
    state.join(file(gate))
}

fn file(gate: &GateName) -> PathBuf {
    Path::new(NAME).join(format!("{gate}{ENDING}"))
}

impl Store {
    /// What the files say, as it is restored.
    pub(super) fn take_gates(&mut self, restored: &mut Restored) {
        match all(&self.dir) {
            Ok(gates) => {
                let read = gates.iter();
                let read = read.filter_map(|(name, read)| Some((name.clone(), read.clone().ok()?)));
                self.gates = read.collect();
                restored.handoffs = gates;
            }
            Err(error) => self.problems.push(Problem::Degraded(error)),
        }
    }

    /// Where a gate stands whose file could not be read before.
    ///
    /// # Errors
    /// Why it cannot be read still.
    pub fn read_gate(&mut self, gate: &GateName) -> Result<Option<Gate>, String> {
        let read = read(&self.dir, gate)?;
        if let Some(is) = &read {
            self.gates.insert(gate.clone(), is.clone());
        }
        Ok(read)
    }

    /// Writes where a gate stands.
    ///
    /// # Errors
    /// Names the file that refused. It may say the one or the other from then on; but one that somebody else
    /// wrote says what it said.
    pub fn write_gate(&mut self, gate: &Gate) -> Result<(), StoreError> {
        self.keep()?;
        self.refuse_edited(&gate.gate, Some(gate), "written")?;
        put(&self.dir, gate)?;
        self.gates.insert(gate.gate.clone(), gate.clone());
        Ok(())
    }

    /// A file is replaced only where it says what we wrote last, or were to write.
    fn refuse_edited(
        &self,
        gate: &GateName,
        next: Option<&Gate>,
        did: &'static str,
    ) -> Result<(), StoreError> {
        let is_ours = |is: &Gate| next == Some(is) || self.gates.get(gate) == Some(is);
        let why = match read(&self.dir, gate) {
            Ok(None) => return Ok(()),
            Ok(Some(is)) if is_ours(&is) => return Ok(()),
            Ok(Some(_)) => "somebody else wrote it: the next daemon goes by it, and where it is \
                            taken away, it is written anew"
                .to_owned(),
            Err(why) => format!("{why}: put it right, or take it away, and it is written anew"),
        };
        let path = path(&self.dir, gate);
        Err(file_error(did, &path, io::Error::other(why)))
    }

    /// Takes the file of a gate away.
    ///
    /// # Errors
    /// It is still there, or may be after a power cut.
    pub fn drop_gate(&mut self, gate: &GateName) -> Result<(), StoreError> {
        self.keep()?;
        self.refuse_edited(gate, None, "removed")?;
        let path = path(&self.dir, gate);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error("removed", &path, error));
            }
            Ok(()) | Err(_) => sync_dir_of(&path)?,
        }
        self.gates.remove(gate);
        Ok(())
    }

    /// Writes all that is known into a directory that is new.
    pub(super) fn write_gates(&self) -> Result<(), StoreError> {
        self.gates
            .values()
            .try_for_each(|gate| put(&self.dir, gate))
    }
}

fn put(state: &Path, gate: &Gate) -> Result<(), StoreError> {
    let path = path(state, &gate.gate);
    directory::make(&state.join(NAME))?;
    sync_dir_of(&state.join(NAME))?;
    let failed = |error| file_error("written", &path, io::Error::other(error));
    let text = toml::to_string_pretty(gate).map_err(failed)?;
    atomic_file::prepare(&path, text.as_bytes(), 0o600)?.publish()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// As it was first written, and is read for ever.
    const WRITTEN: &str = r#"gate = "1d"
state = "back"
from = "builder"
to = "adversary"
round = 2
rounds = 5
commit = "0123456789abcdef0123456789abcdef01234567"
branch = "main"
since = "2026-11-22T13:24:25.123456Z"
note = """
two tests fail:
"a" and "b""""
told = true

[[happened]]
at = "2026-11-22T12:00:00Z"
by = "builder"
state = "claimed"
round = 2
ask = "1"

[[happened]]
at = "2026-11-22T13:24:25.123456Z"
state = "back"
round = 2
note = "no"
ask = "2"
"#;

    fn name(name: &str) -> GateName {
        name.parse().unwrap()
    }

    #[test]
    fn it_is_written_as_people_read_it() {
        let gate: Gate = toml::from_str(WRITTEN).unwrap();
        assert_eq!(toml::to_string_pretty(&gate).unwrap(), WRITTEN);
    }

    #[test]
    fn what_is_written_is_read_and_what_cannot_be_is_left_and_named() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(all(temp.path()).unwrap(), BTreeMap::new());
        let gate: Gate = toml::from_str(WRITTEN).unwrap();
        put(temp.path(), &gate).unwrap();
        let below = temp.path().join(NAME);
        fs::write(below.join("2.toml"), WRITTEN).unwrap();
        fs::write(below.join("3.toml"), "gate = ").unwrap();
        fs::create_dir(below.join("4.toml")).unwrap();
        symlink("nowhere", below.join("5.toml")).unwrap();
        for other in ["no gate.toml", "6.toml.new", "7"] {
            fs::write(below.join(other), "x").unwrap();
        }
        let mut gates = all(temp.path()).unwrap();
        assert_eq!(gates.remove(&name("1d")), Some(Ok(gate)));
        let why = |one: (GateName, Result<Gate, String>)| (one.0.to_string(), one.1.unwrap_err());
        let mut why = gates.into_iter().map(why);
        assert_eq!(
            why.next(),
            Some(("2".into(), "it is that of gate 1d".into()))
        );
        assert_eq!(why.next().unwrap().0, "3");
        let (four, not_a_file) = why.next().unwrap();
        assert_eq!(
            (four.as_str(), not_a_file.as_str()),
            ("4", "it is not a regular file")
        );
        assert_eq!(why.next().unwrap().1, "it is a symbolic link");
        assert_eq!(why.next(), None);
        assert_eq!(fs::read_to_string(below.join("3.toml")).unwrap(), "gate = ");
    }
}
