//! The file of the builtin proxy's users: lines of `user:password`.
//!
//! Promise: no message quotes it, and what was read of it is wiped when nobody looks at it any more.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// What RFC 1929 carries of a user name or password, in bytes.
const LONGEST: usize = 255;

/// Why a file of users cannot be used. Never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read.
    #[error("credentials {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not text.
    #[error("credentials {} are not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A line is not `user:password`.
    #[error(
        "credentials {} line {line} is not valid: expected user:password, each of 1 to 255 bytes",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A user is there twice.
    #[error("credentials {} line {line} has a user that an earlier line has too", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file has no user.
    #[error("credentials {} are empty: expected lines of user:password", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// The whole of a file that is right. Has no `Debug`, on purpose.
pub(crate) struct Users(Vec<u8>);

impl Users {
    /// Reads the file; empty lines are passed over.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, UsersError> {
        let path_buf = || path.to_owned();
        // Wiped also where it is not right.
        let users = content(path).map_err(|source| UsersError::Read {
            path: path_buf(),
            source,
        })?;
        let text =
            std::str::from_utf8(&users.0).map_err(|_| UsersError::NotText { path: path_buf() })?;
        let mut known = BTreeSet::new();
        for (line, text) in lines(text) {
            let path = path_buf();
            let Some((user, _)) = login(text) else {
                return Err(UsersError::Line { path, line });
            };
            if !known.insert(user) {
                return Err(UsersError::Twice { path, line });
            }
        }
        match known.is_empty() {
            true => Err(UsersError::Empty { path: path_buf() }),
            false => Ok(users),
        }
    }

    /// Each user with the password.
    pub(crate) fn logins(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = std::str::from_utf8(&self.0).unwrap_or_default();
        lines(text).filter_map(|(_, text)| login(text))
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.0.fill(0);
        // So that it is not left out as something that nobody reads.
        std::hint::black_box(&self.0);
    }
}

fn content(path: &Path) -> io::Result<Users> {
    let mut file = OpenOptions::new()
        .read(true)
        // Whoever waits for the other end of a pipe waits for ever.
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // With room for all of it: what grows is copied, and the copy is wiped by nobody.
    let size = usize::try_from(found.len()).map_err(io::Error::other)?;
    let mut users = Users(Vec::with_capacity(size + 1));
    file.read_to_end(&mut users.0)?;
    Ok(users)
}

/// Counted from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, text)| !text.is_empty())
}

fn login(line: &str) -> Option<(&str, &str)> {
    let fits = |text: &str| (1..=LONGEST).contains(&text.len());
    let login = line.split_once(':');
    login.filter(|(user, password)| fits(user) && fits(password))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &[u8]) -> Result<Users, UsersError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, content).unwrap();
        Users::read(&path)
    }

    #[test]
    fn a_line_is_a_user_and_a_password() {
        let users = read(b"ann:a:b c\n\r\nbob:secret\r\n").ok().unwrap();
        let logins: Vec<_> = users.logins().collect();
        assert_eq!(logins, [("ann", "a:b c"), ("bob", "secret")]);
        let long = "x".repeat(LONGEST);
        assert!(read(format!("{long}:{long}").as_bytes()).is_ok());
    }

    #[test]
    fn a_garbled_file_is_named_with_its_line_and_not_quoted() {
        let too_long = format!("ann:{}", "x".repeat(256));
        for (content, complaint) in [
            (
                &b"ann:pw\nhunter2\n"[..],
                "line 2 is not valid: expected user:password",
            ),
            (b":hunter2", "line 1 is not valid"),
            (b"hunter2:", "line 1 is not valid"),
            (too_long.as_bytes(), "line 1 is not valid"),
            (
                b"ann:hunter2\nbob:x\nann:y",
                "line 3 has a user that an earlier line has too",
            ),
            (b"", "are empty"),
            (b"\n\n", "are empty"),
            (b"ann:\xff\xfe", "are not UTF-8 text"),
        ] {
            let error = read(content).err().unwrap().to_string();
            assert!(
                error.starts_with("credentials /") && error.contains(complaint),
                "{error}"
            );
            assert!(
                !error.contains("hunter2") && !error.contains("xxx"),
                "{error}"
            );
        }
        let error = Users::read(Path::new("/nowhere/users")).err().unwrap();
        assert_eq!(
            error.to_string(),
            "credentials /nowhere/users cannot be read"
        );
    }
}
