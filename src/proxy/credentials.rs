//! The users that may use the proxy.
//!
//! Promise: neither the time a check takes nor any message tells of a password or of which half
//! of a login was wrong.

use std::path::Path;

use subtle::{Choice, ConstantTimeEq};

use crate::config::{Users, UsersError};

/// A user name or password as RFC 1929 carries it: its length, then up to 255 bytes. Padded, so
/// that every comparison takes the same time.
type Field = [u8; 256];

/// Everyone who may log in. Has no `Debug`, on purpose.
pub(super) struct Credentials {
    accounts: Vec<(Field, Field)>,
}

impl Credentials {
    /// Those of the file.
    pub(super) fn read(path: &Path) -> Result<Self, UsersError> {
        let users = Users::read(path)?;
        let accounts = users
            .logins()
            .filter_map(|(user, password)| Some((field(user)?, field(password)?)));
        let accounts = accounts.collect();
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
    use std::fs;

    use super::*;

    fn read(content: &[u8]) -> Result<Credentials, UsersError> {
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
}
