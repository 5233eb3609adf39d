//! The users that may use the proxy, from a file of `user:password` lines.
//!
//! Promise: neither the time a check takes nor any message tells of a password or of which half
//! of a login was wrong.

use std::{fs, io, path::Path, path::PathBuf};

use subtle::{Choice, ConstantTimeEq};

/// A user name or password as RFC 1929 carries it: its length, then up to 255 bytes. Padded, so
/// that every comparison takes the same time.
type Field = [u8; 256];

/// Everyone who may log in. Has no `Debug`, on purpose.
pub(super) struct Credentials {
    accounts: Vec<(Field, Field)>,
}

/// Why a file of credentials cannot be used. Never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
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

impl Credentials {
    /// Reads the file; empty lines are passed over.
    pub(super) fn read(path: &Path) -> Result<Self, CredentialsError> {
        let path_buf = || path.to_owned();
        let bytes = fs::read(path).map_err(|source| CredentialsError::Read {
            path: path_buf(),
            source,
        })?;
        let text =
            String::from_utf8(bytes).map_err(|_| CredentialsError::NotText { path: path_buf() })?;
        let mut accounts: Vec<(Field, Field)> = Vec::new();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.is_empty()) {
            let (user, password) = text
                .split_once(':')
                .and_then(|(user, password)| Some((field(user)?, field(password)?)))
                .ok_or_else(|| CredentialsError::Line {
                    path: path_buf(),
                    line,
                })?;
            if accounts.iter().any(|(known, _)| *known == user) {
                return Err(CredentialsError::Twice {
                    path: path_buf(),
                    line,
                });
            }
            accounts.push((user, password));
        }
        if accounts.is_empty() {
            return Err(CredentialsError::Empty { path: path_buf() });
        }
        Ok(Self { accounts })
    }

    /// How many users there are.
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether this is the password of this user; looks at every account, whichever it is.
    pub(super) fn admit(&self, user: &str, password: &str) -> bool {
        let (Some(user), Some(password)) = (field(user), field(password)) else {
            return false;
        };
        self.accounts
            .iter()
            .fold(Choice::from(0), |admitted, (known, secret)| {
                admitted | (known.ct_eq(&user) & secret.ct_eq(&password))
            })
            .into()
    }
}

fn field(text: &str) -> Option<Field> {
    let mut field = [0; 256];
    let (length, bytes) = field.split_first_mut()?;
    *length = u8::try_from(text.len()).ok().filter(|&length| length > 0)?;
    bytes
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Credentials, CredentialsError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, content).unwrap();
        Credentials::read(&path)
    }

    #[test]
    fn only_the_whole_login_is_admitted() {
        let credentials = read(b"ann:a:b c\n\r\nbob:secret\r\n").ok().unwrap();
        assert_eq!(credentials.len(), 2);
        assert!(credentials.admit("ann", "a:b c"));
        assert!(credentials.admit("bob", "secret"));
        for (user, password) in [
            ("ann", "secret"),
            ("bob", "a:b c"),
            ("ann", "a:b"),
            ("ann", "a:b c "),
            ("", ""),
            ("bob", ""),
            ("bob", "secret\0"),
            ("bob\0", "secret"),
            ("ann", "A:b c"),
        ] {
            assert!(!credentials.admit(user, password), "{user}:{password}");
        }
        let long = "x".repeat(255);
        let credentials = read(format!("{long}:{long}").as_bytes()).ok().unwrap();
        assert!(credentials.admit(&long, &long));
        assert!(!credentials.admit(&long, &format!("{long}x")));
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
        let error = Credentials::read(Path::new("/nowhere/users"))
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "credentials /nowhere/users cannot be read"
        );
    }
}
