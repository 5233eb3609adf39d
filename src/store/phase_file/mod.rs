//! `phase-idx`: the resume point as a file that people read, copy and edit.
//!
//! Our own form is the index (from 0) and the id on the first line, then a comment:
//!
//! ```text
//! 2 2b
//! # phase 3 of 6, set 2026-11-21T00:43:19Z by plan; edit the first line to move the resume point
//! ```
//!
//! A complete plan has the number of its phases and the word `done`: `6 done`.
//!
//! Accepted is one line of one or two words; blank lines, white space, CRLF and comments from `#`
//! to the end of a line do not count.
//! - Two words are an index and its id (or `done`), and must agree: where they do not, one of them
//!   is a mistake, and nobody can tell which.
//! - One word is an index, an id, or `done`. Where it is an index and also the id of another phase
//!   (with the plan `1d 1e 2 2b 3 4`, `3` is the index of `2b`), **the earlier of the two phases is
//!   meant**: to work on a phase again is cheap, since its end condition may already hold, and to
//!   skip one is not. [`Point::note`] says so. A phase that has the id `done` goes before the word.
//!
//! A byte order mark, as some editors put one, does not count. A symbolic link is written through:
//! it stays, and what it leads to is replaced whole, and set aside beside its place when it is
//! damaged.

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    StoreError,
    atomic_file::{self, Found},
};
use crate::{
    decide::{ResumePoint, SetBy},
    model::PhaseId,
};

/// Its name in the state directory.
pub const NAME: &str = "phase-idx";

/// More than this is no resume point.
const LONGEST: u64 = 4096;

/// How the comment ends in our own form.
const OURS: &str = "; edit the first line to move the resume point";

/// The word for a complete plan.
const DONE: &str = "done";

/// Where a `phase-idx` points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// 0 for the first phase; the number of phases when the plan is complete.
    pub index: usize,
    /// For the operator: what else the word could have meant.
    pub note: Option<String>,
}

/// Why bytes are not a resume point of the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhaseFileError {
    /// Not UTF-8, or with control characters.
    #[error("it is not text")]
    NotText,
    /// No word in it.
    #[error("it is empty")]
    Empty,
    /// More than one line, or more than two words.
    #[error("it has more than an index and an id")]
    TooMuch,
    /// An index beyond the plan, which has this many phases.
    #[error("index {0} is not in the plan, which has {1} phases, the first of them with index 0")]
    Index(String, usize),
    /// A word that is no phase.
    #[error("{0:?} is no phase of the plan")]
    Phase(String),
    /// Index and id are not of the same phase.
    #[error("index {0} is not phase {1:?}")]
    Disagree(usize, String),
}

/// Understands the bytes of a `phase-idx` by the ids of the plan.
///
/// # Errors
/// What is wrong with them; whatever the bytes are, nothing else happens.
pub fn parse(bytes: &[u8], plan: &[PhaseId]) -> Result<Point, PhaseFileError> {
    let text = std::str::from_utf8(bytes).map_err(|_| PhaseFileError::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text
        .chars()
        .any(|c| c.is_control() && !c.is_ascii_whitespace())
    {
        return Err(PhaseFileError::NotText);
    }
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty());
    let line = lines.next().ok_or(PhaseFileError::Empty)?;
    if lines.next().is_some() {
        return Err(PhaseFileError::TooMuch);
    }
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(word), None, _) => one_word(word, plan),
        (Some(index), Some(id), None) => two_words(index, id, plan),
        _ => Err(PhaseFileError::TooMuch),
    }
}

fn one_word(word: &str, plan: &[PhaseId]) -> Result<Point, PhaseFileError> {
    let digits = word.bytes().all(|b| b.is_ascii_digit());
    let index = word
        .parse()
        .ok()
        .filter(|index| digits && *index <= plan.len());
    let id = plan.iter().position(|id| id.as_str() == word);
    match (index, id) {
        (Some(index), Some(id)) if index != id => {
            let earlier = index.min(id);
            let other = name(index.max(id), plan);
            let note = format!(
                "{word:?} could be the index of {} or the id of {}; not {other}, but the earlier \
                 one is taken",
                name(index, plan),
                name(id, plan)
            );
            Ok(Point {
                index: earlier,
                note: Some(note),
            })
        }
        (Some(index), _) | (None, Some(index)) => Ok(Point { index, note: None }),
        (None, None) if word == DONE => Ok(Point {
            index: plan.len(),
            note: None,
        }),
        (None, None) if digits => Err(PhaseFileError::Index(word.to_owned(), plan.len())),
        (None, None) => Err(PhaseFileError::Phase(word.to_owned())),
    }
}

fn two_words(index: &str, id: &str, plan: &[PhaseId]) -> Result<Point, PhaseFileError> {
    let out_of_plan = || PhaseFileError::Index(index.to_owned(), plan.len());
    if !index.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PhaseFileError::TooMuch);
    }
    let index: usize = index.parse().map_err(|_| out_of_plan())?;
    let expected = match plan.get(index) {
        Some(phase) => phase.as_str(),
        None if index == plan.len() => DONE,
        None => return Err(out_of_plan()),
    };
    if id != expected {
        return Err(PhaseFileError::Disagree(index, id.to_owned()));
    }
    Ok(Point { index, note: None })
}

fn name(index: usize, plan: &[PhaseId]) -> String {
    match plan.get(index) {
        Some(id) => format!("phase {} ({id:?})", index + 1),
        None => "the plan's end".to_owned(),
    }
}

/// The bytes of `phase-idx` for a resume point.
pub fn render(point: &ResumePoint) -> String {
    let by = match point.by {
        SetBy::Plan => "plan",
        SetBy::Operator => "operator",
        SetBy::File => "file",
    };
    format!(
        "{}\n# {}, set {} by {by}{OURS}\n",
        first_line(point),
        in_words(point),
        point.at
    )
}

/// The line that counts.
pub(super) fn first_line(point: &ResumePoint) -> String {
    let id = point.id.as_ref().map_or(DONE, PhaseId::as_str);
    format!("{} {id}", point.index)
}

/// `phase 3 of 6`, or that the plan is complete.
pub(super) fn in_words(point: &ResumePoint) -> String {
    match &point.id {
        Some(_) => format!("phase {} of {}", point.index + 1, point.count),
        None => format!("all {} phases complete", point.count),
    }
}

/// The bytes of the file in that state directory; `None` where there is no file.
///
/// # Errors
/// [`ReadError::Unusable`] where there is something that cannot be a `phase-idx` (a directory, a
/// FIFO, more than 4 KiB), [`ReadError::Store`] when the kernel refuses.
pub fn read(dir: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    match atomic_file::read(&path(dir), LONGEST)? {
        Found::Missing => Ok(None),
        Found::Bytes(bytes) => Ok(Some(bytes)),
        Found::Unusable(why) => Err(ReadError::Unusable(why)),
    }
}

/// Where the file of that state directory really is, and is written: what a symbolic link leads to,
/// if that is a file or can become one.
pub fn place(dir: &Path) -> PathBuf {
    let path = path(dir);
    let leads_to = fs::read_link(&path).map(|to| dir.join(to));
    let resolved = leads_to.and_then(|to| match fs::canonicalize(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (above, name) = (to.parent(), to.file_name());
            let above = fs::canonicalize(above.unwrap_or(Path::new("/")))?;
            Ok(above.join(name.unwrap_or_default()))
        }
        found => found.and_then(|to| match fs::metadata(&to)?.is_file() {
            true => Ok(to),
            false => Err(io::ErrorKind::InvalidInput.into()),
        }),
    });
    resolved.unwrap_or(path)
}

/// Was the file in that state directory written by a daemon?
pub(super) fn is_in_our_form(dir: &Path) -> bool {
    let ours = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(OURS);
    read(dir).ok().flatten().is_some_and(ours)
}

/// Why there are no bytes of `phase-idx`.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is damaged beyond its bytes.
    #[error("{0}")]
    Unusable(String),
    /// It cannot be read now, which says nothing of what is in it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where it is.
pub fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}
