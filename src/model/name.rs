//! Names that people type: workers, phases, cutovers, gates and hosts.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters.
    #[error("a name must not be empty")]
    Empty,
    /// The text is longer than so many bytes.
    #[error("a name has at most {0} characters")]
    TooLong(usize),
    /// A character that cannot stand in a unit name, a session name and a file name alike.
    #[error("{0:?} cannot be part of a name; use letters, digits, '.', '_' and '-'")]
    Character(char),
    /// `.` and `-` at the start mean hidden files and options elsewhere.
    #[error("a name must not begin with {0:?}")]
    Start(char),
    /// It says something else where a host is named.
    #[error("`{0}` is a word of its own where a host is named")]
    Reserved(&'static str),
}

/// Most bytes of a name: what is left of systemd's 255 for a unit name after our prefix, an attempt
/// and a suffix, and of tmux's socket path limit of 107 (`sun_path`) after a runtime directory.
pub(super) const LONGEST: usize = 48;
/// Most bytes of a host's name, which is in no socket's path: as many as Linux gives a machine's.
const LONGEST_HOST: usize = 64;

/// As each of ours is but for its length.
fn check(text: &str, longest: usize) -> Result<(), NameError> {
    let Some(first) = text.chars().next() else {
        return Err(NameError::Empty);
    };
    if let Some(bad) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
    {
        return Err(NameError::Character(bad));
    }
    if matches!(first, '.' | '-') {
        return Err(NameError::Start(first));
    }
    if text.len() > longest {
        return Err(NameError::TooLong(longest));
    }
    Ok(())
}

fn check_short(text: &str) -> Result<(), NameError> {
    check(text, LONGEST)
}

fn check_host(text: &str) -> Result<(), NameError> {
    if let Some(word) = HostName::RESERVED.into_iter().find(|word| *word == text) {
        return Err(NameError::Reserved(word));
    }
    check(text, LONGEST_HOST)
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                $check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A worker's name: `[A-Za-z0-9._-]`, at most 48 characters.
    WorkerName, check_short
);
name!(
    /// A phase's id: the same characters as a worker's name.
    PhaseId, check_short
);
name!(
    /// The id of a move of a rig to another machine: the same characters as a worker's name.
    CutoverId, check_short
);
name!(
    /// The name of a gate that workers hand to each other: the same characters as a worker's name.
    GateName, check_short
);
name!(
    /// The name of another machine: the same characters as a worker's name, at most 64, and not `local` or
    /// `auto`.
    HostName, check_host
);

impl HostName {
    /// The machine on which the daemon runs; no declared host may have it.
    pub const LOCAL: &str = "local";
    /// Whichever host there is room on; no declared host may have it.
    pub const AUTO: &str = "auto";
    const RESERVED: [&str; 2] = [Self::LOCAL, Self::AUTO];
}

impl WorkerName {
    /// The row of the SOCKS proxy; no declared worker may have it.
    pub const PROXY: &str = "proxy";
    /// The row of the watchdog; no declared worker may have it.
    pub const WATCHDOG: &str = "watchdog";

    /// The proxy's name.
    pub fn proxy() -> Self {
        Self(Self::PROXY.to_owned())
    }

    /// The watchdog's name.
    pub fn watchdog() -> Self {
        Self(Self::WATCHDOG.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_units_sessions_and_files_all_accept() {
        for good in ["a", "Builder_2", "x.y-z", "0"] {
            assert_eq!(
                good.parse::<WorkerName>().map(String::from),
                Ok(good.to_owned())
            );
        }
        for (bad, why) in [
            ("", NameError::Empty),
            ("a b", NameError::Character(' ')),
            ("a/b", NameError::Character('/')),
            ("ä", NameError::Character('ä')),
            ("-x", NameError::Start('-')),
            ("..", NameError::Start('.')),
        ] {
            assert_eq!(bad.parse::<WorkerName>(), Err(why), "{bad:?}");
        }
        assert_eq!(
            "x".repeat(LONGEST + 1).parse::<PhaseId>(),
            Err(NameError::TooLong(LONGEST))
        );
    }

    #[test]
    fn a_host_has_a_name_that_says_nothing_else() {
        for good in ["pi", "build.example.org", &"x".repeat(LONGEST_HOST)] {
            let name = good.parse::<HostName>().map(String::from);
            assert_eq!(name, Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("local", NameError::Reserved("local")),
            ("auto", NameError::Reserved("auto")),
            ("", NameError::Empty),
            ("-v", NameError::Start('-')),
            ("me@pi", NameError::Character('@')),
        ] {
            assert_eq!(bad.parse::<HostName>(), Err(why), "{bad:?}");
        }
        assert_eq!(
            HostName::try_from("x".repeat(LONGEST_HOST + 1)),
            Err(NameError::TooLong(LONGEST_HOST))
        );
    }
}
