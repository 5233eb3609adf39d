//! The file, read where neither it nor what it names may answer.
//!
//! Promise: what does not answer holds nobody longer than [`WITHIN`]. Where worktrees are that do not,
//! the file is taken by its words, and [`doubts`](super::doubts) names them.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{self, Path},
    time::Duration,
};

use super::{Complaint, Complaints, Config, Environment, parse_by};
use crate::{
    causes::{in_one_line, in_words},
    host::look::{self, At, Looks, Unseen},
};

/// How long it is waited for where worktrees really are, which holds everybody.
const WORKTREES_WITHIN: Duration = Duration::from_secs(2);
/// And for the file itself.
const FILE_WITHIN: Duration = look::PATIENCE;
/// How long it may take at the most until a file is read and its doubts are known.
pub(crate) const WITHIN: Duration = WORKTREES_WITHIN
    .saturating_add(FILE_WITHIN)
    .saturating_add(look::PATIENCE);

/// More bytes than this are no configuration.
const LARGEST: u64 = 1024 * 1024;

/// How much of the machine is looked at while a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Where worktrees really are.
    Full,
    /// Nothing: paths are taken as they are written, for it is not known whether they answer.
    Words,
}

/// Reads and checks the file at `file`, for somebody without an event loop. Nothing is started and
/// nothing is written.
///
/// # Errors
/// All that is wrong with it; if the file cannot be read, that.
pub fn load(file: &Path, env: &Environment) -> Result<Config, Complaints> {
    look::wait_for(async |looks| load_by(looks, file, env).await)
        .unwrap_or_else(|error| Err(Complaints::unread(file, &in_one_line(&error))))
}

/// The same of a file for another machine, of which nothing is looked at here.
///
/// # Errors
/// As [`load`].
pub fn load_elsewhere(file: &Path, env: &Environment) -> Result<Config, Complaints> {
    let loaded = look::wait_for(async |looks| look_by(looks, file, env, Sight::Words).await);
    loaded
        .and_then(|loaded| loaded)
        .unwrap_or_else(|error| Err(Complaints::unread(file, &in_one_line(&error))))
}

/// As [`load`], beside an event loop.
pub(crate) async fn load_by(
    looks: &Looks,
    file: &Path,
    env: &Environment,
) -> Result<Config, Complaints> {
    match look_by(looks, file, env, Sight::Full).await {
        Ok(loaded) => loaded,
        Err(_) => look_by(looks, file, env, Sight::Words)
            .await
            .unwrap_or_else(|error| Err(Complaints::unread(file, &in_one_line(&error)))),
    }
}

async fn look_by(
    looks: &Looks,
    file: &Path,
    env: &Environment,
    sight: Sight,
) -> Result<Result<Config, Complaints>, Unseen> {
    let (file, env) = (file.to_owned(), env.clone());
    let (limit, subject) = match sight {
        Sight::Full => (WORKTREES_WITHIN, "configuration"),
        Sight::Words => (FILE_WITHIN, "words of the configuration"),
    };
    let read = move |at: &At| {
        at.comes_to(&file);
        read(&file, &env, sight)
    };
    looks.look_within(limit, subject, read).await
}

fn read(file: &Path, env: &Environment, sight: Sight) -> Result<Config, Complaints> {
    // Relative to where the person stands; everything in it is relative to where the file lies.
    let file = &path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let bytes = bytes(&env.on_disk(file)).map_err(|(why, hint)| {
        let message = format!("configuration {} {why}", file.display());
        let mut complaint = Complaint::new(None, message, "");
        complaint.hint = hint.map(str::to_owned);
        Complaints::new(file, "", vec![complaint])
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => parse_by(&text, file, env, sight),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            let place = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
            let complaint = Complaint::new(
                Some(place),
                format!("byte 0x{:02x} is not UTF-8", error.as_bytes()[start]),
                "text in UTF-8",
            );
            Err(Complaints::new(file, &text, vec![complaint]))
        }
    }
}

/// What is in a regular file that is not too large; why not, reads on after its name.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, (String, Option<&'static str>)> {
    let unreadable = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound if path.ends_with("loopkeeper/loopkeeper.toml") => Some(
                "it is /etc/loopkeeper/loopkeeper.toml for root and \
                 ~/.config/loopkeeper/loopkeeper.toml for everybody else, unless another is named",
            ),
            io::ErrorKind::PermissionDenied => {
                Some("it has to be readable by who runs loopkeeperd")
            }
            _ => None,
        };
        (format!("cannot be read: {}", in_words(&error)), hint)
    };
    let kind = path.metadata().map_err(unreadable)?;
    if kind.is_dir() {
        return Err(("is a directory".to_owned(), None));
    }
    if !kind.is_file() {
        return Err(("is not a regular file".to_owned(), None));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One more than is allowed tells a file that is too large, also one that grows meanwhile.
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        let why = format!("is larger than {} KiB", LARGEST / 1024);
        return Err((why, Some("is it the right file?")));
    }
    Ok(bytes)
}
