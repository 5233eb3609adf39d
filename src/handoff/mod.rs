//! Directories in which loops and people ask for steps of gates: a request is a file, and so is its answer.
//!
//! ```text
//!  <state>/handoff/
//!    ├─ 1d.toml                     where gate 1d stands ([`store::gates`](crate::store::gates))
//!    ├─ person/                     the daemon's user's, 0700
//!    └─ workers/builder/            the worker's own, 0700
//!         ├─ 20261122T132425.123456Z-4711.ask       what is asked for
//!         ├─ 20261122T132425.123456Z-4711.answer    what came of it
//!         └─ 20261122T132426.123456Z-4712.show      where do its gates stand (`show`)?
//! ```
//!
//! # Promise
//!
//! In whose directory a request lies says who asks, for nobody else writes there. So a loop needs no way to
//! the daemon but this one, which steers nothing else; and the daemon need not be there. An answer is there
//! before the request goes, and what has one is not asked any more.
//!
//! # How
//!
//! The directory may be another user's, and the daemon root: `foreign` has what is kept to. A request comes
//! under its name at once, as a whole; no more is read of it than a note may have.

mod show;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use rustix::{
    fs::{AtFlags, RenameFlags, fsync, renameat, renameat_with, unlinkat},
    io::Errno,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    agent::typed,
    decide::{Ask, AskId, Asker, Claim, Lying, Step},
    fault,
    foreign::{self, Left, Owned},
    model::WorkerName,
    store::gates,
};

/// Of those who are no worker.
const PERSON: &str = "person";
/// Of workers, by their names.
const WORKERS: &str = "workers";
/// What the name of a request ends in.
const ASK: &str = ".ask";
/// What the name of its answer ends in.
const ANSWER: &str = ".answer";
/// The most bytes of a note: with the words around it, it is a line that every terminal takes.
pub const LONGEST_NOTE: usize = 3000;
/// The most digits of a commit.
const LONGEST_COMMIT: usize = 64;
/// The most bytes of the name of a branch (`NAME_MAX`, limits.h(0p)).
const LONGEST_BRANCH: usize = 255;
/// The most bytes of what is missing: with the longest note it is still such a line.
pub const LONGEST_LACKS: usize = 500;
/// The most bytes of a request, and of an answer.
const LONGEST: u64 = 16 * 1024;
/// The most bytes of an id.
const LONGEST_ID: usize = 100;
/// So many requests are looked at at once.
const AT_ONCE: usize = 64;
/// How many answers are kept that nobody has taken.
const KEPT: usize = 100;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was done, in words.
    Done(String),
    /// It was not.
    Refused {
        /// Why.
        message: String,
        /// What helps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// There is no such gate.
        #[serde(default)]
        unknown: bool,
    },
}

/// Something cannot be done in such a directory.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {did}", path.display())]
pub struct AsksError {
    /// What.
    pub path: PathBuf,
    did: &'static str,
    source: io::Error,
}

impl AsksError {
    fn new(path: PathBuf, did: &'static str, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        Self { path, did, source }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Where this one asks.
pub fn path(state: &Path, by: &Asker) -> PathBuf {
    state.join(below_state(by))
}

/// Those that lie in the directories of whomever, and that nobody has answered; a directory that cannot be
/// looked into stands for what is in it.
pub fn unanswered(state: &Path) -> Vec<PathBuf> {
    let workers = workers(state).into_iter().map(Asker::Worker);
    let mut all = Vec::new();
    for by in workers.chain([Asker::Person]) {
        let path = path(state, &by);
        let ids = Asks::open(state, &by).and_then(|asks| asks.ids());
        match ids {
            Ok(ids) => all.extend(ids.iter().map(|id| path.join(format!("{id}{ASK}")))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => all.push(path),
        }
    }
    all
}

/// Who has a directory to ask in, also of those who are not declared any more.
pub fn workers(state: &Path) -> Vec<WorkerName> {
    let entries = fs::read_dir(state.join(gates::NAME).join(WORKERS));
    let names = entries.into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Whether a file of this name is a request.
pub fn is_request(path: &Path) -> bool {
    let is = |ending| path.file_name().and_then(|name| id_of(name, ending));
    is(ASK).or_else(|| is(show::SHOW)).is_some()
}

fn below_state(by: &Asker) -> PathBuf {
    let above = Path::new(gates::NAME);
    match by {
        Asker::Worker(name) => above.join(WORKERS).join(name.as_str()),
        Asker::Person => above.join(PERSON),
    }
}

/// Where somebody asks, open.
#[derive(Debug)]
pub struct Asks {
    path: PathBuf,
    place: Owned,
}

impl Asks {
    /// Where this one asks, as it is.
    ///
    /// # Errors
    /// It is not there, or may not be entered.
    pub fn open(state: &Path, by: &Asker) -> Result<Self, AsksError> {
        let path = path(state, by);
        match foreign::open(state, &below_state(by)) {
            Ok(place) => Ok(Self { path, place }),
            Err(source) => Err(AsksError::new(path, "opened", source)),
        }
    }

    /// The directory that a worker was told to be its own.
    ///
    /// # Errors
    /// It is not there, or may not be entered.
    pub fn open_own(path: &Path) -> Result<Self, AsksError> {
        let path = path.to_owned();
        match foreign::open_at(&path) {
            Ok(place) => Ok(Self { path, place }),
            Err(source) => Err(AsksError::new(path, "opened", source)),
        }
    }

    /// Where this one asks, made where it is not there: for this user, or for who makes it.
    ///
    /// # Errors
    /// It cannot be made, or there is something else in its place.
    pub fn make(state: &Path, by: &Asker, user: Option<u32>) -> Result<Self, AsksError> {
        let place = foreign::make(state, &below_state(by), user)
            .map_err(|(path, source)| AsksError::new(path, "made", source))?;
        let path = path(state, by);
        Ok(Self { path, place })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks for this; the request's id.
    ///
    /// # Errors
    /// Nothing of it is there.
    pub fn ask(&self, ask: &Ask, now: Timestamp) -> Result<AskId, AsksError> {
        let text = self.json(ask, ASK)?;
        self.request(ASK, &text, now)
    }

    /// Leaves a request there, as a whole; its id.
    fn request(&self, ending: &str, text: &[u8], now: Timestamp) -> Result<AskId, AsksError> {
        let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S%.6fZ");
        let id = format!("{time}-{}", std::process::id());
        let name = OsString::from(format!("{id}{ending}"));
        let directory = &self.place.directory;
        let hidden = hidden(&name);
        let asked = self.place.write(&hidden, text).and_then(|()| {
            let flags = RenameFlags::NOREPLACE;
            let moved = renameat_with(directory, &hidden, directory, &name, flags);
            if moved.is_err() {
                let _ = unlinkat(directory, &hidden, AtFlags::empty());
            }
            moved?;
            Ok(fsync(directory)?)
        });
        asked.map_err(self.failed(&name, "written"))?;
        Ok(id)
    }

    /// Of what has no answer.
    fn ids(&self) -> Result<Vec<AskId>, AsksError> {
        let names = self.place.names().map_err(self.failed("", "read"))?;
        let names = BTreeSet::from_iter(names);
        let ids = names.iter().filter_map(|name| id_of(name, ASK));
        let open = ids.filter(|id| !names.contains(OsStr::new(&format!("{id}{ANSWER}"))));
        Ok(open.map(str::to_owned).collect())
    }

    /// What is asked for, oldest first: of each its id, and what it says, or why that cannot be read.
    ///
    /// # Errors
    /// Nobody can look.
    pub fn lying(&self) -> Result<Vec<Lying>, AsksError> {
        let names = self.place.names().map_err(self.failed("", "read"))?;
        let names = BTreeSet::from_iter(names);
        let mut lying = Vec::new();
        for id in names.iter().filter_map(|name| id_of(name, ASK)) {
            let name = OsString::from(format!("{id}{ASK}"));
            let answer = OsString::from(format!("{id}{ANSWER}"));
            if names.contains(&answer) {
                // Whoever answered it was killed before it was taken away.
                self.remove(&name);
                continue;
            }
            if lying.len() >= AT_ONCE {
                break;
            }
            if let Some(bytes) = self.read(&name, LONGEST)? {
                lying.push((id.to_owned(), bytes.and_then(|bytes| read_ask(&bytes))));
            }
        }
        Ok(lying)
    }

    /// Leaves the answer to a request, and takes that away.
    ///
    /// # Errors
    /// The request is there still, and has no answer.
    pub fn answer(&self, id: &AskId, answer: &Answer) -> Result<(), AsksError> {
        self.leave(id, answer)?;
        fault::point(|| "after the answer".into());
        self.remove(OsStr::new(&format!("{id}{ASK}")));
        self.prune();
        Ok(())
    }

    fn leave(&self, id: &AskId, answer: &impl Serialize) -> Result<(), AsksError> {
        let name = OsString::from(format!("{id}{ANSWER}"));
        let text = self.json(answer, &name)?;
        let (directory, hidden) = (&self.place.directory, hidden(&name));
        self.remove(&hidden);
        let left = self.place.write(&hidden, &text).and_then(|()| {
            renameat(directory, &hidden, directory, &name)?;
            Ok(fsync(directory)?)
        });
        left.map_err(self.failed(&name, "written"))
    }

    /// Takes the answer to a request, once there is one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn take_answer(&self, id: &AskId) -> Result<Option<Answer>, AsksError> {
        self.take(id, LONGEST)
    }

    fn take<T: DeserializeOwned>(&self, id: &AskId, longest: u64) -> Result<Option<T>, AsksError> {
        let name = OsString::from(format!("{id}{ANSWER}"));
        let Some(read) = self.read(&name, longest)? else {
            return Ok(None);
        };
        let answer = read
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
        let answer = answer.map_err(|why| self.failed(&name, "read")(io::Error::other(why)))?;
        self.remove(&name);
        Ok(Some(answer))
    }

    /// The bytes of a file, or why they are not read; nothing where it is not there, or not yet.
    fn read(
        &self,
        name: &OsStr,
        longest: u64,
    ) -> Result<Option<Result<Vec<u8>, String>>, AsksError> {
        let left = self.place.left(name).map_err(self.failed(name, "opened"))?;
        let file = match left {
            Left::File(file, _) => file,
            Left::Unfit(why) => return Ok(Some(Err(why))),
            Left::Taken | Left::Nothing => return Ok(None),
        };
        let mut bytes = Vec::new();
        let read = file.take(longest + 1).read_to_end(&mut bytes);
        read.map_err(self.failed(name, "read"))?;
        Ok(Some(match u64::try_from(bytes.len()) {
            Ok(length) if length <= longest => Ok(bytes),
            Ok(_) | Err(_) => Err(format!("it has more than {longest} bytes")),
        }))
    }

    fn json(&self, what: &impl Serialize, name: impl AsRef<Path>) -> Result<Vec<u8>, AsksError> {
        let mut text = serde_json::to_vec(what).map_err(self.failed(name, "written"))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Of answers that nobody took the latest stay.
    fn prune(&self) {
        let is_answer = |name: &OsString| {
            let name = name.to_str().unwrap_or_default();
            name.ends_with(ANSWER) && !name.starts_with('.')
        };
        let names = self.place.names().unwrap_or_default();
        let mut answers: Vec<_> = names.into_iter().filter(is_answer).collect();
        answers.sort();
        for old in &answers[..answers.len().saturating_sub(KEPT)] {
            self.remove(old);
        }
    }

    fn remove(&self, name: &OsStr) {
        if let Err(error) = unlinkat(&self.place.directory, name, AtFlags::empty())
            && error != Errno::NOENT
        {
            let path = self.path.join(name);
            tracing::debug!("{} cannot be removed: {error}", path.display());
        }
    }

    fn failed<'a, E: Into<io::Error>>(
        &'a self,
        name: impl AsRef<Path> + 'a,
        did: &'static str,
    ) -> impl FnOnce(E) -> AsksError + 'a {
        move |source| AsksError::new(self.path.join(name), did, source)
    }
}

/// Whether a note can be given on.
///
/// # Errors
/// Why it cannot.
pub fn check_note(note: &str) -> Result<(), String> {
    if note.len() > LONGEST_NOTE {
        let bytes = note.len();
        return Err(format!(
            "the note has {bytes} bytes, and {LONGEST_NOTE} are given on: put it into a file that the other one can \
             read, and name that"
        ));
    }
    if note.contains(turns_text) {
        return Err("the note has a character that changes the direction of text".to_owned());
    }
    typed::check(note).map_err(|unfit| format!("the note cannot be typed: {unfit}"))
}

/// What is seen behind such a character is not what is there.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What is said of a commit, by somebody who may have written it himself.
fn check_claim(claim: &Claim) -> Result<(), String> {
    let is_commit = |commit: &String| {
        commit.len() <= LONGEST_COMMIT && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if !claim.commit.as_ref().is_none_or(is_commit) {
        return Err("what it names is no commit".to_owned());
    }
    for (word, longest) in [
        (&claim.branch, LONGEST_BRANCH),
        (&claim.lacks, LONGEST_LACKS),
    ] {
        let fits = |word: &String| word.len() <= longest && check_note(word).is_ok();
        if !word.as_ref().is_none_or(fits) {
            return Err("what it says of the commit cannot be typed, or is too long".to_owned());
        }
    }
    Ok(())
}

fn read_ask(bytes: &[u8]) -> Result<Ask, String> {
    let ask: Ask = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    ask.note.as_deref().map_or(Ok(()), check_note)?;
    if let Step::Claim(claim) = &ask.step {
        check_claim(claim)?;
    }
    Ok(ask)
}

/// The id of a request, by the name of its file, which ends so.
fn id_of<'a>(name: &'a OsStr, ending: &str) -> Option<&'a str> {
    let id = name.to_str()?.strip_suffix(ending)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_id = (1..=LONGEST_ID).contains(&id.len()) && !id.starts_with('.');
    (is_id && id.chars().all(plain)).then_some(id)
}

/// While it is written.
fn hidden(name: &OsStr) -> OsString {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden
}
