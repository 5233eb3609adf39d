//! Where gates stand, a file for each, for people to read.
//!
//! Promise: a file holds what was written last, whatever ends in between. One that cannot be read, has
//! another gate in it than its name says, or says something else than was written last, is left as it is.
//! No link is followed, neither from the directory nor in it: root reads and writes nothing elsewhere for
//! whoever could leave one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, fsync, renameat, unlinkat},
    io::Errno,
};

use super::{
    Problem, Store, StoreError,
    atomic_file::{file_error, sync_dir_of},
    directory,
};
use crate::{
    causes::in_one_line,
    decide::{Gate, Restored},
    foreign::{self, Owned},
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
    let names = match place(state) {
        Ok(place) => place.names(),
        Err(Errno::NOENT) => return Ok(BTreeSet::new()),
        Err(source) => Err(source),
    };
    let names = names.map_err(|source| file_error("read", &state.join(NAME), source.into()))?;
    Ok(names.iter().filter_map(|name| of_file(name)).collect())
}

/// The directory, as it is.
fn place(state: &Path) -> Result<Owned, Errno> {
    foreign::open(state, Path::new(NAME))
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
    let words = |source: io::Error| in_one_line(&file_error("read", &path(state, gate), source));
    let opened = match place(state).and_then(|place| place.plain(&name(gate))) {
        Ok(opened) => opened,
        Err(Errno::NOENT) => return Ok(None),
        Err(source) => return Err(words(source.into())),
    };
    let mut bytes = Vec::new();
    opened?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(words)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= LONGEST => Ok(Some(bytes)),
        Ok(_) | Err(_) => Err(format!("it has more than {LONGEST} bytes")),
    }
}

fn path(state: &Path, gate: &GateName) -> PathBuf {
    state.join(file(gate))
}

fn file(gate: &GateName) -> PathBuf {
    Path::new(NAME).join(name(gate))
}

fn name(gate: &GateName) -> OsString {
    format!("{gate}{ENDING}").into()
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
        let removed = place(&self.dir).and_then(|place| {
            match unlinkat(&place.directory, name(gate), AtFlags::empty()) {
                Err(error) if error != Errno::NOENT => Err(error),
                Ok(()) | Err(_) => fsync(&place.directory),
            }
        });
        match removed {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(source) => return Err(file_error("removed", &path, source.into())),
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
    let (name, mut new) = (name(&gate.gate), name(&gate.gate));
    new.push(".new");
    let place = place(state).map_err(|source| file_error("written", &path, source.into()))?;
    // What a crash left behind.
    let _ = unlinkat(&place.directory, &new, AtFlags::empty());
    let written = place.write(&new, text.as_bytes()).and_then(|()| {
        let moved = renameat(&place.directory, &new, &place.directory, &name);
        if moved.is_err() {
            let _ = unlinkat(&place.directory, &new, AtFlags::empty());
        }
        moved?;
        Ok(fsync(&place.directory)?)
    });
    written.map_err(|source| file_error("written", &path, source))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

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
            ("4", "it is no plain file")
        );
        let link = "it is a symbolic link, and no link is followed";
        assert_eq!(why.next().unwrap().1, link);
        assert_eq!(why.next(), None);
        assert_eq!(fs::read_to_string(below.join("3.toml")).unwrap(), "gate = ");
    }

    #[test]
    fn nothing_is_read_or_written_where_a_link_leads() {
        let (temp, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let gate: Gate = toml::from_str(WRITTEN).unwrap();
        let below = temp.path().join(NAME);
        fs::create_dir(&below).unwrap();
        let victim = elsewhere.path().join("victim");
        fs::write(&victim, "theirs").unwrap();
        symlink(&victim, below.join("1d.toml.new")).unwrap();
        put(temp.path(), &gate).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs");
        assert_eq!(read(temp.path(), &name("1d")), Ok(Some(gate.clone())));
        fs::rename(&below, elsewhere.path().join("away")).unwrap();
        symlink(elsewhere.path().join("away"), &below).unwrap();
        assert!(all(temp.path()).is_err());
        read(temp.path(), &name("1d")).unwrap_err();
        fs::remove_file(below.join("1d.toml")).unwrap();
        put(temp.path(), &gate).unwrap_err();
        assert!(!below.join("1d.toml").exists());
    }
}
